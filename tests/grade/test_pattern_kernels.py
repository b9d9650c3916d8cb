"""Kernels that lay a grid over known modules, against their slow twins."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from kernels import aperture, grid_edges, grid_lines, grid_pattern
from tests.grade.symbol_renderer import Picture, matrix, picture
from tests.reference import grid_pattern as plain

ROWS, COLUMNS = 12, 12
STEP = 0.2


def drawn(inverted: bool) -> Picture:
    light, ink = (220.0, 40.0) if not inverted else (40.0, 220.0)
    return picture(matrix((ROWS, COLUMNS)), light, ink, angle_deg=23.0, px_per_module=(6.0, 6.3), blur_px=0.8, samples=3)


def seen(of: Picture, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The picture as the kernels take it, and the modules' centres of a grid over it."""
    image = np.ascontiguousarray(of.build().astype(np.float32) * aperture.UNITS)
    extended, centres = np.zeros((ROWS + 3, COLUMNS + 3, 2)), np.zeros((ROWS + 4, COLUMNS + 4, 6))
    grid_lines.extend_grid(grid, extended)
    grid_edges.centre_values(image, 0, 0, extended, centres)
    return image, centres


@pytest.mark.parametrize("seed", range(3))
def test_the_grid_without_its_bow(seed: int) -> None:
    random = np.random.default_rng(seed)
    grid = drawn(False).grid() + random.normal(0, 2, (ROWS + 1, COLUMNS + 1, 2))
    found = np.empty_like(grid)
    farthest = grid_pattern.level_grid(grid, found)
    np.testing.assert_allclose(found, plain.level(grid), atol=1e-9)
    assert farthest == pytest.approx(np.linalg.norm(grid - found, axis=-1).max())


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.63, -0.4), (-1.1, 0.9)])
def test_patches_of_known_modules_are_found_where_they_lie(shift: tuple[float, float], inverted: bool) -> None:
    of = drawn(inverted)
    true = of.grid()
    right, down = (true[0, -1] - true[0, 0]) / COLUMNS, (true[-1, 0] - true[0, 0]) / ROWS
    image, centres = seen(of, true - shift[0] * right - shift[1] * down)
    expected = np.zeros((ROWS + 2, COLUMNS + 2), np.uint8)
    expected[1:-1, 1:-1] = of.dark
    expected[4, 5] = 2  # one that is not known
    nodes = np.empty((6, 6, 5))
    assert grid_pattern.pattern_shifts(image, 0, 0, centres, expected, int(inverted), 3, STEP, 6, nodes) == 36
    places = centres[1:-1, 1:-1, :2]
    for i, j in itertools.product(range(6), repeat=2):
        node = min(3 * i, ROWS + 1), min(3 * j, COLUMNS + 1)
        for axis in (0, 1):
            covered = range(
                max(0, node[axis] - grid_pattern.HALF), min((ROWS, COLUMNS)[axis] + 2, node[axis] + grid_pattern.HALF + 1)
            )
            assert nodes[i, j, axis] == (covered[0] + covered[-1]) / 2
        best = np.rint(nodes[i, j, 2:4] / STEP) * STEP
        found = plain.patch_contrast(image, places, expected, inverted, node, grid_pattern.HALF, best)
        assert nodes[i, j, 4] == pytest.approx(found, rel=1e-3) or abs(nodes[i, j, 2:4] / STEP % 1 - 0.5).min() < 0.1
    inner = nodes[1:5, 1:5, 2:4] - shift
    assert np.abs(inner).max() < 0.12, "a whole patch fits at one place only"


@pytest.mark.parametrize("seed", range(3))
def test_the_bow_through_shifts(seed: int) -> None:
    random = np.random.default_rng(seed)
    nodes = np.zeros((6, 7, 5))
    nodes[:, :, 0], nodes[:, :, 1] = np.meshgrid(np.linspace(1, ROWS, 6), np.linspace(1, 18, 7), indexing="ij")
    nodes[:, :, 2:4] = random.uniform(-1, 1, (6, 7, 2))
    nodes[:, :, 4] = random.uniform(-2, 10, (6, 7))  # a patch that fits nowhere has none
    across, down = np.empty((19, ROWS + 1)), np.empty((ROWS + 1, 19))
    assert grid_pattern.bow_of(nodes, across, down) == (nodes[:, :, 4] > 0).sum()
    twin = plain.bow(nodes, (ROWS + 1, 19), grid_pattern.DEGREE, grid_pattern.RIDGE)
    np.testing.assert_allclose(across.T, twin[:, :, 0], atol=1e-7)
    np.testing.assert_allclose(down, twin[:, :, 1], atol=1e-7)
