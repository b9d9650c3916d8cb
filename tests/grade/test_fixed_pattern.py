"""Fixed pattern damage: each segment, its limits, and the symbol that two instruments printed."""

import numpy as np
import pytest

from vision.decode.placement import placement
from vision.decode.symbol_sizes import SIZES, SymbolSize, size_of
from vision.grade.fixed_pattern import (
    bar_grade,
    fixed_pattern_grade,
    fixed_pattern_segments,
    is_regular,
    lines_of,
    track_grade,
    transition_ratio,
)
from vision.grade.scales import scales_of

SCALES = scales_of("15415", "2011")
SEGMENTS = ("L1", "L2", "QZL1", "QZL2", "clock_track")


def size(rows: int, columns: int) -> SymbolSize:
    found = size_of(rows, columns)
    assert found is not None
    return found


def intact(symbol_size: SymbolSize) -> tuple[np.ndarray, np.ndarray]:
    """Levels and colours, quiet-zone ring included, of a perfect print."""
    levels = np.full((symbol_size.rows + 2, symbol_size.columns + 2), 4.0)
    colour = np.zeros(levels.shape, bool)
    colour[1:-1, 1:-1] = placement(symbol_size).pattern == 1
    return levels, colour


def flipped(symbol_size: SymbolSize, *modules: tuple[int, int]) -> dict[str, float]:
    levels, colour = intact(symbol_size)
    for row, column in modules:
        colour[row + 1, column + 1] ^= True
    return fixed_pattern_segments(levels, colour, symbol_size, SCALES)


def test_the_worked_symbol_of_two_instruments() -> None:
    segments = flipped(size(32, 32), (6, 0), (13, 0), (31, 3), (23, -1), (32, 18), (32, 25), (16, 6), (15, 6))
    assert {name: segments[name] for name in SEGMENTS} == dict.fromkeys(SEGMENTS, 3.0)
    assert segments["average_value"] == 3.0
    assert segments["average"] == 2.0
    assert fixed_pattern_grade(segments) == 2.0


def test_the_worked_symbols_parts() -> None:
    assert flipped(size(32, 32), (6, 0), (13, 0))["L1"] == 3.0
    assert flipped(size(32, 32), (16, 6))["clock_track"] == 4.0  # 1/16 of a track, transitions of the solid line untouched
    assert flipped(size(32, 32), (15, 6))["clock_track"] == 3.0  # TR 1/15 = 6.7 %


@pytest.mark.parametrize("symbol_size", SIZES, ids=lambda s: s.name)
def test_an_intact_symbol_of_every_size_is_perfect(symbol_size: SymbolSize) -> None:
    segments = flipped(symbol_size)
    assert all(segments[name] == 4.0 for name in (*SEGMENTS, "average_value", "average"))
    assert fixed_pattern_grade(segments) == 4.0


@pytest.mark.parametrize("symbol_size", SIZES, ids=lambda s: s.name)
def test_every_track_has_its_solid_line_beside_it(symbol_size: SymbolSize) -> None:
    lines = lines_of(symbol_size)
    assert len(lines.tracks) == 2 * symbol_size.region_rows * symbol_size.region_columns
    expected = lines.expected.ravel()
    width = symbol_size.columns + 2
    for track, solid in lines.tracks:
        assert len(track) == len(solid)
        assert set(np.abs(track - solid)) in ({1}, {width})
        assert (expected[track][1:] != expected[track][:-1]).all()
        assert np.unique(expected[solid]).size == 1
        row, column = divmod(int(solid[0]), width)
        outer = row == 0 or column == width - 1
        assert bool(expected[solid[0]]) is not outer


@pytest.mark.parametrize(("wrong", "grade"), [(0, 4.0), (9, 3.0), (10, 2.0), (13, 2.0), (14, 1.0), (17, 1.0), (18, 0.0)])
def test_share_of_a_bar_that_is_damaged(wrong: int, grade: float) -> None:
    grades = np.full(100, 4.0)
    grades[:wrong] = 0.0
    assert bar_grade(grades, SCALES) == grade


def test_a_faint_bar_is_no_worse_than_its_level() -> None:
    assert bar_grade(np.full(24, 3.0), SCALES) == 3.0
    assert bar_grade(np.array([2.0] * 3 + [4.0] * 21), SCALES) == 2.0  # 12.5 % below 3 and below 4


