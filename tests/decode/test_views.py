"""What the plain search cannot read is read in another view of the picture - on request, where it lies, and said in the result."""

from __future__ import annotations

import numpy as np
import pytest

from tests.decode.rendering import draw, modules
from vision.decode.decode import decode
from vision.decode.search import Search, Workspace
from vision.decode.views import Clean, View, plain, rescues

WORK = Workspace()
BITS = modules("01049123456789012110")


def small() -> tuple[np.ndarray, np.ndarray, float]:
    """Modules of 1.6 px."""
    picture, corners = draw(BITS, 1.6, 9.0, frame=(300, 320))
    return picture, corners, 1.6


def cut() -> tuple[np.ndarray, np.ndarray, float]:
    """A picture that ends an eighth of a module inside the sides of its symbol; up to these it is read plainly."""
    picture, corners = draw(BITS, 16.0, 0.0, frame=(640, 640))
    (left, top), (right, bottom) = np.round(corners.min(axis=0)).astype(int), np.round(corners.max(axis=0)).astype(int)
    top, left, bottom, right = top + 2, left + 2, bottom - 2, right - 2
    return np.ascontiguousarray(picture[top:bottom, left:right]), corners - (left, top), 16.0


def speckled() -> tuple[np.ndarray, np.ndarray, float]:
    """One pixel in four is black or white."""
    picture, corners = draw(BITS, 4.0, 4.0, frame=(300, 320))
    rng = np.random.default_rng(3)
    hit = rng.random(picture.shape) < 0.25
    picture[hit] = rng.choice(np.array([0, 255], np.uint8), int(hit.sum()))
    return picture, corners, 4.0


@pytest.mark.parametrize(("make", "rescue"), [(small, "enlarged"), (cut, "bordered"), (speckled, "despeckled")])
def test_a_rescue_reads_and_says_so(make, rescue) -> None:  # type: ignore[no-untyped-def]
    picture, corners, px = make()
    assert not any(reading for _, _, reading in decode(picture, Search(symbol_count=1), WORK))
    ((symbol, _, reading),) = decode(picture, Search(symbol_count=1, rescues=True), WORK)
    assert reading is not None
    assert (reading.payload, reading.rescue) == (b"01049123456789012110", rescue)
    assert np.abs(symbol.corners - corners).max() < 0.4 * px


def test_what_is_read_plainly_needs_no_rescue_and_is_not_found_twice() -> None:
    picture, _ = draw(BITS, 5.0, 30.0, frame=(300, 320))
    expected = [reading.payload for _, _, reading in decode(picture, Search(), WORK) if reading]
    found = decode(picture, Search(rescues=True), WORK)
    assert [(reading.payload, reading.rescue) for _, _, reading in found if reading] == [(text, "") for text in expected]
    assert len(expected) == 1


@pytest.mark.parametrize("size", [(40, 30), (300, 280)])
def test_places_go_to_a_view_and_back(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    for view in [plain(pixels), *rescues(pixels, Clean(pixels), WORK), View(pixels, 3, 5, "other")]:
        picture, _ = draw(BITS, 4.0, 9.0, frame=(300, 320))
        ((symbol, _, _),) = decode(picture, Search(symbol_count=1), WORK)
        back = view.in_picture(symbol)
        np.testing.assert_allclose(view.of_picture(back.corners), symbol.corners, atol=1e-9)
