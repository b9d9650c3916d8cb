"""Slow twins of kernels/aperture.py, written from ISO/IEC 15415: a mean over a round aperture, extremes over an area."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
FINE = 48


def disc_mean(image: npt.NDArray[np.uint8], x: float, y: float, diameter: float) -> float:
    """Mean grey over a disc centred at x, y: every pixel by the share of its FINE x FINE points that lie in the disc."""
    reach = int(np.ceil(diameter / 2)) + 1
    column, row = round(x), round(y)
    offsets = (np.arange(FINE) + 0.5) / FINE - 0.5
    total, weight = 0.0, 0.0
    for r in range(row - reach, row + reach + 1):
        for c in range(column - reach, column + reach + 1):
            dy, dx = r + offsets[:, np.newaxis] - y, c + offsets[np.newaxis, :] - x
            share = float((dx * dx + dy * dy <= (diameter / 2) ** 2).mean())
            grey = image[min(max(r, 0), image.shape[0] - 1), min(max(c, 0), image.shape[1] - 1)]
            total += share * float(grey)
            weight += share
    return total / weight


def inside(polygon: Floats, x: float, y: float) -> bool:
    """Whether a point lies in a convex polygon: on the same side of all its sides."""
    following = np.roll(polygon, -1, axis=0)
    side = (following[:, 0] - polygon[:, 0]) * (y - polygon[:, 1]) - (following[:, 1] - polygon[:, 1]) * (x - polygon[:, 0])
    return bool((side >= -1e-9).all() or (side <= 1e-9).all())


def extremes(values: Floats, polygon: Floats) -> tuple[float, float]:
    """Lowest and highest of the values whose pixel centres lie in the polygon."""
    rows, columns = values.shape
    seen = [values[r, c] for r in range(rows) for c in range(columns) if inside(polygon, c, r)]
    return min(seen), max(seen)
