"""The reject schedule: reject unless passed, exactly one fate for each pack, whatever comes in whatever order."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.reference.schedule import PlainSchedule
from vision.reject.belt import EncoderTravel, TimeTravel
from vision.reject.schedule import Schedule, Settled

MS = 1_000_000
ENCODER = EncoderTravel(
    distance_count=400, rate_max_count_per_s=2000, lost_ns=300 * MS, window_ns=40 * MS, backlash_count=6, modulus=1 << 14
)
LIMIT = 24


def _plain(travel: TimeTravel | EncoderTravel, limit: int) -> PlainSchedule:
    if isinstance(travel, TimeTravel):
        return PlainSchedule(False, travel.delay_ns, limit)
    return PlainSchedule(
        True,
        travel.distance_count,
        limit,
        travel.rate_max_count_per_s,
        travel.lost_ns,
        travel.window_ns,
        travel.backlash_count,
        travel.modulus,
    )


def _plainly(fates: list[Settled]) -> list[tuple[int, bool, int]]:
    return [(fate.trigger, fate.accept, fate.due_ns) for fate in fates]


@dataclass
class Floor:
    """A made-up line: a belt that starts, stops, creeps and runs back, an encoder that jumps and falls silent."""

    chance: random.Random
    schedule: Schedule
    plain: PlainSchedule
    now_ns: int = 1_000_000_000
    count: float = 16_000.0
    rate: float = 1000.0
    trigger: int = 0

    def __post_init__(self) -> None:
        self.fates: dict[int, bool] = {}
        self.taken: set[int] = set()
        self.in_time: set[int] = set()
        self.spoiled: set[int] = set()

    def raw(self) -> int:
        return int(self.count) % ENCODER.modulus

    def any_trigger(self) -> int:
        return max(0, self.trigger - int(self.chance.expovariate(1 / 6))) if self.chance.random() < 0.95 else self.trigger + 50

    def step(self) -> None:
        chance = self.chance
        elapsed_ns = int(chance.expovariate(1 / (4 * MS))) if chance.random() < 0.995 else chance.randrange(600 * MS)
        self.now_ns += elapsed_ns
        self.count += self.rate * elapsed_ns / 1e9
        happening = chance.random()
        if happening < 0.22:
            self.expect()
        elif happening < 0.50:
            raw = self.raw() if chance.random() < 0.998 else chance.randrange(ENCODER.modulus)
            seen_ns = self.now_ns - (chance.randrange(20 * MS) if chance.random() < 0.05 else 0)
            self.schedule.observe(seen_ns, raw)
            self.plain.observe(seen_ns, raw)
        elif happening < 0.72:
            self.passed(self.any_trigger())
        elif happening < 0.76:
            trigger = self.any_trigger()
            held = self.schedule.rejected(trigger)
            assert held == self.plain.rejected(trigger) == (trigger in self.taken and trigger not in self.fates)
            if held:
                self.spoiled.add(trigger)
        elif happening < 0.78:
            self.rate = chance.choice((0.0, 0.0, -30.0, 200.0, 1000.0, 1900.0))
        elif happening < 0.7805:
            self.settle(self.schedule.reject_all(self.now_ns), self.plain.reject_all(self.now_ns))
        else:
            self.settle(self.schedule.due(self.now_ns), self.plain.due(self.now_ns))

    def expect(self) -> None:
        chance = self.chance
        self.trigger += 1
        trigger = self.trigger if chance.random() < 0.97 else self.any_trigger()
        arrival_ns = self.now_ns - (chance.randrange(30 * MS) if chance.random() < 0.1 else 0)
        raw = self.raw() if chance.random() < 0.99 else None
        taken = self.schedule.expect(trigger, arrival_ns, raw)
        assert taken == self.plain.expect(trigger, arrival_ns, raw)
        if taken:
            assert trigger not in self.taken
            self.taken.add(trigger)
        elif trigger in self.taken and trigger not in self.fates:
            self.spoiled.add(trigger)

    def passed(self, trigger: int) -> None:
        let_go = self.schedule.passed(trigger, self.now_ns)
        assert let_go == self.plain.passed(trigger, self.now_ns)
        if let_go:
            assert trigger in self.taken and trigger not in self.fates
            self.in_time.add(trigger)

    def settle(self, fates: list[Settled], plain: list[tuple[int, bool, int]]) -> None:
        assert _plainly(fates) == plain
        for fate in fates:
            assert fate.trigger in self.taken and fate.trigger not in self.fates, "exactly one fate"
            assert fate.due_ns <= self.now_ns
            assert not fate.accept or (fate.trigger in self.in_time and fate.trigger not in self.spoiled)
            self.fates[fate.trigger] = fate.accept


@pytest.mark.parametrize("travel", [TimeTravel(400 * MS), ENCODER], ids=["time", "encoder"])
def test_fuzz_against_the_plain_twin(travel: TimeTravel | EncoderTravel) -> None:
    events = 0
    accepted = rejected = late = faults = 0
    for seed in range(100):
        floor = Floor(random.Random(seed), Schedule(travel, LIMIT), _plain(travel, LIMIT))
        for _ in range(1000):
            floor.step()
            floor.schedule.check()
            events += 1
        floor.settle(floor.schedule.reject_all(floor.now_ns), floor.plain.reject_all(floor.now_ns))
        counters = floor.schedule.counters
        assert set(floor.fates) == floor.taken, f"seed {seed}"
        assert (counters.late_passes, counters.unknown) == (floor.plain.late, floor.plain.unknown), f"seed {seed}"
        assert floor.schedule.next_due_ns() is None
        accepted += counters.accepted
        rejected += counters.rejected
        late += counters.late_passes
        faults += counters.encoder_faults
    assert events == 100_000
    # The fuzz must have been at all the places it is meant for.
    assert min(accepted, rejected, late) > 300
    assert (faults > 30) == isinstance(travel, EncoderTravel)


class Machine(RuleBasedStateMachine):
    """Hypothesis looks for the shortest story in which the schedule and its twin differ."""

    def __init__(self) -> None:
        super().__init__()
        travel = EncoderTravel(distance_count=20, rate_max_count_per_s=1000, lost_ns=100 * MS, window_ns=10 * MS, backlash_count=2)
        self.schedule, self.plain = Schedule(travel, 6), _plain(travel, 6)
        self.now_ns = 1_000_000_000
        self.count = 0

    @rule(elapsed_ms=st.integers(0, 30), moved=st.integers(-3, 40))
    def run_belt(self, elapsed_ms: int, moved: int) -> None:
        self.now_ns += elapsed_ms * MS
        self.count += moved
        self.schedule.observe(self.now_ns, self.count % (1 << 32))
        self.plain.observe(self.now_ns, self.count % (1 << 32))

    @rule(elapsed_ms=st.integers(0, 150))
    def wait(self, elapsed_ms: int) -> None:
        self.now_ns += elapsed_ms * MS

    @rule(trigger=st.integers(0, 12), back=st.integers(0, 5), known=st.booleans())
    def expect(self, trigger: int, back: int, known: bool) -> None:
        count = (self.count - back) % (1 << 32) if known else None
        assert self.schedule.expect(trigger, self.now_ns - back * MS, count) == self.plain.expect(
            trigger, self.now_ns - back * MS, count
        )

    @rule(trigger=st.integers(0, 12))
    def passed(self, trigger: int) -> None:
        assert self.schedule.passed(trigger, self.now_ns) == self.plain.passed(trigger, self.now_ns)

    @rule(trigger=st.integers(0, 12))
    def rejected(self, trigger: int) -> None:
        assert self.schedule.rejected(trigger) == self.plain.rejected(trigger)

    @rule()
    def due(self) -> None:
        assert _plainly(self.schedule.due(self.now_ns)) == self.plain.due(self.now_ns)

    @rule()
    def due_when_told(self) -> None:
        """Going to sleep until next_due_ns() misses nothing, and it does not wake for nothing."""
        next_ns = self.schedule.next_due_ns()
        assert (next_ns is None) == (not self.plain.under_way())
        if next_ns is not None:
            assert next_ns <= self.now_ns or not self.schedule.due(next_ns - 1)
            self.now_ns = max(self.now_ns, next_ns)
            fates = _plainly(self.schedule.due(self.now_ns))
            assert fates and fates == self.plain.due(self.now_ns)

    @invariant()
    def sound(self) -> None:
        self.schedule.check()


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=120, stateful_step_count=40, deadline=None, derandomize=True, database=None)


def test_a_pass_in_time_lets_go_and_silence_rejects() -> None:
    schedule = Schedule(TimeTravel.of(distance_mm=300, speed_mm_per_s=1000))
    for trigger in (1, 2, 3):
        assert schedule.expect(trigger, trigger * MS)
    assert schedule.next_due_ns() == 301 * MS
    assert schedule.passed(1, 300 * MS)
    assert schedule.due(300 * MS) == []
    assert not schedule.passed(2, 302 * MS), "at its due time a pass is late"
    assert schedule.due(400 * MS) == [Settled(1, True, 301 * MS), Settled(2, False, 302 * MS), Settled(3, False, 303 * MS)]
    assert not schedule.passed(1, 401 * MS)
    assert schedule.counters.late_passes == 2


def test_each_pack_is_asked_for_its_own_due_time() -> None:
    schedule = Schedule(TimeTravel(100))
    schedule.expect(1, 10)
    schedule.expect(2, 30)
    assert [schedule.due_ns(trigger) for trigger in (1, 2, 3)] == [110, 130, None]
    schedule.due(110)
    assert [schedule.due_ns(trigger) for trigger in (1, 2)] == [None, 130]
    by_encoder = Schedule(ENCODER)
    by_encoder.expect(1, 0, None)
    assert by_encoder.due_ns(1) is None, "nobody knows where it is"
    count = _run(by_encoder, 10, 110, 100, 1.0)
    by_encoder.expect(2, 110 * MS, count)
    first_ns = by_encoder.due_ns(2)
    _run(by_encoder, 120, 310, count + 10, 1.0)
    assert first_ns is not None and by_encoder.due_ns(2) == 510 * MS >= first_ns


def test_a_reject_overrules_a_pass_until_the_due_time() -> None:
    schedule = Schedule(TimeTravel(100))
    schedule.expect(7, 0)
    assert schedule.passed(7, 10) and schedule.passed(7, 11)
    assert schedule.rejected(7)
    assert not schedule.passed(7, 12)
    assert schedule.due(100) == [Settled(7, False, 100)]
    assert not schedule.rejected(7)


def test_a_number_on_two_packs_rejects_the_one_under_way_and_is_never_tracked_twice() -> None:
    schedule = Schedule(TimeTravel(100))
    assert schedule.expect(1, 0)
    assert schedule.passed(1, 5)
    assert not schedule.expect(1, 50)
    assert schedule.due(200) == [Settled(1, False, 100)]
    assert not schedule.expect(1, 300)
    assert not schedule.passed(1, 301)
    assert schedule.due(1000) == []


def test_old_numbers_stay_refused_when_they_are_forgotten() -> None:
    schedule = Schedule(TimeTravel(1))
    for trigger in range(10_000):
        schedule.expect(trigger, trigger)
        schedule.due(trigger + 1)
    assert not schedule.expect(3, 20_000)
    assert not schedule.passed(3, 20_000)
    assert schedule.counters.late_passes == 1
    schedule.check()


def test_packs_beyond_the_limit_are_never_passed() -> None:
    schedule = Schedule(TimeTravel(100), limit_count=2)
    assert [schedule.expect(trigger, 0) for trigger in (1, 2, 3)] == [True, True, False]
    assert not schedule.passed(3, 1)
    assert schedule.counters.refused_expects == 1 and schedule.counters.unknown == 1


def _run(schedule: Schedule, from_ms: int, to_ms: int, count: int, per_ms: float) -> int:
    """Observations every 10 ms; the count at the end."""
    for moment_ms in range(from_ms, to_ms + 1, 10):
        schedule.observe(moment_ms * MS, int(count + (moment_ms - from_ms) * per_ms) % ENCODER.modulus)
    return int(count + (to_ms - from_ms) * per_ms)


def test_a_stopped_belt_moves_the_due_time_out_and_the_pass_still_holds() -> None:
    schedule = Schedule(ENCODER)
    count = _run(schedule, 0, 100, ENCODER.modulus - 150, 1.0)
    assert schedule.expect(1, 100 * MS, count % ENCODER.modulus)
    assert schedule.next_due_ns() == 400 * MS + 1, "400 counts away; before that the encoder would count as lost"
    count = _run(schedule, 110, 200, count + 10, 1.0)
    assert schedule.next_due_ns() == 500 * MS
    assert schedule.passed(1, 200 * MS)
    _run(schedule, 210, 2000, count, 0.0)
    assert schedule.due(2000 * MS) == []
    count = _run(schedule, 2010, 2300, count, 1.0)
    assert schedule.due(2300 * MS) == []
    _run(schedule, 2310, 2330, count + 10, 1.0)
    fates = schedule.due(2330 * MS)
    assert [(fate.trigger, fate.accept) for fate in fates] == [(1, True)]
    assert 2305 * MS <= fates[0].due_ns <= 2320 * MS


@pytest.mark.parametrize("trouble", ["silent", "jump", "back", "no count"])
def test_encoder_trouble_rejects_all_under_way(trouble: str) -> None:
    schedule = Schedule(ENCODER)
    count = _run(schedule, 0, 100, 1000, 1.0)
    schedule.expect(1, 100 * MS, None if trouble == "no count" else count)
    assert schedule.passed(1, 101 * MS) == (trouble != "no count")
    match trouble:
        case "silent":
            assert schedule.due(400 * MS) == []
            fates = schedule.due(401 * MS)
        case "jump":
            schedule.observe(110 * MS, count + 100)
            fates = schedule.due(110 * MS)
        case "back":
            schedule.observe(110 * MS, count - 20)
            fates = schedule.due(110 * MS)
        case _:
            fates = schedule.due(102 * MS)
    assert [(fate.trigger, fate.accept) for fate in fates] == [(1, False)]


def test_line_death_rejects_even_what_was_passed() -> None:
    schedule = Schedule(TimeTravel(100))
    schedule.expect(1, 0)
    schedule.expect(2, 10)
    schedule.passed(2, 11)
    assert schedule.reject_all(20) == [Settled(1, False, 20), Settled(2, False, 20)]
    assert schedule.due(1000) == []
    schedule.check()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: TimeTravel(0),
        lambda: TimeTravel.of(100, 0),
        lambda: EncoderTravel(distance_count=0, rate_max_count_per_s=1),
        lambda: EncoderTravel(distance_count=100, rate_max_count_per_s=1, modulus=256),
        lambda: EncoderTravel(distance_count=100, rate_max_count_per_s=1, backlash_count=-1),
        lambda: Schedule(TimeTravel(1), limit_count=0),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: object) -> None:
    assert callable(wrong)
    with pytest.raises(ValueError, match=r"expected|too small"):
        wrong()
