"""What happened to a serial, a lot, a case, and the recall of it: records and whereabouts put together, as the command gives them.

Everything comes back as plain values for JSON, names as in the contract's files. Nothing is written here but the block list of a
recall, and that into the pool of serials, which the line takes up within a second.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vision.config import TraceConfig
from vision.results.folder import batches, read_batch_info
from vision.results.operations import append_operation, read_operations
from vision.serials.pool import BlockKind, Pool
from vision.trace.aggregate import Entry
from vision.trace.components import components_of, of_pack
from vision.trace.events import Event, Happening, Place
from vision.trace.identifiers import IdentifierError, is_container, item_epc, item_of, sscc_of
from vision.trace.journal import JOURNAL, journal_events, read_journal
from vision.trace.records import Question, Records, epc_of, epcs_of
from vision.trace.whereabouts import Whereabouts, all_whereabouts
from vision.types import LINE_REASONS, Reason

_STATES = {"Inactive": Happening.DECOMMISSIONED, "Destroyed": Happening.DESTROYED, "Sampled": Happening.SAMPLED}
"""What moving commissioned packs into a state is, as an event."""
_TOLD = ("serial", "product", "lot", "expiry", "line", "batch", "station", "trigger", "position", "accept")
_FAULTS = frozenset(Reason) - LINE_REASONS - {Reason.DUPLICATE_SERIAL, Reason.BLOCKED_SERIAL, Reason.UNKNOWN_SERIAL}
"""What is wrong with a pack itself: the station's faults are not its, and a serial seen twice may be on a copy."""


def place_of(config: TraceConfig) -> Place:
    return Place(config.gln, ZoneInfo(config.time_zone))


