"""An output in memory: what a machine at the belt's end would have seen, for tests and for lines without a machine."""

from __future__ import annotations

import contextlib
from io import FileIO
from pathlib import Path

from vision.reject.output import Machine, OutputError


class SimulatedOutput:
    """Keeps counts and, if asked, a file with one line for each settled pack.

    log_path: CSV with the columns settled_ns, due_ns, trigger, accept (host monotonic clock; accept 1 or 0), each line written
        through to the operating system at once, so that it outlives a killed process. An existing file is replaced.
    """

    early = False

    def __init__(self, log_path: Path | None = None) -> None:
        self.ready = False
        self.accepted_count = 0
        self.rejected_count = 0
        self._log_path = log_path
        self._log: FileIO | None = None
        self._loss = ""

    def open(self, now_ns: int) -> None:
        self.ready = False
        if self._log_path is not None:
            try:
                self._log = self._log_path.open("wb", buffering=0)
                self._log.write(b"settled_ns,due_ns,trigger,accept\n")
            except OSError as error:
                self._close_log()
                raise OutputError(f"simulated output: {self._log_path}: {error.strerror}") from None

    def expect(self, trigger: int) -> None:
        """Nothing: acts at the due time."""

    def decide(self, trigger: int, accept: bool, bad_places: int = 0) -> None:
        """Nothing: acts at the due time."""

    def settle(self, trigger: int, accept: bool, due_ns: int, now_ns: int) -> bool:
        if self._log is not None:
            try:
                self._log.write(b"%d,%d,%d,%d\n" % (now_ns, due_ns, trigger, accept))
            except OSError as error:
                self._loss = f"simulated output: {self._log_path}: {error.strerror}"
                accept = False
        if accept:
            self.accepted_count += 1
        else:
            self.rejected_count += 1
        return accept

    def heartbeat(self, ready: bool, now_ns: int) -> None:
        self.ready = ready

    def tick(self, now_ns: int) -> None:
        if self._loss:
            loss, self._loss = self._loss, ""
            raise OutputError(loss)

    def wait_ns(self) -> int | None:
        return None

    def untold(self) -> list[int] | None:
        return None

    def fileno(self) -> int | None:
        return None

    def machine(self) -> Machine:
        """Up; it confirms every reject at once."""
        return Machine(up=True, confirmed_count=self.rejected_count)

    def close(self) -> None:
        self.ready = False
        self._close_log()

    def _close_log(self) -> None:
        if self._log is not None:
            with contextlib.suppress(OSError):
                self._log.close()
            self._log = None
