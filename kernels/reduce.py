"""Smaller pictures of a frame."""

from __future__ import annotations

from typing import Any

from numba import void

from kernels._jit import array, kernel, pixels, u8


@kernel(void(pixels, array(u8, 2)))
def halve(frame: Any, out: Any) -> Any:
    """Means of 2x2 pixels, rounded half up: frame (h, w) uint8 -> out (h // 2, w // 2) uint8.

    A last odd row or column is left out.
    """
    for y in range(frame.shape[0] // 2):
        for x in range(frame.shape[1] // 2):
            total = int(frame[2 * y, 2 * x]) + frame[2 * y, 2 * x + 1] + frame[2 * y + 1, 2 * x] + frame[2 * y + 1, 2 * x + 1] + 2
            out[y, x] = total >> 2
