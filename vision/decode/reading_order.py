"""In which order several symbols of a frame are read: as print is, line by line."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vision.types import Modules, Reading, Symbol

Found = tuple[Symbol, Modules, Reading | None]
"""A symbol, its modules, what was read of it."""

LINES_OF, CLEARER = 6, 1.2
"""Symbols from which on lines askew are looked for, and how much clearer than level ones they must be."""

SLOPES = tuple(step / 200 for step in range(-36, 37))
"""Rises of a line that are looked for: 10 degrees each way."""


def in_reading_order(found: list[Found]) -> list[Found]:
    """From top to bottom in lines, from left to right in a line; a line is what lies within half a symbol of its first.

    Lines may be askew: a tray of 8 symbols in a line, turned by 4 degrees, ends half a line lower than it begins.
    """
    if len(found) < 2:
        return found
    corners = np.array([symbol.corners for symbol, _, _ in found])
    centres = corners.mean(axis=1)
    reaches, heights = (np.ptp(corners[:, :, 1], axis=1) / 2).tolist(), (centres[:, 1] - _slope(centres) * centres[:, 0]).tolist()
    across = centres[:, 0].tolist()
    rest = sorted(range(len(found)), key=lambda index: (heights[index], across[index]))
    ordered: list[int] = []
    while rest:
        limit = heights[rest[0]] + reaches[rest[0]]
        line = [index for index in rest if heights[index] <= limit]
        rest = [index for index in rest if heights[index] > limit]
        ordered += sorted(line, key=lambda index: across[index])
    return [found[index] for index in ordered]


def _slope(centres: npt.NDArray[np.float64]) -> float:
    """Rise of the lines that symbols stand in, 0 where they are too few or stand in none.

    Along the right slope heights come in few clusters, far from each other: the sum of their gaps' squares is largest.
    """
    if len(centres) < LINES_OF:
        return 0.0
    heights = np.sort(centres[:, 1] - np.asarray(SLOPES)[:, np.newaxis] * centres[:, 0], axis=1)
    apart = (np.diff(heights, axis=1) ** 2).sum(axis=1) / np.maximum(np.ptp(heights, axis=1), 1e-9) ** 2
    best = int(apart.argmax())
    return SLOPES[best] if apart[best] > CLEARER * apart[len(SLOPES) // 2] else 0.0
