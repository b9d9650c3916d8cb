"""When each pack is due at the ejector, and what becomes of it: reject unless passed.

Pure: no clock, no input, no output; the rejector process feeds it. What is told to the machine, and how, lives in output.py.

Every trigger that expect() took gets exactly one Settled, from due() or reject_all(). It says accept only if passed() came before
the due time and nothing spoke against it until then. What else may happen, and what follows:

| event                                             | what follows                                                             |
|---------------------------------------------------|--------------------------------------------------------------------------|
| expect again, still under way                     | two packs bear one number: rejected, whatever was or will be passed      |
| expect again, already settled or long gone        | refused and counted; never tracked, so never passed                      |
| expect out of order                               | taken; settled in order of due time                                      |
| expect beyond the limit of packs under way        | refused and counted; never tracked, so never passed                      |
| pass for a trigger never expected                 | False, counted in unknown                                                |
| pass at or after the due time, or once settled    | False, counted in late_passes; rejected even if the due time moves out   |
| pass again, in time                               | True, nothing changes                                                    |
| pass after rejected()                             | False, counted in refused_passes; a reject is final                      |
| rejected() after a pass, in time                  | the pack is rejected                                                     |
| rejected() for a trigger not under way            | False, nothing changes                                                   |
| encoder travel and no count for a pack            | where it is is unknown: due at once, rejected                            |
| encoder silent, jumping or running backwards      | where all packs are is unknown: all under way are due at once, rejected  |
| belt stopped (the count stays)                    | due times move out                                                       |
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass

from vision.reject.belt import Belt, EncoderTravel, TimeTravel

_REMEMBERED = 4096  # settled triggers kept in mind; older numbers are refused as a whole


@dataclass(frozen=True, slots=True)
class Settled:
    """The fate of one pack.

    due_ns: when it was due at the ejector, host monotonic clock; where that cannot be known, when it was given up.
    """

    trigger: int
    accept: bool
    due_ns: int


@dataclass(slots=True)
class Counters:
    """Sums since the start; expected = accepted + rejected + under way.

    passed, late_passes, refused_passes, unknown, repeated_passes: every call of passed() falls under exactly one of them.
    """

    expected: int = 0
    repeated_expects: int = 0
    refused_expects: int = 0
    passed: int = 0
    repeated_passes: int = 0
    late_passes: int = 0
    refused_passes: int = 0
    unknown: int = 0
    accepted: int = 0
    rejected: int = 0
    encoder_faults: int = 0


@dataclass(slots=True)
class _Pack:
    due: int | None  # a time, or a position of the belt; None = where it is is unknown
    passed: bool = False
    condemned: bool = False


class Schedule:
    """The packs of one station between its trigger and its ejector.

    travel: how far it is, in time or in encoder counts. limit_count: packs that may be under way at once.
    """

    def __init__(self, travel: TimeTravel | EncoderTravel, limit_count: int = 4096) -> None:
        if limit_count < 1:
            raise ValueError(f"limit_count {limit_count}: expected at least 1")
        self.counters = Counters()
        self._delay_ns = travel.delay_ns if isinstance(travel, TimeTravel) else 0
        self._belt = Belt(travel) if isinstance(travel, EncoderTravel) else None
        self._limit_count = limit_count
        self._packs: dict[int, _Pack] = {}
        # By due time, or by due position on the belt: (due, trigger).
        self._queue: list[tuple[int, int]] = []
        # Packs with no place on the belt: (trigger, when that was known).
        self._lost: deque[tuple[int, int]] = deque()
        self._settled: set[int] = set()
        self._settled_order: deque[int] = deque()
        self._forgotten = -1
        self._now_ns = 0

    def expect(self, trigger: int, arrival_ns: int, encoder_count: int | None = None) -> bool:
        """A pack passed the trigger; whether it was taken as a new one.

        arrival_ns: when its frame was complete. encoder_count: the counter at its exposure; it also counts as an observation.
        """
        pack = self._packs.get(trigger)
        if pack is not None:
            pack.condemned = True
            self.counters.repeated_expects += 1
            return False
        if trigger <= self._forgotten or trigger in self._settled or len(self._packs) >= self._limit_count:
            self.counters.refused_expects += 1
            return False
        self.counters.expected += 1
        due: int | None = None
        if self._belt is None:
            due = arrival_ns + self._delay_ns
        elif encoder_count is not None:
            self.observe(arrival_ns, encoder_count)
            due = self._belt.due_position(arrival_ns, encoder_count)
        self._packs[trigger] = _Pack(due)
        if due is None:
            self._lost.append((trigger, arrival_ns))
        else:
            heapq.heappush(self._queue, (due, trigger))
        return True

    def observe(self, now_ns: int, encoder_count: int) -> None:
        """The encoder counter as seen at now_ns; nothing with a time-based travel. A count that cannot be gives up all packs."""
        # A break while nothing is under way (a long gap between packs) harms nobody.
        if self._belt is not None and not self._belt.observe(now_ns, encoder_count) and self._queue:
            self.counters.encoder_faults += 1
            self._give_up(now_ns)

    def passed(self, trigger: int, now_ns: int) -> bool:
        """The pack is good and its record durable; whether it will be let go (unless rejected() follows in time)."""
        now_ns = self._advance(now_ns)
        pack = self._packs.get(trigger)
        if pack is None:
            if trigger in self._settled or 0 <= trigger <= self._forgotten:
                self.counters.late_passes += 1
            else:
                self.counters.unknown += 1
            return False
        if pack.condemned:
            self.counters.refused_passes += 1
            return False
        if self._is_due(pack, now_ns):
            # With an encoder the due time may yet move out; the answer given here must stay true.
            pack.condemned = True
            self.counters.late_passes += 1
            return False
        if pack.passed:
            self.counters.repeated_passes += 1
        else:
            self.counters.passed += 1
        pack.passed = True
        return True

    def rejected(self, trigger: int) -> bool:
        """The pack is bad: final. Whether it was under way."""
        pack = self._packs.get(trigger)
        if pack is None:
            return False
        pack.condemned = True
        return True

    def due(self, now_ns: int) -> list[Settled]:
        """The packs that are due by now_ns and were not settled before, in order of due time."""
        now_ns = self._advance(now_ns)
        belt = self._belt
        if belt is not None and self._queue and belt.is_lost(now_ns):
            self.counters.encoder_faults += 1
            self._give_up(now_ns)
        settled = [self._settle(trigger, known_ns) for trigger, known_ns in self._lost]
        self._lost.clear()
        reached = now_ns if belt is None else belt.position(now_ns)
        while self._queue and reached is not None and self._queue[0][0] <= reached:
            due, trigger = heapq.heappop(self._queue)
            settled.append(self._settle(trigger, due if belt is None else belt.reached_ns(due, now_ns)))
        return settled

    def next_due_ns(self) -> int | None:
        """When due() is next worth calling, as far as is known now; None = nothing under way. May lie in the past."""
        if self._lost:
            return self._lost[0][1]
        if not self._queue:
            return None
        return self._queue[0][0] if self._belt is None else self._belt.expected_ns(self._queue[0][0])

    def due_ns(self, trigger: int) -> int | None:
        """When this pack is due, as far as is known now; None = not under way, or where it is is unknown. May lie in the past."""
        pack = self._packs.get(trigger)
        if pack is None or pack.due is None:
            return None
        return pack.due if self._belt is None else self._belt.expected_ns(pack.due)

    def reject_all(self, now_ns: int) -> list[Settled]:
        """Settles everything under way as rejected, passed or not: the line is dead or the station stops."""
        now_ns = self._advance(now_ns)
        self._give_up(now_ns)
        settled = [self._settle(trigger, known_ns) for trigger, known_ns in self._lost]
        self._lost.clear()
        return settled

    @property
    def under_way_count(self) -> int:
        return len(self._packs)

    def check(self) -> None:
        """Asserts what must hold between any two calls."""
        counters = self.counters
        assert counters.expected == counters.accepted + counters.rejected + len(self._packs)
        assert counters.accepted <= counters.passed
        assert len(self._queue) + len(self._lost) == len(self._packs) <= self._limit_count
        assert len(self._settled) == len(self._settled_order) <= _REMEMBERED
        assert all(trigger not in self._settled for trigger in self._packs)
        assert all(self._packs[trigger].due == due for due, trigger in self._queue)
        assert all(self._packs[trigger].due is None for trigger, _ in self._lost)
        if self._queue:
            assert self._queue[0] == min(self._queue)

    def _advance(self, now_ns: int) -> int:
        self._now_ns = max(self._now_ns, now_ns)
        return self._now_ns

    def _is_due(self, pack: _Pack, now_ns: int) -> bool:
        if pack.due is None:
            return True
        reached = now_ns if self._belt is None else self._belt.position(now_ns)
        return reached is None or pack.due <= reached

    def _give_up(self, now_ns: int) -> None:
        """Where the packs under way are is unknown, or nobody decides any more: all are due at once and rejected."""
        for _, trigger in sorted(self._queue):
            self._lost.append((trigger, now_ns))
            self._packs[trigger].due = None
        self._queue.clear()

    def _settle(self, trigger: int, due_ns: int) -> Settled:
        pack = self._packs.pop(trigger)
        accept = pack.passed and not pack.condemned and pack.due is not None
        if accept:
            self.counters.accepted += 1
        else:
            self.counters.rejected += 1
        self._settled.add(trigger)
        self._settled_order.append(trigger)
        if len(self._settled_order) > _REMEMBERED:
            forgotten = self._settled_order.popleft()
            self._settled.remove(forgotten)
            self._forgotten = max(self._forgotten, forgotten)
        return Settled(trigger, accept, due_ns)
