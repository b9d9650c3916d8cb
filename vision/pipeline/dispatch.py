"""Between the ledger and the children: their words become its events, what it decides becomes messages, and slots go with both.

The line hands over what children say of triggers; who lives and who is started anew is not known here.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from vision.audit.spc import Charts
from vision.cameras.frame_ids import SEEN_COUNT, Seen
from vision.config import LineConfig
from vision.pipeline import actions as do
from vision.pipeline.actions import Action
from vision.pipeline.crew import Crew
from vision.pipeline.ledger import Ledger
from vision.pipeline.messages import (
    Ack,
    Expect,
    FrameMissing,
    FrameReady,
    ImageDone,
    Inspect,
    Inspected,
    KeepImage,
    Key,
    Pass,
    Reject,
    Row,
    Settled,
    Slots,
    Write,
    row_of,
)
from vision.pipeline.pool import SlotOwners
from vision.pipeline.process import Child
from vision.pipeline.stats import LatencyHistogram, RateMeter
from vision.types import Reason, Record
from vision.verdict.recipe import Recipe

log = logging.getLogger("line")

_ROW_AGE_NS = 36_000_000
_ROW_AGE_SLACK_NS = 6_000_000
"""A row waits for the next one until its pack is so old, or nearly so when the loop turns anyway, and goes at once when it is
older: a commit costs nearly the same for one row as for four, and a slow frame's row never waits. By age and not by a time after
the verdict, for that would come on top of the slowest. At 30 ms a commit held 1.2 rows at 60 packs/s."""
_WORD_AGE_NS, _WORD_SLACK_NS = 100_000_000, 20_000_000
"""A word to the rejector waits as long at the most, and not so long when the loop turns anyway; not at all where the deadline is
near, and as briefly as may be where it also says where the belt is. Only an ejector at its due time needs it; should the line die
first, the rejector's last words say which packs it was never told to pass (last_words.py)."""
_WORD_AGE_ENCODER_NS = 20_000_000
_DEADLINE_NEAR_NS = 120_000_000
_PATIENCE_NS = 25_000_000
"""An answer of an inspector or of the recorder may lie unread so long: it is read when the next frame wakes the line."""

_UNWRITTEN_LIMIT = 20_000  # rows held for a recorder that does not answer: about 40 MB, six minutes at 60 packs/s


