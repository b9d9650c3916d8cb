"""From measured greys to what is graded: threshold, modulation and colour of each module, after 15415 or 29158."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.damage import steps_of
from vision.decode.symbol_sizes import SymbolSize
from vision.grade.direct_mark import cell_modulation, mean, two_class_threshold
from vision.grade.fixed_pattern import lines_of
from vision.grade.geometry import Measurement
from vision.grade.scales import TOLERANCE, Scales
from vision.grade.setup import Setup
from vision.types import Reading

Floats = npt.NDArray[np.float64]
Colours = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """The modules against the threshold; arrays are (rows + 2, columns + 2), quiet-zone ring included.

    reflectance_max, reflectance_min: extremes in the inspection area, 0 to 1 on the set-up's scale. threshold: on that scale.
    contrast: symbol contrast, or cell contrast in 29158. light: mean reflectance of the light cells (29158, else nan).
    reflectance, modulation: float64 of each module; outside the frame nan and 0.
    colour: uint8, 1 where the module has the finder's colour. outside: bool, its centre is outside the frame: no colour is right.
    """

    reflectance_max: float
    reflectance_min: float
    threshold: float
    contrast: float
    light: float
    reflectance: Floats
    modulation: Floats
    colour: Colours
    outside: npt.NDArray[np.bool_]


def levels_of(measurement: Measurement, inverted: bool, setup: Setup) -> Levels:
    """Modulation and colour by the standard of the set-up: the global threshold (Rmax + Rmin) / 2, or two classes of cells."""
    greys, low, high = measurement.greys, measurement.grey_min, measurement.grey_max
    scale = setup.white - setup.black
    outside = np.isnan(greys)
    if setup.standard == "29158":
        threshold, contrast, light, modulation = _cells(greys, outside, setup)
        dark = greys < threshold
    else:
        threshold, light = (high + low) / 2.0, float("nan")
        # Modulation from grey, not from reflectance: white and black cancel, and with them their rounding.
        modulation = 2.0 * np.abs(greys - threshold) / (high - low) if high > low else np.zeros_like(greys)
        contrast = (high - low) / scale
        dark = greys <= threshold
    if measurement.outside_count:
        modulation = np.where(outside, 0.0, modulation)  # what was not seen has no modulation
    colour = (dark != inverted) & ~outside
    return Levels(
        (high - setup.black) / scale,
        (low - setup.black) / scale,
        (threshold - setup.black) / scale,
        contrast,
        light,
        (greys - setup.black) / scale,
        modulation,
        colour.view(np.uint8),
        outside,
    )


def _cells(greys: Floats, outside: npt.NDArray[np.bool_], setup: Setup) -> tuple[float, float, float, Floats]:
    """Threshold, cell contrast, mean reflectance of the light cells, cell modulation of each module (ISO/IEC 29158:2020).

    [open] The symbol's own modules make the two classes; the quiet zone, where it was not asked for, does not.
    """
    inner = greys[1:-1, 1:-1]
    seen = inner[~outside[1:-1, 1:-1]]
    if seen.size == 0:
        return 0.0, 0.0, 0.0, np.zeros_like(greys)
    threshold = two_class_threshold(seen)
    lights, darks = seen[seen >= threshold], seen[seen < threshold]
    light = mean(lights)
    dark = mean(darks) if darks.size else light
    scale = setup.white - setup.black
    light_reflectance, dark_reflectance = (light - setup.black) / scale, (dark - setup.black) / scale
    contrast = (light_reflectance - dark_reflectance) / light_reflectance if light_reflectance > 0.0 else 0.0
    return threshold, contrast, light_reflectance, cell_modulation(greys, threshold, light, dark)


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """What the modules come to; all arrays are flat over the ringed symbol.

    level: int32, the step of each module by modulation alone. in_role: 0 instead where the colour is wrong for its role.
    colour: uint8, as measured. wrong: bool, wrong for its role or, in the data, after error correction; data of an unread symbol:
    False.
    """

    level: npt.NDArray[np.int32]
    in_role: npt.NDArray[np.int32]
    colour: Colours
    wrong: npt.NDArray[np.bool_]


def steps_in(levels: Levels, reading: Reading | None, size: SymbolSize, scales: Scales) -> Steps:
    """The steps and colours of all modules."""
    step = np.empty(levels.modulation.size, np.int32)
    steps_of(levels.modulation.ravel(), scales["modulation_level"].unrounded, TOLERANCE, step)
    lines = lines_of(size)
    wrong = levels.colour != lines.expected
    wrong |= levels.outside
    if reading is None:
        wrong &= lines.in_role
    else:
        np.not_equal(levels.colour[1:-1, 1:-1], reading.bits, out=wrong[1:-1, 1:-1])
        wrong[1:-1, 1:-1] |= levels.outside[1:-1, 1:-1]
    flat = wrong.ravel()
    return Steps(step, np.where(flat, np.int32(0), step), levels.colour.ravel(), flat)
