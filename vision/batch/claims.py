"""The pool as the recorder sees it: a serial is claimed before its row says accept, and given back when the pack is rejected
after all.

Held by the recorder process alone; which packs come to this point is the line's business.
"""

from __future__ import annotations

from collections.abc import Sequence

from vision.serials.pool import Pool
from vision.serials.states import State
from vision.types import Reason, Record


class Claims:
    """Claims of one batch. product: GTIN or PPN. batch: its name in the pool. listed: the order lists its serials.

    asked_before: a line with an index of its own has seen to it that no serial of the batch comes twice; then one that is this
    batch's already was claimed by a recorder that died.
    """

    def __init__(self, pool: Pool, product: str, batch: str, listed: bool, asked_before: bool = True) -> None:
        self._asked_before = asked_before
        self._pool = pool
        self._product = product
        self._batch = batch
        self._listed = listed
        self._mine: set[str] = set()  # claimed by this process

    def claim(self, records: Sequence[Record]) -> None:
        """Commissions the serials of the records that accept; one that may not have them becomes a reject and says why.

        Raises PoolError (PoolBusy where trying again may help); then no record was changed.
        """
        accepting = [record for record in records if record.accept and record.serials]
        if not accepting:
            return
        groups = [record.serials for record in accepting]
        answers = self._pool.claim(self._product, self._batch, groups, self._listed)
        for record, reasons in zip(accepting, answers, strict=True):
            if not reasons or (reasons == (Reason.DUPLICATE_SERIAL,) and self._of_a_dead_recorder(record.serials)):
                self._mine.update(record.serials)
            else:
                record.reasons = reasons

    def _of_a_dead_recorder(self, serials: Sequence[str]) -> bool:
        """Claimed for this batch, and not by us: by a recorder that died before its row was durable. The line, which outlived it,
        lets no serial of its batch come here for a second pack."""
        if not self._asked_before or not self._mine.isdisjoint(serials):
            return False
        entries = [self._pool.entry(self._product, serial) for serial in serials]
        return len(set(serials)) == len(serials) and all(
            entry is not None and entry.state is State.COMMISSIONED and entry.batch == self._batch for entry in entries
        )

    def give_back(self, records: Sequence[Record]) -> None:
        """The serials of amendments: their packs were never passed. Call when the rows are durable. Raises PoolError."""
        serials = [serial for record in records if record.revision > 0 for serial in record.serials]
        if serials:
            self._pool.set_back(self._product, self._batch, serials)
            self._mine.difference_update(serials)
