"""What is printed on: the carton's panel with its artwork, the belt behind it, and the place left free for the code.

The panel is drawn flat in carton coordinates (x right, y down, one unit = one pixel at the nominal scale) and then seen through
optics.py; everything that stays the same from pack to pack is in the Scene.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from bench.render.optics import (
    Homography,
    Optics,
    Plane,
    light_field,
    project,
    rotation,
    through_lens,
    tilt,
    translation,
    warp,
)
from bench.render.symbol import linear_bars

WIDTH_PX, HEIGHT_PX = 1280, 1024

_SMALL_PRINT = """film-coated tablets for oral use read the package leaflet before use keep out of the sight and reach of children
do not store above 25 C each tablet contains active substance lactose monohydrate see leaflet for further information
medicinal product subject to medical prescription marketing authorisation holder and manufacturer"""
_WORDS = tuple(_SMALL_PRINT.split())


@dataclass(frozen=True, slots=True)
class Stock:
    """One kind of carton on the line, as a set-up engineer would list it.

    size: rows x columns of its symbol. angle_deg: of the print in the image, clockwise. below: the text stands under the symbol.
    paper, ink: reflectance of board and full ink, 0 to 1.
    """

    size: str
    px_per_module: float
    angle_deg: float
    below: bool
    technology: str
    optics: Optics
    paper: float = 0.95
    ink: float = 0.08


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One carton under the camera before its code is printed.

    reflectance: (height, width) as the lens shows it. light: grey of a perfect white. pose: carton coordinates to pixels.
    origin: where the top-left corner of the ink map comes to lie, in carton coordinates.
    """

    stock: Stock
    reflectance: Plane
    light: Plane
    pose: Homography
    origin: tuple[float, float]


def make_scene(stock: Stock, product: str, field: tuple[int, int], rng: np.random.Generator) -> Scene:
    """A carton of one stock with room for a print of `field` (width, height) in carton units."""
    upright = abs(np.sin(np.deg2rad(stock.angle_deg))) > 0.7
    width, height = (980, 1140) if upright else (1180, 900)
    origin = (
        float(rng.uniform(0.16, 0.30) * (width - field[0]) + 0.1 * width),
        float(rng.uniform(0.42, 0.50) * (height - field[1])),
    )
    panel = _panel(width, height, product, (*origin, *field), stock.paper, rng)
    centre = np.array([WIDTH_PX, HEIGHT_PX]) / 2 + rng.uniform(-30, 30, 2)
    pose = (
        translation(*centre) @ tilt(*rng.uniform(-8e-6, 8e-6, 2)) @ rotation(stock.angle_deg) @ translation(-width / 2, -height / 2)
    )
    behind = _belt(rng)
    window = (0, 0, WIDTH_PX, HEIGHT_PX)
    cover = warp(np.ones_like(panel), pose, window)
    shadow = cv2.GaussianBlur(np.roll(cover, (9, 6), (0, 1)), (0, 0), 9)
    reflectance = behind * (1 - 0.6 * shadow) * (1 - cover) + warp(panel, pose, window, outside=stock.paper) * cover
    middle = project(pose, [(origin[0] + field[0] / 2, origin[1] + field[1] / 2)])[0]
    light = light_field(WIDTH_PX, HEIGHT_PX, float(rng.uniform(246, 254)), (middle[0], middle[1]), rng)
    return Scene(stock, through_lens(np.asarray(reflectance, np.float32), stock.optics), light, pose, origin)


def _panel(
    width: int, height: int, product: str, field: tuple[float, float, int, int], paper: float, rng: np.random.Generator
) -> Plane:
    """The flat carton panel, reflectance 0 to 1: board, brand artwork, small print, and the field left free for the code."""
    art = np.ones((height, width), np.float32)
    left, top, field_width, field_height = (round(value) for value in field)
    _brand(art, product, top, rng)
    margin = 24
    column = left + field_width + 3 * margin
    if width - column > 180:
        _small_print(art, (column, top + 6, width - column - 110, field_height + 60), 19, rng)
    bottom = top + field_height + 2 * margin
    _feet(art, bottom, rng)
    _braille(art, (round(rng.uniform(0.5, 0.6) * width), bottom + 6), rng)
    _folds(art, rng)
    free = (slice(max(top - margin, 0), top + field_height + margin), slice(max(left - margin, 0), left + field_width + margin))
    art[free] = 1.0
    if rng.random() < 0.6:
        _corners(art, left - margin, top - margin, field_width + 2 * margin, field_height + 2 * margin)
    return np.asarray(np.clip(paper * art * _board(width, height, rng), 0, 1), np.float32)


