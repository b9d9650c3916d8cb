"""Small pieces of SVG: numbers in, text out. Nothing from outside ever comes in here but numbers and our own words."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from html import escape

import cv2
import numpy as np
import numpy.typing as npt

from vision.types import Pixels

Points = Iterable[tuple[float, float]]


def number(value: float) -> str:
    """A coordinate: two decimals at most, no trailing zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if math.isfinite(value) else "0"


def document(width: float, height: float, body: Iterable[str]) -> str:
    """A whole SVG of that size in its own units."""
    size = f'width="{number(width)}" height="{number(height)}" viewBox="0 0 {number(width)} {number(height)}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="DejaVu Sans, Helvetica, Arial, sans-serif">'
        f"{''.join(body)}</svg>"
    )


def rect(x: float, y: float, width: float, height: float, fill: str, extra: str = "") -> str:
    return (
        f'<rect x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" fill="{fill}"'
        f"{' ' + extra if extra else ''}/>"
    )


def path(points: Points, stroke: str, width: float, fill: str = "none", closed: bool = False, extra: str = "") -> str:
    steps = " L".join(f"{number(x)} {number(y)}" for x, y in points)
    return (
        f'<path d="M{steps}{" Z" if closed else ""}" fill="{fill}" stroke="{stroke}" stroke-width="{number(width)}"'
        f"{' ' + extra if extra else ''}/>"
    )


def text(x: float, y: float, words: str, size: float, fill: str, anchor: str = "start", extra: str = "") -> str:
    return (
        f'<text x="{number(x)}" y="{number(y)}" font-size="{number(size)}" fill="{fill}" text-anchor="{anchor}"'
        f"{' ' + extra if extra else ''}>{escape(words)}</text>"
    )


def cross(x: float, y: float, reach: float, stroke: str, width: float) -> str:
    return (
        f'<path d="M{number(x - reach)} {number(y - reach)} L{number(x + reach)} {number(y + reach)} '
        f'M{number(x - reach)} {number(y + reach)} L{number(x + reach)} {number(y - reach)}" '
        f'stroke="{stroke}" stroke-width="{number(width)}" stroke-linecap="round"/>'
    )


def image(pixels: Pixels, x: float, y: float, width: float, height: float, smooth: bool = True) -> str:
    """A grey picture, (height, width) uint8, as a PNG inside the SVG."""
    ok, data = cv2.imencode(".png", np.ascontiguousarray(pixels))
    assert ok
    rendering = "" if smooth else ' image-rendering="pixelated" style="image-rendering:pixelated"'
    return (
        f'<image x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" preserveAspectRatio="none"'
        f'{rendering} href="data:image/png;base64,{base64.b64encode(data.tobytes()).decode()}"/>'
    )


def points_of(line: npt.NDArray[np.float64]) -> list[tuple[float, float]]:
    """An (n, 2) array as points."""
    return [(float(x), float(y)) for x, y in line]