@dataclass(slots=True)
class History:
    """A results folder, opened for questions. pool: of the serials, None = their states are not told. Raises ResultsError."""

    results: Path
    pool: Pool | None = None
    records: Records = field(init=False)
    whereabouts: list[Whereabouts] = field(init=False)

    def __post_init__(self) -> None:
        self.records = Records(self.results)
        self.whereabouts = list(all_whereabouts(self.results))
        for one in self.whereabouts:
            if one.wants_index:
                with contextlib.suppress(OSError):  # an archive cannot be written: the next question reads as much again
                    one.write_index()

    # --- questions ----------------------------------------------------------------------------------------------------------

    def of_serial(self, serial: str, product: str | None = None) -> dict[str, Any]:
        """All that is known of a serial: every time it was seen, with grade and evidence, its containers, its events."""
        seen = self.records.of_serial(serial, product)
        epcs = list(dict.fromkeys(epc for row in seen if (epc := epc_of(row))))
        products = list(dict.fromkeys(str(row["product"]) for row in seen))
        return {
            "serial": serial,
            "products": products,
            "epcs": epcs,
            "states": [state for product in products if (state := self._state(product, serial))],
            "seen": [self._seen(row) for row in seen],
            "containers": [container for epc in epcs for container in self._around(epc)],
            "events": self._events_about(epcs),
        }

    def of_case(self, epc: str) -> dict[str, Any] | None:
        """A container: what is around it, in it, and what happened to it; None for one that no journal knows."""
        for one in self.whereabouts:
            if one.level(epc):
                packs = one.packs(epc)
                return {
                    "sscc": sscc_of(epc),
                    "line": one.folder.name,
                    "level": one.level(epc),
                    "containers": self._around(epc),
                    "children": one.inside(epc),
                    "packs": [dict(zip(("gtin", "serial"), item_of(pack), strict=True)) for pack in packs],
                    "events": [event_row(event) for event in journal_events(one.entries_about([epc])) if _concerns(event, {epc})],
                }
        return None

    def select(self, question: Question) -> list[dict[str, Any]]:
        """Every pack asked for and where it is now: the container around it and the outermost one, None = in none."""
        # By columns, as far as Arrow and NumPy go: a dict per row and step took four times as long for 100 000 packs.
        table = self.records.select(question)
        epcs = epcs_of(table)
        parents = self._parents(epcs).dictionary_encode()
        containers = parents.dictionary
        told = {name: _values(table[name]) for name in _TOLD}
        moments = table["utc_ns"].cast(pa.timestamp("ns")).cast(pa.timestamp("ms"), safe=False)
        told["utc"] = _values(pc.strftime(moments, format="%Y-%m-%dT%H:%M:%SZ"))
        told["grade"] = _values(pc.round(table["grade"].cast(pa.float64()), 3))
        told["epc"] = _values(epcs)
        for name, around in (("container", containers), ("outermost", self._outermost(containers))):
            ssccs = pa.array(map(sscc_of, around.to_pylist()), pa.string())
            told[name] = _values(pa.DictionaryArray.from_arrays(parents.indices, ssccs))
        names = tuple(told)
        return [dict(zip(names, values, strict=True)) for values in zip(*told.values(), strict=True)]

    def recall_rows(self, question: Question) -> list[dict[str, Any]]:
        """The packs of a recall: each pack that was let through, once, and where it is."""
        rows = {(row["product"], row["serial"]): row for row in self.select(question) if row["accept"]}
        return list(rows.values())

    def block(self, rows: Sequence[dict[str, Any]], kind: BlockKind, who: str, why: str = "") -> int:
        """Puts packs on the block list of the pool; how many were not on it before. Their batches note it as an operation."""
        assert self.pool is not None, "a block list lives in a pool"
        products: dict[str, list[str]] = {}
        bearers: dict[Path, list[str]] = {}
        for row in rows:
            products.setdefault(row["product"], []).append(row["serial"])
            bearers.setdefault(self.results / row["line"] / row["batch"], []).append(row["serial"])
        count = sum(self.pool.block(product, serials, kind) for product, serials in products.items())
        for batch, serials in bearers.items():
            if read_operations(batch):  # in a run that no person started the first line would begin a batch
                append_operation(batch, who, "block", why, serials=serials, kind=kind)
        return count

    def events(self, question: Question) -> list[Event]:
        """The events of the packs asked for: commissioning, what people did to them, packing. In the order of their times."""
        accepted = self._sights(self.records.select(question).to_pylist())
        moved: list[Event] = []
        mine = {epc for event in accepted for epc in event.epcs}
        for batch in self._batches():
            moved += [event for event in operation_events(batch) if mine.intersection(event.epcs)]
        packed: list[Event] = []
        for one in self.whereabouts:
            packed += _packing(read_journal(one.folder / JOURNAL), mine)
        order = {happening: number for number, happening in enumerate(Happening)}
        return sorted([*accepted, *moved, *packed], key=lambda e: (e.utc_ns, order[e.happening], e.parent, e.epcs))

    # --- inside ---------------------------------------------------------------------------------------------------------------

    def _batches(self) -> Iterator[Path]:
        for line in sorted(entry for entry in self.results.iterdir() if entry.is_dir()):
            yield from batches(line)

    def _seen(self, row: dict[str, Any]) -> dict[str, Any]:
        """One sight of a pack with what only its whole row says."""
        whole = self.records.row_of(row)
        components = components_of(self.results / row["line"] / row["batch"])
        evidence = whole.get("evidence")
        return {
            **_pack(row),
            "reasons": whole["reasons"],
            "detail": whole["detail"],
            "evidence": str(Path(row["line"]) / row["batch"] / evidence) if evidence else None,
            "components": of_pack(components, row["station"], row["position"], row["utc_ns"]),
        }

    def _state(self, product: str, serial: str) -> dict[str, str] | None:
        entry = self.pool.entry(product, serial) if self.pool else None
        if entry is None:
            return None
        return {"product": product, "state": entry.state.label, "batch": entry.batch, "blocked": entry.blocked}

    def _around(self, epc: str) -> list[dict[str, str]]:
        for one in self.whereabouts:
            if found := one.around(epc):
                return [{"sscc": sscc_of(container), "level": one.level(container), "line": one.folder.name} for container in found]
        return []

    def _outermost(self, containers: pa.StringArray) -> pa.StringArray:
        """The outermost container around each of these, itself where it is in none. All at once, level by level: one by one, 10 000
        of them took 2 s."""
        while (above := self._parents(containers)).null_count < len(above):
            containers = pc.coalesce(above, containers)
        return containers

    def _parents(self, epcs: pa.StringArray) -> pa.StringArray:
        """The container that each of these is directly in, null = in none."""
        found = pa.nulls(len(epcs), pa.string())
        for one in self.whereabouts:
            found = pc.coalesce(found, one.parents_of(epcs))
        return found

    def _sights(self, rows: list[dict[str, Any]]) -> list[Event]:
        """Packs let through are commissioned, each once; a fault of one that was commissioned before is a failed inspection."""
        commissioned: set[str] = set()
        found = []
        for row in sorted(rows, key=lambda row: int(row["utc_ns"])):
            epc = epc_of(row)
            if epc is None:
                continue
            if row["accept"] and epc not in commissioned:
                commissioned.add(epc)
                found.append(Event(Happening.ACCEPTED, row["utc_ns"], (epc,), lot=row["lot"], expiry=row["expiry"]))
            elif epc in commissioned and row["reason"] in _FAULTS:
                found.append(Event(Happening.FAILED, row["utc_ns"], (epc,)))
        return found

    def _events_about(self, epcs: Sequence[str]) -> list[dict[str, Any]]:
        """Events that name the pack itself, oldest first."""
        mine = set(epcs)
        events = [
            event for epc in epcs for event in self._sights(self.records.of_serial(item_of(epc)[1])) if _concerns(event, mine)
        ]
        for one in self.whereabouts:
            events += [event for event in journal_events(one.entries_about(epcs)) if _concerns(event, mine)]
        for batch in self._batches():
            events += [event for event in operation_events(batch) if _concerns(event, mine)]
        return [event_row(event) for event in sorted(events, key=lambda event: event.utc_ns)]


