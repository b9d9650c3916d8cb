"""What must hold of every grade: damage never raises one, gain does not touch what is relative."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.grade.known_symbols import overlay_grade, reading, segments_of, symbol
from tests.grade.symbol_renderer import matrix, picture
from vision.decode.placement import placement
from vision.decode.symbol_sizes import SIZES
from vision.grade.fixed_pattern import fixed_pattern_grade
from vision.grade.grade import grade
from vision.grade.overlay import codeword_map
from vision.grade.scales import Scales, scales_of
from vision.grade.setup import Setup

EDITIONS = [scales_of("15415", "2011"), scales_of("15415", "2024"), scales_of("29158", "2020")]
LIGHT, INK = 220.0, 30.0
GRADED = {"modulation", "reflectance_margin", "fixed_pattern_damage", "symbol_contrast", "unused_error_correction", "decode"}


@pytest.mark.parametrize("edition", ["2011", "2024"])
@pytest.mark.parametrize("seed", range(4))
def test_damage_never_raises_a_grade(seed: int, edition: str) -> None:
    """Modules of data, bars and quiet zone fade or turn over one by one (a clock track's ratio may heal: it is left out)."""
    random = np.random.default_rng(seed)
    drawn = picture(matrix((20, 20)), LIGHT, INK, px_per_module=(7.0, 7.0), angle_deg=float(random.uniform(0, 360)), samples=3)
    places = [(r, c) for r in range(2, 20) for c in range(20)] + [(20, c) for c in range(1, 20)]
    order = random.permutation(len(places))
    before = None
    for step in range(8):
        report = grade(drawn.build(), symbol(drawn), reading(drawn.dark), Setup(edition=edition))
        if before is not None:
            assert report.overall <= before.overall
            for name in GRADED & report.parameters.keys():
                assert report.parameters[name].grade <= before.parameters[name].grade, name
            for name in ("L1", "L2", "QZL1", "QZL2"):
                assert report.segments[name] <= before.segments[name], name
        before = report
        for k in order[step * 6 : step * 6 + 6]:
            cell = places[k]
            strength = random.choice([0.45, 0.25, 0.1, -1.0])
            middle = (LIGHT + INK) / 2
            drawn.values[cell] = middle + strength * (drawn.values[cell] - middle)
    assert before is not None
    assert before.overall < 4.0


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.sampled_from(SIZES), st.sampled_from(EDITIONS), st.integers(0, 2**32 - 1))
def test_a_lower_module_never_raises_modulation(size: object, scales: Scales, seed: int) -> None:
    random = np.random.default_rng(seed)
    words = codeword_map(size)  # type: ignore[arg-type]
    shape = size.rows, size.columns  # type: ignore[attr-defined]
    grades = random.choice([4.0, 4.0, 4.0, 3.0, 2.0, 0.0], shape)
    lower = np.where(random.random(shape) < 0.05, np.maximum(grades - random.integers(1, 5, shape), 0.0), grades)
    if scales.per_grade == 10:
        lower = np.where(lower < grades, np.maximum(lower + random.integers(0, 10, shape) / 10, 0.0), grades)  # any decimal below
        lower = np.minimum(lower, grades)
    assert overlay_grade(lower, words, scales) <= overlay_grade(grades, words, scales)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.sampled_from(SIZES), st.sampled_from(EDITIONS), st.integers(0, 2**32 - 1))
def test_fainter_modules_never_raise_fixed_pattern_damage(size: object, scales: Scales, seed: int) -> None:
    random = np.random.default_rng(seed)
    colour = np.zeros((size.rows + 2, size.columns + 2), bool)  # type: ignore[attr-defined]
    colour[1:-1, 1:-1] = placement(size).pattern == 1  # type: ignore[arg-type]
    levels = random.choice([4.0, 4.0, 4.0, 4.0, 3.0, 1.0], colour.shape)
    fainter = np.where(random.random(colour.shape) < 0.05, np.maximum(levels - random.integers(1, 5, colour.shape), 0.0), levels)
    before = segments_of(levels, colour, size, scales)  # type: ignore[arg-type]
    after = segments_of(fainter, colour, size, scales)  # type: ignore[arg-type]
    assert all(after[name] <= before[name] for name in before)
    assert fixed_pattern_grade(after) <= fixed_pattern_grade(before)


