"""Frame id -> trigger number: pure counting of what came, what is missing and what came twice.

Triggers are numbered from 1 per station, without holes: a frame that never came has its number too. Cameras count frames in
ids that wrap around (GigE Vision block ids of 16 bits run 1..65535 and skip 0) and often begin again after a reconnect.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, median
from typing import Literal, NamedTuple

SEEN_COUNT = 33
"""How many of the last frames tell the pace."""
_STANDSTILL = 5.0  # times the median interval: no pace of packs any more
_PACE_HOLDS_NS = 60_000_000_000
"""So long the pace is believed to go on unseen; a belt that nobody looks at for longer has been stopped by somebody."""


Teller = Literal["ids", "pace", "nobody"]


class Step(NamedTuple):
    """What one frame means.

    missing_before: triggers before it that never gave a frame. repeated: the last frame again. counted_by: who says what is
    missing; where ids began again the pace does, and nobody where that is not known.
    """

    trigger: int
    missing_before: int
    repeated: bool = False
    counted_by: Teller = "ids"


class Seen(NamedTuple):
    """A frame that came with an id. at_ns: when, host monotonic clock."""

    trigger: int
    frame_id: int
    at_ns: int


class FrameIds:
    """Counts triggers of one station over one connection of its camera; resumed() goes on with the next one.

    bits: width of the ids. skips_zero: 0 is never used (16-bit GigE Vision). The first id is taken as it comes.
    """

    def __init__(self, bits: int = 64, skips_zero: bool | None = None) -> None:
        if bits not in (16, 32, 64):
            raise ValueError(f"bits: 16, 32 or 64 expected, got {bits}")
        self._lowest = 1 if (bits == 16 if skips_zero is None else skips_zero) else 0
        self._cycle = (1 << bits) - self._lowest
        self._next: int | None = None
        self._last_timestamp: int | None = None
        self._last_at_ns: int | None = None
        self._intervals: list[float] = []
        self._resumed = False  # and no id was seen since
        self.trigger = 0
        """The last trigger that was numbered, 0 before the first."""

    @classmethod
    def resumed(cls, bits: int, last_trigger: int, seen: Sequence[Seen]) -> FrameIds:
        """Goes on where the camera was lost: its ids may go on or begin again, which the next frame tells.

        last_trigger: the last one that has its verdict. seen: the last frames before the loss, oldest first; empty = what was
        missed since then is nobody's.
        """
        frame_ids = cls(bits)
        frame_ids.trigger = last_trigger
        if seen:
            frame_ids._resumed = True
            frame_ids._next, frame_ids._last_at_ns = frame_ids._after(seen[-1].frame_id), seen[-1].at_ns
            frame_ids._intervals = [(b.at_ns - a.at_ns) / (b.trigger - a.trigger) for a, b in pairwise(seen)]
            for _ in range(last_trigger - seen[-1].trigger):
                frame_ids._pass_unseen()
        return frame_ids

    def advance(self, frame_id: int | None, at_ns: int | None = None, timestamp: int | None = None) -> Step:
        """Numbers a frame.

        frame_id: None for a frame that came without one (an incomplete frame): it is taken to be the next.
        at_ns: when it came, any clock of the host; used to tell the pace. timestamp: the device's; a repeat has the same.
        """
        if frame_id is None:
            if self._resumed:  # it does not tell how long the camera was away; the first id will
                self._pass_unseen()
                self.trigger += 1
                return Step(self.trigger, 0)
            if self._next is not None:
                self._next = self._after(self._next)
            return self._numbered(0, at_ns, timestamp)
        if not self._lowest <= frame_id < self._lowest + self._cycle:
            raise ValueError(f"frame id {frame_id} lies outside {self._lowest}..{self._lowest + self._cycle - 1}")
        missing = 0
        counted_by: Teller = "ids"
        if self._next is not None:
            ahead = (frame_id - self._next) % self._cycle
            again = ahead == self._cycle - 1 and self.trigger > 0 and not self._resumed
            if again and (timestamp is None or timestamp == self._last_timestamp):
                return Step(self.trigger, 0, True)
            missing = ahead
            if self._began_again(ahead, at_ns):
                by_pace = self._missing_by_pace(at_ns)
                missing, counted_by = (0, "nobody") if by_pace is None else (by_pace, "pace")
        self._next = self._after(frame_id)
        step = self._numbered(missing, at_ns, timestamp)
        self._resumed = False
        return step._replace(counted_by=counted_by)

    def _began_again(self, ahead: int, at_ns: int | None) -> bool:
        """Whether ids that lie `ahead` of the one expected began again.

        Those that go backwards did. After a loss ids are believed as long as the time that passed may explain them: a belt may
        have stood still meanwhile or run somewhat faster, it cannot have run at many times its pace.
        """
        if ahead >= self._cycle // 2:
            return True
        went_by = self._went_by(at_ns)
        return self._resumed and went_by is not None and ahead > 2 * went_by + 2

    def _elapsed(self, at_ns: int | None) -> int | None:
        return None if at_ns is None or self._last_at_ns is None else at_ns - self._last_at_ns

    def _pace_ns(self) -> float:
        """From pack to pack; 0.0 where that is not known. A mean: a frame that came late makes the next interval shorter."""
        if not self._intervals:
            return 0.0
        longest = _STANDSTILL * median(self._intervals)
        return fmean(interval for interval in self._intervals if interval <= longest)

    def _went_by(self, at_ns: int | None) -> float | None:
        """Intervals between packs since the last frame, by the pace; None where that is not known."""
        elapsed, pace_ns = self._elapsed(at_ns), self._pace_ns()
        return None if elapsed is None or pace_ns <= 0 else elapsed / pace_ns

    def _missing_by_pace(self, at_ns: int | None) -> int | None:
        """Triggers that the pace says went by since the last frame, not counting the one that came; None where it cannot tell."""
        went_by, elapsed = self._went_by(at_ns), self._elapsed(at_ns)
        if went_by is None or elapsed is None or elapsed > _PACE_HOLDS_NS:
            return None
        return max(0, round(went_by) - 1)

    def _after(self, frame_id: int) -> int:
        return (frame_id - self._lowest + 1) % self._cycle + self._lowest

    def _pass_unseen(self) -> None:
        """A trigger without an id, between the last frame seen and the first one since: one id and one interval further."""
        assert self._next is not None and self._last_at_ns is not None
        self._next = self._after(self._next)
        self._last_at_ns += round(self._pace_ns())

    def _numbered(self, missing: int, at_ns: int | None, timestamp: int | None) -> Step:
        elapsed = self._elapsed(at_ns)
        if elapsed is not None and elapsed > 0 and not self._resumed:
            self._intervals = [*self._intervals[2 - SEEN_COUNT :], elapsed / (missing + 1)]
        if at_ns is not None:
            self._last_at_ns = at_ns
        self._last_timestamp = timestamp
        self.trigger += missing + 1
        return Step(self.trigger, missing)
