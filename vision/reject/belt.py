"""How far a pack travels from its trigger to the ejector, and where the belt is: pure, in time or in encoder counts."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

_SECOND_NS = 1_000_000_000
_SLACK_COUNT = 4  # counts an observation may be off by quantisation and by jitter of its time


@dataclass(frozen=True, slots=True)
class TimeTravel:
    """A belt of constant speed: a pack is due delay_ns after its arrival_ns."""

    delay_ns: int

    def __post_init__(self) -> None:
        if self.delay_ns <= 0:
            raise ValueError(f"delay_ns {self.delay_ns}: expected more than 0")

    @staticmethod
    def of(distance_mm: float, speed_mm_per_s: float) -> TimeTravel:
        """From the distance between trigger and ejector and the speed of the belt."""
        if distance_mm <= 0 or speed_mm_per_s <= 0:
            raise ValueError(f"distance {distance_mm} mm at {speed_mm_per_s} mm/s: expected both above 0")
        return TimeTravel(round(distance_mm / speed_mm_per_s * _SECOND_NS))


@dataclass(frozen=True, slots=True)
class EncoderTravel:
    """A belt with an encoder: a pack is due distance_count after the count at its trigger, however long that takes.

    rate_max_count_per_s: above it a count cannot be true; no extrapolation runs faster either.
    lost_ns: the longest time from one observation to the next; longer, and where the belt is is unknown. Where counts come with
        frames only it must cover the longest gap between packs that are to be let go.
    window_ns: the rate is taken over about this time. backlash_count: how far the belt may truly run back.
    modulus: the counter wraps to 0 there.
    """

    distance_count: int
    rate_max_count_per_s: int
    lost_ns: int = 500_000_000
    window_ns: int = 50_000_000
    backlash_count: int = 16
    modulus: int = 1 << 32

    def __post_init__(self) -> None:
        for name in ("distance_count", "rate_max_count_per_s", "lost_ns", "window_ns"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} {getattr(self, name)}: expected more than 0")
        if self.backlash_count < 0:
            raise ValueError(f"backlash_count {self.backlash_count}: expected 0 or more")
        # A gap of lost_ns at full rate must stay clear of half a turn of the counter, or a wrap is ambiguous.
        if self.modulus < 4 * (self.distance_count + self.rate_max_count_per_s * self.lost_ns // _SECOND_NS + 1):
            raise ValueError(f"modulus {self.modulus}: too small for the distance and the rate")


class Belt:
    """Where an encoder says the belt is. Positions are counts without wrap-around; a new start of history makes a new zero."""

    def __init__(self, travel: EncoderTravel) -> None:
        self._travel = travel
        self._history: deque[tuple[int, int]] = deque()  # (time ns, position), times strictly rising
        self._raw = 0  # the counter at the newest observation

    def observe(self, now_ns: int, encoder_count: int) -> bool:
        """Takes a count; False when it breaks with the history (silence, jump, running back), which then starts anew here.

        An observation not newer than the last one tells nothing and is dropped.
        """
        if not self._history:
            self._restart(now_ns, encoder_count)
            return True
        last_ns, last = self._history[-1]
        elapsed_ns = now_ns - last_ns
        if elapsed_ns <= 0:
            return True
        moved = self._difference(encoder_count)
        if elapsed_ns > self._travel.lost_ns or not -self._travel.backlash_count <= moved <= self._reach(elapsed_ns):
            self._restart(now_ns, encoder_count)
            return False
        self._history.append((now_ns, last + moved))
        self._raw = encoder_count
        while len(self._history) > 2 and now_ns - self._history[1][0] >= self._travel.window_ns:
            self._history.popleft()
        return True

    def due_position(self, arrival_ns: int, encoder_count: int) -> int | None:
        """Where the belt is when a pack with this count at its trigger is at the ejector; None if the count cannot be."""
        last_ns, last = self._history[-1]
        moved = self._difference(encoder_count)
        if not -self._reach(max(0, last_ns - arrival_ns)) <= moved <= self._travel.backlash_count + _SLACK_COUNT:
            return None
        return last + moved + self._travel.distance_count

    def is_lost(self, now_ns: int) -> bool:
        """Nothing was heard from the encoder for longer than lost_ns."""
        return not self._history or now_ns - self._history[-1][0] > self._travel.lost_ns

    def position(self, now_ns: int) -> int | None:
        """The present position, extrapolated from the newest observation; None when lost."""
        if self.is_lost(now_ns):
            return None
        last_ns, last = self._history[-1]
        moved, elapsed_ns = self._rate()
        return last + moved * max(0, now_ns - last_ns) // elapsed_ns

    def reached_ns(self, position: int, now_ns: int) -> int:
        """When a position that lies behind us now was reached, within what is still known."""
        last_ns, last = self._history[-1]
        moved, elapsed_ns = self._rate()
        crossed_ns = last_ns if moved == 0 else last_ns - (last - position) * elapsed_ns // moved
        return min(max(crossed_ns, self._history[0][0]), now_ns)

    def expected_ns(self, position: int) -> int:
        """When a position will be reached at the present rate, or when the encoder will count as lost: what comes first."""
        last_ns, last = self._history[-1]
        moved, elapsed_ns = self._rate()
        lost_ns = last_ns + self._travel.lost_ns + 1
        if position <= last:
            return last_ns
        return lost_ns if moved == 0 else min(lost_ns, last_ns + -(-(position - last) * elapsed_ns // moved))

    def _rate(self) -> tuple[int, int]:
        """Counts moved, never negative, in how many ns, never 0; capped at the greatest rate the belt has."""
        (first_ns, first), (last_ns, last) = self._history[0], self._history[-1]
        moved, elapsed_ns = max(0, last - first), last_ns - first_ns
        if elapsed_ns == 0:
            return 0, 1
        if moved * _SECOND_NS > self._travel.rate_max_count_per_s * elapsed_ns:
            return self._travel.rate_max_count_per_s, _SECOND_NS
        return moved, elapsed_ns

    def _reach(self, elapsed_ns: int) -> int:
        """The most counts the belt can make in a time."""
        return self._travel.rate_max_count_per_s * elapsed_ns // _SECOND_NS + _SLACK_COUNT

    def _difference(self, encoder_count: int) -> int:
        """Counts from the newest observation to this count, the shorter way round."""
        half = self._travel.modulus // 2
        return (encoder_count - self._raw + half) % self._travel.modulus - half

    def _restart(self, now_ns: int, encoder_count: int) -> None:
        self._history.clear()
        self._history.append((now_ns, encoder_count))
        self._raw = encoder_count
