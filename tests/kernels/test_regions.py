"""The kernels behind regions and quads, against plain Python."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.components import rank_parts
from kernels.quads import covering, fits_alike, overlapping, taken_share


def random_quads(rng: np.random.Generator, count: int) -> np.ndarray:
    """Turned squares all over a picture of 300x300."""
    quads = np.empty((count, 4, 2))
    for n in range(count):
        angle, side, centre = rng.uniform(0, 7), rng.uniform(20, 80), rng.uniform(0, 300, 2)
        for corner in range(4):
            turn = angle + corner * math.pi / 2
            quads[n, corner] = centre + side * np.array((math.cos(turn), math.sin(turn)))
    return quads


def covers(quad: np.ndarray, x: float, y: float) -> bool:
    return bool(cv2.pointPolygonTest(quad.astype(np.float32), (x, y), measureDist=False) >= 0)


def test_rank_parts_puts_first_what_is_strong_balanced_and_compact() -> None:
    # blocks, sum of both, energy, second harmonic (2), fourth harmonic (2), angle, extent along and across
    square = [100.0, 100 * 900.0, 1e5, 1e3, 0.0, 5e4, 0.0, 0.0, 10.0, 20.0, 30.0, 40.0]
    bars = [100.0, 100 * 900.0, 1e5, 9e4, 0.0, 5e4, 0.0, 0.0, 50.0, 60.0, 30.0, 40.0]
    faint = [100.0, 100 * 90.0, 1e4, 1e2, 0.0, 5e3, 0.0, 0.0, 70.0, 80.0, 30.0, 40.0]
    again = [*square[:8], 10.5, 20.5, 30.0, 40.0]
    out = np.empty((8, 8))
    count = rank_parts(np.array([bars, faint, square, again]), 16.0, out)
    assert count == 3  # the last one nearly repeats the square
    assert out[0].tolist()[:5] == [15.0 * 16 - 0.5, 35.0 * 16 - 0.5, 0.0, 12.0 * 16, 12.0 * 16]
    assert out[:3, 5].tolist() == sorted(out[:3, 5].tolist(), reverse=True)
    assert out[0, 6] == pytest.approx(100 / 144)
    assert out[0, 7] == pytest.approx(0.99, abs=1e-6)
    assert out[2, 0] == 55.0 * 16 - 0.5  # bars: energy in one direction alone


@given(seed=st.integers(0, 10_000), count=st.integers(0, 6))
def test_quads_are_as_a_library_says(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    quads = random_quads(rng, count)
    x, y = rng.uniform(0, 300, 2)
    inside = [n for n in range(count) if covers(quads[n], x, y)]
    assert covering(quads, x, y) == (inside[0] if inside else -1)
    one = random_quads(rng, 1)
    middles = quads.mean(axis=1)
    expected = any(covers(one[0], *middles[n]) or covers(quads[n], *one[0].mean(axis=0)) for n in range(count))
    assert overlapping(one, quads) == overlapping(quads, one) == expected
    share = taken_share(quads, x, y, 0.0, 200.0, 100.0)
    if inside:
        assert share == 1.0
    else:
        within = [n for n in range(count) if abs(middles[n, 0] - x) < 100 and abs(middles[n, 1] - y) < 50]
        area = sum(cv2.contourArea(quads[n].astype(np.float32)) for n in within)
        assert share == pytest.approx(area / 20000, rel=1e-4)


def test_what_is_about_as_large_is_alike() -> None:
    quads = np.array([[[0.0, 0.0], [100.0, 0.0], [100.0, 40.0], [0.0, 40.0]]])
    for width, height, alike in ((100, 40, True), (40, 100, True), (150, 66, True), (151, 40, False), (100, 23, False)):
        assert fits_alike(quads, width, height, 11.0) == alike
    assert not fits_alike(np.empty((0, 4, 2)), 10.0, 10.0, 5.0)
