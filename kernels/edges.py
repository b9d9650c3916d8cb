"""Where exactly the edges of a picture cross a grid, and the shift that explains it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import void

from kernels._jit import array, f32, f64, helper, i64, kernel, pixels
from kernels.sampling import APART, BATCH, greys_at, greys_scratch


@helper
def _centres(picture: Any, grid: Any, scratch: Any, out: Any) -> None:
    """Places x, y and greys of the modules' centres and of the ring around, (3, rows + 2, columns + 2) float64."""
    rows, columns = grid.shape[0] - 1, grid.shape[1] - 1
    # Halfway along each line of the grid first: from these come the centres of the rows above and below.
    lines = np.empty((rows + 1, columns + 2))
    for axis in range(2):
        for r in range(rows + 1):
            for c in range(columns):
                lines[r, c + 1] = grid[r, c, axis] * 0.5 + grid[r, c + 1, axis] * 0.5
            # Linear inside a module, continued outside the symbol.
            lines[r, 0] = grid[r, 0, axis] * 1.5 + grid[r, 1, axis] * -0.5
            lines[r, columns + 1] = grid[r, columns - 1, axis] * -0.5 + grid[r, columns, axis] * 1.5
        for r in range(-1, rows + 1):
            k = min(max(r, 0), rows - 1)
            below = r + 0.5 - k
            for c in range(columns + 2):
                out[axis, r + 1, c] = lines[k, c] * (1.0 - below) + lines[k + 1, c] * below
    x, y, greys = out[0].ravel(), out[1].ravel(), out[2].ravel()
    for start in range(0, x.size, BATCH):
        greys_at(picture, x[start:], y[start:], min(BATCH, x.size - start), scratch, greys[start:])


