"""Grids made from the finder itself: whatever its pitch, bow, turn and colour, the module corners are where they were drawn."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.decode.harms import Pose, ink_of, seen
from tests.decode.rendering import draw, modules
from vision.decode.decode import decode
from vision.decode.search import Search, Workspace
from vision.decode.uneven import fit_uneven

WORK = Workspace()
PX = 8.0


def speed_changes(picture: npt.NDArray[np.uint8], swing: float) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64]]:
    """The picture as printed at a speed that swings by a share along its rows, and where each of its columns came to lie."""
    width = picture.shape[1]
    pitch = 1 + swing * np.sin(np.linspace(0, 2 * np.pi, width))
    place = np.cumsum(pitch)
    place *= width / place[-1]
    came = np.interp(np.arange(width), place, np.arange(width)).astype(np.float32)
    x, y = np.meshgrid(came, np.arange(picture.shape[0], dtype=np.float32))
    return np.asarray(cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8), place


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(["10x10", "16x16", "24x24", "16x36", "32x32"]),
    swing=st.floats(-0.35, 0.35),
    turn=st.integers(0, 3),
    inverse=st.booleans(),
    shuffle=st.integers(0, 7),
)
def test_module_corners_are_where_the_changed_speed_put_them(
    name: str, swing: float, turn: int, inverse: bool, shuffle: int
) -> None:
    bits = modules("U1", name)
    picture, corners = draw(bits, PX, 0.0, inverse=inverse, noise=1.0)
    picture, place = speed_changes(picture, swing)
    corners[:, 0] = np.interp(corners[:, 0], np.arange(place.size), place)
    # The four rough corners may start anywhere and run either way round; the print may be seen any way up.
    for _ in range(turn):
        corners = np.stack((corners[:, 1], picture.shape[1] - 1 - corners[:, 0]), axis=-1)
        picture = np.ascontiguousarray(np.rot90(picture))
    rough = np.roll(corners, shuffle % 4, axis=0)[:: 1 if shuffle < 4 else -1] + np.array(((2, -2), (-2, 1), (1, 2), (-1, -1)))
    symbol = fit_uneven(picture, rough, "both", WORK)
    assert symbol is not None
    assert (symbol.rows, symbol.columns, symbol.inverted) == (*bits.shape, inverse)
    assert np.abs(symbol.corners - corners).max() < 0.6 * PX
    centres = np.rint((symbol.grid[:-1, :-1] + symbol.grid[1:, 1:]) / 2).astype(int)
    dark = picture[centres[..., 1], centres[..., 0]] < 128
    assert (dark == (bits.astype(bool) ^ inverse)).mean() > 0.99


@pytest.mark.parametrize("polarity", ["dark", "light"])
def test_only_the_wanted_polarity_is_seen(polarity: str) -> None:
    picture, corners = draw(modules("U2", "18x18"), PX, 3.0, inverse=polarity == "dark")
    assert fit_uneven(picture, corners, polarity, WORK) is None
    assert fit_uneven(255 - picture, corners, polarity, WORK) is not None


@pytest.mark.parametrize("kind", ["noise", "flat", "stripes", "checks"])
def test_no_grid_where_there_is_no_finder(kind: str) -> None:
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:200, 0:200]
    picture = {
        "noise": rng.integers(0, 256, (200, 200)),
        "flat": np.full((200, 200), 90),
        "stripes": 255 * (x // 7 % 2),
        "checks": 255 * ((x // 8 + y // 8) % 2),
    }[kind].astype(np.uint8)
    square = np.array(((30.0, 30.0), (170.0, 30.0), (170.0, 170.0), (30.0, 170.0)))
    assert fit_uneven(picture, square, "both", WORK) is None


def test_a_slipped_print_is_read_only_by_rescues_and_says_so() -> None:
    picture, _ = draw(modules("SLIPPED PRINT 123", "18x18"), PX, 0.0, frame=(300, 300), noise=2.0)
    slipped, _ = speed_changes(picture, 0.6)
    search = Search(symbol_count=1, rescues=True)
    ((_, _, reading),) = [entry for entry in decode(slipped, search, WORK) if entry[2]]
    assert reading is not None and reading.payload == b"SLIPPED PRINT 123" and reading.rescue == "uneven"
    assert reading.evidence_bits >= 30
    assert not decode(slipped, Search(symbol_count=1), WORK) or decode(slipped, Search(symbol_count=1), WORK)[0][2] is None
    assert all(entry[2] is None for entry in decode(slipped, Search(symbol_count=1, rescues=True, sizes=((16, 16),)), WORK))


@pytest.mark.parametrize("name", ["8x64", "12x88", "12x64", "16x64", "20x44", "36x36", "44x44"])
def test_all_shapes_are_read_around_a_bottle(name: str) -> None:
    """As long as 0.8 radii, so that the modules at both ends are seen at four fifths of their width."""
    bits = modules("AROUND A BOTTLE", name)
    rows, columns = bits.shape
    side = 8 * (max(rows, columns) + 16)
    pose = Pose(px=5.0, turn_deg=25.0, radius=0.8, frame=(side * 5 // 8, side * 5 // 8))
    picture = seen(ink_of(bits), (rows, columns), pose, np.random.default_rng(3))
    found = decode(picture, Search(rescues=True), WORK)
    assert [reading.payload for _, _, reading in found if reading] == [b"AROUND A BOTTLE"]
