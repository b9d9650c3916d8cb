"""Which packs are commissioned, and of which lot: from the results, and from the pool of serials where there is one; and the packs
that a frame shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import cv2

from vision.batch.life import OrderedBatch, pool_address
from vision.config import LineConfig
from vision.content.compare import check
from vision.decode.decode import decode
from vision.decode.search import Search
from vision.inspection import Workspace
from vision.results.folder import ResultsError
from vision.serials.open import open_pool
from vision.serials.pool import Pool
from vision.serials.states import State
from vision.trace.identifiers import IdentifierError, item_epc, item_of, sscc_epc
from vision.trace.records import Records, epc_of

POOL = "serials.db"
"""The pool of lines that name no other, in the results folder."""
_PACKABLE = frozenset({State.COMMISSIONED, State.RELEASED})


class Commissioned:
    """The commissioned packs of the results that a line writes to, of all its lines. Raises ResultsError."""

    def __init__(self, config: LineConfig) -> None:
        self._results = config.results
        self._records: Records | None = None
        there = bool(config.serial_pool) or (config.results / POOL).exists()
        self._pool: Pool | None = open_pool(pool_address(config)) if there else None

    def lot_of(self, epc: str) -> str | None:
        """The lot of a pack that was let through and is still good; None else."""
        if self._records is None:  # only a deed with packs needs them
            self._records = Records(self._results)
        _, serial = item_of(epc)
        passed = [row for row in self._records.of_serial(serial) if row["accept"] and epc_of(row) == epc]
        if not passed:
            return None
        entry = self._pool.entry(passed[-1]["product"], serial) if self._pool is not None else None
        if entry is not None and (entry.state not in _PACKABLE or entry.blocked):
            return None  # decommissioned, sampled, destroyed, recalled
        return str(passed[-1]["lot"])

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()

    def __enter__(self) -> Commissioned:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def commissioned_in(batch: OrderedBatch, pool: Pool) -> Callable[[str], str | None]:
    """As Commissioned.lot_of for the packs of one batch that runs: asks its pool alone, now."""

    def lot_of(epc: str) -> str | None:
        entry = pool.entry(batch.product, item_of(epc)[1])
        good = entry is not None and entry.batch == batch.name and entry.state in _PACKABLE and not entry.blocked
        return batch.order.lot if good else None

    return lot_of


def epcs_in_frame(image: Path, effort: int = 4096) -> list[str]:
    """The EPC of every code in a frame, in reading order: packs, or containers by their SSCC.

    Raises ResultsError in one line for a frame in which a code cannot be read, or says neither: what is not proved is not packed.
    """
    pixels = cv2.imread(str(image), cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        raise ResultsError(f"{image}: not an image")
    work = Workspace()
    try:
        found = []
        for number, (_, _, reading) in enumerate(decode(pixels, Search(effort=effort), work), start=1):
            if reading is None:
                raise ResultsError(f"{image}: code {number} cannot be read: nothing was packed")
            content = check(reading.payload, reading.symbology_identifier, None)
            elements = content.elements
            try:
                if content.reasons:
                    raise IdentifierError(", ".join(content.reasons))
                found.append(sscc_epc(elements["00"]) if "00" in elements else _item(elements))
            except (IdentifierError, KeyError) as error:
                raise ResultsError(f"{image}: code {number}: neither a pack nor a container ({error})") from None
    finally:
        work.close()
    if not found:
        raise ResultsError(f"{image}: no code was found")
    return found


def _item(elements: Mapping[str, str]) -> str:
    return item_epc(elements.get("01") or elements["9N"], elements.get("21") or elements["S"])
