"""The Output protocol: how a station tells the machine about packs. Called by the rejector process only.

The rule on the machine's side is reject unless passed: an output that says nothing rejects.
"""

from __future__ import annotations

from typing import Protocol


class OutputError(Exception):
    """One line: which output, and what is wrong. The rejector drops ready, counts it and reconnects."""


class Output(Protocol):
    def open(self) -> None:
        """Connects and puts everything into the safe state (reject, not ready)."""

    def expect(self, trigger: int) -> None:
        """A pack passed the trigger; it will be rejected unless passed."""

    def settle(self, trigger: int, accept: bool) -> None:
        """At the due time: the pack's fate. Also called early for a pass where `early_pass` is set."""

    def heartbeat(self, ready: bool) -> None:
        """Called every heartbeat period with the station's readiness."""

    def confirmed_count(self) -> int | None:
        """Rejects the machine confirmed so far, None where it does not say."""

    def close(self) -> None:
        """Drops ready and leaves everything in the safe state."""
