"""Frames as a folder that `vision.cameras.recorded` replays: backgrounds, code windows, index, truth and order.

The window with the print is rendered on the very background it is pasted on (same light, same board, same lens), so that only ink
differs; it reaches a few pixels beyond the ink. Backgrounds and windows go through the same compression.
"""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from bench.render.carton import HEIGHT_PX, WIDTH_PX, Scene, Stock, make_scene
from bench.render.optics import Homography, Optics, expose, project, rotation, scaling, through_lens, translation, warp
from bench.render.print_model import DOTS_PER_MODULE, Job, Print, lay_down
from bench.render.scenario import BAD_KINDS, Batch, Pack, Plan, make_plan
from bench.render.symbol import GS, Content, module_matrix

_CORNERS = tuple(f"{axis}{corner}" for corner in range(4) for axis in "xy")
TRUTH_COLUMNS = ("index", "text", "kind", "size", "px_per_module", "angle_deg", *_CORNERS, "contrast", "blur_px", "noise")

_WEBP_QUALITY = 97
"""Keeps grey values within 7 (standard deviation 1.0) of the rendering at 22 kB a window; lossless took 45 kB, JPEG 97 45 kB."""
_ZIP_DATE = (2026, 1, 1, 0, 0, 0)
_MARGIN_PX = 6
_JITTER_PX, _JITTER_DEG = 5.0, 0.7

STOCKS = (
    Stock("24x24", 8.0, 1.2, False, "thermal inkjet", Optics(0.60, 0.0, 0.35, 0.35)),
    Stock("26x26", 7.4, -2.6, False, "thermal transfer", Optics(0.70, 0.0, 0.35, 0.35), paper=0.96, ink=0.06),
    Stock("24x24", 8.6, 91.5, True, "thermal inkjet", Optics(0.55, 0.0, 0.35, 0.35), paper=0.95, ink=0.07),
    Stock("24x24", 7.8, 178.6, False, "laser", Optics(0.65, 0.0, 0.35, 0.35), paper=0.96, ink=0.10),
    Stock("16x48", 7.6, 0.4, True, "thermal inkjet", Optics(0.60, 1.0, 0.35, 0.35), paper=0.95, ink=0.08),
    Stock("24x24", 9.0, 3.6, True, "thermal transfer", Optics(0.75, 0.0, 0.35, 0.35), paper=0.97, ink=0.05),
    Stock("26x26", 7.2, -88.4, True, "thermal inkjet", Optics(0.60, 0.0, 0.35, 0.35), paper=0.96, ink=0.07),
    Stock("24x24", 8.2, -3.4, False, "thermal inkjet", Optics(0.65, 1.0, 0.35, 0.35), paper=0.94, ink=0.08),
)
"""The cartons of the shipped recording: symbol, scale, pose and camera differ, all of one order."""


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One pack as photographed: the window at (x, y) that differs from its scene, and the truth about its first symbol.

    window: (h, w) uint8, None where nothing was printed. corners: (4, 2) pixels, corner of the L, then clockwise as printed.
    """

    x: int
    y: int
    window: npt.NDArray[np.uint8] | None
    corners: npt.NDArray[np.float64] | None
    contrast: float
    blur_px: float
    noise: float


def make_scenes(batch: Batch, seed: int, stocks: tuple[Stock, ...] = STOCKS) -> list[Scene]:
    """One scene for each stock, its free field as large as the batch's print, or a double one, needs."""
    sample = (("01", batch.gtin), ("17", batch.expiry), ("10", batch.lot), ("21", "0" * 12))
    scenes = []
    for number, stock in enumerate(stocks):
        rng = np.random.default_rng([seed, 2, number])
        lines = (f"PC {batch.gtin}", "SN MMMM00000000", f"LOT {batch.lot}", "EXP 00/0000")
        bits = module_matrix(Content(sample), stock.size)
        jobs = (Job((bits,), lines, stock.below), Job((bits, bits), (), stock.below))
        shapes = np.array([lay_down(job, rng).ink.shape for job in jobs])
        height, width = np.rint(shapes.max(axis=0) * stock.px_per_module / DOTS_PER_MODULE).astype(int)
        scenes.append(make_scene(stock, batch.product, (int(width), int(height)), rng))
    return scenes


