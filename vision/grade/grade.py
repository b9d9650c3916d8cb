"""The in-line grade of one symbol after ISO/IEC 15415 or 29158: from pixels, grid and reading to a report.

One image from the line's own optics: an in-line grade, never a verification. Limits live in scales.py, measuring in geometry.py,
the rules of each edition in parameters.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kernels.damage import module_maps
from vision.decode.symbol_sizes import SymbolSize, size_of
from vision.grade.calibration import evened_around
from vision.grade.fixed_pattern import expected_colours, lines_of
from vision.grade.geometry import Measurement, measure, module_pitch_px
from vision.grade.levels import Levels, levels_of
from vision.grade.parameters import graded, informative
from vision.grade.scales import Scales, letter, scales_of
from vision.grade.scratch import Scratch
from vision.grade.setup import Setup
from vision.types import GradeReport, Pixels, Reading, Symbol

LOW_RESOLUTION_PX = 6.0
"""Pixels per module below which values are less sure: reported (`low_resolution`), not refused."""

VERY_LOW_RESOLUTION_PX = 5.0
"""Pixels per module below which a grade is not meaningful: reported as well (`very_low_resolution`), not refused."""

LONE_SHARE = 0.05
"""Share of intersections without an edge near above which the report says that the grid was not measured."""


MAPS = ("reflectance", "modulation", "modulation_level", "wrong_colour")
"""What is kept of each module, in the order of module_maps."""


def _warnings(measurement: Measurement, setup: Setup, extra: Sequence[str]) -> tuple[str, ...]:
    found = list(extra)
    if setup.uncalibrated:
        found.append("uncalibrated")
    if setup.calibration_expired:
        found.append("calibration_expired")
    pitch_px = (measurement.pitch_x_px + measurement.pitch_y_px) / 2
    if pitch_px < LOW_RESOLUTION_PX:
        found.append("low_resolution")
    if pitch_px < VERY_LOW_RESOLUTION_PX:
        found.append("very_low_resolution")
    if measurement.outside_count:
        found.append("outside_frame")
    if measurement.lone_count > LONE_SHARE * 2 * measurement.grid.shape[0] * measurement.grid.shape[1]:
        found.append("grid_not_measured")
    return tuple(dict.fromkeys(found))


def _maps(
    levels: Levels, measurement: Measurement, reading: Reading | None, size: SymbolSize, setup: Setup, scales: Scales
) -> dict[str, npt.NDArray[np.float32]]:
    maps = np.empty((len(MAPS), levels.step.size), np.float32)
    greys, span = measurement.greys, setup.white - setup.black
    module_maps(greys.ravel(), levels.modulation, levels.step, levels.colours, setup.black, span, scales.per_grade, maps)
    if reading is None:
        maps[MAPS.index("wrong_colour"), lines_of(size).expected.ravel() == 2] = np.nan
    return dict(zip(MAPS, maps.reshape(len(MAPS), *greys.shape), strict=True))


def grade(
    pixels: Pixels,
    symbol: Symbol,
    reading: Reading | None,
    setup: Setup,
    work: Scratch | None = None,
    *,
    warnings: Sequence[str] = (),
) -> GradeReport:
    """The grade report of one symbol, by the standard and edition of the set-up.

    pixels: (height, width) uint8 frame. symbol: where it lies, as printed (un-mirrored).
    reading: None where it was not decoded: decode and the overall grade are 0, and what needs no decoding is measured all the same.
    work: scratch kept by the caller from symbol to symbol.
    warnings: what the caller knows of the image ("lossy_image"), reported first.
    Raises ValueError where no symbol size has these rows and columns, or the grid is not finite.
    """
    size = size_of(symbol.rows, symbol.columns)
    if size is None:
        raise ValueError(f"{symbol.rows}x{symbol.columns} is no symbol size of ECC 200")
    if not np.isfinite(symbol.grid).all():
        raise ValueError("the grid of the symbol is not finite")
    work = work if work is not None else Scratch()
    if setup.flat_field is not None:
        pixels = evened_around(pixels, symbol, setup.flat_field, setup.black, work)
    # The first of equal grades is kept: max() does.
    reports = [_grade_through(pixels, symbol, reading, size, setup, seen, work, warnings) for seen in setup.apertures()]
    return max(reports, key=lambda report: report.overall)


def _grade_through(
    pixels: Pixels,
    symbol: Symbol,
    reading: Reading | None,
    size: SymbolSize,
    asked: Setup,
    setup: Setup,
    work: Scratch,
    warnings: Sequence[str],
) -> GradeReport:
    """The report through one aperture; asked: the set-up as given, for the formal grade."""
    scales = scales_of(setup.standard, setup.edition)
    expected = expected_colours(size, reading)
    measurement = measure(pixels, symbol, setup.aperture_px(module_pitch_px(symbol.grid)), work, expected)
    levels = levels_of(measurement, symbol.inverted, expected, setup, scales)
    parameters, segments = graded(levels, measurement, reading, size, scales)
    overall = min(parameter.grade for parameter in parameters.values())
    pitch_px = (measurement.pitch_x_px + measurement.pitch_y_px) / 2.0
    return GradeReport(
        standard=scales.title,
        edition=scales.edition,
        overall=overall,
        letter=letter(overall),
        formal=asked.formal(overall, pitch_px),
        warnings=_warnings(measurement, setup, warnings),
        parameters=parameters,
        segments=segments,
        informative=informative(levels, measurement, reading, size),
        maps=_maps(levels, measurement, reading, size, setup, scales),
        grid=measurement.grid,
    )
