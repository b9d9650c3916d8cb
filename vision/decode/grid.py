"""From a candidate to a symbol: the grid of module corners, fitted to the printed edges all over the symbol."""

from __future__ import annotations

import numpy as np

from kernels.grid_fit import bend_grid, fit_quad
from vision.decode.finders import Candidate
from vision.decode.search import Workspace
from vision.types import Pixels, Symbol


def fit_grid(picture: Pixels, candidate: Candidate, work: Workspace, rounds: int = 4) -> Symbol | None:
    """The symbol of a candidate, as un-mirrored, its grid fitted to the edges; None where too few edges lie on the grid."""
    rows, columns = candidate.rows, candidate.columns
    quad = np.array(candidate.quad, np.float64)
    grid = work.array("grid", (rows + 1, columns + 1, 2), np.float64)
    across = work.array("across", (2, rows, columns + 1), np.float32)
    down = work.array("down", (2, rows + 1, columns), np.float32)
    shift = work.array("shift", (10,), np.float64)
    used = fit_quad(picture, quad, rounds, grid, across, down, shift)
    if used < rows + columns:
        return None
    bent = np.empty(grid.shape)
    bend_grid(grid, across, down, shift, bent)
    return Symbol(bent, inverted=candidate.inverted)
