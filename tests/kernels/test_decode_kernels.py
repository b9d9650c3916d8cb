"""Each picture kernel of the decoder gives what its slow plain twin gives, or what its picture was built from."""

from __future__ import annotations

import numpy as np
import pytest

from kernels.edges import grid_edges, projective_fit
from kernels.lines import consistency, pair_lines, pick_lines, quad_lines, straight_runs, strip_edges
from kernels.patterns import comb_scores, match_clocks
from kernels.sampling import edge_profile, sample_modules, turn_upright
from tests.decode.rendering import draw, modules
from tests.reference import decode_pictures as slow


@pytest.fixture(name="picture")
def a_picture() -> np.ndarray:
    rng = np.random.default_rng(2)
    return rng.integers(0, 256, (45, 61)).astype(np.uint8)


@pytest.mark.parametrize("start", [(-3.0, 5.0), (20.0, 16.0), (56.0, 30.0), (-40.0, -40.0)])
@pytest.mark.parametrize("right", [(2.1, 0.7), (0.9, 0.0), (-0.7, 0.4), (0.0, -0.5)])
def test_turn_upright(picture: np.ndarray, start: tuple[float, float], right: tuple[float, float]) -> None:
    out = np.empty((19, 21), np.float32)
    turn_upright(picture, *start, *right, -right[1], right[0], out)
    for j in range(19):
        for i in range(21):
            place = (start[0] + right[0] * i - right[1] * j, start[1] + right[1] * i + right[0] * j)
            inside = 0 <= place[0] < 58 and 0 <= place[1] < 42
            # Inside, places are rounded down to 1/256 pixel, where the grey may change by 255.
            assert out[j, i] == pytest.approx(slow.bilinear(picture, *place), abs=2.0 if inside else 1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (4, 60), (60, 3), (9, 70000)])
