"""One more symbol like one already read: its four sides near where a region says that they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels._jit import array, boolean, f32, f64, helper, i64, kernel, pixels
from kernels.lines import STRIP, consistency, fitted_line, strip_edges, strip_edges_down
from kernels.sampling import turn_upright

LEAN_MOST = 0.06
"""Largest slope of a side against the axes of its patch: the error of the region's angle and perspective."""

LENGTH_WITHIN = 0.06
"""How far a side may be longer or shorter than the one it is like, as a share of it."""

DASHED_WEIGHT = 0.6
"""What an edge along a dashed side counts for, beside one along a solid side: half of it is there, whatever its sharpness."""

SIDES_LEAST = 0.5
"""Mean consistency of a solid side and the dashed one across, together, below which nothing is there."""


@helper
def _two_sides(strips: Any, mean: Any, length: Any, sign: Any, dashed: Any, out: Any) -> Any:
    """The solid side and the dashed one across from it, of the strips of a patch; whether they are there.

    strips: (n, places) float32. sign: of the solid side's edge, +1 brighter behind. dashed: +1 where the dashed side lies behind
    the solid one, -1 before it, `length` places away. out: (2, 2) float64: place at the patch's first line, slope; of both sides.
    """
    count, places = strips.shape
    edges, totals = np.empty((count, places), np.float32), np.empty(places, np.float32)
    consistency(strips, 0.5 * mean + 0.5, edges)
    # The first and the last strip lie beside the symbol.
    first, last = 1, count - 1
    middle = 0.5 * (count - 1)
    steps = int(np.ceil(LEAN_MOST * STRIP * count / 2))
    reach = int(np.ceil(LENGTH_WITHIN * length))
    best, best_at, best_across, best_slope = f32(0), -1, 0, 0.0
    for step in range(-steps, steps + 1):
        slope = LEAN_MOST * STRIP * step / steps
        totals[:] = 0
        for k in range(first, last):
            shift = round(slope * (k - middle))
            low, high = max(0, -shift), min(places, places - shift)
            line, sum_of = edges[k, low + shift : high + shift], totals[low:high]
            for x in range(high - low):
                sum_of[x] += line[x]
        for x in range(places):
            value = f32(sign) * totals[x]
            if value <= f32(0):
                continue
            for off in range(-reach, reach + 1):
                across = x + dashed * (length + off)
                if across < 0 or across >= places:
                    continue
                both = value - f32(DASHED_WEIGHT * sign) * totals[across]
                if both > best:
                    best, best_at, best_across, best_slope = both, x, across, slope
    if best_at < 0 or best < SIDES_LEAST * (last - first):
        return False
    for side in range(2):
        at, edge = (best_at, sign) if side == 0 else (best_across, -sign)
        out[side, 0], out[side, 1], _ = fitted_line(strips, first, last, at, best_slope, edge)
    return True


@kernel(boolean(pixels, array(f64, 1), array(f32, 2), i64, i64, f64, array(f64, 2)))
def find_alike(level: Any, place: Any, patch: Any, wide: Any, tall: Any, light: Any, out: Any) -> Any:
    """The outline of a symbol whose sizes and turn are known nearly: whether it is there.

    level, place: as of `find_finders`; the patch's rows run along the level side of the finder, its corner at their beginning, at
    the end of the patch's columns. patch: (rows, columns) float32 scratch, at least 3 strips of 8 either way. wide, tall: length of
    the level and of the upright side, in patch pixels. light: +1 dark finder, -1 light one. out: (4, 2) float64, x and y in the
    frame of the corner of the L, the end of its level side, the opposite corner, the end of its upright side.
    """
    rows, columns = patch.shape
    x0, y0, right_x, right_y, scale = place[0], place[1], place[2], place[3], place[4]
    turn_upright(level, x0, y0, right_x, right_y, -right_y, right_x, patch)
    x0, y0 = x0 * scale + 0.5 * (scale - 1.0), y0 * scale + 0.5 * (scale - 1.0)
    right_x, right_y = right_x * scale, right_y * scale
    uprights, levels = np.empty((2, 2)), np.empty((2, 2))
    strips = np.empty((rows // STRIP, columns), np.float32)
    mean = strip_edges(patch, strips)
    if not _two_sides(strips, mean, wide, -light, i64(1), uprights):  # literals would have it compiled twice
        return False
    strips = np.empty((columns // STRIP, rows), np.float32)
    mean = strip_edges_down(patch, strips)
    if not _two_sides(strips, mean, tall, light, i64(-1), levels):
        return False
    for corner in range(4):
        upright, flat = uprights[1 if corner in (1, 2) else 0], levels[1 if corner in (2, 3) else 0]
        # x = ux + us y; y = ly + ls x
        i = (upright[0] + upright[1] * flat[0]) / (1.0 - upright[1] * flat[1])
        j = flat[0] + flat[1] * i
        out[corner, 0] = x0 + i * right_x - j * right_y
        out[corner, 1] = y0 + i * right_y + j * right_x
    return True
