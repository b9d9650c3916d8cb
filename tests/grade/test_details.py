"""What stands behind a grade: overlay tables, damaged modules, grades without them; the strict path's decode; several images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.grade.known_symbols import reading, size, symbol
from tests.grade.symbol_renderer import Picture, matrix, picture
from vision.grade.details import damaged_segments, details, mended
from vision.grade.grade import grade
from vision.grade.images import grade_of_images
from vision.grade.overlay import codeword_map
from vision.grade.setup import Setup
from vision.types import GradeReport

LIGHT, INK = 220.0, 30.0
WORKED = ((6, 0), (13, 0), (31, 3), (23, -1), (32, 18), (32, 25), (16, 6), (15, 6))
SETUPS = (Setup(), Setup(edition="2024"), Setup("29158"))


def turned(drawn: Picture, *modules: tuple[int, int]) -> Picture:
    for row, column in modules:
        drawn.values[row + 1, column + 1] = LIGHT + INK - drawn.values[row + 1, column + 1]
    return drawn


def with_wrong_codewords(count: int) -> Picture:
    """A 24x24 with one wrong module in each of the first codewords."""
    places = [divmod(int(module), 24) for module in codeword_map(size(24, 24)).modules[:count, 2]]
    return turned(picture(matrix((24, 24)), LIGHT, INK, samples=3), *places)


def report_of(drawn: Picture, setup: Setup, rescue: str = "") -> GradeReport:
    return grade(drawn.build(), symbol(drawn), replace(reading(drawn.dark), rescue=rescue), setup)


@pytest.mark.parametrize("setup", SETUPS, ids=lambda s: s.edition)
def test_damaged_modules_of_each_segment(setup: Setup) -> None:
    report = report_of(turned(picture(matrix((32, 32)), LIGHT, INK, samples=3), *WORKED), setup)
    found = details(report)
    damaged = {name: {(int(r), int(c)) for r, c in places} for name, places in damaged_segments(found).items()}
    assert damaged == {
        "L1": {(6, 0), (13, 0)},
        "L2": {(31, 3)},
        "QZL1": {(23, -1)},
        "QZL2": {(32, 18), (32, 25)},
        "clock_track": {(15, 6), (16, 6)},
    }
    for name in ("L1", "L2", "QZL1", "QZL2", "clock_track"):
        assert min(line.grade for line in found.lines if line.segment == name) == report.segments[name]
    ratios = [line.transition_ratio for line in found.lines if line.segment == "clock_track"]
    assert max(ratio for ratio in ratios if ratio is not None) == 1 / 13
    whole = mended(report, np.array(WORKED))
    assert (whole["fixed_pattern_damage"], whole["overall"]) == (4.0, 4.0)


@pytest.mark.parametrize("setup", SETUPS, ids=lambda s: s.edition)
def test_the_overlays_table_adds_up(setup: Setup) -> None:
    report = report_of(with_wrong_codewords(7), setup)
    for overlay in details(report).overlays:
        assert max(row.grade for row in overlay.table) == pytest.approx(overlay.grade, abs=0.1 * (setup.edition != "2011"))
        assert overlay.grade == report.parameters[overlay.name].grade
        assert sum(row.at for row in overlay.table) == 60
        assert all(row.from_level + row.errors == 60 for row in overlay.table)
        assert overlay.wrong[:7].all() and not overlay.wrong[7:].any()
    last = details(report).overlays[-1]
    assert last.table[0].errors == 7 and last.table[0].unused == pytest.approx(10 / 24)
    assert [tuple(place) for place in last.lowest[:7]] == [
        divmod(int(module), 24) for module in codeword_map(size(24, 24)).modules[:7, 2]
    ]
    assert last.grade == {"2011": 2.0, "2024": 2.3, "2020": 2.3}[setup.edition]
    assert report.parameters["unused_error_correction"].grade == {"2011": 2.0, "2024": 2.4, "2020": 2.4}[setup.edition]
    assert mended(report, last.lowest[:7])["overall"] == 4.0
    assert mended(report, last.lowest[:3])["overall"] > report.overall


@pytest.mark.parametrize(("wrong", "decoded"), [(0, True), (12, True), (13, False)])
def test_the_strict_path_reads_what_error_correction_can_mend(wrong: int, decoded: bool) -> None:
    """24 check codewords mend 12 errors; a reading that needed erasures or sharpening for more has decode 0."""
    report = report_of(with_wrong_codewords(wrong), Setup())
    assert report.parameters["decode"].grade == 4.0 * decoded
    assert report.parameters["unused_error_correction"].value == pytest.approx(max(0.0, 1 - 2 * wrong / 24))


@pytest.mark.parametrize("setup", SETUPS, ids=lambda s: s.edition)
def test_what_only_a_rescue_found_has_decode_0(setup: Setup) -> None:
    report = report_of(picture(matrix((16, 16)), LIGHT, INK, samples=3), setup, "libdmtx")
    assert (report.overall, report.parameters["decode"].grade, report.informative["rescued"]) == (0.0, 0.0, 1.0)
    assert mended(report, np.array([[3, 3]]))["decode"] == 0.0


def test_rows_and_columns_from_the_clock_tracks_are_the_reference_decode_s_own() -> None:
    report = report_of(picture(matrix((16, 16))), Setup(), rescue="uneven")
    assert (report.parameters["decode"].grade, report.informative["rescued"]) == (4.0, 0.0)


def test_several_images_of_one_symbol() -> None:
    good, bad = picture(matrix((24, 24)), LIGHT, INK, samples=3), with_wrong_codewords(7)
    reports, read = [report_of(good, Setup()), report_of(good, Setup()), report_of(bad, Setup())], reading(good.dark)
    found = grade_of_images(reports, [read] * 3)
    assert (found.overall, found.letter, found.formal, found.same_data) == (3.3, "B", "3.3/80%/660", True)
    assert found.scan_grades == (4.0, 4.0, 2.0)
    other = grade_of_images(reports, [read, read, replace(read, payload=b"other")])
    assert (other.overall, other.letter, other.same_data) == (0.0, "F", False)
    with pytest.raises(ValueError, match="one edition"):
        grade_of_images([reports[0], report_of(good, Setup(edition="2024"))], [read, read])


def test_direct_marks_are_graded_by_their_own_parameters() -> None:
    drawn = picture(matrix((24, 24)), 150.0, 120.0, samples=3)
    report = report_of(drawn, Setup("29158", mm_per_px=0.03, angle_deg=30, light_sides="T"))
    assert list(report.parameters) == [
        "decode",
        "cell_contrast",
        "minimum_reflectance",
        "cell_modulation",
        "fixed_pattern_damage",
        "distributed_damage",
        "axial_nonuniformity",
        "grid_nonuniformity",
        "unused_error_correction",
    ]
    assert report.parameters["cell_contrast"].value == pytest.approx(30 / 150, abs=0.005)
    assert report.parameters["minimum_reflectance"].value == pytest.approx(150 / 255, abs=0.005)
    assert report.formal == "DPM2.0/05-08/660/30T"
    assert (report.standard, report.edition) == ("ISO/IEC 29158", "2020")


def test_the_better_of_two_apertures_is_kept() -> None:
    for growth in (-0.45, -0.6, 0.3):
        drawn = picture(matrix((16, 16)), 200.0, 60.0, px_per_module=(12.0, 12.0), growth=(growth, growth), samples=4)
        alone = [report_of(drawn, Setup("29158", aperture=aperture)).overall for aperture in ("79.999%", "50%")]
        both = report_of(drawn, Setup("29158"))
        assert both.overall == max(alone)
        assert both.informative["aperture_px"] == pytest.approx(9.6 if alone[0] >= alone[1] else 6.0, abs=0.1)
