"""From a candidate to a symbol: the grid of module corners, fitted to the printed edges all over it, and its modules' greys."""

from __future__ import annotations

import numpy as np

from kernels.symbols import sample_quad
from vision.decode.finders import Candidate
from vision.decode.sample import Greys
from vision.types import Pixels, Symbol

ROUNDS = 4
"""Rounds of the fit at most: clean prints need one or two, damaged ones all."""


def fit_grid(picture: Pixels, candidate: Candidate) -> tuple[Symbol, Greys] | None:
    """The symbol of a candidate, as un-mirrored, its grid fitted to the edges, and its greys as of `module_greys`; None where too
    few edges lie on the grid."""
    rows, columns = candidate.rows, candidate.columns
    grid, greys = np.empty((rows + 1, columns + 1, 2)), np.empty((rows + 2, columns + 2), np.float32)
    used = sample_quad(picture, np.array(candidate.quad, np.float64), ROUNDS, candidate.inverted, grid, greys)
    return None if used < rows + columns else (Symbol(grid, inverted=candidate.inverted), greys)