def bare_frame(scene: Scene, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """The scene before printing, (HEIGHT_PX, WIDTH_PX) uint8."""
    return expose(scene.reflectance, scene.light, scene.stock.optics, rng)


def photograph(scene: Scene, pack: Pack, rng: np.random.Generator) -> Shot:
    """Prints a pack into its scene and takes the picture of what changed."""
    optics = scene.stock.optics
    if not pack.contents:
        return Shot(0, 0, None, None, 0.0, optics.blur_px, optics.shot_noise)
    matrices = tuple(module_matrix(content, scene.stock.size) for content in pack.contents)
    laid = lay_down(Job(matrices, pack.lines, scene.stock.below, scene.stock.technology, pack.defects), rng)
    pose = _print_pose(scene, rng)
    x, y, width, height = window = _window(laid, pose)
    cover = through_lens(warp(laid.ink, pose, window), optics)
    cut = (slice(y, y + height), slice(x, x + width))
    board, light = scene.reflectance[cut], scene.light[cut]
    reflectance = board * (1 - cover * (1 - scene.stock.ink / scene.stock.paper))
    corners = _corners(laid, pose)
    middle = corners.mean(axis=0) - (x, y)
    white = float(light[round(middle[1]), round(middle[0])]) * scene.stock.paper
    contrast = white / 255 * (1 - scene.stock.ink / scene.stock.paper) * min(pack.defects.density, 1.0)
    noise = float(np.hypot(optics.read_noise, optics.shot_noise * np.sqrt(white / 255)))
    return Shot(x, y, expose(reflectance, light, optics, rng), corners, contrast, optics.blur_px, noise)


def _print_pose(scene: Scene, rng: np.random.Generator) -> Homography:
    """Dots of the ink map to pixels, with the printer's registration jitter."""
    scale = scene.stock.px_per_module / DOTS_PER_MODULE
    shift = np.array(scene.origin) + rng.uniform(-_JITTER_PX, _JITTER_PX, 2)
    turn = rotation(float(rng.uniform(-_JITTER_DEG, _JITTER_DEG)))
    return np.asarray(scene.pose @ translation(*shift) @ turn @ scaling(scale, scale))


def _window(laid: Print, pose: Homography) -> tuple[int, int, int, int]:
    """Bounding box (x, y, width, height) of the ink in pixels, kept inside the frame."""
    rows, columns = np.flatnonzero(laid.ink.any(axis=1)), np.flatnonzero(laid.ink.any(axis=0))
    left, right, top, bottom = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    points = project(pose, [(left, top), (right, top), (right, bottom), (left, bottom)])
    low = np.maximum(np.floor(points.min(axis=0)) - _MARGIN_PX, 0).astype(int)
    high = np.minimum(np.ceil(points.max(axis=0)) + _MARGIN_PX, (WIDTH_PX, HEIGHT_PX)).astype(int)
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


def _corners(laid: Print, pose: Homography) -> npt.NDArray[np.float64]:
    left, top, width, height = laid.symbol
    return project(pose, [(left, top + height), (left, top), (left + width, top), (left + width, top + height)])


def render_recording(
    folder: str | Path,
    packs: int,
    seed: int,
    bad_share: float = 0.1,
    kinds: tuple[str, ...] = BAD_KINDS,
    batch: Batch | None = None,
    pool: list[str] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Plan:
    """Renders a recording into `folder` (made if missing): index.csv, truth.csv, order.json, backgrounds and windows.

    packs: how many frames. bad_share: about this share is bad, of `kinds` in turn. pool: serials of an order to take them from.
    progress: told the number of packs done. The same arguments give the same files under the same library versions.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    plan = make_plan(batch or Batch(), packs, bad_share, seed, kinds, pool)
    scenes = make_scenes(plan.batch, seed)
    for number, scene in enumerate(scenes):
        _store(folder / f"background_{number}.webp", bare_frame(scene, np.random.default_rng([seed, 3, number])))
    index_rows: list[tuple[Any, ...]] = []
    truth_rows: list[tuple[Any, ...]] = []
    runs = np.random.default_rng([seed, 4])
    number = 0
    for place, pack in enumerate(plan.packs):
        number = int(runs.integers(len(scenes))) if runs.random() < 0.5 else number
        shot = photograph(scenes[number], pack, np.random.default_rng([seed, 5, place]))
        name = ""
        if shot.window is not None:
            name = f"{place:05d}.webp"
            _store(folder / name, shot.window)
        index_rows.append((name, f"background_{number}.webp", shot.x, shot.y))
        truth_rows.append(_truth(place, pack, scenes[number], shot))
        if progress is not None:
            progress(place + 1)
    _table(folder / "index.csv", ("file", "background", "x", "y"), index_rows)
    _table(folder / "truth.csv", TRUTH_COLUMNS, truth_rows)
    (folder / "order.json").write_text(json.dumps(plan.batch.order_file(list(plan.serials)), indent=1) + "\n", encoding="utf-8")
    return plan


def pack_recording(folder: Path, archive: Path) -> None:
    """Puts index and images of a recording into one .zip that is replayed as it is; same files, same bytes."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for file in sorted((*folder.glob("index.csv"), *folder.glob("*.webp"))):
            packed.writestr(zipfile.ZipInfo(file.name, _ZIP_DATE), file.read_bytes())


def shown(text: str) -> str:
    """A payload as the truth table has it: the separator written <GS>."""
    return text.replace(GS, "<GS>")


def _truth(place: int, pack: Pack, scene: Scene, shot: Shot) -> tuple[Any, ...]:
    text = "|".join(shown(content.text) for content in pack.contents)
    if shot.corners is None:
        return (place, text, pack.kind, "", "", "", *[""] * 8, "", "", round(shot.noise, 3))
    along = shot.corners[3] - shot.corners[0]
    rows, columns = (int(side) for side in scene.stock.size.split("x"))
    up = shot.corners[1] - shot.corners[0]
    pitch = (np.hypot(*along) / columns + np.hypot(*up) / rows) / 2
    angle = float(np.rad2deg(np.arctan2(along[1], along[0])))
    corners = [f"{value:.2f}" for value in shot.corners.ravel()]
    values = (f"{pitch:.3f}", f"{angle:.2f}", *corners, f"{shot.contrast:.3f}", f"{shot.blur_px:.2f}", f"{shot.noise:.2f}")
    return (place, text, pack.kind, scene.stock.size, *values)


def _store(path: Path, image: npt.NDArray[np.uint8]) -> None:
    if not cv2.imwrite(str(path), image, (cv2.IMWRITE_WEBP_QUALITY, _WEBP_QUALITY)):
        raise OSError(f"{path}: cannot be written")


def _table(path: Path, heading: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(heading)
        writer.writerows(rows)
