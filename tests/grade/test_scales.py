"""The tables of the standard, from both sides of every limit."""

import math

import pytest

from vision.grade.scales import EDITIONS, Sense, letter, scales_of

LIMITS_2011 = [
    ("symbol_contrast", ">=", (0.70, 0.55, 0.40, 0.20)),
    ("modulation_level", ">=", (0.50, 0.40, 0.30, 0.20)),
    ("axial_nonuniformity", "<=", (0.06, 0.08, 0.10, 0.12)),
    ("grid_nonuniformity", "<=", (0.38, 0.50, 0.63, 0.75)),
    ("unused_error_correction", ">=", (0.62, 0.50, 0.37, 0.25)),
    ("fixed_pattern_damage", "<=", (0.0, 0.09, 0.13, 0.17)),
    ("clock_track_damage", "<", (0.10, 0.15, 0.20, 0.25)),
    ("transition_ratio", "<", (0.06, 0.08, 0.10, 0.12)),
    ("average", ">=", (4.0, 3.5, 3.0, 2.5)),
]
CASES = [(name, sense, limit, 4 - k) for name, sense, limits in LIMITS_2011 for k, limit in enumerate(limits)]


@pytest.mark.parametrize(("name", "sense", "limit", "grade"), CASES)
def test_each_limit_from_both_sides(name: str, sense: str, limit: float, grade: int) -> None:
    scale = scales_of("15415", "2011")[name]
    step = 1e-6
    below, above = scale.grade(limit - step), scale.grade(limit + step)
    if sense == ">=":
        assert (below, scale.grade(limit), above) == (grade - 1, grade, grade)
    elif sense == "<=":
        assert (below, scale.grade(limit), above) == (grade, grade, grade - 1)
    else:
        assert (below, scale.grade(limit), above) == (grade, grade - 1, grade - 1)


def test_the_table_names_every_scale_of_the_edition() -> None:
    assert {name for name, _, _ in LIMITS_2011} == set(scales_of("15415", "2011").scales)


# Printed by verifiers under the edition of 2024: parameter, value, grade.
PRINTED_2024 = [
    ("symbol_contrast", 0.28, 1.4),
    ("unused_error_correction", 1 - 14 / 24, 2.4),
    ("axial_nonuniformity", 0.110, 1.5),
    ("grid_nonuniformity", 0.698, 1.4),
    ("fixed_pattern_damage", 1 / 16, 3.3),
    ("average", 3.3, 2.6),
    ("transition_ratio", 1 / 13, 3.5),
    ("print_growth", 0.09, 4.0),
    ("print_growth", 0.15, 3.7),
    ("print_growth", 0.16, 3.6),
    ("print_growth", 0.17, 3.6),
]


@pytest.mark.parametrize(("name", "value", "grade"), PRINTED_2024)
def test_printed_grades_of_2024(name: str, value: float, grade: float) -> None:
    assert scales_of("15415", "2024")[name].grade(value) == grade


DECIMAL_EDITIONS = [("15415", "2024"), ("29158", "2020")]


@pytest.mark.parametrize("edition", DECIMAL_EDITIONS)
@pytest.mark.parametrize(("name", "sense", "limits"), LIMITS_2011)
def test_decimals_pass_through_the_limits_of_2011(
    edition: tuple[str, str], name: str, sense: str, limits: tuple[float, ...]
) -> None:
    scales = scales_of(*edition)
    if name not in scales.scales:
        assert (name, edition) == ("symbol_contrast", ("29158", "2020"))
        return
    assert [scales[name].grade(limit) for limit in limits] == [4.0, 3.0, 2.0, 1.0]


@pytest.mark.parametrize("edition", DECIMAL_EDITIONS)
def test_each_decimal_limit_from_both_sides(edition: tuple[str, str]) -> None:
    for name, scale in scales_of(*edition).scales.items():
        if name == "minimum_reflectance":
            continue
        worse = -1e-6 if scale.sense is Sense.AT_LEAST else 1e-6
        for step, limit in enumerate(scale.limits.tolist(), 1):
            assert scale.grade(limit) == step / 10, name
            assert scale.grade(limit + worse) == (step - 1) / 10, name
            assert scale.grade(limit - worse) == step / 10, name


def test_minimum_reflectance_is_all_or_nothing() -> None:
    scale = scales_of("29158", "2020")["minimum_reflectance"]
    assert [scale.grade(value) for value in (0.0, 0.0499, 0.05, 0.5)] == [0.0, 0.0, 4.0, 4.0]


@pytest.mark.parametrize(("value", "grade"), [(0.30, 4.0), (0.25, 3.0), (0.20, 2.0), (0.15, 1.0), (0.10, 0.0), (0.275, 3.5)])
def test_cell_contrast(value: float, grade: float) -> None:
    assert scales_of("29158", "2020")["cell_contrast"].grade(value) == grade


def test_a_value_made_of_grey_levels_is_on_its_limit() -> None:
    assert scales_of("15415", "2011")["symbol_contrast"].grade((230.0 - 51.5) / 255.0) == 4.0


def test_not_a_number_is_grade_zero() -> None:
    for scale in [scale for scales in EDITIONS.values() for scale in scales.scales.values()]:
        assert scale.grade(math.nan) == 0.0


@pytest.mark.parametrize(("standard", "edition"), [("15415", "1999"), ("15416", "2011"), ("", "")])
def test_an_unknown_edition_is_refused_in_one_line(standard: str, edition: str) -> None:
    with pytest.raises(ValueError, match="edition") as refused:
        scales_of(standard, edition)
    message = str(refused.value)
    assert "\n" not in message
    assert f"{standard}:{edition}" in message
    assert all(f"{s}:{e}" in message for s, e in EDITIONS)


@pytest.mark.parametrize(
    ("grade", "name"),
    [(4.0, "A"), (3.5, "A"), (3.4, "B"), (2.5, "B"), (2.4, "C"), (1.5, "C"), (1.4, "D"), (0.5, "D"), (0.4, "F"), (0.0, "F")],
)
def test_letters(grade: float, name: str) -> None:
    assert letter(grade) == name
