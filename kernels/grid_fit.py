"""A quad and the grid of modules it spans, fitted to the printed edges all over the symbol."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import void

from kernels._jit import array, f32, f64, helper, i64, kernel, pixels
from kernels.edges import grid_edges, projective_fit
from kernels.least_squares import solve_ridge
from kernels.patterns import square_to_quad

STILL = 0.02
"""Largest move of a corner, in modules, with which a fitted quad is left where it is: `bend_grid` takes up what is left."""

SMOOTH_REACH = 4
"""Boundaries to either side that smooth an offset; SMOOTH_WIDTH is the standard deviation of their weights, in boundaries."""
SMOOTH_WIDTH = 1.6


@helper
def _place(h: Any, u: Any, v: Any) -> Any:
    scale = 1.0 / (h[6] * u + h[7] * v + 1.0)
    return (h[0] * u + h[1] * v + h[2]) * scale, (h[3] * u + h[4] * v + h[5]) * scale


@helper
def _spread(quad: Any, h: Any, grid: Any) -> None:
    """The regular grid that a quad spans, corner of the L at the lower left."""
    square_to_quad(quad, h)
    rows, columns = grid.shape[0] - 1, grid.shape[1] - 1
    for r in range(rows + 1):
        for c in range(columns + 1):
            grid[r, c, 0], grid[r, c, 1] = _place(h, c / columns, 1.0 - r / rows)


@helper
def _quantile(histogram: Any, count: Any, share: Any) -> Any:
    """The quantile of greys counted in a histogram, interpolated between neighbours."""
    at = share * (count - 1)
    below = int(at)
    seen = 0
    low = high = -1
    for grey in range(256):
        seen += histogram[grey]
        if low < 0 and seen > below:
            low = grey
        if seen > below + 1 or seen == count:
            high = grey
            break
    return low + (at - below) * (high - low)


@kernel(f64(pixels, array(f64, 3, True)))
def least_difference(picture: Any, grid: Any) -> Any:
    """Grey levels by which neighbouring modules must differ to have an edge between them: a fourth of the range, 4 at least.

    picture: (h, w) uint8. grid: (rows + 1, columns + 1, 2) float64, x and y in pixels. The range is that from the 5 % to
    the 95 % quantile of the greys at the grid's points.
    """
    height, width = picture.shape
    histogram = np.zeros(256, np.int64)
    for r in range(grid.shape[0]):
        for c in range(grid.shape[1]):
            x = min(max(grid[r, c, 0], 0.0), width - 1.0)
            y = min(max(grid[r, c, 1], 0.0), height - 1.0)
            histogram[picture[int(y + 0.5), int(x + 0.5)]] += 1
    count = grid.shape[0] * grid.shape[1]
    return max(4.0, 0.25 * (_quantile(histogram, count, 0.95) - _quantile(histogram, count, 0.05)))


@helper
def _finite(quad: Any) -> bool:
    """Whether a quad is still near a picture; not so for NaN."""
    far = 0.0
    for i in range(4):
        far += abs(quad[i, 0]) + abs(quad[i, 1])
    return far < 1e6


@kernel(i64(pixels, array(f64, 2), i64, array(f64, 3), array(f32, 3), array(f32, 3), array(f64, 1)))
def fit_quad(picture: Any, quad: Any, rounds: Any, grid: Any, across: Any, down: Any, shift: Any) -> Any:
    """Moves a quad to where the edges of its modules lie; returns the edges used in the last round, -1 where there are too few.

    picture: (h, w) uint8. quad: (4, 2) float64, moved in place: x, y in pixels of the corner of the L, the end of its level side,
    the opposite corner, the end of its upright side. rounds: at most so many. grid: (rows + 1, columns + 1, 2) float64 out, the
    regular grid of the moved quad. across, down: out, as of `grid_edges` on this grid. shift: (10,) float64 out, the print growth
    in its last two (modules), 0 before.
    """
    rows, columns = grid.shape[0] - 1, grid.shape[1] - 1
    normal, right, h = np.zeros((10, 10)), np.zeros(10), np.zeros(8)
    moved = quad.copy()
    shift[:] = 0
    used = 0
    for step in range(rounds):
        _spread(quad, h, grid)
        grid_edges(picture, grid, least_difference(picture, grid), across, down)
        used = projective_fit(across, down, 0.5 if step == 0 else 0.3, shift, normal, right)
        if used < 20:
            return -1
        solve_ridge(normal, right, 0.5)
        shift[8], shift[9] = right[8], right[9]
        largest = 0.0
        for corner in range(4):
            # u and v of the corner from -1 to 1, v downwards; where it is in the unit square of `square_to_quad`.
            at_u = 1.0 if corner in (1, 2) else 0.0
            at_v = 1.0 if corner in (2, 3) else 0.0
            u, v = 2.0 * at_u - 1.0, 1.0 - 2.0 * at_v
            bend = right[6] * u + right[7] * v
            move_u = right[0] + right[1] * u + right[2] * v + u * bend * columns / 2
            move_v = right[3] + right[4] * u + right[5] * v + v * bend * rows / 2
            largest = max(largest, abs(move_u), abs(move_v))
            moved[corner, 0], moved[corner, 1] = _place(h, at_u + move_u / columns, at_v - move_v / rows)
        if largest < STILL:
            return used  # the edges are measured where the quad is: it stays there
        for corner in range(4):
            quad[corner, 0], quad[corner, 1] = moved[corner, 0], moved[corner, 1]
        if not _finite(quad):
            return -1
    _spread(quad, h, grid)
    grid_edges(picture, grid, least_difference(picture, grid), across, down)
    return used


@helper
def _smoothed(edges: Any, growth: Any, weights: Any, out: Any) -> None:
    """Offsets, growth taken out, as weighted means over neighbouring boundaries, drawn to 0 where there are few."""
    rows, columns = out.shape
    value, mass = np.empty((rows, columns)), np.empty((rows, columns))
    for r in range(rows):
        for c in range(columns):
            offset = edges[0, r, c] - growth * edges[1, r, c]
            there = edges[0, r, c] < 1.0 and abs(offset) < 0.4
            value[r, c] = offset if there else 0.0
            mass[r, c] = 1.0 if there else 0.0
    # A line of means over rows, its ends repeated, so that the means over columns need no test.
    values, masses = np.empty(columns + 2 * SMOOTH_REACH), np.empty(columns + 2 * SMOOTH_REACH)
    for r in range(rows):
        values[:] = 0.0
        masses[:] = 0.0
        for k in range(-SMOOTH_REACH, SMOOTH_REACH + 1):
            from_row, weight = min(max(r + k, 0), rows - 1), weights[k + SMOOTH_REACH]
            for c in range(columns):
                values[c + SMOOTH_REACH] += weight * value[from_row, c]
            for c in range(columns):
                masses[c + SMOOTH_REACH] += weight * mass[from_row, c]
        for c in range(SMOOTH_REACH):
            values[c], values[columns + SMOOTH_REACH + c] = values[SMOOTH_REACH], values[columns + SMOOTH_REACH - 1]
            masses[c], masses[columns + SMOOTH_REACH + c] = masses[SMOOTH_REACH], masses[columns + SMOOTH_REACH - 1]
        for c in range(columns):
            total, there = 0.0, 0.15
            for k in range(2 * SMOOTH_REACH + 1):
                total += weights[k] * values[c + k]
                there += weights[k] * masses[c + k]
            out[r, c] = total / there


@helper
def _moved(grid: Any, right: Any, below: Any, r: Any, c: Any, before_c: Any, after_c: Any, out: Any) -> None:
    """A corner of a grid moved by the means of the offsets beside it; before_c, after_c: its neighbours in its row."""
    rows, columns = grid.shape[0] - 1, grid.shape[1] - 1
    before_r, after_r = max(r - 1, 0), min(r + 1, rows)
    move_u = 0.5 * (right[before_r, c] + right[min(r, rows - 1), c])
    move_v = 0.5 * (below[r, before_c] + below[r, min(c, columns - 1)])
    for axis in range(2):
        unit_u = (grid[r, after_c, axis] - grid[r, before_c, axis]) / (after_c - before_c)
        unit_v = (grid[after_r, c, axis] - grid[before_r, c, axis]) / (after_r - before_r)
        out[r, c, axis] = grid[r, c, axis] + move_u * unit_u + move_v * unit_v


@kernel(void(array(f64, 3), array(f32, 3), array(f32, 3), array(f64, 1), array(f64, 3)))
def bend_grid(grid: Any, across: Any, down: Any, shift: Any, out: Any) -> None:
    """A grid moved to where the edges lie locally: each corner by the weighted mean of the offsets around it.

    grid, across, down, shift: as from `fit_quad`. out: (rows + 1, columns + 1, 2) float64.
    """
    rows, columns = grid.shape[0] - 1, grid.shape[1] - 1
    weights = np.empty(2 * SMOOTH_REACH + 1)
    for k in range(-SMOOTH_REACH, SMOOTH_REACH + 1):
        weights[k + SMOOTH_REACH] = np.exp(-0.5 * (k / SMOOTH_WIDTH) ** 2)
    weights /= weights.sum()
    right, below = np.empty((rows, columns + 1)), np.empty((rows + 1, columns))
    _smoothed(across, shift[8], weights, right)
    _smoothed(down, shift[9], weights, below)
    for r in range(rows + 1):
        _moved(grid, right, below, r, 0, 0, 1, out)
        for c in range(1, columns):
            _moved(grid, right, below, r, c, c - 1, c + 1, out)
        _moved(grid, right, below, r, columns, columns - 1, columns, out)
