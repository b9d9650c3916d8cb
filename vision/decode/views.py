"""Other views of a picture: what is too small, cut too close or too speckled for the plain search is read in one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from kernels.reduce import enlarge
from vision.decode.search import Workspace
from vision.decode.slanted import Quad, shapes, squared
from vision.types import Pixels, Symbol

SMALL = 256
"""Longest side in pixels below which a picture is enlarged before it is searched."""

ENLARGED_MOST = 8_000_000
"""Pixels of a picture above which it is not searched once more at twice its size, nor shape by shape."""

RIM = 32
"""Light pixels put around a picture that ends at the sides of its symbol."""

SPECKLE, SPECKLED = 40, 0.003
"""Grey levels by which a speck differs from the median of its neighbours, and the share of such that calls for it."""

ALONE = 20
"""Grey levels by which a speck differs from each of its neighbours. Shapes are seen without these, and no finer detail is lost."""

PATCH_EFFORT = 40
"""Work units for a patch that holds one shape."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A picture enlarged by a whole factor, with a margin around it, in pixels of the view; or a patch of it, warped.

    name: what it is called where it made a symbol readable; empty = nothing out of the ordinary.
    matrix: (3, 3) float64, the map from a warped patch to the picture, None where the view is no such patch.
    effort: work units that it is worth at most, None = as many as the picture. place: corners (4, 2) in the picture of the shape it
        was made for, None = it was made for no one place.
    """

    pixels: Pixels
    factor: int = 1
    margin: int = 0
    name: str = ""
    matrix: npt.NDArray[np.float64] | None = None
    effort: int | None = None
    place: npt.NDArray[np.float64] | None = None

    def to_picture(self, places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Where places (..., 2) of the view lie in the picture."""
        if self.matrix is not None:
            return _mapped(self.matrix, places)
        if self.factor == 1 and not self.margin:
            return places
        return (places - self.margin + 0.5) / self.factor - 0.5

    def of_picture(self, places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Where places (..., 2) of the picture lie in the view."""
        if self.matrix is not None:
            return _mapped(np.linalg.inv(self.matrix).astype(np.float64), places)
        return (places + 0.5) * self.factor - 0.5 + self.margin

    def in_picture(self, symbol: Symbol) -> Symbol:
        """A symbol of the view with its grid in pixels of the picture."""
        if self.factor == 1 and not self.margin and self.matrix is None:
            return symbol
        return Symbol(self.to_picture(symbol.grid), symbol.inverted, symbol.mirrored)


def _mapped(matrix: npt.NDArray[np.float64], places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Places (..., 2) through a (3, 3) homography."""
    there = np.concatenate((places, np.ones((*places.shape[:-1], 1))), axis=-1) @ matrix.T
    return np.ascontiguousarray(there[..., :2] / there[..., 2:])


def plain(pixels: Pixels) -> View:
    """The view that is searched first: the picture, but a small one enlarged with a margin around.

    A crop or a rendering may end at the symbol's side and have modules of one pixel; a camera frame is left as it is.
    """
    if max(pixels.shape) >= SMALL:
        return View(pixels)
    factor = min(8, -(-SMALL // max(pixels.shape)))
    rim = np.concatenate((pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))
    around = int(np.median(rim)) if float(rim.std()) < 16 else int(pixels.max())
    margin = 3 * factor + 8
    return View(np.pad(pixels.repeat(factor, axis=0).repeat(factor, axis=1), margin, constant_values=around), factor, margin)


def despeckled(pixels: Pixels) -> Pixels:
    """The picture with the median in place of each pixel that stands alone: lighter or darker than all its neighbours by far."""
    ring = np.ones((3, 3), np.uint8)
    ring[1, 1] = 0
    lightest, darkest = cv2.dilate(pixels, ring), cv2.erode(pixels, ring)
    alone = (cv2.subtract(pixels, lightest) > ALONE) | (cv2.subtract(darkest, pixels) > ALONE)
    return np.where(alone, cv2.medianBlur(pixels, 3), pixels).astype(np.uint8)


class Clean:
    """A picture without its specks, and the four-sided shapes in it; each made once, when it is asked for."""

    def __init__(self, pixels: Pixels) -> None:
        self._seen = pixels

    @cached_property
    def pixels(self) -> Pixels:
        return despeckled(self._seen)

    @cached_property
    def shapes(self) -> list[Quad]:
        return shapes(self.pixels)


def rescues(pixels: Pixels, clean: Clean, work: Workspace) -> Iterator[View]:
    """The views in which a picture is searched once more, in the order of what they bring. clean: of the same picture."""
    if max(pixels.shape) < SMALL:
        return
    if pixels.size <= ENLARGED_MOST:
        twice = work.array("twice", (2 * pixels.shape[0], 2 * pixels.shape[1]), np.uint8)
        enlarge(pixels, twice)
        yield View(twice, 2, 0, "enlarged")
    yield View(np.pad(pixels, RIM, constant_values=255), 1, RIM, "bordered")
    median = cv2.medianBlur(pixels, 3)
    if np.count_nonzero(cv2.absdiff(pixels, median) > SPECKLE) > SPECKLED * pixels.size:
        yield View(np.asarray(median, np.uint8), 1, 0, "despeckled")
    for quad in clean.shapes if pixels.size <= ENLARGED_MOST else []:
        patch, matrix = squared(clean.pixels, quad)
        yield View(patch, name="squared", matrix=matrix, effort=PATCH_EFFORT, place=quad)