def _board(width: int, height: int, rng: np.random.Generator) -> Plane:
    """Texture of coated board around 1: cloudy formation and fine fibres."""
    texture = np.ones((height, width), np.float32)
    for pitch, amount in ((3, 0.0015), (11, 0.002), (60, 0.004)):
        cloud = rng.standard_normal((height // pitch + 2, width // pitch + 2), dtype=np.float32)
        texture += amount * cv2.resize(cloud, (width, height), interpolation=cv2.INTER_CUBIC)
    return texture


def _brand(art: Plane, product: str, top: int, rng: np.random.Generator) -> None:
    """Band, logo and name above the code field. In place."""
    width = art.shape[1]
    band_height = int(rng.uniform(0.4, 0.62) * top)
    grey = float(rng.uniform(0.25, 0.6))
    style = int(rng.integers(3))
    if style == 0:
        art[:band_height] = grey
    elif style == 1:
        fade = np.linspace(grey, min(grey + 0.35, 0.95), width, dtype=np.float32)
        art[:band_height] = fade
    else:
        corners = np.array([[0, 0], [width, 0], [width, round(0.75 * band_height)], [0, band_height]], np.int32)
        cv2.fillPoly(art, [corners], grey, cv2.LINE_AA)
    centre = (int(width * rng.uniform(0.84, 0.9)), band_height // 2)
    radius = min(band_height // 3, 62)
    cv2.ellipse(art, centre, (radius, radius // 2), float(rng.uniform(-50, 50)), 0, 360, 0.92, -1, cv2.LINE_AA)
    cv2.ellipse(
        art, centre, (radius // 2, radius), float(rng.uniform(-50, 50)), 0, 360, float(rng.uniform(0.3, 0.7)), 7, cv2.LINE_AA
    )
    cv2.line(art, (0, band_height + 9), (width, band_height + 9), min(grey + 0.2, 0.9), 4, cv2.LINE_AA)
    _write(art, product, (46, round(band_height * 0.62)), min(72, round(0.5 * band_height)), 700, 0.98)
    _write(art, "30 film-coated tablets  -  oral use", (46, band_height + 46), 30, 400, 0.22)


def _small_print(art: Plane, box: tuple[int, int, int, int], size: int, rng: np.random.Generator) -> None:
    """A paragraph in a box (x, y, width, height), ragged at the right. In place."""
    x, y, width, height = box
    word = int(rng.integers(len(_WORDS)))
    baseline = y + size
    while baseline < min(y + height, art.shape[0] - 10):
        line = _WORDS[word % len(_WORDS)]
        while (len(line) + 8) * size * 0.5 < width:
            word += 1
            line += " " + _WORDS[word % len(_WORDS)]
        word += 1
        _write(art, line, (x, baseline), size, 400, 0.28)
        baseline += round(1.45 * size)


def _feet(art: Plane, top: int, rng: np.random.Generator) -> None:
    """What stands below the code field: a linear bar code, small print, the colour patches of the printing press. In place."""
    height, width = art.shape
    if height - top < 90:
        return
    bars = linear_bars("".join(str(digit) for digit in (4, *rng.integers(0, 10, 11))))
    tall = min(height - top - 40, 130)
    pitch = 3
    strip = np.where(cv2.resize(bars, (bars.shape[1] * pitch, tall), interpolation=cv2.INTER_NEAREST) > 0, 0.1, 1.0)
    if top + tall < height and 60 + strip.shape[1] < width:
        art[top : top + tall, 60 : 60 + strip.shape[1]] = strip
    _small_print(art, (60, top + tall + 14, width - 160, height - top - tall - 30), 20, rng)
    for step, grey in enumerate((0.15, 0.4, 0.65, 0.8)):
        cv2.circle(art, (width - 40 - 34 * step, height - 28), 12, grey, -1, cv2.LINE_AA)


def _braille(art: Plane, at: tuple[int, int], rng: np.random.Generator) -> None:
    """Embossed dots: each a bright flank and a dark one, no ink. In place."""
    for cell in range(9):
        for dot in range(6):
            if rng.random() < 0.45:
                continue
            x = at[0] + 52 * cell + 22 * (dot % 2)
            y = at[1] + 22 * (dot // 2)
            if 12 < x < art.shape[1] - 12 and 12 < y < art.shape[0] - 12:
                _emboss(art, x, y, 7.0)


def _emboss(art: Plane, x: int, y: int, radius: float) -> None:
    reach = int(2 * radius)
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    bump = np.exp(-(rows**2 + columns**2) / (2 * (radius / 1.7) ** 2))
    slope = -(rows + 0.6 * columns) / radius * bump
    window = (slice(max(y - reach, 0), y + reach + 1), slice(max(x - reach, 0), x + reach + 1))
    part = art[window]
    part *= 1 + 0.16 * slope[-part.shape[0] :, -part.shape[1] :]


def _folds(art: Plane, rng: np.random.Generator) -> None:
    """Creases and edges: a flap at one end that tilts away from the light, rounded edges that darken. In place."""
    height, width = art.shape
    crease = int(rng.uniform(0.93, 0.97) * width)
    profile = np.ones(width, np.float32)
    profile[crease:] *= float(rng.uniform(0.82, 0.93))
    xs = np.arange(width)
    profile -= 0.22 * np.exp(-((xs - crease) ** 2) / (2 * 2.2**2)).astype(np.float32)
    profile += 0.05 * np.exp(-((xs - crease + 6) ** 2) / (2 * 3.0**2)).astype(np.float32)
    ys = np.arange(height)
    for distances, axis in ((np.minimum(xs, width - 1 - xs), 0), (np.minimum(ys, height - 1 - ys), 1)):
        edge = (1 - 0.35 * np.exp(-distances / 3.5)).astype(np.float32)
        art *= edge[None, :] if axis == 0 else edge[:, None]
    art *= profile[None, :]


def _corners(art: Plane, x: int, y: int, width: int, height: int) -> None:
    """Printed corner marks of the code field. In place."""
    arm = 18
    for corner_x, step_x in ((x, arm), (x + width, -arm)):
        for corner_y, step_y in ((y, arm), (y + height, -arm)):
            cv2.line(art, (corner_x, corner_y), (corner_x + step_x, corner_y), 0.45, 2)
            cv2.line(art, (corner_x, corner_y), (corner_x, corner_y + step_y), 0.45, 2)


def _belt(rng: np.random.Generator) -> Plane:
    """What is seen beside the carton: a dark belt with its weave, a guide rail, the next pack at the edge."""
    grey = float(rng.uniform(0.08, 0.2))
    belt = np.full((HEIGHT_PX, WIDTH_PX), grey, np.float32)
    xs, ys = np.arange(WIDTH_PX, dtype=np.float32), np.arange(HEIGHT_PX, dtype=np.float32)
    belt *= 1 + 0.10 * np.sin(xs / 2.9)[None, :] * np.sin(ys / 3.3)[:, None]
    cloud = rng.standard_normal((HEIGHT_PX // 5 + 2, WIDTH_PX // 5 + 2), dtype=np.float32)
    belt *= 1 + 0.12 * cv2.resize(cloud, (WIDTH_PX, HEIGHT_PX))
    rail = int(rng.uniform(18, 46))
    for top, thick in ((0, rail), (HEIGHT_PX - rail, rail)):
        across = np.sin(np.linspace(0.25, np.pi - 0.1, thick, dtype=np.float32)) ** 2
        brushed = 1 + 0.05 * cv2.blur(rng.standard_normal((thick, WIDTH_PX), dtype=np.float32), (61, 1))
        belt[top : top + thick] = 0.12 + 0.6 * across[:, None] * brushed
    if rng.random() < 0.7:
        edge = int(rng.uniform(8, 40))
        side = slice(0, edge) if rng.random() < 0.5 else slice(WIDTH_PX - edge, WIDTH_PX)
        belt[rail + 20 : HEIGHT_PX - rail - 20, side] = float(rng.uniform(0.6, 0.85))
    return np.asarray(np.clip(belt, 0, 1), np.float32)


def _write(art: Plane, text: str, at: tuple[int, int], size: int, weight: int, grey: float) -> None:
    """Text with its baseline at (x, y), blended in grey. In place."""
    mask = np.zeros(art.shape, np.uint8)
    cv2.putText(mask, text, at, (255,), cv2.FontFace("sans"), size, weight)
    rows = slice(max(at[1] - 2 * size, 0), at[1] + size)
    cover = mask[rows].astype(np.float32) / 255
    art[rows] = art[rows] * (1 - cover) + grey * cover
