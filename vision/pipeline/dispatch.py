"""Carrying out what the ledger decides: messages to the children, and the slots that go with them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from vision.config import LineConfig
from vision.pipeline import actions as do
from vision.pipeline.actions import Action
from vision.pipeline.crew import Crew
from vision.pipeline.ledger import Ledger
from vision.pipeline.messages import Expect, Inspect, KeepImage, Key, Pass, Reject, Row, Slots, Write, row_of
from vision.pipeline.pool import SlotOwners

log = logging.getLogger("line")

_ROW_AGE_NS = 36_000_000
_ROW_AGE_SLACK_NS = 6_000_000
"""A row waits for the next one until its pack is so old, or nearly so when the loop turns anyway, and goes at once when it is
older: a commit costs nearly the same for one row as for four, and a slow frame's row never waits. By age and not by a time after
the verdict, for that would come on top of the slowest. At 30 ms a commit held 1.2 rows at 60 packs/s."""
_WORD_AGE_NS = 40_000_000
"""A word to the rejector waits as long at the most, and goes before any row; not where the deadline is near."""
_DEADLINE_NEAR_NS = 120_000_000

_UNWRITTEN_LIMIT = 20_000  # rows held for a recorder that does not answer: about 40 MB, six minutes at 60 packs/s


class Dispatch:
    """Actions of the ledger to messages; knows who owns which slot.

    overrun: in words, when more rows wait for the recorder than may; empty else.
    """

    def __init__(self, config: LineConfig, crew: Crew, ledger: Ledger) -> None:
        self._names = tuple(station.name for station in config.stations)
        self._inspector_count = config.inspectors
        self._slot_count = config.slots
        self._crew = crew
        self._ledger = ledger
        self.owners = SlotOwners(config.slots)
        self._rows: list[tuple[int, Row]] = []  # decided, not yet sent to the recorder
        self._rows_due_ns = 0
        self._words_due_ns: int | None = None  # what is held for the rejectors must go then
        self._row_age_ns = min(_ROW_AGE_NS, int(config.deadline_ms * 1e6) // 8)
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

    def carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            self._by_kind[type(action)](action)

    def next_ns(self) -> int | None:
        """When send_held() must be called at the latest."""
        if self._rows:
            return self._rows_due_ns if self._words_due_ns is None else min(self._rows_due_ns, self._words_due_ns)
        return self._words_due_ns

    def send_held(self, now_ns: int) -> None:
        """Sends what waited for company, where it is time."""
        rows_go = bool(self._rows) and now_ns >= self._rows_due_ns - _ROW_AGE_SLACK_NS
        if self._words_due_ns is not None and (rows_go or now_ns >= self._words_due_ns):
            # Before the rows: should the line die now, the rejector knows of every pack that has a row and was not passed.
            self._words_due_ns = None
            for child in self._crew.of("rejector"):
                child.channel.release()
        if rows_go:
            self._crew.send("recorder", 0, Write(tuple(self._rows)))
            self._rows.clear()

    def forget_rows(self) -> None:
        """The recorder is gone: the next one is told again all that is not durable."""
        self._rows.clear()

    def returned(self, slot: int) -> None:
        """A slot came back from an acquirer or an inspector; the ledger says what becomes of it."""
        self.owners.give(slot, "ledger")

    def image_done(self, slot: int, kept: bool) -> None:
        self.owners.release(slot)
        self.images_dropped += not kept

    @property
    def slots_free(self) -> int:
        return len(self.owners.free) + self.owners.count("acquirer")

    def give_slots(self) -> None:
        """Gives free slots to the acquirers, each no more than its share."""
        if not self.owners.free:
            return
        acquirers = self._crew.of("acquirer")
        for child in acquirers:
            full_share = max(1, self._slot_count // len(acquirers))
            share = full_share - len(self.owners.owned_by("acquirer", child.index))
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
        self._ledger.check()
        held = self._ledger.slots()
        owned = set(self.owners.owned_by("ledger"))
        for inspector in range(self._inspector_count):
            owned.update(self.owners.owned_by("inspector", inspector))
        assert held == owned, f"slots held by the ledger {held}, by the owners' table {owned}"
        assert all(self.owners.owner[slot] == ("line", 0) for slot in self.owners.free), "a free slot has an owner"

    # --- the actions ------------------------------------------------------------------------------------------------------

    def _expect(self, action: do.DoExpect) -> None:
        self._say(action.key, Expect(action.key[1], action.arrival_ns, action.encoder_count))

    def _pass(self, action: do.DoPass) -> None:
        self._say(action.key, Pass(action.key[1]))

    def _reject(self, action: do.DoReject) -> None:
        self._say(action.key, Reject(action.key[1]))

    def _say(self, key: Key, word: Expect | Pass | Reject) -> None:
        """A word to the rejector, which waits for others unless its pack's deadline is near."""
        child = self._crew.get("rejector", key[0])
        if child is None:
            return
        now_ns = time.monotonic_ns()
        child.channel.hold(word)
        if now_ns > self._ledger.entries[key].deadline_ns - _DEADLINE_NEAR_NS:
            child.channel.release()
        elif self._words_due_ns is None:
            self._words_due_ns = now_ns + _WORD_AGE_NS

    def _inspect(self, action: do.DoInspect) -> None:
        self.owners.give(action.slot, "inspector", action.inspector)
        self._crew.send("inspector", action.inspector, Inspect(action.key, action.slot, action.generation))

    def _write(self, action: do.DoWrite) -> None:
        if self._crew.get("recorder") is not None:
            record = action.record
            due_ns = record.arrival_ns + self._row_age_ns
            self._rows_due_ns = min(self._rows_due_ns, due_ns) if self._rows else due_ns
            self._rows.append((action.key[0], row_of(record)))
        if self._ledger.unwritten > _UNWRITTEN_LIMIT:
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
