"""Lines in processes of their own, at the price of a fork: what every start loads is loaded once, and one fork server serves all.

A campaign of hundreds of lines spends its time on the lines. A started line is the one that `vision run` runs; what is not tried
here is the command around it, and the death of the fork server, which holds no file. `python -m tests.faults.line_starter` is the
process that the lines are forked from: a line file on stdin starts one, whose words come on stdout, a JSON object each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import psutil

from tests.faults.rig import ROOT

_STATUS_S = 0.02


class LineStarter:
    """The process that lines are forked from. environment: for it and all lines, beside the present one."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.line_starter"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **environment},
        )
        self._fork_server = psutil.Process(self.hear()["fork_server"])
        self._line: psutil.Process | None = None

    def start(self, config_path: Path) -> None:
        """Starts a line; the former one must have ended."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{config_path}\n")
        self._process.stdin.flush()
        self._line = psutil.Process(self.hear()["line"])

    def hear(self) -> dict[str, Any]:
        """What the line says next: {"decided": n} as it goes on, {"summary": ...}, and {"ended": exit code} in any case."""
        assert self._process.stdout is not None
        text = self._process.stdout.readline()
        assert text, f"the starter of lines ended with exit code {self._process.wait()}"
        return dict(json.loads(text))

    def await_decided(self, count: int) -> None:
        """Until so many verdicts were given."""
        while (word := self.hear()).get("decided", -1) < count:
            assert "decided" in word, f"the line ended early: {word}"

    def finish(self) -> dict[str, Any] | None:
        """Until the line has ended; its summary, None where it died."""
        summary = None
        while "ended" not in (word := self.hear()):
            summary = word.get("summary", summary)
        return summary

    @property
    def line(self) -> psutil.Process:
        assert self._line is not None
        return self._line

    def children(self) -> list[psutil.Process]:
        """The children of the line."""
        return [child for child in self._fork_server.children() if alive(child)]

    def close(self) -> None:
        self._process.communicate()


def alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _say(**words: Any) -> None:
    os.write(1, json.dumps(words).encode() + b"\n")


def _run(config_path: Path) -> None:
    from vision.config import load_line
    from vision.pipeline.run import run_line

    # The fork server is the starter's child, not this process's: it cannot be waited for here.
    forkserver._forkserver.ensure_running = forkserver.ensure_running = lambda: None  # type: ignore[attr-defined]
    summary = run_line(
        load_line(config_path),
        None,
        seconds=60.0,
        on_status=lambda status: _say(decided=status.counts.accepted + status.counts.rejected),
        status_period_s=_STATUS_S,
    )
    _say(summary=summary.as_json())


def main() -> None:
    import vision.pipeline.run
    from vision.pipeline.crew import start_fork_server

    assert vision.pipeline.run
    start_fork_server()
    _say(fork_server=forkserver._forkserver._forkserver_pid)  # type: ignore[attr-defined]
    while config_path := sys.stdin.readline().strip():
        line = os.fork()
        if line == 0:
            try:
                _run(Path(config_path))
                os._exit(0)
            finally:
                sys.excepthook(*sys.exc_info()) if sys.exc_info()[0] else None  # type: ignore[arg-type]
                os._exit(1)
        _say(line=line)
        _say(ended=os.waitstatus_to_exitcode(os.waitpid(line, 0)[1]))


if __name__ == "__main__":
    main()
