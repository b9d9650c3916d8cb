"""Where exactly the edges of a picture cross a grid, and the shift that explains it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import void

from kernels._jit import array, f32, f64, helper, i64, kernel, pixels
from kernels.sampling import grey_at


@helper
def _centres(picture: Any, grid: Any, out: Any) -> Any:
    """The places and greys of the modules' centres and of the ring around; whether all lie well inside the picture."""
    rows, columns = grid.shape[0] - 1, grid.shape[1] - 1
    height, width = picture.shape
    inside = True
    for r in range(-1, rows + 1):
        k = min(max(r, 0), rows - 1)
        fr = r + 0.5 - k
        for c in range(-1, columns + 1):
            m = min(max(c, 0), columns - 1)
            fc = c + 0.5 - m
            for axis in range(2):
                above = grid[k, m, axis] * (1 - fc) + grid[k, m + 1, axis] * fc
                below = grid[k + 1, m, axis] * (1 - fc) + grid[k + 1, m + 1, axis] * fc
                out[r + 1, c + 1, axis] = above * (1 - fr) + below * fr
            x, y = out[r + 1, c + 1, 0], out[r + 1, c + 1, 1]
            inside &= x >= 0.0 and y >= 0.0 and x < width - 1.0 and y < height - 1.0
    for r in range(rows + 2):
        for c in range(columns + 2):
            out[r, c, 2] = grey_at(picture, inside, out[r, c, 0], out[r, c, 1])
    return inside


@kernel(void(pixels, array(f64, 3, True), f64, array(f32, 3), array(f32, 3)))
def grid_edges(picture: Any, grid: Any, least: Any, across: Any, down: Any) -> Any:
    """Where the printed edges lie relative to the grid's lines.

    picture: (h, w) uint8. grid: (rows + 1, columns + 1, 2) float64, module corners x, y in pixels. least: grey levels
    by which two neighbouring module centres must differ. across: (2, rows, columns + 1) float32 out: at each vertical
    boundary the offset of the edge to the right, in modules (9 = no edge), and its sign (+1 = brighter to the right).
    down: (2, rows + 1, columns) float32 out, the same for horizontal boundaries, downwards. Outer boundaries included.
    The edge is where the grey passes the mean of both centres: three halvings, each towards the passage nearest to the middle, then
    a straight line.
    """
    rows = grid.shape[0] - 1
    columns = grid.shape[1] - 1
    # Each centre is looked at once, not by each of its four boundaries, and what runs for each boundary stands here and not in a
    # helper that takes the arrays: those count references at each call (57 us for 20x20 before, 12 us so).
    centres = np.empty((rows + 2, columns + 2, 3))
    inside = _centres(picture, grid, centres)
    for direction in range(2):
        out, di, dj = (across, 0, 1) if direction == 0 else (down, 1, 0)
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                # Boundary (i, j) lies between the centres (r, c) and (r + di, c + dj).
                r, c = i + dj, j + di
                first, last = centres[r, c, 2], centres[r + di, c + dj, 2]
                if abs(last - first) < least:
                    out[0, i, j], out[1, i, j] = 9.0, 0.0
                    continue
                x, y = centres[r, c, 0], centres[r, c, 1]
                step_x, step_y = centres[r + di, c + dj, 0] - x, centres[r + di, c + dj, 1] - y
                middle = 0.5 * (first + last)
                sign = 1.0 if last > first else -1.0
                low, high = 0.0, 1.0
                below, above = (first - middle) * sign, (last - middle) * sign
                for _ in range(3):
                    t = 0.5 * (low + high)
                    grey = grey_at(picture, inside, x + step_x * t, y + step_y * t)
                    value = (grey - middle) * sign
                    if value >= 0.0:
                        high, above = t, value
                    else:
                        low, below = t, value
                out[0, i, j], out[1, i, j] = low - below * (high - low) / (above - below) - 0.5, sign


@kernel(i64(array(f32, 3), array(f32, 3), f64, array(f64, 1), array(f64, 1), array(f64, 2), array(f64, 1)))
def projective_fit(across: Any, down: Any, reach: Any, before: Any, row: Any, normal: Any, right: Any) -> Any:
    """Normal equations of the small projective shift that explains the offsets of `grid_edges`; returns the edges used.

    across, down: as from `grid_edges`. reach: offsets further than this from the shift `before` (10,) are left out.
    row: (10,) scratch. normal: (10, 10), right: (10,) out. Unknowns: shift right a0 + a1 u + a2 v + u (g u + h v), down
    b0 + b1 u + b2 v + v (g u + h v), u and v from -1 to 1 over the symbol, in the order a0 a1 a2 b0 b1 b2 g h; then the print
    growth that moves edges by their sign, right and down. Offsets in modules.
    """
    rows = across.shape[1]
    columns = down.shape[2]
    # Of the equations of both directions, six unknowns each: the normal matrix, its right side in the last row.
    sums, shift = np.zeros((2, 7, 6)), np.empty((2, 6))
    in_across, in_down = (0, 1, 2, 6, 7, 8), (3, 4, 5, 6, 7, 9)
    for k in range(6):
        shift[0, k], shift[1, k] = before[in_across[k]], before[in_down[k]]
    used = 0
    row[0] = 1.0
    # u and v measure half a symbol: the g, h terms are scaled to modules of each axis so that one pair serves both.
    # All in one loop body: helpers that took the rows of `sums` counted references at each edge (60 us for 20x20, now 15).
    for direction in range(2):
        edges = across if direction == 0 else down
        for r in range(edges.shape[1]):
            for c in range(edges.shape[2]):
                offset = edges[0, r, c]
                if offset > 1.0:
                    continue
                if direction == 0:
                    u, v = 2.0 * c / columns - 1.0, (2.0 * r + 1.0) / rows - 1.0
                    g, h = u * u * columns * 0.5, u * v * columns * 0.5
                else:
                    u, v = (2.0 * c + 1.0) / columns - 1.0, 2.0 * r / rows - 1.0
                    g, h = u * v * rows * 0.5, v * v * rows * 0.5
                row[1], row[2], row[3], row[4], row[5] = u, v, g, h, edges[1, r, c]
                expected = 0.0
                for i in range(6):
                    expected += row[i] * shift[direction, i]
                if abs(offset - expected) >= reach:
                    continue
                used += 1
                for i in range(6):
                    for j in range(6):
                        sums[direction, i, j] += row[i] * row[j]
                for j in range(6):
                    sums[direction, 6, j] += offset * row[j]
    normal[:] = 0
    right[:] = 0
    for i in range(6):
        for j in range(6):
            normal[in_across[i], in_across[j]] += sums[0, i, j]
            normal[in_down[i], in_down[j]] += sums[1, i, j]
        right[in_across[i]] += sums[0, 6, i]
        right[in_down[i]] += sums[1, 6, i]
    return used
