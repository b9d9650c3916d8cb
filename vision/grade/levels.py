"""From measured greys to what is graded: threshold, modulation and colour of each module, after 15415 or 29158."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.damage import module_steps
from vision.grade.direct_mark import mean, two_class_threshold
from vision.grade.geometry import Measurement
from vision.grade.scales import TOLERANCE, Scales
from vision.grade.setup import Setup

Floats = npt.NDArray[np.float64]
Colours = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """The modules against the threshold; arrays are flat over the symbol with its quiet-zone ring, row by row.

    reflectance_max, reflectance_min: extremes in the inspection area, 0 to 1 on the set-up's scale. threshold: on that scale.
    contrast: symbol contrast, or cell contrast in 29158. light: mean reflectance of the light cells (29158, else nan).
    modulation: float64. step: int32, the step of each module by modulation alone.
    colours: (2, n) uint8: 1 where it has the finder's colour; 1 where that is wrong for its role or, in the data, after error
    correction
        (data of an unread symbol: 0). What lies outside the frame has modulation 0 and a wrong colour.
    """

    reflectance_max: float
    reflectance_min: float
    threshold: float
    contrast: float
    light: float
    modulation: Floats
    step: npt.NDArray[np.int32]
    colours: Colours


def levels_of(measurement: Measurement, inverted: bool, expected: Colours, setup: Setup, scales: Scales) -> Levels:
    """Modulation and colour by the standard of the set-up: the global threshold (Rmax + Rmin) / 2, or two classes of cells.

    expected: of `expected_colours`.
    """
    greys, low, high = measurement.greys, measurement.grey_min, measurement.grey_max
    scale = setup.white - setup.black
    if setup.standard == "29158":
        threshold, dark, light = _cells(greys)
        light_reflectance, dark_reflectance = (light - setup.black) / scale, (dark - setup.black) / scale
        contrast = (light_reflectance - dark_reflectance) / light_reflectance if light_reflectance > 0.0 else 0.0
    else:
        # Modulation from grey, not from reflectance: white and black cancel, and with them their rounding.
        threshold, dark, light = (high + low) / 2.0, low, high
        light_reflectance, contrast = float("nan"), (high - low) / scale
    modulation, step = np.empty(greys.size), np.empty(greys.size, np.int32)
    colours = np.empty((2, greys.size), np.uint8)
    module_steps(
        greys.ravel(),
        threshold,
        threshold - dark,
        light - threshold,
        int(not inverted),
        expected.ravel(),
        scales["modulation_level"].unrounded,
        TOLERANCE,
        modulation,
        step,
        colours,
    )
    return Levels(
        (high - setup.black) / scale,
        (low - setup.black) / scale,
        (threshold - setup.black) / scale,
        contrast,
        light_reflectance,
        modulation,
        step,
        colours,
    )


def _cells(greys: Floats) -> tuple[float, float, float]:
    """Threshold, mean of the dark and mean of the light cells, in grey (ISO/IEC 29158:2020).

    [open] The symbol's own modules make the two classes; the quiet zone does not.
    """
    inner = greys[1:-1, 1:-1]
    seen = inner[~np.isnan(inner)]
    if seen.size == 0:
        return 0.0, 0.0, 0.0
    threshold = two_class_threshold(seen)
    darks, lights = seen[seen <= threshold], seen[seen > threshold]
    dark = mean(darks)
    return threshold, dark, mean(lights) if lights.size else dark
