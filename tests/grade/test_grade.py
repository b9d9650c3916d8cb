"""Grades of rendered symbols whose values are known by construction, over geometry, size and colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from tests.grade.known_symbols import printed_grid, reading, size, symbol, true_grid_nonuniformity
from tests.grade.symbol_renderer import Picture, matrix, picture
from vision.grade.grade import grade
from vision.grade.images import overall_of_images
from vision.grade.overlay import codeword_map
from vision.grade.scratch import Scratch
from vision.grade.setup import Setup
from vision.types import Symbol

SEGMENTS = ("L1", "L2", "QZL1", "QZL2", "clock_track")

# Wrong modules (row, column) and the segment grades they must give; everything not named is 4.
DAMAGE: dict[tuple[int, int], list[tuple[list[tuple[int, int]], dict[str, float]]]] = {
    (24, 24): [
        ([], {}),
        ([(3, 0), (9, 0)], {"L1": 3.0}),  # 8.3 %
        ([(23, 4), (23, 9), (23, 14)], {"L2": 2.0}),  # 12.5 %
        ([(3, -1), (7, -1), (11, -1), (15, -1)], {"QZL1": 1.0}),  # 16.7 %
        ([(24, 2), (24, 6), (24, 10), (24, 14), (24, 18)], {"QZL2": 0.0}),  # 20.8 %
        ([(0, 4), (0, 8), (0, 12)], {"clock_track": 3.0}),  # 12.5 %, regular
        ([(-1, 5), (-1, 15)], {"clock_track": 0.0}),  # TR 3/23
        ([(5, 24)], {}),  # TR 0
    ],
    (32, 32): [
        ([], {}),
        ([(6, 0), (13, 0), (31, 3), (23, -1), (32, 18), (32, 25), (16, 6), (15, 6)], dict.fromkeys(SEGMENTS, 3.0)),
        ([(20, 0), (25, 0)], {"L1": 2.0}),
    ],
    (16, 48): [([], {}), ([(15, 3), (15, 9), (15, 12)], {"L2": 2.0}), ([(4, 24)], {"clock_track": 3.0})],  # TR 1/15
    (12, 36): [([], {}), ([(12, 25)], {"QZL2": 3.0})],
    (12, 26): [([], {}), ([(5, 0)], {"L1": 3.0})],
    (8, 18): [([], {}), ([(7, 8)], {"L2": 3.0})],
    (8, 32): [([], {})],
    (10, 10): [([], {}), ([(4, 0)], {"L1": 2.0})],  # 10 %
    (52, 52): [([], {}), ([(51, 30), (52, 31)], {"L2": 3.0, "QZL2": 3.0})],
    (64, 64): [([], {})],
}
POSES = [  # px per module along x and y, angle, inverted, mirrored
    ((6.0, 6.0), 0.0, False, False),
    ((6.4, 6.4), 33.0, False, True),
    ((8.0, 8.0), -14.0, True, False),
    ((7.2, 7.5), 101.0, True, True),
    ((10.3, 10.3), 45.0, False, False),
    ((14.0, 13.0), 178.0, False, True),
]
LARGE = 50


@dataclass(frozen=True)
class Case:
    rows: int
    columns: int
    wrong: tuple[tuple[int, int], ...]
    segments: tuple[tuple[str, float], ...]
    px: tuple[float, float]
    angle_deg: float
    inverted: bool
    mirrored: bool
    faint: bool

    def __str__(self) -> str:
        flags = "i" * self.inverted + "m" * self.mirrored + "f" * self.faint
        return f"{self.rows}x{self.columns}-{len(self.wrong)}wrong-{self.px[0]:g}px-{self.angle_deg:g}{flags}"


def cases() -> list[Case]:
    made = []
    number = 0
    for (rows, columns), damages in DAMAGE.items():
        for wrong, segments in damages:
            poses = POSES if max(rows, columns) < LARGE else POSES[:3]
            for pose in poses if number % 3 == 0 else poses[number % 2 :: 2]:
                made.append(Case(rows, columns, tuple(wrong), tuple(segments.items()), *pose, faint=len(made) % 2 == 1))
            number += 1
    return made


CASES = cases()
LIGHT, INK = 224.0, 32.0


def build(case: Case) -> tuple[Picture, np.ndarray]:
    """The picture of a case and the true modulation of each module, ring included."""
    bits = matrix((case.rows, case.columns))
    light, ink = (INK, LIGHT) if case.inverted else (LIGHT, INK)
    drawn = picture(
        bits, light, ink, px_per_module=case.px, angle_deg=case.angle_deg, mirrored=case.mirrored, shift=(0.31, -0.42), samples=4
    )
    for row, column in case.wrong:
        cell = row + 1, column + 1
        drawn.values[cell] = LIGHT + INK - drawn.values[cell]
    if case.faint:
        # Four codewords' modules at 34 % of the range from the threshold: within the error correction of all but the small.
        words = codeword_map(size(case.rows, case.columns))
        middle = (LIGHT + INK) / 2
        for codeword in range(2):
            row, column = divmod(int(words.modules[codeword, 3]), case.columns)
            drawn.values[row + 1, column + 1] = middle + 0.34 * (drawn.values[row + 1, column + 1] - middle)
    return drawn, 2 * np.abs(drawn.values - (LIGHT + INK) / 2) / (LIGHT - INK)


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 60
    assert {case.px for case in CASES} == {pose[0] for pose in POSES}
    assert any(case.inverted and case.rows != case.columns for case in CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_known_by_construction(case: Case) -> None:
    drawn, modulation = build(case)
    report = grade(drawn.build(), symbol(drawn, case.inverted), reading(drawn.dark), Setup())
    values = {name: parameter.value for name, parameter in report.parameters.items()}
    assert values["symbol_contrast"] == pytest.approx((LIGHT - INK) / 255, abs=0.02)
    assert values["axial_nonuniformity"] == pytest.approx(abs(case.px[0] - case.px[1]) / (sum(case.px) / 2), abs=0.01)
    assert values["grid_nonuniformity"] == pytest.approx(0.0, abs=0.03)
    assert values["unused_error_correction"] == 1.0
    assert np.abs(report.maps["modulation"] - modulation).max() <= 0.05
    assert np.abs(report.maps["reflectance"] - drawn.values / 255).max() <= 0.03
    expected = {**dict.fromkeys(SEGMENTS, 4.0), **dict(case.segments)}
    assert {name: report.segments[name] for name in SEGMENTS} == expected
    assert report.segments["average_value"] == pytest.approx(sum(expected.values()) / 5)
    assert report.informative["reflectance_max"] == pytest.approx(LIGHT / 255, abs=0.01)
    assert report.informative["reflectance_min"] == pytest.approx(INK / 255, abs=0.01)
    for name in ("print_growth_horizontal", "print_growth_vertical"):
        assert report.informative[name] == pytest.approx(0.0, abs=0.02)
    if case.faint:
        words = codeword_map(size(case.rows, case.columns))
        faint = {divmod(int(words.modules[codeword, 3]), case.columns) for codeword in range(2)}
        place = report.informative["contrast_uniformity_row"], report.informative["contrast_uniformity_column"]
        assert report.informative["contrast_uniformity"] == pytest.approx(0.34, abs=0.05)
        assert place in faint


def test_the_report_has_the_names_of_the_contract() -> None:
    drawn = picture(matrix((24, 24)))
    report = grade(drawn.build(), symbol(drawn), reading(drawn.dark), Setup(mm_per_px=0.0318))
    assert (report.standard, report.edition, report.overall, report.letter) == ("ISO/IEC 15415", "2011", 4.0, "A")
    assert report.formal == "4.0/08/660"
    assert report.warnings == ("uncalibrated",)
    assert list(report.parameters) == [
        "decode",
        "symbol_contrast",
        "modulation",
        "reflectance_margin",
        "fixed_pattern_damage",
        "axial_nonuniformity",
        "grid_nonuniformity",
        "unused_error_correction",
    ]
    without_value = {name for name, parameter in report.parameters.items() if parameter.value is None}
    assert without_value == {"modulation", "reflectance_margin", "fixed_pattern_damage"}
    assert list(report.segments) == [*SEGMENTS, "average_value", "average"]
    assert {
        "contrast_uniformity",
        "print_growth_horizontal",
        "print_growth_vertical",
        "reflectance_max",
        "reflectance_min",
    } <= set(report.informative)
    names = ("reflectance", "modulation", "modulation_level", "wrong_colour")
    assert {name: array.shape for name, array in report.maps.items()} == dict.fromkeys(names, (26, 26))


@pytest.mark.parametrize("rows_columns", [(24, 24), (16, 48)])
@pytest.mark.parametrize("angle_deg", [0.0, 27.0])
@pytest.mark.parametrize("amplitude", [0.15, 0.3])
@pytest.mark.parametrize("shape", ["bow", "trapezium", "line"])
def test_grid_nonuniformity_of_a_bent_print(rows_columns: tuple[int, int], angle_deg: float, amplitude: float, shape: str) -> None:
    rows, columns = rows_columns

    def shift(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        if shape == "bow":
            return amplitude * np.sin(np.pi * v / rows)
        if shape == "trapezium":
            return amplitude * (u / columns) ** 2 * (v / rows)
        return np.interp(u, [8, 9, 10], [0, amplitude, 0])

    def forward(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return u + shift(u, v), v

    def backward(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if shape == "line":
            return np.interp(u, [-60, 8, 9 + amplitude, 10, 200], [-60, 8, 9, 10, 200]), v
        ideal = u.copy()
        for _ in range(12):
            ideal = u - shift(ideal, v)
        return ideal, v

    drawn = picture(matrix(rows_columns), px_per_module=(8.0, 8.0), angle_deg=angle_deg, warp=backward, samples=3)
    report = grade(drawn.build(), symbol(drawn), reading(drawn.dark), Setup())
    true = true_grid_nonuniformity(printed_grid(drawn, forward), size(rows, columns))
    assert true > 0.5 * amplitude * (shape != "trapezium")
    assert report.parameters["grid_nonuniformity"].value == pytest.approx(true, abs=0.03)


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("growth", [(0.2, 0.2), (-0.15, -0.15), (0.2, -0.1), (0.0, 0.12)])
def test_print_growth_is_measured_and_moves_nothing(growth: tuple[float, float], inverted: bool) -> None:
    light, ink = (INK, LIGHT) if inverted else (LIGHT, INK)
    drawn = picture(matrix((24, 24)), light, ink, px_per_module=(9.0, 9.0), angle_deg=12.0, growth=growth, samples=5)
    report = grade(drawn.build(), symbol(drawn, inverted), reading(drawn.dark), Setup())
    assert report.informative["print_growth_horizontal"] == pytest.approx(growth[0], abs=0.02)
    assert report.informative["print_growth_vertical"] == pytest.approx(growth[1], abs=0.02)
    assert report.parameters["grid_nonuniformity"].value == pytest.approx(0.0, abs=0.03)
    assert report.parameters["axial_nonuniformity"].value == pytest.approx(0.0, abs=0.01)


def test_seven_wrong_codewords_of_24_check_codewords() -> None:
    """Clean modules of the wrong colour: modulation does not see them, reflectance margin and error correction do."""
    drawn = picture(matrix((24, 24)), LIGHT, INK)
    words = codeword_map(size(24, 24))
    for codeword in range(7):
        row, column = divmod(int(words.modules[codeword, 2]), 24)
        drawn.values[row + 1, column + 1] = LIGHT + INK - drawn.values[row + 1, column + 1]
    report = grade(drawn.build(), symbol(drawn), reading(drawn.dark, (7,)), Setup())
    grades = {name: parameter.grade for name, parameter in report.parameters.items()}
    assert (grades["modulation"], grades["reflectance_margin"], grades["unused_error_correction"]) == (4.0, 2.0, 2.0)
    assert report.parameters["unused_error_correction"].value == pytest.approx(10 / 24)
    assert (report.overall, report.letter) == (2.0, "C")


def test_a_symbol_that_was_not_decoded_is_measured_all_the_same() -> None:
    drawn = picture(matrix((24, 24)), LIGHT, INK)
    pixels = drawn.build()
    read = grade(pixels, symbol(drawn), reading(drawn.dark), Setup())
    unread = grade(pixels, symbol(drawn), None, Setup())
    assert (unread.overall, unread.letter, unread.formal) == (0.0, "F", "0.0/80%/660")
    assert (unread.parameters["decode"].value, unread.parameters["decode"].grade) == (0.0, 0.0)
    assert unread.parameters["unused_error_correction"].grade == 0.0
    assert unread.parameters["reflectance_margin"].grade == 0.0
    for name in ("symbol_contrast", "modulation", "fixed_pattern_damage", "axial_nonuniformity", "grid_nonuniformity"):
        assert unread.parameters[name] == read.parameters[name]
    assert unread.segments == read.segments


def test_a_glint_counts_in_proportion_inside_and_not_at_all_outside() -> None:
    pixels_per_module, radius = 10.0, 0.15

    def contrast(glints: list[tuple[float, float, float, float]]) -> float:
        drawn = picture(matrix((24, 24)), 150.0, 30.0, px_per_module=(pixels_per_module,) * 2, extra=glints, margin=5.0)
        value = grade(drawn.build(), symbol(drawn), reading(drawn.dark), Setup()).parameters["symbol_contrast"].value
        assert value is not None
        return value

    clean = contrast([])
    assert contrast([(12.0, -2.2, 0.5, 255.0)]) == clean
    # In the quiet zone, wholly inside the aperture where it is centred on it: the share of the aperture's area.
    share = radius**2 / 0.4**2
    assert contrast([(12.0, -0.5, radius, 255.0)]) == pytest.approx(clean + share * (255 - 150) / 255, abs=0.01)


def test_white_and_black_scale_reflectance_only() -> None:
    drawn = picture(matrix((24, 24)), 180.0, 40.0)
    pixels = drawn.build()
    plain = grade(pixels, symbol(drawn), reading(drawn.dark), Setup())
    scaled = grade(pixels, symbol(drawn), reading(drawn.dark), Setup(white=200.0, black=-10.0))
    assert scaled.parameters["symbol_contrast"].value == pytest.approx(140 / 210, abs=0.005)
    assert scaled.informative["reflectance_max"] == pytest.approx(190 / 210, abs=0.005)
    assert scaled.warnings == ()
    for name in ("modulation", "axial_nonuniformity", "grid_nonuniformity", "fixed_pattern_damage"):
        assert scaled.parameters[name] == plain.parameters[name]
    assert (scaled.maps["modulation"] == plain.maps["modulation"]).all()


def test_scratch_of_other_symbols_changes_nothing() -> None:
    work = Scratch()
    small, large = picture(matrix((10, 10)), px_per_module=(6.0, 6.0), angle_deg=30.0), picture(matrix((32, 32)))
    pixels = {id(drawn): drawn.build() for drawn in (small, large)}
    for drawn in (large, small, large):
        fresh = grade(pixels[id(drawn)], symbol(drawn), reading(drawn.dark), Setup())
        used = grade(pixels[id(drawn)], symbol(drawn), reading(drawn.dark), Setup(), work)
        assert (fresh.parameters, fresh.segments, fresh.informative) == (used.parameters, used.segments, used.informative)
        assert all((fresh.maps[name] == used.maps[name]).all() for name in fresh.maps)


@pytest.mark.parametrize("angle_deg", [0.0, 90.0, 180.0, 270.0])
def test_a_cut_quiet_zone_is_reported(angle_deg: float) -> None:
    drawn = picture(matrix((12, 26)), angle_deg=angle_deg)
    pixels = drawn.build()
    corner = np.floor(drawn.grid()[..., :].min(axis=(0, 1))).astype(int)
    cut = np.ascontiguousarray(pixels[corner[1] :, corner[0] :])
    report = grade(cut, Symbol(drawn.grid() - corner), reading(drawn.dark), Setup())
    assert "outside_frame" in report.warnings
    assert report.overall < 4.0


@pytest.mark.parametrize("offset", [(-5000.0, 0.0), (5000.0, 5000.0), (0.0, -300.0), (1e12, -1e12)])
def test_a_symbol_outside_the_frame_is_graded_zero(offset: tuple[float, float]) -> None:
    drawn = picture(matrix((10, 10)))
    report = grade(drawn.build(), Symbol(drawn.grid() + np.array(offset)), reading(drawn.dark), Setup())
    assert report.overall == 0.0
    assert "outside_frame" in report.warnings


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_blank_picture_is_graded_zero(grey: int) -> None:
    drawn = picture(matrix((10, 10)))
    pixels = np.full_like(drawn.build(), grey)
    report = grade(pixels, symbol(drawn), reading(drawn.dark), Setup())
    assert report.overall == 0.0
    assert report.parameters["symbol_contrast"].value == 0.0
    assert all(np.isfinite(value) for value in report.informative.values() if value is not None)


def test_low_resolution_is_reported_and_graded() -> None:
    drawn = picture(matrix((24, 24)), px_per_module=(4.5, 4.5))
    report = grade(drawn.build(), symbol(drawn), reading(drawn.dark), Setup(), warnings=("lossy_image",))
    assert report.warnings == ("lossy_image", "uncalibrated", "low_resolution", "very_low_resolution")
    assert report.overall > 0.0


def test_no_symbol_size_is_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match="11x11"):
        grade(np.zeros((50, 50), np.uint8), Symbol(np.zeros((12, 12, 2))), None, Setup())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_grid_that_is_not_finite_is_refused(value: float) -> None:
    grid = picture(matrix((10, 10))).grid()
    grid[3, 3, 0] = value
    with pytest.raises(ValueError, match="finite"):
        grade(np.zeros((50, 50), np.uint8), Symbol(grid), None, Setup())


def test_overall_of_several_images() -> None:
    same: list[bytes | None] = [b"a"] * 5
    assert overall_of_images([4.0, 4.0, 3.0, 3.0, 4.0], same) == 3.6
    assert overall_of_images([4.0, 3.0, 3.0], same[:3]) == 3.3
    assert overall_of_images([4.0, 0.0], [b"a", None]) == 2.0
    assert overall_of_images([4.0, 4.0], [b"a", b"b"]) == 0.0
    with pytest.raises(ValueError, match="one of each"):
        overall_of_images([4.0], [])
