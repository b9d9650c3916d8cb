"""How a print comes out: modules and lines of text -> ink on the carton, at the printer's resolution.

An ink map is (height, width) float32, 0 = bare board, 1 = full ink, DOTS_PER_MODULE samples to a module in both axes. Where it lies
in the picture is the business of optics.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import NormalDist

import cv2
import numpy as np
import numpy.typing as npt

from bench.render.symbol import Modules

Ink = npt.NDArray[np.float32]

DOTS_PER_MODULE = 12
"""600 dpi at a module of 0.508 mm."""
QUIET_MODULES = 3
"""Clear modules kept around a symbol (IFA asks for 3, GS1 for 1)."""

_DEPOSIT = {
    "thermal inkjet": (1.4, 0.10, 0.012),
    "thermal transfer": (0.9, 0.03, 0.006),
    "laser": (1.2, 0.06, 0.010),
}
"""Technology -> spread of an edge in dots, its raggedness, mottle of a solid area."""


@dataclass(frozen=True, slots=True)
class Defects:
    """What goes wrong with one print; the defaults are a sound one.

    growth: dark modules wider by this share of a module in both axes. stretch: longer along the print direction by this share.
    density: 1 = full ink. dead_dots: rows of dots (0 = top of the symbol) that print nothing.
    smeared: wiped while wet over the inner modules. blur_modules: the ink has run, standard deviation in modules.
    """

    growth: float = 0.0
    stretch: float = 0.0
    density: float = 1.0
    dead_dots: tuple[int, ...] = ()
    smeared: bool = False
    blur_modules: float = 0.0


@dataclass(frozen=True, slots=True)
class Job:
    """What one pack gets: symbols (usually one) and lines of text, in a row or one below the other."""

    symbols: tuple[Modules, ...]
    lines: tuple[str, ...]
    below: bool = False
    technology: str = "thermal inkjet"
    defects: Defects = field(default_factory=Defects)


@dataclass(frozen=True, slots=True, eq=False)
class Print:
    """Ink and where its first symbol lies: (left, top, width, height) of the symbol in dots of the ink map."""

    ink: Ink
    symbol: tuple[int, int, int, int]


def lay_down(job: Job, rng: np.random.Generator) -> Print:
    """The ink of one print; the same job and generator state give the same ink."""
    quiet = QUIET_MODULES * DOTS_PER_MODULE
    blocks = [_symbol_ink(bits, job, rng) for bits in job.symbols]
    if job.lines:
        blocks.append(_text_ink(job.lines, blocks[0].shape[0], job.below))
    gap = quiet + DOTS_PER_MODULE
    heights, widths = [block.shape[0] for block in blocks], [block.shape[1] for block in blocks]
    if job.below:
        size = (sum(heights) + gap * (len(blocks) - 1), max(widths))
    else:
        size = (max(heights), sum(widths) + gap * (len(blocks) - 1))
    ink = np.zeros((size[0] + 2 * quiet, size[1] + 2 * quiet), np.float32)
    left = top = quiet
    for block in blocks:
        ink[top : top + block.shape[0], left : left + block.shape[1]] = block
        left, top = (left, top + block.shape[0] + gap) if job.below else (left + block.shape[1] + gap, top)
    symbol = (quiet, quiet, widths[0], heights[0])
    return Print(_deposit(ink, symbol, job, rng), symbol)


def _symbol_ink(bits: Modules, job: Job, rng: np.random.Generator) -> Ink:
    ink = cv2.resize(bits, None, fx=DOTS_PER_MODULE, fy=DOTS_PER_MODULE, interpolation=cv2.INTER_NEAREST).astype(np.float32)
    if job.defects.stretch:
        ink = cv2.resize(ink, None, fx=1 + job.defects.stretch, fy=1, interpolation=cv2.INTER_LINEAR)
    if job.defects.smeared:
        _smear(ink, rng)
    return np.asarray(ink, np.float32)


def _smear(ink: Ink, rng: np.random.Generator) -> None:
    """Wipes while wet, from a quarter of the width on: finder and clock tracks stay, data become a grey drag. In place."""
    edge = 2 * DOTS_PER_MODULE
    inside = ink[edge:-edge, ink.shape[1] // 4 : -edge]
    drag = cv2.blur(inside, (9 * DOTS_PER_MODULE, DOTS_PER_MODULE), borderType=cv2.BORDER_REFLECT)
    streaks = cv2.blur(rng.random(inside.shape, dtype=np.float32), (6 * DOTS_PER_MODULE, 3))
    streaks = (streaks - streaks.mean()) / max(float(streaks.std()), 1e-6)
    wiped = np.zeros(inside.shape, np.float32)
    wiped[DOTS_PER_MODULE:-DOTS_PER_MODULE, DOTS_PER_MODULE:-DOTS_PER_MODULE] = 1
    wiped = cv2.GaussianBlur(wiped, (0, 0), DOTS_PER_MODULE / 2)
    inside[:] = inside * (1 - wiped) + np.clip(drag + 0.18 * streaks, 0, 1) * wiped


def _text_ink(lines: tuple[str, ...], symbol_height: int, below: bool) -> Ink:
    """Lines of text, at most as high together as the symbol where they stand beside it."""
    pitch = 42 if below else min(symbol_height // len(lines), 46)
    size = round(0.7 * pitch)
    canvas = np.zeros((pitch * len(lines), 40 * size), np.uint8)
    font = cv2.FontFace("sans")
    right = 1
    for row, line in enumerate(lines):
        (end, _), _ = cv2.putText(canvas, line, (2, row * pitch + round(0.8 * pitch)), (255,), font, size, 600)
        right = max(right, int(end) + 2)
    return np.asarray(canvas[:, : min(right, canvas.shape[1])], np.float32) / np.float32(255)


def _deposit(ink: Ink, symbol: tuple[int, int, int, int], job: Job, rng: np.random.Generator) -> Ink:
    """From the ideal outline to ink: edges as the technology leaves them, growth, dead nozzles, density and its mottle."""
    defects = job.defects
    spread, ragged, mottle = _DEPOSIT[job.technology]
    soft = cv2.GaussianBlur(ink, (0, 0), spread)
    if ragged:
        coarse = rng.standard_normal((ink.shape[0] // 2 + 1, ink.shape[1] // 2 + 1), dtype=np.float32)
        soft += ragged * cv2.resize(coarse, (ink.shape[1], ink.shape[0]), interpolation=cv2.INTER_LINEAR)
    shift_dots = defects.growth * DOTS_PER_MODULE / 2
    level = NormalDist().cdf(-shift_dots / spread)
    out: Ink = np.clip((soft - level) * 4 + 0.5, 0, 1).astype(np.float32)
    if defects.smeared:
        left, top, width, height = symbol
        edge = 2 * DOTS_PER_MODULE
        window = (slice(top + edge, top + height - edge), slice(left + width // 4, left + width - edge))
        out[window] = soft[window]
    for dot in defects.dead_dots:
        out[symbol[1] + dot] = 0
    if job.technology == "thermal inkjet":
        _satellites(out, symbol, rng)
    cloud = cv2.resize(
        rng.standard_normal((ink.shape[0] // 8 + 2, ink.shape[1] // 8 + 2), dtype=np.float32), (ink.shape[1], ink.shape[0])
    )
    out *= np.float32(defects.density) * (1 - np.float32(mottle) * np.abs(cloud))
    if defects.blur_modules:
        out = np.asarray(cv2.GaussianBlur(out, (0, 0), defects.blur_modules * DOTS_PER_MODULE), np.float32)
    return out


def _satellites(out: Ink, symbol: tuple[int, int, int, int], rng: np.random.Generator) -> None:
    """Stray droplets of an inkjet, far smaller than a module, within the print. In place."""
    left, top, width, height = symbol
    count = int(rng.poisson(10))
    xs = rng.integers(left, left + width, count)
    ys = rng.integers(top, top + height, count)
    out[ys, xs] = np.maximum(out[ys, xs], 0.8)
