"""Many symbols in one frame: every one is read, none twice, none invented, whatever was seen before."""

from __future__ import annotations

import numpy as np
import pytest

from bench.render.tray import render_tray
from vision.decode.decode import decode
from vision.decode.reading_order import in_reading_order
from vision.decode.search import Search, Workspace
from vision.types import Symbol


@pytest.mark.parametrize("seed", [1, 2])
def test_a_tray_of_48(seed: int) -> None:
    tray = render_tray(6, 8, seed)
    assert len(set(tray.texts)) == 48
    found = decode(tray.pixels, Search(symbol_count=48, effort=64), Workspace())
    assert [reading.payload.decode() for _, _, reading in found if reading] == list(tray.texts), "reading order, the tray askew"
    assert len(found) == 48


@pytest.mark.parametrize("turned_deg", [-7.0, -3.0, 0.0, 4.0, 8.0])
def test_lines_are_read_as_they_stand_also_askew(turned_deg: float) -> None:
    random, angle = np.random.default_rng(5), np.radians(turned_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    square = np.array([[-60.0, 60.0], [-60.0, -60.0], [60.0, -60.0], [60.0, 60.0]])
    found = []
    for row in range(5):
        for column in range(8):
            centre = turn @ (np.array([280.0 * column, 330.0 * row]) + random.uniform(-15, 15, 2))
            grid = np.array([[square[1], square[2]], [square[0], square[3]]]) + centre
            found.append((Symbol(grid), None, None))
    shuffled = [found[index] for index in random.permutation(len(found))]
    assert in_reading_order(shuffled) == found  # type: ignore[arg-type, comparison-overlap]
    assert in_reading_order(found[:1]) == found[:1] and in_reading_order([]) == []  # type: ignore[arg-type, comparison-overlap]


def test_one_missing_and_none_made_up() -> None:
    tray = render_tray(6, 8, 3)
    frame = tray.pixels.copy()
    found = decode(frame, Search(symbol_count=48, effort=64), Workspace())
    (x0, y0), (x1, y1) = (corner.astype(int) for corner in (found[20][0].corners.min(axis=0), found[20][0].corners.max(axis=0)))
    frame[y0 - 3 : y1 + 4, x0 - 3 : x1 + 4] = 190
    gone = found[20][2]
    assert gone is not None
    left = decode(frame, Search(symbol_count=48, effort=64), Workspace())
    texts = sorted(tray.texts)
    texts.remove(gone.payload.decode())
    assert sorted(reading.payload.decode() for _, _, reading in left if reading) == texts


def test_the_same_tray_is_the_same_frame() -> None:
    assert (render_tray(2, 3, 5).pixels == render_tray(2, 3, 5).pixels).all()
    assert (render_tray(2, 3, 5).pixels != render_tray(2, 3, 6).pixels).any()
    assert render_tray(2, 3, 5).pixels.dtype == np.uint8
