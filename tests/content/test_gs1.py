"""GS1 element strings: what is taken apart, what breaks the rules, and which rule."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vision.content.gs1 import bracketed, parse
from vision.content.gs1_rules import RULES, SET_82, check_digit, check_pair, date_holds
from vision.types import Reason

GTIN = "04012345678901"
GS = b"\x1d"

GOOD = [
    b"010401234567890117271231" + b"10ABC123\x1d21SN1",
    b"010401234567890121SN1\x1d10ABC123\x1d17271200",
    b"010401234567890121SN1\x1d71204150042\x1d10L\x1d17280229",
    b"00340123450000000000",
    b"0104012345678901310300125410L",
    b"0104012345678901" + b"10L\x1d",  # a superfluous separator at the end
    b"0104012345678901\x1d10L",  # and one after a predefined length
    b"01040123456789010104012345678901",  # the same again is no contradiction
    b"80131987654Ad4X4bL5ttr2310c2K",
    b"415401234512345680201234",
    b"8006040123456789010102\x1d21S",
    b"0104012345678901" + b"10" + SET_82[:20].encode(),
    b"0104012345678901" + b"21" + SET_82[62:].encode(),
    b"0034012345000000000043090155000000" + b"2100000000",
    b"0034012345000000000043252712312359" + b"\x1d" + b"4326271231",
    b"0104012345678901423276250\x1d7007270101271231",
]

BAD = [
    (b"", Reason.BAD_SYNTAX),
    (GS, Reason.BAD_SYNTAX),
    (b"0", Reason.BAD_SYNTAX),
    (b"\x1d0104012345678901", Reason.BAD_SYNTAX),
    (b"010401234567890110L\x1d\x1d21S", Reason.BAD_SYNTAX),
    (b"0104012345678901" + b"05123", Reason.BAD_SYNTAX),  # no such identifier
    (b"010401234567890", Reason.BAD_SYNTAX),  # one digit short
    (b"01040123456789O1", Reason.BAD_SYNTAX),  # a letter
    (b"0104012345678902", Reason.BAD_CHECK_DIGIT),
    (b"00340123450000000001", Reason.BAD_CHECK_DIGIT),
    (b"010401234567890110", Reason.BAD_SYNTAX),  # empty lot
    (b"010401234567890110" + b"A" * 21, Reason.BAD_SYNTAX),
    (b"010401234567890110A B", Reason.BAD_SYNTAX),  # a blank is not in set 82
    (b"010401234567890110A\x80", Reason.BAD_SYNTAX),
    (b"010401234567890110A\xe9", Reason.BAD_SYNTAX),
    (b"010401234567890110A^B", Reason.BAD_SYNTAX),
    (b"010401234567890117271301", Reason.BAD_SYNTAX),  # month 13
    (b"010401234567890117270001", Reason.BAD_SYNTAX),  # month 0
    (b"010401234567890117270431", Reason.BAD_SYNTAX),
    (b"010401234567890117270229", Reason.BAD_SYNTAX),  # no leap year
    (b"010401234567890110A\x1d10B", Reason.BAD_SYNTAX),  # twice, with another value
    (b"010401234567890121S\x1d2359", Reason.BAD_SYNTAX),  # 235 empty and not with 21
    (b"010401234567890121S\x1d235T", Reason.BAD_SYNTAX),
    (b"21SN1", Reason.MISSING_ELEMENT),
    (b"17271231", Reason.MISSING_ELEMENT),
    (b"010401234567890102040123456789013712", Reason.BAD_SYNTAX),  # 02 beside 01
    (b"0034012345000000000043252712312400", Reason.BAD_SYNTAX),  # 24:00
    (b"0034012345000000000043262712" + b"00", Reason.BAD_SYNTAX),  # day 00 where it is not allowed
    (b"80131987654Ad4X4bL5ttr2310c2L", Reason.BAD_CHECK_DIGIT),
    (b"8006040123456789010302", Reason.BAD_SYNTAX),  # piece 3 of 2
    (b"010401234567890142327625", Reason.BAD_SYNTAX),  # a country code of two digits
]


@pytest.mark.parametrize("payload", GOOD)
def test_good_messages(payload: bytes) -> None:
    parsed = parse(payload)
    assert parsed.whole
    assert parsed.reasons == frozenset()


@pytest.mark.parametrize(("payload", "reason"), BAD)
def test_bad_messages(payload: bytes, reason: Reason) -> None:
    assert reason in parse(payload).reasons


def test_values_and_text_keep_the_order_of_the_message() -> None:
    parsed = parse(GOOD[1])
    assert list(parsed.elements.items()) == [("01", GTIN), ("21", "SN1"), ("10", "ABC123"), ("17", "271200")]
    assert bracketed(parsed.elements) == "(01)04012345678901(21)SN1(10)ABC123(17)271200"


def test_a_missing_separator_breaks_no_rule() -> None:
    parsed = parse(b"010401234567890110ABC12321SN1")
    assert parsed.reasons == frozenset()
    assert parsed.elements == {"01": GTIN, "10": "ABC12321SN1"}


def test_a_bad_value_is_not_handed_on_and_what_follows_its_separator_is() -> None:
    parsed = parse(b"010401234567890110A B\x1d21SN1")
    assert not parsed.whole
    assert parsed.elements == {"01": GTIN, "21": "SN1"}
    assert parsed.reasons == {Reason.BAD_SYNTAX}


def test_check_digit_against_published_numbers() -> None:
    assert check_digit("629104150021") == "3"  # GS1's own worked example of a GTIN-13
    assert check_digit("37610425002123456") == "9"  # and of an SSCC
    assert check_pair("1987654Ad4X4bL5ttr2310c") == "2K"  # and of a GMN


def test_every_wrong_digit_and_every_swap_of_unequal_neighbours_with_odd_difference_is_seen() -> None:
    """Modulo 10 with weights 3, 1 finds every single wrong digit; swaps only where the digits do not differ by 5."""
    for position in range(14):
        for digit in "0123456789":
            changed = GTIN[:position] + digit + GTIN[position + 1 :]
            assert RULES["csum"](changed) == (changed == GTIN)
    for position in range(13):
        a, b = GTIN[position], GTIN[position + 1]
        changed = GTIN[:position] + b + a + GTIN[position + 2 :]
        assert RULES["csum"](changed) == ((int(a) - int(b)) % 5 == 0)


def test_dates() -> None:
    assert date_holds("000229", day_zero=False)  # 2000 was a leap year
    assert date_holds("240229", day_zero=False)
    assert not date_holds("230229", day_zero=False)
    assert date_holds("271200", day_zero=True)
    assert not date_holds("271200", day_zero=False)
    assert not date_holds("271232", day_zero=True)
    assert not date_holds("279900", day_zero=True)


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("iban", "DE89370400440532013000", "DE88370400440532013000"),
        ("yyyymmdd", "19000228", "19000229"),
        ("hh", "23", "24"),
        ("mi", "59", "60"),
        ("ss", "00", "60"),
        ("hhmi", "2359", "1260"),
        ("latitude", "1800000000", "1800000001"),
        ("longitude", "3600000000", "3600000001"),
        ("zero", "0", "1"),
        ("nonzero", "0001", "0000"),
        ("nozeroprefix", "0", "01"),
        ("hasnondigit", "1A", "11"),
        ("gcppos1", "1234A", "123A5"),
        ("gcppos2", "A1234", "12 45"),
        ("pcenc", "A%20b", "A%2"),
        ("pieceoftotal", "0202", "0002"),
        ("posinseqslash", "9/10", "10/9"),
        ("posinseqslash", "1/1", "01/1"),
        ("hyphen", "-", "A"),
        ("yesno", "1", "2"),
        ("winding", "9", "2"),
        ("iso5218", "9", "3"),
        ("importeridx", "_", "%"),
        ("mediatype", "80", "11"),
        ("csumalpha", "1987654Ad4X4bL5ttr2310c2K", "2K"),
    ],
)
def test_rules(rule: str, good: str, bad: str) -> None:
    assert RULES[rule](good)
    assert not RULES[rule](bad)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_give_an_answer(payload: bytes) -> None:
    parsed = parse(payload)
    assert parsed.whole or Reason.BAD_SYNTAX in parsed.reasons
    assert all(set(value) <= set(SET_82 + "#") for value in parsed.elements.values())


def test_a_whole_message_says_nothing_but_its_elements() -> None:
    """With no bad reason, the elements put together again with a separator after each variable one give the same reading."""
    source = random.Random(20260301)
    for _ in range(500):
        parts = {"01": GTIN, "10": _text(source), "21": _text(source), "17": "2812" + source.choice(["00", "15", "31"])}
        identifiers = source.sample(list(parts), 4)
        message = b"".join(
            (identifier + parts[identifier]).encode() + GS * (identifier in ("10", "21")) for identifier in identifiers
        )
        parsed = parse(message)
        assert parsed.reasons == frozenset()
        assert parsed.elements == parts


def _text(source: random.Random) -> str:
    return "".join(source.choices(SET_82, k=source.randint(1, 20)))
