"""Where a symbol's known modules lie in the picture: the bow of a grid that edges alone cannot follow.

A grid line that is more than half a module off sees the edges of its neighbour. What was printed is known once the symbol is read,
and a patch of known modules fits at one place only. Nothing here knows a limit of a standard.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels._jit import array, f32, f64, helper, i64, kernel, u8
from kernels.grid_edges import reference_at
from kernels.least_squares import solve_ridge

Singles = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]

HALF = 3
"""Modules to each side of a node that make its patch."""

NEARER = 0.02
"""Share of its contrast that a shift loses by its square in modules: of two that fit alike the nearer one counts."""

DEGREE, TERMS = 4, 15
"""Of the polynomial in two variables that the bow is taken for."""

RIDGE = 1e-3
"""Nodes that say "no bow"."""


@kernel(f64(array(f64, 3), array(f64, 3)))
def level_grid(grid: Floats, level: Floats) -> float:
    """Fills the grid without its bow: the bilinear one nearest to it by least squares; gives the largest distance between the two.

    grid, level: (rows + 1, columns + 1, 2) float64, pixels.
    """
    height, width = grid.shape[0], grid.shape[1]
    normal, right, terms = np.zeros((4, 4)), np.zeros((2, 4)), np.ones(4)
    for r in range(height):
        for c in range(width):
            terms[1], terms[2] = 2.0 * c / (width - 1) - 1.0, 2.0 * r / (height - 1) - 1.0
            terms[3] = terms[1] * terms[2]
            for i in range(4):
                for j in range(4):
                    normal[i, j] += terms[i] * terms[j]
                for k in range(2):
                    right[k, i] += terms[i] * grid[r, c, k]
    for k in range(2):
        solve_ridge(normal.copy(), right[k], 0.0)
    largest = 0.0
    for r in range(height):
        for c in range(width):
            terms[1], terms[2] = 2.0 * c / (width - 1) - 1.0, 2.0 * r / (height - 1) - 1.0
            terms[3] = terms[1] * terms[2]
            square = 0.0
            for k in range(2):
                level[r, c, k] = right[k, 0] * terms[0] + right[k, 1] * terms[1] + right[k, 2] * terms[2] + right[k, 3] * terms[3]
                square += (grid[r, c, k] - level[r, c, k]) ** 2
            largest = max(largest, square)
    return float(np.sqrt(largest))


@helper
def peak(scores: Floats, at: int) -> float:
    """How far the top of the parabola through a highest score and its neighbours lies from it, in steps."""
    if at == 0 or at == scores.shape[0] - 1:
        return 0.0
    curve = scores[at - 1] + scores[at + 1] - 2.0 * scores[at]
    return float(0.5 * (scores[at - 1] - scores[at + 1]) / curve) if curve < 0.0 else 0.0


@kernel(i64(array(f32, 2), i64, i64, array(f64, 3), array(u8, 2, True), i64, i64, f64, i64, array(f64, 3)))
def pattern_shifts(
    reference: Singles,
    left: int,
    top: int,
    centres: Floats,
    expected: Bytes,
    inverted: int,
    spacing: int,
    step: float,
    steps: int,
    nodes: Floats,
) -> int:
    """Fills how far the known modules around each node lie from the grid; gives the number of nodes with a patch to look at.

    reference: (h, w) float32 at image position left, top. centres: as left by `centre_values`. expected: (rows + 2, columns + 2)
    uint8, 1 the finder's colour, 0 the other, 2 not known. inverted: 1 where the finder is light. spacing: modules from node to
    node, the first on the ring's first module. step, steps: shifts are tried in steps of so many modules, so many steps each way,
    along rows and along columns; less than 2 modules, after which a clock track looks the same.
    nodes: (node rows, node columns, 5) float64: middle of its patch (row, column) in modules of the ring, shift to the right and
    downward in modules, contrast of the patch there (mean of its light less mean of its dark modules).
    """
    height, width = expected.shape
    finder_light = 1 if inverted == 1 else 0
    looked = 0
    nodes[:] = 0.0
    scores = np.empty((2 * steps + 1, 2 * steps + 1))
    for i in range(nodes.shape[0]):
        for j in range(nodes.shape[1]):
            r0, c0 = min(i * spacing, height - 1), min(j * spacing, width - 1)
            first_r, end_r = max(0, r0 - HALF), min(height, r0 + HALF + 1)
            first_c, end_c = max(0, c0 - HALF), min(width, c0 + HALF + 1)
            light, dark = 0, 0
            for r in range(first_r, end_r):
                for c in range(first_c, end_c):
                    if expected[r, c] < 2:
                        light += expected[r, c] == finder_light
                        dark += expected[r, c] != finder_light
            if light == 0 or dark == 0:
                continue
            looked += 1
            # The pitch here, from the patch's own first and last modules.
            wide, tall = end_c - 1 - first_c, end_r - 1 - first_r
            ux = (centres[r0 + 1, end_c, 0] - centres[r0 + 1, first_c + 1, 0]) / wide
            uy = (centres[r0 + 1, end_c, 1] - centres[r0 + 1, first_c + 1, 1]) / wide
            vx = (centres[end_r, c0 + 1, 0] - centres[first_r + 1, c0 + 1, 0]) / tall
            vy = (centres[end_r, c0 + 1, 1] - centres[first_r + 1, c0 + 1, 1]) / tall
            best, best_down, best_right = -np.inf, 0, 0
            for down in range(2 * steps + 1):
                for right in range(2 * steps + 1):
                    du, dv = step * (right - steps), step * (down - steps)
                    of_light, of_dark = 0.0, 0.0
                    for r in range(first_r, end_r):
                        for c in range(first_c, end_c):
                            if expected[r, c] == 2:
                                continue
                            x = centres[r + 1, c + 1, 0] + du * ux + dv * vx
                            y = centres[r + 1, c + 1, 1] + du * uy + dv * vy
                            value = reference_at(reference, left, top, x, y)
                            if expected[r, c] == finder_light:
                                of_light += value
                            else:
                                of_dark += value
                    contrast = of_light / light - of_dark / dark
                    scores[down, right] = contrast * (1.0 - NEARER * (du * du + dv * dv))
                    if scores[down, right] > best:
                        best, best_down, best_right = scores[down, right], down, right
                        nodes[i, j, 4] = contrast
            nodes[i, j, 0], nodes[i, j, 1] = (first_r + end_r - 1) / 2.0, (first_c + end_c - 1) / 2.0
            nodes[i, j, 2] = step * (best_right - steps + peak(scores[best_down], best_right))
            nodes[i, j, 3] = step * (best_down - steps + peak(scores[:, best_right], best_down))
    return looked


@helper
def bow_terms(u: float, v: float, terms: Floats) -> None:
    """u^i v^j for i + j up to DEGREE."""
    k = 0
    for i in range(DEGREE + 1):
        for j in range(DEGREE + 1 - i):
            terms[k] = u**i * v**j
            k += 1


@kernel(i64(array(f64, 3), array(f64, 2), array(f64, 2)))
def bow_of(nodes: Floats, across: Floats, down: Floats) -> int:
    """Fills the bow through the shifts of nodes, at each intersection; gives the nodes used.

    nodes: as filled by `pattern_shifts`, weighted by their contrast's square. across: (columns + 1, rows + 1) float64, to the
    right; down: (rows + 1, columns + 1) float64, downward; modules, as `move_grid` takes them.
    """
    height, width = down.shape
    normal, right, terms = np.zeros((TERMS, TERMS)), np.zeros((2, TERMS)), np.zeros(TERMS)
    most = max(nodes[:, :, 4].max(), 1e-9)
    used = 0
    for i in range(nodes.shape[0]):
        for j in range(nodes.shape[1]):
            share = nodes[i, j, 4] / most
            if share <= 0.0:
                continue
            used += 1
            # Ring module n has its middle at n - 0.5 of the intersections.
            bow_terms(2.0 * (nodes[i, j, 1] - 0.5) / (width - 1) - 1.0, 2.0 * (nodes[i, j, 0] - 0.5) / (height - 1) - 1.0, terms)
            weight = share * share
            for m in range(TERMS):
                for n in range(TERMS):
                    normal[m, n] += weight * terms[m] * terms[n]
                for k in range(2):
                    right[k, m] += weight * terms[m] * nodes[i, j, 2 + k]
    for k in range(2):
        solve_ridge(normal.copy(), right[k], RIDGE)
    for r in range(height):
        for c in range(width):
            bow_terms(2.0 * c / (width - 1) - 1.0, 2.0 * r / (height - 1) - 1.0, terms)
            across[c, r] = down[r, c] = 0.0
            for m in range(TERMS):
                across[c, r] += right[0, m] * terms[m]
                down[r, c] += right[1, m] * terms[m]
    return used