def operation_events(batch: Path) -> list[Event]:
    """What people did to commissioned packs of a batch, as events, in order. Raises ResultsError."""
    operations = read_operations(batch)
    if not operations:
        return []
    product = read_batch_info(batch).gtin
    found = []
    for operation in operations:
        happening = _STATES.get(str(operation.get("to")))
        serials = operation.get("serials")
        if happening is None or not serials:
            continue
        try:
            epcs = tuple(dict.fromkeys(item_epc(product, serial) for serial in serials))
        except IdentifierError:
            continue  # a product without an EPC has no events at all
        found.append(Event(happening, utc_ns_of(datetime.fromisoformat(operation["utc"])), epcs))
    return found


def event_row(event: Event) -> dict[str, Any]:
    """An event for a reader: what and when; the whole list of packs is in the event file."""
    row: dict[str, Any] = {"happening": event.happening.value, "utc": utc_text(event.utc_ns), "packs": len(event.epcs)}
    if event.parent:
        row["sscc"] = sscc_of(event.parent)
    return row


def where_counts(rows: Sequence[dict[str, Any]]) -> Counter[str]:
    """How many packs are in each outermost container; "" = in none."""
    return Counter(row["outermost"] or "" for row in rows)


def utc_ns_of(moment: datetime) -> int:
    """Nanoseconds since the epoch of a time with its zone."""
    since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000


def utc_text(utc_ns: int) -> str:
    return f"{_second_text(utc_ns // 10**9)}.{utc_ns % 10**9 // 10**6:03d}Z"


@lru_cache(maxsize=1024)
def _second_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _values(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """The values of a column in a list, several times as fast as to_pylist()."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.DictionaryArray):
        values = np.array([*array.dictionary.to_pylist(), None], object)
        return list(values[pc.fill_null(array.indices, len(values) - 1).to_numpy()])
    if array.null_count and not pa.types.is_string(array.type):
        return list(array.to_pylist())
    return list(array.to_numpy(zero_copy_only=False).tolist())


def _pack(row: dict[str, Any]) -> dict[str, Any]:
    found = {name: row[name] for name in _TOLD}
    found["utc"] = utc_text(row["utc_ns"])
    found["grade"] = None if row["grade"] is None else round(row["grade"], 3)
    return found


def _packing(entries: Sequence[Entry], mine: set[str]) -> Iterator[Event]:
    """The events of packing that concern these packs, or a container that held some of them then."""
    holding: Counter[str] = Counter()

    def weight(epc: str) -> int:
        return holding[epc] if is_container(epc) else epc in mine

    for event in journal_events(entries):
        count = sum(map(weight, event.epcs))
        holding[event.parent] += count if event.happening is Happening.PACKED else -count
        if count:
            yield event


def _concerns(event: Event, epcs: set[str]) -> bool:
    return event.parent in epcs or not epcs.isdisjoint(event.epcs)
