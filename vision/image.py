"""One image from Python: `vision.inspect(pixels, setup)` gives everything that `vision inspect` prints.

    import vision

    pixels = vision.read_image("pack.png")                       # (height, width) uint8; any array of that kind will do
    inspection = vision.inspect(pixels, vision.Setup(mm_per_px=0.06))
    for finding in inspection.findings:
        print(finding.content.text, finding.report.formal)       # (01)04150012345678..., 4.0/15/660
        print(finding.report.parameters["symbol_contrast"])      # Parameter(value=0.84, grade=4.0)
        print(finding.report.maps["modulation"].shape)           # (rows + 2, columns + 2), quiet-zone ring included
        for limit in vision.explain(finding):                    # what limits the grade, and what to do about it
            print(limit.words)

Many images: keep one `vision.Workspace()` and give it to each call. What the line itself calls is vision.inspection.inspect.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vision.content.order import Order
from vision.decode.search import Search
from vision.grade.setup import Setup
from vision.inspection import Workspace
from vision.inspection import inspect as inspect_frame
from vision.types import Frame, Inspection, Pixels
from vision.verdict.recipe import EXTRA_EFFORT, Recipe, recipe_for

SECOND_OPINION_MS = 200.0
"""Time for libdmtx where our own reader fails: nobody waits for the verdict here."""


def inspect(
    pixels: npt.ArrayLike | Frame,
    setup: Setup | Recipe | None = None,
    work: Workspace | None = None,
    *,
    order: Order | None = None,
    symbols: int | None = None,
    decode_only: bool = False,
    warnings: Sequence[str] = (),
) -> Inspection:
    """Everything we find in one image: symbols in reading order with content, grade and maps, and the verdict.

    pixels: a Frame, or an array: (height, width) uint8 grey, (height, width, 3) uint8 RGB, or (height, width, 4) opaque RGBA.
        ValueError in one line for anything else: 16 bits, floats (nan or not), truth values, nothing at all, transparency.
    setup: how to grade (default: ISO/IEC 15415:2011, aperture 80 % of X, reflectance = grey / 255, flagged `uncalibrated`), or a
        whole Recipe, which then decides alone: order, symbols and decode_only must not be given beside it.
    work: scratch memory from call to call; without one it is made and closed here.
    order: what the content must say. symbols: how many symbols there must be; replaces the order's number.
    decode_only: do not grade. warnings: what you know of the image ("lossy_image"), for the grade reports.

    Coordinates in the result are pixels, x right and y down, pixel centres at integers; reflectances, contrast and modulation are
    0 to 1, print growth and grid nonuniformity fractions of the module size X, grades 0.0 to 4.0.
    """
    if isinstance(setup, Recipe):
        if order is not None or symbols is not None or decode_only:
            raise ValueError("a Recipe holds order, symbols and decode_only; give them there")
        recipe = setup
    else:
        recipe = recipe_of(setup or Setup(), order=order, symbols=symbols, decode_only=decode_only)
    frame = pixels if isinstance(pixels, Frame) else Frame(mono8(pixels))
    if work is not None:
        return inspect_frame(frame, recipe, work, warnings=warnings)
    with closing(Workspace()) as own:
        return inspect_frame(frame, recipe, own, warnings=warnings)


def recipe_of(
    setup: Setup,
    search: Search | None = None,
    order: Order | None = None,
    symbols: int | None = None,
    decode_only: bool = False,
) -> Recipe:
    """What to look for in an image by itself.

    symbols: how many there must be; the search then ends soon after them, with a look for one too many. None: the order's number,
    and without an order all that there are, for which the whole budget is used (thirty times the time).
    """
    search = search or Search(rescues=True, second_opinion_ms=SECOND_OPINION_MS)
    recipe = Recipe(search, setup) if order is None else recipe_for(order, search, setup, count_extra=True)
    wanted = symbols if symbols is not None else recipe.symbols_per_frame
    search = dataclasses.replace(recipe.search, symbol_count=wanted, extra_effort=4 * EXTRA_EFFORT if wanted else 0)
    return dataclasses.replace(recipe, search=search, symbols_per_frame=wanted, decode_only=decode_only)


def mono8(pixels: npt.ArrayLike) -> Pixels:
    """An array as a Mono8 image, (height, width) uint8; RGB is weighed 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601)."""
    image = np.asarray(pixels)
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    if image.size == 0 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (3, 4))):
        raise ValueError(f"pixels have the shape {image.shape}, expected (height, width), (height, width, 3) or (height, width, 4)")
    if image.dtype != np.uint8:
        raise ValueError(f"pixels are {image.dtype}{_not_numbers(image)}, expected uint8: how to scale them is not ours to guess")
    if image.ndim == 3:
        if image.shape[2] == 4 and image[:, :, 3].min() < 255:
            raise ValueError("pixels are partly transparent, expected a whole image")
        image = cv2.cvtColor(np.ascontiguousarray(image[:, :, :3]), cv2.COLOR_RGB2GRAY)
    return image


def _not_numbers(image: npt.NDArray[Any]) -> str:
    if image.dtype.kind not in "fc":
        return ""
    count = int(np.isnan(image).sum())
    return f" with {count} values that are not numbers" if count else ""
