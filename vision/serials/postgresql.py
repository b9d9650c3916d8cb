"""A pool in a PostgreSQL server, for lines that draw on one pool (extra `postgresql`: pg8000)."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any
from urllib.parse import unquote, urlsplit

from vision.serials.pool import PoolBusy, PoolError, Row

_TIMEOUT_S = 5.0
_FETCH = 20_000
_LOCK = 0x7061636B  # serves the making of the tables: two lines may start at the same instant
_BUSY = ("40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300", "57014")
"""SQLSTATEs after which the same call may be made again: conflicts, locks, a server that goes or comes."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS products (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS batches (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS serials (product integer NOT NULL, serial text COLLATE "C" NOT NULL, state smallint NOT NULL,
  batch integer NOT NULL, PRIMARY KEY (product, serial));
CREATE TABLE IF NOT EXISTS blocked (product integer NOT NULL, serial text COLLATE "C" NOT NULL, why text NOT NULL,
  PRIMARY KEY (product, serial));
CREATE TABLE IF NOT EXISTS counters (name text PRIMARY KEY, value bigint NOT NULL);
INSERT INTO counters (name, value) VALUES ('blocks', 0) ON CONFLICT (name) DO NOTHING
"""


class PostgresqlDatabase:
    """See vision.serials.pool.Database. url: postgresql://USER[:PASSWORD]@HOST[:PORT]/DATABASE; else PGPASSWORD is the password.

    A connection that broke is made anew by the next transaction.
    """

    def __init__(self, url: str) -> None:
        try:
            import pg8000.dbapi  # here: an extra, and nothing that a line with a file as its pool has to load  # noqa: PLC0415
        except ImportError:
            raise PoolError("pool: PostgreSQL needs the extra `postgresql` (pip install 'packline-vision[postgresql]')") from None
        pg8000.dbapi.paramstyle = "qmark"
        self._pg = pg8000.dbapi
        parts = urlsplit(url)
        try:
            port = parts.port or 5432
        except ValueError:
            raise PoolError(f"pool {parts.scheme}://{parts.hostname}: the port is no number") from None
        if not parts.hostname or not parts.username or len(parts.path) < 2:
            raise PoolError("pool: expected postgresql://USER@HOST:PORT/DATABASE")
        self.name = f"postgresql://{parts.username}@{parts.hostname}:{port}{parts.path}"
        self._arguments = {
            "user": unquote(parts.username),
            "password": unquote(parts.password) if parts.password else os.environ.get("PGPASSWORD"),
            "host": parts.hostname,
            "port": port,
            "database": unquote(parts.path[1:]),
            "timeout": _TIMEOUT_S,
            "application_name": "packline-vision",
        }
        self._connection: Any = None
        self._connect()

    def _connect(self) -> None:
        with self._words():
            self._connection = self._pg.connect(**self._arguments)
            cursor = self._connection.cursor()
            cursor.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
            for statement in _SCHEMA.split(";"):
                cursor.execute(statement)
            self._connection.commit()
            cursor.execute('CREATE TEMP TABLE given (serial text COLLATE "C" PRIMARY KEY)')
            cursor.execute(f"SET lock_timeout = {int(_TIMEOUT_S * 1000)}")
            self._connection.commit()

    @contextmanager
    def _words(self) -> Iterator[None]:
        try:
            yield
        except self._pg.DatabaseError as error:
            fields = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
            text = fields.get("M", str(error))
            kind = PoolBusy if fields.get("C", "").startswith("08") or fields.get("C") in _BUSY else PoolError
            raise kind(f"pool {self.name}: {text}") from None
        except (self._pg.InterfaceError, OSError) as error:
            self._drop()
            raise PoolBusy(f"pool {self.name}: {error}") from None

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(self._pg.InterfaceError, OSError):
                connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self._connection is None:
            self._connect()
        try:
            yield
            with self._words():
                self._connection.commit()
        except BaseException:
            if self._connection is not None:
                try:
                    self._connection.rollback()
                except (self._pg.DatabaseError, self._pg.InterfaceError, OSError):
                    self._drop()
            raise

    def run(self, sql: str, *values: object) -> list[Row]:
        if self._connection is None:
            self._connect()
        with self._words():
            cursor = self._connection.cursor()
            cursor.execute(sql, values)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def stream(self, sql: str, *values: object) -> Iterator[Row]:
        with self.transaction():
            self.run(f"DECLARE rows NO SCROLL CURSOR FOR {sql}", *values)
            while rows := self.run(f"FETCH {_FETCH} FROM rows"):
                yield from rows
            self.run("CLOSE rows")

    def load(self, product: int, batch: int, state: int, serials: Iterable[str], replaceable: Sequence[int]) -> int:
        self.run('CREATE TEMP TABLE loaded (serial text COLLATE "C") ON COMMIT DROP')
        self._copy("loaded", serials)
        rest = f"DO UPDATE SET state = excluded.state, batch = excluded.batch WHERE s.state IN ({', '.join(map(str, replaceable))})"
        with self._words():
            cursor = self._connection.cursor()
            try:
                cursor.execute(
                    f"INSERT INTO serials AS s (product, serial, state, batch) SELECT {product}, serial, {state}, {batch} "
                    f"FROM loaded ON CONFLICT (product, serial) {rest if replaceable else 'DO NOTHING'}"
                )
            except self._pg.DatabaseError as error:
                if error.args[0].get("C") == "21000":  # a serial stands twice in what is loaded
                    return -1
                raise
            return int(cursor.rowcount)

    def give(self, serials: Iterable[str]) -> None:
        self.run("TRUNCATE given")
        self._copy("given", dict.fromkeys(serials))

    def _copy(self, table: str, serials: Iterable[str]) -> None:
        """Set 82 holds none of what COPY reads as special but the backslash, which is no member of it; doubled all the same."""
        with self._words():
            stream = _Lines(serials)
            self._connection.cursor().execute(f"COPY {table} (serial) FROM STDIN", stream=stream)

    def close(self) -> None:
        self._drop()


class _Lines(io.RawIOBase):
    """An iterable of serials as the readable file that COPY wants."""

    def __init__(self, serials: Iterable[str]) -> None:
        self._serials = iter(serials)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            more = list(islice(self._serials, 5000))
            self._rest = "".join(serial.replace("\\", "\\\\") + "\n" for serial in more).encode()
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
