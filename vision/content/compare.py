"""Whether a code says what was ordered. The expected content comes from the order, never learnt from a pack."""

from __future__ import annotations

from collections.abc import Iterable

from vision.content import gs1, ifa
from vision.content.order import Order
from vision.content.parsed import Parsed
from vision.content.payload_text import payload_text
from vision.types import Content, Reason

GS1_IDENTIFIER = "]d2"
NATIONAL_NUMBERS = ("710", "711", "712", "713", "714", "715", "716", "717")
"""National healthcare reimbursement numbers: PZN, CIP, CN, DRN, AIM, NDC, AIC, SRN."""

_PRECEDENCE = {reason: position for position, reason in enumerate(Reason)}


def by_precedence(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Each reason once, the first one first."""
    return tuple(sorted(set(reasons), key=_PRECEDENCE.__getitem__))


def check(payload: bytes, symbology_identifier: str, order: Order | None) -> Content:
    """Takes a payload apart and names everything that is wrong with it.

    payload: bytes of the message, a later FNC1 as 0x1D, Macro 06 expanded.
    symbology_identifier: ISO/IEC 15424; "]d2" is GS1 DataMatrix.
    order: what is expected; None checks the syntax alone, and finds no fault in a code that is neither GS1 nor IFA.
    """
    is_gs1 = symbology_identifier == GS1_IDENTIFIER
    if is_gs1:
        parsed = gs1.parse(payload)
    elif ifa.looks_like(payload) or (order is not None and order.scheme == "IFA"):
        parsed = ifa.parse(payload)
    else:
        parsed = Parsed({}, frozenset(), whole=False)
    text = gs1.bracketed(parsed.elements) if is_gs1 and parsed.whole else payload_text(payload)
    if order is None:
        return Content(text, parsed.elements, by_precedence(parsed.reasons))
    if order.scheme == "GS1" and not is_gs1:
        return Content(text, parsed.elements, (Reason.NOT_GS1,))
    if order.scheme == "IFA" and is_gs1:
        return Content(text, parsed.elements, (Reason.BAD_SYNTAX,))
    reasons = set(parsed.reasons)
    reasons |= _differences_gs1(parsed, order) if is_gs1 else _differences_ifa(parsed, order)
    return Content(text, parsed.elements, by_precedence(reasons))


def _differences_gs1(parsed: Parsed, order: Order) -> set[Reason]:
    reasons = _field_differences(
        parsed,
        (("01", order.gtin, Reason.WRONG_PRODUCT), ("10", order.lot, Reason.WRONG_LOT), ("17", order.expiry, Reason.WRONG_EXPIRY)),
    )
    numbers = [parsed.elements[identifier] for identifier in NATIONAL_NUMBERS if identifier in parsed.elements]
    if any(number != order.national_number for number in numbers):
        reasons.add(Reason.WRONG_NATIONAL_NUMBER)  # also one that nobody ordered: a pack for another market
    if order.national_number is not None and not numbers and parsed.whole:
        reasons.add(Reason.MISSING_ELEMENT)
    return reasons | _serial_difference(parsed, "21", order)


def _differences_ifa(parsed: Parsed, order: Order) -> set[Reason]:
    reasons = _field_differences(
        parsed,
        (("9N", order.ppn, Reason.WRONG_PRODUCT), ("1T", order.lot, Reason.WRONG_LOT), ("D", order.expiry, Reason.WRONG_EXPIRY)),
    )
    ppn = parsed.elements.get("9N")
    if ppn is not None and order.national_number is not None and ifa.pzn_of(ppn) != order.national_number:
        reasons.add(Reason.WRONG_NATIONAL_NUMBER)
    return reasons | _serial_difference(parsed, "S", order)


def _field_differences(parsed: Parsed, expected: tuple[tuple[str, str | None, Reason], ...]) -> set[Reason]:
    """Values are compared as printed: 271200 (no day) is not 271231."""
    reasons: set[Reason] = set()
    for identifier, value, reason in expected:
        found = parsed.elements.get(identifier)
        if found is not None and found != value:
            reasons.add(reason)
        elif found is None and parsed.whole:
            reasons.add(Reason.MISSING_ELEMENT)
    return reasons


def _serial_difference(parsed: Parsed, identifier: str, order: Order) -> set[Reason]:
    """Every ordered pack bears a serial; whether it was seen before is not known here (see serials)."""
    serial = parsed.elements.get(identifier)
    if serial is None:
        return {Reason.MISSING_ELEMENT} if parsed.whole else set()
    if order.serials is not None and serial not in order.serials:
        return {Reason.UNKNOWN_SERIAL}
    return set()
