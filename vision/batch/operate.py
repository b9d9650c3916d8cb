"""What people do to a batch and its packs: samples, scrap, decommissioning, packs taken off the belt, line clearance, end, release.

Each is written to operations.jsonl with who, when and why before it counts in the pool; a crash between the two is put right by
`settle`. What is counted from all this stands in vision.batch.reconcile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from vision.batch.challenge import KNOWN_BAD, Step
from vision.batch.life import OrderedBatch
from vision.batch.reconcile import Reconciliation, bin_counts, reconcile
from vision.results.folder import ResultsError
from vision.results.operations import append_operation, is_open, read_operations
from vision.results.reader import open_batch
from vision.results.retention import retain_until
from vision.results.seal import ended
from vision.results.writer import BatchWriter
from vision.serials.pool import BlockKind, Pool, PoolError
from vision.serials.states import State

MOVES: dict[str, dict[State, State]] = {
    # what: former state -> next state
    "sample": {
        State.COMMISSIONED: State.SAMPLED,
        State.RELEASED: State.SAMPLED,
        State.INACTIVE: State.SAMPLED,
        State.ENCODED: State.LABEL_SAMPLED,
    },
    "scrap": {State.ENCODED: State.LABEL_SCRAPPED, State.ALLOCATED: State.LABEL_SCRAPPED},
    "decommission": {State.COMMISSIONED: State.INACTIVE, State.RELEASED: State.INACTIVE, State.SAMPLED: State.INACTIVE},
    "destroy": {
        State.COMMISSIONED: State.DESTROYED,
        State.RELEASED: State.DESTROYED,
        State.SAMPLED: State.DESTROYED,
        State.INACTIVE: State.DESTROYED,
    },
}


def change(
    batch: OrderedBatch, pool: Pool, what: str, serials: Sequence[str], who: str, why: str, **more: Any
) -> list[dict[str, Any]]:
    """Does one of MOVES to serials of the batch, all or none of those in one state; gives the operations as they were written.

    Raises PoolError naming the first serial that cannot be moved so; then nothing was.
    """
    table = MOVES[what]
    by_target: dict[State, list[str]] = {}
    for serial in dict.fromkeys(serials):
        entry = pool.entry(batch.product, serial)
        if entry is None or entry.batch != batch.name:
            raise PoolError(f"serial {serial!a}: does not belong to batch {batch.name}")
        if entry.state not in table:
            raise PoolError(f"serial {serial!a}: is {entry.state.label}, which allows no {what}")
        by_target.setdefault(table[entry.state], []).append(serial)
    done: list[dict[str, Any]] = []
    for to, chosen in by_target.items():
        from_bin = {"from_bin": True} if what == "sample" and to is State.LABEL_SAMPLED else {}

        def journal(moved: list[tuple[str, State]], to: State = to, from_bin: dict[str, Any] = from_bin) -> None:
            details = {"serials": [s for s, _ in moved], "from": moved[0][1].label, "to": to.label, **from_bin, **more}
            done.append(append_operation(batch.folder, who, what, why, **details))

        pool.move(batch.product, chosen, to, batch.name, journal)
    return done


def remove(batch: OrderedBatch, pool: Pool, station: str, triggers: Sequence[int], who: str, why: str) -> dict[str, Any]:
    """Packs taken off the belt by hand: they count as removed, and the serials of those that were accepted become Inactive."""
    _must_be_open(batch)
    rows = open_batch(batch.folder, ["station", "trigger", "accept", "symbols"]).to_pylist()
    found = {row["trigger"]: row for row in rows if row["station"] == station}
    done = {(o["station"], t) for o in read_operations(batch.folder) if o["what"] == "remove" for t in o["triggers"]}
    for trigger in triggers:
        if trigger not in found:
            raise ResultsError(f"{batch.folder}: station {station!a} has no trigger {trigger}")
        if (station, trigger) in done:
            raise ResultsError(f"{batch.folder}: trigger {trigger} of station {station!a} was removed already")
    serials = [s["serial"] for t in triggers if found[t]["accept"] for s in found[t]["symbols"] if s["serial"]]
    details: dict[str, Any] = {"station": station, "triggers": list(triggers)}
    if not serials:
        return append_operation(batch.folder, who, "remove", why, **details)
    written: list[dict[str, Any]] = []
    details |= {"serials": serials, "from": State.COMMISSIONED.label, "to": State.INACTIVE.label}
    pool.move(
        batch.product,
        serials,
        State.INACTIVE,
        batch.name,
        lambda moved: written.append(append_operation(batch.folder, who, "remove", why, **details)),
    )
    return written[0]


def clear(batch: OrderedBatch, pool: Pool, who: str, why: str, counted: int | None) -> Reconciliation:
    """Line clearance: nothing of the batch is left on the line. counted: packs found in the reject bin, None = not counted now.

    Counts add up, for a bin is emptied more than once. A negative one takes a wrong count back: it needs a reason, and no more is
    taken back than was counted. Where the sum is what must lie there, the packs are taken for destroyed and their serials become
    LabelScrapped. Raises ResultsError; then nothing was written.
    """
    _must_be_open(batch)
    if counted is not None and counted < 0:
        before = sum(bin_counts(read_operations(batch.folder)))
        if not why.strip():
            raise ResultsError(f"{counted} rejects: takes a count back, expected the reason why")
        if before + counted < 0:
            raise ResultsError(f"{counted} rejects: more than the {before} that were counted so far")
    append_operation(batch.folder, who, "clearance", why, counted=counted)
    result = reconcile(batch, pool)
    if counted is not None and result.rejects_confirmed == result.rejects_signalled:
        printed = [serial for serial, _ in pool.of_batch(batch.product, batch.name, State.ENCODED)]
        if printed:
            change(batch, pool, "scrap", printed, who, "reject bin counted, its packs destroyed")
            result = reconcile(batch, pool)
    return result


def end(batch: OrderedBatch, pool: Pool, who: str, why: str, deviation: str = "") -> Reconciliation:
    """Ends a batch: both equations must close, or a deviation is signed with it. Call with the line locked and mended.

    Unused serials go back to the pool, and the last seal is set. Where an earlier end was cut off by a crash, this finishes it. The
    batch stays open, and nothing is written, where the equations do not close: see `open_points` of what is given back.
    """
    told = any(operation["what"] == "end" for operation in read_operations(batch.folder))
    result = reconcile(batch, pool)
    if not told:
        if result.open_points and not deviation:
            return result
        if result.open_points:
            append_operation(batch.folder, who, "deviation", deviation, open_points=result.open_points)
        until = retain_until(batch.order.expiry, datetime.now(UTC).date())
        append_operation(
            batch.folder, who, "end", why, returned=result.returned, reconciliation=result.as_json(), retain_until=until.isoformat()
        )
    pool.move_all(batch.product, batch.name, State.ALLOCATED, State.UNALLOCATED)
    if not ended(batch.folder):
        BatchWriter(batch.folder, batch.info.provenance()).close(last=True)
    return result


def release(batch: OrderedBatch, pool: Pool, who: str, why: str) -> dict[str, Any]:
    """Releases an ended batch: its commissioned packs become Released, and the record is kept from this day on."""
    if is_open(batch.folder):
        raise ResultsError(f"{batch.folder}: is open; a batch is released after its end")
    if any(operation["what"] == "release" for operation in read_operations(batch.folder)):
        raise ResultsError(f"{batch.folder}: was released already")
    until = retain_until(batch.order.expiry, datetime.now(UTC).date())
    entry = append_operation(batch.folder, who, "release", why, retain_until=until.isoformat())
    pool.move_all(batch.product, batch.name, State.COMMISSIONED, State.RELEASED)
    return entry


def record_challenge(batch: OrderedBatch, pool: Pool, station: str, steps: Sequence[Step], who: str, why: str) -> bool:
    """Writes down a challenge test; whether it passed: the whole set, each pack rejected for its own reason.

    The serial of a known-bad pack that was accepted becomes Inactive.
    """
    passed = len(steps) == len(KNOWN_BAD) and all(step.caught for step in steps)
    rejected = [step.trigger for step in steps if not step.passed_through]
    told = [step.as_json() for step in steps]
    append_operation(batch.folder, who, "challenge", why, station=station, passed=passed, triggers=rejected, steps=told)
    escaped = [serial for step in steps if step.passed_through for serial in step.serials]
    if escaped:
        change(batch, pool, "decommission", escaped, who, "known-bad pack of a challenge test that was accepted")
    return passed


def record_confirmed(batch: OrderedBatch, station: str, rejected: int, confirmed: int) -> None:
    """Writes down what the machine of a station counted in one run: packs it was to reject, and those it confirmed."""
    append_operation(batch.folder, f"machine of {station}", "confirm", "", station=station, rejected=rejected, confirmed=confirmed)


def block(batch: OrderedBatch, pool: Pool, serials: Iterable[str], kind: BlockKind, who: str, why: str) -> int:
    """Puts serials of the batch's product on the block list, at once for every line of the pool; how many were not on it."""
    chosen = list(dict.fromkeys(serials))
    append_operation(batch.folder, who, "block", why, serials=chosen, kind=kind)
    return pool.block(batch.product, chosen, kind)


def unblock(batch: OrderedBatch, pool: Pool, serials: Iterable[str], who: str, why: str) -> int:
    """Takes serials off the block list; how many stood there."""
    chosen = list(dict.fromkeys(serials))
    append_operation(batch.folder, who, "unblock", why, serials=chosen)
    return pool.unblock(batch.product, chosen)


def _must_be_open(batch: OrderedBatch) -> None:
    if not is_open(batch.folder):
        raise ResultsError(f"{batch.folder}: the batch has ended")
