"""From the address of a pool to the pool."""

from __future__ import annotations

from pathlib import Path

from vision.serials.pool import Pool, PoolError
from vision.serials.postgresql import PostgresqlDatabase
from vision.serials.sqlite import SqliteDatabase


def open_pool(url: str) -> Pool:
    """The pool at `sqlite:PATH` (or a bare path) or `postgresql://USER@HOST:PORT/DATABASE`. Raises PoolError in one line."""
    if url.startswith(("postgresql://", "postgres://")):
        return Pool(PostgresqlDatabase(url))
    if "://" in url:
        raise PoolError(
            f"pool {url.split('://', maxsplit=1)[0]}: unknown, expected sqlite:PATH or postgresql://USER@HOST:PORT/DATABASE"
        )
    path = Path(url.removeprefix("sqlite:"))
    if not path.parent.is_dir():
        raise PoolError(f"pool {path}: its folder is not there")
    return Pool(SqliteDatabase(path))
