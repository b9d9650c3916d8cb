"""The measured grid: grid lines through the edges between modules, pitch, growth, distance from an ideal grid.

Edges (from grid_edges.py) are averaged along each grid line over a few modules, so that the grid follows the print locally.
Nothing here knows a limit of a standard.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels._jit import array, f64, helper, i64, kernel, tuple_of
from kernels.least_squares import solve_ridge

Floats = npt.NDArray[np.float64]

SHIFTS = 5
"""What moves edges apart from their grid line: growth; blur from beside and beyond; blur of the neighbouring edges' growth,
likewise.
"""

SHIFT_RIDGE = 0.05
"""Edges that say "nothing moves". With 1.0 the outer clock tracks, whose edges are all alike, came out 0.04 X off at a blur of
0.28 X.
"""

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


@kernel(i64(array(f64, 3), i64, array(f64, 1)))
def edge_shifts(edges: Floats, robust: int, shifts: Floats) -> int:
    """Fills what moves edges apart from their grid line, in modules; gives the number of edges used.

    edges: (lines, places, SHIFTS + 2) float64 as filled by module_edges: the least squares of offset on what moves edges,
    within lines, so that a line's own displacement drops out. robust: 1 leaves out edges far from their line.
    shifts: (SHIFTS,) float64: half the growth of the finder's colour first.
    """
    normal, right = np.zeros((SHIFTS, SHIFTS)), np.zeros(SHIFTS)
    mean = np.zeros(SHIFTS + 1)
    used = 0
    for line in range(edges.shape[0]):
        count = 0.0
        mean[:] = 0.0
        for turn in range(2):
            for place in range(edges.shape[1]):
                offset = edges[line, place, 0]
                if np.isnan(offset) or (robust == 1 and abs(offset) > OUTLIER):
                    continue
                weight = edges[line, place, SHIFTS + 1] if robust == 1 else 1.0
                if turn == 0:
                    count += weight
                    used += weight > 0.0
                    for k in range(SHIFTS + 1):
                        mean[k] += weight * edges[line, place, k]
                    continue
                for i in range(SHIFTS):
                    x = weight * (edges[line, place, i + 1] - mean[i + 1])
                    for j in range(SHIFTS):
                        normal[i, j] += x * (edges[line, place, j + 1] - mean[j + 1])
                    right[i] += x * (offset - mean[0])
            if turn == 0 and count > 0.0:
                for k in range(SHIFTS + 1):
                    mean[k] /= count
    solve_ridge(normal, right, SHIFT_RIDGE)
    for i in range(SHIFTS):
        shifts[i] = right[i]
    return used


@helper
def add_scaled(values: Floats, factor: float, out: Floats) -> None:
    """Adds factor * values to out; in a loop of its own, so that it is a vector loop (several sums in one are not)."""
    for n in range(out.shape[0]):
        out[n] += factor * values[n]


@helper
def line_moments(edges: Floats, shifts: Floats, robust: int, values: Floats, moments: Floats) -> None:
    """Weighted sums over the edges near each intersection of each line into moments[:, line, at]: 1, t, t^2, d, t d."""
    lines, places = edges.shape[0], edges.shape[1]
    moments[:] = 0.0
    for line in range(lines):
        for place in range(places):
            offset = edges[line, place, 0]
            values[0, place] = 0.0
            values[1, place] = 0.0
            if np.isnan(offset):
                continue
            for k in range(SHIFTS):
                offset -= edges[line, place, k + 1] * shifts[k]
            if robust == 1:
                share = min(1.0, abs(offset) / OUTLIER)
                share = 1.0 - share * share
                values[0, place] = edges[line, place, SHIFTS + 1] * share * share
            else:
                values[0, place] = 1.0
            values[1, place] = values[0, place] * offset
        # Innermost along the line, so that it takes the vector loop: both this and the planes (10 us instead of 33 for 24x24).
        for k in range(2 * REACH):
            t = k + 0.5 - REACH
            near = 1.0 - (t / REACH) * (t / REACH)
            near *= near
            first, end = max(0, REACH - k), min(places + 1, places + REACH - k)
            weight = values[0, first + k - REACH : end + k - REACH]
            offset_of = values[1, first + k - REACH : end + k - REACH]
            add_scaled(weight, near, moments[0, line, first:end])
            add_scaled(weight, near * t, moments[1, line, first:end])
            add_scaled(weight, near * t * t, moments[2, line, first:end])
            add_scaled(offset_of, near, moments[3, line, first:end])
            add_scaled(offset_of, near * t, moments[4, line, first:end])


@helper
def plane_sums(moments: Floats, line: int, sums: Floats) -> None:
    """Sums over this and the neighbouring lines into sums[:, at]: 1, t, t^2, l, l^2, l t, d, t d, l d; l is lines away."""
    sums[:] = 0.0
    for other in range(max(0, line - LINES), min(moments.shape[1], line + LINES + 1)):
        away = float(other - line)
        near = 1.0 - (away / (LINES + 1)) * (away / (LINES + 1))
        near *= near
        add_scaled(moments[0, other], near, sums[0])
        add_scaled(moments[1, other], near, sums[1])
        add_scaled(moments[2, other], near, sums[2])
        add_scaled(moments[0, other], near * away, sums[3])
        add_scaled(moments[0, other], near * away * away, sums[4])
        add_scaled(moments[1, other], near * away, sums[5])
        add_scaled(moments[3, other], near, sums[6])
        add_scaled(moments[4, other], near, sums[7])
        add_scaled(moments[3, other], near * away, sums[8])


@helper
def local_plane(sums: Floats, at: int) -> tuple[float, float]:
    """The plane of least squares through the edges of this and the neighbouring lines: value and slope along the line."""
    s, st, sl, v = sums[0, at], sums[1, at], sums[3, at], sums[6, at]
    # Centred on the edges' own middle, the two slopes are left.
    ctt, cll = sums[2, at] + SLOPE_RIDGE - st * st / s, sums[4, at] + SLOPE_RIDGE - sl * sl / s
    clt = sums[5, at] - sl * st / s
    ct, cl = sums[7, at] - v * st / s, sums[8, at] - v * sl / s
    determinant = ctt * cll - clt * clt
    along = (ct * cll - cl * clt) / determinant
    beside = (cl * ctt - ct * clt) / determinant
    return (v - along * st - beside * sl) / s, along


@kernel(i64(array(f64, 3), array(f64, 1), i64, array(f64, 2), array(f64, 3), array(f64, 2), array(f64, 2)))
def line_offsets(edges: Floats, shifts: Floats, robust: int, values: Floats, moments: Floats, sums: Floats, offsets: Floats) -> int:
    """Fills how far each grid line lies from its place at each intersection, in modules.

    edges: (lines, places, SHIFTS + 2) float64 as filled by module_edges. shifts: (SHIFTS,) float64 as filled by edge_shifts.
    robust: 1 follows each line, with edges far from its present place counting less or nothing (Tukey's biweight); 0 follows the
    neighbourhood's plane alone, with all edges alike: for a grid that may be far off.
    values: (2, places), moments: (5, lines, places + 1), sums: (9, places + 1) float64 scratch.
    offsets: (lines, places + 1) float64.
    Gives how many intersections have no edges near; they stay where they are.
    """
    line_moments(edges, shifts, robust, values, moments)
    lone = 0
    for line in range(offsets.shape[0]):
        plane_sums(moments, line, sums)
        for at in range(offsets.shape[1]):
            if sums[0, at] < LEAST_EDGES:
                offsets[line, at] = 0.0
                lone += 1
                continue
            value, along = local_plane(sums, at)
            offsets[line, at] = value
            if robust == 0:
                continue
            # The line's own edges, pulled towards the plane through its neighbourhood where there are few of them.
            m0, m1, m2 = moments[0, line, at], moments[1, line, at], moments[2, line, at]
            v0 = moments[3, line, at] - value * m0 - along * m1
            v1 = moments[4, line, at] - value * m1 - along * m2
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
