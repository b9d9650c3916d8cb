"""From a symbol's grid to its modules: which are of the finder's colour, and how sure that is."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kernels.sampling import sample_modules
from kernels.threshold import judge_modules
from vision.decode.search import Workspace
from vision.types import Modules, Pixels, Symbol

APERTURE = 0.5
"""Side of the square that is averaged for a module, in modules."""

Greys = npt.NDArray[np.float32]


def module_greys(pixels: Pixels, symbol: Symbol, work: Workspace, aperture: float = APERTURE) -> Greys:
    """Mean grey of each module with the ring around, (rows + 2, columns + 2) float32, light and dark exchanged when inverted."""
    greys = work.array("greys", (symbol.rows + 2, symbol.columns + 2), np.float32)
    pitch = _pitch(symbol)
    points = 2 if pitch < 5 else 3 if pitch < 12 else 5
    sample_modules(pixels, np.ascontiguousarray(symbol.grid), aperture, points, greys)
    return 255 - greys if symbol.inverted else greys.copy()


def _pitch(symbol: Symbol) -> float:
    """As `px_per_module`, in a quarter of the time."""
    grid, rows, columns = symbol.grid, symbol.rows, symbol.columns
    (ax, ay), (bx, by) = grid[0, 0].tolist(), grid[0, -1].tolist()
    (cx, cy), (dx, dy) = grid[-1, 0].tolist(), grid[-1, -1].tolist()
    wide = (math.hypot(bx - ax, by - ay) + math.hypot(dx - cx, dy - cy)) / 2
    tall = (math.hypot(cx - ax, cy - ay) + math.hypot(dx - bx, dy - by)) / 2
    return (wide / columns + tall / rows) / 2


def judged(greys: Greys, sharpen: float, work: Workspace) -> Modules:
    """Modules from their greys with the ring (rows + 2, columns + 2), judged against the light and dark around each; dark = 1.

    sharpen: share of its four neighbours' greys that is taken out of a module, for blurred prints; 0 = none.
    """
    shape = greys.shape[0] - 2, greys.shape[1] - 2
    bits, confidence = np.empty(shape, np.uint8), np.empty(shape, np.float32)
    judge_modules(greys, sharpen, work.array("judged", (9, *shape), np.float32), bits, confidence)
    return Modules(bits, confidence)
