"""Finders in one region of a frame: its patch, the likeliest outlines in it, and the sizes that their dashed sides bear out."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.alike import find_alike
from kernels.finders import find_finders, wave_table
from kernels.lines import STRIP
from kernels.patterns import comb_peaks, comb_scores, match_clocks
from kernels.sampling import edge_profile
from vision.decode.regions import Pyramid, Region
from vision.decode.search import Search, Workspace
from vision.decode.symbol_sizes import SIZES, size_of
from vision.types import Pixels

PATCH_MAX = 192
"""Side of a square upright patch in which the long edges are sought, in patch pixels."""

PATCH_NARROW = 80
"""Short side of a patch below which it is not made smaller, in patch pixels."""

FINDERS = 5
"""Finders of a region whose dashed sides are looked at closely."""

STEEPEST, ASLANT = 0.13, 0.25
"""Largest slope of a solid side against the axes of its region, for perspective, shear and the error of the region's angle: at a
glance and in a closer look."""

ANY_SIDES = (0.0, 0.0)
"""Stands for a short and a long side where nothing is known of a symbol's size."""

PAIRS = 6
"""Pairs of solid sides whose far ends are guessed in a doubtful region, and candidates tried there."""

FINDER_SIGN = {"both": 0.0, "dark": 1.0, "light": -1.0}
"""Polarities as kernels take them."""

DASHED_LEAST = 0.25
"""Agreement that each dashed side of a finder must reach at first sight."""

FINDER_LEAST = 0.1
"""Score of a finder at first sight below which it is dropped."""

CLOCK_LEAST = 0.42
"""Agreement of the dashed sides below which a hypothesis is dropped."""

PITCH_RATIO = 1.006
"""Step of the pitch search."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A finder hypothesis.

    quad: (4, 2) float64, x and y in frame pixels of the corner of the L, the end of its level side, the opposite corner, the
        end of its upright side; so ordered that an un-mirrored symbol has its columns along the level side.
    columns, rows: modules along the level and the upright side.
    inverted: light finder on dark. score: agreement of the dashed sides, 0 to 1.
    """

    quad: npt.NDArray[np.float64]
    columns: int
    rows: int
    inverted: bool
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """The sizes to look for, mirrored rectangles too.

    modules: (n, 2) int32 along the level and the upright side. counts: (m,) int32, the numbers that occur. places: (n, 2) int32,
    where the modules stand in counts. table: of `wave_table`, for counts.
    """

    modules: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int32]
    places: npt.NDArray[np.int32]
    table: npt.NDArray[np.float32]


@functools.lru_cache(maxsize=8)
def shapes_of(sizes: tuple[tuple[int, int], ...] | None) -> Shapes:
    """The shapes of these (rows, columns), None for every size of the standards."""
    allowed = sizes if sizes is not None else tuple((size.rows, size.columns) for size in SIZES)
    pairs = {(columns, rows) for rows, columns in allowed} | {(rows, columns) for rows, columns in allowed}
    modules = np.array(sorted(pairs), np.int32).reshape(-1, 2)
    counts = np.unique(modules)
    return Shapes(modules, counts, np.searchsorted(counts, modules).astype(np.int32), wave_table(counts))


def patch_of(levels: Pyramid, region: Region, side: int) -> tuple[int, float, int, int]:
    """How a region is looked at: the level of the pyramid, its pixels per pixel of the patch, columns and rows of the patch."""
    k, last = 0, len(levels) - 1
    margin = 10.0 + 0.06 * max(region.width, region.height)
    width, height = region.width + 2 * margin, region.height + 2 * margin
    # A long narrow patch may have four times the length, and its short side stays wide enough for two solid sides.
    size = min(max(math.sqrt(width * height), max(width, height) / 4), PATCH_MAX / PATCH_NARROW * min(width, height))
    while k < last and size / 2**k > 1.6 * side:
        k += 1
    scale = 2**k
    step = max(1.0, size / scale / side)  # level pixels per patch pixel
    return k, step, max(2 * STRIP, int(width / scale / step)), max(2 * STRIP, int(height / scale / step))


