"""Edges between modules: how far, between two neighbours of different colour, the print's change of colour lies from a grid line.

Edges are sought in the reference grey-scale image, against the half level between light and dark. Under blur no module shows
its full
level, so that the half level cannot be read off the darkest and lightest neighbours (grid nonuniformity came out 0.24 X too
high at a
blur of 0.28 X): the levels, how they run over the symbol, and what blur carries over from neighbours are fitted to all modules by
least squares. Nothing here knows a limit of a standard; lines through edges are in grid_lines.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels._jit import array, f32, f64, helper, i64, kernel, u8
from kernels.least_squares import solve_ridge

Singles = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]

NEIGHBOURHOOD = 5
"""Modules to each side whose darkest and lightest give a first half level, before anything is fitted."""

TERMS = 9
"""Of the level fit: half level and its run along columns and rows, half range and its run, what sides, diagonals and pairs
carry over.
"""

STRAY = 0.5
"""Half ranges by which a module may miss its fitted level; its weight falls to 0 there (Tukey's biweight): what differs that
much is more likely half a module of a stain."""

FAINT = 0.07
"""Half ranges from which what the fit misses of a module counts as its own level: what growth leaves of it must not (print growth
came out 0.05 X off with all of it)."""

STAINED = 2
"""Wrong modules among its eight neighbours from which a module may be covered in part. With 1 a single wrong module would take
the edges of nine."""

DELTA = 0.2
"""Modules before and behind a grid line at which the picture is looked at: both on the slope of an edge that is off by 0.2."""

RIDGE = 1e-3
"""Modules that say "nothing": keeps the fit of symbols with few of some kind solvable."""


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


@kernel(i64(array(f32, 2), i64, i64, array(f64, 3), array(f64, 3)))
def centre_values(reference: Singles, left: int, top: int, extended: Floats, centres: Floats) -> int:
    """Fills x, y and the reference image's value at each module's centre; gives the number of modules.

    reference: (h, w) float32 at image position left, top. extended: (rows + 3, columns + 3, 2) float64 corners, ring included.
    centres: (rows + 4, columns + 4, 6) float64: module (row, column) stands at [row + 2, column + 2], its quiet-zone ring
    around it and one more ring for what lies beyond; x, y, value, colour (1 light, -1 dark), weight, how far its own level is
    off the fit.
    """
    rows, columns = centres.shape[0] - 2, centres.shape[1] - 2
    for r in range(rows):
        for c in range(columns):
            x = (extended[r, c, 0] + extended[r, c + 1, 0] + extended[r + 1, c, 0] + extended[r + 1, c + 1, 0]) / 4
            y = (extended[r, c, 1] + extended[r, c + 1, 1] + extended[r + 1, c, 1] + extended[r + 1, c + 1, 1]) / 4
            centres[r + 1, c + 1, 0] = x
            centres[r + 1, c + 1, 1] = y
            centres[r + 1, c + 1, 2] = reference_at(reference, left, top, x, y)
    return int(rows * columns)


@kernel(i64(array(f64, 3), array(f64, 3), i64))
def local_colours(centres: Floats, scratch: Floats, inverted: int) -> int:
    """Fills a first guess of each module's colour: against half of what is darkest and lightest nearby; gives the number of
    modules.

    centres: as filled by centre_values; what lies beyond the quiet zone gets its colour. scratch: (rows + 2, columns + 2, 2)
    float64. inverted: 1 where the finder is light.
    """
    rows, columns = scratch.shape[0], scratch.shape[1]
    centres[:, :, 3] = -1.0 if inverted == 1 else 1.0
    for r in range(rows):
        for c in range(columns):
            low, high = np.inf, -np.inf
            for k in range(max(0, c - NEIGHBOURHOOD), min(columns, c + NEIGHBOURHOOD + 1)):
                value = centres[r + 1, k + 1, 2]
                low = min(low, value)
                high = max(high, value)
            scratch[r, c, 0] = low
            scratch[r, c, 1] = high
    for r in range(rows):
        for c in range(columns):
            low, high = np.inf, -np.inf
            for k in range(max(0, r - NEIGHBOURHOOD), min(rows, r + NEIGHBOURHOOD + 1)):
                low = min(low, scratch[k, c, 0])
                high = max(high, scratch[k, c, 1])
            centres[r + 1, c + 1, 3] = -1.0 if centres[r + 1, c + 1, 2] < (low + high) / 2 else 1.0
    return int(rows * columns)


@helper
def level_terms(centres: Floats, r: int, c: int, terms: Floats) -> None:
    """What the value at a module's centre is made of, and the value itself last."""
    colour = centres[r, c, 3]
    u, v = 2.0 * (c - 1) / (centres.shape[1] - 3) - 1.0, 2.0 * (r - 1) / (centres.shape[0] - 3) - 1.0
    sides = centres[r - 1, c, 3] + centres[r + 1, c, 3] + centres[r, c - 1, 3] + centres[r, c + 1, 3]
    diagonals = centres[r - 1, c - 1, 3] + centres[r - 1, c + 1, 3] + centres[r + 1, c - 1, 3] + centres[r + 1, c + 1, 3]
    terms[0] = 1.0
    terms[1] = u
    terms[2] = v
    terms[3] = colour
    terms[4] = colour * u
    terms[5] = colour * v
    terms[6] = sides - 4.0 * colour
    terms[7] = diagonals - 4.0 * colour
    terms[8] = colour * sides - 4.0
    terms[9] = centres[r, c, 2]


@helper
def stray_of(levels: Floats, terms: Floats) -> float:
    """By how much the levels miss a module's value."""
    stray = terms[9]
    for k in range(TERMS):
        stray -= levels[k] * terms[k]
    return float(stray)


@helper
def weight_of(stray: float, levels: Floats) -> float:
    """1 where the levels explain a module's value, 0 where they miss it by STRAY half ranges."""
    share = stray / (STRAY * max(abs(levels[3]), 1e-9))
    weight = max(0.0, 1.0 - share * share)
    return float(weight * weight)


@kernel(f64(array(f64, 3), i64, array(f64, 1)))
def fit_levels(centres: Floats, weighted: int, levels: Floats) -> float:
    """Fits the levels of light and dark over the symbol by least squares, and sets each module's colour and weight by them.

    centres: as filled by centre_values and local_colours. weighted: 1 weights each module by how well the levels given explain it.
    levels: (TERMS,) float64, filled. A plane patch of one colour has the value levels[0] + u levels[1] + v levels[2] + colour
    (levels[3] +
    u levels[4] + v levels[5]), u and v from -1 to 1 over the ringed symbol: the terms of the neighbours are zero there.
    Gives the half range, levels[3].
    """
    rows, columns = centres.shape[0] - 2, centres.shape[1] - 2
    sums, terms = np.zeros((TERMS, TERMS + 1)), np.empty(TERMS + 1)
    for r in range(1, rows + 1):
        for c in range(1, columns + 1):
            level_terms(centres, r, c, terms)
            weight = weight_of(stray_of(levels, terms), levels) if weighted == 1 else 1.0
            for i in range(TERMS):
                share = weight * terms[i]
                # All of them, not from i on: a count known beforehand takes the vector loop (25 us instead of 45).
                for j in range(TERMS + 1):
                    sums[i, j] += share * terms[j]
    right = sums[:, TERMS].copy()
    solve_ridge(sums[:, :TERMS].copy(), right, RIDGE)
    for i in range(TERMS):
        levels[i] = right[i]
    for r in range(1, rows + 1):
        for c in range(1, columns + 1):
            level_terms(centres, r, c, terms)
            stray = stray_of(levels, terms)
            centres[r, c, 4] = weight_of(stray, levels)
            share = stray / (FAINT * max(abs(levels[3]), 1e-9))
            centres[r, c, 5] = stray * (share * share / (share * share + 1.0))
    for r in range(1, rows + 1):
        for c in range(1, columns + 1):
            u, v = 2.0 * (c - 1) / (columns - 1) - 1.0, 2.0 * (r - 1) / (rows - 1) - 1.0
            centres[r, c, 3] = -1.0 if centres[r, c, 2] < levels[0] + u * levels[1] + v * levels[2] else 1.0
    return float(levels[3])


@kernel(i64(array(f64, 3), array(u8, 2, True), i64, i64))
def drop_wrong(centres: Floats, expected: Bytes, inverted: int, most: int) -> int:
    """Takes the weight of modules of another colour than printed, and of those between such; gives the number of the former.

    A stain's rim is no edge of the grid, and a module at the rim may be half covered and still have its colour.

    centres: as left by fit_levels. expected: (rows + 2, columns + 2) uint8, 1 the finder's colour, 0 the other, 2 not known.
    inverted: 1 where the finder is light. most: where more are wrong than that, it is the grid that is off: nothing is taken.
    """
    finder = 1.0 if inverted == 1 else -1.0
    rows, columns = expected.shape
    wrong = 0
    for r in range(rows):
        for c in range(columns):
            wrong += expected[r, c] < 2 and (centres[r + 1, c + 1, 3] == finder) != (expected[r, c] == 1)
    if wrong == 0 or wrong > most:
        return wrong
    for r in range(rows + 2):  # what lies beyond the quiet zone is neither
        centres[r, 0, 4] = 0.0
        centres[r, columns + 1, 4] = 0.0
    for c in range(columns + 2):
        centres[0, c, 4] = 0.0
        centres[rows + 1, c, 4] = 0.0
    for r in range(rows):
        for c in range(columns):
            if expected[r, c] < 2 and (centres[r + 1, c + 1, 3] == finder) != (expected[r, c] == 1):
                centres[r + 1, c + 1, 4] = -1.0
    for turn in range(2):
        for r in range(1, rows + 1):
            for c in range(1, columns + 1):
                if turn == 1:
                    centres[r, c, 4] = max(0.0, centres[r, c, 4])
                elif centres[r, c, 4] > 0.0:
                    beside = 0
                    for k in range(9):
                        beside += centres[r - 1 + k // 3, c - 1 + k % 3, 4] < 0.0
                    if beside >= STAINED:
                        centres[r, c, 4] = 0.0
    return wrong


@kernel(i64(array(f32, 2), i64, i64, array(f64, 3), i64, array(f64, 3), array(f64, 1), array(f64, 1), array(f64, 3), array(f64, 3)))
def module_edges(
    reference: Singles,
    left: int,
    top: int,
    extended: Floats,
    inverted: int,
    centres: Floats,
    levels: Floats,
    growth: Floats,
    across: Floats,
    down: Floats,
) -> int:
    """Fills how far each edge lies from its grid line, in modules; gives the number of edges found.

    An edge stands between two neighbours of different colour. Where the picture a little before and behind the line lies above or
    below the half level, the line is off; the mean slope of all edges of the direction turns levels into modules. Far from an
    edge that is too little, so that grid and edges are found in turns.

    reference: (h, w) float32 at image position left, top. extended: (rows + 3, columns + 3, 2) float64 corners, ring included.
    inverted: 1 where the finder is light. centres, levels: as left by fit_levels.
    growth: (2,) float64, growth of the finder's colour across and down as far as it is known: edges are sought where it puts them.
    across: (columns + 1, rows, 7) float64: [line, row] = offset to the right of that vertical grid line (nan = no edge); sign: +1
        where the finder's colour lies to its left, -1 where to its right; what blur carries over from the four modules beside
        the two
        (mean, 1 for the colour before the line, -1 for that behind it) and from the two beyond them; sign times the share of the
        neighbouring edges that are there, beside and beyond (blur carries their growth over); weight.
    down: (rows + 1, columns, 7) float64: the same for horizontal lines, offset downward, +1 where the finder's colour lies above.
    """
    rows, columns = centres.shape[0] - 4, centres.shape[1] - 4
    polarity = 1.0 if inverted == 1 else -1.0
    found = 0
    for direction in range(2):
        lines = columns + 1 if direction == 0 else rows + 1
        places = rows if direction == 0 else columns
        dr, dc = (0, 1) if direction == 0 else (1, 0)
        out = across if direction == 0 else down
        rise, weights = 0.0, 0.0
        for line in range(lines):
            for place in range(places):
                # Module a lies before the line, b after it; the line between them runs from b's corner to q.
                ra, ca = (place + 2, line + 1) if direction == 0 else (line + 1, place + 2)
                rb, cb = ra + dr, ca + dc
                rq, cq = rb + dc, cb + dr
                out[line, place, 0] = np.nan
                colour = centres[ra, ca, 3]
                weight = centres[ra, ca, 4] * centres[rb, cb, 4]
                if colour == centres[rb, cb, 3] or weight == 0.0:
                    continue
                u, v = (ca + cb - 2) / (columns + 1.0) - 1.0, (ra + rb - 2) / (rows + 1.0) - 1.0
                # The half level of these two: a module fainter than the fit has its edge where its own level is halved.
                before, behind = centres[ra, ca, 5], centres[rb, cb, 5]
                half = levels[0] + u * levels[1] + v * levels[2] + (before + behind) / 2
                local = levels[3] + u * levels[4] + v * levels[5] + colour * (before - behind) / 2
                local = max(local / levels[3], 0.1) * levels[3]
                ux, uy = centres[rb, cb, 0] - centres[ra, ca, 0], centres[rb, cb, 1] - centres[ra, ca, 1]
                sign = colour * polarity
                grown = sign * growth[direction] / 2
                x = (extended[rb - 1, cb - 1, 0] + extended[rq - 1, cq - 1, 0]) / 2
                y = (extended[rb - 1, cb - 1, 1] + extended[rq - 1, cq - 1, 1]) / 2
                before = reference_at(reference, left, top, x + (grown - DELTA) * ux, y + (grown - DELTA) * uy)
                behind = reference_at(reference, left, top, x + (grown + DELTA) * ux, y + (grown + DELTA) * uy)
                # In half ranges, positive where the colour before the line reaches beyond it.
                out[line, place, 0] = colour * ((before + behind) / 2 - half) / local
                rise += weight * colour * (before - behind) / local
                weights += weight
                # Neighbours by whether they have a's colour (1) or b's (-1).
                side_a = colour * (centres[ra - dc, ca - dr, 3] + centres[ra + dc, ca + dr, 3])
                side_b = colour * (centres[rb - dc, cb - dr, 3] + centres[rb + dc, cb + dr, 3])
                end_a = colour * centres[ra - dr, ca - dc, 3]
                end_b = colour * centres[rb + dr, cb + dc, 3]
                out[line, place, 1] = sign
                out[line, place, 2] = (side_a + side_b) / 4
                out[line, place, 3] = (end_a + end_b) / 2
                out[line, place, 4] = sign * (4.0 - side_a + side_b) / 8
                out[line, place, 5] = sign * (2.0 - end_a + end_b) / 4
                out[line, place, 6] = weight
                found += 1
        if weights > 0.0:
            # Half ranges to modules: the mean slope.
            scale = 2.0 * DELTA * weights / max(rise, 0.1 * weights)
            for line in range(lines):
                for place in range(places):
                    out[line, place, 0] = out[line, place, 0] * scale + out[line, place, 1] * growth[direction] / 2
    return found
