"""From a symbol's grid to its modules: which are of the finder's colour, and how sure that is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.symbols import sample_grid
from kernels.threshold import judge_modules
from vision.types import Modules, Pixels, Symbol

Greys = npt.NDArray[np.float32]


def module_greys(pixels: Pixels, symbol: Symbol) -> Greys:
    """Mean grey of each module with the ring around, (rows + 2, columns + 2) float32, light and dark exchanged when inverted."""
    greys = np.empty((symbol.rows + 2, symbol.columns + 2), np.float32)
    sample_grid(pixels, np.ascontiguousarray(symbol.grid), symbol.inverted, greys)
    return greys


def judged(greys: Greys, sharpen: float) -> Modules:
    """Modules from their greys with the ring (rows + 2, columns + 2), judged against the light and dark around each; dark = 1.

    sharpen: share of its four neighbours' greys that is taken out of a module, for blurred prints; 0 = none.
    """
    shape = greys.shape[0] - 2, greys.shape[1] - 2
    bits, confidence = np.empty(shape, np.uint8), np.empty(shape, np.float32)
    judge_modules(greys, sharpen, bits, confidence)
    return Modules(bits, confidence)
