"""Where in a frame a symbol may lie: places with much edge energy in two directions, and what read symbols leave of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.block_map import BLOCK, find_regions
from kernels.quads import covering, fits_alike, taken_share
from kernels.reduce import halve
from vision.decode.search import Workspace
from vision.types import Pixels

Quads = npt.NDArray[np.float64]
"""Corners of symbols, (n, 4, 2): x and y in frame pixels."""

PARTS = 512
"""Parts of a block map that are looked at."""

DENSE_FILLED, DENSE_BALANCE = 0.45, 0.8
"""What a region has of these where a symbol fills it."""

LEAST_BLOCKS = 10
"""Smallest number of blocks of a part: one block with a corner of two lines in it is smoothed to nine. A symbol has more, on the
level where its modules are seen."""

NOISE_LEAST, NOISE_MOST = 12.0, 600.0
"""Edge energy that any camera's noise may reach, and that none does, in squared grey levels per pixel: that of standard deviations
of 1.7 and of 12. Between them the map is cut at twice the energy of its lower fifth, a fair guess at the top of the noise (which
adds the same to both directions) unless a symbol fills the picture."""


class Region(NamedTuple):
    """A turned rectangle of the frame. A tuple: there are a hundred in a frame, and as dataclasses they took 0.06 ms.

    x, y: its centre in frame pixels. angle: of its axes, radians, mod 90 degrees. width, height: along the axes, in frame pixels.
    promise: edge energy in two directions; larger first. filled: share of it with such energy, balance: how equal both directions
    are, 0 to 1.
    """

    x: float
    y: float
    angle: float
    width: float
    height: float
    promise: float
    filled: float
    balance: float

    @property
    def dense(self) -> bool:
        """Whether edges in two directions fill it, as a symbol does and a line of text seldom."""
        return self.filled >= DENSE_FILLED and self.balance >= DENSE_BALANCE


class Pyramid:
    """A frame and its halves, down to 24 pixels; they stay valid until the next frame.

    Each is made when it is first asked for: of most frames only the first half is looked at.
    """

    def __init__(self, pixels: Pixels, work: Workspace) -> None:
        self._levels, self._work = [pixels], work
        smallest, self._count = min(pixels.shape), 1
        while smallest >= 48 and self._count < 4:
            smallest //= 2
            self._count += 1

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, k: int) -> Pixels:
        if k >= self._count:
            raise IndexError(f"a pyramid of {self._count} levels has no level {k}")
        while k >= len(self._levels):
            above = self._levels[-1]
            out = self._work.array(f"level{len(self._levels)}", (above.shape[0] // 2, above.shape[1] // 2), np.uint8)
            halve(above, out)
            self._levels.append(out)
        return self._levels[k]


def regions(picture: Pixels, scale: float, work: Workspace) -> list[Region]:
    """Places of one pyramid level where a symbol may lie, in order of promise.

    picture: (h, w) uint8; scale: frame pixels per pixel of it.
    """
    rows, columns = picture.shape[0] // BLOCK, picture.shape[1] // BLOCK
    if rows < 1 or columns < 2:
        return []
    blocks = work.array("blocks", (7, rows + 2, columns + 2), np.float32)
    marks = work.array("block marks", (3, (rows + 2) * (columns + 2)), np.int32)
    parts, ranked = work.array("parts", (PARTS, 12), np.float64), work.array("ranked parts", (PARTS, 8), np.float64)
    count = find_regions(picture, BLOCK * scale, NOISE_LEAST, NOISE_MOST, LEAST_BLOCKS, blocks, marks, parts, ranked)
    return list(map(Region._make, ranked[:count].tolist()))


def reaches(region: Region, shape: tuple[int, ...], rim: int) -> bool:
    """Whether a region of a picture (height, width) reaches into the pixels along its border."""
    cosine, sine = abs(math.cos(region.angle)), abs(math.sin(region.angle))
    x, y = (region.width * cosine + region.height * sine) / 2, (region.width * sine + region.height * cosine) / 2
    return min(region.x - x, region.y - y, shape[1] - 1 - region.x - x, shape[0] - 1 - region.y - y) < rim


def settled(region: Region, taken: Quads) -> bool:
    """Whether symbols already read, quads (n, 4, 2), fill a third of a region or cover its centre."""
    return len(taken) > 0 and bool(taken_share(taken, region.x, region.y, region.angle, region.width, region.height) > 0.33)


def beside(region: Region, quad: npt.NDArray[np.float64]) -> list[Region]:
    """What is left of a region beside a symbol read in it, where another one as large has room: above, below, left, right."""
    cosine, sine = math.cos(region.angle), math.sin(region.angle)
    dx, dy = quad[:, 0] - region.x, quad[:, 1] - region.y
    along, across = dx * cosine + dy * sine, dy * cosine - dx * sine
    left, right, top, bottom = float(along.min()), float(along.max()), float(across.min()), float(across.max())
    wide, tall = region.width / 2, region.height / 2
    rests = []
    for x0, x1, y0, y1 in (
        (-wide, wide, -tall, top),
        (-wide, wide, bottom, tall),
        (-wide, left, -tall, tall),
        (right, wide, -tall, tall),
    ):
        if x1 - x0 > 0.6 * (right - left) and y1 - y0 > 0.6 * (bottom - top):
            x, y = (x0 + x1) / 2, (y0 + y1) / 2
            centre = region.x + x * cosine - y * sine, region.y + x * sine + y * cosine
            rests.append(Region(*centre, region.angle, x1 - x0, y1 - y0, region.promise, region.filled, region.balance))
    return rests


def alike(region: Region, taken: Quads, scale: float) -> bool:
    """Whether a region may hold one more symbol like one of those read, quads (n, 4, 2): about as large in both directions.

    scale: frame pixels per pixel of the region's pyramid level: the rim of a region and the quiet zone add some of them.
    """
    return bool(fits_alike(taken, region.width, region.height, 4.0 * BLOCK * scale))


def quads_of(taken: Sequence[npt.NDArray[np.float64]]) -> Quads:
    """Corners (4, 2) of several symbols as one array (n, 4, 2)."""
    return np.ascontiguousarray(taken, np.float64).reshape(-1, 4, 2)


class Taken:
    """The corners of the symbols already read, (4, 2) each, in a list that grows, as one array (n, 4, 2)."""

    def __init__(self, corners: list[npt.NDArray[np.float64]]) -> None:
        self.corners = corners
        self._quads = quads_of(corners)

    @property
    def quads(self) -> Quads:
        if len(self._quads) != len(self.corners):
            self._quads = quads_of(self.corners)
        return self._quads


def covers(quads: Quads, x: float, y: float) -> bool:
    """Whether one of the convex quads (n, 4, 2) covers the point."""
    return bool(covering(quads, x, y) >= 0)
