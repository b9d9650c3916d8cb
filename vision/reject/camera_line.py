"""A user output of the camera as the reject signal: a gate that is open (True) only while a passed pack is at it."""

from __future__ import annotations

from collections.abc import Callable

from vision.reject.output import Machine, OutputError


class CameraLineOutput:
    """Sets the line True for pulse_ns from the due time of each passed pack; False = reject is the safe state.

    set_output: sets the camera's line; may raise OSError or ValueError. Whoever owns the camera must set the line False by
        itself when the rejector goes away: a dead process ends no pulse.
    late_limit_ns: a pass settled later than this after its due time is not acted on, as the gate would open for the next pack.

    Pulses that touch become one, without an edge between; a rejected pack that falls due within a pulse ends it at once. A
    line that could not be set is tried again with False at each tick until that works; meanwhile no pulse begins.
    """

    early = False

    def __init__(self, set_output: Callable[[bool], None], pulse_ns: int, late_limit_ns: int | None = None) -> None:
        if pulse_ns <= 0:
            raise ValueError(f"pulse_ns {pulse_ns}: expected more than 0")
        if late_limit_ns is not None and not 0 <= late_limit_ns < pulse_ns:
            raise ValueError(f"late_limit_ns {late_limit_ns}: expected 0 to less than pulse_ns ({pulse_ns})")
        self._set_output = set_output
        self._pulse_ns = pulse_ns
        self._late_limit_ns = pulse_ns // 2 if late_limit_ns is None else late_limit_ns
        self._end_ns: int | None = None  # of the present pulse
        self._up = False
        self._loss = ""
        self.late_count = 0
        self.cut_count = 0

    def open(self, now_ns: int) -> None:
        self._end_ns = None
        if not self._set(False):
            loss, self._loss = self._loss, ""
            raise OutputError(loss)

    def expect(self, trigger: int) -> None:
        """Nothing: the gate is closed."""

    def decide(self, trigger: int, accept: bool, bad_places: int = 0) -> None:
        """Nothing: acts at the due time."""

    def settle(self, trigger: int, accept: bool, due_ns: int, now_ns: int) -> bool:
        if not accept:
            if self._end_ns is not None:
                # A pulse whose time is over anyway was only not ended yet.
                self.cut_count += due_ns < self._end_ns
                self._end_ns = None
                self._set(False)
            return False
        if now_ns - due_ns > self._late_limit_ns:
            self.late_count += 1
            return False
        if not self._up:
            return False
        end_ns = due_ns + self._pulse_ns
        if self._end_ns is None:
            if not self._set(True):
                return False
            self._end_ns = end_ns
        else:
            self._end_ns = max(self._end_ns, end_ns)
        return True

    def heartbeat(self, ready: bool, now_ns: int) -> None:
        """A line has no heartbeat; a station that is not ready passes nothing, so a pulse under way ends."""
        if not ready and self._end_ns is not None:
            self._end_ns = None
            self._set(False)

    def tick(self, now_ns: int) -> None:
        if self._end_ns is not None and now_ns >= self._end_ns:
            self._end_ns = None
            self._set(False)
        elif not self._up and not self._loss:
            self._set(False, quiet=True)  # its failure was told already
        if self._loss:
            loss, self._loss = self._loss, ""
            raise OutputError(loss)

    def wait_ns(self) -> int | None:
        return self._end_ns

    def untold(self) -> list[int] | None:
        return None

    def fileno(self) -> int | None:
        return None

    def machine(self) -> Machine:
        return Machine(up=self._up)

    def close(self) -> None:
        self._end_ns = None
        self._set(False)

    def _set(self, value: bool, quiet: bool = False) -> bool:
        """Whether the line was set; a failure is kept for the next tick, unless quiet."""
        try:
            self._set_output(value)
        except (OSError, ValueError) as error:
            self._up = False
            self._end_ns = None
            if not quiet:
                self._loss = f"camera line: could not be set to {value}: {error}"
            return False
        self._up = True
        return True
