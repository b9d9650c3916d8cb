"""What limits a grade: each made-up defect is named as what it is, where it is, with the grade that its absence really gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.grade.known_symbols import reading, symbol
from tests.grade.symbol_renderer import Picture, matrix, picture
from vision.decode.symbol_sizes import size_of
from vision.grade.grade import grade
from vision.grade.limits import CAUSES, explain, summary, without_all
from vision.grade.overlay import codeword_map
from vision.grade.setup import Setup
from vision.types import Finding

BITS = matrix((24, 24), "0104150012345678")
LIGHT, DARK = 230.0, 25.0
Values = npt.NDArray[np.float64]


def corrected(values: Values) -> int:
    """How many codewords of the 24x24 symbol hold a module of the wrong colour."""
    size = size_of(24, 24)
    assert size is not None
    wrong = ((values[1:-1, 1:-1] < 128) != (BITS == 1)).ravel()
    return int(wrong[codeword_map(size).modules].any(axis=1).sum())


def graded(drawn: Picture, setup: Setup, errors: int) -> Finding:
    found = Finding(symbol(drawn), reading(BITS, (errors,)), None, None)
    return dataclasses.replace(found, report=grade(drawn.build(), found.symbol, found.reading, setup))


def finding(damage: Callable[[Values], None] | None = None, setup: Setup | None = None, **options: Any) -> Finding:
    options.setdefault("samples", 3)
    drawn = picture(BITS, options.pop("light", LIGHT), options.pop("ink", DARK), **options)
    if damage is not None:
        damage(drawn.values)
    return graded(drawn, setup or Setup(), corrected(drawn.values))


def column(number: int, grey: float) -> Callable[[Values], None]:
    """A column whose dark modules print as this grey."""

    def damage(values: Values) -> None:
        values[1:-1, number + 1] = np.where(BITS[:, number] == 1, grey, values[1:-1, number + 1])

    return damage


def row(number: int, grey: float) -> Callable[[Values], None]:
    def damage(values: Values) -> None:
        values[number + 1, 1:-1] = np.where(BITS[number] == 0, grey, values[number + 1, 1:-1])

    return damage


def block(rows: slice, columns: slice, grey: float) -> Callable[[Values], None]:
    def damage(values: Values) -> None:
        values[rows.start + 1 : rows.stop + 1, columns.start + 1 : columns.stop + 1] = grey

    return damage


def specks(values: Values) -> None:
    for down, across in (
        (3, 4),
        (5, 9),
        (7, 15),
        (10, 3),
        (12, 19),
        (15, 6),
        (17, 12),
        (20, 9),
        (14, 14),
        (9, 21),
        (20, 17),
        (5, 18),
    ):
        values[down + 1, across + 1] = DARK


CASES: dict[str, tuple[Finding, str, str]] = {
    "a dead nozzle": (finding(column(12, LIGHT)), "line_lost", "column 12 (12.5 modules from the left edge)"),
    "a weak heater dot": (finding(column(7, 118.0)), "line_lost", "column 7 "),
    "a streak": (finding(row(9, DARK)), "line_added", "row 9 (9.5 modules from the top edge)"),
    "a stain": (finding(block(slice(4, 10), slice(4, 12), DARK)), "spot_added", "rows 4 to 9, columns"),
    "a void": (finding(block(slice(14, 20), slice(4, 11), LIGHT)), "spot_lost", "rows 14 to 19, columns"),
    "specks": (finding(specks), "scattered_added", "stained"),
    "a gap in the bar": (finding(block(slice(9, 10), slice(0, 1), LIGHT)), "scattered_lost", "at row and column (9, 0)"),
    "text beside it": (
        finding(block(slice(4, 8), slice(-1, 0), DARK)),
        "quiet_zone",
        "4 modules of the quiet zone dirty (left side)",
    ),
    "ink all pale": (finding(ink=130.0), "dark_print", "90%"),
    "a dull carton": (finding(light=125.0), "dull_substrate", "49%"),
    "grey on grey": (finding(light=160.0, ink=95.0), "low_contrast", "63%"),
    "rows too high": (finding(px_per_module=(8.0, 8.9)), "axial", "too high for how wide"),
    "columns too wide": (finding(px_per_module=(8.9, 8.0)), "axial", "too wide for how high"),
    "a shaking belt": (finding(warp=lambda u, v: (u + 0.5 * np.sin(v / 3.0), v)), "grid_shifted", "whole rows are shifted"),
    "a playing head": (finding(warp=lambda u, v: (u, v + 0.5 * np.sin(u / 3.0))), "grid_shifted", "whole columns are shifted"),
    "a jerking drive": (finding(warp=lambda u, v: (u, v + 0.5 * np.sin(v / 4.0))), "grid_uneven", "the rows are unevenly spaced"),
    "a bent surface": (
        finding(warp=lambda u, v: (u + 0.45 * np.sin(np.pi * u / 24) * np.sin(np.pi * v / 24), v)),
        "grid_bent",
        "off its place, most at row 1",
    ),
    "out of focus": (finding(blur_px=3.0), "blur", "all over"),
    "bars too wide": (finding(growth=(0.62, 0.0)), "growth_wide", "horizontally"),
    "bars too thin": (finding(growth=(-0.55, -0.55)), "growth_thin", "vertically"),
}


@pytest.mark.parametrize("name", CASES)
def test_each_defect_is_named_as_what_it_is_and_where(name: str) -> None:
    found, cause, words = CASES[name]
    report = found.report
    assert report is not None and report.overall < 4.0, "the case must cost something"
    limits = explain(found)
    assert limits[0].cause == cause, [limit.words for limit in limits]
    assert words in limits[0].words
    assert limits[0].limiting and limits[0].grade == report.overall
    assert report.parameters[limits[0].parameters[0]].grade == report.overall
    assert limits[0].action == CAUSES[cause] and limits[0].words in summary(limits, report)


UNMADE = [name for name, (_, cause, _) in CASES.items() if cause.startswith(("line", "spot", "scattered", "quiet"))]


@pytest.mark.parametrize("name", UNMADE)
def test_the_grade_without_it_is_the_grade_of_the_symbol_without_it(name: str) -> None:
    found = CASES[name][0]
    limits = explain(found)
    clean = finding().report
    assert found.report is not None and clean is not None
    assert without_all(limits, found.report) == clean.overall == 4.0
    assert max(limit.without for limit in limits) > found.report.overall


def test_where_two_things_are_wrong_each_alone_helps_only_as_far_as_the_other_lets_it() -> None:
    both = finding(column(12, LIGHT), ink=130.0)
    limits = {limit.cause: limit for limit in explain(both)}
    assert both.report is not None
    assert limits["line_lost"].without == both.report.parameters["symbol_contrast"].grade
    assert limits["dark_print"].without == min(
        parameter.grade for name, parameter in both.report.parameters.items() if name != "symbol_contrast"
    )
    assert without_all(tuple(limits.values()), both.report) == 4.0


def test_places_are_said_in_mm_where_the_scale_is_known() -> None:
    found = finding(column(12, LIGHT))
    assert "(5.0 mm from the left edge)" in explain(found, mm_per_px=0.05)[0].words


def test_nothing_is_said_of_a_good_symbol_or_one_that_was_not_graded() -> None:
    good = finding()
    assert good.report is not None and explain(good) == ()
    assert summary((), good.report) == "nothing limits the grade"
    assert explain(dataclasses.replace(good, report=None)) == ()


@pytest.mark.parametrize("setup", [Setup(edition="2024"), Setup("29158")], ids=["15415:2024", "29158:2020"])
@pytest.mark.parametrize("name", ["a dead nozzle", "text beside it", "out of focus", "rows too high"])
def test_other_editions_have_the_same_causes(setup: Setup, name: str) -> None:
    options: dict[str, Any] = {"out of focus": {"blur_px": 4.0}, "rows too high": {"px_per_module": (8.0, 8.9)}}.get(name, {})
    damage = {"a dead nozzle": column(12, LIGHT), "text beside it": block(slice(4, 8), slice(-1, 0), DARK)}.get(name)
    found = finding(damage, setup, **options)
    limits = explain(found)
    assert limits[0].cause == CASES[name][1], [limit.words for limit in limits]


def test_a_symbol_that_was_not_decoded_says_so() -> None:
    drawn = picture(BITS, LIGHT, DARK)
    block(slice(3, 20), slice(3, 20), DARK)(drawn.values)
    found = Finding(symbol(drawn), None, None, grade(drawn.build(), symbol(drawn), None, Setup()))
    limits = explain(found)
    assert any(limit.cause == "not_decoded" and limit.limiting for limit in limits)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 24), st.integers(-1, 24), st.sampled_from((DARK, 100.0, 150.0, LIGHT))), max_size=25))
def test_whatever_is_damaged_the_limits_hold_together(marks: list[tuple[int, int, float]]) -> None:
    drawn = picture(BITS, LIGHT, DARK, px_per_module=(6.0, 6.0), samples=2)
    for down, across, grey in marks:
        drawn.values[down + 1, across + 1] = grey
    errors = corrected(drawn.values)
    found = graded(drawn, Setup(), errors)
    report, limits = found.report, explain(found)
    assert report is not None
    assert explain(found) == limits
    assert all(limit.without >= report.overall for limit in limits)
    if report.overall < 4.0:
        held = {name for limit in limits for name in limit.parameters}
        lowest = {name for name, parameter in report.parameters.items() if parameter.grade == report.overall}
        assert lowest <= held, "every parameter at the overall grade has a cause"
    taken = [module for limit in limits for module in limit.modules]
    assert len(taken) == len(set(taken)), "a module belongs to one cause"
