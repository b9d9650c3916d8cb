"""Light or dark: modules judged against those around."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import void

from kernels._jit import array, f32, helper, kernel

REACH = 4
"""Modules to either side that a module is judged against."""


@helper
def _quantile(ordered: Any, share: Any) -> Any:
    """The quantile of rising values, interpolated between neighbours."""
    at = share * (ordered.size - 1)
    below = int(at)
    above = min(below + 1, ordered.size - 1)
    return ordered[below] + f32(at - below) * (ordered[above] - ordered[below])


@helper
def _mirrored(at: Any, size: Any) -> Any:
    """An index beyond the end, folded back with the last one repeated."""
    while at < 0 or at >= size:
        at = -1 - at if at < 0 else 2 * size - 1 - at
    return at


@helper
def _box_mean(values: Any, down: Any, out: Any) -> None:
    """Means of the (2 REACH + 1) square around each place, folded back at the sides."""
    rows, columns = values.shape
    for r in range(rows):
        line = down[r]
        line[:] = 0
        for k in range(-REACH, REACH + 1):
            other = values[_mirrored(r + k, rows)]
            for c in range(columns):
                line[c] += other[c]
    share = f32(1.0 / (2 * REACH + 1) ** 2)
    for r in range(rows):
        for c in range(columns):
            total = f32(0)
            if REACH <= c < columns - REACH:
                for k in range(-REACH, REACH + 1):
                    total += down[r, c + k]
            else:
                for k in range(-REACH, REACH + 1):
                    total += down[r, _mirrored(c + k, columns)]
            out[r, c] = total * share


@kernel(void(array(f32, 2), array(f32, 3), array(f32, 2), array(f32, 2)))
def local_threshold(greys: Any, scratch: Any, threshold: Any, half: Any) -> None:
    """The middle between the means of light and of dark modules around each module, and half their distance (1 at least).

    greys: (rows, columns) float32. scratch: (6, rows, columns) float32. threshold, half: out, as greys.
    What is light is told by the 10 % and 90 % quantiles first, then by the threshold that came of it.
    """
    ordered = np.sort(greys.ravel())
    low, high = _quantile(ordered, 0.1), _quantile(ordered, 0.9)
    few = f32(0.02)
    dark, dark_greys, down, count, total_dark, total = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4], scratch[5]
    threshold[:] = f32(0.5) * (low + high)
    _box_mean(greys, down, total)
    for _ in range(2):
        for r in range(greys.shape[0]):
            for c in range(greys.shape[1]):
                dark[r, c] = f32(1) if greys[r, c] < threshold[r, c] else f32(0)
                dark_greys[r, c] = dark[r, c] * greys[r, c]
        _box_mean(dark, down, count)
        _box_mean(dark_greys, down, total_dark)
        for r in range(greys.shape[0]):
            for c in range(greys.shape[1]):
                mean_dark = (total_dark[r, c] + few * low) / (count[r, c] + few)
                mean_light = (total[r, c] - total_dark[r, c] + few * high) / (f32(1) - count[r, c] + few)
                threshold[r, c] = f32(0.5) * (mean_dark + mean_light)
                half[r, c] = max(f32(0.5) * (mean_light - mean_dark), f32(1))
