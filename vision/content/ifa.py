"""IFA / PPN codes (Germany): the Macro 06 message, its data identifiers and their check digits.

The message is `[)>` RS `06` GS, fields with GS between them, RS EOT; a field is a data identifier (digits and one capital letter,
ANSI MH10.8.2) and its value, in any order.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from vision.content.gs1_rules import RULES, SET_82, date_holds
from vision.content.parsed import Parsed
from vision.types import Reason

HEADER = b"[)>\x1e06\x1d"
TRAILER = b"\x1e\x04"
_TEXT_20 = "[" + re.escape(SET_82) + "]{1,20}"
_FIELD = re.compile(r"([0-9]{0,3}[A-Z])([\x20-\x7e]+)")


def ppn_check_digits(text: str) -> str:
    """The two check digits of a PPN: character codes weighted 2, 3, 4 ... from the left, modulo 97 (IFA)."""
    return f"{sum(weight * ord(character) for weight, character in enumerate(text, start=2)) % 97:02d}"


def pzn_check_digit(digits: str) -> str | None:
    """The check digit of seven PZN digits: weights 1 to 7, modulo 11; None where the remainder is 10 (never assigned)."""
    remainder = sum(weight * int(digit) for weight, digit in enumerate(digits, start=1)) % 11
    return str(remainder) if remainder < 10 else None


def ppn_shape_holds(ppn: str) -> bool:
    """Whether the characters and length are those of a PPN; under registration code 11 the middle is a PZN of 8 digits."""
    return re.fullmatch("11[0-9]{10}" if ppn.startswith("11") else "[0-9A-Z]{2}[0-9A-Z]{1,18}[0-9]{2}", ppn) is not None


def ppn_check_holds(ppn: str) -> bool:
    """Whether the check digits of a well-formed PPN hold, those of the PZN inside included."""
    if ppn_check_digits(ppn[:-2]) != ppn[-2:]:
        return False
    pzn = pzn_of(ppn)
    return pzn is None or pzn_check_digit(pzn[:-1]) == pzn[-1]


def pzn_of(ppn: str) -> str | None:
    """The PZN (8 digits) inside a PPN, None where another registration code than 11 stands."""
    return ppn[2:10] if ppn.startswith("11") else None


def _always(_: str) -> bool:
    return True


def _shape(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda value: compiled.fullmatch(value) is not None


_FIELDS: dict[str, tuple[Callable[[str], bool], Callable[[str], bool], Reason]] = {
    # identifier: characters and length, rule, reason when the rule does not hold
    "9N": (ppn_shape_holds, ppn_check_holds, Reason.BAD_CHECK_DIGIT),
    "8P": (_shape("[0-9]{14}"), RULES["csum"], Reason.BAD_CHECK_DIGIT),
    "1T": (_shape(_TEXT_20), _always, Reason.BAD_SYNTAX),
    "S": (_shape(_TEXT_20), _always, Reason.BAD_SYNTAX),
    "D": (_shape("[0-9]{6}"), lambda value: date_holds(value, day_zero=True), Reason.BAD_SYNTAX),
}


def looks_like(payload: bytes) -> bool:
    """Whether a payload is meant as an IFA code: a Macro 06 message with a PPN among its fields."""
    return payload.startswith(HEADER) and b"\x1d9N" in payload


def parse(payload: bytes) -> Parsed:
    """Takes a Macro 06 message (expanded by the decoder) apart; identifiers that IFA does not use are kept as they are."""
    if not (payload.startswith(HEADER) and payload.endswith(TRAILER) and len(payload) > len(HEADER) + len(TRAILER)):
        return Parsed({}, frozenset({Reason.BAD_SYNTAX}), whole=False)
    found: dict[str, str] = {}
    reasons: set[Reason] = set()
    whole = True
    for field in payload[len(HEADER) : -len(TRAILER)].decode("latin-1").split("\x1d"):
        match = _FIELD.fullmatch(field)
        if match is None:
            whole = False
            continue
        identifier, value = match[1], match[2]
        shaped, holds, reason = _FIELDS.get(identifier, (_always, _always, Reason.BAD_SYNTAX))
        if not shaped(value):
            whole = False
            continue
        if not holds(value):
            reasons.add(reason)
        if found.setdefault(identifier, value) != value:
            reasons.add(Reason.BAD_SYNTAX)
    if not whole:
        reasons.add(Reason.BAD_SYNTAX)
    elif "9N" not in found:
        reasons.add(Reason.MISSING_ELEMENT)
    return Parsed(found, frozenset(reasons), whole)