class Dispatch:
    """Words of children to the ledger, its actions to messages; knows who owns which slot.

    claim, last_triggers, free: see Ledger. overrun: in words, when more rows wait for the recorder than may; empty else.
    seen: by station, the last frames with an id: where its camera's next process goes on. buffer_counts: by station, slots
    beyond the configured ones that its camera fills ahead.
    """

    def __init__(
        self,
        config: LineConfig,
        crew: Crew,
        claim: Callable[[Sequence[str]], tuple[Reason, ...]],
        recipes: Sequence[Recipe],
        last_triggers: Sequence[int] = (),
        buffer_counts: Sequence[int] = (),
        free: Callable[[Sequence[str]], None] = lambda serials: None,
    ) -> None:
        self._names = tuple(station.name for station in config.stations)
        self._inspector_count = config.inspectors
        self._slot_count = config.slots
        self._crew = crew
        deadline_ns = int(config.deadline_ms * 1e6)
        self.ledger = Ledger(self._names, deadline_ns, deadline_ns, claim, self._row_durable, last_triggers, free)
        self._buffer_counts = tuple(buffer_counts) or (0,) * len(self._names)
        self.owners = SlotOwners(config.slots + sum(self._buffer_counts))
        self._rows: list[tuple[int, Row]] = []  # decided, not yet sent to the recorder
        self._rows_due_ns = 0
        self._words_due_ns: int | None = None  # what is held for the rejectors must go then
        self._row_age_ns = min(_ROW_AGE_NS, deadline_ns // 8)
        self._patience_ns = min(_PATIENCE_NS, deadline_ns // 16)
        self._word_age_ns = [
            _WORD_AGE_NS if s.reject.encoder_counts_per_mm is None else _WORD_AGE_ENCODER_NS for s in config.stations
        ]
        self._written_ns: int | None = None  # rows were sent then, and nothing heard of them yet
        self.seen: list[deque[Seen]] = [deque(maxlen=SEEN_COUNT) for _ in self._names]
        self._charts = [Charts(r.setup.standard, r.setup.edition, r.grade_min) for r in recipes]
        self.latency = LatencyHistogram()
        self.rate = RateMeter()
        self.inspect_cpu_ns = 0
        self.images_dropped = 0
        self.overrun = ""
        self._by_kind: dict[type, Callable[[Any], None]] = {
            do.DoExpect: self._expect,
            do.DoInspect: self._inspect,
            do.DoWrite: self._write,
            do.DoPass: self._pass,
            do.DoReject: self._reject,
            do.DoRelease: self._release,
            do.DoKill: self._kill,
        }

    # --- what children say ------------------------------------------------------------------------------------------------

    def on_frame(self, child: Child, message: FrameReady) -> None:
        station = child.index
        self._saw(station, message)
        self.owners.give(message.slot, "ledger")
        record = self._record(station, message.trigger, message.arrival_ns)
        record.frame_id = message.frame_id
        record.device_timestamp_ns = message.device_timestamp_ns
        record.encoder_count = message.encoder_count
        self._carry_out(self.ledger.frame(station, record, message.slot, message.generation, time.monotonic_ns()))

    def on_missing(self, child: Child, message: FrameMissing) -> None:
        station = child.index
        self._saw(station, message)
        record = self._record(station, message.trigger, message.arrival_ns)
        record.frame_id, record.detail, record.encoder_count = message.frame_id, message.detail, message.encoder_count
        self._carry_out(self.ledger.missing(station, record, message.reason, time.monotonic_ns()))

    def _saw(self, station: int, message: FrameReady | FrameMissing) -> None:
        if message.frame_id is not None:
            self.seen[station].append(Seen(message.trigger, message.frame_id, message.arrival_ns))

    def _record(self, station: int, trigger: int, arrival_ns: int) -> Record:
        self.rate.add(time.monotonic())
        utc_ns = time.time_ns() - (time.monotonic_ns() - arrival_ns)
        return Record(self._names[station], trigger, (), arrival_ns, utc_ns, 0)

    def on_inspected(self, child: Child, message: Inspected) -> None:
        self.owners.give(self.ledger.slot_of(child.index), "ledger")
        self.inspect_cpu_ns += message.cpu_ns
        self._follow(message)
        now_ns = time.monotonic_ns()
        found = (message.reasons, message.serials, message.symbols, message.inspect_ns)
        actions = self.ledger.inspected(child.index, message.key, *found, now_ns, message.bad_places)
        self._carry_out(actions)

    def _follow(self, message: Inspected) -> None:
        """Into the control charts; a warning that begins stands in the row of the pack that it begins with."""
        station, _ = message.key
        begun = self._charts[station].add(message.measured)
        entry = self.ledger.entries.get(message.key)
        if begun and entry is not None:
            entry.record.detail = f"print drifts: {'; '.join(begun)}"
            log.warning("%s: print drifts: %s", self._names[station], "; ".join(begun))

    @property
    def print_warnings(self) -> tuple[str, ...]:
        """What the control charts warn of now, with the station where there are several."""
        return tuple(
            words if len(self._names) == 1 else f"{name}: {words}"
            for name, charts in zip(self._names, self._charts, strict=True)
            for words in charts.warnings
        )

    def on_ack(self, child: Child, message: Ack) -> None:
        now_ns = time.monotonic_ns()
        self._written_ns = None
        for station, trigger, reasons in message.refused:
            self._carry_out(self.ledger.refused((station, trigger), reasons))
        for station, trigger, revision in message.rows:
            self._carry_out(self.ledger.durable((station, trigger), revision, message.durable_ns, now_ns))

    def _row_durable(self, record: Record, durable_ns: int) -> None:
        if record.frame_id is not None or record.inspector >= 0:
            self.latency.add(durable_ns - record.arrival_ns)

    def on_image_done(self, child: Child, message: ImageDone) -> None:
        self._image_done(message.slot, message.kept)

    def _image_done(self, slot: int, kept: bool) -> None:
        self.owners.release(slot)
        self.images_dropped += not kept

    def on_settled(self, child: Child, message: Settled) -> None:
        for trigger, accept in message.fates:
            self._carry_out(self.ledger.settled((child.index, trigger), accept, time.monotonic_ns()))

    # --- children that come and go ----------------------------------------------------------------------------------------

    def ready(self, child: Child) -> None:
        """A child can work now; a recorder is told again all that is not durable."""
        if child.role == "inspector":
            self._carry_out(self.ledger.inspector_ready(child.index, time.monotonic_ns()))
        elif child.role == "recorder":
            self._rows.clear()
            self._carry_out(self.ledger.recorder_ready())
        elif child.role == "rejector":
            self.ledger.rejector_ready(child.index)

    def lost(self, child: Child) -> None:
        """A child is gone: what it held is ours again."""
        now_ns = time.monotonic_ns()
        if child.role == "inspector":
            for slot in self.owners.owned_by("inspector", child.index):
                self.owners.give(slot, "ledger")
            self._carry_out(self.ledger.inspector_lost(child.index, f"{child.name} {child.ended}", now_ns))
        elif child.role == "recorder":
            self._rows.clear()
            self._written_ns = None
            for slot in self.owners.owned_by("recorder"):
                self._image_done(slot, kept=False)
        elif child.role == "rejector":
            self._carry_out(self.ledger.rejector_lost(child.index, now_ns))
        elif child.role == "acquirer":
            for slot in self.owners.owned_by("acquirer", child.index):
                self.owners.release(slot)

    # --- time -------------------------------------------------------------------------------------------------------------

    def next_ns(self) -> int | None:
        """When tick() must be called at the latest, None = nothing under way."""
        times = (self.ledger.next_event_ns(), self._rows_due_ns if self._rows else None, self._words_due_ns)
        return min((t for t in times if t is not None), default=None)

    def listen_from_ns(self) -> int:
        """Until then the answers of inspectors and recorder need not wake the line; 0 = they must."""
        owed = [since_ns for since_ns in (self.ledger.owed_since_ns(), self._written_ns) if since_ns is not None]
        since_ns = min(owed, default=0)
        return since_ns and since_ns + self._patience_ns

    def tick(self, now_ns: int) -> None:
        """Time went by: deadlines, hangs, and what waited for company goes where it is time."""
        self._carry_out(self.ledger.tick(now_ns))
        if self._words_due_ns is not None and now_ns >= self._words_due_ns - _WORD_SLACK_NS:
            self._words_due_ns = None
            for child in self._crew.of("rejector"):
                child.channel.release()
        if self._rows and now_ns >= self._rows_due_ns - _ROW_AGE_SLACK_NS:
            self._crew.send("recorder", 0, Write(tuple(self._rows)))
            self._rows.clear()
            self._written_ns = self._written_ns or now_ns

    # --- slots ------------------------------------------------------------------------------------------------------------

    @property
    def slots_free(self) -> int:
        """Of the configured ones."""
        return max(0, len(self.owners.free) + self.owners.count("acquirer") - sum(self._buffer_counts))

    def give_slots(self) -> None:
        """Gives free slots to the acquirers, each no more than its share."""
        if not self.owners.free:
            return
        acquirers = [child for index in range(len(self._names)) if (child := self._crew.get("acquirer", index)) is not None]
        if not acquirers:
            return
        full_share = max(1, self._slot_count // len(acquirers))
        for child in acquirers:
            share = full_share + self._buffer_counts[child.index] - self.owners.count("acquirer", child.index)
            if share < full_share / 4:  # enough there; many slots in one message, for each message wakes a process
                continue
            given = []
            while share > 0 and (slot := self.owners.take_free("acquirer", child.index)) is not None:
                given.append(slot)
                share -= 1
            if given:
                child.channel.send(Slots(tuple(given)))

    def check(self) -> None:
        """The sums of the house: triggers, reasons, slots."""
        self.ledger.check()
        held = self.ledger.slots()
        owned = set(self.owners.owned_by("ledger"))
        for inspector in range(self._inspector_count):
            owned.update(self.owners.owned_by("inspector", inspector))
        assert held == owned, f"slots held by the ledger {held}, by the owners' table {owned}"
        assert all(self.owners.owner[slot] == ("line", 0) for slot in self.owners.free), "a free slot has an owner"

    # --- the actions ------------------------------------------------------------------------------------------------------

    def _carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            self._by_kind[type(action)](action)

    def _expect(self, action: do.DoExpect) -> None:
        self._say(action.key, Expect(action.key[1], action.arrival_ns, action.encoder_count))

    def _pass(self, action: do.DoPass) -> None:
        self._say(action.key, Pass(action.key[1]))

    def _reject(self, action: do.DoReject) -> None:
        self._say(action.key, Reject(action.key[1], action.bad_places))

    def _say(self, key: Key, word: Expect | Pass | Reject) -> None:
        """A word to the rejector, which waits for others unless its pack's deadline is near."""
        child = self._crew.get("rejector", key[0])
        if child is None:
            return
        now_ns = time.monotonic_ns()
        child.channel.hold(word)
        if now_ns > self.ledger.entries[key].deadline_ns - _DEADLINE_NEAR_NS:
            child.channel.release()
        else:
            due_ns = now_ns + self._word_age_ns[key[0]]
            self._words_due_ns = due_ns if self._words_due_ns is None else min(self._words_due_ns, due_ns)

    def _inspect(self, action: do.DoInspect) -> None:
        self.owners.give(action.slot, "inspector", action.inspector)
        self._crew.send("inspector", action.inspector, Inspect(action.key, action.slot, action.generation))

    def _write(self, action: do.DoWrite) -> None:
        if self._crew.get("recorder") is not None:
            record = action.record
            due_ns = record.arrival_ns + self._row_age_ns
            self._rows_due_ns = min(self._rows_due_ns, due_ns) if self._rows else due_ns
            self._rows.append((action.key[0], row_of(record)))
        if self.ledger.unwritten > _UNWRITTEN_LIMIT:
            self.overrun = f"more than {_UNWRITTEN_LIMIT} rows wait for the recorder"

    def _release(self, action: do.DoRelease) -> None:
        """Free, or to the recorder as evidence while that holds no more than a quarter of the slots."""
        recorder = self._crew.get("recorder")
        if action.keep and recorder is not None and self.owners.count("recorder") < max(1, self._slot_count // 4):
            self.owners.give(action.slot, "recorder")
            (recorder.channel.hold if self._rows else recorder.channel.send)(
                KeepImage(action.key, action.slot, self._names[action.key[0]])
            )
            return
        self.images_dropped += action.keep
        self.owners.release(action.slot)

    def _kill(self, action: do.DoKill) -> None:
        log.error("inspector-%d hangs on trigger %s: killed", action.inspector, action.key)
        child = self._crew.get("inspector", action.inspector)
        if child is not None:
            child.kill(dump_stack=True)
