"""From a symbol's grid to its modules: which are of the finder's colour, and how sure that is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.sampling import sample_modules
from kernels.threshold import local_threshold
from vision.decode.search import Workspace
from vision.types import Modules, Pixels, Symbol

APERTURE = 0.5
"""Side of the square that is averaged for a module, in modules."""

Greys = npt.NDArray[np.float32]


def module_greys(pixels: Pixels, symbol: Symbol, work: Workspace, aperture: float = APERTURE) -> Greys:
    """Mean grey of each module with the ring around, (rows + 2, columns + 2) float32, light and dark exchanged when inverted."""
    greys = work.array("greys", (symbol.rows + 2, symbol.columns + 2), np.float32)
    points = 2 if symbol.px_per_module < 5 else 3 if symbol.px_per_module < 12 else 5
    sample_modules(pixels, np.ascontiguousarray(symbol.grid), aperture, points, greys)
    return 255 - greys if symbol.inverted else greys.copy()


def sample(pixels: Pixels, symbol: Symbol, work: Workspace, sharpen: float = 0.0) -> Modules:
    """The modules of a symbol, judged against the light and dark around each.

    pixels: (height, width) uint8, C-contiguous. sharpen: share of its four neighbours' greys that is taken out of a module, for
    blurred prints; 0 = none.
    """
    greys = module_greys(pixels, symbol, work)
    return judged(greys, sharpen)


def judged(greys: Greys, sharpen: float) -> Modules:
    """Modules from their greys with the ring (rows + 2, columns + 2), dark = 1."""
    if sharpen > 0:
        around = greys[:-2, 1:-1] + greys[2:, 1:-1] + greys[1:-1, :-2] + greys[1:-1, 2:]
        inner = greys[1:-1, 1:-1] * (1 + 4 * sharpen) - sharpen * around
    else:
        inner = greys[1:-1, 1:-1]
    inner = np.ascontiguousarray(inner)
    threshold, half = np.empty_like(inner), np.empty_like(inner)
    local_threshold(inner, np.empty((6, *inner.shape), np.float32), threshold, half)
    bits = (inner < threshold).astype(np.uint8)
    confidence = np.minimum(np.abs(inner - threshold) / half, np.float32(1))
    return Modules(bits, confidence)
