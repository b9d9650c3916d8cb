"""A frame at half and at twice its size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import void

from kernels._jit import array, helper, i32, i64, kernel, pixels, u8
from kernels.vectors import prefetch

AHEAD = 10240
"""Pixels by which `halve` asks for memory ahead of its need."""

LINE = 64
"""Pixels that memory hands over at once."""


@kernel(void(pixels, array(u8, 2)))
def halve(frame: Any, out: Any) -> Any:
    """Means of 2x2 pixels, rounded half up: frame (h, w) uint8 -> out (h // 2, w // 2) uint8.

    A last odd row or column is left out.
    """
    flat = frame.ravel()
    for y in range(out.shape[0]):
        # It is the first to see a fresh frame, and waits for memory: 54 us for 1280x1024 from the last level of caches, 98 without.
        start = 2 * y * frame.shape[1] + AHEAD
        for place in range(start, min(start + 2 * frame.shape[1], flat.size), LINE):
            prefetch(flat, place)
        for x in range(out.shape[1]):
            total = int(frame[2 * y, 2 * x]) + frame[2 * y, 2 * x + 1] + frame[2 * y + 1, 2 * x] + frame[2 * y + 1, 2 * x + 1] + 2
            out[y, x] = total >> 2


@kernel(i64(pixels))
def frame_sum(frame: Any) -> Any:
    """The sum of all greys of a frame (h, w) uint8: one pass over it, the floor that the bench measures the decoder's stages by."""
    total = np.int64(0)
    for y in range(frame.shape[0]):
        line = np.int32(0)
        for x in range(frame.shape[1]):
            line += np.int32(frame[y, x])
        total += line
    return total


@helper
def _between(a: Any, b: Any, c: Any, d: Any) -> Any:
    """128 times the value a quarter of the way from b to c, by the cubic of Catmull and Rom through four neighbours."""
    return 111 * b + 29 * c - 9 * a - 3 * d


@kernel(void(pixels, array(u8, 2)))
def enlarge(frame: Any, out: Any) -> Any:
    """Twice as large, by cubic convolution in whole numbers: frame (h, w) uint8 -> out (2 h, 2 w) uint8, rounded half up.

    Pixel (x, y) of `out` lies at (x + 0.5) / 2 - 0.5 of the frame; outside of it the border goes on. h and w at least 1.
    """
    height, width = frame.shape
    row = np.empty(width + 4, np.int32)
    for y in range(2 * height):
        middle, step = y >> 1, 1 if y & 1 else -1
        b = frame[middle]
        a = frame[min(max(middle - step, 0), height - 1)]
        c = frame[min(max(middle + step, 0), height - 1)]
        d = frame[min(max(middle + 2 * step, 0), height - 1)]
        for x in range(width):
            row[x + 2] = _between(i32(a[x]), i32(b[x]), i32(c[x]), i32(d[x]))
        row[0] = row[1] = row[2]
        row[width + 2] = row[width + 3] = row[width + 1]
        for x in range(width):
            low = _between(row[x + 3], row[x + 2], row[x + 1], row[x])
            high = _between(row[x + 1], row[x + 2], row[x + 3], row[x + 4])
            out[y, 2 * x] = min(max((low + 8192) >> 14, 0), 255)
            out[y, 2 * x + 1] = min(max((high + 8192) >> 14, 0), 255)