@helper
def _passages(picture: Any, centres: Any, next_on: Any, begin: Any, count: Any, scratch: Any, ways: Any) -> None:
    """Where on the ways from one centre to the next the grey passes the mean of both, from -0.5 to 0.5, and +1 where it is brighter
    at the end, -1 where darker; left in ways[0] and ways[5].

    centres: as of `_centres`. next_on: places from a centre to the next. begin: (count,) int32, the centre that each begins at.
    ways: (12, BATCH or more) scratch. Three halvings, each towards the passage nearest to the middle, then a straight line.
    """
    flat = centres.reshape((3, centres.shape[1] * centres.shape[2]))
    for i in range(count):
        at = np.uint64(begin[i])
        end = np.uint64(begin[i] + next_on)
        ways[0, i], ways[1, i] = flat[0, at], flat[1, at]
        ways[2, i], ways[3, i] = flat[0, end] - flat[0, at], flat[1, end] - flat[1, at]
        ways[4, i], ways[5, i] = flat[2, at], flat[2, end]
    for i in range(count):
        first, last = ways[4, i], ways[5, i]
        middle = 0.5 * (first + last)
        sign = 1.0 if last > first else -1.0
        ways[4, i], ways[5, i], ways[6, i] = middle, sign, 0.0
        ways[7, i], ways[8, i] = (first - middle) * sign, (last - middle) * sign
    half = 0.5
    for _ in range(3):
        for i in range(count):
            t = ways[6, i] + half
            ways[9, i], ways[10, i] = ways[0, i] + ways[2, i] * t, ways[1, i] + ways[3, i] * t
        greys_at(picture, ways[9], ways[10], count, scratch, ways[11])
        for i in range(count):
            value = (ways[11, i] - ways[4, i]) * ways[5, i]
            near = value >= 0.0
            ways[6, i] = ways[6, i] if near else ways[6, i] + half
            ways[7, i] = ways[7, i] if near else value
            ways[8, i] = value if near else ways[8, i]
        half *= 0.5
    for i in range(count):
        ways[0, i] = ways[6, i] - ways[7, i] * (2.0 * half) / (ways[8, i] - ways[7, i]) - 0.5


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
    # Each centre is looked at once, not by each of its four boundaries; boundaries with an edge are gathered and measured many at a
    # time, without a branch that no processor can foresee: 12 to 21 us for 20x20 before, by how well it did, 9 to 10 us so.
    centres = np.empty((3, grid.shape[0] + 1, grid.shape[1] + 1))
    scratch, ways = greys_scratch(), np.empty((12, BATCH + APART))
    begin, which = np.empty(BATCH, np.int32), np.empty(BATCH, np.int32)
    _centres(picture, grid, scratch, centres)
    greys, wide = centres[2].ravel(), centres.shape[2]
    there = np.empty(greys.size, np.uint8)
    for direction in range(2):
        out = across if direction == 0 else down
        next_on = 1 if direction == 0 else wide
        edges, signs = out[0].ravel(), out[1].ravel()
        edges[:] = 9.0
        signs[:] = 0.0
        for k in range(greys.size - next_on):
            there[k] = 0 if abs(greys[np.uint64(k + next_on)] - greys[k]) < least else 1
        count = 0
        for i in range(out.shape[1]):
            line, first = (i + 1) * wide if direction == 0 else i * wide + 1, i * out.shape[2]
            for j in range(out.shape[2]):
                begin[count], which[count] = line + j, first + j
                count += there[np.uint64(line + j)]
            if count + out.shape[2] < BATCH and i + 1 < out.shape[1]:
                continue
            # A multiple of 16 at once leaves no rest for the loops: the last ways are any.
            for k in range(count, (count + 15) // 16 * 16):
                begin[k] = line
            _passages(picture, centres, next_on, begin, (count + 15) // 16 * 16, scratch, ways)
            for k in range(count):
                at = np.uint64(which[k])
                edges[at], signs[at] = ways[0, k], ways[5, k]
            count = 0


@helper
def _equations(edges: Any, direction: Any, u: Any, v: Any, size: Any, reach: Any, shift: Any, sums: Any) -> Any:
    """Of the edges of one direction the sums of all products of two of the terms 1 u v g h sign, (7, 6), those with the offset in
    the last row; returns the edges used.

    edges: as of `grid_edges`. u: (length,), v: (lines,) of the boundaries. size: modules that u or v of this direction spans.
    shift: (6,), what is expected of the terms.
    """
    length = edges.shape[2]
    g, h, kept = np.empty(length), np.empty(length), np.empty(length, np.int32)
    near = np.empty(length, np.uint8)
    used = 0
    # Each sum in a variable of its own and in the order of the edges; those to be used are told first, by the line, as whether one
    # is cannot be foreseen (7 to 15 us for 20x20 before, 4 us so).
    uu = uv = ug = uh = us = vv = vg = vh = vs = gg = gh = gs = hh = hs = 0.0
    u1 = v1 = g1 = h1 = s1 = o1 = ou = ov = og = oh = os = 0.0
    for r in range(edges.shape[1]):
        y = v[r]
        for c in range(length):
            other = u[c] if direction == 0 else y
            g[c], h[c] = u[c] * other * size * 0.5, y * other * size * 0.5
            offset = edges[0, r, c]
            expected = (
                0.0 + shift[0] + u[c] * shift[1] + y * shift[2] + g[c] * shift[3] + h[c] * shift[4] + edges[1, r, c] * shift[5]
            )
            near[c] = 0 if offset > 1.0 or abs(offset - expected) >= reach else 1
        count = 0
        for c in range(length):
            kept[count] = c
            count += near[c]
        used += count
        for i in range(count):
            k = np.uint64(kept[i])
            o, x, p, q, sign = float(edges[0, r, k]), u[k], g[k], h[k], float(edges[1, r, k])
            u1, v1, g1, h1, s1, o1 = u1 + x, v1 + y, g1 + p, h1 + q, s1 + sign, o1 + o
            uu, uv, ug, uh, us, ou = uu + x * x, uv + x * y, ug + x * p, uh + x * q, us + x * sign, ou + o * x
            vv, vg, vh, vs, ov = vv + y * y, vg + y * p, vh + y * q, vs + y * sign, ov + o * y
            gg, gh, gs, og = gg + p * p, gh + p * q, gs + p * sign, og + o * p
            hh, hs, oh, os = hh + q * q, hs + q * sign, oh + o * q, os + o * sign
    count_1 = float(used)
    sums[0, 0], sums[0, 1], sums[0, 2], sums[0, 3], sums[0, 4], sums[0, 5] = count_1, u1, v1, g1, h1, s1
    sums[1, 1], sums[1, 2], sums[1, 3], sums[1, 4], sums[1, 5] = uu, uv, ug, uh, us
    sums[2, 2], sums[2, 3], sums[2, 4], sums[2, 5] = vv, vg, vh, vs
    sums[3, 3], sums[3, 4], sums[3, 5], sums[4, 4], sums[4, 5], sums[5, 5] = gg, gh, gs, hh, hs, count_1
    for i in range(6):
        for j in range(i):
            sums[i, j] = sums[j, i]
    sums[6, 0], sums[6, 1], sums[6, 2], sums[6, 3], sums[6, 4], sums[6, 5] = o1, ou, ov, og, oh, os
    return used


@kernel(i64(array(f32, 3), array(f32, 3), f64, array(f64, 1), array(f64, 2), array(f64, 1)))
def projective_fit(across: Any, down: Any, reach: Any, before: Any, normal: Any, right: Any) -> Any:
    """Normal equations of the small projective shift that explains the offsets of `grid_edges`; returns the edges used.

    across, down: as from `grid_edges`. reach: offsets further than this from the shift `before` (10,) are left out.
    normal: (10, 10), right: (10,) out. Unknowns: shift right a0 + a1 u + a2 v + u (g u + h v), down
    b0 + b1 u + b2 v + v (g u + h v), u and v from -1 to 1 over the symbol, in the order a0 a1 a2 b0 b1 b2 g h; then the print
    growth that moves edges by their sign, right and down. Offsets in modules.
    """
    rows, columns = across.shape[1], down.shape[2]
    # Of the equations of both directions, six unknowns each: the normal matrix, its right side in the last row.
    sums, shift = np.empty((2, 7, 6)), np.empty((2, 6))
    in_across, in_down = (0, 1, 2, 6, 7, 8), (3, 4, 5, 6, 7, 9)
    for k in range(6):
        shift[0, k], shift[1, k] = before[in_across[k]], before[in_down[k]]
    # u and v measure half a symbol: the g, h terms are scaled to modules of each axis so that one pair serves both.
    u, v, between_u, between_v = np.empty(columns + 1), np.empty(rows + 1), np.empty(columns), np.empty(rows)
    for c in range(columns + 1):
        u[c] = 2.0 * c / columns - 1.0
    for c in range(columns):
        between_u[c] = (2.0 * c + 1.0) / columns - 1.0
    for r in range(rows + 1):
        v[r] = 2.0 * r / rows - 1.0
    for r in range(rows):
        between_v[r] = (2.0 * r + 1.0) / rows - 1.0
    used = _equations(across, i64(0), u, between_v, columns, reach, shift[0], sums[0])
    used += _equations(down, i64(1), between_u, v, rows, reach, shift[1], sums[1])
    normal[:] = 0
    right[:] = 0
    for i in range(6):
        for j in range(6):
            normal[in_across[i], in_across[j]] += sums[0, i, j]
            normal[in_down[i], in_down[j]] += sums[1, i, j]
        right[in_across[i]] += sums[0, 6, i]
        right[in_down[i]] += sums[1, 6, i]
    return used
