"""Edges between modules: where, between the centres of two neighbours, the print changes colour.

Edges are sought in the reference grey-scale image. No module needs to be known: where two neighbours lie on different sides of the
local half level there is an edge between them. Nothing here knows a limit of a standard; lines through edges are in grid_lines.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels._jit import array, f32, f64, helper, i64, kernel

Singles = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

STEPS = 12
"""Places looked at between two module centres."""

NEIGHBOURHOOD = 5
"""Modules to each side whose darkest and lightest give the local half level."""

ASYMMETRY = 0.17
"""Share of the symbol's range by which the middle of two modules may miss the local half level; an edge's weight falls to 0 there:
a faint module's edge crosses the half level off its place."""

CONTRAST = 0.25
"""Share of the symbol's range by which two modules must differ to have an edge between them."""


@helper
def reference_at(reference: Singles, left: int, top: int, x: float, y: float) -> float:
    """The reference image at x, y, between its pixels; outside it the nearest."""
    x = min(max(x - left, 0.0), reference.shape[1] - 1.001)
    y = min(max(y - top, 0.0), reference.shape[0] - 1.001)
    column, row = int(x), int(y)
    fx, fy = x - column, y - row
    above = reference[row, column] * (1.0 - fx) + reference[row, column + 1] * fx
    below = reference[row + 1, column] * (1.0 - fx) + reference[row + 1, column + 1] * fx
    return float(above * (1.0 - fy) + below * fy)


@helper
def crossing(
    reference: Singles,
    left: int,
    top: int,
    x0: float,
    y0: float,
    x1: float,
    y1: float,
    value0: float,
    value1: float,
    level: float,
) -> float:
    """Where between two module centres the level is crossed, 0 to 1; -1 where it is not crossed just once."""
    place = -1.0
    before = value0 - level
    for step in range(1, STEPS + 1):
        if step == STEPS:
            after = value1 - level
        else:
            share = step / STEPS
            after = reference_at(reference, left, top, x0 + (x1 - x0) * share, y0 + (y1 - y0) * share) - level
        if (before < 0.0) != (after < 0.0):
            if place >= 0.0:
                return -1.0
            place = (step - 1 + before / (before - after)) / STEPS
        before = after
    return place


@helper
def local_levels(centres: Floats, levels: Floats, spread: int) -> float:
    """Half levels between the darkest and lightest centre nearby into levels[:, :, 0]; gives the range over all."""
    rows, columns = levels.shape[0], levels.shape[1]
    # Separable extremes: along rows into [:, :, 1] and [:, :, 2], then down the columns.
    lowest, highest = np.inf, -np.inf
    for r in range(rows):
        for c in range(columns):
            low, high = np.inf, -np.inf
            for k in range(max(0, c - spread), min(columns, c + spread + 1)):
                low = min(low, centres[r, k, 2])
                high = max(high, centres[r, k, 2])
            levels[r, c, 1] = low
            levels[r, c, 2] = high
            lowest = min(lowest, low)
            highest = max(highest, high)
    for r in range(rows):
        for c in range(columns):
            low, high = np.inf, -np.inf
            for k in range(max(0, r - spread), min(rows, r + spread + 1)):
                low = min(low, levels[k, c, 1])
                high = max(high, levels[k, c, 2])
            levels[r, c, 0] = (low + high) / 2
    return highest - lowest


@helper
def colour_at(centres: Floats, levels: Floats, row: int, column: int, inverted: int) -> float:
    """1 where a module has the finder's colour, -1 where not or beyond the quiet zone."""
    if row < 0 or column < 0 or row >= centres.shape[0] or column >= centres.shape[1]:
        return -1.0
    return 1.0 if (centres[row, column, 2] < levels[row, column, 0]) != (inverted == 1) else -1.0


