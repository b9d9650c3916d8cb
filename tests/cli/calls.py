"""What the tests of the command line share: real `vision` processes, the demonstration line key by key, what must not stay."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "vision" / "demo"
_MARK = "VISION_TEST_CALL"


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "vision.cli", *map(str, arguments)]


def environment(cwd: Path, mark: str = "") -> dict[str, str]:
    """That of a call in a folder, which is also its folder for temporary files; mark tells its processes from others there."""
    changed = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(cwd), _MARK: mark}
    changed.pop("GENICAM_GENTL64_PATH", None)
    return changed


def vision(*arguments: object, cwd: Path, mark: str = "", within: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """A call to its end; within: a command that is given this one to run."""
    call = [*within, *command(*arguments)]
    return subprocess.run(call, cwd=cwd, env=environment(cwd, mark), capture_output=True, text=True, timeout=120, check=False)


def line_text(**replaced: str) -> str:
    """The demonstration line with lines replaced by key; "" takes a line out."""
    lines = []
    for line in (DEMO / "line.toml").read_text("utf-8").splitlines():
        key = line.partition("=")[0].strip()
        lines.append(replaced.get(key, line))
    return "\n".join(lines).replace('"packs.zip"', f'"{DEMO / "packs.zip"}"') + "\n"


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit code 2, nothing on stdout, one line on stderr with these words."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert all(word in done.stderr for word in words), done.stderr


def processes(cwd: Path, mark: str = "") -> list[str]:
    """The processes that calls in a folder have left, in words."""
    left = []
    for process in psutil.process_iter(["environ", "cmdline", "pid"]):
        given = process.info["environ"] or {}
        if given.get("TMPDIR") == str(cwd) and given.get(_MARK) == mark:
            left.append(f"{process.info['pid']} {' '.join(process.info['cmdline'] or ())}")
    return left


def files(folder: Path) -> set[str]:
    """Everything below a folder, by relative path."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
