"""A tray of many small packs under one camera: a frame with as many symbols as asked for, and what they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.render.optics import Optics, expose, light_field, rotation, scaling, through_lens, tilt, translation, warp
from bench.render.symbol import Content, module_matrix

WIDTH_PX, HEIGHT_PX = 2448, 2048

CAP, BETWEEN = 0.9, 0.25
"""Reflectance of the caps that carry the symbols, and of the tray between them."""

INK = 0.12
"""Reflectance of the ink."""

FINE = 8
"""Samples per module of the print, before it is seen by the camera."""


@dataclass(frozen=True, slots=True, eq=False)
class Tray:
    """pixels: (2048, 2448) uint8. texts: the payloads, from the top left in rows."""

    pixels: npt.NDArray[np.uint8]
    texts: tuple[str, ...]


def render_tray(rows: int, columns: int, seed: int, size: str = "20x20", px_per_module: float = 7.0, turn_deg: float = 4.0) -> Tray:
    """A tray of rows x columns caps, the same for the same seed.

    turn_deg: how far a pack may be turned in its place; the tray itself lies up to 6 degrees askew.
    """
    rng = np.random.default_rng([seed, rows, columns])
    plane = np.full((HEIGHT_PX, WIDTH_PX), BETWEEN, np.float32)
    askew = rotation(float(rng.uniform(-6, 6)))
    pose = translation(WIDTH_PX / 2, HEIGHT_PX / 2) @ tilt(*rng.uniform(-8e-6, 8e-6, 2)) @ askew
    step = np.array((0.92 * WIDTH_PX / columns, 0.86 * HEIGHT_PX / rows))
    texts = []
    window = (0, 0, WIDTH_PX, HEIGHT_PX)
    for row in range(rows):
        for column in range(columns):
            serial = "".join("0123456789ABCDEFGHKM"[k] for k in rng.integers(0, 20, 8))
            content = Content((("01", "04150012345678"), ("21", serial)))
            bits = module_matrix(content, size)
            texts.append(content.text)
            quiet = 3
            paper = np.pad(np.where(bits == 1, INK, CAP).astype(np.float32), quiet, constant_values=CAP)
            paper = np.kron(paper, np.ones((FINE, FINE), np.float32))
            centre = (np.array((column, row)) - (np.array((columns, rows)) - 1) / 2) * step + rng.uniform(-6, 6, 2)
            turned = rotation(float(rng.uniform(-turn_deg, turn_deg))) @ scaling(px_per_module / FINE, px_per_module / FINE)
            place = pose @ translation(*centre) @ turned @ translation(-paper.shape[1] / 2, -paper.shape[0] / 2)
            # Only the window around the cap is drawn: the frame has five million pixels.
            x, y = (int(value) for value in (place @ np.array((paper.shape[1] / 2, paper.shape[0] / 2, 1.0)))[:2])
            reach = int(0.8 * px_per_module * (max(bits.shape) + 2 * quiet)) + 4
            left, top = max(0, x - reach), max(0, y - reach)
            window = (left, top, min(WIDTH_PX, x + reach) - left, min(HEIGHT_PX, y + reach) - top)
            cover = warp(np.ones_like(paper), place, window)
            part = plane[top : top + window[3], left : left + window[2]]
            part[:] = part * (1 - cover) + warp(paper, place, window, outside=CAP) * cover
    optics = Optics(blur_px=0.7, read_noise=1.5, shot_noise=1.5)
    light = light_field(WIDTH_PX, HEIGHT_PX, float(rng.uniform(200, 240)), (WIDTH_PX / 2, HEIGHT_PX / 2), rng)
    return Tray(expose(through_lens(plane, optics), light, optics, rng), tuple(texts))
