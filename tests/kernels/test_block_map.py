"""The map of blocks and its parts: each kernel, and all of them together, against slow twins in plain Python."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.block_map import block_gradients, find_regions, fourth_harmonic, list_blocks, nth_smallest, smooth_blocks
from kernels.components import cut_blocks, rank_parts
from tests.decode.rendering import draw, modules
from tests.reference import decode_pictures as slow

SIZES = st.tuples(st.integers(8, 45), st.integers(16, 70))


def noise(size: tuple[int, int], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8)


def map_of(picture: np.ndarray, planes: int = 7) -> np.ndarray:
    """The scratch of a map, of numbers that nobody must read."""
    return np.full((planes, picture.shape[0] // 8 + 2, picture.shape[1] // 8 + 2), np.nan, np.float32)


def marks_of(blocks: np.ndarray) -> np.ndarray:
    return np.full((3, blocks[0].size), 12345, np.int32)


def listed(blocks: np.ndarray, least: float) -> np.ndarray:
    places = np.empty(blocks[0].size, np.int32)
    return places[: list_blocks(blocks, least, places)]


@given(SIZES, st.integers(0, 2**32))
def test_block_gradients_are_exact(size: tuple[int, int], seed: int) -> None:
    picture = noise(size, seed)
    blocks = map_of(picture)
    block_gradients(picture, blocks)
    # Whole numbers, of which the twin's cosines keep all but the last digits.
    np.testing.assert_array_equal(blocks[:3, 1:-1, 1:-1], np.rint(slow.block_gradients(picture)[:3]))


@pytest.mark.parametrize("stripes", ["level", "upright"])
def test_block_gradients_of_the_strongest_edges(stripes: str) -> None:
    """Of black and white stripes two pixels wide, each difference is 255."""
    line = np.tile(np.array((0, 0, 255, 255), np.uint8), 20)
    picture = np.tile(line, (80, 1)) if stripes == "upright" else np.tile(line[:, None], (1, 80))
    picture = np.ascontiguousarray(picture)
    blocks = map_of(picture)
    block_gradients(picture, blocks)
    assert blocks[0, 2:-2, 2:-2].max() == blocks[0, 2:-2, 2:-2].min() == 32 * 255**2
    assert (blocks[1, 2:-2, 2:-2] == (1 if stripes == "upright" else -1) * blocks[0, 2:-2, 2:-2]).all()
    assert (blocks[2, 1:-1, 1:-1] == 0).all()


@given(SIZES, st.integers(0, 2**32), st.floats(0, 1))
def test_fourth_harmonic(size: tuple[int, int], seed: int, share: float) -> None:
    picture = noise(size, seed)
    true = slow.block_gradients(picture)
    blocks = map_of(picture)
    blocks[5, 1:-1, 1:-1] = true[0]
    least = float(np.quantile(true[0], share))
    places = listed(blocks, least)
    fourth_harmonic(picture, places, blocks)
    expected = np.where(blocks[5, 1:-1, 1:-1].astype(float) >= least, true[3:], np.nan)
    np.testing.assert_allclose(blocks[3:5, 1:-1, 1:-1], expected, rtol=1e-3, atol=30)


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (7, 9)])
def test_smooth_blocks(shape: tuple[int, int]) -> None:
    blocks = np.full((6, shape[0] + 2, shape[1] + 2), np.nan, np.float32)
    blocks[:3, 1:-1, 1:-1] = np.random.default_rng(4).normal(50, 20, (3, *shape))
    padded = np.pad(blocks[:3, 1:-1, 1:-1].astype(float), ((0, 0), (1, 1), (1, 1)), mode="edge")
    out = np.empty(shape[0] * shape[1], np.float32)
    smooth_blocks(blocks, 0.5, out)
    for r in range(shape[0]):
        for c in range(shape[1]):
            energy, even, odd = padded[:, r : r + 3, c : c + 3].mean(axis=(1, 2)) * 0.5
            assert out[r * shape[1] + c] == pytest.approx(energy, rel=1e-4)
            assert blocks[5, r + 1, c + 1] == pytest.approx(max(energy - math.hypot(even, odd), 0.0), rel=1e-3, abs=1e-3)


VALUES = st.lists(st.floats(0, 1e9, width=32), min_size=1, max_size=60)


@given(VALUES, st.data(), st.floats(0, 1e3, width=32), st.floats(0, 1e6, width=32))
def test_nth_smallest_is_that_of_the_sorted(values: list[float], data: st.DataObject, least: float, more: float) -> None:
    rank, most = data.draw(st.integers(0, len(values) - 1)), float(np.float32(least + more))
    got = nth_smallest(np.array(values, np.float32), rank, least, most)
    assert got == min(max(sorted(values)[rank], least), most)


def test_cut_blocks() -> None:
    rng = np.random.default_rng(3)
    blocks = np.full((6, 14, 19), np.nan, np.float32)
    blocks[:5, 1:-1, 1:-1] = rng.random((5, 12, 17))
    both = blocks[5, 1:-1, 1:-1]
    both[:] = 3 ** rng.uniform(-1, 2.9, (12, 17))
    marks, out = marks_of(blocks), np.empty((64, 12))
    count = cut_blocks(blocks, 1.0, list_blocks(blocks, 1.0, marks[1]), 3, marks, out)
    expected = [part for level in (1.0, 3.0, 9.0) for part in slow.parts_above(both, level, 3)]
    assert count == len(expected) >= 8
    got = sorted((int(row[0]), round(float(row[1]), 3)) for row in out[:count])
    assert got == sorted((len(part), round(sum(float(both[at]) for at in part), 3)) for part in expected)
    for row in out[:count]:
        (part,) = (part for part in expected if abs(sum(float(both[at]) for at in part) - row[1]) < 1e-4)
        np.testing.assert_allclose(row[2:7], [sum(float(plane[at]) for at in part) for plane in blocks[:5, 1:-1, 1:-1]], rtol=1e-9)
        assert row[7] == pytest.approx(math.atan2(row[6], row[5]) / 4)
        along = [(c + 0.5) * np.cos(row[7]) + (r + 0.5) * np.sin(row[7]) for r, c in part]
        across = [(r + 0.5) * np.cos(row[7]) - (c + 0.5) * np.sin(row[7]) for r, c in part]
        assert row[8:12] == pytest.approx((min(along), max(along), min(across), max(across)), abs=1e-9)
    few = np.empty((4, 12))
    assert cut_blocks(blocks, 1.0, list_blocks(blocks, 1.0, marks[1]), 3, marks, few) == 4
    np.testing.assert_array_equal(few, out[:4])


@pytest.mark.parametrize("seed", range(4))
def test_find_regions_is_its_slow_twin(seed: int) -> None:
    picture, _ = draw(modules("0104012345678901", "16x16"), 6.0, 23.0 * seed, noise=(0.0, 2.0, 6.0, 12.0)[seed], frame=(248, 267))
    if seed == 3:
        picture = cv2.resize(noise((62, 89), seed), (267, 248))
    blocks, out = map_of(picture), np.empty((512, 8))
    count = find_regions(picture, 16.0, 12.0, 600.0, 5, blocks, marks_of(blocks), np.empty((512, 12)), out)
    parts = slow.parts_of(picture, 12.0, 600.0, 5)
    expected = np.empty((512, 8))
    assert count == rank_parts(np.array(parts), 16.0, expected) > 0
    np.testing.assert_allclose(out[:count], expected[:count], rtol=1e-3, atol=1e-2)


def test_find_regions_of_nothing() -> None:
    for size in ((8, 16), (9, 17), (64, 80)):
        picture = np.full(size, 90, np.uint8)
        blocks = map_of(picture)
        assert find_regions(picture, 8.0, 12.0, 600.0, 1, blocks, marks_of(blocks), np.empty((8, 12)), np.empty((8, 8))) == 0
