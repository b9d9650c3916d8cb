"""A candidate's way from quad to codewords: the whole gives what its steps give, and the steps what their slow twins give."""

from __future__ import annotations

import numpy as np
import pytest

from kernels.edges import grid_edges, projective_fit
from kernels.grid_fit import bend_grid, fit_quad
from kernels.sampling import sample_modules
from kernels.symbols import TOLD, read_greys, sample_grid, sample_quad
from kernels.threshold import judge_modules
from tests.decode.rendering import draw, modules
from tests.reference import grid_fit as slow
from tests.reference.decode_pictures import bilinear
from vision.decode.placement import codewords_of, modules_of, placement
from vision.decode.symbol_sizes import SIZES, SymbolSize, size_of


def grid_over(corners: np.ndarray, rows: int, columns: int) -> np.ndarray:
    v, u = np.mgrid[0 : rows + 1, 0 : columns + 1].astype(float)
    along, upright = (corners[2] - corners[1]) / columns, (corners[0] - corners[1]) / rows
    return np.ascontiguousarray(corners[1] + u[..., None] * along + v[..., None] * upright)


@pytest.mark.parametrize(("name", "angle_deg", "cut"), [("12x36", 20.0, 0), ("26x26", 5.0, 40), ("8x18", 0.0, 25)])
def test_edges_are_those_found_one_by_one_also_where_the_picture_cuts_the_symbol(name: str, angle_deg: float, cut: int) -> None:
    picture, corners = draw(modules("EDGES", name), 6.0, angle_deg, noise=6.0)
    picture = np.ascontiguousarray(picture[: picture.shape[0] - cut, cut:])
    rows, columns = map(int, name.split("x"))
    grid = grid_over(corners - (cut, 0), rows, columns) + np.random.default_rng(3).normal(0, 0.6, (rows + 1, columns + 1, 2))
    across, down = np.empty((2, rows, columns + 1), np.float32), np.empty((2, rows + 1, columns), np.float32)
    grid_edges(picture, grid, 40.0, across, down)
    expected = slow.edges(picture, grid, 40.0)
    assert (across[0] < 1).mean() > 0.2
    for found, known in zip((across, down), expected, strict=True):
        np.testing.assert_allclose(found, known, atol=1e-5)


def test_equations_are_those_of_the_edges_within_reach() -> None:
    rng = np.random.default_rng(12)
    across, down = (rng.uniform(-0.5, 0.5, (2, *shape)).astype(np.float32) for shape in ((12, 27), (13, 26)))
    for found in (across, down):
        found[1] = np.sign(found[1])
        found[:, rng.random(found[0].shape) < 0.5] = np.array((9, 0), np.float32)[:, None]
    before = rng.normal(0, 0.02, 10)
    normal, right = np.empty((10, 10)), np.empty(10)
    used = projective_fit(across, down, 0.3, before, normal, right)
    known_normal, known_right, known_used = slow.equations(across, down, 0.3, before)
    assert 100 < used == known_used
    np.testing.assert_allclose(normal, known_normal, atol=1e-9)
    np.testing.assert_allclose(right, known_right, atol=1e-9)


@pytest.mark.parametrize("points", [2, 3, 5])
def test_samples_are_means_over_the_aperture_also_where_the_picture_cuts_the_symbol(points: int) -> None:
    picture, corners = draw(modules("SAMPLES", "16x36"), 7.0, 12.0, noise=6.0)
    picture = np.ascontiguousarray(picture[:, 40:])
    grid = grid_over(corners - (40, 0), 16, 36)
    out = np.empty((18, 38), np.float32)
    sample_modules(picture, grid, 0.5, points, out)
    shares = 0.25 + 0.5 * (np.arange(points) + 0.5) / points
    for r, c in np.ndindex(out.shape):
        k, m = min(max(r - 1, 0), 15), min(max(c - 1, 0), 35)
        places = [
            (grid[k, m] * (1 - u) + grid[k, m + 1] * u) * (1 - v) + (grid[k + 1, m] * (1 - u) + grid[k + 1, m + 1] * u) * v
            for v in shares + (r - 1 - k)
            for u in shares + (c - 1 - m)
        ]
        assert out[r, c] == pytest.approx(np.mean([bilinear(picture, *place) for place in places]), abs=0.1)


