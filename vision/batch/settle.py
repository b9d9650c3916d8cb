"""After a fault, and before every count: the pool is brought to what the journal says.

The journal is what is durable: the rows of the batch (which serials accepted packs bear) and its operations (what people did to
serials since). A claim whose row never came is given back, as its pack was never passed; a serial on an accepted row is
commissioned. To settle twice is harmless.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.compute as pc

from vision.batch.life import OrderedBatch
from vision.results.operations import read_operations
from vision.results.reader import open_batch
from vision.serials.pool import Pool
from vision.serials.states import CLAIMABLE, LABELS, State, may_move

_BY_LABEL = {label: state for state, label in LABELS.items()}


@dataclass(slots=True)
class Journal:
    """The serials of a batch by what its rows and operations say.

    accepted: borne by accepted packs, by how many. rejected: read on rejected packs and on no accepted one. moved: where an
    operation brought a serial last.
    """

    accepted: dict[str, int] = field(default_factory=dict)
    rejected: set[str] = field(default_factory=set)
    moved: dict[str, State] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settled:
    """What was put right, and what could not be (`contradictions`, a line each)."""

    commissioned: int
    given_back: int
    encoded: int
    moved: int
    contradictions: tuple[str, ...]


def read_journal(folder: Path, product: str) -> Journal:
    """Reads rows and operations. product: GTIN or PPN; serials of others are not ours. Raises ResultsError."""
    journal = Journal()
    table = open_batch(folder, ["accept", "symbols"])
    for accept in (True, False):
        symbols = pc.list_flatten(table.filter(pc.equal(table["accept"], accept))["symbols"])
        for chunk in symbols.chunks:
            elements = chunk.field("elements")
            codes = [pc.map_lookup(elements, key, "first") for key in ("01", "9N")]
            mine = pc.fill_null(pc.equal(pc.coalesce(*codes), product), False)
            for serial in chunk.field("serial").filter(mine).drop_null().to_pylist():
                if accept:
                    journal.accepted[serial] = journal.accepted.get(serial, 0) + 1
                else:
                    journal.rejected.add(serial)
    journal.rejected -= journal.accepted.keys()
    for operation in read_operations(folder):
        if "to" in operation:
            state = _BY_LABEL[operation["to"]]
            journal.moved.update(dict.fromkeys(operation["serials"], state))
    for serial, state in list(journal.moved.items()):
        if state in CLAIMABLE and serial in journal.accepted:
            del journal.moved[serial]  # reworked since
    return journal


def settle(batch: OrderedBatch, pool: Pool, journal: Journal | None = None) -> Settled:
    """Brings the pool to the journal. Raises ResultsError, PoolError."""
    journal = journal or read_journal(batch.folder, batch.product)
    product, name = batch.product, batch.name
    held = {serial: state for serial, state in pool.of_batch(product, name) if state is not State.ALLOCATED}

    def standing(states: Iterable[State], serials: Iterable[str]) -> list[str]:
        wanted = set(states)
        return [serial for serial in serials if held.get(serial, State.ALLOCATED) in wanted]

    back = pool.set_back(
        product, name, [s for s, state in held.items() if state is State.COMMISSIONED and s not in journal.accepted]
    )
    missing = standing(CLAIMABLE, journal.accepted)
    answers = pool.claim(product, name, [[serial] for serial in missing], batch.order.serials is not None) if missing else []
    contradictions = [f"serial {s!a} is on an accepted pack: {a[0]}" for s, a in zip(missing, answers, strict=True) if a]
    contradictions += [f"serial {s!a} is on {n} accepted packs" for s, n in journal.accepted.items() if n > 1]
    encoded = pool.mark_encoded(product, name, journal.rejected) if journal.rejected else 0
    moved = 0
    for serial, state in journal.moved.items():
        entry = pool.entry(product, serial)
        if entry is None or entry.batch != name or entry.state is state:
            continue
        if may_move(entry.state, state):
            pool.move(product, [serial], state, name)
            moved += 1
        else:
            contradictions.append(f"serial {serial!a} is {entry.state.label}, its last operation says {state.label}")
    if any(operation["what"] == "release" for operation in read_operations(batch.folder)):
        moved += pool.move_all(product, name, State.COMMISSIONED, State.RELEASED)
    return Settled(sum(not a for a in answers), back, encoded, moved, tuple(contradictions))
