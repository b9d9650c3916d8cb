"""Quads in the picture: what lies in them, and what they take of a turned rectangle."""

from __future__ import annotations

from math import cos, hypot, sin
from typing import Any

from kernels._jit import array, boolean, f64, helper, i64, kernel


@helper
def _inside(quads: Any, n: Any, x: Any, y: Any) -> Any:
    inside = 0
    for a in range(4):
        b = (a + 1) % 4
        along_x, along_y = quads[n, b, 0] - quads[n, a, 0], quads[n, b, 1] - quads[n, a, 1]
        inside += 1 if along_x * (y - quads[n, a, 1]) >= along_y * (x - quads[n, a, 0]) else -1
    return abs(inside) == 4


@helper
def _middle(quads: Any, n: Any) -> Any:
    return (
        0.25 * (quads[n, 0, 0] + quads[n, 1, 0] + quads[n, 2, 0] + quads[n, 3, 0]),
        0.25 * (quads[n, 0, 1] + quads[n, 1, 1] + quads[n, 2, 1] + quads[n, 3, 1]),
    )


@kernel(i64(array(f64, 3), f64, f64))
def covering(quads: Any, x: Any, y: Any) -> Any:
    """The first of the convex quads (n, 4, 2) that covers the point, -1 where none does."""
    for n in range(quads.shape[0]):
        if _inside(quads, n, x, y):
            return n
    return -1


@kernel(boolean(array(f64, 3), array(f64, 3)))
def overlapping(quads: Any, others: Any) -> Any:
    """Whether the middle of one of the quads (n, 4, 2) lies in one of the others (m, 4, 2), or the other way round."""
    for n in range(quads.shape[0]):
        x, y = _middle(quads, n)
        for m in range(others.shape[0]):
            other_x, other_y = _middle(others, m)
            if _inside(others, m, x, y) or _inside(quads, n, other_x, other_y):
                return True
    return False


@kernel(f64(array(f64, 3), f64, f64, f64, f64, f64))
def taken_share(quads: Any, x: Any, y: Any, angle: Any, width: Any, height: Any) -> Any:
    """The share of a turned rectangle that quads (n, 4, 2) with their middle in it fill; 1 where one covers its centre.

    x, y: its centre; angle: radians.
    """
    cosine, sine = cos(angle), sin(angle)
    filled = 0.0
    for n in range(quads.shape[0]):
        if _inside(quads, n, x, y):
            return 1.0
        middle_x, middle_y = _middle(quads, n)
        dx, dy = middle_x - x, middle_y - y
        # Within the rectangle itself: of two narrow symbols one above the other, neither lies in the other's.
        if abs(dx * cosine + dy * sine) < width / 2 and abs(dy * cosine - dx * sine) < height / 2:
            ax, ay = quads[n, 2, 0] - quads[n, 0, 0], quads[n, 2, 1] - quads[n, 0, 1]
            bx, by = quads[n, 3, 0] - quads[n, 1, 0], quads[n, 3, 1] - quads[n, 1, 1]
            filled += abs(ax * by - ay * bx) / 2
    return filled / (width * height)


@kernel(boolean(array(f64, 3), f64, f64, f64))
def fits_alike(quads: Any, width: Any, height: Any, rim: Any) -> Any:
    """Whether a rectangle may hold a symbol about as large as one of the quads (n, 4, 2), with up to `rim` pixels around."""
    small, large = min(width, height), max(width, height)
    for n in range(quads.shape[0]):
        one = hypot(quads[n, 1, 0] - quads[n, 0, 0], quads[n, 1, 1] - quads[n, 0, 1])
        two = hypot(quads[n, 1, 0] - quads[n, 2, 0], quads[n, 1, 1] - quads[n, 2, 1])
        short, long = min(one, two), max(one, two)
        if 0.6 * short < small < 1.4 * short + rim and 0.6 * long < large < 1.4 * long + rim:
            return True
    return False
