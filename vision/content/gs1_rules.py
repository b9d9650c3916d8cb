"""What a component of an element must obey beyond its characters and length: check digits, dates, times, small code lists.

A rule takes the text of the component, whose characters and length were checked before, and says whether it holds. The
rules named here are those of gs1_elements; lists that are revised every few months are left out on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Callable

SET_82 = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
"""GS1 AI encodable character set 82, in the order of its reference values 0 to 81."""

UNCHECKED_RULES = frozenset({"iso3166", "iso3166999", "iso3166alpha2", "iso4217", "packagetype", "couponcode", "couponposoffer"})
"""Rules of the table that are not checked: an outdated list of countries, currencies or package types would reject good packs,
and coupons do not occur on medicines."""

CHECK_DIGIT_RULES = frozenset({"csum", "csumalpha", "iban"})

_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83)
_CHECK_PAIR = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_VALUE_82 = {character: value for value, character in enumerate(SET_82)}


def check_digit(digits: str) -> str:
    """The modulo 10 check digit that follows the digits given: weights 3 and 1 in turn from the right."""
    total = 3 * sum(map(int, digits[-1::-2])) + sum(map(int, digits[-2::-2]))
    return str(-total % 10)


def check_pair(text: str) -> str:
    """The two check characters of set-82 text of at most 23 characters: prime weights from the right, modulo 1021."""
    total = sum(_VALUE_82[character] * prime for character, prime in zip(reversed(text), _PRIMES, strict=False)) % 1021
    return _CHECK_PAIR[total >> 5] + _CHECK_PAIR[total & 31]


def date_holds(yymmdd: str, day_zero: bool) -> bool:
    """Whether six digits are a date; day 00 ("no day", read as the end of the month) only where day_zero allows it."""
    return _day_holds(int(yymmdd[:2]), int(yymmdd[2:4]), int(yymmdd[4:]), day_zero)


def _day_holds(year: int, month: int, day: int, day_zero: bool) -> bool:
    if not 1 <= month <= 12:
        return False
    if day == 0:
        return day_zero
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0 or year < 100)  # two digits: 00 is 2000, a leap year
    return day <= (28 if month == 2 and not leap else _DAYS[month - 1])


def _check_pair_holds(text: str) -> bool:
    return len(text) > 2 and check_pair(text[:-2]) == text[-2:]


def _iban_holds(text: str) -> bool:
    if re.fullmatch(r"[A-Z]{2}[0-9]{2}[0-9A-Z]{1,30}", text) is None:
        return False
    return int("".join(str(int(character, 36)) for character in text[4:] + text[:4])) % 97 == 1


def _below(limit: int) -> Callable[[str], bool]:
    return lambda text: int(text) <= limit


def _part_of_holds(part: str, total: str) -> bool:
    return 1 <= int(part) <= int(total)


def _position_slash_holds(text: str) -> bool:
    return re.fullmatch(r"[1-9][0-9]*/[1-9][0-9]*", text) is not None and _part_of_holds(*text.split("/"))


def _shaped(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


RULES: dict[str, Callable[[str], bool]] = {
    "csum": lambda text: check_digit(text[:-1]) == text[-1],
    "csumalpha": _check_pair_holds,
    "iban": _iban_holds,
    "yymmdd": lambda text: date_holds(text, day_zero=False),
    "yymmd0": lambda text: date_holds(text, day_zero=True),
    "yyyymmdd": lambda text: _day_holds(int(text[:4]) or 2000, int(text[4:6]), int(text[6:]), day_zero=False),
    "hhmi": lambda text: int(text[:2]) <= 23 and int(text[2:]) <= 59,
    "hh": _below(23),
    "mi": _below(59),
    "ss": _below(59),
    "latitude": _below(1_800_000_000),
    "longitude": _below(3_600_000_000),
    "zero": lambda text: int(text) == 0,
    "nonzero": lambda text: int(text) != 0,
    "nozeroprefix": _shaped("0|[1-9][0-9]*"),
    "hasnondigit": lambda text: not text.isdigit(),
    "gcppos1": lambda text: len(text) >= 4 and text[:4].isdigit(),
    "gcppos2": lambda text: len(text) >= 5 and text[1:5].isdigit(),
    "pcenc": _shaped("(?:[^%]|%[0-9A-Fa-f]{2})*"),
    "pieceoftotal": lambda text: _part_of_holds(text[:2], text[2:]),
    "posinseqslash": _position_slash_holds,
    "hyphen": _shaped("-+"),
    "yesno": _shaped("[01]"),
    "winding": _shaped("[019]"),
    "iso5218": _shaped("[0129]"),
    "importeridx": _shaped("[-0-9A-Z_a-z]"),
    "mediatype": lambda text: 1 <= int(text) <= 10 or 80 <= int(text) <= 99,
}
