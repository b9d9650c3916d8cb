"""From a candidate to a symbol: the grid of module corners, fitted to the printed edges all over the symbol."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from kernels.edges import grid_edges, projective_fit
from vision.decode.locate import Candidate
from vision.decode.search import Workspace
from vision.types import Pixels, Symbol

Grid = npt.NDArray[np.float64]


def projective(quad: Grid, rows: int, columns: int) -> Grid:
    """The regular grid, (rows + 1, columns + 1, 2), spanned by a quad ordered as in `Candidate`."""
    source = np.array(((0, rows), (columns, rows), (columns, 0), (0, 0)), np.float32)
    matrix = cv2.getPerspectiveTransform(source, quad.astype(np.float32))
    return _mapped(matrix, *_ideal(rows, columns))


def _ideal(rows: int, columns: int) -> tuple[Grid, Grid]:
    v, u = np.mgrid[0 : rows + 1, 0 : columns + 1].astype(np.float64)
    return u, v


def _mapped(matrix: npt.NDArray[np.float64], u: Grid, v: Grid) -> Grid:
    w = matrix[2, 0] * u + matrix[2, 1] * v + matrix[2, 2]
    x = (matrix[0, 0] * u + matrix[0, 1] * v + matrix[0, 2]) / w
    y = (matrix[1, 0] * u + matrix[1, 1] * v + matrix[1, 2]) / w
    return np.stack((x, y), axis=-1)


def fit_grid(picture: Pixels, candidate: Candidate, work: Workspace, rounds: int = 4) -> Symbol | None:
    """The symbol of a candidate, as un-mirrored, its grid fitted to the edges; None where too few edges lie on the grid."""
    rows, columns = candidate.rows, candidate.columns
    quad = candidate.quad
    across = work.array("across", (2, rows, columns + 1), np.float32)
    down = work.array("down", (2, rows + 1, columns), np.float32)
    shift = np.zeros(10)
    used = 0
    for step in range(rounds):
        grid = projective(quad, rows, columns)
        least = _least_difference(picture, grid)
        grid_edges(picture, grid, least, across, down)
        fitted = _projective_shift(across, down, 0.5 if step == 0 else 0.3, shift)
        if fitted is None:
            return None
        moves, shift, used = fitted
        quad = _moved(quad, moves, rows, columns)
        if np.abs(moves).max() < 0.01:
            break
    if used < rows + columns or not np.isfinite(quad).all():
        return None
    grid = projective(quad, rows, columns)
    return Symbol(_bent(picture, grid, shift, across, down), inverted=candidate.inverted)


def _least_difference(picture: Pixels, grid: Grid) -> float:
    """Grey levels by which neighbouring modules must differ to have an edge between them: a fifth of the symbol's range."""
    xs = np.clip(np.rint(grid[..., 0]), 0, picture.shape[1] - 1).astype(np.intp)
    ys = np.clip(np.rint(grid[..., 1]), 0, picture.shape[0] - 1).astype(np.intp)
    low, high = np.percentile(picture[ys, xs], (5, 95))
    return max(4.0, 0.25 * float(high - low))


def _projective_shift(
    across: npt.NDArray[np.float32], down: npt.NDArray[np.float32], reach: float, before: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], int] | None:
    """The shift in modules at the corners (4, 2) that the edges ask for, with print growth taken out.

    before: (10,) what is known already; of it only the growth holds for the moved grid. Returns the moves at the corners
    (top-left, top-right, bottom-right, bottom-left), the ten unknowns with all but the growth set to 0, and the edges used.
    """
    row, normal, right = np.zeros(10), np.zeros((10, 10)), np.zeros(10)
    used = int(projective_fit(across, down, reach, before, row, normal, right))
    if used < 20:
        return None
    normal[np.diag_indices(10)] += 0.5
    solved: npt.NDArray[np.float64] = np.linalg.solve(normal, right).astype(np.float64)
    rows, columns = across.shape[1], down.shape[2]
    u = np.array((-1.0, 1.0, 1.0, -1.0))
    v = np.array((-1.0, -1.0, 1.0, 1.0))
    bend = solved[6] * u + solved[7] * v
    move_u = solved[0] + solved[1] * u + solved[2] * v + u * bend * columns / 2
    move_v = solved[3] + solved[4] * u + solved[5] * v + v * bend * rows / 2
    growth = solved.copy()
    growth[:8] = 0
    return np.stack((move_u, move_v), axis=-1), growth, used


def _moved(quad: Grid, moves: Grid, rows: int, columns: int) -> Grid:
    """The quad with its corners moved by so many modules along the grid."""
    source = np.array(((0, rows), (columns, rows), (columns, 0), (0, 0)), np.float32)
    matrix = cv2.getPerspectiveTransform(source, quad.astype(np.float32))
    order = moves[[3, 2, 1, 0]]
    return _mapped(matrix, source[:, 0] + order[:, 0], source[:, 1] + order[:, 1])


def _bent(
    picture: Pixels, grid: Grid, shift: npt.NDArray[np.float64], across: npt.NDArray[np.float32], down: npt.NDArray[np.float32]
) -> Grid:
    """The grid moved to where the edges lie locally: each corner by the weighted mean of the offsets around it."""
    rows, columns = grid.shape[0] - 1, grid.shape[1] - 1
    least = _least_difference(picture, grid)
    grid_edges(picture, grid, least, across, down)
    right = _local(across, shift[8])
    below = _local(down, shift[9])
    move_u = np.zeros((rows + 1, columns + 1))
    move_u[1:-1] = (right[:-1] + right[1:]) / 2
    move_u[0], move_u[-1] = right[0], right[-1]
    move_v = np.zeros((rows + 1, columns + 1))
    move_v[:, 1:-1] = (below[:, :-1] + below[:, 1:]) / 2
    move_v[:, 0], move_v[:, -1] = below[:, 0], below[:, -1]
    unit_u, unit_v = np.gradient(grid, axis=1), np.gradient(grid, axis=0)
    return grid + move_u[..., None] * unit_u + move_v[..., None] * unit_v


def _local(edges: npt.NDArray[np.float32], growth: float) -> Grid:
    """Offsets, growth taken out, smoothed over neighbouring boundaries and drawn to 0 where there are few."""
    offset, sign = edges
    there = (offset < 1.0) & (np.abs(offset - growth * sign) < 0.4)
    weight = there.astype(np.float64)
    value = np.where(there, offset - growth * sign, 0.0).astype(np.float64)
    total = cv2.GaussianBlur(value, (9, 9), 1.6, borderType=cv2.BORDER_REPLICATE)
    mass = cv2.GaussianBlur(weight, (9, 9), 1.6, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(total / (mass + 0.15), np.float64)