@pytest.mark.parametrize(("pitch_px", "points"), [(4.0, 2), (8.0, 3), (13.0, 5)])
@pytest.mark.parametrize("inverted", [False, True])
def test_from_a_quad_to_greys_step_by_step(pitch_px: float, points: int, inverted: bool) -> None:
    picture, corners = draw(modules("STEPS", "18x18"), pitch_px, 25.0, noise=3.0)
    quad = corners[[0, 3, 2, 1]] + np.array(((0.5, -0.4), (-0.6, 0.3), (0.4, 0.6), (0.3, -0.5))) * pitch_px / 4
    grid, greys = np.empty((19, 19, 2)), np.empty((20, 20), np.float32)
    used = sample_quad(picture, quad.copy(), 4, inverted, grid, greys)
    regular, bent, shift = np.empty_like(grid), np.empty_like(grid), np.empty(10)
    across, down = np.empty((2, 18, 19), np.float32), np.empty((2, 19, 18), np.float32)
    assert used == fit_quad(picture, quad, 4, regular, across, down, shift) > 36
    bend_grid(regular, across, down, shift, bent)
    np.testing.assert_array_equal(grid, bent)
    expected = np.empty_like(greys)
    sample_modules(picture, grid, 0.5, points, expected)
    np.testing.assert_array_equal(greys, 255 - expected if inverted else expected)
    sample_grid(picture, grid, inverted, expected)
    np.testing.assert_array_equal(greys, expected)


def test_nothing_is_sampled_where_there_are_no_edges() -> None:
    quad = np.array(((20.0, 80.0), (80.0, 80.0), (80.0, 20.0), (20.0, 20.0)))
    grid, greys = np.full((11, 11, 2), 7.0), np.full((12, 12), 7, np.float32)
    assert sample_quad(np.full((100, 100), 90, np.uint8), quad, 4, False, grid, greys) < 20
    assert (grid == 7).all()
    assert (greys == 7).all()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: size.name)
def test_codewords_lie_where_the_placement_says(size: SymbolSize) -> None:
    words = np.random.default_rng(size.total).integers(0, 256, size.total).astype(np.uint8)
    place = placement(size)
    expected = place.pattern.copy()
    expected.ravel()[place.bit_module] = np.unpackbits(words)
    bits = modules_of(words, size)
    np.testing.assert_array_equal(bits, expected)
    np.testing.assert_array_equal(codewords_of(bits, size), words)
    np.testing.assert_array_equal(codewords_of(bits, size), np.packbits(bits.ravel()[place.bit_module]))


@pytest.mark.parametrize(("name", "wrong_words"), [("20x20", 0), ("20x20", 9), ("20x20", 10), ("12x36", 4), ("52x52", 20)])
def test_from_greys_to_codewords_step_by_step(name: str, wrong_words: int) -> None:
    rng = np.random.default_rng(14)
    true = modules("0104012345678901", name)
    size = size_of(*true.shape)
    assert size is not None
    place = placement(size)
    seen = true.copy()
    for k in rng.choice(size.total, wrong_words, replace=False) // size.blocks * size.blocks:
        seen.ravel()[place.bit_module[8 * k + 3]] ^= 1  # all in the first block
    wrong_words = int((codewords_of(seen, size) != codewords_of(true, size)).sum())
    seen[0, 1::2][:3] ^= 1  # and three modules of the finder
    greys = np.pad(200 - 130.0 * seen, 1, constant_values=200).astype(np.float32)
    greys += rng.normal(0, 4, greys.shape).astype(np.float32)
    bits, confidence = np.empty(true.shape, np.uint8), np.empty(true.shape, np.float32)
    known_bits, known_confidence = np.empty_like(bits), np.empty_like(confidence)
    true_bits, words, told = np.full_like(bits, 7), np.empty(size.total, np.uint8), np.empty(TOLD + size.blocks, np.int32)

    def read(most_wrong: int) -> list[int]:
        read_greys(
            greys, 0.0, place.bit_module, place.layout, most_wrong, size.blocks, size.check_per_block,
            bits, confidence, true_bits, words, told,
        )  # fmt: skip
        return list(map(int, told))

    judge_modules(greys, 0.0, known_bits, known_confidence)
    assert read(2)[:2] == [3, 0]
    assert (true_bits == 7).all()
    within = wrong_words <= size.check_per_block // 2
    assert read(3) == [3, int(within), wrong_words if within else -1, *[0] * (size.blocks - 1)]
    np.testing.assert_array_equal(bits, known_bits)
    np.testing.assert_array_equal(bits, seen)
    np.testing.assert_array_equal(confidence, known_confidence)
    if within:
        np.testing.assert_array_equal(true_bits, true)
        np.testing.assert_array_equal(words, codewords_of(true, size))
    else:
        assert (true_bits == 7).all()
