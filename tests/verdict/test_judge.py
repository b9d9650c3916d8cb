"""The verdict of one frame: every reason reachable, all that hold said once, in order of precedence."""

from __future__ import annotations

import random

import numpy as np
import pytest

from vision.content.compare import check
from vision.content.order import Order
from vision.decode.search import Search
from vision.grade.setup import Setup
from vision.types import LINE_REASONS, CodewordCounts, Content, Finding, GradeReport, Place, Reading, Reason, Symbol, Verdict
from vision.verdict.judge import judge
from vision.verdict.layout import Layout
from vision.verdict.recipe import Recipe

SYMBOL = Symbol(np.zeros((25, 25, 2)))
READING = Reading(b"", "]d2", np.zeros((24, 24), np.uint8), CodewordCounts(60, 36, 24, 0, 0), (0,), (24,))
LOCATED = Finding(SYMBOL, None, None, None)


def report(overall: float) -> GradeReport:
    return GradeReport("ISO/IEC 15415", "2011", overall, "", "", (), {}, {}, {})


def found(*reasons: Reason, serial: str | None = None, overall: float = 4.0, product: str = "04012345678901") -> Finding:
    elements = {"01": product} | ({"21": serial} if serial is not None else {})
    return Finding(SYMBOL, READING, Content("", elements, reasons), report(overall))


def recipe(**changes: object) -> Recipe:
    return Recipe(Search(), Setup(), **changes)  # type: ignore[arg-type]


def test_good() -> None:
    verdict = judge([found(serial="A"), found(serial="B")], recipe(symbols_per_frame=2))
    assert verdict.accept
    assert verdict.reasons == ()


def test_no_symbol_stands_alone() -> None:
    assert judge([], recipe(symbols_per_frame=2)).reasons == (Reason.NO_SYMBOL,)


def test_not_decoded() -> None:
    assert judge([LOCATED], recipe()).reasons == (Reason.NOT_DECODED,)
    assert judge([found(), LOCATED], recipe()).reasons == (Reason.NOT_DECODED,)
    assert judge([Finding(SYMBOL, READING, None, report(4.0))], recipe()).reasons == (Reason.NOT_DECODED,)


@pytest.mark.parametrize(("count", "good"), [(1, False), (2, True), (3, False)])
def test_symbol_count(count: int, good: bool) -> None:
    findings = [found(serial=str(number)) for number in range(count)]
    assert judge(findings, recipe(symbols_per_frame=2)).reasons == (() if good else (Reason.WRONG_SYMBOL_COUNT,))
    assert judge(findings, recipe()).accept


@pytest.mark.parametrize(
    ("overall", "grade_min", "good"),
    [
        (1.5, 1.5, True),
        (1.4, 1.5, False),
        (1.45, 1.5, False),  # printed 1.4: the float lies below the half
        (1.4500001, 1.5, True),  # printed 1.5
        (0.1 + 0.2 + 1.2, 1.5, True),  # 1.5 with a rounding error
        (2.5, 2.5, True),
        (0.0, 0.0, True),
        (float("nan"), 0.0, False),
        (3.9, 4.0, False),
        (3.96, 4.0, True),
    ],
)
def test_the_grade_counts_as_printed(overall: float, grade_min: float, good: bool) -> None:
    finding = found(overall=overall)
    assert judge([finding], recipe(grade_min=grade_min)).accept == good
    printed = f"{overall:.1f}"
    assert (printed != "nan" and float(printed) >= grade_min) == good


def test_no_grade_is_a_low_grade_unless_none_is_asked_for() -> None:
    ungraded = Finding(SYMBOL, READING, Content("", {}), None)
    assert judge([ungraded], recipe(grade_min=0.0)).reasons == (Reason.LOW_GRADE,)
    assert judge([ungraded], recipe(decode_only=True)).accept


def test_the_worst_symbol_counts() -> None:
    assert judge([found(serial="A"), found(serial="B", overall=1.0)], recipe()).reasons == (Reason.LOW_GRADE,)


def test_a_serial_twice_in_a_frame() -> None:
    assert judge([found(serial="A"), found(serial="A")], recipe()).reasons == (Reason.DUPLICATE_SERIAL,)
    other = found(serial="A", product="04012345678918")
    assert judge([found(serial="A"), other], recipe()).accept
    assert judge([found(), found()], recipe()).accept