@pytest.mark.parametrize("angle_deg", [0.0, 21.0])
def test_gain_leaves_what_is_relative(angle_deg: float) -> None:
    """Twice the light, exactly: every grey doubles."""
    drawn = picture(
        matrix((16, 16)), 110.0, 17.0, angle_deg=angle_deg, blur_px=1.0, noise=2.0, seed=5, growth=(0.1, 0.05), samples=3
    )
    drawn.values[5, 1] = 80.0
    drawn.values[8, 9] = 60.0
    dim = drawn.build()
    assert dim.max() <= 127
    first = grade(dim, symbol(drawn), reading(drawn.dark, (1,)), Setup())
    second = grade(dim * np.uint8(2), symbol(drawn), reading(drawn.dark, (1,)), Setup())
    for name in ("modulation", "axial_nonuniformity", "grid_nonuniformity", "unused_error_correction", "fixed_pattern_damage"):
        assert first.parameters[name] == second.parameters[name]
    assert first.segments == second.segments
    assert (first.maps["modulation"] == second.maps["modulation"]).all()
    contrast = first.parameters["symbol_contrast"].value, second.parameters["symbol_contrast"].value
    assert contrast[0] is not None
    assert contrast[1] == pytest.approx(2 * contrast[0])


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.floats(0.0, 360.0), st.booleans(), st.sampled_from([5.5, 7.0, 10.0]), st.sampled_from(["2011", "2024"]))
def test_rotation_changes_no_value_by_more_than_its_tolerance(angle_deg: float, mirrored: bool, px: float, edition: str) -> None:
    """Any angle, and mirrored: the same print as upright."""
    reports = []
    for angle, mirror in ((0.0, False), (angle_deg, mirrored)):
        drawn = picture(
            matrix((12, 26)),
            LIGHT,
            INK,
            px_per_module=(px, px * 1.02),
            angle_deg=angle,
            mirrored=mirror,
            blur_px=0.12 * px,
            growth=(0.06, -0.05),
            samples=5,
            lattice=True,
        )
        drawn.values[4, 1] = LIGHT  # in the left bar
        drawn.values[7, 9] = 110.0
        drawn.values[9, 20] = LIGHT + INK - drawn.values[9, 20]
        drawn.printed = (drawn.values[1:-1, 1:-1] < (LIGHT + INK) / 2).astype(np.uint8)
        reports.append(grade(drawn.build(), symbol(drawn), reading(drawn.dark), Setup(edition=edition)))
    upright, turned = reports
    for name, tolerance in (
        ("symbol_contrast", 0.02),
        ("axial_nonuniformity", 0.01),
        ("grid_nonuniformity", 0.03),
        ("unused_error_correction", 1e-12),
    ):
        assert turned.parameters[name].value == pytest.approx(upright.parameters[name].value, abs=tolerance), name
    np.testing.assert_allclose(turned.maps["modulation"], upright.maps["modulation"], atol=0.05)
    assert (turned.maps["wrong_colour"] == upright.maps["wrong_colour"]).all()
    for segment in ("L1", "L2", "QZL1", "QZL2"):
        assert turned.segments[segment] == upright.segments[segment]
    for name in ("print_growth_horizontal", "print_growth_vertical"):
        assert turned.informative[name] == pytest.approx(upright.informative[name], abs=0.05)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_quarter_turn_changes_no_grade(mirrored: bool) -> None:
    reports = []
    for turn in range(4):
        drawn = picture(matrix((12, 36)), LIGHT, INK, angle_deg=8.0 + 90.0 * turn, mirrored=mirrored, blur_px=0.8, samples=3)
        drawn.values[4, 1] = LIGHT
        drawn.values[0, 7] = INK
        reports.append(grade(drawn.build(), symbol(drawn), reading(drawn.dark), Setup()))
    for report in reports[1:]:
        assert report.segments == reports[0].segments
        assert {n: p.grade for n, p in report.parameters.items()} == {n: p.grade for n, p in reports[0].parameters.items()}
