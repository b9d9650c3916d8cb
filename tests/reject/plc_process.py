"""A simulated PLC as a process of its own, and a loop that drives an output as the rejector does; both leave nothing behind."""

from __future__ import annotations

import csv
import json
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from vision.reject.output import Output, OutputError

PATIENCE_S = 15.0  # far beyond what anything takes here; only a hang gets there


class PlcProcess:
    """`python -m vision.reject.plc` on a port chosen by the system, or on the one given."""

    def __init__(self, log: Path, port: int = 0, *more: str) -> None:
        self.log = log
        command = [sys.executable, "-m", "vision.reject.plc", "--port", str(port), "--log", str(log), *more]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.kill()
            raise RuntimeError("the PLC did not start")
        self.port: int = json.loads(line)["port"]

    def finish(self) -> dict[str, Any]:
        """Closes its stdin; its sums."""
        output, _ = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0
        return json.loads(output.splitlines()[-1])  # type: ignore[no-any-return]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()

    def verdicts(self) -> list[tuple[int, str, str]]:
        """(sequence, verdict, kind) of every verdict it received so far."""
        with self.log.open(newline="") as file:
            return [(int(row["sequence"]), row["verdict"], row["kind"]) for row in csv.DictReader(file)]

    def __enter__(self) -> PlcProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.process.returncode is None:
            self.kill()


class Driver:
    """Ticks an output when it asks for it; beats every 40 ms while `beating`. Losses are collected."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.beating = True
        self.losses: list[str] = []
        self._beat_ns = 0

    def turn(self) -> None:
        """One turn of the rejector's loop, at most 10 ms."""
        now_ns = time.monotonic_ns()
        until_ns = min(t for t in (now_ns + 10_000_000, self.output.wait_ns()) if t is not None)
        descriptor = self.output.fileno()
        wait_s = max(0, until_ns - now_ns) / 1e9
        select.select([] if descriptor is None else [descriptor], [], [], wait_s)
        now_ns = time.monotonic_ns()
        if self.beating and now_ns >= self._beat_ns:
            self._beat_ns = now_ns + 40_000_000
            self.output.heartbeat(True, now_ns)
        try:
            self.output.tick(now_ns)
        except OutputError as error:
            self.losses.append(str(error))

    def until(self, true: Callable[[], bool], what: str) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < end_s, f"waited in vain: {what}; {self.losses}"
            self.turn()