@kernel(i64(array(f32, 2), i64, i64, array(f64, 3), i64, array(f64, 3), array(f64, 3), array(f64, 3), array(f64, 3)))
def module_edges(
    reference: Singles,
    left: int,
    top: int,
    extended: Floats,
    inverted: int,
    centres: Floats,
    levels: Floats,
    across: Floats,
    down: Floats,
) -> int:
    """Fills how far each edge lies from its grid line, in modules; gives the number of edges found.

    reference: (h, w) float32 at image position left, top. extended: (rows + 3, columns + 3, 2) float64 corners, ring included.
    inverted: 1 where the finder is light. centres: (rows + 2, columns + 2, 3) and levels: same shape, float64 scratch.
    across: (columns + 1, rows, 5) float64: [line, row] = offset to the right of that vertical grid line (nan = no edge); sign: +1
        where the finder's colour lies to its left, -1 where to its right; sign times the mean colour (finder's 1, other -1) of
        the four modules beside the two, and of the two modules beyond them (growth and blur move the edge with these); weight.
    down: (rows + 1, columns, 5) float64: the same for horizontal lines, offset downward, +1 where the finder's colour lies above.
    """
    rows, columns = extended.shape[0] - 3, extended.shape[1] - 3
    for r in range(rows + 2):
        for c in range(columns + 2):
            for k in range(2):
                centres[r, c, k] = (
                    extended[r, c, k] + extended[r, c + 1, k] + extended[r + 1, c, k] + extended[r + 1, c + 1, k]
                ) / 4
            centres[r, c, 2] = reference_at(reference, left, top, centres[r, c, 0], centres[r, c, 1])
    least = local_levels(centres, levels, NEIGHBOURHOOD) * CONTRAST
    found = 0
    for direction in range(2):
        lines = columns + 1 if direction == 0 else rows + 1
        places = rows if direction == 0 else columns
        dr, dc = (0, 1) if direction == 0 else (1, 0)
        out = across if direction == 0 else down
        for line in range(lines):
            for place in range(places):
                # Module a lies before the line, b after it; the line between them runs from b's corner to q.
                ra, ca = (place + 1, line) if direction == 0 else (line, place + 1)
                rb, cb = ra + dr, ca + dc
                rq, cq = rb + dc, cb + dr
                out[line, place, 0] = np.nan
                value_a, value_b = centres[ra, ca, 2], centres[rb, cb, 2]
                if abs(value_a - value_b) < least or value_a == value_b:
                    continue
                xa, ya, xb, yb = centres[ra, ca, 0], centres[ra, ca, 1], centres[rb, cb, 0], centres[rb, cb, 1]
                level = (levels[ra, ca, 0] + levels[rb, cb, 0]) / 2
                share = crossing(reference, left, top, xa, ya, xb, yb, value_a, value_b, level)
                if share < 0.0:
                    continue
                ux, uy = xb - xa, yb - ya
                line_x = (extended[rb, cb, 0] + extended[rq, cq, 0]) / 2
                line_y = (extended[rb, cb, 1] + extended[rq, cq, 1]) / 2
                out[line, place, 0] = ((xa + ux * share - line_x) * ux + (ya + uy * share - line_y) * uy) / (ux * ux + uy * uy)
                sign = 1.0 if (value_a < value_b) != (inverted == 1) else -1.0
                sides = colour_at(centres, levels, ra - dc, ca - dr, inverted) + colour_at(
                    centres, levels, rb - dc, cb - dr, inverted
                )
                sides += colour_at(centres, levels, ra + dc, ca + dr, inverted) + colour_at(
                    centres, levels, rb + dc, cb + dr, inverted
                )
                ends = colour_at(centres, levels, ra - dr, ca - dc, inverted) + colour_at(
                    centres, levels, rb + dr, cb + dc, inverted
                )
                out[line, place, 1] = sign
                out[line, place, 2] = sign * sides / 4
                out[line, place, 3] = sign * ends / 2
                lopsided = min(1.0, abs((value_a + value_b) / 2 - level) / (ASYMMETRY * least / CONTRAST))
                out[line, place, 4] = (1.0 - lopsided * lopsided) ** 2
                found += 1
    return found