def test_all_reasons_that_hold_once_and_in_order() -> None:
    source = random.Random(7)
    content_reasons = [reason for reason in Reason if reason not in LINE_REASONS]
    for _ in range(300):
        chosen = [source.sample(content_reasons, source.randint(0, 5)) for _ in range(source.randint(1, 4))]
        reasons = judge([found(*some) for some in chosen], recipe()).reasons
        assert reasons == tuple(reason for reason in Reason if any(reason in some for some in chosen))


def test_every_reason_that_a_frame_can_give_is_reachable() -> None:
    order = Order("PO", "x", "GS1", "L", "271231", 1, gtin="04012345678901", national_number="1", serials=frozenset({"A"}))
    good = b"010401234567890117271231710" + b"1\x1d10L\x1d21A"
    plain = recipe(order=order, symbols_per_frame=1)
    reached = {*judge([], plain).reasons, *judge([LOCATED], plain).reasons, *judge([found(), found()], plain).reasons}
    reached |= {*judge([found(serial="A"), found(serial="A")], plain).reasons, *judge([found(overall=0)], plain).reasons}
    for payload, identifier in [
        (good, "]d1"),
        (good + b"\x1d\x1d", "]d2"),
        (good.replace(b"8901", b"8902"), "]d2"),
        (good.replace(b"8901", b"8918"), "]d2"),
        (good[:-4], "]d2"),
        (good.replace(b"10L", b"10M"), "]d2"),
        (good.replace(b"1231", b"1230"), "]d2"),
        (good.replace(b"7101", b"7102"), "]d2"),
        (good.replace(b"21A", b"21B"), "]d2"),
    ]:
        content = check(payload, identifier, order)
        reached |= set(judge([Finding(SYMBOL, READING, content, report(4.0))], plain).reasons)
    content = check(good, "]d2", order)
    assert judge([Finding(SYMBOL, READING, content, report(4.0))], plain).accept
    assert reached == set(Reason) - LINE_REASONS - {Reason.BLOCKED_SERIAL}  # known to the line alone


def at(x: float, y: float, finding: Finding) -> Finding:
    """The finding with its symbol's middle at x, y."""
    grid = np.stack(np.meshgrid(np.linspace(x - 40, x + 40, 25), np.linspace(y - 40, y + 40, 25)), axis=-1)
    return Finding(Symbol(grid), finding.reading, finding.content, finding.report)


TRAY = Layout(((100.0, 100.0), (300.0, 100.0), (500.0, 100.0)), tolerance_px=40.0)


def tray(*findings: Finding) -> Verdict:
    return judge(findings, recipe(symbols_per_frame=3, layout=TRAY))


def test_a_whole_tray_passes_and_each_place_with_it() -> None:
    verdict = tray(at(500, 110, found(serial="C")), at(90, 100, found(serial="A")), at(300, 95, found(serial="B")))
    assert verdict.accept
    assert verdict.places == (Place(1, 1, ()), Place(2, 2, ()), Place(3, 0, ()))


def test_each_place_has_its_own_reasons_and_the_tray_all_of_them() -> None:
    verdict = tray(at(500, 100, found(Reason.WRONG_LOT, serial="C", overall=0.5)), at(100, 100, LOCATED))
    assert [place.reasons for place in verdict.places] == [
        (Reason.NOT_DECODED,),
        (Reason.NO_SYMBOL,),
        (Reason.WRONG_LOT, Reason.LOW_GRADE),
    ]
    assert verdict.reasons == (
        Reason.NO_SYMBOL,
        Reason.NOT_DECODED,
        Reason.WRONG_SYMBOL_COUNT,
        Reason.WRONG_LOT,
        Reason.LOW_GRADE,
    )
    assert [place.reasons for place in tray().places] == [(Reason.NO_SYMBOL,)] * 3


def test_both_places_of_a_doubled_serial_are_bad() -> None:
    verdict = tray(*(at(x, 100, found(serial=serial)) for x, serial in ((100, "A"), (300, "B"), (500, "A"))))
    assert [place.accept for place in verdict.places] == [False, True, False]
    assert verdict.reasons == (Reason.DUPLICATE_SERIAL,)


def test_a_symbol_where_none_belongs_rejects_the_tray_and_no_place() -> None:
    good = [at(x, 100, found(serial=str(x))) for x in (100, 300)]
    verdict = tray(*good, at(200, 100, found(serial="S")))
    assert [place.accept for place in verdict.places] == [True, True, False]
    assert verdict.reasons == (Reason.NO_SYMBOL, Reason.WRONG_SYMBOL_COUNT)
