"""A pool in one SQLite file: write-ahead log, one writer at a time, each commit synced."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from vision.serials.pool import PoolBusy, PoolError, Row

_BUSY_S = 1.0
"""How long a call waits for another writer; the caller then goes on with PoolBusy."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS products (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS batches (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS serials (product INTEGER NOT NULL, serial TEXT NOT NULL, state INTEGER NOT NULL, batch INTEGER NOT NULL,
  PRIMARY KEY (product, serial)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blocked (product INTEGER NOT NULL, serial TEXT NOT NULL, why TEXT NOT NULL,
  PRIMARY KEY (product, serial)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES ('blocks', 0) ON CONFLICT (name) DO NOTHING;
PRAGMA user_version = 1;
"""
_FETCH = 20_000


class SqliteDatabase:
    """See vision.serials.pool.Database. path: the file, made where it is missing; its folder must be there."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        with self._words():
            self._connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=True)
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = FULL")
                self._connection.execute("PRAGMA temp_store = MEMORY")
                self._connection.execute("PRAGMA cache_size = -32000")
                version = self._connection.execute("PRAGMA user_version").fetchone()[0]
                if version > 1:
                    raise PoolError(f"pool {path}: made by a later version of this software")
                if version == 0:
                    if self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                        raise PoolError(f"pool {path}: is a database of another program")
                    self._connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
                self._connection.execute("CREATE TEMP TABLE given (serial TEXT PRIMARY KEY) WITHOUT ROWID")
            except BaseException:
                self._connection.close()
                raise

    @contextmanager
    def _words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            kind = PoolBusy if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) else PoolError
            raise kind(f"pool {self.name}: {error}") from None
        except sqlite3.Error as error:
            raise PoolError(f"pool {self.name}: {error}") from None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._words():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def run(self, sql: str, *values: object) -> list[Row]:
        with self._words():
            return self._connection.execute(sql, values).fetchall()

    def stream(self, sql: str, *values: object) -> Iterator[Row]:
        with self._words():
            cursor = self._connection.execute(sql, values)
            while rows := cursor.fetchmany(_FETCH):
                yield from rows

    def load(self, product: int, batch: int, state: int, serials: Iterable[str], replaceable: Sequence[int]) -> int:
        rest = f"DO UPDATE SET state = excluded.state, batch = excluded.batch WHERE state IN ({', '.join(map(str, replaceable))})"
        before = self._connection.total_changes
        with self._words():
            self._connection.executemany(
                f"INSERT INTO serials (product, serial, state, batch) VALUES ({product}, ?, {state}, {batch}) "
                f"ON CONFLICT (product, serial) {rest if replaceable else 'DO NOTHING'}",
                ((serial,) for serial in serials),
            )
        return self._connection.total_changes - before

    def give(self, serials: Iterable[str]) -> None:
        with self._words():
            self._connection.execute("DELETE FROM given")
            self._connection.executemany("INSERT OR IGNORE INTO given VALUES (?)", ((serial,) for serial in serials))

    def close(self) -> None:
        self._connection.close()
