"""Four-sided shapes of a picture, however slanted, each seen squared: what perspective and shear have done is undone.

A symbol with its quiet zone is a compact blot once the gaps between its modules are closed, and the blot has the symbol's own four
sides. Nothing is decided here: a shape that is no symbol costs a search of its patch.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from vision.types import Pixels

WINDOWS = (0.04, 0.16)
"""Sides of the windows against whose mean a pixel is dark or light, as shares of the picture's longer side."""

CONTRAST = 6
"""Grey levels by which a pixel must differ from the mean of its window."""

GAPS = (3, 5, 9, 17)
"""Sides in pixels of the squares that close the gaps between modules."""

SMALLEST, LARGEST = 20.0, 0.9
"""Shortest side of a shape in pixels, and the largest share of the picture that it may cover."""

FILLED = 0.8
"""Share of its four-sided outline that the hull of a shape must fill."""

SHORTEST_SIDE = 0.15
"""Shortest side of a shape as a share of its longest: below, it is a bar or a line of text."""

ALIKE = 0.08
"""Shapes are one where no corner lies further apart than this share of the longest side."""

MOST = 24
"""Shapes that are looked at in a picture: those with most edges in both directions, by the root of their area."""

PATCH_LEAST, PATCH_MOST = 224, 448
"""Length in pixels to which the longer side of a shape is brought where it is shorter or longer."""

STRETCHED = 1.8
"""Ratio of its sides from which a shape is made square: a rectangle of the standards is read in the other views."""

AROUND = 0.2
"""What is seen around a shape, as a share of its longer side."""

Quad = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]


def shapes(pixels: Pixels) -> list[Quad]:
    """The four-sided shapes of a picture, corners (4, 2) in order around, the most promising first, none twice."""
    found: list[tuple[float, Quad]] = []
    longer = max(pixels.shape)
    for share in WINDOWS:
        window = max(3, int(share * longer)) | 1
        for kind, offset in ((cv2.THRESH_BINARY_INV, CONTRAST), (cv2.THRESH_BINARY, -CONTRAST)):
            marks = cv2.adaptiveThreshold(pixels, 255, cv2.ADAPTIVE_THRESH_MEAN_C, kind, window, offset)
            for gap in GAPS:
                square = np.ones((gap, gap), np.uint8)
                blots = cv2.morphologyEx(marks, cv2.MORPH_CLOSE, square)
                blots = cv2.morphologyEx(blots, cv2.MORPH_OPEN, square)
                outlines, _ = cv2.findContours(blots, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
                for outline in outlines:
                    shape = _four_sided(outline, LARGEST * pixels.size)
                    if shape is not None:
                        found.append(shape)
    busy = _business(pixels)
    found.sort(key=lambda entry: -entry[0] * busy(entry[1]))
    kept: list[Quad] = []
    for _, quad in found:
        if len(kept) == MOST:
            break
        if not any(_alike(quad, other) for other in kept):
            kept.append(quad)
    return kept


def _four_sided(outline: npt.NDArray[np.int32], largest: float) -> tuple[float, Quad] | None:
    """Area and corners of an outline that is four-sided and large enough to be a symbol."""
    _, _, width, height = cv2.boundingRect(outline)
    if min(width, height) < SMALLEST or width * height > 2 * largest:
        return None
    hull = cv2.convexHull(outline)
    if len(hull) < 4:
        return None
    quad = np.asarray(cv2.approxPolyN(hull, 4, ensure_convex=True), np.float64).reshape(-1, 2)
    if len(quad) != 4:
        return None
    sides = np.hypot(*(np.roll(quad, -1, axis=0) - quad).T)
    area = float(cv2.contourArea(quad.astype(np.float32)))
    if sides.min() < max(SMALLEST, SHORTEST_SIDE * sides.max()) or area > largest:
        return None
    if cv2.contourArea(hull) < FILLED * area:
        return None
    return math.sqrt(area), quad


def _business(pixels: Pixels) -> Callable[[Quad], float]:
    """How much the greys change within the box around a quad, in the direction where they change less."""
    sums = [cv2.integral(cv2.absdiff(pixels[1:], pixels[:-1])), cv2.integral(cv2.absdiff(pixels[:, 1:], pixels[:, :-1]))]

    def busy(quad: Quad) -> float:
        (left, top), (right, bottom) = np.maximum(quad.min(axis=0), 0).astype(int), quad.max(axis=0).astype(int)
        changes = []
        for total in sums:
            x0, x1 = (min(x, total.shape[1] - 1) for x in (left, right))
            y0, y1 = (min(y, total.shape[0] - 1) for y in (top, bottom))
            changes.append(float(total[y1, x1]) - float(total[y0, x1]) - float(total[y1, x0]) + float(total[y0, x0]))
        return min(changes) / max(float((right - left) * (bottom - top)), 1.0)

    return busy


def _alike(one: Quad, other: Quad) -> bool:
    reach = ALIKE * float(np.abs(other - other.mean(axis=0)).max()) * 2
    if np.abs(one.mean(axis=0) - other.mean(axis=0)).max() > reach:
        return False
    return any(np.abs(np.roll(one, turn, axis=0) - other).max() < reach for turn in range(4))


def squared(pixels: Pixels, quad: Quad) -> tuple[Pixels, Matrix]:
    """A four-sided shape of a picture as a patch in which it is upright, and the (3, 3) map from the patch to the picture."""
    sides = np.hypot(*(np.roll(quad, -1, axis=0) - quad).T)
    wide, tall = (sides[0] + sides[2]) / 2, (sides[1] + sides[3]) / 2
    if not 1 / STRETCHED < wide / tall < STRETCHED:
        wide = tall = max(wide, tall)
    scale = min(max(1.0, PATCH_LEAST / max(wide, tall)), PATCH_MOST / max(wide, tall))
    wide, tall = wide * scale, tall * scale
    rim = AROUND * max(wide, tall)
    upright = np.array(((rim, rim), (rim + wide, rim), (rim + wide, rim + tall), (rim, rim + tall)), np.float32)
    matrix = np.asarray(cv2.getPerspectiveTransform(upright, quad.astype(np.float32)), np.float64)
    size = int(wide + 2 * rim) + 1, int(tall + 2 * rim) + 1
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpPerspective(pixels, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(patch, np.uint8), matrix