def test_turn_upright_of_pictures_too_small_or_too_wide(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(6).integers(0, 256, shape, dtype=np.uint8)
    out = np.empty((9, 11), np.float32)
    turn_upright(picture, shape[1] - 8.0, -1.0, 0.5, 0.25, -0.25, 0.5, out)
    for j in range(9):
        for i in range(11):
            assert out[j, i] == pytest.approx(
                slow.bilinear(picture, shape[1] - 8.0 + 0.5 * i - 0.25 * j, -1.0 + 0.25 * i + 0.5 * j), abs=1e-3
            )


def test_sample_modules() -> None:
    rows, columns, px = 4, 6, 10
    cells = np.random.default_rng(4).integers(0, 256, (rows + 2, columns + 2)).astype(np.uint8)
    picture = np.kron(cells, np.ones((px, px), np.uint8))
    y, x = np.mgrid[0 : rows + 1, 0 : columns + 1] * float(px) + px - 0.5
    out = np.empty((rows + 2, columns + 2), np.float32)
    sample_modules(picture, np.stack((x, y), axis=-1), 0.5, 3, out)
    np.testing.assert_allclose(out, cells, atol=1e-3)


def test_edge_profile(picture: np.ndarray) -> None:
    out = np.empty(7, np.float32)
    edge_profile(picture, 10.0, 12.0, 1.5, 0.2, -0.2, 1.5, 4, out)
    for i in range(7):
        total = 0.0
        for j in range(4):
            x, y = 10.0 + 1.5 * i - 0.2 * j, 12.0 + 0.2 * i + 1.5 * j
            total += (slow.bilinear(picture, x + 0.75, y + 0.1) - slow.bilinear(picture, x - 0.75, y - 0.1)) ** 2
        assert out[i] == pytest.approx(total, rel=1e-3, abs=0.1)


def test_strip_edges_and_straight_runs() -> None:
    patch = np.random.default_rng(5).normal(100, 20, (52, 30)).astype(np.float32)
    strips = np.empty((6, 30), np.float32)
    mean = strip_edges(patch, strips)
    np.testing.assert_allclose(strips, slow.strip_edges(patch), atol=1e-3)
    assert mean == pytest.approx(np.abs(slow.strip_edges(patch)).mean(), rel=1e-4)
    edges = np.empty_like(strips)
    consistency(strips, 3.0, edges)
    np.testing.assert_allclose(edges, strips / (np.abs(strips) + 3.0), atol=1e-6)
    runs = np.empty((2, 2, 30), np.float32)
    straight_runs(edges, 0.6, 5, 0.2, runs)
    slopes = [-0.6, -0.3, 0.0, 0.3, 0.6]
    for x in range(30):
        for index, sign in enumerate((1, -1)):
            assert runs[index, 0, x] == pytest.approx(slow.best_run(edges, x, sign, slopes, 0.2), abs=1e-4)


def lines_of(patch: np.ndarray) -> np.ndarray:
    strips = np.empty((patch.shape[0] // 8, patch.shape[1]), np.float32)
    strip_edges(patch, strips)
    edges = np.empty_like(strips)
    consistency(strips, 3.0, edges)
    runs = np.empty((2, 2, patch.shape[1]), np.float32)
    straight_runs(edges, 0.5, 9, 0.4, runs)
    out = np.empty((4, 7))
    return out[: pick_lines(strips, edges, runs, 0.4, 4, 0.5, out)]


def test_pick_lines_finds_an_edge_to_a_fraction_of_a_pixel() -> None:
    y, x = np.mgrid[0:96, 0:80].astype(float)
    for sign, start, slope in ((1, 30.3, 0.04), (-1, 50.7, -0.03)):
        side = np.clip(x - (start + slope * y) + 0.5, 0, 1)
        line = lines_of((120 + 80 * sign * (side - 0.5)).astype(np.float32))[0]
        assert line[0] == sign
        assert line[2] + line[3] * 48 == pytest.approx(start + slope * 48, abs=0.2)
        assert line[3] == pytest.approx(slope, abs=0.01)
        assert (line[4], line[5]) == (0, 95)
        assert np.exp(line[6]) == pytest.approx(80, rel=0.15)  # right less left neighbour of an edge of 80 grey levels


def test_pairs_and_quads_of_the_outline_of_a_dark_box() -> None:
    # sign, score, x at row 0, slope, first row, last row, logarithm of its edge; a box from (20, 30) to (80, 100)
    upright = np.array(((-1, 5, 20, 0.0, 30, 100, 4.0), (1, 5, 80, 0.0, 30, 100, 3.3)), float)
    level = np.array(((-1, 5, 30, 0.0, 20, 80, 3.3), (1, 5, 100, 0.0, 20, 80, 4.0)), float)
    pairs = np.empty((32, 8))
    count = pair_lines(upright, 2, level, 2, 14.0, 6.0, pairs)
    corners = {tuple(row[2:4]) for row in pairs[:count] if row[1] == 1}
    assert corners == {(20, 30), (80, 30), (20, 100), (80, 100)}
    assert not [row for row in pairs[:count] if row[1] == -1]
    quads = np.empty((8, 10))
    assert quad_lines(upright, 2, level, 2, 14.0, -1.0, 0.0, 0.0, quads) == 0
    assert quad_lines(upright, 2, level, 2, 14.0, 1.0, 0.0, 0.0, quads) == 1
    assert quad_lines(upright, 2, level, 2, 14.0, 0.0, 0.0, 0.0, quads) == 1
    assert quads[0] == pytest.approx([20, 1, 20, 30, 80, 30, 80, 100, 20, 100])
    # It is 60 wide and 70 high: wanted sides may be 15 % off.
    for short, long, count in ((60.0, 70.0, 1), (54.0, 79.0, 1), (60.0, 60.0, 0), (72.0, 72.0, 0), (51.0, 70.0, 0)):
        assert quad_lines(upright, 2, level, 2, 14.0, 0.0, short, long, quads) == count
    # Sides that are all alike, or solid opposite to solid, are less like a finder's.
    for edges in ((4.0, 4.0, 4.0, 4.0), (4.0, 4.0, 3.3, 3.3), (3.3, 4.0, 4.0, 3.3), (3.5, 4.0, 3.8, 3.9)):
        upright[:, 6], level[:, 6] = edges[:2], edges[2:]
        assert quad_lines(upright, 2, level, 2, 14.0, 0.0, 0.0, 0.0, quads) == 1
        assert quads[0, 0] == pytest.approx(20 * np.exp(-1.2 * slow.unlike_finder(*edges)))


def test_comb_scores() -> None:
    profile = np.random.default_rng(6).random(200).astype(np.float32)
    profile[5::9] += 4
    scores = np.empty(60)
    comb_scores(profile, 5.0, 4.0, 1.03, scores)
    for k in range(60):
        assert scores[k] == pytest.approx(slow.comb(profile.astype(float), 5.0, 4.0 * 1.03**k), abs=1e-6)
    pitches = 4.0 * 1.03 ** np.arange(60)
    # A comb of half the pitch fits as well; of all longer ones the true pitch fits best.
    assert pitches[pitches > 6][scores[pitches > 6].argmax()] == pytest.approx(9.0, rel=0.02)


def test_match_clocks_prefers_the_true_number_of_modules_and_finds_the_far_corner() -> None:
    picture, corners = draw(modules("CLOCK", "20x20"), 8.0, 15.0)
    quad = corners[[0, 3, 2, 1]]
    moved = quad.copy()
    moved[2] += (quad[1] - quad[0]) / 20  # one module too far right
    shapes = np.array([(columns, rows) for columns in (16, 18, 20, 22) for rows in (18, 20, 22)], np.int32)
    scores = np.empty((len(shapes), 3))
    match_clocks(picture, np.stack([quad] * len(shapes)), shapes, 1.0, 0.0, 0, -1.0, scores)
    assert shapes[scores[:, 0].argmax()].tolist() == [20, 20]
    true = scores[:, 0].max()
    match_clocks(picture, moved[None], np.array([(20, 20)], np.int32), 1.0, 1.0, 2, -1.0, scores[:1])
    assert scores[0, 1] in (-1.0, -0.5)
    assert scores[0, 2] == 0.0
    assert scores[0, 0] == pytest.approx(true, abs=0.05)
    match_clocks(picture, quad[None], np.array([(20, 20)], np.int32), -1.0, 0.0, 0, -1.0, scores[:1])
    assert scores[0, 0] == -2


def test_grid_edges_and_projective_fit_find_a_shifted_grid() -> None:
    picture, corners = draw(modules("GRID", "20x20"), 10.0, 0.0)
    left, top = corners[1]
    v, u = np.mgrid[0:21, 0:21].astype(float)
    grid = np.stack((left + 10 * u + 1.5, top + 10 * v - 2.0), axis=-1)
    across, down = np.empty((2, 20, 21), np.float32), np.empty((2, 21, 20), np.float32)
    grid_edges(picture, grid, 40.0, across, down)
    there = across[0] < 1
    assert there[:, 0].all()  # the whole left bar has an edge against the quiet zone
    assert np.median(across[0][there]) == pytest.approx(-0.15, abs=0.02)
    assert np.median(down[0][down[0] < 1]) == pytest.approx(0.2, abs=0.02)
    assert (across[1][:, 0] == -1).all()  # darker to the right
    normal, right = np.empty((10, 10)), np.empty(10)
    used = projective_fit(across, down, 0.5, np.zeros(10), normal, right)
    assert used == there.sum() + (down[0] < 1).sum()
    solved = np.linalg.solve(normal, right)
    assert solved[[0, 3]] == pytest.approx((-0.15, 0.2), abs=0.02)
    assert np.abs(np.delete(solved, [0, 3])).max() < 0.03
