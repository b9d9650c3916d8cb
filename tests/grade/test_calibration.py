"""Reflectance from a card: the line through its patches, the flat field, and everything that is not a sound calibration."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.grade.known_symbols import reading, symbol
from tests.grade.symbol_renderer import matrix, picture
from vision.decode.search import Search
from vision.grade.calibration import CalibrationError, FlatField, Patch, calibrate
from vision.grade.grade import grade
from vision.grade.setup import Setup
from vision.verdict.recipe import Recipe

Pixels = npt.NDArray[np.uint8]
SHAPE = (240, 320)
LEVELS = (0.04, 0.3, 0.55, 0.87)
PATCHES = tuple(Patch(20 + 75 * k, 60, 50, 50, level) for k, level in enumerate(LEVELS))


def field(corner: float) -> npt.NDArray[np.float64]:
    """Light that falls off from the middle to this share at the corners."""
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]].astype(float)
    far = np.hypot((x - SHAPE[1] / 2) / SHAPE[1], (y - SHAPE[0] / 2) / SHAPE[0]) / np.hypot(0.5, 0.5)
    return 1.0 - (1.0 - corner) * far**2


def card(white: float = 230.0, black: float = 12.0, light: Any = 1.0, noise: float = 1.5, bend: float = 0.0) -> Pixels:
    """The image of a card in that light; bend: how far the camera is from linear, in reflectance at the middle."""
    reflectance = np.full(SHAPE, 0.5)
    for patch in PATCHES:
        reflectance[patch.y - 5 : patch.y + patch.height + 5, patch.x - 5 : patch.x + patch.width + 5] = patch.reflectance
    seen = (reflectance + bend * 4 * reflectance * (1 - reflectance)) * light
    grey = black + (white - black) * seen + np.random.default_rng(7).normal(0, noise, SHAPE)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def plain(white: float, black: float, light: Any, seed: int) -> Pixels:
    grey = black + (white - black) * 0.8 * light + np.random.default_rng(seed).normal(0, 1.0, SHAPE)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


@settings(max_examples=30, deadline=None)
@given(st.floats(160.0, 260.0), st.floats(-5.0, 40.0))
def test_white_and_black_are_found_from_two_or_more_patches(white: float, black: float) -> None:
    image = card(white, black + 6)
    for patches in (PATCHES, (PATCHES[0], PATCHES[-1])):
        found = calibrate(image, patches)
        assert found.white == pytest.approx(white, abs=0.6) and found.black == pytest.approx(black + 6, abs=0.6)
        assert found.linearity < 0.005 and found.flat_field is None
        assert [measured.patch for measured in found.patches] == list(patches)


def test_linearity_is_the_largest_error_of_a_patch() -> None:
    found = calibrate(card(bend=0.03), PATCHES)
    assert 0.01 < found.linearity < 0.05
    assert found.linearity == pytest.approx(max(abs(measured.error) for measured in found.patches))


def test_a_flat_field_takes_uneven_light_out_and_keeps_the_offset() -> None:
    light = field(0.7)
    image, targets = card(230.0, 14.0, light), [plain(230.0, 14.0, light, seed) for seed in range(4)]
    bent = calibrate(card(230.0, 14.0, field(0.85)), PATCHES)
    found = calibrate(image, PATCHES, targets)
    assert found.linearity < 0.01 < bent.linearity
    assert found.black == pytest.approx(14.0, abs=1.5) and found.flat_field is not None
    even = found.flat_field.evened(image, found.black, 0, SHAPE[0], 0, SHAPE[1])
    for patch in PATCHES:
        part = even[patch.y : patch.y + patch.height, patch.x : patch.x + patch.width]
        assert (part.mean() - found.black) / (found.white - found.black) == pytest.approx(patch.reflectance, abs=0.012)


BITS = matrix((16, 16))


def test_a_symbol_in_uneven_light_grades_as_in_even_light_with_its_flat_field() -> None:
    drawn = picture(BITS, 200.0, 30.0, px_per_module=(7.0, 7.0), samples=3)
    even = drawn.build().astype(float)
    y, x = np.mgrid[0 : even.shape[0], 0 : even.shape[1]].astype(float)
    light = 0.6 + 0.4 * (x + y) / (x + y).max()
    seen = np.rint(10 + (even - 10) * light).clip(0, 255).astype(np.uint8)
    flat = FlatField(np.rint(16384 / light).astype(np.uint16))
    setup = Setup(white=240.0, black=10.0, calibrated=True)
    wanted, uneven, mended = (
        grade(pixels, symbol(drawn), reading(BITS), with_)
        for pixels, with_ in (
            (even.astype(np.uint8), setup),
            (seen, setup),
            (seen, dataclasses.replace(setup, flat_field=flat)),
        )
    )
    value = {name: r.parameters["symbol_contrast"].value for name, r in (("w", wanted), ("u", uneven), ("m", mended))}
    assert value["m"] == pytest.approx(value["w"], abs=0.01) and abs((value["u"] or 0) - (value["w"] or 0)) > 0.02
    modulation = np.abs(mended.maps["modulation"] - wanted.maps["modulation"])
    assert modulation.max() < 0.04 < np.abs(uneven.maps["modulation"] - wanted.maps["modulation"]).max()
    assert seen.flags.writeable and np.array_equal(seen, np.rint(10 + (even - 10) * light).clip(0, 255))


def test_an_expired_calibration_is_a_warning_and_a_valid_one_is_none() -> None:
    drawn = picture(BITS, 200.0, 30.0, samples=2)
    warnings = [
        grade(drawn.build(), symbol(drawn), reading(BITS), Setup(white=240.0, black=10.0, **flags)).warnings
        for flags in ({"calibrated": True}, {"calibration_expired": True})
    ]
    assert warnings == [(), ("calibration_expired",)]


def test_a_flat_field_is_a_value_and_counts_in_the_hash_of_the_recipe() -> None:
    gains = np.full(SHAPE, 16384, np.uint16)
    one, same, other = FlatField(gains), FlatField(gains.copy()), FlatField(gains + np.uint16(1))
    assert one == same and hash(one) == hash(same) and one != other and str(one) == one.sha256
    assert copy.deepcopy(one) is one and pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(ValueError, match="read-only"):
        one.gains[0, 0] = 1
    hashes = {Recipe(Search(), Setup(flat_field=flat)).hash() for flat in (None, one, same, other)}
    assert len(hashes) == 3
    with pytest.raises(ValueError, match="the frame is 9x9, the flat field 320x240"):
        one.evened(np.zeros((9, 9), np.uint8), 0.0, 0, 9, 0, 9)


def at_reflectance(level: float) -> Patch:
    return dataclasses.replace(PATCHES[1], reflectance=level)


SOUND = card()
SPOILT = SOUND.copy()
SPOILT[60:110, 95:145] = np.random.default_rng(1).integers(40, 160, (50, 50))
SATURATED = SOUND.copy()
SATURATED[70:90, 250:270] = 255
BAD: dict[str, tuple[Pixels, tuple[Patch, ...], list[Pixels], str]] = {
    "one patch": (SOUND, PATCHES[:1], [], "1 patch given, expected two or more"),
    "no patch": (SOUND, (), [], "0 patch given"),
    "outside": (
        SOUND,
        (PATCHES[0], Patch(300, 60, 50, 50, 0.9)),
        [],
        r"patch 2 \(300,60,50,50\): reaches out of the image of 320x240",
    ),
    "tiny": (SOUND, (PATCHES[0], Patch(30, 60, 3, 50, 0.9)), [], "patch 2 .* is too small, expected 8 px"),
    "too reflective": (
        SOUND,
        (PATCHES[0], dataclasses.replace(PATCHES[1], reflectance=3.0)),
        [],
        "reflectance 3.0 is out of range",
    ),
    "no number": (
        SOUND,
        (PATCHES[0], dataclasses.replace(PATCHES[1], reflectance=float("nan"))),
        [],
        "reflectance nan is out of range",
    ),
    "saturated": (SATURATED, PATCHES, [], "patch 4 .* 16.0% of its pixels are saturated at grey 255"),
    "black": (card(black=-30.0, white=140.0), PATCHES, [], "patch 1 .* saturated at grey 0"),
    "exchanged": (
        SOUND,
        tuple(dataclasses.replace(patch, reflectance=level) for patch, level in zip(PATCHES, LEVELS[::-1], strict=True)),
        [],
        "what reflects more must be lighter; are the places right",
    ),
    "noisy": (SPOILT, PATCHES, [], r"patch 2 \(95,60,50,50\): its greys vary by .* \(standard deviation\)"),
    "a short line": (SOUND, PATCHES[1:3], [], "span 25% of reflectance, expected 30% or more"),
    "no light": (card(white=40.0, black=15.0, noise=0.2), PATCHES, [], "span .* grey levels, expected 30"),
    "bent": (card(white=190.0, bend=0.22), PATCHES, [], "off the line through all, expected 5% at most: set Gamma to 1"),
    "flat of another size": (SOUND, PATCHES, [np.full((9, 9), 200, np.uint8)], "flat field 1: is 9x9, the card's image is 320x240"),
    "flat saturated": (SOUND, PATCHES, [np.full(SHAPE, 255, np.uint8)], "flat field 1: 100.0% of its pixels are saturated"),
    "flat not plain": (SOUND, PATCHES, [np.where(np.arange(320) < 160, 30, 230).astype(np.uint8) * np.ones(SHAPE, np.uint8)], "."),
}


@pytest.mark.parametrize("name", BAD)
def test_nonsense_is_refused_in_one_line(name: str) -> None:
    image, patches, flats, words = BAD[name]
    with pytest.raises(CalibrationError, match=words) as caught:
        calibrate(image, patches, flats)
    assert "\n" not in str(caught.value)
