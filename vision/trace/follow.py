"""Packing while the line runs: what a station lets through goes into containers, in the order in which it passed.

The results are what is true, the journal says how far they were followed: after a stop or a crash the next start goes on with the
next pack, and no pack is packed twice or left out. The line knows nothing of it and waits for nothing. A pack whose accept was
amended to a reject after it was packed is taken out again; one that is no longer good (removed by hand, a sample, blocked) or
was packed by somebody else is left where it is and told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc

from vision.trace.aggregate import Aggregation, AggregationError, Entry
from vision.trace.journal import Journal
from vision.trace.records import epc_of, pack_lists

_COLUMNS = ["station", "trigger", "revision", "position", "accept", "serial", "product"]
_Row = tuple[int, int, str]
"""(trigger, position or 0, EPC) of a pack that passed."""


class News(NamedTuple):
    """passed: packs in their order. amended: packs whose accept was taken back. last: the last trigger that is told without a hole
    before it. whole: sealed files without anything new."""

    passed: list[_Row]
    amended: list[str]
    last: int
    whole: set[str]


class Follower:
    """Fills containers with the packs of one station of one batch.

    batch: its folder. levels: names, the smallest first: packs go into the first, a full container into the next one. entries: of
    the line's journal. note: told in words what was not packed.
    """

    def __init__(
        self, batch: Path, station: str, levels: Sequence[str], entries: Sequence[Entry], note: Callable[[str], None]
    ) -> None:
        self._batch = batch
        self._station = station
        self._levels = tuple(levels)
        self._note = note
        self._last = 0  # every trigger up to it was followed
        self._packed: dict[str, int] = {}  # the trigger by which a pack was packed
        self._current: dict[str, str] = {}  # the last container of each level
        self._whole: set[str] = set()  # sealed files that hold nothing new
        for entry in entries:
            self._remember(entry)

    def step(self, journal: Journal, news: News) -> list[Entry]:
        """Packs what has passed; the entries, durable. Raises AggregationError, ResultsError, OSError."""
        done: list[Entry] = []
        with journal.together():
            for epc in news.amended:
                self._take_out(journal, epc, done)
            self._go_up(journal, done)
            self._fill(journal, news.passed, done)
        self._last = news.last
        self._whole |= news.whole
        return done

    def finish(self, journal: Journal) -> list[Entry]:
        """The batch has ended: containers that are not full are closed, and go into the next level."""
        done: list[Entry] = []
        with journal.together():
            for level in self._levels:
                self._go_up(journal, done)
                container = self._open(journal.state, level)
                if container is not None and journal.state.containers[container].children:
                    self._do(journal, journal.state.close(container), done)
            self._go_up(journal, done)
        return done

    # --- what passed ---------------------------------------------------------------------------------------------------------

    def look(self) -> News:
        """What passed, or was amended, since the last step. Raises ResultsError."""
        verdicts: dict[int, tuple[int, list[_Row]]] = {}
        whole: set[str] = set()
        taken_back: set[int] = set()
        for packs in pack_lists(self._batch):
            name, sealed = packs.path.name, packs.path.suffix != ".arrows"
            if name in self._whole:
                continue
            table = packs.table.select(_COLUMNS)
            table = table.filter(pc.equal(table["station"].cast("string"), self._station))
            for row in table.to_pylist():
                trigger, revision = row["trigger"], row["revision"]
                if trigger <= self._last:
                    if revision > 0 and not row["accept"]:  # its row may say no more what was read
                        taken_back.add(trigger)
                    continue
                known = verdicts.get(trigger, (-1, []))
                if revision > known[0]:
                    known = verdicts[trigger] = (revision, [])
                epc = epc_of(row)
                if row["accept"] and revision == known[0] and epc is not None:
                    pack = (trigger, row["position"] or 0, epc)
                    known[1].extend([pack] if pack not in known[1] else [])
            if sealed and (not table.num_rows or int(np.max(table["trigger"].to_numpy())) <= self._last):
                whole.add(name)
        last = self._last
        while last + 1 in verdicts:  # rows may come out of turn: the next one is waited for
            last += 1
        passed = [pack for trigger in range(self._last + 1, last + 1) for pack in sorted(verdicts[trigger][1])]
        amended = [epc for epc, trigger in self._packed.items() if trigger in taken_back]
        return News(passed, amended, last, whole)

    # --- deeds ---------------------------------------------------------------------------------------------------------------

    def _fill(self, journal: Journal, passed: Sequence[_Row], done: list[Entry]) -> None:
        level = self._levels[0]
        rest = [pack for pack in passed if self._may_be_packed(journal.state, pack)]
        while rest:
            container = self._open(journal.state, level)
            room = journal.state.room(level, container)
            now, rest = rest[:room], rest[room:]
            entry = journal.state.pack(level, [epc for _, _, epc in now], container)
            self._do(journal, entry, done, [trigger for trigger, _, _ in now])
            self._go_up(journal, done)

    def _may_be_packed(self, state: Aggregation, pack: _Row) -> bool:
        trigger, _, epc = pack
        if epc in state.parents:
            self._note(f"trigger {trigger}: {epc} is in {state.parents[epc]} already")
            return False
        if not state.is_commissioned(epc):
            self._note(f"trigger {trigger}: {epc} passed, but is no good pack any more: not packed")
            return False
        return True

    def _take_out(self, journal: Journal, epc: str, done: list[Entry]) -> None:
        trigger = self._packed.pop(epc)
        if epc in journal.state.parents:
            try:
                self._do(journal, journal.state.unpack([epc]), done)
            except AggregationError as error:
                self._note(f"trigger {trigger}: {epc} was rejected after it was packed, and must be taken out by hand: {error}")

    def _go_up(self, journal: Journal, done: list[Entry]) -> None:
        """A container of a lower level that was closed goes into the next level, once."""
        for lower, upper in zip(self._levels, self._levels[1:], strict=False):
            state, container = journal.state, self._current.get(lower)
            if container is None or container in self._packed or container in state.parents:
                continue
            held = state.containers[container]
            if held.closed and not held.dissolved:
                self._do(journal, state.pack(upper, [container], self._open(state, upper)), done, [0])

    def _open(self, state: Aggregation, level: str) -> str | None:
        """The container of a level that is being filled; None = a new one is begun."""
        container = self._current.get(level)
        if container is None:
            return None
        held = state.containers[container]
        return None if held.closed or held.dissolved or container in state.parents else container

    def _do(self, journal: Journal, entry: Entry, done: list[Entry], triggers: Sequence[int] = ()) -> None:
        place = {"batch": self._batch.name, "station": self._station, "triggers": list(triggers)}
        entry = journal.do({**entry, "followed": place})
        self._remember(entry)
        done.append(entry)

    def _remember(self, entry: dict[str, Any]) -> None:
        followed = entry.get("followed")
        if not followed or (followed["batch"], followed["station"]) != (self._batch.name, self._station):
            return
        if entry["do"] == "pack":
            self._current[entry["level"]] = entry["parent"]
            self._packed |= dict(zip(entry["children"], followed["triggers"], strict=True))
            self._last = max(self._last, *followed["triggers"])
        elif entry["do"] == "unpack":
            for epc in entry["children"]:
                self._packed.pop(epc, None)
