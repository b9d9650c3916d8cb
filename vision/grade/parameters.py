"""Every graded parameter of one measured symbol, by the rules of one edition: values, grades, and what is reported beside them."""

from __future__ import annotations

from dataclasses import dataclass

from kernels.damage import lowest_module
from vision.decode.symbol_sizes import SymbolSize
from vision.grade.fixed_pattern import fixed_pattern_grade, fixed_pattern_segments, line_grades
from vision.grade.geometry import Measurement, axial_nonuniformity, grid_deviation
from vision.grade.levels import Levels
from vision.grade.overlay import CodewordMap, codeword_map, overlay, unused_share, wrong_codewords
from vision.grade.scales import Scales
from vision.types import Parameter, Reading

OF_THE_REFERENCE_DECODE = ("uneven",)
"""Looks beyond the first that do what the reference decode algorithm of ISO/IEC 16022 does itself: it takes rows and columns
from the symbol's own sides and clock tracks. Our first search takes them for even, the standard does not."""


def rescued(reading: Reading | None) -> bool:
    """Whether only a rescue found the symbol that the reference decode has no part in."""
    return reading is not None and bool(reading.rescue) and reading.rescue not in OF_THE_REFERENCE_DECODE


@dataclass(frozen=True, slots=True)
class Decoding:
    """The reference decode: whether the symbol can be read at the threshold, and how much error correction that leaves."""

    decoded: bool
    unused: float


def reference_decode(levels: Levels, reading: Reading | None, words: CodewordMap) -> Decoding:
    """The strict path's decode (ISO/IEC 15415, reference decode at the global threshold, no erasures).

    The codewords that hold a module of the wrong colour at the threshold are the errors. A symbol that was found by a rescue, or
    whose errors exceed what error correction can mend without erasures, was not read by the strict path: decode 0, whatever the
    reading says.
    """
    if reading is None:
        return Decoding(False, 0.0)
    errors = wrong_codewords(levels.step, levels.colours, words)
    mendable = all(2 * t <= d - d % 2 for t, d in zip(errors, words.check_per_block, strict=True))
    if rescued(reading) or not mendable:
        return Decoding(False, 0.0)
    return Decoding(True, unused_share(errors, words.check_per_block))


def _modulations(levels: Levels, reading: Reading | None, words: CodewordMap, scales: Scales) -> dict[str, Parameter]:
    """Modulation and reflectance margin, or cell modulation: what was not read has no margin, and in decimals no modulation."""
    counted = 0.0 if reading is None else overlay(levels.step, levels.colours, 1, words, scales).grade
    if scales.colours_count:
        name = "cell_modulation" if scales.standard == "29158" else "modulation"
        return {name: Parameter(None, counted)}
    return {
        "modulation": Parameter(None, overlay(levels.step, levels.colours, 0, words, scales).grade),
        "reflectance_margin": Parameter(None, counted),
    }


def graded(
    levels: Levels, measurement: Measurement, reading: Reading | None, size: SymbolSize, scales: Scales
) -> tuple[dict[str, Parameter], dict[str, float]]:
    """The parameters in the order of the standard, and the segments of the fixed pattern."""

    def parameter(name: str, value: float) -> tuple[str, Parameter]:
        return name, Parameter(value, scales[name].grade(value))

    words = codeword_map(size)
    decoding = reference_decode(levels, reading, words)
    segments = fixed_pattern_segments(line_grades(levels.step, levels.colours, size, scales), size, scales)
    pitch_px = (measurement.pitch_x_px + measurement.pitch_y_px) / 2.0
    direct = scales.standard == "29158"
    made = [("decode", Parameter(float(decoding.decoded), 4.0 * decoding.decoded))]
    if direct:
        made += [parameter("cell_contrast", levels.contrast), parameter("minimum_reflectance", levels.light)]
    else:
        made.append(parameter("symbol_contrast", levels.contrast))
    made += _modulations(levels, reading, words, scales).items()
    if direct:
        worst = min(grade for name, grade in segments.items() if not name.startswith("average"))
        made += [
            ("fixed_pattern_damage", Parameter(None, worst)),
            ("distributed_damage", Parameter(None, segments["average"])),
        ]
    else:
        made.append(("fixed_pattern_damage", Parameter(None, fixed_pattern_grade(segments))))
    made += [
        parameter("axial_nonuniformity", axial_nonuniformity(measurement.pitch_x_px, measurement.pitch_y_px)),
        parameter("grid_nonuniformity", grid_deviation(measurement.grid, size) / pitch_px),
        parameter("unused_error_correction", decoding.unused),
    ]
    if "print_growth" in scales.scales:
        made.append(parameter("print_growth", max(abs(measurement.growth_x), abs(measurement.growth_y))))
    return dict(made), segments


def informative(levels: Levels, measurement: Measurement, reading: Reading | None, size: SymbolSize) -> dict[str, float | None]:
    """What is reported and not graded.

    Contrast uniformity: the lowest modulation of a data module, with its row and column, 0-based, finder included. rescued: 1 where
    only a rescue found the symbol, which decode 0 then stands for.
    """
    # The first in reading order where several are equal, so that the place does not hang on the order of codewords.
    module = lowest_module(levels.modulation, codeword_map(size).ringed)
    lowest = float(levels.modulation[module])
    row, column = divmod(module, size.columns + 2)
    return {
        "contrast_uniformity": lowest,
        "contrast_uniformity_row": float(row - 1),
        "contrast_uniformity_column": float(column - 1),
        "print_growth_horizontal": measurement.growth_x,
        "print_growth_vertical": measurement.growth_y,
        "reflectance_max": levels.reflectance_max,
        "reflectance_min": levels.reflectance_min,
        "threshold": levels.threshold,
        "px_per_module": (measurement.pitch_x_px + measurement.pitch_y_px) / 2.0,
        "aperture_px": measurement.aperture_px,
        "rescued": float(rescued(reading)),
    }
