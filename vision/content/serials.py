"""Which serials are still to come: the line's memory of an order, for one single-threaded process.

Only packs that are accepted claim their serial; the records of the batch rebuild the memory after a restart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vision.content.compare import by_precedence
from vision.content.order import Order
from vision.types import Reason


class SerialIndex:
    """Serials of one order: allocated (by the order), seen (claimed by an accepted pack) and blocked."""

    def __init__(self, order: Order | None, seen: Iterable[str] = ()) -> None:
        """order: None or one without a list of serials lets any serial in. seen: serials claimed before."""
        self._allocated = order.serials if order is not None else None
        self._seen = set(seen)
        self._blocked: set[str] = set()

    def claim(self, serial: str) -> Reason | None:
        """Takes a serial for an accepted pack and returns None; or takes nothing and says why not."""
        reason = self._refusal(serial)
        if reason is None:
            self._seen.add(serial)
        return reason

    def claim_all(self, serials: Sequence[str]) -> tuple[Reason, ...]:
        """Claims the serials of one frame, all or none; the reasons why not, by precedence, or nothing."""
        reasons = {reason for serial in serials if (reason := self._refusal(serial)) is not None}
        if len(set(serials)) < len(serials):
            reasons.add(Reason.DUPLICATE_SERIAL)
        if not reasons:
            self._seen.update(serials)
        return by_precedence(reasons)

    def block(self, serials: Iterable[str]) -> None:
        """No pack may bear these any more (scrapped, sampled, recalled), seen or not."""
        self._blocked.update(serials)

    def _refusal(self, serial: str) -> Reason | None:
        if self._allocated is not None and serial not in self._allocated:
            return Reason.UNKNOWN_SERIAL
        if serial in self._blocked:
            return Reason.BLOCKED_SERIAL
        return Reason.DUPLICATE_SERIAL if serial in self._seen else None

    @property
    def seen_count(self) -> int:
        return len(self._seen)
