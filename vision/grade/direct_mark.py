"""Cells of direct part marks, ISO/IEC 29158:2020: the threshold between light and dark cells.

Cell modulation is modulation with two spans, (T - R) / (T - MD) of dark cells and (R - T) / (ML - T) of light ones: levels.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

APERTURES = (0.8, 0.5)
"""Apertures tried, as shares of X; the better grade is kept, the first of equal ones."""


def two_class_threshold(values: Floats) -> float:
    """The threshold that splits values into two classes with the lowest sum of their variances, midway between the classes.

    [open] Taken over the cells' mean greys (not over the picture), the variances not weighted by the classes' sizes.
    values: (n,) float64, n at least 1. Where all are equal, that value.
    """
    ordered = np.sort(values)
    if ordered[0] == ordered[-1]:
        return float(ordered[0])
    # About the first value, so that squares of small differences are summed, one after the other: the same bits everywhere.
    moved = ordered - ordered[0]
    count = np.arange(1, len(moved))
    below, below_squares = np.cumsum(moved)[:-1], np.cumsum(moved * moved)[:-1]
    above, above_squares = np.cumsum(moved[::-1])[:-1][::-1], np.cumsum((moved * moved)[::-1])[:-1][::-1]
    low, high = below / count, above / (len(moved) - count)
    spread = (below_squares / count - low * low) + (above_squares / (len(moved) - count) - high * high)
    # A split between equal values is none.
    spread = np.where(np.diff(ordered) > 0.0, spread, np.inf)
    at = int(np.argmin(spread))
    return float((ordered[at] + ordered[at + 1]) / 2.0)


def mean(values: Floats) -> float:
    """The mean of values, added one after the other: the same bits on every machine."""
    return float(np.cumsum(values)[-1]) / len(values)
