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

LINES = 3
"""Neighbouring grid lines to each side that help where a line has few edges of its own."""

LEAST_EDGES = 0.5
"""Weight of the edges in the neighbourhood below which an intersection stays where it was."""

RIDGE = 0.1
"""Pull of a line towards its neighbourhood, in edges: keeps a stretch without edges quiet; rounds take the rest of it back."""

SLOPE_RIDGE = 0.5
"""Pull of the neighbourhood's slopes towards none: where edges lie to one side only, a plane must not be thrown far."""

OUTLIER = 0.35
"""Modules from the line at which an edge no longer counts (Tukey's biweight): a stain's edge is none of the grid's."""

NEIGHBOURHOOD = 5
"""Modules to each side whose darkest and lightest give the local half level."""

ASYMMETRY = 0.17
"""Share of the symbol's range by which the middle of two modules may miss the local half level; an edge's weight falls to 0 there:
a faint module's edge crosses the half level off its place."""

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


@kernel(i64(array(f64, 3), i64, array(f64, 1)))
def edge_shifts(edges: Floats, robust: int, shifts: Floats) -> int:
    """Fills what moves edges apart from their grid line, in modules; gives the number of edges used.

    edges: (lines, places, 5) float64 as filled by module_edges: the least squares of offset on sign, sides and ends, within lines,
    so that a line's own displacement drops out. robust: 1 leaves out edges far from their line.
    shifts: (3,) float64: half the growth of the finder's colour, and what blur carries over from modules beside and beyond.
    """
    normal = np.zeros((3, 4))
    mean = np.zeros(4)
    used = 0
    for line in range(edges.shape[0]):
        count = 0.0
        mean[:] = 0.0
        for turn in range(2):
            for place in range(edges.shape[1]):
                offset = edges[line, place, 0]
                if np.isnan(offset) or (robust == 1 and abs(offset) > OUTLIER):
                    continue
                weight = edges[line, place, 4] if robust == 1 else 1.0
                if turn == 0:
                    count += weight
                    used += weight > 0.0
                    for k in range(4):
                        mean[k] += weight * edges[line, place, k]
                    continue
                for i in range(3):
                    x = weight * (edges[line, place, i + 1] - mean[i + 1])
                    for j in range(3):
                        normal[i, j] += x * (edges[line, place, j + 1] - mean[j + 1])
                    normal[i, 3] += x * (offset - mean[0])
            if turn == 0 and count > 0.0:
                for k in range(4):
                    mean[k] /= count
    # Gauss without pivoting: the matrix is positive definite with the ridge, which stands for one edge that says "nothing".
    for i in range(3):
        normal[i, i] += 1.0
    for i in range(3):
        for r in range(i + 1, 3):
            factor = normal[r, i] / normal[i, i]
            for j in range(i, 4):
                normal[r, j] -= factor * normal[i, j]
    for i in range(2, -1, -1):
        rest = normal[i, 3]
        for j in range(i + 1, 3):
            rest -= normal[i, j] * shifts[j]
        shifts[i] = rest / normal[i, i]
    return used


@helper
def line_moments(edges: Floats, shifts: Floats, robust: int, values: Floats, moments: Floats) -> None:
    """Weighted sums over the edges near each intersection of each line into moments[line, at, :]: 1, t, t^2, d, t d."""
    lines, places = edges.shape[0], edges.shape[1]
    for line in range(lines):
        for place in range(places):
            offset = edges[line, place, 0]
            values[0, place] = 0.0
            values[1, place] = 0.0
            if np.isnan(offset):
                continue
            for k in range(3):
                offset -= edges[line, place, k + 1] * shifts[k]
            if robust == 1:
                share = min(1.0, abs(offset) / OUTLIER)
                values[0, place] = edges[line, place, 4] * (1.0 - share * share) ** 2
            else:
                values[0, place] = 1.0
            values[1, place] = offset
        for at in range(places + 1):
            moments[line, at, :] = 0.0
            for place in range(max(0, at - REACH), min(places, at + REACH)):
                if values[0, place] == 0.0:
                    continue
                t = place + 0.5 - at
                near = t / REACH
                weight = values[0, place] * (1.0 - near * near) ** 2
                moments[line, at, 0] += weight
                moments[line, at, 1] += weight * t
                moments[line, at, 2] += weight * t * t
                moments[line, at, 3] += weight * values[1, place]
                moments[line, at, 4] += weight * t * values[1, place]


@helper
def local_plane(moments: Floats, line: int, at: int) -> tuple[float, float, float]:
    """The plane of least squares through the edges of this and the neighbouring lines: value and slope along the line, support."""
    s, st, stt, sl, sll, slt, v, vt, vl = 0.0, 0.0, SLOPE_RIDGE, 0.0, SLOPE_RIDGE, 0.0, 0.0, 0.0, 0.0
    for other in range(max(0, line - LINES), min(moments.shape[0], line + LINES + 1)):
        away = other - line
        near = away / (LINES + 1)
        weight = (1.0 - near * near) ** 2
        m0, m1, m2, m3, m4 = (
            moments[other, at, 0],
            moments[other, at, 1],
            moments[other, at, 2],
            moments[other, at, 3],
            moments[other, at, 4],
        )
        s += weight * m0
        st += weight * m1
        stt += weight * m2
        sl += weight * away * m0
        sll += weight * away * away * m0
        slt += weight * away * m1
        v += weight * m3
        vt += weight * m4
        vl += weight * away * m3
    if s < LEAST_EDGES:
        return 0.0, 0.0, s
    # Centred on the edges' own middle, the two slopes are left.
    ctt, cll, clt = stt - st * st / s, sll - sl * sl / s, slt - sl * st / s
    ct, cl = vt - v * st / s, vl - v * sl / s
    determinant = ctt * cll - clt * clt
    along = (ct * cll - cl * clt) / determinant
    beside = (cl * ctt - ct * clt) / determinant
    return (v - along * st - beside * sl) / s, along, s


@kernel(i64(array(f64, 3), array(f64, 1), i64, array(f64, 2), array(f64, 3), array(f64, 2)))
def line_offsets(edges: Floats, shifts: Floats, robust: int, values: Floats, moments: Floats, offsets: Floats) -> int:
    """Fills how far each grid line lies from its place at each intersection, in modules.

    edges: (lines, places, 5) float64 as filled by module_edges. shifts: (3,) float64 as filled by edge_shifts.
    robust: 1 follows each line, with edges far from its present place counting less or nothing (Tukey's biweight); 0 follows the
    neighbourhood's plane alone, with all edges alike: for a grid that may be far off.
    values: (2, places), moments: (lines, places + 1, 5) float64 scratch. offsets: (lines, places + 1) float64.
    Gives how many intersections have no edges near; they stay where they are.
    """
    line_moments(edges, shifts, robust, values, moments)
    lone = 0
    for line in range(offsets.shape[0]):
        for at in range(offsets.shape[1]):
            value, along, support = local_plane(moments, line, at)
            offsets[line, at] = value
            if support < LEAST_EDGES:
                lone += 1
                continue
            if robust == 0:
                continue
            # The line's own edges, pulled towards the plane through its neighbourhood where there are few of them.
            m0, m1, m2 = moments[line, at, 0], moments[line, at, 1], moments[line, at, 2]
            v0 = moments[line, at, 3] - value * m0 - along * m1
            v1 = moments[line, at, 4] - value * m1 - along * m2
            m0 += RIDGE
            m2 += RIDGE
            offsets[line, at] += (v0 * m2 - v1 * m1) / (m0 * m2 - m1 * m1)
    return lone


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
