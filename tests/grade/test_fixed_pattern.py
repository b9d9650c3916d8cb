"""Fixed pattern damage: each segment, its limits, and the symbol that two instruments printed."""

import numpy as np
import pytest

from tests.grade.known_symbols import colours_of, segments_of, size
from vision.decode.placement import placement
from vision.decode.symbol_sizes import SIZES, SymbolSize
from vision.grade.fixed_pattern import fixed_pattern_grade, line_grades, lines_of
from vision.grade.scales import Scales, scales_of

SCALES = scales_of("15415", "2011")
DECIMALS = scales_of("15415", "2024")
SEGMENTS = ("L1", "L2", "QZL1", "QZL2", "clock_track")


def intact(symbol_size: SymbolSize) -> tuple[np.ndarray, np.ndarray]:
    """Levels and colours, quiet-zone ring included, of a perfect print."""
    levels = np.full((symbol_size.rows + 2, symbol_size.columns + 2), 4.0)
    colour = np.zeros(levels.shape, bool)
    colour[1:-1, 1:-1] = placement(symbol_size).pattern == 1
    return levels, colour


def flipped(symbol_size: SymbolSize, *modules: tuple[int, int], scales: Scales = SCALES) -> dict[str, float]:
    levels, colour = intact(symbol_size)
    for row, column in modules:
        colour[row + 1, column + 1] ^= True
    return segments_of(levels, colour, symbol_size, scales)


WORKED = ((6, 0), (13, 0), (31, 3), (23, -1), (32, 18), (32, 25), (16, 6), (15, 6))
"""Wrong modules of a 32x32 that two instruments graded."""


def test_the_worked_symbol_of_two_instruments() -> None:
    segments = flipped(size(32, 32), *WORKED)
    assert {name: segments[name] for name in SEGMENTS} == dict.fromkeys(SEGMENTS, 3.0)
    assert segments["average_value"] == 3.0
    assert segments["average"] == 2.0
    assert fixed_pattern_grade(segments) == 2.0


def test_the_worked_symbol_in_decimals() -> None:
    segments = flipped(size(32, 32), *WORKED, scales=DECIMALS)
    assert {name: segments[name] for name in SEGMENTS} == {**dict.fromkeys(SEGMENTS, 3.3), "clock_track": 3.5}
    assert segments["average_value"] == 3.3
    assert segments["average"] == 2.6
    assert fixed_pattern_grade(segments) == 2.6


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
    pieces = [lines.modules[lines.starts[k] : lines.starts[k + 1]] for k in range(lines.bar_count, len(lines.names))]
    tracks = list(zip(pieces[0::2], pieces[1::2], strict=True))
    assert len(tracks) == 2 * symbol_size.region_rows * symbol_size.region_columns
    assert [name for name, _ in lines.names[lines.bar_count :]] == ["clock_track", "solid_area"] * len(tracks)
    expected = lines.expected.ravel()
    width = symbol_size.columns + 2
    for track, solid in tracks:
        assert len(track) == len(solid)
        assert set(np.abs(track - solid)) in ({1}, {width})
        assert (expected[track][1:] != expected[track][:-1]).all()
        assert np.unique(expected[solid]).size == 1
        row, column = divmod(int(solid[0]), width)
        outer = row == 0 or column == width - 1
        assert bool(expected[solid[0]]) is not outer


def bar_segment(grades: list[float], scales: Scales = SCALES) -> float:
    """L1 of a 24x24 whose first modules have these grades."""
    levels, colour = intact(size(24, 24))
    levels[1 : 1 + len(grades), 1] = grades
    return segments_of(levels, colour, size(24, 24), scales)["L1"]


