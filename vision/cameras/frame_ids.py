"""Frame id -> trigger number: pure counting of what came, what is missing and what came twice.

Triggers are numbered from 1 per station, without holes: a frame that never came has its number too. Cameras count frames in
ids that wrap around (GigE Vision block ids of 16 bits run 1..65535 and skip 0) and often begin again after a reconnect.
"""

from __future__ import annotations

from statistics import median
from typing import NamedTuple

_INTERVALS = 32  # how many of the last intervals tell the pace


class Step(NamedTuple):
    """What one frame means: its trigger, how many triggers before it never gave a frame, whether it is the last frame again."""

    trigger: int
    missing_before: int
    repeated: bool = False


class FrameIds:
    """Counts triggers of one station over all its connections.

    bits: width of the ids. skips_zero: 0 is never used (16-bit GigE Vision). first_id: the id of the first frame where that is
    known (then frames lost before the first one seen are missing); None takes the first id as it comes.
    """

    def __init__(self, bits: int = 64, skips_zero: bool | None = None, first_id: int | None = None) -> None:
        if bits not in (16, 32, 64):
            raise ValueError(f"bits: 16, 32 or 64 expected, got {bits}")
        self._lowest = 1 if (bits == 16 if skips_zero is None else skips_zero) else 0
        self._cycle = (1 << bits) - self._lowest
        self._next = first_id
        self._last_timestamp: int | None = None
        self._last_at_ns: int | None = None
        self._intervals: list[float] = []
        self._resync = False
        self.trigger = 0
        """The last trigger that was numbered, 0 before the first."""

    def advance(self, frame_id: int | None, at_ns: int | None = None, timestamp: int | None = None) -> Step:
        """Numbers a frame.

        frame_id: None for a frame that came without one (an incomplete frame): it is taken to be the next.
        at_ns: when it came, any clock of the host; used to tell the pace. timestamp: the device's; a repeat has the same.
        """
        if frame_id is None:
            if self._next is not None:
                self._next = self._after(self._next)
            return self._numbered(0, at_ns, timestamp)
        if not self._lowest <= frame_id < self._lowest + self._cycle:
            raise ValueError(f"frame id {frame_id} lies outside {self._lowest}..{self._lowest + self._cycle - 1}")
        if self._next is None:
            missing = self._estimate(at_ns) if self._resync else 0
        else:
            ahead = (frame_id - self._next) % self._cycle
            again = ahead == self._cycle - 1 and self.trigger > 0 and not self._resync
            if again and (timestamp is None or timestamp == self._last_timestamp):
                return Step(self.trigger, 0, True)
            missing = self._missing(ahead, at_ns)
        self._next = self._after(frame_id)
        self._resync = False
        return self._numbered(missing, at_ns, timestamp)

    def reconnected(self) -> None:
        """The camera was gone: its ids may go on or begin again, which the next frame tells."""
        self._resync = True

    def _missing(self, ahead: int, at_ns: int | None) -> int:
        """Triggers lost when the next id lies `ahead` of the one expected.

        Ids that go backwards were begun again. After a reconnect ids are believed only as far as the time that passed can
        explain them: a belt may have stood still meanwhile, it cannot have run ahead of its pace.
        """
        begun_again = ahead >= self._cycle // 2
        if self._resync and not begun_again and self._intervals and self._elapsed(at_ns) is not None:
            begun_again = ahead > 1.25 * self._estimate(at_ns) + 2
        return self._estimate(at_ns) if begun_again else ahead

    def _elapsed(self, at_ns: int | None) -> int | None:
        return None if at_ns is None or self._last_at_ns is None else at_ns - self._last_at_ns

    def _estimate(self, at_ns: int | None) -> int:
        """Triggers that the pace says went by since the last frame, not counting the one that came; 0 where it is not known."""
        elapsed = self._elapsed(at_ns)
        if elapsed is None or not self._intervals:
            return 0
        return max(0, round(elapsed / median(self._intervals)) - 1)

    def _after(self, frame_id: int) -> int:
        return (frame_id - self._lowest + 1) % self._cycle + self._lowest

    def _numbered(self, missing: int, at_ns: int | None, timestamp: int | None) -> Step:
        elapsed = self._elapsed(at_ns)
        if elapsed is not None and elapsed > 0 and not self._resync:
            self._intervals = [*self._intervals[1 - _INTERVALS :], elapsed / (missing + 1)]
        if at_ns is not None:
            self._last_at_ns = at_ns
        self._last_timestamp = timestamp
        self.trigger += missing + 1
        return Step(self.trigger, missing)
