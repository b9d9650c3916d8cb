"""Slow twins of kernels/grid_pattern.py: a grid without its bow, how known patches fit, the bow through their shifts."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from tests.reference.grid_edges import value_at

Floats = npt.NDArray[np.float64]


def level(grid: Floats) -> Floats:
    """The bilinear grid nearest to this one."""
    v, u = np.meshgrid(np.linspace(-1, 1, grid.shape[0]), np.linspace(-1, 1, grid.shape[1]), indexing="ij")
    terms = np.stack((np.ones_like(u), u, v, u * v), axis=-1).reshape(-1, 4)
    return np.asarray((terms @ np.linalg.lstsq(terms, grid.reshape(-1, 2), rcond=None)[0]).reshape(grid.shape))


def patch_contrast(
    image: Floats, centres: Floats, expected: npt.NDArray[np.uint8], inverted: bool, node: tuple[int, int], half: int, shift: Floats
) -> float:
    """Mean of the light modules of the patch around a node less that of its dark ones, the patch moved by a shift (right, down).

    centres: (rows + 2, columns + 2, 2) x, y of each module, its ring included.
    """
    rows = range(max(0, node[0] - half), min(expected.shape[0], node[0] + half + 1))
    columns = range(max(0, node[1] - half), min(expected.shape[1], node[1] + half + 1))
    right = (centres[node[0], columns[-1]] - centres[node[0], columns[0]]) / (len(columns) - 1)
    down = (centres[rows[-1], node[1]] - centres[rows[0], node[1]]) / (len(rows) - 1)
    seen: dict[bool, list[float]] = {True: [], False: []}
    for r, c in itertools.product(rows, columns):
        if expected[r, c] < 2:
            x, y = centres[r, c] + shift[0] * right + shift[1] * down
            seen[(expected[r, c] == 1) == inverted].append(value_at(image, x, y))
    return float(np.mean(seen[True]) - np.mean(seen[False]))


def bow(nodes: Floats, shape: tuple[int, int], degree: int, ridge: float) -> Floats:
    """The polynomial of least squares through the shifts (right, down) of nodes, (rows + 1, columns + 1, 2) at intersections."""
    powers = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
    height, width = shape

    def terms(u: Floats, v: Floats) -> Floats:
        return np.stack([u**i * v**j for i, j in powers], axis=-1)

    flat = nodes.reshape(-1, 5)
    flat = flat[flat[:, 4] > 0]
    weight = flat[:, 4:] / flat[:, 4].max()
    known = terms(2 * (flat[:, 1] - 0.5) / (width - 1) - 1, 2 * (flat[:, 0] - 0.5) / (height - 1) - 1)
    quiet = np.sqrt(ridge) * np.eye(len(powers))
    made, said = np.vstack((known * weight, quiet)), np.vstack((flat[:, 2:4] * weight, np.zeros((len(powers), 2))))
    found = np.linalg.lstsq(made, said, rcond=None)[0]
    v, u = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return np.asarray(terms(u, v) @ found)
