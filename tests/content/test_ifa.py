"""IFA / PPN codes: the Macro 06 message, its identifiers and check digits."""

from __future__ import annotations

import pytest

from vision.content.ifa import looks_like, parse, ppn_check_digits, ppn_check_holds, pzn_check_digit
from vision.types import Reason

PPN = "110375286414"  # PZN 03752864, the example of the IFA specification


def message(*fields: str) -> bytes:
    return ("[)>\x1e06\x1d" + "\x1d".join(fields) + "\x1e\x04").encode("latin-1")


def test_check_digits_against_published_numbers() -> None:
    assert ppn_check_digits("1103752864") == "14"
    assert ppn_check_digits("1112345678") == "42"
    assert pzn_check_digit("0375286") == "4"
    assert pzn_check_digit("0275808") == "9"
    assert pzn_check_digit("3000001") is None  # 3 + 7 = 10 leaves 10


def test_fields_in_any_order() -> None:
    parsed = parse(message("SSN1", "D271200", "1TABC", "9N" + PPN, "8P04012345678901"))
    assert parsed.reasons == frozenset()
    assert parsed.elements == {"S": "SN1", "D": "271200", "1T": "ABC", "9N": PPN, "8P": "04012345678901"}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (message("9N110375286415", "SSN1"), Reason.BAD_CHECK_DIGIT),
        (message("9N11037528" + "65" + "00", "SSN1"), Reason.BAD_CHECK_DIGIT),
        (message("9N" + PPN, "8P04012345678902"), Reason.BAD_CHECK_DIGIT),
        (message("9N" + PPN, "D271301"), Reason.BAD_SYNTAX),
        (message("9N" + PPN, "D2712"), Reason.BAD_SYNTAX),
        (message("9N" + PPN, "S" + "A" * 21), Reason.BAD_SYNTAX),
        (message("9N" + PPN, "S"), Reason.BAD_SYNTAX),
        (message("9N" + PPN, ""), Reason.BAD_SYNTAX),
        (message("9N" + PPN, "SA", "SB"), Reason.BAD_SYNTAX),
        (message("9N" + PPN, "S\xe9"), Reason.BAD_SYNTAX),
        (message("9N1103752864", "SA"), Reason.BAD_SYNTAX),
        (message("SA", "1TB"), Reason.MISSING_ELEMENT),
        (message("9N" + PPN)[:-2], Reason.BAD_SYNTAX),
        (message("9N" + PPN)[1:], Reason.BAD_SYNTAX),
        (message("9N" + PPN).replace(b"06", b"05"), Reason.BAD_SYNTAX),
        (message(), Reason.BAD_SYNTAX),
        (b"", Reason.BAD_SYNTAX),
    ],
)
def test_bad_messages(payload: bytes, reason: Reason) -> None:
    assert reason in parse(payload).reasons


def test_the_pzn_inside_is_checked_even_when_the_ppn_digits_fit() -> None:
    wrong_pzn = "1103752865"
    assert not ppn_check_holds(wrong_pzn + ppn_check_digits(wrong_pzn))


def test_every_wrong_digit_of_a_ppn_is_seen() -> None:
    for position in range(2, 12):
        for digit in "0123456789":
            changed = PPN[:position] + digit + PPN[position + 1 :]
            assert ppn_check_holds(changed) == (changed == PPN)


def test_another_registration_code_has_no_pzn() -> None:
    product = "13ABC123"
    parsed = parse(message("9N" + product + ppn_check_digits(product), "SA"))
    assert parsed.reasons == frozenset()


def test_a_macro_message_of_another_trade_is_not_taken_for_ifa() -> None:
    assert not looks_like(message("P12345", "SA"))
    assert looks_like(message("SA", "9N" + PPN))
