"""Crops as a verifier saves them: 6 px per module, the quiet zone ends at the picture's side, a little perspective, uneven light,
noise, blur, print growth. Decoded by our own search, graded on the crop's own pixels, against what is true of the picture before
noise and rounding.

LONG=1 takes ten times as many.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from tests.grade.known_symbols import printed_grid, size, true_grid_nonuniformity
from tests.grade.symbol_renderer import matrix, picture
from tests.grade.test_known_values import Case, truth
from vision.decode.decode import decode
from vision.decode.search import Search, Workspace
from vision.grade.grade import grade
from vision.grade.setup import Setup

COUNT = 24 * (10 if os.environ.get("LONG") == "1" else 1)
SC, AN, GN = 0.03, 0.005, 0.04
SHAPES = ((12, 12), (16, 16), (20, 20), (24, 24), (16, 36), (32, 32))


def tilted(random: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """A homography of the plane of modules: up to 1.5 % of the pitch from side to side, as a tilt of some degrees gives it."""
    middle = np.array([[1.0, 0.0, columns / 2], [0.0, 1.0, rows / 2], [0.0, 0.0, 1.0]])
    tilt = np.eye(3)
    tilt[2, :2] = random.uniform(-0.015, 0.015, 2) / max(rows, columns)
    return np.asarray(middle @ tilt @ np.linalg.inv(middle))


def through(matrix3: np.ndarray, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y, w = (row[0] * u + row[1] * v + row[2] for row in matrix3)
    return x / w, y / w


def made(seed: int) -> tuple[Case, np.ndarray, tuple[slice, slice]]:
    """The case, the picture before rounding (no noise), and the part of it that is the crop."""
    random = np.random.default_rng([15415, seed])
    rows, columns = SHAPES[seed % len(SHAPES)]
    there = tilted(random, rows, columns)
    back = np.linalg.inv(there)
    light, ink = float(random.uniform(180, 235)), float(random.uniform(20, 70))
    px = float(random.uniform(5.9, 6.6))
    drawn = picture(
        matrix((rows, columns), "1234"),
        light,
        ink,
        px_per_module=(px, px * float(random.uniform(0.99, 1.01))),
        angle_deg=float(random.choice([0.0, 90.0, random.uniform(-1.5, 1.5)])),
        growth=tuple(random.uniform(-0.08, 0.12, 2)),  # type: ignore[arg-type]
        shift=tuple(random.uniform(-0.5, 0.5, 2)),  # type: ignore[arg-type]
        blur_px=float(random.uniform(0.1, 0.2)) * px,
        warp=lambda u, v: through(back, u, v),
        samples=5,
        lattice=True,
        margin=2.5,
    )
    exact = drawn.exact()
    y, x = np.mgrid[-1 : 1 : exact.shape[0] * 1j, -1 : 1 : exact.shape[1] * 1j]
    exact *= 1.0 + random.uniform(-0.06, 0.06) * x + random.uniform(-0.06, 0.06) * y
    grid = printed_grid(drawn, lambda u, v: through(there, u, v))
    quiet = px * float(random.choice([1.0, 0.9]))  # exactly 1 X, or a little less
    (left, top), (right, bottom) = grid.min(axis=(0, 1)) - quiet, grid.max(axis=(0, 1)) + quiet
    part = slice(round(top), round(bottom) + 1), slice(round(left), round(right) + 1)
    return Case(drawn, False, px, grid, (0,)), exact, part


@pytest.mark.parametrize("seed", range(COUNT))
def test_a_tight_crop_comes_out_as_the_whole_picture(seed: int) -> None:
    case, exact, part = made(seed)
    noise = float(np.random.default_rng(seed).uniform(0.5, 3.0))
    noisy = exact[part] + np.random.default_rng(seed).normal(0.0, noise, exact[part].shape)
    crop = np.clip(np.floor(noisy + 0.5), 0, 255).astype(np.uint8)
    work = Workspace()
    [(symbol, _, reading)] = decode(crop, Search(symbol_count=1), work)
    work.close()
    assert reading is not None
    assert reading.payload == b"1234"
    assert reading.rescue == "", "a small crop is read in the plain view"
    report = grade(crop, symbol, reading, Setup())
    high, low, _, _ = truth(case, exact)
    values = {name: parameter.value for name, parameter in report.parameters.items()}
    spacing = [np.linalg.norm(np.diff(case.grid, axis=axis), axis=-1).mean() for axis in (1, 0)]
    assert values["symbol_contrast"] == pytest.approx((high - low) / 255, abs=SC), "symbol contrast"
    assert values["axial_nonuniformity"] == pytest.approx(abs(spacing[0] - spacing[1]) / (sum(spacing) / 2), abs=AN)
    true = true_grid_nonuniformity(case.grid, size(*case.drawn.dark.shape))
    assert values["grid_nonuniformity"] == pytest.approx(true, abs=GN)
    assert values["unused_error_correction"] == 1.0
    assert report.parameters["decode"].grade == 4.0
    # The grid is that of the crop's own pixels, wherever the search looked.
    assert report.grid is not None
    origin = np.array([part[1].start, part[0].start])
    off = np.linalg.norm(report.grid + origin - case.grid, axis=-1) / case.px
    assert off.max() < 0.15
    for name in ("L1", "L2", "QZL1", "QZL2", "clock_track"):
        assert report.segments[name] == 4.0, name
