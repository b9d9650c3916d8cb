"""Does every serial and every trigger add up? The two equations of a batch, from pool, rows and operations.

    allocated = commissioned + scrapped + sampled + destroyed + returned + unexplained       (unexplained = 0)
    triggers  = accepted + rejected + removed by hand;   rejects signalled = rejects confirmed

Each side is counted on its own: what was allocated comes from the start of the batch, the states from the pool, what packs
bear from the rows, the last trigger of each station from its numbering, the confirmation from people who counted the reject bin, or
from the machine where it counted every reject of the batch. Where it counts, what it missed stays open whatever people counted.

Where a trigger is a tray, triggers and rejects are trays: one lies in the reject bin, whatever containers were taken out of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow.compute as pc

from vision.batch.life import OrderedBatch
from vision.batch.settle import read_journal, settle
from vision.results.operations import read_operations
from vision.results.reader import open_batch
from vision.serials.pool import Pool
from vision.serials.states import State

_TERMS = {
    "commissioned": (State.COMMISSIONED, State.RELEASED),
    "scrapped": (State.LABEL_SCRAPPED, State.SN_INVALID),
    "sampled": (State.SAMPLED, State.LABEL_SAMPLED),
    "destroyed": (State.INACTIVE, State.DESTROYED),
}
REWORK = "REWORK"
"""The station whose triggers are packs that people scanned again."""


@dataclass(slots=True)
class Reconciliation:
    """Both equations in numbers. unexplained_serials: the first hundred of them, with what is known.

    untested: stations whose last packs no challenge test followed, where the batch asks for tests.
    trays: a trigger was a tray, and rejects are counted in trays.
    rejects_confirmed: None = nobody counted. bin_counts: what people found in the reject bin, count by count; a negative one took
    a wrong count back. machine_rejected, machine_confirmed: of the runs in which the machine counted.
    """

    allocated: int = 0
    commissioned: int = 0
    scrapped: int = 0
    sampled: int = 0
    destroyed: int = 0
    returned: int = 0
    unexplained: int = 0
    unexplained_serials: list[str] = field(default_factory=list)
    trays: bool = False
    triggers: int = 0
    accepted: int = 0
    rejected: int = 0
    removed: int = 0
    rejects_signalled: int = 0
    rejects_confirmed: int | None = None
    bin_counts: list[int] = field(default_factory=list)
    machine_rejected: int = 0
    machine_confirmed: int = 0
    removed_rejects: int = 0
    contradictions: list[str] = field(default_factory=list)
    untested: list[str] = field(default_factory=list)

    @property
    def open_points(self) -> list[str]:
        """What does not close, a line each; empty = the batch may end."""
        points = [*self.contradictions, *self.untested]
        explained = self.commissioned + self.scrapped + self.sampled + self.destroyed + self.returned
        if self.unexplained:
            points.append(
                f"{self.unexplained} serials are unexplained (counting the reject bin scraps those of its packs): "
                + ", ".join(self.unexplained_serials[:5])
            )
        if self.allocated != explained + self.unexplained:
            points.append(f"{self.allocated} serials were allocated, {explained + self.unexplained} are accounted for")
        if self.triggers != self.accepted + self.rejected + self.removed:
            sums = f"{self.accepted} accepted + {self.rejected} rejected + {self.removed} removed by hand"
            points.append(f"{self.triggers} triggers, but {sums}")
        if self.rejects_confirmed is None and self.rejects_signalled:
            points.append(f"{self.rejects_signalled} rejects were signalled, and nobody counted the reject bin")
        elif self.rejects_confirmed is not None and self.rejects_confirmed != self.rejects_signalled:
            bin_words = f" (bin counted: {' '.join(f'{n:+d}' for n in self.bin_counts)})" if self.bin_counts else ""
            points.append(f"{self.rejects_signalled} rejects were signalled, {self.rejects_confirmed} were confirmed{bin_words}")
        if not self.machine_rejected - self.removed_rejects <= self.machine_confirmed <= self.machine_rejected:
            points.append(f"the machine was to reject {self.machine_rejected} packs and confirmed {self.machine_confirmed}")
        return points

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "closed": not self.open_points, "open_points": self.open_points}


def reconcile(batch: OrderedBatch, pool: Pool) -> Reconciliation:
    """Settles pool and journal and counts. Raises ResultsError, PoolError."""
    journal = read_journal(batch.folder, batch.product)
    settled = settle(batch, pool, journal)
    operations = read_operations(batch.folder)
    result = Reconciliation(contradictions=list(settled.contradictions))
    _count_serials(result, batch, pool, operations)
    _count_triggers(result, batch, operations)
    return result


def _count_serials(result: Reconciliation, batch: OrderedBatch, pool: Pool, operations: list[dict[str, Any]]) -> None:
    counts = pool.counts(batch.product, batch.name)
    for term, states in _TERMS.items():
        setattr(result, term, sum(counts.get(state, 0) for state in states))
    ends = [operation for operation in operations if operation["what"] == "end"]
    given_back = sum(int(operation["returned"]) for operation in ends)
    result.returned = given_back if ends else counts.get(State.ALLOCATED, 0)  # never seen on a pack: goes back at the end
    printed = [serial for serial, _ in pool.of_batch(batch.product, batch.name, State.ENCODED)]
    result.unexplained = len(printed)
    result.unexplained_serials = [f"{serial!a} was printed, and its pack was rejected" for serial in printed[:100]]
    allocated = next((operation.get("allocated") for operation in operations if operation["what"] == "start"), None)
    unlisted = sum(counts.values()) + (given_back if ends else 0)
    result.allocated = unlisted if allocated is None else int(allocated)


def _count_triggers(result: Reconciliation, batch: OrderedBatch, operations: list[dict[str, Any]]) -> None:
    rows = open_batch(batch.folder, ["station", "trigger", "accept"])
    result.trays = batch.order.symbols_per_frame > 1 and _has_places(batch)
    by_machine = [operation for operation in operations if operation["what"] == "confirm"]
    result.machine_rejected = sum(int(operation["rejected"]) for operation in by_machine)
    result.machine_confirmed = sum(int(operation["confirmed"]) for operation in by_machine)
    removed = {(o["station"], int(t)) for o in operations if o["what"] == "remove" for t in o["triggers"]}
    last: dict[str, int] = {}
    last_good: dict[str, int] = {}
    left_bin = 0
    for station, trigger, accept in zip(*(rows[name].to_pylist() for name in ("station", "trigger", "accept")), strict=True):
        last[station] = max(last.get(station, 0), trigger)
        if (station, trigger) in removed:
            result.removed += 1
            result.removed_rejects += not accept
        elif accept:
            result.accepted += 1
            last_good[station] = max(last_good.get(station, 0), trigger)
            left_bin += station == REWORK
        else:
            result.rejected += 1
            result.rejects_signalled += station != REWORK
    result.triggers = sum(last.values())
    if any(operation.get("challenge_minutes") for operation in operations):
        result.untested = list(_untested(last_good, operations))
    # In the bin lie the rejects but those that were reworked, taken as samples, or are known-bad packs of a challenge test.
    taken = sum(len(o["triggers"]) for o in operations if o["what"] == "challenge")
    taken_as_samples = sum(len(o["serials"]) for o in operations if o.get("from_bin"))
    result.bin_counts = bin_counts(operations)
    if result.bin_counts:
        result.rejects_confirmed = sum(result.bin_counts) + (0 if result.trays else left_bin + taken_as_samples) + taken
    elif result.machine_rejected and result.machine_rejected - result.removed_rejects == result.rejects_signalled:
        result.rejects_confirmed = min(result.machine_confirmed, result.rejects_signalled)


def _has_places(batch: OrderedBatch) -> bool:
    """Whether symbols of the batch stand at places of a tray."""
    symbols = open_batch(batch.folder, ["symbols"])["symbols"]
    return any(pc.any(pc.is_valid(pc.list_flatten(chunk).field("position"))).as_py() for chunk in symbols.chunks if len(chunk))


def bin_counts(operations: list[dict[str, Any]]) -> list[int]:
    """What people counted in the reject bin, in its order."""
    return [int(o["counted"]) for o in operations if o["what"] == "clearance" and o.get("counted") is not None]


def _untested(last_good: Mapping[str, int], operations: list[dict[str, Any]]) -> Iterator[str]:
    """Stations whose last accepted pack no challenge test followed that passed. last_good: trigger of that pack."""
    tested: dict[str, int] = {}
    for operation in operations:
        if operation["what"] == "challenge" and operation["passed"]:
            tested[operation["station"]] = max(int(step["trigger"]) for step in operation["steps"])
    for station, trigger in sorted(last_good.items()):
        if station != REWORK and tested.get(station, 0) < trigger:
            yield f"no challenge test that passed followed the last pack accepted at {station} (trigger {trigger})"