@pytest.mark.parametrize(
    ("modules", "name", "grade"),
    [
        ([(3, 0)], "L1", 3.0),
        ([(23, 4)], "L2", 3.0),
        ([(3, -1)], "QZL1", 3.0),
        ([(24, 4)], "QZL2", 3.0),
        ([(3, 0), (5, 0), (7, 0)], "L1", 2.0),  # 12.5 %
        ([(3, 0), (5, 0), (7, 0), (9, 0)], "L1", 1.0),  # 16.7 %
        ([(3, 0), (5, 0), (7, 0), (9, 0), (11, 0)], "L1", 0.0),  # 20.8 %
    ],
)
def test_segments_of_one_region(modules: list[tuple[int, int]], name: str, grade: float) -> None:
    segments = flipped(size(24, 24), *modules)
    assert segments[name] == grade
    assert all(segments[other] == 4.0 for other in SEGMENTS if other != name)


def test_the_lower_left_region_is_graded_again() -> None:
    # Two of 32 on the side are 6 %, but two of the lower-left region's 16 are 12.5 %.
    assert flipped(size(32, 32), (20, 0), (25, 0))["L1"] == 2.0
    assert flipped(size(32, 32), (5, 0), (10, 0))["L1"] == 3.0
    assert flipped(size(32, 32), (31, 3), (31, 9))["L2"] == 2.0
    assert flipped(size(32, 32), (20, -1), (25, -1))["QZL1"] == 2.0
    assert flipped(size(32, 32), (32, 3), (32, 9))["QZL2"] == 2.0
    assert flipped(size(16, 48), (15, 3), (15, 9), (15, 12))["L2"] == 2.0  # 3 of 48 are 6 %, 3 of 24 12.5 %


def test_inner_tracks_count() -> None:
    # Region (1, 0)'s top track is inside the symbol: four of its sixteen modules.
    wrong = [(16, column) for column in (1, 5, 9, 13)]
    assert flipped(size(32, 32), *wrong)["clock_track"] == 0.0


def test_transition_ratio_counts_what_was_found() -> None:
    track = np.arange(16) % 2 == 0
    solid = np.zeros(16, bool)
    assert transition_ratio(track, solid) == 0.0
    solid[6] = True
    assert transition_ratio(track, solid) == 1 / 15
    track[6] = False
    assert transition_ratio(track, solid) == 1 / 13
    assert transition_ratio(np.ones(16, bool), solid) == float("inf")


def test_a_blot_at_the_end_of_a_solid_line_is_no_transition() -> None:
    solid = np.zeros(16, bool)
    solid[:3] = True
    assert transition_ratio(np.arange(16) % 2 == 0, solid) == 0.0


@pytest.mark.parametrize(
    ("places", "regular"), [((), True), ((3, 4), True), ((3, 5, 7), False), ((3, 5, 8), True), ((0, 1, 4), False)]
)
def test_regularity(places: tuple[int, ...], regular: bool) -> None:
    wrong = np.zeros(24, bool)
    wrong[list(places)] = True
    assert is_regular(wrong) is regular


@pytest.mark.parametrize(
    ("wrong", "grade"), [(0, 4.0), (3, 4.0), (4, 3.0), (5, 3.0), (6, 2.0), (7, 2.0), (8, 1.0), (9, 1.0), (10, 0.0)]
)
def test_damage_of_track_and_solid_line(wrong: int, grade: float) -> None:
    """Of 40 modules: limits 10, 15, 20, 25 % are 4, 6, 8, 10 modules, and on the limit is the lower grade."""
    grades = np.full(40, 4.0)
    grades[np.linspace(0, 39, wrong).astype(int)] = 0.0
    whole = np.full(40, 4.0)
    assert track_grade(whole, grades, 0.0, SCALES) == grade
    assert track_grade(grades, whole, 0.0, SCALES) == grade


def test_the_ratio_limits_a_segment() -> None:
    whole = np.full(24, 4.0)
    assert [track_grade(whole, whole, ratio, SCALES) for ratio in (0.0, 0.06, 0.08, 0.10, 0.12)] == [4.0, 3.0, 2.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("damaged", "value", "average"), [(0, 4.0, 4.0), (1, 3.8, 3.0), (2, 3.6, 3.0), (3, 3.4, 2.0), (4, 3.2, 2.0)]
)
def test_average_grade(damaged: int, value: float, average: float) -> None:
    """Each damaged segment is a 3; fixed pattern damage is the lowest of the segments and the average's grade."""
    segments = flipped(size(24, 24), *[(3, 0), (23, 4), (3, -1), (24, 4)][:damaged])
    assert segments["average_value"] == pytest.approx(value)
    assert segments["average"] == average
    assert fixed_pattern_grade(segments) == average
