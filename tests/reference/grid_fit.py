"""Greys range, local threshold, smoothed offsets and boxes in plain Python, as the decoder's kernels must give them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tests.reference.decode_pictures import bilinear

Array = npt.NDArray[np.float64]


def least_difference(picture: npt.NDArray[np.uint8], grid: Array) -> float:
    """A fourth of the range between the 5 % and the 95 % quantile of the greys nearest to the grid's points; 4 at least."""
    greys = []
    for x, y in grid.reshape(-1, 2):
        column = min(max(round(float(x)), 0), picture.shape[1] - 1)
        row = min(max(round(float(y)), 0), picture.shape[0] - 1)
        greys.append(int(picture[row, column]))
    low, high = np.percentile(greys, (5, 95))
    return max(4.0, (high - low) / 4)


def local_threshold(greys: Array) -> tuple[Array, Array]:
    """Middle and half distance of the means of light and dark in the 9x9 square around, a fold at the sides; two rounds."""
    rows, columns = greys.shape
    low, high = np.percentile(greys, (10, 90))
    threshold = np.full(greys.shape, (low + high) / 2)
    folded = np.pad(greys, 4, mode="symmetric")
    half = np.empty(greys.shape)
    for _ in range(2):
        limits = np.pad(threshold, 4, mode="symmetric")
        middle = threshold.copy()
        for r in range(rows):
            for c in range(columns):
                around = folded[r : r + 9, c : c + 9]
                dark = around < limits[r : r + 9, c : c + 9]
                # Each colour counts as if a fiftieth of the square more had the quantile's grey.
                mean_dark = (around[dark].sum() / 81 + 0.02 * low) / (dark.mean() + 0.02)
                mean_light = (around[~dark].sum() / 81 + 0.02 * high) / ((~dark).mean() + 0.02)
                middle[r, c] = (mean_dark + mean_light) / 2
                half[r, c] = max((mean_light - mean_dark) / 2, 1.0)
        threshold = middle
    return threshold, half


def smoothed(offset: Array, sign: Array, growth: float) -> Array:
    """Offsets less growth, weighted by a normal curve of width 1.6 over 4 boundaries to either side, drawn to 0."""
    rows, columns = offset.shape
    curve = np.exp(-0.5 * (np.arange(-4, 5) / 1.6) ** 2)
    curve /= curve.sum()
    out = np.empty(offset.shape)
    for r in range(rows):
        for c in range(columns):
            total, there = 0.0, 0.15
            for i in range(-4, 5):
                for j in range(-4, 5):
                    at = min(max(r + i, 0), rows - 1), min(max(c + j, 0), columns - 1)
                    value = offset[at] - growth * sign[at]
                    if offset[at] < 1 and abs(value) < 0.4:
                        total += curve[i + 4] * curve[j + 4] * value
                        there += curve[i + 4] * curve[j + 4]
            out[r, c] = total / there
    return out


def bent(grid: Array, right: Array, below: Array) -> Array:
    """A grid moved by the mean of the offsets beside each corner, along its own directions there."""
    padded_right = np.pad(right, ((1, 1), (0, 0)), mode="edge")
    padded_below = np.pad(below, ((0, 0), (1, 1)), mode="edge")
    move_u = (padded_right[:-1] + padded_right[1:]) / 2
    move_v = (padded_below[:, :-1] + padded_below[:, 1:]) / 2
    return np.asarray(grid + move_u[..., None] * np.gradient(grid, axis=1) + move_v[..., None] * np.gradient(grid, axis=0))


def unlike_boxes(boxes: Array, order: list[int]) -> list[int]:
    """Boxes x, y, width, height without those that differ from one before by less than a sixth of their longer side."""
    kept: list[int] = []
    for index in order:
        reach = 0.16 * max(boxes[index, 2:])
        limits = np.array((1.0, 1.0, 1.3, 1.3)) * reach
        if not any((np.abs(boxes[index] - boxes[other]) < limits).all() for other in kept):
            kept.append(index)
    return kept


def centre(grid: Array, r: int, c: int) -> Array:
    """The middle (x, y) of module (r, c); beyond the symbol that of the module within, continued."""
    k, m = min(max(r, 0), grid.shape[0] - 2), min(max(c, 0), grid.shape[1] - 2)
    v, u = r + 0.5 - k, c + 0.5 - m
    above, below = grid[k, m] * (1 - u) + grid[k, m + 1] * u, grid[k + 1, m] * (1 - u) + grid[k + 1, m + 1] * u
    return np.asarray(above * (1 - v) + below * v)


def edge_between(picture: npt.NDArray[np.uint8], start: Array, end: Array, least: float) -> tuple[float, float]:
    """Where between two centres the grey passes their mean, from -0.5 to 0.5, and the sign; 9 and 0 where they hardly differ."""
    first, last = bilinear(picture, *start), bilinear(picture, *end)
    if abs(last - first) < least:
        return 9.0, 0.0
    sign, middle = (1.0 if last > first else -1.0), (first + last) / 2
    low, high, below, above = 0.0, 1.0, (first - middle) * sign, (last - middle) * sign
    for _ in range(3):
        t = (low + high) / 2
        value = (bilinear(picture, *(start + (end - start) * t)) - middle) * sign
        if value >= 0:
            high, above = t, value
        else:
            low, below = t, value
    return low - below * (high - low) / (above - below) - 0.5, sign


def edges(picture: npt.NDArray[np.uint8], grid: Array, least: float) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Offsets and signs of the edges at the vertical boundaries, (2, rows, columns + 1), and at the horizontal ones."""
    rows, columns = grid.shape[0] - 1, grid.shape[1] - 1
    across, down = np.empty((2, rows, columns + 1), np.float32), np.empty((2, rows + 1, columns), np.float32)
    for r in range(rows):
        for c in range(columns + 1):
            across[:, r, c] = edge_between(picture, centre(grid, r, c - 1), centre(grid, r, c), least)
    for r in range(rows + 1):
        for c in range(columns):
            down[:, r, c] = edge_between(picture, centre(grid, r - 1, c), centre(grid, r, c), least)
    return across, down


def equations(
    across: npt.NDArray[np.float32], down: npt.NDArray[np.float32], reach: float, before: Array
) -> tuple[Array, Array, int]:
    """The normal equations of the projective shift: one row per edge that lies within reach of what is expected."""
    rows, columns = across.shape[1], down.shape[2]
    terms, offsets = [], []
    for direction, found in enumerate((across, down)):
        for r in range(found.shape[1]):
            for c in range(found.shape[2]):
                u, v = (2 * c + direction) / columns - 1, (2 * r + 1 - direction) / rows - 1
                along, size = (u, columns) if direction == 0 else (v, rows)
                row = np.zeros(10)
                row[3 * direction : 3 * direction + 3] = 1, u, v
                row[6:8] = u * along * size / 2, v * along * size / 2
                row[8 + direction] = found[1, r, c]
                if found[0, r, c] <= 1 and abs(found[0, r, c] - row @ before) < reach:
                    terms.append(row)
                    offsets.append(float(found[0, r, c]))
    table = np.array(terms)
    return table.T @ table, table.T @ np.array(offsets), len(terms)
