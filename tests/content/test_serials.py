"""What a serial may be claimed for, and when."""

from __future__ import annotations

import random

from vision.content.order import Order
from vision.content.serials import SerialIndex
from vision.types import Reason

ORDER = Order(
    order="PO-1",
    product="Examplol",
    scheme="GS1",
    gtin="04012345678901",
    lot="L",
    expiry="271231",
    quantity=3,
    serials=frozenset({"A", "B", "C"}),
)


def test_each_serial_is_claimed_once() -> None:
    index = SerialIndex(ORDER)
    assert index.claim("A") is None
    assert index.claim("A") is Reason.DUPLICATE_SERIAL
    assert index.claim("X") is Reason.UNKNOWN_SERIAL
    assert index.claim("B") is None


def test_a_restart_knows_what_was_seen() -> None:
    index = SerialIndex(ORDER, seen=["A"])
    assert index.claim("A") is Reason.DUPLICATE_SERIAL
    assert index.claim("B") is None


def test_a_blocked_serial_stays_blocked_seen_or_not() -> None:
    index = SerialIndex(ORDER)
    assert index.claim("A") is None
    index.block(["A", "B", "X"])
    assert index.claim("A") is Reason.BLOCKED_SERIAL
    assert index.claim("B") is Reason.BLOCKED_SERIAL
    assert index.claim("X") is Reason.UNKNOWN_SERIAL


def test_a_frame_claims_all_its_serials_or_none() -> None:
    index = SerialIndex(ORDER, seen=["A"])
    assert index.claim_all(["B", "A"]) == (Reason.DUPLICATE_SERIAL,)
    assert index.claim_all(["B", "X", "A"]) == (Reason.UNKNOWN_SERIAL, Reason.DUPLICATE_SERIAL)
    assert index.claim_all(["B", "B"]) == (Reason.DUPLICATE_SERIAL,)
    assert index.claim_all(["B", "C"]) == (), "what was refused claimed nothing"
    assert index.claim_all([]) == ()


def test_any_serial_is_unique_where_none_are_listed() -> None:
    for index in (SerialIndex(None), SerialIndex(Order("PO", "x", "GS1", "L", "271231", 1, gtin="04012345678901"))):
        assert index.claim("anything") is None
        assert index.claim("anything") is Reason.DUPLICATE_SERIAL


def test_claims_equal_a_plain_history() -> None:
    source = random.Random(2026)
    index, history, blocked = SerialIndex(ORDER), [], set()
    for _ in range(500):
        serial = source.choice("ABCXY")
        if source.random() < 0.01:
            index.block([serial])
            blocked.add(serial)
        wanted = None
        if serial in "XY":
            wanted = Reason.UNKNOWN_SERIAL
        elif serial in blocked:
            wanted = Reason.BLOCKED_SERIAL
        elif serial in history:
            wanted = Reason.DUPLICATE_SERIAL
        assert index.claim(serial) is wanted
        if wanted is None:
            history.append(serial)
