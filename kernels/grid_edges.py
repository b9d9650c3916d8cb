"""The measured grid: edges between modules, the grid lines through them, pitch, growth, distance from an ideal grid.

Edges are sought between the centres of neighbouring modules in the reference grey-scale image and averaged along each grid line
over a few modules, so that the grid follows the print locally. No module needs to be known: where two neighbours lie on different
sides of the local half level there is an edge between them. Nothing here knows a limit of a standard.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels._jit import array, f32, f64, helper, i64, kernel, tuple_of

Singles = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

STEPS = 12
"""Places looked at between two module centres."""

REACH = 4
"""Modules to each side over which edges are averaged along a grid line, with weights (1 - (t / REACH)^2)^2."""

RIDGE = 0.1
"""Pull of the local line towards the line through the whole side, in edges: keeps a stretch without edges quiet."""

OUTLIER = 0.35
"""Modules from the line at which an edge no longer counts (Tukey's biweight): a stain's edge is none of the grid's."""

NEIGHBOURHOOD = 3
"""Modules to each side whose darkest and lightest give the local half level."""

CONTRAST = 0.25
"""Share of the symbol's range by which two modules must differ to have an edge between them."""


@kernel(i64(array(f64, 3), array(f64, 3)))
def extend_grid(grid: Floats, extended: Floats) -> int:
    """Copies a grid and adds a ring of one module around it, at the local pitch; gives the corners of the result.

    grid: (rows + 1, columns + 1, 2) float64. extended: (rows + 3, columns + 3, 2) float64, filled.
    """
    height, width = grid.shape[0], grid.shape[1]
    # The pitch over up to 4 modules: one line's own error must not be thrown outward at full length.
    down, across = min(4, height - 1), min(4, width - 1)
    for k in range(2):
        for r in range(height):
            for c in range(width):
                extended[r + 1, c + 1, k] = grid[r, c, k]
            extended[r + 1, 0, k] = grid[r, 0, k] - (grid[r, across, k] - grid[r, 0, k]) / across
            extended[r + 1, width + 1, k] = (
                grid[r, width - 1, k] + (grid[r, width - 1, k] - grid[r, width - 1 - across, k]) / across
            )
        for c in range(width + 2):
            extended[0, c, k] = extended[1, c, k] - (extended[1 + down, c, k] - extended[1, c, k]) / down
            extended[height + 1, c, k] = extended[height, c, k] + (extended[height, c, k] - extended[height - down, c, k]) / down
    return int(extended.shape[0] * extended.shape[1])


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
    across: (columns + 1, rows, 2) float64: [line, row] = offset to the right of that vertical grid line (nan = no edge), and +1
        where the finder's colour lies to its left, -1 where to its right, so that growth g moves the edge by sign * g / 2.
    down: (rows + 1, columns, 2) float64: the same for horizontal lines, offset downward, +1 where the finder's colour lies above.
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
        for line in range(lines):
            for place in range(places):
                # Module a lies before the line, b after it; p and q are the ends of the line between them.
                if direction == 0:
                    ra, ca, rb, cb = place + 1, line, place + 1, line + 1
                    rq, cq = place + 2, line + 1
                    out = across
                else:
                    ra, ca, rb, cb = line, place + 1, line + 1, place + 1
                    rq, cq = line + 1, place + 2
                    out = down
                out[line, place, 0] = np.nan
                out[line, place, 1] = 0.0
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
                out[line, place, 1] = 1.0 if (value_a < value_b) != (inverted == 1) else -1.0
                found += 1
    return found


@kernel(f64(array(f64, 3)))
def edge_growth(edges: Floats) -> float:
    """Gives how much wider than a module the finder's colour is printed, in modules, from edges of both signs on the same lines.

    edges: (lines, places, 2) float64 as filled by module_edges. A line's own displacement drops out; 0 where no line has both signs.
    """
    total, weights = 0.0, 0.0
    for line in range(edges.shape[0]):
        plus, minus, plus_count, minus_count = 0.0, 0.0, 0, 0
        for place in range(edges.shape[1]):
            offset = edges[line, place, 0]
            if np.isnan(offset):
                continue
            if edges[line, place, 1] > 0:
                plus += offset
                plus_count += 1
            else:
                minus += offset
                minus_count += 1
        if plus_count > 0 and minus_count > 0:
            weight = plus_count * minus_count / (plus_count + minus_count)
            total += weight * (plus / plus_count - minus / minus_count)
            weights += weight
    return total / weights if weights > 0.0 else 0.0


@helper
def weighted_line(weights: Floats, values: Floats, at: int, reach: int, ridge: float) -> tuple[float, float]:
    """Value and slope at one place of the line of least squares through values at 0.5, 1.5, ... near it (reach 0: all alike)."""
    s0, s1, s2, v0, v1 = ridge, 0.0, ridge, 0.0, 0.0
    first, end = 0, values.shape[0]
    if reach > 0:
        first, end = max(0, at - reach), min(end, at + reach)
    for k in range(first, end):
        weight = weights[k]
        if weight == 0.0:
            continue
        t = k + 0.5 - at
        if reach > 0:
            share = t / reach
            weight *= (1.0 - share * share) ** 2
        s0 += weight
        s1 += weight * t
        s2 += weight * t * t
        v0 += weight * values[k]
        v1 += weight * t * values[k]
    determinant = s0 * s2 - s1 * s1
    if determinant <= 1e-9 * max(s0 * s2, 1e-9):
        return (v0 / s0 if s0 > 1e-9 else 0.0), 0.0
    return (v0 * s2 - v1 * s1) / determinant, (v1 * s0 - v0 * s1) / determinant


@kernel(i64(array(f64, 3), f64, i64, array(f64, 2), array(f64, 2)))
def line_offsets(edges: Floats, growth: float, robust: int, shifts: Floats, scratch: Floats) -> int:
    """Fills how far each grid line lies from its place at each intersection, in modules; gives the lines that had too few edges.

    edges: (lines, places, 2) float64 as filled by module_edges; growth in modules. robust: 1 leaves edges out that lie far from the
    line's present place. shifts: (lines, places + 1) float64. scratch: (2, places) float64.
    """
    bare = 0
    lines, places = edges.shape[0], edges.shape[1]
    weights, values = scratch[0], scratch[1]
    for line in range(lines):
        count = 0
        for place in range(places):
            offset = edges[line, place, 0]
            weights[place] = 0.0
            values[place] = 0.0
            if np.isnan(offset):
                continue
            values[place] = offset - edges[line, place, 1] * growth / 2
            weights[place] = 1.0
            if robust == 1:
                share = min(1.0, abs(values[place]) / OUTLIER)
                weights[place] = (1.0 - share * share) ** 2
            count += weights[place] > 0.0
        if count < 3:
            bare += 1
            shifts[line, :] = 0.0
            continue
        start, slope = weighted_line(weights, values, 0, 0, 0.0)
        for place in range(places):
            values[place] -= start + slope * (place + 0.5)
        for at in range(places + 1):
            rest, _ = weighted_line(weights, values, at, REACH, RIDGE)
            shifts[line, at] = start + slope * at + rest
    return bare


@kernel(f64(array(f64, 3), array(f64, 2), array(f64, 2), array(f64, 3)))
def move_grid(grid: Floats, across: Floats, down: Floats, moved: Floats) -> float:
    """Fills the grid moved by its lines' offsets; gives the largest movement in modules.

    grid: (rows + 1, columns + 1, 2) float64. across: (columns + 1, rows + 1) float64, offsets of the vertical lines to the right in
    modules; down: (rows + 1, columns + 1), of the horizontal lines downward. moved: as grid.
    """
    height, width = grid.shape[0], grid.shape[1]
    largest = 0.0
    for r in range(height):
        above, below = max(r - 1, 0), min(r + 1, height - 1)
        for c in range(width):
            before, after = max(c - 1, 0), min(c + 1, width - 1)
            right, low = across[c, r], down[r, c]
            for k in range(2):
                u = (grid[r, after, k] - grid[r, before, k]) / (after - before)
                v = (grid[below, c, k] - grid[above, c, k]) / (below - above)
                moved[r, c, k] = grid[r, c, k] + right * u + low * v
            largest = max(largest, abs(right), abs(low))
    return largest


@kernel(tuple_of(f64, f64)(array(f64, 3)))
def grid_pitch(grid: Floats) -> tuple[float, float]:
    """Gives the mean distance in pixels between neighbouring intersections along rows and along columns of a grid."""
    height, width = grid.shape[0], grid.shape[1]
    across, down = 0.0, 0.0
    for r in range(height):
        for c in range(width):
            if c + 1 < width:
                dx, dy = grid[r, c + 1, 0] - grid[r, c, 0], grid[r, c + 1, 1] - grid[r, c, 1]
                across += np.sqrt(dx * dx + dy * dy)
            if r + 1 < height:
                dx, dy = grid[r + 1, c, 0] - grid[r, c, 0], grid[r + 1, c, 1] - grid[r, c, 1]
                down += np.sqrt(dx * dx + dy * dy)
    return across / (height * (width - 1)), down / ((height - 1) * width)


@kernel(f64(array(f64, 3), i64, i64, i64, i64))
def corner_deviation(grid: Floats, first_row: int, first_column: int, last_row: int, last_column: int) -> float:
    """Gives the largest distance in pixels of an intersection from the evenly divided grid between four of them.

    grid: (rows + 1, columns + 1, 2) float64; the grid lines first_row to last_row and first_column to last_column are looked at,
    their four outer intersections are the corners.
    """
    largest = 0.0
    for r in range(first_row, last_row + 1):
        v = (r - first_row) / (last_row - first_row)
        for c in range(first_column, last_column + 1):
            u = (c - first_column) / (last_column - first_column)
            square = 0.0
            for k in range(2):
                above = grid[first_row, first_column, k] * (1.0 - u) + grid[first_row, last_column, k] * u
                below = grid[last_row, first_column, k] * (1.0 - u) + grid[last_row, last_column, k] * u
                away = grid[r, c, k] - (above * (1.0 - v) + below * v)
                square += away * away
            largest = max(largest, square)
    return float(np.sqrt(largest))
