"""A code is good only if every field is what was ordered: all mutations of good codes are rejected, good ones never."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vision.content.compare import by_precedence, check
from vision.content.gs1_rules import SET_82, check_digit
from vision.content.ifa import ppn_check_digits, pzn_check_digit
from vision.content.order import Order
from vision.content.payload_text import payload_text
from vision.types import Reason

GS = "\x1d"
ORDER = Order(
    order="PO-1",
    product="Examplol",
    scheme="GS1",
    gtin="04012345678901",
    lot="ABC123",
    expiry="271231",
    quantity=2,
    serials=frozenset({"SN1", "SN2"}),
)
IFA_ORDER = dataclasses.replace(ORDER, scheme="IFA", gtin=None, ppn="110375286414")
PARTS = {"01": "04012345678901", "17": "271231", "10": "ABC123", "21": "SN1"}
IFA_PARTS = {"9N": "110375286414", "1T": "ABC123", "D": "271231", "S": "SN1"}


def gs1_code(parts: dict[str, str]) -> bytes:
    """Element strings in the order given, a separator after each variable one that is not the last."""
    fixed = ("00", "01", "11", "15", "17")
    last = list(parts)[-1]
    return "".join(ai + value + GS * (ai not in fixed and ai != last) for ai, value in parts.items()).encode("latin-1")


def ifa_code(parts: dict[str, str]) -> bytes:
    return ("[)>\x1e06" + "".join(GS + key + value for key, value in parts.items()) + "\x1e\x04").encode("latin-1")


def reasons(payload: bytes, order: Order | None = ORDER, identifier: str = "]d2") -> tuple[Reason, ...]:
    return check(payload, identifier, order).reasons


def test_a_good_code() -> None:
    content = check(gs1_code(PARTS), "]d2", ORDER)
    assert content.reasons == ()
    assert content.elements == PARTS
    assert content.serial == "SN1"
    assert content.text == "(01)04012345678901(17)271231(10)ABC123(21)SN1"


def test_a_good_ifa_code() -> None:
    content = check(ifa_code(IFA_PARTS), "]d1", IFA_ORDER)
    assert content.reasons == ()
    assert content.serial == "SN1"
    assert content.text == "[)><RS>06<GS>9N110375286414<GS>1TABC123<GS>D271231<GS>SSN1<RS><EOT>"


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (gs1_code(PARTS | {"01": "04012345678918"}), (Reason.WRONG_PRODUCT,)),
        (gs1_code(PARTS | {"01": "04012345678902"}), (Reason.BAD_CHECK_DIGIT, Reason.WRONG_PRODUCT)),
        (gs1_code(PARTS | {"10": "ABC124"}), (Reason.WRONG_LOT,)),
        (gs1_code(PARTS | {"10": "abc123"}), (Reason.WRONG_LOT,)),
        (gs1_code(PARTS | {"17": "271200"}), (Reason.WRONG_EXPIRY,)),
        (gs1_code(PARTS | {"17": "271331"}), (Reason.BAD_SYNTAX, Reason.WRONG_EXPIRY)),
        (gs1_code(PARTS | {"21": "SN3"}), (Reason.UNKNOWN_SERIAL,)),
        (gs1_code(PARTS | {"712": "1234"}), (Reason.WRONG_NATIONAL_NUMBER,)),
        (gs1_code({key: PARTS[key] for key in ("01", "17", "10")}), (Reason.MISSING_ELEMENT,)),
        (gs1_code({key: PARTS[key] for key in ("01", "17", "21")}), (Reason.MISSING_ELEMENT,)),
        (gs1_code({key: PARTS[key] for key in ("01", "10", "21")}), (Reason.MISSING_ELEMENT,)),
        (gs1_code({key: PARTS[key] for key in ("17", "10", "21")}), (Reason.BAD_SYNTAX, Reason.MISSING_ELEMENT)),
        (gs1_code(PARTS).replace(b"\x1d", b""), (Reason.MISSING_ELEMENT, Reason.WRONG_LOT)),
        (
            gs1_code({"17": "271231", "01": PARTS["01"], "21": "SN1", "10": "ABC123"}).replace(b"\x1d", b""),
            (Reason.MISSING_ELEMENT, Reason.UNKNOWN_SERIAL),
        ),
        (gs1_code(PARTS).replace(b"\x1d", b"\x1e"), (Reason.BAD_SYNTAX,)),
        (gs1_code(PARTS | {"21": "SN\xe9"}), (Reason.BAD_SYNTAX,)),
        (gs1_code(PARTS) + b"\x1d10OTHER", (Reason.BAD_SYNTAX,)),
        (b"", (Reason.BAD_SYNTAX,)),
    ],
)
def test_what_is_wrong_is_named(payload: bytes, expected: tuple[Reason, ...]) -> None:
    assert reasons(payload) == expected


def test_an_ordered_number_must_be_there() -> None:
    order = dataclasses.replace(ORDER, national_number="1234")
    assert reasons(gs1_code(PARTS), order) == (Reason.MISSING_ELEMENT,)
    assert reasons(gs1_code(PARTS | {"715": "1234"}), order) == ()
    assert reasons(gs1_code(PARTS | {"715": "1235"}), order) == (Reason.WRONG_NATIONAL_NUMBER,)


def test_day_zero_is_compared_as_printed() -> None:
    order = dataclasses.replace(ORDER, expiry="271200")
    assert reasons(gs1_code(PARTS | {"17": "271200"}), order) == ()
    assert reasons(gs1_code(PARTS), order) == (Reason.WRONG_EXPIRY,)


@pytest.mark.parametrize("identifier", ["]d0", "]d1", "]d3", "]d4", "]d5", "]C1", "]Q3", ""])
def test_only_gs1_datamatrix_is_gs1(identifier: str) -> None:
    assert reasons(gs1_code(PARTS), ORDER, identifier) == (Reason.NOT_GS1,)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"9N": "110275808921"}, (Reason.WRONG_PRODUCT,)),
        ({"9N": "110375286415"}, (Reason.BAD_CHECK_DIGIT, Reason.WRONG_PRODUCT)),
        ({"1T": "ABC124"}, (Reason.WRONG_LOT,)),
        ({"D": "271200"}, (Reason.WRONG_EXPIRY,)),
        ({"S": "SN3"}, (Reason.UNKNOWN_SERIAL,)),
        ({"8P": "04012345678902"}, (Reason.BAD_CHECK_DIGIT,)),
        ({"S": "SN1\x7f"}, (Reason.BAD_SYNTAX,)),
    ],
)
def test_what_is_wrong_with_an_ifa_code_is_named(change: dict[str, str], expected: tuple[Reason, ...]) -> None:
    if change.get("9N") == "110275808921":
        change = {"9N": "1102758089" + ppn_check_digits("1102758089")}
    assert reasons(ifa_code(IFA_PARTS | change), IFA_ORDER, "]d1") == expected


def test_missing_fields_of_an_ifa_code() -> None:
    for left_out in IFA_PARTS:
        payload = ifa_code({key: value for key, value in IFA_PARTS.items() if key != left_out})
        assert reasons(payload, IFA_ORDER, "]d1") == (Reason.MISSING_ELEMENT,)


def test_a_national_number_of_an_ifa_order_is_the_pzn() -> None:
    order = dataclasses.replace(IFA_ORDER, national_number="03752864")
    assert reasons(ifa_code(IFA_PARTS), order, "]d1") == ()
    other = "1102758089" + ppn_check_digits("1102758089")
    assert reasons(ifa_code(IFA_PARTS | {"9N": other}), order, "]d1") == (Reason.WRONG_PRODUCT, Reason.WRONG_NATIONAL_NUMBER)


def test_one_scheme_is_never_taken_for_the_other() -> None:
    assert reasons(gs1_code(PARTS), IFA_ORDER, "]d2") == (Reason.BAD_SYNTAX,)
    assert reasons(gs1_code(PARTS), IFA_ORDER, "]d1") == (Reason.BAD_SYNTAX,)
    assert reasons(ifa_code(IFA_PARTS), ORDER, "]d1") == (Reason.NOT_GS1,)
    assert Reason.BAD_SYNTAX in reasons(ifa_code(IFA_PARTS), ORDER, "]d2")


def test_without_an_order_only_the_syntax_counts() -> None:
    assert reasons(gs1_code(PARTS | {"21": "OTHER"}), None) == ()
    assert reasons(gs1_code(PARTS | {"01": "04012345678902"}), None) == (Reason.BAD_CHECK_DIGIT,)
    assert reasons(ifa_code(IFA_PARTS | {"9N": "110375286415"}), None, "]d1") == (Reason.BAD_CHECK_DIGIT,)
    plain = check(b"https://example.org", "]d1", None)
    assert (plain.reasons, plain.elements, plain.text) == ((), {}, "https://example.org")


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (b"A\x1dB\x00\x1b[2J\x7f", "A<GS>B<NUL><ESC>[2J<DEL>"),
        ("Grüße".encode(), "Grüße"),
        ("Grüße".encode("latin-1"), "Grüße"),
        ("a\u202eb\u2028".encode(), "a<U+202E>b<U+2028>"),
        (b"\x85\xff", "<U+0085>ÿ"),
        (b"", ""),
    ],
)
def test_text_is_safe_to_show(payload: bytes, text: str) -> None:
    assert payload_text(payload) == text
    assert text.isprintable()


def test_precedence_is_the_order_of_definition() -> None:
    assert by_precedence([*reversed(Reason), *Reason]) == tuple(Reason)


# Mutations ------------------------------------------------------------------------------------------------------------


def _text(source: random.Random, longest: int = 20) -> str:
    return "".join(source.choices(SET_82, k=source.randint(1, longest)))


def _gs1_case(source: random.Random) -> tuple[Order, dict[str, str]]:
    body = "".join(source.choices("0123456789", k=13))
    serials = frozenset(_text(source) for _ in range(5))
    order = dataclasses.replace(
        ORDER,
        gtin=body + check_digit(body),
        lot=_text(source),
        expiry=f"{source.randint(0, 99):02d}{source.randint(1, 12):02d}{source.choice([0, 1, 28]):02d}",
        national_number=source.choice([None, _text(source)]),
        serials=serials,
    )
    parts = {"01": str(order.gtin), "17": order.expiry, "10": order.lot, "21": source.choice(sorted(serials))}
    if order.national_number is not None:
        parts[source.choice(["710", "711", "712", "713", "714", "715", "716", "717"])] = order.national_number
    if source.random() < 0.3:
        parts["11"] = "260500"
    if source.random() < 0.3:
        parts["91"] = _text(source)
    keys = source.sample(list(parts), len(parts))
    return order, {key: parts[key] for key in keys}


def _mutations(source: random.Random, parts: dict[str, str]) -> Iterator[tuple[bytes, Reason]]:
    """Bad variants of a good code, each with a reason that must be among those found."""
    wrong = {"01": Reason.WRONG_PRODUCT, "10": Reason.WRONG_LOT, "17": Reason.WRONG_EXPIRY, "21": Reason.UNKNOWN_SERIAL}
    for key, value in parts.items():
        if key in ("11", "91"):
            continue
        reason = wrong.get(key, Reason.WRONG_NATIONAL_NUMBER)
        position = source.randrange(len(value))
        alphabet = "0123456789" if key in ("01", "17") else SET_82
        other = source.choice([character for character in alphabet if character != value[position]])
        yield gs1_code(parts | {key: value[:position] + other + value[position + 1 :]}), reason
        yield (
            gs1_code(parts | {key: value[:position] + source.choice("\x00 ~^\x80\xe9") + value[position + 1 :]}),
            Reason.BAD_SYNTAX,
        )
        if key == "01":
            digit = str((int(value[-1]) + source.randint(1, 9)) % 10)
            yield gs1_code(parts | {key: value[:-1] + digit}), Reason.BAD_CHECK_DIGIT
        if key not in ("01", "17"):
            shorter = value[:-1]
            yield gs1_code(parts | {key: shorter}), reason if shorter else Reason.BAD_SYNTAX
            yield gs1_code(parts | {key: (value + "x" * 20)[:21]}), Reason.BAD_SYNTAX
        if len(parts) > 1:
            yield gs1_code({name: text for name, text in parts.items() if name != key}), Reason.MISSING_ELEMENT
    yield gs1_code(parts | {"05": "1"}), Reason.BAD_SYNTAX
    yield gs1_code(parts)[:0], Reason.BAD_SYNTAX


def test_thousands_of_mutations_are_all_rejected_with_the_right_reason_and_good_codes_never() -> None:
    source = random.Random(4711)
    count = 0
    for _ in range(400):
        order, parts = _gs1_case(source)
        good = gs1_code(parts)
        assert reasons(good, order) == (), (order, good)
        assert reasons(good + b"\x1d" * (list(parts)[-1] in ("10", "21")), order) == ()
        assert reasons(good, order, "]d1") == (Reason.NOT_GS1,)
        for payload, reason in _mutations(source, parts):
            found = reasons(payload, order)
            assert reason in found, (reason, found, order, payload)
            assert found == by_precedence(found)
            count += 1
    assert count > 4000


def test_any_byte_changed_lost_or_added_is_rejected() -> None:
    """Whatever single byte is hit, the code is not let through, unless what it says is still what was ordered."""
    source = random.Random(1729)
    for _ in range(60):
        order, parts = _gs1_case(source)
        parts = {key: value for key, value in parts.items() if key not in ("11", "91")}  # those say what they like
        wanted = {key: parts[key] for key in ("01", "17", "10", "21")}
        good = gs1_code(parts)
        for position in range(len(good)):
            byte = bytes([source.randrange(256)])
            hits = [good[:position] + byte + good[position + 1 :], good[:position] + good[position + 1 :]]
            hits.append(good[:position] + byte + good[position:])
            for payload in hits:
                content = check(payload, "]d2", order)
                if content.reasons:
                    continue
                assert {key: content.elements.get(key) for key in wanted} == wanted, payload


def _ifa_case(source: random.Random) -> tuple[Order, dict[str, str]]:
    while True:
        digits = "".join(source.choices("0123456789", k=7))
        if (last := pzn_check_digit(digits)) is not None:
            break
    ppn = "11" + digits + last
    ppn += ppn_check_digits(ppn)
    order = dataclasses.replace(IFA_ORDER, ppn=ppn, lot=_text(source), serials=frozenset({_text(source)}), expiry="281100")
    parts = {"9N": ppn, "1T": order.lot, "D": order.expiry, "S": next(iter(order.serials or ()))}
    return order, {key: parts[key] for key in source.sample(list(parts), 4)}


def test_mutations_of_ifa_codes() -> None:
    source = random.Random(97)
    wrong = {"9N": Reason.WRONG_PRODUCT, "1T": Reason.WRONG_LOT, "D": Reason.WRONG_EXPIRY, "S": Reason.UNKNOWN_SERIAL}
    for _ in range(300):
        order, parts = _ifa_case(source)
        assert reasons(ifa_code(parts), order, "]d1") == ()
        for key, value in parts.items():
            position = source.randrange(2 if key == "9N" else 0, len(value))
            alphabet = "0123456789" if key in ("9N", "D") else SET_82
            other = source.choice([character for character in alphabet if character != value[position]])
            found = reasons(ifa_code(parts | {key: value[:position] + other + value[position + 1 :]}), order, "]d1")
            assert wrong[key] in found
            assert key != "9N" or Reason.BAD_CHECK_DIGIT in found
            left = {name: text for name, text in parts.items() if name != key}
            assert Reason.MISSING_ELEMENT in reasons(ifa_code(left), order, "]d1")
        joined = ifa_code(parts).replace(b"\x1d", b"", 2).replace(b"[)>\x1e06", b"[)>\x1e06\x1d")
        assert reasons(joined, order, "]d1") != ()


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    gtin=st.text("0123456789", min_size=13, max_size=13),
    lot=st.text(SET_82, min_size=1, max_size=20),
    expiry=st.dates().map(lambda day: day.strftime("%y%m%d") if day.day > 1 else day.strftime("%y%m") + "00"),
    serial=st.text(SET_82, min_size=1, max_size=20),
    keys=st.permutations(["01", "10", "17", "21"]),
    payload=st.binary(max_size=80),
)
def test_any_order_accepts_its_own_code_and_nothing_else(
    *, gtin: str, lot: str, expiry: str, serial: str, keys: list[str], payload: bytes
) -> None:
    order = dataclasses.replace(ORDER, gtin=gtin + check_digit(gtin), lot=lot, expiry=expiry, serials=frozenset({serial}))
    parts = {"01": str(order.gtin), "10": lot, "17": expiry, "21": serial}
    assert reasons(gs1_code({key: parts[key] for key in keys}), order) == ()
    assert reasons(payload, order) != ()
