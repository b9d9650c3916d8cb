"""Greys at places between pixels: patches turned upright, module grids, profiles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import void

from kernels._jit import array, f32, f64, helper, i64, kernel, pixels


@helper
def bilinear(picture: Any, x: Any, y: Any) -> Any:
    """The grey at (x, y), pixel centres at integers; outside, the nearest pixel's."""
    height, width = picture.shape
    x = min(max(x, 0.0), width - 1.0)
    y = min(max(y, 0.0), height - 1.0)
    left = int(x)
    top = int(y)
    right = min(left + 1, width - 1)
    bottom = min(top + 1, height - 1)
    fx = x - left
    fy = y - top
    above = picture[top, left] + fx * (float(picture[top, right]) - picture[top, left])
    below = picture[bottom, left] + fx * (float(picture[bottom, right]) - picture[bottom, left])
    return above + fy * (below - above)


@helper
def grid_point(grid: Any, row: Any, column: Any) -> Any:
    """The place (x, y) of the grid coordinate (row, column): linear inside a module, continued outside the symbol."""
    r = min(max(int(row), 0), grid.shape[0] - 2)
    c = min(max(int(column), 0), grid.shape[1] - 2)
    fr = row - r
    fc = column - c
    x = (grid[r, c, 0] * (1 - fc) + grid[r, c + 1, 0] * fc) * (1 - fr) + (
        grid[r + 1, c, 0] * (1 - fc) + grid[r + 1, c + 1, 0] * fc
    ) * fr
    y = (grid[r, c, 1] * (1 - fc) + grid[r, c + 1, 1] * fc) * (1 - fr) + (
        grid[r + 1, c, 1] * (1 - fc) + grid[r + 1, c + 1, 1] * fc
    ) * fr
    return x, y


@kernel(void(pixels, f64, f64, f64, f64, f64, f64, array(f32, 2)))
def turn_upright(picture: Any, x0: Any, y0: Any, right_x: Any, right_y: Any, down_x: Any, down_y: Any, out: Any) -> Any:
    """A patch of the picture along two axes: out[j, i] = grey at (x0, y0) + i (right_x, right_y) + j (down_x, down_y).

    picture: (h, w) uint8; out: (rows, columns) float32; places in pixels, rounded down to 1/256, outside the nearest pixel's grey.
    """
    height, width = picture.shape
    flat = picture.ravel()
    columns = out.shape[1]
    # Whole numbers of 1/65536 pixel: 80 us for a patch of 160x160, with float32 places 134 us.
    one = 65536.0
    step_x, step_y = np.int64(round(right_x * one)), np.int64(round(right_y * one))
    for j in range(out.shape[0]):
        x, y = x0 + j * down_x, y0 + j * down_y
        end_x, end_y = x + columns * right_x, y + columns * right_y
        if min(x, end_x) >= 0.0 and max(x, end_x) < width - 2 and min(y, end_y) >= 0.0 and max(y, end_y) < height - 2:
            # A line of the patch inside the picture needs no clamping.
            at_x, at_y = np.int64(x * one), np.int64(y * one)
            for i in range(columns):
                at = (at_y >> 16) * width + (at_x >> 16)
                fx, fy = (at_x >> 8) & 255, (at_y >> 8) & 255
                above = (np.int64(flat[at]) << 8) + fx * (np.int64(flat[at + 1]) - np.int64(flat[at]))
                below = (np.int64(flat[at + width]) << 8) + fx * (np.int64(flat[at + width + 1]) - np.int64(flat[at + width]))
                out[j, i] = f32((above << 8) + fy * (below - above)) * f32(1.0 / 65536.0)
                at_x += step_x
                at_y += step_y
        else:
            for i in range(columns):
                out[j, i] = bilinear(picture, x + i * right_x, y + i * right_y)


@kernel(void(pixels, array(f64, 3, True), f64, i64, array(f32, 2)))
def sample_modules(picture: Any, grid: Any, aperture: Any, points: Any, out: Any) -> Any:
    """Mean grey of each module and of the ring of modules around the symbol.

    picture: (h, w) uint8. grid: (rows + 1, columns + 1, 2) float64, module corners x, y in pixels. aperture: side of the square
    that is averaged, in modules. points: places per side of it. out: (rows + 2, columns + 2) float32, the ring outermost.
    """
    step = aperture / points
    first = 0.5 - 0.5 * aperture + 0.5 * step
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            total = 0.0
            for i in range(points):
                for j in range(points):
                    x, y = grid_point(grid, r - 1 + first + i * step, c - 1 + first + j * step)
                    total += bilinear(picture, x, y)
            out[r, c] = total / (points * points)


@kernel(void(pixels, f64, f64, f64, f64, f64, f64, i64, array(f32, 1)))
def edge_profile(picture: Any, x0: Any, y0: Any, along_x: Any, along_y: Any, down_x: Any, down_y: Any, lines: Any, out: Any) -> Any:
    """Edge energy along an axis, summed over parallel lines: where grid lines lie across the axis.

    picture: (h, w) uint8. out: (n,) float32: entry i is the sum over `lines` lines of the squared difference of the greys
    half a step before and after (x0, y0) + i along + j down; along, down: one step in pixels.
    """
    out[:] = 0
    for j in range(lines):
        x = x0 + j * down_x - 0.5 * along_x
        y = y0 + j * down_y - 0.5 * along_y
        before = bilinear(picture, x, y)
        for i in range(out.size):
            x += along_x
            y += along_y
            value = bilinear(picture, x, y)
            out[i] += (value - before) * (value - before)
            before = value
