"""What a frame must give: the symbols in it, where they lie and what they say - and nothing where there is none."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.decode.rendering import SIZES, draw, modules
from vision.decode.decode import Found, decode
from vision.decode.search import Search, Workspace
from vision.verdict.recipe import EXTRA_EFFORT

WORK = Workspace()
ONE = Search(symbol_count=1)


def only(found: list[Found]) -> Found:
    assert len(found) == 1
    return found[0]


def assert_read(found: list[Found], text: str, bits: np.ndarray, corners: np.ndarray, px: float) -> Found:
    symbol, seen, reading = entry = only(found)
    assert reading is not None
    assert reading.payload == text.encode()
    assert (reading.bits == bits).all()
    assert seen.bits.shape == bits.shape == (symbol.rows, symbol.columns)
    assert np.abs(symbol.corners - corners).max() < 0.25 * px
    return entry


@pytest.mark.parametrize("name", SIZES)
def test_every_size_is_found_and_read(name: str) -> None:
    px = 4.0 if int(name.split("x")[1]) > 60 else 6.0
    bits = modules("Q7", name)
    picture, corners = draw(bits, px, angle_deg=11.0, noise=2.0)
    symbol, _, reading = assert_read(decode(picture, ONE, WORK), "Q7", bits, corners, px)
    assert reading is not None
    assert not symbol.inverted
    assert not symbol.mirrored
    assert symbol.px_per_module == pytest.approx(px, rel=0.03)
    assert reading.codewords.corrected == sum(reading.corrected_per_block) == 0
    assert sum(reading.check_per_block) == reading.codewords.check


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    text=st.text("ABCDEFGHIJ0123456789abcdef", min_size=4, max_size=24),
    angle=st.floats(0, 360),
    px=st.floats(4.5, 9),
    inverse=st.booleans(),
    mirrored=st.booleans(),
    tilt=st.floats(0, 0.1),
    seed=st.integers(0, 1000),
)
def test_however_it_lies_it_is_read(
    text: str, angle: float, px: float, inverse: bool, mirrored: bool, tilt: float, seed: int
) -> None:
    bits = modules(text)
    picture, corners = draw(bits, px, angle, inverse=inverse, mirrored=mirrored, tilt=tilt, noise=3.0, seed=seed, frame=(420, 500))
    symbol, _, reading = only(decode(picture, ONE, WORK))
    assert reading is not None
    assert reading.payload == text.encode()
    assert (symbol.inverted, symbol.mirrored) == (inverse, mirrored)
    assert (reading.bits == bits).all()
    assert np.abs(symbol.corners - corners).max() < 0.3 * px


def test_a_mirrored_rectangle_is_told_by_its_shape() -> None:
    bits = modules("MIRROR", "16x48")
    picture, corners = draw(bits, 6.0, 30.0, mirrored=True)
    symbol, _, _ = assert_read(decode(picture, ONE, WORK), "MIRROR", bits, corners, 6.0)
    assert symbol.mirrored


def test_modules_are_of_the_finder_s_colour_also_when_inverse() -> None:
    bits = modules("INVERSE")
    picture, _ = draw(bits, 6.0, 5.0, inverse=True)
    _, seen, _ = only(decode(picture, ONE, WORK))
    assert (seen.bits == bits).all()
    assert seen.confidence.dtype == np.float32
    assert 0.5 < seen.confidence.min() <= seen.confidence.max() <= 1.0


def test_polarity_and_size_can_be_excluded() -> None:
    bits = modules("DARK", "18x18")
    picture, _ = draw(bits, 6.0, 0.0)
    assert len(decode(picture, Search(polarity="dark"), WORK)) == 1
    assert not any(reading for _, _, reading in decode(picture, Search(polarity="light"), WORK))
    assert len(decode(picture, Search(sizes=((18, 18),)), WORK)) == 1
    assert not any(reading for _, _, reading in decode(picture, Search(sizes=((20, 20),)), WORK))


def test_several_symbols_come_in_reading_order_and_none_twice() -> None:
    texts = [["AA11", "BB22", "CC33"], ["DD44", "EE55", "FF66"]]
    rows = [np.hstack([draw(modules(text, "16x16"), 6.0, 4.0, frame=(190, 210))[0] for text in line]) for line in texts]
    found = decode(np.vstack(rows), Search(symbol_count=6), WORK)
    assert [reading.payload.decode() for _, _, reading in found if reading] == [*texts[0], *texts[1]]


def test_a_damaged_symbol_is_corrected_and_the_true_modules_are_given() -> None:
    bits = modules("DAMAGE-0123", "20x20")
    picture, corners = draw(bits, 8.0, 0.0)
    middle = corners.mean(axis=0).astype(int)
    picture[middle[1] - 12 : middle[1] + 12, middle[0] - 12 : middle[0] + 12] = 210
    _, _, reading = assert_read(decode(picture, ONE, WORK), "DAMAGE-0123", bits, corners, 8.0)
    assert reading is not None
    assert reading.codewords.corrected > 0


def test_a_symbol_destroyed_inside_is_found_but_not_read() -> None:
    bits = modules("DESTROYED", "24x24")
    broken = bits.copy()
    broken[2:-2, 2:-2] = np.random.default_rng(3).integers(0, 2, (20, 20))
    picture, corners = draw(broken, 6.0, 20.0)
    symbol, _, reading = only(decode(picture, ONE, WORK))
    assert reading is None
    assert (symbol.rows, symbol.columns) == (24, 24)
    assert np.abs(np.sort(symbol.corners, axis=0) - np.sort(corners, axis=0)).max() < 3.0


def test_the_same_frame_gives_the_same_whatever_was_seen_before() -> None:
    picture, _ = draw(modules("SAME"), 5.0, 33.0, noise=8.0, seed=4)
    other, _ = draw(modules("OTHER", "32x32"), 6.0, 70.0, inverse=True)
    first = only(decode(picture, ONE, Workspace()))
    work = Workspace()
    decode(other, ONE, work)
    again = only(decode(picture, ONE, work))
    assert (first[0].grid == again[0].grid).all()
    assert (first[1].bits == again[1].bits).all()
    assert (first[1].confidence == again[1].confidence).all()


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (1, 500), (7, 9), (8, 8), (16, 16), (33, 65), (300, 17)])
@pytest.mark.parametrize("content", ["black", "white", "noise", "stripes"])
def test_pictures_without_a_symbol_give_nothing(shape: tuple[int, int], content: str) -> None:
    picture = np.zeros(shape, np.uint8)
    if content == "white":
        picture[:] = 255
    elif content == "noise":
        picture[:] = np.random.default_rng(8).integers(0, 256, shape)
    elif content == "stripes":
        picture[:, ::2] = 255
    assert decode(picture, Search(effort=360), WORK) == []


def test_noise_texture_gives_nothing() -> None:
    rng = np.random.default_rng(21)
    for _ in range(3):
        coarse = rng.integers(0, 256, (50, 60)).astype(np.uint8)
        assert decode(np.kron(coarse, np.ones((8, 8), np.uint8)), Search(effort=900), WORK) == []


def test_read_only_and_strided_frames_are_taken() -> None:
    bits = modules("STRIDES", "16x16")
    picture, corners = draw(bits, 6.0, 0.0, frame=(300, 300))
    wide = np.repeat(picture, 2, axis=1)[:, ::2]
    turned = np.ascontiguousarray(picture.T).T
    picture.setflags(write=False)
    for frame in (picture, wide, turned):
        assert_read(decode(frame, ONE, WORK), "STRIDES", bits, corners, 6.0)


def test_what_is_no_frame_is_refused() -> None:
    for wrong in (np.zeros((4, 4, 3), np.uint8), np.zeros((40, 40), np.uint16), np.zeros(9, np.uint8)):
        with pytest.raises(ValueError, match="uint8"):
            decode(wrong, ONE, WORK)
    for bad in ({"polarity": "grey"}, {"symbol_count": 0}, {"effort": 0}, {"second_opinion_ms": -1.0}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            Search(**bad)  # type: ignore[arg-type]


def test_one_symbol_too_many_is_seen_when_asked_for() -> None:
    first, _ = draw(modules("ONE", "20x20"), 7.0, noise=2.0)
    second, _ = draw(modules("TWO", "20x20"), 7.0, angle_deg=5.0, noise=2.0)
    frame = np.full((700, 1000), 230, np.uint8)
    frame[100 : 100 + first.shape[0], 80 : 80 + first.shape[1]] = first
    frame[250 : 250 + second.shape[0], 550 : 550 + second.shape[1]] = second
    asked = decode(frame, Search(symbol_count=1, extra_effort=16), WORK)
    assert {reading.payload for _, _, reading in asked if reading is not None} == {b"ONE", b"TWO"}
    only(decode(frame, ONE, WORK))
    only(decode(frame[:, :450].copy(), Search(symbol_count=1, extra_effort=16), WORK))


@pytest.mark.parametrize(
    ("size", "px", "angle_deg", "kind"),
    [
        ("20x20", 7.0, 5.0, {}),
        ("20x20", 7.0, 131.0, {}),
        ("20x20", 7.0, -90.0, {"inverse": True}),
        ("20x20", 7.0, 33.0, {"mirrored": True}),
        ("20x20", 7.0, 0.0, {"light": 150, "dark": 100, "noise": 4.0}),
        ("16x16", 7.5, 2.0, {}),
        ("26x26", 6.5, 181.0, {"blur": 1.2}),
        ("24x24", 5.0, -47.0, {}),
        ("32x32", 4.5, 90.0, {"inverse": True}),
        ("18x18", 9.5, 12.0, {"tilt": 0.05}),
    ],
)
def test_one_too_many_of_any_size_turn_and_polarity_is_seen(size: str, px: float, angle_deg: float, kind: dict[str, Any]) -> None:
    first, _ = draw(modules("ONE", "20x20"), 7.0, noise=2.0)
    second, _ = draw(modules("TWO", size), px, angle_deg, **{"noise": 2.0, **kind})
    frame = np.full((800, 1200), 205, np.uint8)
    frame[500 : 500 + first.shape[0], 90 : 90 + first.shape[1]] = first
    frame[40 : 40 + second.shape[0], 700 : 700 + second.shape[1]] = second
    for line in range(4):  # the text of a pack, as large as a symbol
        cv2.putText(frame, "LOT 4711 EXP 12/27", (80, 60 + 55 * line), cv2.FONT_HERSHEY_DUPLEX, 1.4, 40, 3, cv2.LINE_AA)
        cv2.putText(frame, "GTIN 0415001", (820, 560 + 50 * line), cv2.FONT_HERSHEY_SIMPLEX, 1.1, 60, 2, cv2.LINE_AA)
    found = decode(frame, Search(symbol_count=1, effort=64, extra_effort=EXTRA_EFFORT), WORK)
    assert {reading.payload for _, _, reading in found if reading is not None} == {b"ONE", b"TWO"}
