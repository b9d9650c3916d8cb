"""The in-line grade of one symbol after ISO/IEC 15415:2011: from pixels, grid and reading to a report.

One image from the line's own optics: an in-line grade, never a verification. Limits live in scales.py, measuring in geometry.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vision.decode.symbol_sizes import SymbolSize, size_of
from vision.grade.fixed_pattern import fixed_pattern_grade, fixed_pattern_segments
from vision.grade.geometry import Measurement, axial_nonuniformity, grid_deviation, measure, module_pitch_px
from vision.grade.overlay import codeword_map, module_grades, overlay_grade, unused_share
from vision.grade.scales import Scales, letter, scales_of
from vision.grade.scratch import Scratch
from vision.grade.setup import Setup
from vision.types import GradeReport, Parameter, Pixels, Reading, Symbol

LOW_RESOLUTION_PX = 5.0
"""Pixels per module below which a grade is not meaningful: reported, not refused."""

LONE_SHARE = 0.05
"""Share of intersections without an edge near above which the report says that the grid was not measured."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """The modules against the global threshold GT = (Rmax + Rmin) / 2; arrays are (rows + 2, columns + 2), ring included.

    reflectance_max, reflectance_min: extremes in the inspection area, 0 to 1 on the set-up's scale. contrast: their difference.
    reflectance, modulation: float64 of each module; outside the frame nan and 0. colour: bool, the module has the finder's colour.
    """

    reflectance_max: float
    reflectance_min: float
    contrast: float
    reflectance: Floats
    modulation: Floats
    colour: npt.NDArray[np.bool_]


def levels_of(measurement: Measurement, inverted: bool, setup: Setup) -> Levels:
    """Reflectance, modulation 2 |R - GT| / SC and measured colour of each module (0 where there is no contrast at all)."""
    low, high = measurement.grey_min, measurement.grey_max
    # Modulation from grey, not from reflectance: white and black cancel, and with them their rounding.
    distance = measurement.greys - (high + low) / 2.0
    modulation = 2.0 * np.abs(distance) / (high - low) if high > low else np.zeros_like(distance)
    # What lies outside the frame was not seen: no modulation, and no colour is right by it.
    modulation = np.where(np.isnan(modulation), 0.0, modulation)
    scale = setup.white - setup.black
    return Levels(
        (high - setup.black) / scale,
        (low - setup.black) / scale,
        (high - low) / scale,
        (measurement.greys - setup.black) / scale,
        modulation,
        distance > 0.0 if inverted else distance <= 0.0,
    )


def _unused_error_correction(reading: Reading | None) -> float:
    # No erasures in a camera decode: a codeword that was declared untrusted and found wrong is an error here.
    return 0.0 if reading is None else unused_share(reading.corrected_per_block, reading.check_per_block)


def _pattern_parameters(
    levels: Levels, size: SymbolSize, reading: Reading | None, scales: Scales
) -> tuple[dict[str, Parameter], dict[str, float]]:
    """Modulation, reflectance margin and fixed pattern damage, and the segments of the last."""
    grades = module_grades(levels.modulation, scales["modulation_level"])
    words = codeword_map(size)
    margin = 0.0
    if reading is not None:
        # Reflectance margin is modulation with the sign of the true colour: what error correction had to change is 0.
        true = reading.bits.astype(np.bool_) == levels.colour[1:-1, 1:-1]
        margin = overlay_grade(np.where(true, grades[1:-1, 1:-1], 0.0), words, scales)
    segments = fixed_pattern_segments(grades, levels.colour, size, scales)
    parameters = {
        "modulation": Parameter(None, overlay_grade(grades[1:-1, 1:-1], words, scales)),
        "reflectance_margin": Parameter(None, margin),
        "fixed_pattern_damage": Parameter(None, fixed_pattern_grade(segments)),
    }
    return parameters, segments


def _contrast_uniformity(levels: Levels, size: SymbolSize) -> dict[str, float | None]:
    """The lowest modulation of a data module, and where it is (0-based, finder included)."""
    modulation = levels.modulation[1:-1, 1:-1].ravel()
    data = codeword_map(size).modules.ravel()
    # The first in reading order where several are equal, so that the place does not hang on the order of codewords.
    lowest = float(modulation[data].min())
    where = int(data[modulation[data] == lowest].min())
    return {
        "contrast_uniformity": lowest,
        "contrast_uniformity_row": float(where // size.columns),
        "contrast_uniformity_column": float(where % size.columns),
    }


def _warnings(measurement: Measurement, setup: Setup, extra: Sequence[str]) -> tuple[str, ...]:
    found = list(extra)
    if setup.uncalibrated:
        found.append("uncalibrated")
    if (measurement.pitch_x_px + measurement.pitch_y_px) / 2 < LOW_RESOLUTION_PX:
        found.append("low_resolution")
    if measurement.outside_count:
        found.append("outside_frame")
    if measurement.lone_count > LONE_SHARE * 2 * measurement.grid.shape[0] * measurement.grid.shape[1]:
        found.append("grid_not_measured")
    return tuple(dict.fromkeys(found))


def grade(
    pixels: Pixels,
    symbol: Symbol,
    reading: Reading | None,
    setup: Setup,
    work: Scratch | None = None,
    *,
    warnings: Sequence[str] = (),
) -> GradeReport:
    """The grade report of one symbol (ISO/IEC 15415:2011).

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
    scales = scales_of(setup.standard, setup.edition)
    measurement = measure(pixels, symbol, setup.aperture_px(module_pitch_px(symbol.grid)), work if work is not None else Scratch())
    levels = levels_of(measurement, symbol.inverted, setup)
    pitch_px = (measurement.pitch_x_px + measurement.pitch_y_px) / 2.0
    axial = axial_nonuniformity(measurement.pitch_x_px, measurement.pitch_y_px)
    deviation = grid_deviation(measurement.grid, size) / pitch_px
    unused = _unused_error_correction(reading)
    decoded = float(reading is not None)
    patterns, segments = _pattern_parameters(levels, size, reading, scales)
    parameters = {
        "decode": Parameter(decoded, 4.0 * decoded),
        "symbol_contrast": Parameter(levels.contrast, scales["symbol_contrast"].grade(levels.contrast)),
        **patterns,
        "axial_nonuniformity": Parameter(axial, scales["axial_nonuniformity"].grade(axial)),
        "grid_nonuniformity": Parameter(deviation, scales["grid_nonuniformity"].grade(deviation)),
        "unused_error_correction": Parameter(unused, scales["unused_error_correction"].grade(unused)),
    }
    overall = min(parameter.grade for parameter in parameters.values())
    informative = {
        **_contrast_uniformity(levels, size),
        "print_growth_horizontal": measurement.growth_x,
        "print_growth_vertical": measurement.growth_y,
        "reflectance_max": levels.reflectance_max,
        "reflectance_min": levels.reflectance_min,
    }
    return GradeReport(
        standard=scales.title,
        edition=scales.edition,
        overall=overall,
        letter=letter(overall),
        formal=setup.formal(overall, pitch_px),
        warnings=_warnings(measurement, setup, warnings),
        parameters=parameters,
        segments=segments,
        informative=informative,
        maps={
            "reflectance": levels.reflectance.astype(np.float32),
            "modulation": levels.modulation.astype(np.float32),
        },
    )


def overall_of_images(overalls: Sequence[float], payloads: Sequence[bytes | None]) -> float:
    """The overall grade of several images of one symbol: the mean of their grades to one decimal, 0 where their data differ.

    payloads: what each image decoded to, None where it did not. ValueError where there are none, or not as many as grades.
    """
    if not overalls or len(overalls) != len(payloads):
        raise ValueError(f"{len(overalls)} grades and {len(payloads)} payloads given, expected one of each for every image")
    if len({payload for payload in payloads if payload is not None}) > 1:
        return 0.0
    return float(np.floor(sum(overalls) / len(overalls) * 10.0 + 0.5 + 1e-9) / 10.0)
