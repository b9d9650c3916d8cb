"""Reflectance from grey: a straight line through the patches of a card, and an even field by the picture of a plain target.

Pure: images and patches in, a calibration out. Files, expiry and the camera profile it belongs to: vision/config/calibration.py.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from vision.grade.scratch import Scratch
from vision.types import Pixels, Symbol

SATURATED_SHARE = 0.001
"""Share of a patch's pixels at grey 0 or 255 above which it says nothing about the light."""

NOISE_SHARE = 0.08
"""Standard deviation in a patch, as a share of the grey span of all patches, above which it is uneven or out of place."""

REFLECTANCE_SPAN, GREY_SPAN = 0.3, 30.0
"""Least distance of the lightest from the darkest patch, in reflectance and in grey levels: a shorter line cannot be drawn on."""

LINEARITY_MOST = 0.05
"""Largest distance of a patch from the line, in reflectance, that is still called linear."""

PATCH_LEAST_PX = 8
"""Least side of a patch."""

GAIN_UNIT = 16384
"""The flat field's gain of 1: gains are stored as 16-bit numbers of 1 / 16384."""

GAIN_LEAST, GAIN_MOST = 0.4, 3.0
"""Gains beyond which the light is too uneven, or the target was not plain."""


class CalibrationError(ValueError):
    """One line: which patch or picture, and why no calibration comes of it."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch of a card: left, top, width and height in pixels, and its reflectance, 0 to 1."""

    x: int
    y: int
    width: int
    height: int
    reflectance: float


@dataclass(frozen=True, slots=True)
class MeasuredPatch:
    """grey: mean over its pixels, after the flat field. noise: their standard deviation. error: reflectance by the line less the
    patch's."""

    patch: Patch
    grey: float
    noise: float
    error: float


class FlatField:
    """The gain of every pixel that evens out light and lens: (height, width) uint16 in 1 / GAIN_UNIT, read-only.

    Two are equal where their gains are; as text it is the SHA-256 of its gains.
    """

    __slots__ = ("gains", "sha256")

    def __init__(self, gains: npt.NDArray[np.uint16]) -> None:
        self.gains = np.ascontiguousarray(gains, np.uint16)
        self.gains.setflags(write=False)
        self.sha256 = hashlib.sha256(repr(self.gains.shape).encode() + self.gains.tobytes()).hexdigest()

    def __str__(self) -> str:
        return self.sha256

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FlatField) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    def __deepcopy__(self, memo: Any) -> FlatField:
        return self  # nothing in it changes

    def __reduce__(self) -> tuple[Any, ...]:
        return FlatField, (self.gains,)

    def evened(self, pixels: Pixels, black: float, top: int, bottom: int, left: int, right: int) -> Pixels:
        """The greys of a part of a frame as they would be in even light: black + (grey - black) * gain, rounded, 0 to 255.

        ValueError where the frame is not of the flat field's size.
        """
        if pixels.shape != self.gains.shape:
            raise ValueError(
                f"the frame is {pixels.shape[1]}x{pixels.shape[0]}, the flat field {self.gains.shape[1]}x{self.gains.shape[0]}"
            )
        part = np.s_[top:bottom, left:right]
        # Whole steps of numpy, each rounded by itself: the same bits on every machine.
        lit = (pixels[part] - black) * (self.gains[part] / float(GAIN_UNIT)) + black
        return np.clip(np.rint(lit), 0.0, 255.0).astype(np.uint8)


MARGIN_MODULES = 4.0
"""Modules around a symbol that are evened: what grading looks at, and room for the grid to move."""


def evened_around(pixels: Pixels, symbol: Symbol, flat: FlatField, black: float, work: Scratch) -> Pixels:
    """A frame in which the part that grading a symbol looks at is in even light, and the rest is as it was."""
    corners = symbol.corners
    margin = MARGIN_MODULES * symbol.px_per_module + 2.0
    height, width = pixels.shape
    left, top = (int(max(0.0, math.floor(low))) for low in corners.min(axis=0) - margin)
    right, bottom = (math.ceil(high) + 1 for high in corners.max(axis=0) + margin)
    frame = work.array("evened", (height, width), np.uint8)
    np.copyto(frame, pixels)  # all of it: what grading reads must not hang on how far it looks
    part = slice(min(top, height), min(max(bottom, 0), height)), slice(min(left, width), min(max(right, 0), width))
    frame[part] = flat.evened(pixels, black, part[0].start, part[0].stop, part[1].start, part[1].stop)
    return frame


@dataclass(frozen=True, slots=True)
class Calibration:
    """white, black: the greys of 100 % and 0 % reflectance, in even light; black is the offset. linearity: the largest error of a
    patch, in reflectance. flat_field: None where none was taken."""

    white: float
    black: float
    linearity: float
    patches: tuple[MeasuredPatch, ...]
    flat_field: FlatField | None = None


ROUNDS = 12
"""Rounds in which offset and flat field settle on each other; each leaves some hundredths of the last one's difference."""


def calibrate(image: Pixels, patches: Sequence[Patch], plain: Sequence[Pixels] = ()) -> Calibration:
    """The calibration from the image of a card.

    image: (height, width) uint8. patches: two or more. plain: images of a plain light target that fills the frame, same size, same
    light and exposure; several are averaged. CalibrationError in one line for what gives no sound calibration.
    """
    _require_patches(image, patches)
    lit = _mean_of(image, plain)
    if lit is None:
        return _line(image.astype(np.float64), patches, None)
    black = 0.0
    for _ in range(ROUNDS):
        gains = (lit.mean() - black) / np.maximum(lit - black, 1e-6)
        found = _line((image - black) * gains + black, patches, None)
        black = found.black
    if gains.min() < GAIN_LEAST or gains.max() > GAIN_MOST:
        raise CalibrationError(
            f"flat field: gains from {gains.min():.2f} to {gains.max():.2f}, expected {GAIN_LEAST} to {GAIN_MOST}: the light is "
            "too uneven, or the target was not plain"
        )
    flat = FlatField(np.rint(gains * GAIN_UNIT).astype(np.uint16))
    return _line((image - black) * (flat.gains / float(GAIN_UNIT)) + black, patches, flat)