@pytest.mark.parametrize(("wrong", "grade"), [(0, 4.0), (1, 3.0), (12, 3.0), (13, 2.0), (18, 2.0), (19, 1.0), (24, 1.0), (25, 0.0)])
def test_share_of_a_bar_that_is_damaged(wrong: int, grade: float) -> None:
    """Of the 144 modules of a quiet zone: 9, 13 and 17 % are 12.96, 18.72 and 24.48."""
    rows = [24 * (k % 6) + 23 - k // 6 for k in range(wrong)]
    assert flipped(size(144, 144), *[(row, -1) for row in rows])["QZL1"] <= grade
    _, colour = intact(size(144, 144))
    colour[[row + 1 for row in rows], 0] = True
    one = size(144, 144)
    graded = line_grades(np.full(colour.size, 4, np.int32), colours_of(colour, one), one, SCALES)
    assert graded.grades[lines_of(one).names.index(("QZL1", "whole side"))] == grade


def test_a_faint_bar_is_no_worse_than_its_level() -> None:
    assert bar_segment([3.0] * 24) == 3.0
    assert bar_segment([2.0] * 3) == 2.0  # 12.5 % below 3 and below 4
    assert bar_segment([3.7] * 24, DECIMALS) == 3.7
    assert bar_segment([2.1] * 3, DECIMALS) == 2.1  # 12.5 % gives 2.125 without rounding and 2.1 with it


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


def top_track(
    track_wrong: list[int], solid_wrong: list[int], rows: int = 24, columns: int = 24, scales: Scales = SCALES
) -> tuple[float, float, float]:
    """Grade, transition ratio and damage grade of the top clock track with these columns of it and of its quiet zone wrong."""
    one = size(rows, columns)
    _, colour = intact(one)
    for row, places in ((1, track_wrong), (0, solid_wrong)):
        for column in places:
            colour[row, column + 1] ^= True
    graded = line_grades(np.full(colour.size, scales.steps, np.int32), colours_of(colour, one), one, scales)
    at = lines_of(one).names.index(("clock_track", "top of region (0, 0)"))
    pair = (at - lines_of(one).bar_count) // 2
    return float(graded.grades[at]), float(graded.ratios[pair]), float(graded.damage[at])


def test_transition_ratio_counts_what_was_found() -> None:
    assert top_track([], [], 16, 16)[1] == 0.0
    assert top_track([], [6], 16, 16)[1] == 1 / 15
    assert top_track([6], [6], 16, 16)[1] == 1 / 13
    assert top_track([1, 3, 5, 7, 9, 11, 13, 15], [6], 16, 16)[1] == float("inf")


def test_a_blot_at_the_end_of_a_solid_line_is_no_transition() -> None:
    assert top_track([], [0, 1, 2])[1] == 0.0


@pytest.mark.parametrize(
    ("places", "regular"),
    [([], True), ([3, 4], True), ([3, 5, 7], False), ([3, 5, 8], True), ([0, 1, 4], False), ([19, 21, 23], False)],
)
def test_regularity(places: list[int], regular: bool) -> None:
    """Up to three of 24 are 12.5 % and grade 3 by damage; an irregular track is 0."""
    damage = top_track(places, [])[2]
    assert damage == (0.0 if not regular else 3.0 if len(places) == 3 else 4.0)


@pytest.mark.parametrize(("wrong", "grade"), [(0, 4.0), (2, 4.0), (3, 3.0), (4, 2.0), (5, 1.0), (6, 0.0), (7, 0.0)])
def test_damage_of_track_and_solid_line(wrong: int, grade: float) -> None:
    """Of 24 modules: 2 are 8.3 %, 3 12.5, 4 16.7, 5 20.8, 6 25 %: on the limit is the lower grade."""
    places = [int(k) for k in np.linspace(0, 23, wrong).astype(int)]
    assert top_track(places, [])[2] == grade
    assert top_track([], places)[2] == grade


@pytest.mark.parametrize(
    ("rows", "columns", "blots", "ratio", "grade"),
    [
        (24, 24, [5], 1 / 23, 4.0),
        (16, 16, [6], 1 / 15, 3.0),
        (12, 12, [6], 1 / 11, 2.0),
        (10, 10, [6], 1 / 9, 1.0),
        (16, 16, [4, 9], 3 / 15, 0.0),
    ],
)
def test_the_ratio_limits_a_segment(rows: int, columns: int, blots: list[int], ratio: float, grade: float) -> None:
    found, found_ratio, damage = top_track([], blots, rows, columns)
    assert found_ratio == ratio
    assert found == min(damage, SCALES["transition_ratio"].grade(ratio))
    assert found == grade


@pytest.mark.parametrize(
    ("damaged", "value", "average"), [(0, 4.0, 4.0), (1, 3.8, 3.0), (2, 3.6, 3.0), (3, 3.4, 2.0), (4, 3.2, 2.0)]
)
def test_average_grade(damaged: int, value: float, average: float) -> None:
    """Each damaged segment is a 3; fixed pattern damage is the lowest of the segments and the average's grade."""
    segments = flipped(size(24, 24), *[(3, 0), (23, 4), (3, -1), (24, 4)][:damaged])
    assert segments["average_value"] == pytest.approx(value)
    assert segments["average"] == average
    assert fixed_pattern_grade(segments) == average
