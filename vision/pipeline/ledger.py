"""The ledger: what is known of each trigger, and the rule that every trigger gets exactly one verdict, in time.

Pure: no clock, no process, no file. Events go in (a frame came, an inspection ended, a row is durable, a pack was
settled, time went by), actions come out (inspect this, write this row, pass this pack). The line process carries them
out. A trigger goes through

    WAITING -> INSPECTING -> DECIDED -> (closed when its row is durable and its pack settled)

and only a decided accept whose row is durable, before its deadline, is passed.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from vision.pipeline.actions import Action, DoExpect, DoInspect, DoKill, DoPass, DoReject, DoRelease, DoWrite
from vision.pipeline.messages import Key
from vision.types import Reason, Record


class State(Enum):
    WAITING = 0
    INSPECTING = 1
    DECIDED = 2


@dataclass(slots=True)
class Entry:
    """What is known of one trigger that is not closed yet."""

    key: Key
    record: Record
    deadline_ns: int
    slot: int | None
    generation: int = 0
    state: State = State.WAITING
    inspector: int = -1
    acked_revision: int = -1
    passed: bool = False
    settled: bool = False
    timed: bool = False
    bad_places: int = 0


@dataclass(slots=True)
class Counts:
    """Sums since the start; each trigger adds to triggered and, once decided, to accepted or rejected."""

    triggered: int = 0
    accepted: int = 0
    rejected: int = 0
    reasons: Counter[Reason] = field(default_factory=Counter)
    rows_durable: int = 0
    late: int = 0
    passed: int = 0
    settled_pass: int = 0
    settled_reject: int = 0
    amended: int = 0


class Ledger:
    """The state machine of all triggers of a line.

    deadline_ns: from arrival to a verdict with its record durable. hang_ns: an inspection that takes longer is killed.
    claim: called with the serials of a frame about to be accepted; takes them all, or none and says why (content.serials).
    free: called with the serials of a claimed frame whose row is a reject after all, once that is durable.
    on_durable: called with the record and the time its row was durable (for latencies).
    last_triggers: of each station, from earlier runs of the batch; none = it begins at 1.
    """

    def __init__(
        self,
        station_names: tuple[str, ...],
        deadline_ns: int,
        hang_ns: int,
        claim: Callable[[Sequence[str]], tuple[Reason, ...]],
        on_durable: Callable[[Record, int], None] = lambda record, durable_ns: None,
        last_triggers: Sequence[int] = (),
        free: Callable[[Sequence[str]], None] = lambda serials: None,
    ) -> None:
        self.counts = Counts()
        self.entries: dict[Key, Entry] = {}
        self.last_trigger = list(last_triggers) or [0] * len(station_names)
        self._triggers_before = sum(self.last_trigger)
        self._stations = station_names
        self._deadline_ns = deadline_ns
        self._hang_ns = hang_ns
        self._claim = claim
        self._free = free
        self._on_durable = on_durable
        self._waiting: deque[Key] = deque()
        self._deadlines: list[tuple[int, Key]] = []
        self._idle: list[int] = []
        self._busy: dict[int, tuple[Key, int, int]] = {}  # inspector -> key, slot, time of dispatch
        self._killed: set[int] = set()  # hanging inspectors that were killed and not yet seen dead
        self._unwritten: dict[Key, None] = {}  # decided, latest revision not durable, in order of decision
        self._typical_ns = 0.0  # running mean of an inspection's time, as seen from here
        self._rejector_up = [True] * len(station_names)
        self._actions: list[Action] = []

    # --- events ------------------------------------------------------------------------------------------------------

    def frame(self, station: int, record: Record, slot: int, generation: int, now_ns: int) -> list[Action]:
        """A whole frame of the station's next trigger came, in a slot that is now ours."""
        entry = self._open(station, record, slot, generation)
        self._waiting.append(entry.key)
        self._dispatch(now_ns)
        return self._take()

    def missing(self, station: int, record: Record, reason: Reason, now_ns: int) -> list[Action]:
        """The station's next trigger has no usable frame."""
        entry = self._open(station, record, None, 0)
        self._decide(entry, (reason,), now_ns)
        return self._take()

    def inspector_ready(self, inspector: int, now_ns: int) -> list[Action]:
        """A new inspector can work."""
        assert inspector not in self._idle and inspector not in self._busy, f"inspector {inspector} is ready twice"
        self._idle.append(inspector)
        self._dispatch(now_ns)
        return self._take()

    def inspected(
        self,
        inspector: int,
        key: Key,
        reasons: tuple[Reason, ...],
        serials: tuple[str, ...],
        symbols: bytes,
        inspect_ns: int,
        now_ns: int,
        bad_places: int = 0,
    ) -> list[Action]:
        """An inspector answered; it is idle again, and the slot is ours again. bad_places: of a tray, for the rejector."""
        held = self._busy.pop(inspector, None)
        assert held is not None and held[0] == key, f"inspector {inspector} answered for {key}, it was given {held}"
        _, slot, dispatched_ns = held
        took_ns = now_ns - dispatched_ns
        self._typical_ns += (took_ns - self._typical_ns) * (0.1 if self._typical_ns else 1.0)
        self._idle.append(inspector)
        entry = self.entries.get(key)
        if entry is not None and entry.state is State.INSPECTING:
            record = entry.record
            record.inspector, record.inspect_ns, record.symbols, record.serials = inspector, inspect_ns, symbols, serials
            entry.slot, entry.bad_places = slot, bad_places
            if now_ns >= entry.deadline_ns:
                reasons = (Reason.MISSED_DEADLINE, *reasons)
            self._decide(entry, reasons or self._claim(serials), now_ns)
        else:  # decided at its deadline; the answer came too late to count
            self._actions.append(DoRelease(slot, key, keep=True))
        self._dispatch(now_ns)
        return self._take()

    def inspector_lost(self, inspector: int, detail: str, now_ns: int) -> list[Action]:
        """An inspector died. Its frame is not tried again: what killed one would kill the next."""
        if inspector in self._idle:
            self._idle.remove(inspector)
        self._killed.discard(inspector)
        held = self._busy.pop(inspector, None)
        if held is not None:
            key, slot, _ = held
            entry = self.entries.get(key)
            if entry is not None and entry.state is State.INSPECTING:
                entry.record.inspector = inspector
                entry.record.detail = detail
                entry.slot = slot
                self._decide(entry, (Reason.INSPECTOR_LOST,), now_ns)
            else:
                self._actions.append(DoRelease(slot, key, keep=True))
        return self._take()

    def durable(self, key: Key, revision: int, durable_ns: int, now_ns: int) -> list[Action]:
        """The row of this trigger is on disk, since durable_ns."""
        entry = self.entries.get(key)
        if entry is None or revision <= entry.acked_revision:
            return []  # told twice, by a recorder that was started anew
        if entry.acked_revision < 0:
            self.counts.rows_durable += 1
        entry.acked_revision = revision
        record = entry.record
        if revision == record.revision:
            self._unwritten.pop(key, None)
            if not entry.timed:
                entry.timed = True
                self.counts.late += now_ns > entry.deadline_ns
                self._on_durable(record, durable_ns)
            if revision > 0:
                self._free(record.serials)
            if record.accept and not entry.passed:
                if now_ns > entry.deadline_ns:
                    self._amend(entry, Reason.NOT_RECORDED, "its row was durable only after the deadline")
                elif entry.settled:
                    self._amend(entry, Reason.LINE_LOST, "there was no rejector to pass the pack")
                else:
                    entry.passed = True
                    self.counts.passed += 1
                    self._actions.append(DoPass(key))
        self._close(entry)
        return self._take()

    def refused(self, key: Key, reasons: tuple[Reason, ...]) -> list[Action]:
        """The pool of serials said no to an accept, and its row was written as a reject."""
        entry = self.entries.get(key)
        if entry is None or not entry.record.accept or entry.passed:
            return []  # amended meanwhile, or told twice
        entry.record.reasons = reasons
        self._free(entry.record.serials)
        self.counts.accepted -= 1
        self.counts.rejected += 1
        self.counts.reasons[reasons[0]] += 1
        self._actions.append(DoReject(key))
        return self._take()

    def settled(self, key: Key, accept: bool, now_ns: int) -> list[Action]:
        """The rejector told the machine the pack's fate."""
        entry = self.entries.get(key)
        if entry is None or entry.settled:
            return []
        assert not accept or entry.passed, f"{key} was let through and never passed"
        entry.settled = True
        if accept:
            self.counts.settled_pass += 1
        else:
            self.counts.settled_reject += 1
            if entry.state is not State.DECIDED:
                # Its time is up at the ejector before we decided: the deadline is short of the travel by design, so
                # this is a belt faster than configured or a line far behind.
                self._late_entry(entry, now_ns)
            elif entry.record.accept:
                self._amend(entry, Reason.MISSED_DEADLINE, "passed too late for the ejector")
        self._close(entry)
        return self._take()

    def rejector_lost(self, station: int, now_ns: int) -> list[Action]:
        """Nothing of this station can be passed now; the machine rejects what it was not told to pass."""
        self._rejector_up[station] = False
        for entry in [e for k, e in self.entries.items() if k[0] == station and not e.settled]:
            entry.settled = True
            if entry.passed:
                self.counts.settled_pass += 1  # told, and the machine may have acted on it: the row stands
            else:
                self.counts.settled_reject += 1
                if entry.state is State.DECIDED and entry.record.accept:
                    self._amend(entry, Reason.LINE_LOST, "the rejector died before the pack was passed")
            self._close(entry)
        return self._take()

    def rejector_ready(self, station: int) -> None:
        self._rejector_up[station] = True

    def recorder_ready(self) -> list[Action]:
        """A new recorder: it is told again all that is not known to be durable."""
        for key in self._unwritten:
            self._actions.append(DoWrite(key, self.entries[key].record))
        return self._take()

    def tick(self, now_ns: int) -> list[Action]:
        """Time went by: deadlines, hangs."""
        while self._deadlines:
            due_ns, key = self._deadlines[0]
            entry = self.entries.get(key)
            met = entry is None or (entry.state is State.DECIDED and (entry.passed or not entry.record.accept))
            if not met and due_ns > now_ns:
                break
            heapq.heappop(self._deadlines)  # one that was met must not wake the line: every sixth turn was for nothing else
            if entry is None or met:
                continue
            if entry.state is not State.DECIDED:
                self._late_entry(entry, now_ns)
            else:
                self._amend(entry, Reason.NOT_RECORDED, "its row was not durable at the deadline")
        for inspector, (key, _, dispatched_ns) in self._busy.items():
            if now_ns - dispatched_ns >= self._hang_ns and inspector not in self._killed:
                self._killed.add(inspector)
                self._actions.append(DoKill(inspector, key))
        self._dispatch(now_ns)
        return self._take()

    # --- questions ----------------------------------------------------------------------------------------------------

    def next_event_ns(self) -> int | None:
        """When tick() must be called at the latest, None = nothing under way."""
        next_ns = self._deadlines[0][0] if self._deadlines else None
        for inspector, (_, _, dispatched_ns) in self._busy.items():
            if inspector not in self._killed and (next_ns is None or dispatched_ns + self._hang_ns < next_ns):
                next_ns = dispatched_ns + self._hang_ns
        return next_ns

    def owed_since_ns(self) -> int | None:
        """Since when an inspector owes an answer: 0 = frames wait for it, None = none does."""
        if self._waiting:
            return 0
        return min([held[2] for held in self._busy.values()], default=None)

    @property
    def pending(self) -> int:
        """Triggers without a verdict."""
        return len(self._waiting) + sum(e.state is State.INSPECTING for e in self.entries.values())

    @property
    def open(self) -> int:
        """Triggers not closed: undecided, not durable or not settled."""
        return len(self.entries)

    @property
    def unwritten(self) -> int:
        return len(self._unwritten)

    @property
    def all_written_settled(self) -> bool:
        """Every trigger decided so far has its last revision."""
        return all(e.settled and e.key not in self._unwritten for e in self.entries.values() if e.state is State.DECIDED)

    def slots(self) -> set[int]:
        """Slots that the ledger holds: waiting or given to an inspector."""
        return {s for e in self.entries.values() if (s := e.slot) is not None} | {s for _, s, _ in self._busy.values()}

    def slot_of(self, inspector: int) -> int:
        """The slot that was given to this inspector."""
        return self._busy[inspector][1]

    def check(self) -> None:
        """Asserts the sums that must hold after every event."""
        c = self.counts
        assert c.triggered == c.accepted + c.rejected + self.pending, (c, self.pending)
        assert c.rejected == sum(c.reasons.values()), c
        assert c.triggered == sum(self.last_trigger) - self._triggers_before, c
        assert set(self._idle).isdisjoint(self._busy), (self._idle, self._busy)
        assert c.passed <= c.rows_durable, c
        assert not (self._idle and self._waiting), (self._idle, self._waiting)

    # --- inside -----------------------------------------------------------------------------------------------------------

    def _take(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions

    def _open(self, station: int, record: Record, slot: int | None, generation: int) -> Entry:
        assert record.trigger == self.last_trigger[station] + 1, (
            f"station {self._stations[station]}: trigger {record.trigger} after {self.last_trigger[station]}"
        )
        self.last_trigger[station] = record.trigger
        key = (station, record.trigger)
        deadline_ns = record.arrival_ns + self._deadline_ns
        entry = Entry(key, record, deadline_ns, slot, generation, settled=not self._rejector_up[station])
        self.entries[key] = entry
        self.counts.triggered += 1
        if entry.settled:
            self.counts.settled_reject += 1
        else:
            self._actions.append(DoExpect(key, record.arrival_ns, record.encoder_count))
        heapq.heappush(self._deadlines, (deadline_ns, key))
        return entry

    def _dispatch(self, now_ns: int) -> None:
        """Gives waiting frames to idle inspectors, oldest first.

        A frame that cannot be done in time any more is not begun: under overload every frame would else be finished
        just too late, and nothing be passed at all.
        """
        while self._waiting and self._idle:
            key = self._waiting.popleft()
            entry = self.entries[key]
            if now_ns + self._typical_ns >= entry.deadline_ns:
                self._waiting.appendleft(key)
                self._late_entry(entry, now_ns)
                continue
            inspector = self._idle.pop(0)
            assert entry.slot is not None
            self._busy[inspector] = (key, entry.slot, now_ns)
            entry.state = State.INSPECTING
            entry.inspector = inspector
            self._actions.append(DoInspect(inspector, key, entry.slot, entry.generation))
            entry.slot = None

    def _late_entry(self, entry: Entry, now_ns: int) -> None:
        if entry.state is State.WAITING:
            self._waiting.remove(entry.key)
            entry.record.detail = "no inspector was free in time"
        else:
            entry.record.detail = f"inspector {entry.inspector} was not done in time"
        self._decide(entry, (Reason.MISSED_DEADLINE,), now_ns)

    def _decide(self, entry: Entry, reasons: tuple[Reason, ...], now_ns: int) -> None:
        assert entry.state is not State.DECIDED, f"{entry.key} would be decided twice"
        was_inspecting = entry.state is State.INSPECTING
        entry.state = State.DECIDED
        record = entry.record
        record.reasons = reasons
        record.decided_ns = now_ns
        if reasons:
            self.counts.rejected += 1
            self.counts.reasons[reasons[0]] += 1
            self._actions.append(DoReject(entry.key, entry.bad_places))
        else:
            self.counts.accepted += 1
        record.evidence = bool(reasons) and (entry.slot is not None or was_inspecting)
        self._unwritten[entry.key] = None
        self._actions.append(DoWrite(entry.key, record))
        if entry.slot is not None:
            self._actions.append(DoRelease(entry.slot, entry.key, keep=bool(reasons)))
            entry.slot = None

    def _amend(self, entry: Entry, reason: Reason, detail: str) -> None:
        """Turns a decided accept into a reject: its row is written once more, with the next revision."""
        assert entry.record.accept
        self.counts.accepted -= 1
        self.counts.rejected += 1
        self.counts.reasons[reason] += 1
        self.counts.amended += 1
        record = entry.record
        entry.record = replace(record, reasons=(reason,), revision=record.revision + 1, detail=detail)
        self._unwritten[entry.key] = None
        self._actions.append(DoReject(entry.key))
        self._actions.append(DoWrite(entry.key, entry.record))

    def _close(self, entry: Entry) -> None:
        if entry.settled and entry.state is State.DECIDED and entry.acked_revision == entry.record.revision:
            del self.entries[entry.key]
