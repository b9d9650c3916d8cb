"""Pools for the tests: an SQLite file, and a real PostgreSQL server that the tests start where its programs are at hand."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from vision.serials.open import open_pool
from vision.serials.pool import Pool

FOLDERS = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/local/bin"), Path("/usr/bin")]


def _programs() -> Path | None:
    return next((folder for folder in FOLDERS if (folder / "initdb").exists() and (folder / "postgres").exists()), None)


def _other_user() -> dict[str, object]:
    """PostgreSQL does not run as root: then as another user of this machine. {} where we are not root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": "/"}
    pytest.skip("PostgreSQL does not run as root, and there is no other user to run it as")


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """The address of a server that lives as long as the tests; skips where PostgreSQL is not installed."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    pytest.importorskip("pg8000", reason="the extra `postgresql` is not installed")
    user = _other_user()
    folder = Path(tempfile.mkdtemp(prefix="pool-test-", dir="/tmp"))
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
    try:
        if user:
            os.chown(folder, user["user"], user["group"])  # type: ignore[arg-type]
        data = folder / "data"
        (password := folder / "password").write_text("secret\n")
        password.chmod(0o644)
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "line", "-A", "scram-sha-256", "--pwfile", password, "-N", "-E", "UTF8"],
            check=True,
            capture_output=True,
            env=environment,
            **user,  # type: ignore[call-overload]
        )
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        log = folder / "log"
        log.touch()
        if user:
            os.chown(log, user["user"], user["group"])  # type: ignore[arg-type]
        start = [
            programs / "pg_ctl",
            "-D",
            data,
            "-l",
            log,
            "-w",
            "-t",
            "60",
            "-o",
            f"-p {port} -c listen_addresses=127.0.0.1 -k {folder}",
        ]
        subprocess.run([*start, "start"], check=True, env=environment, stdout=subprocess.DEVNULL, **user)  # type: ignore[call-overload]
        try:
            yield f"postgresql://line:secret@127.0.0.1:{port}"
        finally:
            stop = [programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"]
            subprocess.run(stop, check=False, env=environment, capture_output=True, **user)  # type: ignore[call-overload]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def pool_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty pool, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'serials.db'}"
    server = request.getfixturevalue("postgresql_url")
    import pg8000.dbapi

    host, port = server.split("@")[1].split(":")
    with closing(pg8000.dbapi.connect("line", host, "postgres", int(port), "secret")) as connection:
        connection.cursor().execute("DROP SCHEMA public CASCADE")
        connection.cursor().execute("CREATE SCHEMA public")
        connection.commit()
    return f"{server}/postgres"


@pytest.fixture
def pool(pool_url: str) -> Iterator[Pool]:
    with open_pool(pool_url) as opened:
        yield opened
