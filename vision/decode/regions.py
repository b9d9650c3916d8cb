"""Where in a frame a symbol may lie: places with much edge energy in two perpendicular directions."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from kernels.edges import BLOCK, block_gradients
from kernels.reduce import halve
from vision.decode.search import Workspace
from vision.types import Pixels

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
    sums = work.array("block sums", (5, picture.shape[1]), np.float32)
    blocks = work.array("blocks", (5, rows, columns), np.float32)
    block_gradients(picture, sums, blocks)
    smooth = np.stack([cv2.blur(plane, (3, 3), borderType=cv2.BORDER_REPLICATE) for plane in blocks]) / BLOCK**2
    energy, second = smooth[0], np.hypot(smooth[1], smooth[2])
    # Noise adds the same to both directions; twice the lower fifth of all blocks is a fair guess at its top.
    noise = float(np.percentile(energy, 20))
    both = np.maximum(energy - second, 0)  # twice the energy of the weaker direction
    found: list[Region] = []
    level = max(2.0 * noise, 12.0)
    top = float(both.max())
    while level < top:
        found += _cut(both >= level, blocks, both, scale)
        level *= LEVEL_RISE
    found.sort(key=lambda region: -region.promise)
    return _distinct(found)


def _cut(mask: npt.NDArray[np.bool_], blocks: npt.NDArray[np.float32], both: npt.NDArray[np.float32], scale: float) -> list[Region]:
    """The connected parts of a mask of blocks, as regions."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    found = []
    for label in range(1, count):
        left, top, width, height, area = (int(value) for value in stats[label])
        if area < 3:
            continue
        window = (slice(top, top + height), slice(left, left + width))
        own = labels[window] == label
        sums = blocks[(slice(None), *window)][:, own].sum(axis=1)
        angle = float(np.arctan2(sums[4], sums[3])) / 4
        ys, xs = np.nonzero(own)
        centre_x, centre_y = (xs + left + 0.5) * BLOCK, (ys + top + 0.5) * BLOCK
        along = centre_x * np.cos(angle) + centre_y * np.sin(angle)
        across = centre_y * np.cos(angle) - centre_x * np.sin(angle)
        middle_a, middle_c = (along.max() + along.min()) / 2, (across.max() + across.min()) / 2
        # Half a block on each side for the block itself and half for the smoothing that may have lost the rim.
        wide, tall = float(np.ptp(along)) + 2 * BLOCK, float(np.ptp(across)) + 2 * BLOCK
        energy = float(sums[0]) + 1e-6
        square = float(np.hypot(sums[3], sums[4])) / energy
        balance = 1.0 - float(np.hypot(sums[1], sums[2])) / energy
        compact = min(wide, tall) / max(wide, tall)
        x = float(middle_a * np.cos(angle) - middle_c * np.sin(angle)) - 0.5
        y = float(middle_a * np.sin(angle) + middle_c * np.cos(angle)) - 0.5
        filled = min(1.0, area * BLOCK**2 / (wide * tall))
        strength = float(np.sqrt(both[window][own].mean()))
        promise = strength * (0.3 + square) * balance * filled * np.sqrt(area) * (0.4 + compact)
        shift = (scale - 1) / 2
        found.append(Region(x * scale + shift, y * scale + shift, angle, wide * scale, tall * scale, float(promise)))
    return found


def _distinct(found: list[Region]) -> list[Region]:
    """Without the regions that nearly repeat a more promising one."""
    kept: list[Region] = []
    for region in found:
        size = max(region.width, region.height)
        for other in kept:
            near = np.hypot(region.x - other.x, region.y - other.y) < 0.15 * size
            if near and abs(region.width - other.width) < 0.2 * size and abs(region.height - other.height) < 0.2 * size:
                break
        else:
            kept.append(region)
    return kept
