"""Which serials are still to come: the line's memory of an order, for one single-threaded process.

Only packs that are accepted claim their serial; the records of the batch rebuild the memory after a restart. Where the batch draws
on a pool (vision.serials), the recorder claims there once more before a row says accept: this index keeps that from being
asked in vain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vision.content.compare import by_precedence
from vision.content.order import Order
from vision.content.serial_set import SerialSet
from vision.types import Reason


class SerialIndex:
    """Serials of one order: allocated (by the order), seen (claimed by an accepted pack) and blocked."""

    def __init__(self, order: Order | None, seen: Iterable[str] = ()) -> None:
        """order: None or one without a list of serials lets any serial in. seen: serials claimed before."""
        listed = order.serials if order is not None else None
        self._listed = listed if listed is None or isinstance(listed, SerialSet) else SerialSet.of(listed)
        self._used = bytearray(len(self._listed) if self._listed is not None else 0)  # by place, 1 = used
        self._seen: set[str] = set()
        self._blocked: set[str] = set()
        self.see(seen)

    def claim(self, serial: str) -> Reason | None:
        """Takes a serial for an accepted pack and returns None; or takes nothing and says why not."""
        place = self._place(serial)
        reason = self._refusal(serial, place)
        if reason is None:
            self._see(serial, place)
        return reason

    def claim_all(self, serials: Sequence[str]) -> tuple[Reason, ...]:
        """Claims the serials of one frame, all or none; the reasons why not, by precedence, or nothing."""
        places = [self._place(serial) for serial in serials]
        refusals = [self._refusal(serial, place) for serial, place in zip(serials, places, strict=True)]
        reasons = {reason for reason in refusals if reason is not None}
        if len(serials) > 1 and len(set(serials)) < len(serials):
            reasons.add(Reason.DUPLICATE_SERIAL)
        if reasons:
            return by_precedence(reasons)
        for serial, place in zip(serials, places, strict=True):
            self._see(serial, place)
        return ()

    def see(self, serials: Iterable[str]) -> None:
        """These were used: no pack may bear them again."""
        for serial in serials:
            self._see(serial, self._place(serial))

    def free(self, serials: Iterable[str]) -> None:
        """These were claimed by packs that were rejected after all: another pack, or the same one fed again, may bear them."""
        for serial in serials:
            place = self._place(serial)
            if place >= 0:
                self._used[place] = 0
            else:
                self._seen.discard(serial)

    def block(self, serials: Iterable[str]) -> None:
        """No pack may bear these any more (scrapped, sampled, recalled), seen or not."""
        self._blocked.update(serials)

    def _place(self, serial: str) -> int:
        """In the list, -1 where there is none or it is not in it; looked up once for each claim."""
        return -1 if self._listed is None else self._listed.index(serial)

    def _see(self, serial: str, place: int) -> None:
        if place >= 0:
            self._used[place] = 1
        else:
            self._seen.add(serial)

    def _refusal(self, serial: str, place: int) -> Reason | None:
        if self._listed is not None and place < 0:
            return Reason.UNKNOWN_SERIAL
        if serial in self._blocked:
            return Reason.BLOCKED_SERIAL
        used = self._used[place] if place >= 0 else serial in self._seen
        return Reason.DUPLICATE_SERIAL if used else None
