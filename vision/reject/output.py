"""The Output protocol: how a station tells the machine about packs. Called by the rejector process only, in one thread.

The rule on the machine's side is reject unless passed: an output that says nothing rejects. The rejector is a loop around the
schedule and one output:

    wait for a message, for output.fileno() to be readable, for schedule.next_due_ns() or for output.wait_ns(): what comes first
    (where the machine knows the verdict, the next message after the due time is soon enough: settling is book-keeping then)
    Expect  -> schedule.expect(...), output.expect(trigger)
    Pass    -> if schedule.passed(trigger, now): output.decide(trigger, True)
    Reject  -> if schedule.rejected(trigger): output.decide(trigger, False, bad_places)
    then    -> for each of schedule.due(now): done = output.settle(trigger, accept, due_ns, now)
               (accepted and not done: the pack was rejected by the machine's rule after all; the line is told)
    then    -> try output.tick(now), OutputError: ready low, count, log; the output reconnects by itself in later ticks

Only open() and tick() raise; a loss noticed elsewhere is raised once by the next tick().
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class OutputError(Exception):
    """One line: which output, and what is wrong. The rejector drops ready and counts it; the output reconnects by itself."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the machine says of itself, as last heard.

    up: it can be told verdicts now; False = everything it was not told yet will be rejected.
    confirmed_count: rejects it confirmed since its start; None where it does not say. bin_full, stop_request: False likewise.
    """

    up: bool
    confirmed_count: int | None = None
    bin_full: bool = False
    stop_request: bool = False


class Output(Protocol):
    @property
    def early(self) -> bool:
        """The machine tracks the belt itself: it is told as soon as a verdict is known, not at the due time."""

    def open(self, now_ns: int) -> None:
        """Connects and puts everything into the safe state (reject, not ready); OutputError when that cannot be done."""

    def expect(self, trigger: int) -> None:
        """A pack passed the trigger; it will be rejected unless passed."""

    def decide(self, trigger: int, accept: bool, bad_places: int = 0) -> None:
        """The verdict, before the due time; outputs that are not early do nothing. A reject overrules a pass.

        bad_places: of a rejected tray, bit 0 = place 1; 0 = not known, or no tray.
        """

    def settle(self, trigger: int, accept: bool, due_ns: int, now_ns: int) -> bool:
        """At the due time: the pack's fate; once for each pack. Whether the pack is really let go (never where accept is False)."""

    def heartbeat(self, ready: bool, now_ns: int) -> None:
        """Called every heartbeat period with the station's readiness."""

    def tick(self, now_ns: int) -> None:
        """Ends pulses, reads answers, reconnects; never blocks. OutputError once for each loss."""

    def wait_ns(self) -> int | None:
        """The monotonic time by which tick() is wanted, None = no hurry."""

    def untold(self) -> list[int] | None:
        """Triggers whose verdict the machine may not know yet: their due times must be met. None = all, as it acts then."""

    def fileno(self) -> int | None:
        """A descriptor that gets readable when tick() has something to read that is waited for; changes with each connection."""

    def machine(self) -> Machine:
        """What the machine said last."""

    def close(self) -> None:
        """Drops ready and leaves everything in the safe state; never raises."""
