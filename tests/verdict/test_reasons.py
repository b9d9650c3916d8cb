"""The list of reasons is closed: the contract's, in plain words for each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vision.types import LINE_REASONS, Reason
from vision.verdict.reasons import WORDS

CONTRACT = Path(__file__).resolve().parents[3] / "shared" / "contract.md"
CLOSED_LIST = """
    NO_SYMBOL NOT_DECODED WRONG_SYMBOL_COUNT LOW_GRADE
    NOT_GS1 BAD_SYNTAX BAD_CHECK_DIGIT WRONG_PRODUCT WRONG_LOT WRONG_EXPIRY WRONG_NATIONAL_NUMBER MISSING_ELEMENT
    UNKNOWN_SERIAL DUPLICATE_SERIAL BLOCKED_SERIAL
    NO_SLOT INCOMPLETE_FRAME MISSED_FRAME CAMERA_LOST INSPECTOR_LOST MISSED_DEADLINE NOT_RECORDED LINE_LOST
"""


def test_the_list_is_closed() -> None:
    assert {reason.value for reason in Reason} == set(CLOSED_LIST.split())


@pytest.mark.skipif(not CONTRACT.exists(), reason="the contract is not at ../shared")
def test_the_list_is_that_of_the_contract() -> None:
    section = CONTRACT.read_text(encoding="utf-8").split("## Reasons")[1].split("##")[0]
    assert set(re.findall(r"\b[A-Z]{2,}[A-Z0-9]*_[A-Z0-9_]+\b", section)) == {reason.value for reason in Reason}


def test_each_reason_has_one_line_of_plain_words() -> None:
    assert WORDS.keys() == set(Reason)
    assert len(set(WORDS.values())) == len(WORDS)
    for words in WORDS.values():
        assert re.fullmatch(r"[A-Z][^\n_]{10,110}\.", words)


def test_reasons_of_the_line_come_before_those_of_the_pack_but_for_the_record() -> None:
    order = list(Reason)
    line = [order.index(reason) for reason in LINE_REASONS - {Reason.NOT_RECORDED}]
    assert max(line) < min(order.index(reason) for reason in set(Reason) - LINE_REASONS)
    assert order[-1] is Reason.NOT_RECORDED
