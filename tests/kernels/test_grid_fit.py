"""The decoder's kernels for fitting and judging a grid against their slow twins."""

from __future__ import annotations

import numpy as np
import pytest

from kernels.components import unlike_boxes
from kernels.grid_fit import bend_grid, fit_quad, least_difference
from kernels.lines import consistency, pick_lines, straight_runs, strip_edges
from kernels.patterns import match_clocks
from kernels.threshold import FINDER, finder_errors, judge_modules, local_threshold
from tests.decode.rendering import draw, modules
from tests.reference import grid_fit as slow


@pytest.mark.parametrize("shape", [(8, 18), (10, 10), (26, 64)])
def test_local_threshold(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(7)
    light = np.linspace(90, 220, shape[1])
    greys = (light - 60 * rng.integers(0, 2, shape) + rng.normal(0, 5, shape)).astype(np.float32)
    threshold, half = np.empty(shape, np.float32), np.empty(shape, np.float32)
    local_threshold(greys, threshold, half)
    expected = slow.local_threshold(greys.astype(float))
    np.testing.assert_allclose(threshold, expected[0], atol=0.02)
    np.testing.assert_allclose(half, expected[1], atol=0.02)


def test_least_difference() -> None:
    rng = np.random.default_rng(8)
    picture = rng.integers(0, 256, (50, 70)).astype(np.uint8)
    for contrast in (1.0, 0.3, 0.02):
        faint = (picture * contrast).astype(np.uint8)
        grid = rng.uniform(-10, 80, (9, 13, 2))
        assert least_difference(faint, grid) == pytest.approx(slow.least_difference(faint, grid), abs=1e-9)


def test_bend_grid() -> None:
    rng = np.random.default_rng(9)
    rows, columns = 10, 14
    v, u = np.mgrid[0 : rows + 1, 0 : columns + 1].astype(float)
    grid = np.stack((7 * u + 0.5 * v, 6.5 * v - 0.4 * u), axis=-1)
    across, down = (rng.uniform(-0.5, 0.5, (2, *shape)).astype(np.float32) for shape in ((rows, columns + 1), (rows + 1, columns)))
    for edges in (across, down):
        edges[1] = np.sign(edges[1])
        edges[0][rng.random(edges[0].shape) < 0.4] = 9
    shift = np.zeros(10)
    shift[8:] = 0.06, -0.04
    out = np.empty_like(grid)
    bend_grid(grid, across, down, shift, out)
    right = slow.smoothed(across[0].astype(float), across[1].astype(float), 0.06)
    below = slow.smoothed(down[0].astype(float), down[1].astype(float), -0.04)
    np.testing.assert_allclose(out, slow.bent(grid, right, below), atol=1e-5)


@pytest.mark.parametrize(("name", "angle_deg"), [("20x20", 0.0), ("16x48", 33.0)])
def test_fit_quad_finds_back_what_was_moved(name: str, angle_deg: float) -> None:
    picture, corners = draw(modules("FIT", name), 7.0, angle_deg)
    rows, columns = map(int, name.split("x"))
    true = corners[[0, 3, 2, 1]]
    quad = true + np.array(((2.0, -1.0), (-2.5, 1.0), (2.0, 2.5), (1.0, -2.0)))
    grid, shift = np.empty((rows + 1, columns + 1, 2)), np.empty(10)
    across, down = np.empty((2, rows, columns + 1), np.float32), np.empty((2, rows + 1, columns), np.float32)
    used = fit_quad(picture, quad, 4, grid, across, down, shift)
    assert used > rows + columns
    assert np.abs(quad - true).max() < 0.35
    assert np.abs(grid[[-1, -1, 0, 0], [0, -1, -1, 0]] - quad).max() < 1e-9
    assert (shift[:8] == 0).all()


def test_fit_quad_gives_up_where_there_are_no_edges() -> None:
    quad = np.array(((20.0, 80.0), (80.0, 80.0), (80.0, 20.0), (20.0, 20.0)))
    across, down = np.empty((2, 10, 11), np.float32), np.empty((2, 11, 10), np.float32)
    picture = np.full((100, 100), 90, np.uint8)
    assert fit_quad(picture, quad, 4, np.empty((11, 11, 2)), across, down, np.empty(10)) == -1


def test_unlike_boxes() -> None:
    rng = np.random.default_rng(10)
    boxes = np.concatenate((rng.uniform(0, 300, (200, 2)), rng.uniform(60, 120, (200, 2))), axis=1)
    order = rng.permutation(200)
    kept = np.empty(200, np.int64)
    count = unlike_boxes(boxes, order, kept)
    expected = slow.unlike_boxes(boxes, order.tolist())
    assert 0 < len(expected) < 200
    assert kept[:count].tolist() == expected


def test_a_line_begins_and_ends_where_its_edge_does() -> None:
    patch = np.full((160, 60), 200, np.float32)
    patch[40:120, 30:] = 60
    strips = np.empty((20, 60), np.float32)
    strip_edges(patch, strips)
    edges, runs, lines = np.empty_like(strips), np.empty((2, 2, 60), np.float32), np.empty((3, 7))
    consistency(strips, 3.0, edges)
    straight_runs(edges, 0.4, 9, 0.4, runs)
    assert pick_lines(strips, edges, runs, 0.4, 3, 0.5, lines) >= 1
    assert lines[0, [0, 4, 5]].tolist() == [-1, 40, 119]
    assert lines[0, 2] == pytest.approx(29.5, abs=0.2)


def test_match_clocks_gives_the_same_score_whatever_least_is_when_that_is_reached() -> None:
    picture, corners = draw(modules("CLOCK", "20x20"), 8.0, 15.0)
    quads = np.repeat(corners[None, [0, 3, 2, 1]], 3, axis=0)
    shapes = np.array(((20, 20), (18, 20), (10, 10)), np.int32)
    free, bound = np.empty((3, 3)), np.empty((3, 3))
    match_clocks(picture, quads, shapes, 1.0, 0.6, 2, -1.0, free)
    match_clocks(picture, quads, shapes, 1.0, 0.6, 2, 0.1, bound)
    assert free[0, 0] > 0.1
    reached = free[:, 0] > 0.1
    assert (bound[reached] == free[reached]).all()


@pytest.mark.parametrize("sharpen", [0.0, 0.25])
@pytest.mark.parametrize("shape", [(8, 18), (24, 24)])
def test_judge_modules_and_finder_errors(shape: tuple[int, int], sharpen: float) -> None:
    rng = np.random.default_rng(11)
    rows, columns = shape
    greys = (rng.integers(0, 2, (rows + 2, columns + 2)) * 120 + 60 + rng.normal(0, 8, (rows + 2, columns + 2))).astype(np.float32)
    bits, confidence = np.empty(shape, np.uint8), np.empty(shape, np.float32)
    judge_modules(greys, sharpen, bits, confidence)
    exact = greys.astype(float)
    around = exact[:-2, 1:-1] + exact[2:, 1:-1] + exact[1:-1, :-2] + exact[1:-1, 2:]
    inner = exact[1:-1, 1:-1] * (1 + 4 * sharpen) - sharpen * around
    threshold, half = slow.local_threshold(inner)
    sure = np.abs(inner - threshold) > 0.1
    assert (bits[sure] == (inner < threshold)[sure]).all()
    np.testing.assert_allclose(confidence, np.minimum(np.abs(inner - threshold) / half, 1), atol=2e-3)
    pattern, finder = rng.integers(0, 2, shape).astype(np.uint8), rng.integers(0, 2, shape).astype(np.bool_)
    assert finder_errors(bits, pattern + FINDER * finder.astype(np.uint8)) == (bits != pattern)[finder].sum()