def finders_of(
    levels: Pyramid,
    region: Region,
    search: Search,
    shapes: Shapes,
    enough: float,
    side: int,
    outlines: int,
    work: Workspace,
    sides: tuple[float, float] = ANY_SIDES,
    steepest: float = STEEPEST,
    pairs: int = PAIRS,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The likeliest finders of a region and its likeliest pairs of solid sides, as from `find_finders`.

    side: of the square patch that it is looked at in, at most, in patch pixels. outlines: as of `find_finders`. sides: short
    and long side of the symbols wanted, in frame pixels. steepest: largest slope of a side against the region's axes. pairs: how
    many are given, at most.
    """
    short, long = sides
    k, step, columns, rows = patch_of(levels, region, side)
    right_x, right_y = math.cos(region.angle) * step, math.sin(region.angle) * step
    scale, i, j = 2**k, (columns - 1) / 2, (rows - 1) / 2
    x, y = (region.x - (scale - 1) / 2) / scale, (region.y - (scale - 1) / 2) / scale
    place = np.array((x - i * right_x + j * right_y, y - i * right_y - j * right_x, right_x, right_y, scale))
    finders = work.array("finders", (FINDERS, 12), np.float64)
    corners = np.empty((pairs, 7))
    patch = work.array("patch", (rows, columns), np.float32)
    found, pair_count = find_finders(
        levels[0],
        levels[k],
        place,
        patch,
        steepest,
        FINDER_SIGN[search.polarity],
        shapes.counts,
        shapes.table,
        shapes.places,
        DASHED_LEAST,
        FINDER_LEAST,
        enough,
        outlines,
        short,
        long,
        finders,
        corners,
    )
    return finders[:found], corners[:pair_count]


ALIKE_MARGIN, ALIKE_GRAIN = 0.2, 3.0
"""Room around a symbol where one like it is sought, as a share of its longer side, and patch pixels per module."""

ALIKE_MOST = 160
"""Longest side of a patch in which one more symbol like another is sought, in patch pixels."""


def another(levels: Pyramid, region: Region, model: Candidate, work: Workspace) -> Candidate | None:
    """A symbol like one already read (its quad as fitted), turned as the region is and near its centre; None where none is seen."""
    corner, end, opposite, other = model.quad
    across, up = (end - corner + opposite - other) / 2, (other - corner + opposite - end) / 2
    wide, tall = math.hypot(*across.tolist()), math.hypot(*up.tolist())
    pitch = min(wide / model.columns, tall / model.rows)
    # The region's axes are known but for quarter turns; the quarter that is nearest.
    angle = math.atan2(across[1], across[0])
    angle += (region.angle - angle + math.pi / 4) % (math.pi / 2) - math.pi / 4
    margin = ALIKE_MARGIN * max(wide, tall)
    step = max(pitch / ALIKE_GRAIN, (max(wide, tall) + 2 * margin) / ALIKE_MOST)
    k = min(max(int(math.log2(max(step, 1.0))), 0), len(levels) - 1)
    step /= 2**k
    columns, rows = (max(4 * STRIP, int((length + 2 * margin) / 2**k / step)) for length in (wide, tall))
    right_x, right_y = math.cos(angle) * step, math.sin(angle) * step
    x, y = ((place - (2**k - 1) / 2) / 2**k for place in (region.x, region.y))
    i, j = (columns - 1) / 2, (rows - 1) / 2
    place = np.array((x - i * right_x + j * right_y, y - i * right_y - j * right_x, right_x, right_y, 2**k))
    grain = step * 2**k
    quad, patch = np.empty((4, 2)), work.array("patch", (rows, columns), np.float32)
    light = -1.0 if model.inverted else 1.0
    if not find_alike(levels[k], place, patch, round(wide / grain), round(tall / grain), light, quad):
        return None
    counts = np.array(((model.columns, model.rows),), np.int32)
    found = _matched(levels[0], quad.reshape(1, 4, 2), counts, light, 0.0, 0, work)
    return found[0] if found else None


def clocked(picture: Pixels, finder: npt.NDArray[np.float64], work: Workspace) -> list[Candidate]:
    """A finder of `find_finders` as a candidate, its opposite corner where its dashed sides agree best; none where they do not."""
    counts = finder[2:4].astype(np.int32).reshape(1, 2)
    return _matched(picture, finder[4:].reshape(1, 4, 2), counts, float(finder[1]), 0.6, 2, work)


def lengthened(picture: Pixels, part: Candidate, shapes: Shapes, work: Workspace) -> list[Candidate]:
    """The longer symbols that an unread long one may be a part of: each data region of a long rectangle looks like a symbol."""
    along = 0 if part.columns >= part.rows else 1  # the axis of the long side
    long, short = max(part.columns, part.rows), min(part.columns, part.rows)
    wholes = [int(shape[along]) for shape in shapes.modules if shape[1 - along] == short and shape[along] > long >= 2 * short]
    quads, counts = [], []
    for whole in wholes:
        size = size_of(short, whole)
        step = whole // size.region_columns if size is not None else whole
        for before in range(0, whole - long + 1, step):
            low, high = -before / long, (whole - before) / long
            corner, end, opposite, other = part.quad
            if along == 0:
                rail, far = end - corner, opposite - other
                quads.append((corner + low * rail, corner + high * rail, other + high * far, other + low * far))
            else:
                rail, far = other - corner, opposite - end
                quads.append((corner + low * rail, end + low * far, end + high * far, corner + high * rail))
            counts.append((whole, short) if along == 0 else (short, whole))
    if not quads:
        return []
    return _matched(picture, np.array(quads), np.array(counts, np.int32), -1.0 if part.inverted else 1.0, 1.6, 4, work)


def _matched(
    picture: Pixels,
    quads: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int32],
    light: float,
    reach: float,
    steps: int,
    work: Workspace,
) -> list[Candidate]:
    """Candidates of quads (n, 4, 2) and shapes (n, 2) whose dashed sides agree, best first; reach, steps: as of `match_clocks`."""
    scores = work.array("clock scores", (len(quads), 3), np.float64)
    match_clocks(picture, quads, counts, light, reach, steps, CLOCK_LEAST, scores)
    found: list[Candidate] = []
    for quad, (columns, rows), (score, du, dv) in zip(quads, counts.tolist(), scores.tolist(), strict=True):
        if score >= CLOCK_LEAST:
            # By numbers: as arrays it takes five times as long.
            (x0, y0), (x1, y1), (x2, y2), (x3, y3) = quad.tolist()
            moved = quad.copy()
            moved[2, 0] = x2 + (du * (x1 - x0) / columns + dv * (x3 - x0) / rows)
            moved[2, 1] = y2 + (du * (y1 - y0) / columns + dv * (y3 - y0) / rows)
            found.append(Candidate(moved, columns, rows, light < 0, score))
    found.sort(key=lambda candidate: -candidate.score)
    return found


def _unlike(order: npt.NDArray[np.intp], quads: npt.NDArray[np.float64], counts: npt.NDArray[np.int32], most: int) -> list[int]:
    """The first so many of an order whose quads are not nearly an earlier one's with the same shape."""
    kept: list[int] = []
    for index in order[: 12 * most]:
        for other in kept:
            if (counts[index] == counts[other]).all() and np.abs(quads[index] - quads[other]).max() < 2.0:
                break
        else:
            kept.append(int(index))
            if len(kept) == most:
                break
    return kept


def _pitches(
    picture: Pixels, corner: npt.NDArray[np.float64], end: npt.NDArray[np.float64], side: npt.NDArray[np.float64], work: Workspace
) -> list[float]:
    """The likeliest module pitches along corner -> end, in pixels of the picture: at most three, best first."""
    length = float(np.hypot(*(end - corner)))
    depth = float(np.hypot(*(side - corner)))
    step = max(0.5, length / 640)
    along = (end - corner) / length * step
    lines = int(min(48, max(8, depth / 2)))
    down = (side - corner) / lines
    # One module of quiet zone may be missing at the far end, so the profile stops at the end; it starts 3 px before the corner.
    lead = 3.0 / step
    start = corner - along * lead + down * 0.5
    profile = work.array("profile", (int(length / step + lead),), np.float32)
    edge_profile(picture, start[0], start[1], along[0], along[1], down[0], down[1], lines, profile)
    shortest = 1.8 / step
    longest = max(length / 7.0 / step, shortest * 1.1)
    scores = work.array("comb", (int(np.log(longest / shortest) / np.log(PITCH_RATIO)) + 2,), np.float64)
    comb_scores(profile, lead, shortest, PITCH_RATIO, scores)
    peaks = np.empty(3, np.int64)
    return [shortest * PITCH_RATIO ** int(k) * step for k in peaks[: comb_peaks(scores, 0.12, 4, peaks)]]


def guesses_of(picture: Pixels, solid: npt.NDArray[np.float64], shapes: Shapes, work: Workspace) -> list[Candidate]:
    """The sizes and far corners that the dashed sides bear out, for one pair of solid sides; best first.

    solid: a row of corners of `find_finders`. The ends of the sides are taken as guesses: the module pitch along them tells where
    they can end.
    """
    light, (corner, level_end, upright_end) = float(solid[0]), solid[1:].reshape(3, 2)
    across, up = level_end - corner, upright_end - corner
    if across[0] * up[1] - across[1] * up[0] > 0:  # an un-mirrored symbol has its rows to the left of its columns
        across, up = up, across
        level_end, upright_end = upright_end, level_end
    wide, tall = float(np.hypot(*across)), float(np.hypot(*up))
    far_u, far_v, parts = [], [], []
    up_pitches = _pitches(picture, corner, upright_end, level_end, work)
    for pitch_u in _pitches(picture, corner, level_end, upright_end, work) if up_pitches else []:
        for pitch_v in up_pitches:
            if not 0.25 < pitch_u / pitch_v < 4.0:
                continue
            u, v = shapes.modules[:, 0] * (pitch_u / wide), shapes.modules[:, 1] * (pitch_v / tall)
            fits = (u > 0.4) & (u < 1.3) & (v > 0.4) & (v < 1.3)
            far_u.append(u[fits])
            far_v.append(v[fits])
            parts.append(shapes.modules[fits])
    if not sum(len(part) for part in parts):
        return []
    to_u, to_v = np.concatenate(far_u)[:, None] * across, np.concatenate(far_v)[:, None] * up
    quads = np.stack((np.broadcast_to(corner, to_u.shape), corner + to_u, corner + to_u + to_v, corner + to_v), axis=1)
    counts = np.concatenate(parts)
    scores = work.array("clock scores", (len(quads), 3), np.float64)
    match_clocks(picture, quads, counts, light, 1.0, 1, -1.0, scores)
    best = _unlike(np.argsort(-scores[:, 0], kind="stable"), quads, counts, 5)
    quads, counts = np.ascontiguousarray(quads[best]), np.ascontiguousarray(counts[best])
    return _matched(picture, quads, counts, light, 1.6, 4, work)
