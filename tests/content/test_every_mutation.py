"""Every single fault of a good code, tried out in full: each character by each other, each identifier, separator and neighbour."""

from __future__ import annotations

import dataclasses
import itertools
import random

import pytest

from tests.content.test_compare import GS, IFA_ORDER, IFA_PARTS, ORDER, PARTS, gs1_code, ifa_code, reasons
from vision.content.gs1_elements import elements
from vision.content.gs1_rules import SET_82, check_digit
from vision.content.ifa import ppn_check_digits, pzn_check_digit
from vision.types import Reason

WRONG = {"01": Reason.WRONG_PRODUCT, "10": Reason.WRONG_LOT, "17": Reason.WRONG_EXPIRY, "21": Reason.UNKNOWN_SERIAL}
WRONG_IFA = {"9N": Reason.WRONG_PRODUCT, "1T": Reason.WRONG_LOT, "D": Reason.WRONG_EXPIRY, "S": Reason.UNKNOWN_SERIAL}


@pytest.mark.parametrize("keys", list(itertools.permutations(PARTS)), ids="-".join)
def test_each_character_by_each_other(keys: tuple[str, ...]) -> None:
    """The value's reason is found wherever the value changed; its own rules' reason with it."""
    for key in keys:
        value = PARTS[key]
        for position in range(len(value)):
            for other in map(chr, range(256)):
                mutant = value[:position] + other + value[position + 1 :]
                if mutant == value or (key == "21" and mutant in ORDER.serials):  # type: ignore[operator]
                    continue
                found = reasons(gs1_code({name: PARTS[name] for name in keys} | {key: mutant}))
                assert found, mutant
                if other == GS:  # cuts the value in two: what follows is read as another element
                    continue
                if (other in SET_82) if key in ("10", "21") else other.isascii() and other.isdigit():
                    assert WRONG[key] in found, (mutant, found)
                else:
                    assert Reason.BAD_SYNTAX in found, (mutant, found)
                if key == "01" and other.isascii() and other.isdigit():
                    assert Reason.BAD_CHECK_DIGIT in found, "modulo 10 finds each single digit"


def test_neighbours_exchanged_values_exchanged() -> None:
    for key, value in PARTS.items():
        for position in range(len(value) - 1):
            mutant = value[:position] + value[position + 1] + value[position] + value[position + 2 :]
            if mutant != value:
                assert WRONG[key] in reasons(gs1_code(PARTS | {key: mutant}))
    for one, other in itertools.combinations(PARTS, 2):
        assert reasons(gs1_code(PARTS | {one: PARTS[other], other: PARTS[one]})) != ()


def test_each_identifier_by_each_other() -> None:
    """Another identifier before the value is another element: the one that was ordered is missing, or it breaks the syntax."""
    for key in PARTS:
        for other in elements():
            if other in PARTS:
                continue
            found = reasons(gs1_code({(other if name == key else name): value for name, value in PARTS.items()}))
            assert {Reason.MISSING_ELEMENT, Reason.BAD_SYNTAX} & set(found), (key, other, found)


@pytest.mark.parametrize("keys", list(itertools.permutations(PARTS)), ids="-".join)
def test_separators(keys: tuple[str, ...]) -> None:
    """One that is missing makes a value longer, which only the order sees; doubled ones break the syntax; each order is good."""
    good = gs1_code({key: PARTS[key] for key in keys})
    assert reasons(good) == ()
    for position in [index for index, byte in enumerate(good) if byte == 0x1D]:
        found = reasons(good[:position] + good[position + 1 :])
        swallowing = max((key for key in ("10", "21")), key=lambda key: good.find((key + PARTS[key]).encode(), 0, position))
        assert {WRONG[swallowing], Reason.BAD_SYNTAX} & set(found), found
        assert reasons(good[:position] + b"\x1d" + good[position:]) != ()


def test_the_scheme_and_the_identifier_of_the_symbology() -> None:
    for identifier in ("]d0", "]d1", "]d3", "]d4", "]d5", "]d6", "]C1", "]e0", "]Q3", "", "d2", "]D2"):
        assert reasons(gs1_code(PARTS), ORDER, identifier) == (Reason.NOT_GS1,)
        assert reasons(ifa_code(IFA_PARTS), ORDER, identifier) == (Reason.NOT_GS1,)
    for order, payload, identifier in ((IFA_ORDER, gs1_code(PARTS), "]d2"), (IFA_ORDER, gs1_code(PARTS), "]d1")):
        assert reasons(payload, order, identifier) == (Reason.BAD_SYNTAX,)


@pytest.mark.parametrize("keys", list(itertools.permutations(IFA_PARTS))[::5], ids="-".join)
def test_each_character_of_an_ifa_code(keys: tuple[str, ...]) -> None:
    good = {key: IFA_PARTS[key] for key in keys}
    assert reasons(ifa_code(good), IFA_ORDER, "]d1") == ()
    for key, value in good.items():
        for position, other in itertools.product(range(len(value)), map(chr, range(256))):
            mutant = value[:position] + other + value[position + 1 :]
            if mutant == value or (key == "S" and mutant in ORDER.serials):  # type: ignore[operator]
                continue
            found = reasons(ifa_code(good | {key: mutant}), IFA_ORDER, "]d1")
            assert found, mutant
            if key in ("1T", "S") and other in SET_82:
                assert WRONG_IFA[key] in found
            elif key == "9N" and position >= 2 and other.isascii() and other.isdigit():
                assert {Reason.BAD_CHECK_DIGIT, Reason.WRONG_PRODUCT} <= set(found), "modulo 97 finds each single digit"
    framed = ifa_code(good)
    for position in range(len(framed)):
        assert reasons(framed[:position] + framed[position + 1 :], IFA_ORDER, "]d1") != (), "a byte lost"


def test_none_of_100_000_good_codes_is_rejected() -> None:
    source = random.Random(100_000)
    texts = ["".join(source.choices(SET_82, k=source.randint(1, 20))) for _ in range(1000)]
    serials = frozenset(texts)
    for number in range(200):
        body = "".join(source.choices("0123456789", k=13))
        gs1 = dataclasses.replace(ORDER, gtin=body + check_digit(body), lot=texts[number], expiry="300200", serials=serials)
        digits = "".join(source.choices("0123456789", k=7))
        if (last := pzn_check_digit(digits)) is None:
            digits, last = "0375286", "4"
        ppn = f"11{digits}{last}"
        ppn += ppn_check_digits(ppn)
        ifa = dataclasses.replace(IFA_ORDER, ppn=ppn, lot=texts[number], expiry="300200", serials=serials)
        for serial in source.sample(texts, 250):
            code = (
                f"01{gs1.gtin}1730020010{gs1.lot}\x1d21{serial}"
                if number % 2
                else f"21{serial}\x1d10{gs1.lot}\x1d1730020001{gs1.gtin}"
            )
            assert reasons(code.encode(), gs1) == ()
            code = f"[)>\x1e06\x1dS{serial}\x1d9N{ppn}\x1d1T{ifa.lot}\x1dD300200\x1e\x04"
            assert reasons(code.encode(), ifa, "]d1") == ()
