"""Where in a frame a symbol may lie: places with much edge energy in two directions, and what read symbols leave of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.components import cut_blocks, rank_parts, smooth_blocks
from kernels.edges import BLOCK, BLOCK_SAMPLES, block_gradients, fourth_harmonic
from kernels.reduce import halve
from vision.decode.search import Workspace
from vision.types import Pixels

PARTS = 512
"""Parts of a block map that are looked at."""

NOISE_MOST = 600.0
"""Edge energy that no camera's noise reaches, in squared grey levels per pixel: that of a standard deviation of 12."""

LEVEL_RISE = 3.0
"""Factor between the energy levels at which the block map is cut."""


@dataclass(frozen=True, slots=True)
class Region:
    """A turned rectangle of the frame.

    x, y: its centre in frame pixels. angle: of its axes, radians, mod 90 degrees. width, height: along the axes, in frame pixels.
    promise: edge energy in two directions; larger first.
    """

    x: float
    y: float
    angle: float
    width: float
    height: float
    promise: float


def pyramid(pixels: Pixels, work: Workspace) -> list[Pixels]:
    """The frame and its halves, down to 24 pixels; they stay valid until the next frame."""
    levels = [pixels]
    while min(levels[-1].shape) >= 48 and len(levels) < 4:
        above = levels[-1]
        out = work.array(f"level{len(levels)}", (above.shape[0] // 2, above.shape[1] // 2), np.uint8)
        halve(above, out)
        levels.append(out)
    return levels


def regions(picture: Pixels, scale: float, work: Workspace) -> list[Region]:
    """Places of one pyramid level where a symbol may lie, in order of promise.

    picture: (h, w) uint8; scale: frame pixels per pixel of it.
    """
    rows, columns = picture.shape[0] // BLOCK, picture.shape[1] // BLOCK
    if rows < 1 or columns < 1:
        return []
    sums = work.array("block sums", (3, picture.shape[1]), np.float32)
    blocks = work.array("blocks", (5, rows, columns), np.float32)
    block_gradients(picture, sums, blocks)
    smooth = work.array("smooth blocks", (2, rows, columns), np.float32)
    smooth_blocks(blocks, 1.0 / BLOCK_SAMPLES, smooth)
    energy, both = smooth
    # Noise adds the same to both directions; twice the lower fifth of all blocks is a fair guess at its top,
    # unless a symbol fills the picture.
    noise = float(np.partition(energy.ravel(), energy.size // 5)[energy.size // 5])
    lowest, top = min(max(2.0 * noise, 12.0), NOISE_MOST), float(both.max())
    if top < lowest:
        return []
    fourth_harmonic(picture, both, lowest, blocks)
    levels = lowest * LEVEL_RISE ** np.arange(int(math.log(top / lowest) / math.log(LEVEL_RISE)) + 1)
    seen = work.array("seen blocks", (rows + 2, columns + 2), np.int32)
    stack = work.array("block stack", (rows * columns, 2), np.int32)
    parts = work.array("parts", (PARTS, 12), np.float64)
    count = cut_blocks(blocks, both, levels, 3, seen, stack, parts)
    ranked = work.array("ranked parts", (PARTS, 6), np.float64)
    return [Region(*values) for values in ranked[: rank_parts(parts[:count], BLOCK * scale, ranked)].tolist()]


def reaches(region: Region, shape: tuple[int, ...], rim: int) -> bool:
    """Whether a region of a picture (height, width) reaches into the pixels along its border."""
    cosine, sine = abs(math.cos(region.angle)), abs(math.sin(region.angle))
    x, y = (region.width * cosine + region.height * sine) / 2, (region.width * sine + region.height * cosine) / 2
    return min(region.x - x, region.y - y, shape[1] - 1 - region.x - x, shape[0] - 1 - region.y - y) < rim


def settled(region: Region, taken: list[npt.NDArray[np.float64]]) -> bool:
    """Whether symbols already read fill a third of a region or cover its centre."""
    filled = 0.0
    for quad in taken:
        if covers(quad, region.x, region.y):
            return True
        x, y = middle(quad)
        dx, dy = x - region.x, y - region.y
        cosine, sine = math.cos(region.angle), math.sin(region.angle)
        # Within the region's own rectangle: of two narrow symbols one above the other, neither lies in the other's.
        if abs(dx * cosine + dy * sine) < region.width / 2 and abs(dy * cosine - dx * sine) < region.height / 2:
            (ax, ay), (bx, by) = quad[2] - quad[0], quad[3] - quad[1]
            filled += abs(float(ax * by - ay * bx)) / 2
    return filled > 0.33 * region.width * region.height


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
            rests.append(Region(*centre, region.angle, x1 - x0, y1 - y0, region.promise))
    return rests


def alike(region: Region, taken: list[npt.NDArray[np.float64]], scale: float) -> bool:
    """Whether a region may hold one more symbol like one of those read: about as large in both directions.

    scale: frame pixels per pixel of the region's pyramid level.
    """
    reach = 4.0 * BLOCK * scale  # what the rim of a region and the quiet zone add
    small, large = sorted((region.width, region.height))
    for quad in taken:
        (ax, ay), (bx, by), (cx, cy) = quad[:3].tolist()
        short, long = sorted((math.hypot(bx - ax, by - ay), math.hypot(bx - cx, by - cy)))
        if 0.6 * short < small < 1.4 * short + reach and 0.6 * long < large < 1.4 * long + reach:
            return True
    return False


def middle(quad: npt.NDArray[np.float64]) -> tuple[float, float]:
    """The mean of the corners of a quad (4, 2)."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = quad.tolist()
    return (ax + bx + cx + dx) / 4, (ay + by + cy + dy) / 4


def covers(quad: npt.NDArray[np.float64], x: float, y: float) -> bool:
    """Whether a convex quad (4, 2) covers the point."""
    inside = 0
    places = quad.tolist()
    for (ax, ay), (bx, by) in zip(places, places[1:] + places[:1], strict=True):
        inside += 1 if (bx - ax) * (y - ay) >= (by - ay) * (x - ax) else -1
    return abs(inside) == 4
