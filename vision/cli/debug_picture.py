"""A picture of what the locator saw, drawn over the frame: for whoever sets up a camera."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from vision.decode.trials import Trials
    from vision.types import Inspection, Pixels, Symbol

REGION, CANDIDATE, FAILED, READ, UNREAD = (0, 200, 255), (255, 140, 0), (60, 60, 255), (0, 190, 0), (200, 0, 200)
"""Colours, blue first: regions yellow, candidates blue, told trials red, symbols green, found but not read purple."""

SHORTEST = 900
"""Longer side in pixels to which a small frame is enlarged, so that lines do not hide it."""

Canvas = npt.NDArray[np.uint8]
Places = npt.NDArray[np.float64]


def draw(pixels: Pixels, inspection: Inspection, trials: Trials) -> Canvas:
    """The frame in colour with regions, candidates, the L and the grid of what was found, and why the rest failed."""
    from vision.decode.trials import region_corners

    scale = max(1, round(SHORTEST / max(pixels.shape)))
    canvas = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR).repeat(scale, axis=0).repeat(scale, axis=1), np.uint8)
    for view, regions in trials.looks:
        for region in regions if not view.name else []:
            _outline(canvas, view.to_picture(region_corners(region)), scale, REGION)
    for view, candidate, symbol, _ in trials.failed:
        if view.name:
            continue
        quad = view.to_picture(candidate.quad if symbol is None else symbol.corners[[0, 3, 2, 1]])
        _outline(canvas, quad, scale, CANDIDATE)
        _l(canvas, quad[[3, 0, 1]], 2, scale, CANDIDATE)
    for trial in inspection.trials:
        _outline(canvas, trial.corners, scale, FAILED)
        size = f" {trial.rows}x{trial.columns}" if trial.rows else ""
        _words(canvas, f"{trial.failure}{size}", trial.corners, scale, FAILED)
    for finding in inspection.findings:
        colour = READ if finding.reading is not None else UNREAD
        _grid(canvas, finding.symbol, scale, colour)
        rescue = f", {finding.reading.rescue}" if finding.reading is not None and finding.reading.rescue else ""
        what = "read" if finding.reading is not None else "found, not read"
        _words(canvas, f"{what} {finding.symbol.rows}x{finding.symbol.columns}{rescue}", finding.symbol.corners, scale, colour)
    return canvas


def write(path: Path, pixels: Pixels, inspection: Inspection, trials: Trials) -> None:
    """Draws and writes it as PNG; raises OSError where that cannot be written."""
    _, data = cv2.imencode(".png", draw(pixels, inspection, trials))
    path.write_bytes(data.tobytes())


def _placed(places: Places, scale: int) -> npt.NDArray[np.int32]:
    return np.rint(np.clip((places + 0.5) * scale - 0.5, -30000, 30000)).astype(np.int32)


def _outline(canvas: Canvas, quad: Places, scale: int, colour: tuple[int, int, int]) -> None:
    cv2.polylines(canvas, [_placed(quad, scale)], True, colour, 1, cv2.LINE_AA)


def _l(canvas: Canvas, bend: Places, thick: int, scale: int, colour: tuple[int, int, int]) -> None:
    cv2.polylines(canvas, [_placed(bend, scale)], False, colour, thick, cv2.LINE_AA)


def _grid(canvas: Canvas, symbol: Symbol, scale: int, colour: tuple[int, int, int]) -> None:
    """The L thick and a dot at each corner of a module."""
    _outline(canvas, symbol.corners, scale, colour)
    _l(canvas, symbol.corners[[1, 0, 3]], 3, scale, colour)
    for x, y in _placed(symbol.grid.reshape(-1, 2), scale).tolist():
        cv2.circle(canvas, (x, y), 1, colour, -1, cv2.LINE_AA)


def _words(canvas: Canvas, words: str, quad: Places, scale: int, colour: tuple[int, int, int]) -> None:
    x, y = _placed(quad.min(axis=0), scale).tolist()
    height, width = canvas.shape[:2]
    (wide, tall), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)
    at = (min(max(2, x), max(2, width - wide - 2)), min(max(tall + 2, y - 4), height - 4))
    cv2.rectangle(canvas, (at[0] - 2, at[1] - tall - 2), (at[0] + wide + 2, at[1] + 4), (0, 0, 0), -1)
    cv2.putText(canvas, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)