def _mean_of(image: Pixels, plain: Sequence[Pixels]) -> npt.NDArray[np.float64] | None:
    if not plain:
        return None
    for number, pixels in enumerate(plain, start=1):
        if pixels.shape != image.shape:
            size = f"{pixels.shape[1]}x{pixels.shape[0]}, the card's image is {image.shape[1]}x{image.shape[0]}"
            raise CalibrationError(f"flat field {number}: is {size}")
        if float((pixels >= 255).mean()) > SATURATED_SHARE:
            raise CalibrationError(f"flat field {number}: {float((pixels >= 255).mean()):.1%} of its pixels are saturated")
    mean: npt.NDArray[np.float64] = np.mean([pixels.astype(np.float64) for pixels in plain], axis=0)
    return mean


def _require_patches(image: Pixels, patches: Sequence[Patch]) -> None:
    if len(patches) < 2:
        raise CalibrationError(f"{len(patches)} patch given, expected two or more")
    height, width = image.shape
    for number, patch in enumerate(patches, start=1):
        name = f"patch {number} ({patch.x},{patch.y},{patch.width},{patch.height})"
        if not (math.isfinite(patch.reflectance) and 0.0 <= patch.reflectance <= 1.2):
            raise CalibrationError(f"{name}: reflectance {patch.reflectance} is out of range, expected 0 to 1.2")
        if min(patch.width, patch.height) < PATCH_LEAST_PX:
            raise CalibrationError(f"{name}: is too small, expected {PATCH_LEAST_PX} px or more on each side")
        if patch.x < 0 or patch.y < 0 or patch.x + patch.width > width or patch.y + patch.height > height:
            raise CalibrationError(f"{name}: reaches out of the image of {width}x{height} px")
        part = _part(image, patch)
        for grey in (0, 255):
            share = float((part == grey).mean())
            if share > SATURATED_SHARE:
                raise CalibrationError(f"{name}: {share:.1%} of its pixels are saturated at grey {grey}: change the exposure")
    reflectances = [patch.reflectance for patch in patches]
    if max(reflectances) - min(reflectances) < REFLECTANCE_SPAN:
        span = max(reflectances) - min(reflectances)
        raise CalibrationError(f"the patches span {span:.0%} of reflectance, expected {REFLECTANCE_SPAN:.0%} or more")


def _part(image: npt.NDArray[Any], patch: Patch) -> npt.NDArray[Any]:
    return image[patch.y : patch.y + patch.height, patch.x : patch.x + patch.width]


def _line(image: npt.NDArray[np.float64], patches: Sequence[Patch], flat: FlatField | None) -> Calibration:
    """Grey against reflectance by least squares, and whether patches and line are sound."""
    greys = np.array([_part(image, patch).mean() for patch in patches])
    noise = np.array([_part(image, patch).std() for patch in patches])
    reflectances = np.array([patch.reflectance for patch in patches])
    _require_rising(patches, reflectances, greys)
    span = float(greys.max() - greys.min())
    for number, (patch, spread) in enumerate(zip(patches, noise, strict=True), start=1):
        if spread > NOISE_SHARE * span:
            raise CalibrationError(
                f"patch {number} ({patch.x},{patch.y},{patch.width},{patch.height}): its greys vary by {spread:.1f} (standard "
                f"deviation), expected {NOISE_SHARE * span:.1f} at most: uneven, noisy or out of place"
            )
    middle, level = reflectances.mean(), greys.mean()
    slope = float(((reflectances - middle) * (greys - level)).sum() / ((reflectances - middle) ** 2).sum())
    black = float(level - slope * middle)
    errors = (greys - black) / slope - reflectances
    worst = int(np.abs(errors).argmax())
    if abs(errors[worst]) > LINEARITY_MOST:
        raise CalibrationError(
            f"patch {worst + 1}: is {errors[worst]:+.1%} of reflectance off the line through all, expected {LINEARITY_MOST:.0%} at "
            "most: set Gamma to 1, or look at the card's values"
        )
    measured = tuple(MeasuredPatch(*row) for row in zip(patches, greys.tolist(), noise.tolist(), errors.tolist(), strict=True))
    return Calibration(black + slope, black, float(np.abs(errors).max()), measured, flat)


def _require_rising(patches: Sequence[Patch], reflectances: npt.NDArray[np.float64], greys: npt.NDArray[np.float64]) -> None:
    order = np.argsort(reflectances, kind="stable")
    for darker, lighter in pairwise(order):
        if reflectances[lighter] > reflectances[darker] and greys[lighter] <= greys[darker]:
            light, dark = (f"{reflectances[k]:.0%} and is grey {greys[k]:.1f}" for k in (lighter, darker))
            raise CalibrationError(
                f"patch {lighter + 1} reflects {light}, patch {darker + 1} reflects {dark}: what reflects more must be lighter; "
                "are the places right?"
            )
    if greys.max() - greys.min() < GREY_SPAN:
        raise CalibrationError(f"the patches span {greys.max() - greys.min():.1f} grey levels, expected {GREY_SPAN:.0f} or more")
