"""Where edges are and which way they run, block by block; and where exactly they cross a grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import void

from kernels._jit import array, f32, f64, helper, i64, kernel, pixels
from kernels.sampling import bilinear, grid_point

BLOCK = 8
"""Side of a block, in pixels of the picture given."""


@kernel(void(pixels, array(f32, 2), array(f32, 3)))
def block_gradients(picture: Any, sums: Any, out: Any) -> Any:
    """Gradient energy of each 8x8 block and its second circular harmonic.

    picture: (h, w) uint8. sums: (3, w) float32 scratch. out: (5, h // 8, w // 8) float32, the first three written: sums over the
    block of m^2, m^2 cos 2a, m^2 sin 2a, with m and a the length and angle of the central difference.
    Two perpendicular directions cancel in the second harmonic.
    """
    height, width = picture.shape
    for block_row in range(out.shape[1]):
        sums[:] = 0
        energy, even, odd = sums[0, 1:], sums[1, 1:], sums[2, 1:]
        for y in range(max(1, block_row * BLOCK), min(height - 1, block_row * BLOCK + BLOCK)):
            # Slices from 0, so that the compiler takes sixteen columns at a time.
            left, right = picture[y, : width - 2], picture[y, 2:]
            above, below = picture[y - 1, 1 : width - 1], picture[y + 1, 1 : width - 1]
            for x in range(width - 2):
                gx, gy = f32(right[x]) - f32(left[x]), f32(below[x]) - f32(above[x])
                xx, yy = gx * gx, gy * gy
                energy[x] += xx + yy
                even[x] += xx - yy
                odd[x] += f32(2) * gx * gy
        for harmonic in range(3):
            for block_column in range(out.shape[2]):
                s = sums[harmonic, block_column * BLOCK : block_column * BLOCK + BLOCK]
                # Whole numbers below 2^24, so exact in any order; a chain of eight would wait for each sum.
                out[harmonic, block_row, block_column] = ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]))


@kernel(void(pixels, array(f32, 2), f64, array(f32, 3)))
def fourth_harmonic(picture: Any, both: Any, least: Any, out: Any) -> Any:
    """The fourth circular harmonic of the gradients of each 8x8 block of enough energy, 0 elsewhere.

    picture, out: as of `block_gradients`; out[3] and out[4] are written, sums of m^2 cos 4a, m^2 sin 4a: two perpendicular
    directions add up in it. both: (h // 8, w // 8) float32, the map that must reach `least`.
    """
    height, width = picture.shape
    cosines, sines = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    for block_row in range(out.shape[1]):
        for block_column in range(out.shape[2]):
            cosines[:] = 0
            sines[:] = 0
            if both[block_row, block_column] >= least:
                # The picture's first and last column have no neighbour on one side.
                first, last = max(1, block_column * BLOCK), min(width - 1, block_column * BLOCK + BLOCK)
                for y in range(max(1, block_row * BLOCK), min(height - 1, block_row * BLOCK + BLOCK)):
                    left, right = picture[y, first - 1 : last - 1], picture[y, first + 1 : last + 1]
                    above, below = picture[y - 1, first:last], picture[y + 1, first:last]
                    for x in range(last - first):
                        gx, gy = f32(right[x]) - f32(left[x]), f32(below[x]) - f32(above[x])
                        a, b = gx * gx - gy * gy, f32(2) * gx * gy
                        inverse = f32(1) / (gx * gx + gy * gy + f32(1e-3))
                        cosines[x] += (a * a - b * b) * inverse
                        sines[x] += f32(2) * a * b * inverse
            cosine = sine = f32(0)
            for x in range(BLOCK):
                cosine += cosines[x]
                sine += sines[x]
            out[3, block_row, block_column] = cosine
            out[4, block_row, block_column] = sine


@helper
def _crossing(picture: Any, ax: Any, ay: Any, bx: Any, by: Any, least: Any) -> Any:
    """Where the grey between the points a and b passes their mean, as -0.5 .. 0.5 of the way from the middle; 9 = nowhere."""
    first = bilinear(picture, ax, ay)
    last = bilinear(picture, bx, by)
    if abs(last - first) < least:
        return 9.0, 0.0
    middle = 0.5 * (first + last)
    sign = 1.0 if last > first else -1.0
    best = 9.0
    before = first
    for step in range(1, 9):
        t = step / 8.0
        value = bilinear(picture, ax + (bx - ax) * t, ay + (by - ay) * t)
        if (value - middle) * sign >= 0 and (before - middle) * sign < 0:
            cross = (step - 1 + (middle - before) / (value - before)) / 8.0 - 0.5
            if abs(cross) < abs(best):
                best = cross
        before = value
    return best, sign


@kernel(void(pixels, array(f64, 3, True), f64, array(f32, 3), array(f32, 3)))
def grid_edges(picture: Any, grid: Any, least: Any, across: Any, down: Any) -> Any:
    """Where the printed edges lie relative to the grid's lines.

    picture: (h, w) uint8. grid: (rows + 1, columns + 1, 2) float64, module corners x, y in pixels. least: grey levels
    by which two neighbouring module centres must differ. across: (2, rows, columns + 1) float32 out: at each vertical
    boundary the offset of the edge to the right, in modules (9 = no edge), and its sign (+1 = brighter to the right).
    down: (2, rows + 1, columns) float32 out, the same for horizontal boundaries, downwards. Outer boundaries included.
    """
    rows = grid.shape[0] - 1
    columns = grid.shape[1] - 1
    for r in range(rows):
        for c in range(columns + 1):
            ax, ay = grid_point(grid, r + 0.5, c - 0.5)
            bx, by = grid_point(grid, r + 0.5, c + 0.5)
            offset, sign = _crossing(picture, ax, ay, bx, by, least)
            across[0, r, c] = offset
            across[1, r, c] = sign
    for r in range(rows + 1):
        for c in range(columns):
            ax, ay = grid_point(grid, r - 0.5, c + 0.5)
            bx, by = grid_point(grid, r + 0.5, c + 0.5)
            offset, sign = _crossing(picture, ax, ay, bx, by, least)
            down[0, r, c] = offset
            down[1, r, c] = sign


@helper
def _add(normal: Any, right: Any, row: Any, used: Any, value: Any) -> Any:
    """Adds an equation, whose unknowns are those `used` (rising) alone, to the upper half of the normal equations."""
    for i in range(6):
        right[used[i]] += row[used[i]] * value
        for j in range(i, 6):
            normal[used[i], used[j]] += row[used[i]] * row[used[j]]


@helper
def _dot(row: Any, before: Any, used: Any) -> Any:
    total = 0.0
    for i in range(6):
        total += row[used[i]] * before[used[i]]
    return total


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
    normal[:] = 0
    right[:] = 0
    used = 0
    in_across, in_down = (0, 1, 2, 6, 7, 8), (3, 4, 5, 6, 7, 9)
    # u and v measure half a symbol: the g, h terms are scaled to modules of each axis so that one pair serves both.
    for r in range(rows):
        v = (2.0 * r + 1.0) / rows - 1.0
        for c in range(columns + 1):
            if across[0, r, c] > 1.0:
                continue
            u = 2.0 * c / columns - 1.0
            row[0] = 1.0
            row[1] = u
            row[2] = v
            row[6] = u * u * columns * 0.5
            row[7] = u * v * columns * 0.5
            row[8] = across[1, r, c]
            if abs(across[0, r, c] - _dot(row, before, in_across)) < reach:
                _add(normal, right, row, in_across, across[0, r, c])
                used += 1
    for r in range(rows + 1):
        v = 2.0 * r / rows - 1.0
        for c in range(columns):
            if down[0, r, c] > 1.0:
                continue
            u = (2.0 * c + 1.0) / columns - 1.0
            row[3] = 1.0
            row[4] = u
            row[5] = v
            row[6] = u * v * rows * 0.5
            row[7] = v * v * rows * 0.5
            row[9] = down[1, r, c]
            if abs(down[0, r, c] - _dot(row, before, in_down)) < reach:
                _add(normal, right, row, in_down, down[0, r, c])
                used += 1
    for i in range(10):
        for j in range(i):
            normal[i, j] = normal[j, i]
    return used
