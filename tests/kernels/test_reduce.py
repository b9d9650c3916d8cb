"""The pyramid's kernels against slow twins in plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.reduce import enlarge, frame_sum, halve

SIZES = st.tuples(st.integers(1, 23), st.integers(1, 23))


def noise(size: tuple[int, int], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8)


def slow_enlarge(frame: np.ndarray) -> np.ndarray:
    """Catmull-Rom at quarters of a pixel, one output pixel at a time."""
    height, width = frame.shape
    out = np.empty((2 * height, 2 * width), np.uint8)
    for y in range(2 * height):
        for x in range(2 * width):
            total = 0
            at_y, at_x = (y + 0.5) / 2 - 0.5, (x + 0.5) / 2 - 0.5
            for j in range(-1, 3):
                for i in range(-1, 3):
                    row, column = int(np.floor(at_y)) + j, int(np.floor(at_x)) + i
                    weight = cubic(at_y - row) * cubic(at_x - column)
                    total += weight * float(frame[min(max(row, 0), height - 1), min(max(column, 0), width - 1)])
            out[y, x] = min(max(int(np.floor(total + 0.5)), 0), 255)
    return out


def cubic(t: float) -> float:
    t = abs(t)
    return 1.5 * t**3 - 2.5 * t**2 + 1 if t < 1 else -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0


@given(SIZES, st.integers(0, 2**32))
def test_enlarge_is_its_slow_twin(size: tuple[int, int], seed: int) -> None:
    frame = noise(size, seed)
    out = np.empty((2 * size[0], 2 * size[1]), np.uint8)
    enlarge(frame, out)
    np.testing.assert_array_equal(out, slow_enlarge(frame))


@given(SIZES, st.integers(0, 2**32))
def test_halve_is_the_mean_of_four(size: tuple[int, int], seed: int) -> None:
    frame = noise(size, seed)
    out = np.empty((size[0] // 2, size[1] // 2), np.uint8)
    halve(frame, out)
    even = frame[: 2 * out.shape[0], : 2 * out.shape[1]].astype(int)
    sums = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
    np.testing.assert_array_equal(out, (sums + 2) // 4)


@pytest.mark.parametrize("turn", range(4))
def test_enlarge_turns_with_the_frame(turn: int) -> None:
    frame = noise((17, 12), 1)
    plain, turned = np.empty((34, 24), np.uint8), np.empty((34, 24) if turn % 2 == 0 else (24, 34), np.uint8)
    enlarge(frame, plain)
    enlarge(np.ascontiguousarray(np.rot90(frame, turn)), turned)
    np.testing.assert_array_equal(turned, np.rot90(plain, turn))


@given(size=st.tuples(st.integers(1, 40), st.integers(1, 40)), seed=st.integers(0, 99))
def test_frame_sum_is_the_sum(size: tuple[int, int], seed: int) -> None:
    frame = noise(size, seed)
    assert frame_sum(frame) == sum(int(grey) for grey in frame.ravel())
