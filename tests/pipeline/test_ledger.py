"""The ledger against a simulated world: whatever happens, each trigger gets one verdict, and only what was proved good passes."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Sequence

import pytest

from vision.content.serials import SerialIndex
from vision.pipeline import actions as do
from vision.pipeline.ledger import Ledger
from vision.types import Reason, Record

MS = 1_000_000
DEADLINE_NS = 150 * MS
TRAVEL_NS = 300 * MS
SLOTS = 12
INSPECTORS = 3


class World:
    """A belt, inspectors, a recorder and a rejector per station, driven by one seeded clock; faults at random."""

    def __init__(self, seed: int, stations: int, fault_rate: float, pack_period_ns: int) -> None:
        self.random = random.Random(seed)
        self.now = 1_000 * MS
        self.fault_rate = fault_rate
        self.period = pack_period_ns
        self.claimed: set[str] = set()
        self.ledger = Ledger(tuple(f"S{i}" for i in range(stations)), DEADLINE_NS, DEADLINE_NS, self.claim)
        self.queue: list[tuple[int, int, tuple]] = []
        self.sequence = 0
        self.free = set(range(SLOTS * stations))
        self.generation = Counter()
        self.expected: dict[tuple[int, int], int] = {}  # key -> arrival, at the rejector, not settled
        self.rejector_up = [True] * stations
        self.rejector_passed: set[tuple[int, int]] = set()
        self.let_through: set[tuple[int, int]] = set()
        self.disk: dict[tuple[int, int], Record] = {}  # last durable revision of each row
        self.recorder_epoch = 0
        self.recorder_up = True
        self.disk_free_at = 0
        self.inspecting: dict[int, tuple[int, int]] = {}
        self.inspector_epoch = [0] * INSPECTORS
        self.good: set[tuple[int, int]] = set()
        self.events = 0
        self.seen_reasons: Counter[Reason] = Counter()

    def claim(self, serials: Sequence[str]) -> tuple[Reason, ...]:
        if self.claimed.intersection(serials):
            return (Reason.DUPLICATE_SERIAL,)
        self.claimed.update(serials)
        return ()

    def at(self, delay_ns: int, *event: object) -> None:
        self.sequence += 1
        heapq.heappush(self.queue, (self.now + delay_ns, self.sequence, event))

    def fault(self, share: float = 1.0) -> bool:
        return self.random.random() < self.fault_rate * share

    # --- carrying out, with the promises of each action checked --------------------------------------------------

    def carry_out(self, actions: list[do.Action]) -> None:
        for action in actions:
            match action:
                case do.DoExpect(key, arrival_ns, _):
                    assert key not in self.expected
                    self.expected[key] = arrival_ns
                    self.at(max(0, arrival_ns + TRAVEL_NS - self.now), "due", key)
                case do.DoInspect(inspector, key, slot, generation):
                    assert inspector not in self.inspecting, "an inspector was given two frames"
                    assert self.generation[slot] == generation
                    assert slot not in self.free
                    self.inspecting[inspector] = key
                    took = self.random.randrange(2 * MS, 20 * MS)
                    if self.fault():
                        took = 10_000 * MS  # hangs
                    if self.fault():
                        self.at(took // 2, "inspector dies", inspector, self.inspector_epoch[inspector])
                    else:
                        self.at(took, "inspected", inspector, self.inspector_epoch[inspector], key)
                case do.DoWrite(key, record):
                    if self.recorder_up:
                        delay = 400 * MS if self.fault(0.2) else self.random.randrange(MS // 2, 4 * MS)
                        copy = Record(record.station, record.trigger, record.reasons, 0, 0, 0, revision=record.revision)
                        self.disk_free_at = max(self.disk_free_at, self.now + delay)  # first in, first out
                        self.at(self.disk_free_at - self.now, "synced", self.recorder_epoch, key, copy)
                case do.DoPass(key):
                    assert key in self.disk and self.disk[key].accept, "passed without a durable row"
                    assert self.now <= self.ledger.entries[key].deadline_ns, "passed after the deadline"
                    assert key in self.good, "a bad pack was passed"
                    if key in self.expected and self.rejector_up[key[0]]:
                        self.rejector_passed.add(key)
                case do.DoReject(key):
                    self.rejector_passed.discard(key)
                case do.DoRelease(slot, _, _):
                    assert slot not in self.free, "a slot was released twice"
                    assert slot not in self.ledger.slots()
                    self.free.add(slot)
                case do.DoKill(inspector, key):
                    assert self.inspecting[inspector] == key
                    self.at(1 * MS, "inspector dies", inspector, self.inspector_epoch[inspector])

    # --- what may happen ---------------------------------------------------------------------------------------------

    def pack(self, station: int) -> None:
        trigger = self.ledger.last_trigger[station] + 1
        record = Record(f"S{station}", trigger, (), self.now, 0, 0)
        key = (station, trigger)
        if self.fault():
            reason = self.random.choice([Reason.MISSED_FRAME, Reason.INCOMPLETE_FRAME, Reason.CAMERA_LOST])
            self.carry_out(self.ledger.missing(station, record, reason, self.now))
        elif not self.free:
            self.carry_out(self.ledger.missing(station, record, Reason.NO_SLOT, self.now))
        else:
            slot = self.free.pop()
            self.generation[slot] += 1
            if self.random.random() < 0.9:
                self.good.add(key)
            self.carry_out(self.ledger.frame(station, record, slot, self.generation[slot], self.now))

    def happen(self, event: tuple) -> None:
        match event:
            case ("pack", station):
                self.pack(station)
                self.at(self.random.randrange(self.period // 2, self.period * 3 // 2), "pack", station)
            case ("inspected", inspector, epoch, key) if epoch == self.inspector_epoch[inspector]:
                del self.inspecting[inspector]
                reasons = () if key in self.good else (self.random.choice([Reason.NO_SYMBOL, Reason.LOW_GRADE]),)
                serial = f"{key}" if self.random.random() < 0.97 else "again"
                actions = self.ledger.inspected(inspector, key, reasons, (serial,), b"", 1, self.now)
                self.carry_out(actions)
            case ("inspector dies", inspector, epoch) if epoch == self.inspector_epoch[inspector]:
                self.inspector_epoch[inspector] += 1
                self.inspecting.pop(inspector, None)
                self.carry_out(self.ledger.inspector_lost(inspector, "died", self.now))
                self.at(30 * MS, "inspector ready", inspector)
            case ("inspector ready", inspector):
                self.carry_out(self.ledger.inspector_ready(inspector, self.now))
            case ("synced", epoch, key, record) if epoch == self.recorder_epoch:
                before = self.disk.get(key)
                assert before is None or before.revision <= record.revision
                assert before is None or not (record.accept and not before.accept), "a reject became an accept"
                self.disk[key] = record
                if self.fault(0.1):
                    self.recorder_epoch += 1  # dies between the sync and the word of it
                    self.recorder_up = False
                    self.at(200 * MS, "recorder ready")
                else:
                    self.carry_out(self.ledger.durable(key, record.revision, self.now, self.now))
            case ("recorder ready",):
                self.recorder_up = True
                self.carry_out(self.ledger.recorder_ready())
            case ("due", key) if key in self.expected:
                del self.expected[key]
                accept = key in self.rejector_passed
                if accept:
                    self.let_through.add(key)
                self.carry_out(self.ledger.settled(key, accept, self.now))
            case ("rejector dies", station):
                self.at(self.random.randrange(500 * MS, 2000 * MS), "rejector dies", station)
                if self.rejector_up[station] and self.fault(10):
                    self.rejector_up[station] = False
                    self.expected = {k: v for k, v in self.expected.items() if k[0] != station}
                    # The machine may have acted on what it was told before.
                    self.let_through |= {k for k in self.rejector_passed if k[0] == station and k in self.ledger.entries}
                    self.carry_out(self.ledger.rejector_lost(station, self.now))
                    self.at(50 * MS, "rejector ready", station)
            case ("rejector ready", station):
                self.rejector_up[station] = True
                self.ledger.rejector_ready(station)

    def step(self) -> None:
        next_ns = self.ledger.next_event_ns()
        if self.queue and (next_ns is None or self.queue[0][0] <= next_ns):
            self.now, _, event = heapq.heappop(self.queue)
            self.happen(event)
        else:
            assert next_ns is not None
            self.now = max(self.now, next_ns)
            self.carry_out(self.ledger.tick(self.now))
        self.events += 1
        self.ledger.check()


def run(seed: int, stations: int, fault_rate: float, period_ns: int, events: int) -> World:
    world = World(seed, stations, fault_rate, period_ns)
    for inspector in range(INSPECTORS):
        world.carry_out(world.ledger.inspector_ready(inspector, world.now))
    for station in range(stations):
        world.at(0, "pack", station)
        world.at(1000 * MS, "rejector dies", station)
    while world.events < events:
        world.step()
    # The belt stops; everything under way must come to its end by itself.
    world.fault_rate = 0.0
    world.queue = [e for e in world.queue if e[2][0] not in ("pack", "rejector dies")]
    heapq.heapify(world.queue)
    limit = world.events + 100_000
    while (world.queue or world.ledger.open) and world.events < limit:
        world.step()
    return world


@pytest.mark.parametrize(
    ("seed", "stations", "fault_rate", "period_ms", "events"),
    [
        (1, 1, 0.0, 17, 20_000),
        (2, 1, 0.02, 17, 40_000),
        (3, 2, 0.05, 30, 40_000),
        (4, 1, 0.01, 3, 30_000),  # three times what the inspectors can do
        (5, 3, 0.2, 40, 30_000),
    ],
)
def test_every_trigger_gets_one_verdict_whatever_happens(
    seed: int, stations: int, fault_rate: float, period_ms: int, events: int
) -> None:
    world = run(seed, stations, fault_rate, period_ms * MS, events)
    counts = world.ledger.counts
    assert world.ledger.open == 0, "something never came to its end"
    assert world.ledger.pending == 0
    assert counts.triggered == counts.accepted + counts.rejected == len(world.disk)
    assert counts.rows_durable == counts.triggered
    assert counts.settled_pass + counts.settled_reject == counts.triggered
    assert len(world.free) == SLOTS * stations, "a slot was lost"
    for key in world.let_through:
        assert world.disk[key].accept and key in world.good
    accepted_rows = {key for key, record in world.disk.items() if record.accept}
    assert accepted_rows == world.let_through, "the record and what left the line differ"
    if fault_rate == 0.0:
        assert counts.amended == 0 and counts.late == 0
        assert set(counts.reasons) <= {Reason.NO_SYMBOL, Reason.LOW_GRADE, Reason.DUPLICATE_SERIAL}
    else:
        assert counts.rejected > 0


def test_overload_is_counted_and_still_passes_packs() -> None:
    world = run(4, 1, 0.0, 2 * MS, 30_000)
    counts = world.ledger.counts
    assert counts.reasons[Reason.NO_SLOT] + counts.reasons[Reason.MISSED_DEADLINE] > counts.triggered // 4
    assert counts.settled_pass > counts.triggered // 10, "under overload nothing was finished in time"


def test_same_seed_same_story() -> None:
    first, second = (run(7, 2, 0.05, 20 * MS, 5_000) for _ in range(2))
    assert first.disk == second.disk


def test_a_pack_is_not_passed_when_its_row_is_durable_too_late() -> None:
    ledger = Ledger(("S",), DEADLINE_NS, DEADLINE_NS, lambda serials: ())
    ledger.inspector_ready(0, 0)
    ledger.frame(0, Record("S", 1, (), 0, 0, 0), 3, 1, 0)
    actions = ledger.inspected(0, (0, 1), (), ("A",), b"", 1, 5 * MS)
    assert [type(a) for a in actions] == [do.DoWrite, do.DoRelease]
    actions = ledger.durable((0, 1), 0, DEADLINE_NS, DEADLINE_NS + 1)
    assert not any(isinstance(action, do.DoPass) for action in actions)
    assert ledger.counts.reasons == {Reason.NOT_RECORDED: 1}
    rewritten = [a.record for a in actions if isinstance(a, do.DoWrite)]
    assert [(r.revision, r.reasons) for r in rewritten] == [(1, (Reason.NOT_RECORDED,))]


def test_a_trigger_out_of_order_is_refused() -> None:
    ledger = Ledger(("S",), DEADLINE_NS, DEADLINE_NS, lambda serials: ())
    with pytest.raises(AssertionError, match="trigger 2 after 0"):
        ledger.frame(0, Record("S", 2, (), 0, 0, 0), 0, 1, 0)


def test_what_the_pool_refuses_is_rejected_without_an_amendment() -> None:
    ledger = Ledger(("S1",), 100, 100, lambda serials: ())
    ledger.inspector_ready(0, 0)
    ledger.frame(0, Record("S1", 1, (), 0, 0, 0), 0, 1, 0)
    ledger.inspected(0, (0, 1), (), ("SN1",), b"", 1, 5)
    assert ledger.counts.accepted == 1 and ledger.entries[0, 1].record.serials == ("SN1",)
    (action,) = ledger.refused((0, 1), (Reason.BLOCKED_SERIAL,))
    assert isinstance(action, do.DoReject) and action.key == (0, 1)
    assert ledger.refused((0, 1), (Reason.BLOCKED_SERIAL,)) == [], "told twice"
    assert ledger.durable((0, 1), 0, 6, 7) == [], "no pass"
    ledger.settled((0, 1), False, 8)
    ledger.check()
    assert (ledger.counts.accepted, ledger.counts.rejected, ledger.counts.amended) == (0, 1, 0)
    assert ledger.counts.reasons == {Reason.BLOCKED_SERIAL: 1} and ledger.open == 0


def test_a_pack_whose_accept_was_amended_may_be_fed_again() -> None:
    index = SerialIndex(None)
    ledger = Ledger(("S1",), 100, 100, index.claim_all, free=index.free)
    ledger.inspector_ready(0, 0)

    def feed(trigger: int) -> Record:
        ledger.frame(0, Record("S1", trigger, (), 0, 0, 0), 0, 1, 0)
        ledger.inspected(0, (0, trigger), (), ("SN1",), b"", 1, 5)
        return ledger.entries[0, trigger].record

    assert feed(1).accept
    ledger.settled((0, 1), False, 8)
    assert ledger.entries[0, 1].record.revision == 1
    ledger.durable((0, 1), 0, 9, 9)
    assert feed(2).reasons == (Reason.DUPLICATE_SERIAL,), "the reject is not durable yet"
    ledger.durable((0, 1), 1, 10, 10)
    assert feed(3).accept
    assert feed(4).reasons == (Reason.DUPLICATE_SERIAL,)


def test_a_later_run_of_a_batch_counts_on() -> None:
    ledger = Ledger(("S1", "S2"), 100, 100, lambda serials: (), last_triggers=(7, 0))
    ledger.frame(0, Record("S1", 8, (), 0, 0, 0), 0, 1, 0)
    ledger.frame(1, Record("S2", 1, (), 0, 0, 0), 1, 1, 0)
    ledger.check()
    assert ledger.counts.triggered == 2
