"""From pixels to candidates: finders in a frame, told by two solid sides and two dashed ones, in order of promise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.lines import STRIP, consistency, pair_lines, pick_lines, quad_lines, straight_runs, strip_edges
from kernels.patterns import comb_scores, match_clocks
from kernels.sampling import edge_profile, turn_upright
from vision.decode.regions import Region, pyramid, regions
from vision.decode.search import Effort, Search, Workspace
from vision.decode.symbol_sizes import SIZES
from vision.types import Pixels

PATCH_MAX = 288
"""Longest side of the upright patch in which the solid sides are sought, in patch pixels."""

SHORTEST = 14.0
"""Length of a side of a symbol, in patch pixels."""

LINES = 10
"""Lines kept per direction of a patch."""

STEEPEST = 0.09
"""Largest slope of a solid side against the axes of its patch: perspective, shear and the error of the region's angle."""

EDGE_PRICE = 0.42
"""Consistency below which a strip speaks against a solid side."""

CLOCK_LEAST = 0.1
"""Agreement of the dashed sides below which a hypothesis is dropped."""

CLOCK_SURE = 0.45
"""Agreement with which a hypothesis is tried before the others are looked at."""

PITCH_RATIO = 1.006
"""Step of the pitch search."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A finder hypothesis.

    quad: (4, 2) float64, x and y in frame pixels of the corner of the L, the end of its level side, the opposite corner, the end of its
        upright side; so ordered that an un-mirrored symbol has its columns along the level side.
    columns, rows: modules along the level and the upright side.
    inverted: light finder on dark. score: agreement of the dashed sides, 0 to 1.
    """

    quad: npt.NDArray[np.float64]
    columns: int
    rows: int
    inverted: bool
    score: float


def locate(pixels: Pixels, search: Search, work: Workspace) -> list[Candidate]:
    """All candidates of a frame that the budget allows, in order of promise.

    pixels: (height, width) uint8, C-contiguous.
    """
    return [candidate for candidate, _ in candidates(pixels, search, work, Effort(search.effort), [])]


def candidates(
    pixels: Pixels, search: Search, work: Workspace, effort: Effort, taken: list[npt.NDArray[np.float64]]
) -> Iterator[tuple[Candidate, Pixels]]:
    """Candidates region by region, each with the pyramid level its modules are best read in.

    taken: quads of symbols already read (the caller adds to it); regions and candidates inside are skipped.
    """
    levels = pyramid(pixels, work)
    shapes = _shapes(search)
    order = [k for k in (1, 2, 0, 3) if k < len(levels)]
    for k in order:
        for region in regions(levels[k], float(2**k), work):
            if any(_covers(quad, region.x, region.y) for quad in taken):
                continue
            if not effort.spend(4):
                return
            for candidate in _in_region(levels, region, shapes, search, work, effort):
                middle = candidate.quad.mean(axis=0)
                if any(_covers(quad, *middle) for quad in taken):
                    continue
                if not effort.spend(1):
                    return
                yield candidate, pixels


def _shapes(search: Search) -> npt.NDArray[np.int32]:
    """(n, 2) int32 of modules along the level and the upright side, mirrored rectangles too."""
    allowed = search.sizes if search.sizes is not None else tuple((size.rows, size.columns) for size in SIZES)
    pairs = {(columns, rows) for rows, columns in allowed} | {(rows, columns) for rows, columns in allowed}
    return np.array(sorted(pairs), np.int32).reshape(-1, 2)


def _covers(quad: npt.NDArray[np.float64], x: float, y: float) -> bool:
    """Whether a convex quad covers the point."""
    edges = np.roll(quad, -1, axis=0) - quad
    to = np.array((x, y)) - quad
    cross = edges[:, 0] * to[:, 1] - edges[:, 1] * to[:, 0]
    return bool((cross >= 0).all() or (cross <= 0).all())


def _in_region(
    levels: list[Pixels], region: Region, shapes: npt.NDArray[np.int32], search: Search, work: Workspace, effort: Effort
) -> Iterator[Candidate]:
    """Candidates of one region: those that are beyond doubt as soon as they are found, then the others, best first."""
    outlines, corners = _lines_of(levels, region, search, work)
    rest = _outlined(levels[0], outlines, shapes, work)
    while rest and rest[0].score >= CLOCK_SURE:
        yield rest.pop(0)
    for polarity, corner, level_end, upright_end in corners:
        if not effort.spend(1):
            return
        found = _hypotheses(levels[0], polarity, corner, level_end, upright_end, shapes, work)
        if found and found[0].score >= CLOCK_SURE:
            yield found.pop(0)
        rest += found
    rest.sort(key=lambda candidate: -candidate.score)
    yield from rest[:6]


Outline = tuple[float, npt.NDArray[np.float64]]
"""+1 dark or -1 light, and the corners top-left, top-right, bottom-right, bottom-left in the patch, (4, 2) in frame pixels."""

Corner = tuple[float, npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""+1 dark or -1 light, the corner of the L, its level and its upright end, in frame pixels."""


def _lines_of(levels: list[Pixels], region: Region, search: Search, work: Workspace) -> tuple[list[Outline], list[Corner]]:
    """The likeliest outlines and the likeliest pairs of solid sides that the long edges of a region make."""
    k = 0
    margin = 10.0 + 0.06 * max(region.width, region.height)
    width, height = region.width + 2 * margin, region.height + 2 * margin
    while k + 1 < len(levels) and max(width, height) / 2**k > 1.5 * PATCH_MAX:
        k += 1
    step = max(1.0, max(width, height) / 2**k / PATCH_MAX)  # level pixels per patch pixel
    columns, rows = (max(2 * STRIP, int(side / 2**k / step)) for side in (width, height))
    axis = np.array((np.cos(region.angle), np.sin(region.angle))) * step
    down = np.array((-axis[1], axis[0]))
    centre = (np.array((region.x, region.y)) - (2**k - 1) / 2) / 2**k
    start = centre - axis * (columns - 1) / 2 - down * (rows - 1) / 2
    patch = work.array("patch", (rows, columns), np.float32)
    turn_upright(levels[k], start[0], start[1], axis[0], axis[1], down[0], down[1], patch)
    upright = _lines(patch, "upright", work)
    turned = work.array("turned patch", (columns, rows), np.float32)
    turned[:] = patch.T
    level = _lines(turned, "level", work)

    def in_frame(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        placed = start + places[..., :1] * axis + places[..., 1:] * down
        return np.asarray(placed * 2**k + (2**k - 1) / 2)

    wanted = {"both": (1.0, -1.0), "dark": (1.0,), "light": (-1.0,)}[search.polarity]
    pairs = work.array("pairs", (4 * LINES * LINES, 8), np.float64)
    best = _best(pairs[: pair_lines(upright, len(upright), level, len(level), SHORTEST, 6.0, pairs)], wanted, 12)
    corners = [
        (float(row[1]), place[0], place[2], place[1])
        for row, place in zip(best, in_frame(best[:, 2:].reshape(-1, 3, 2)), strict=True)
    ]
    quads = work.array("quads", (2048, 10), np.float64)
    best = _best(quads[: quad_lines(upright, len(upright), level, len(level), SHORTEST, quads)], wanted, 12)
    outlines = [(float(row[1]), place) for row, place in zip(best, in_frame(best[:, 2:].reshape(-1, 4, 2)), strict=True)]
    return outlines, corners


def _best(rows: npt.NDArray[np.float64], polarities: tuple[float, ...], most: int) -> npt.NDArray[np.float64]:
    """The rows of wanted polarity (column 1) with the highest scores (column 0)."""
    rows = rows[np.isin(rows[:, 1], polarities)]
    return rows[np.argsort(-rows[:, 0], kind="stable")[:most]]


def _outlined(picture: Pixels, outlines: list[Outline], shapes: npt.NDArray[np.int32], work: Workspace) -> list[Candidate]:
    """The sizes and turns that the dashed sides bear out, for whole outlines; best first."""
    found: list[Candidate] = []
    for light in (1.0, -1.0):
        own = [outline for other, outline in outlines if other == light]
        if not own:
            continue
        # corner of the L, end of its level side, opposite corner, end of its upright side, for a symbol turned 0 to 3 times
        turned = np.array(own)[:, _TURNS]
        sides = np.hypot(*np.moveaxis(turned - np.roll(turned, -1, axis=2), -1, 0))
        wide, tall = (sides[..., 0] + sides[..., 2]) / 2, (sides[..., 1] + sides[..., 3]) / 2
        pitch_u, pitch_v = wide[..., None] / shapes[:, 0], tall[..., None] / shapes[:, 1]
        fits = (pitch_u < 1.33 * pitch_v) & (pitch_v < 1.33 * pitch_u) & (np.minimum(pitch_u, pitch_v) > 1.5)
        outline, turn, shape = np.nonzero(fits)
        if outline.size:
            found += _clocked(picture, turned[outline, turn], shapes[shape], light, (0.0, 0), (0.6, 2), work)
    found.sort(key=lambda candidate: -candidate.score)
    return found


_TURNS = np.array([np.roll((3, 2, 1, 0), -turn) for turn in range(4)])


def _clocked(
    picture: Pixels,
    quads: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int32],
    light: float,
    coarse: tuple[float, int],
    fine: tuple[float, int],
    work: Workspace,
) -> list[Candidate]:
    """Candidates among quads (n, 4, 2) and shapes (n, 2) by their dashed sides, best first.

    coarse, fine: reach in modules and steps of the first look at all and of the second at the best.
    """
    scores = work.array("clock scores", (len(quads), 3), np.float64)
    match_clocks(picture, quads, counts, light, *coarse, scores)
    best = np.argsort(-scores[:, 0], kind="stable")[:5]
    quads, counts = np.ascontiguousarray(quads[best]), np.ascontiguousarray(counts[best])
    scores = work.array("clock scores", (len(best), 3), np.float64)
    match_clocks(picture, quads, counts, light, *fine, scores)
    found: list[Candidate] = []
    for quad, (columns, rows), (score, du, dv) in zip(quads, counts, scores, strict=True):
        if score >= CLOCK_LEAST:
            moved = quad.copy()
            moved[2] += du * (quad[1] - quad[0]) / columns + dv * (quad[3] - quad[0]) / rows
            found.append(Candidate(moved, int(columns), int(rows), light < 0, float(score)))
    found.sort(key=lambda candidate: -candidate.score)
    return found


def _lines(patch: npt.NDArray[np.float32], name: str, work: Workspace) -> npt.NDArray[np.float64]:
    """The best nearly vertical lines of a patch, (n, 6) float64 as from `pick_lines`."""
    rows, columns = patch.shape
    strips = work.array(f"{name} strips", (rows // STRIP, columns), np.float32)
    mean = strip_edges(patch, strips)
    edges = work.array(f"{name} edges", strips.shape, np.float32)
    consistency(strips, 0.5 * mean + 0.5, edges)
    steepest = STEEPEST * STRIP
    # Neighbouring slopes part by one column and a half at the ends of the patch.
    slopes = 2 * int(np.ceil(STEEPEST * rows / 1.5)) + 1
    runs = work.array(f"{name} runs", (2, 4, columns), np.float32)
    running = work.array(f"{name} running", (4, columns), np.float32)
    straight_runs(edges, steepest, slopes, EDGE_PRICE, running, runs)
    lines = work.array(f"{name} lines", (LINES, 6), np.float64)
    return lines[: pick_lines(strips, runs, LINES, 0.6, lines)]


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
    peaks = [
        i
        for i in range(len(scores))
        if scores[i] > 0.12 and scores[i] >= scores[max(0, i - 4) : i + 5].max()
    ]
    peaks.sort(key=lambda i: -scores[i])
    return [shortest * PITCH_RATIO**i * step for i in peaks[:3]]


def _hypotheses(
    picture: Pixels,
    polarity: float,
    corner: npt.NDArray[np.float64],
    level_end: npt.NDArray[np.float64],
    upright_end: npt.NDArray[np.float64],
    shapes: npt.NDArray[np.int32],
    work: Workspace,
) -> list[Candidate]:
    """The sizes and far corners that the dashed sides bear out, for one pair of solid sides; best first.

    The ends of the sides are taken as guesses: the module pitch along them tells where they can end.
    """
    across, up = level_end - corner, upright_end - corner
    if across[0] * up[1] - across[1] * up[0] > 0:  # an un-mirrored symbol has its rows to the left of its columns
        across, up = up, across
        level_end, upright_end = upright_end, level_end
    wide, tall = float(np.hypot(*across)), float(np.hypot(*up))
    quads, counts = [], []
    up_pitches = _pitches(picture, corner, upright_end, level_end, work)
    for pitch_u in _pitches(picture, corner, level_end, upright_end, work):
        for pitch_v in up_pitches:
            if not 0.7 < pitch_u / pitch_v < 1.43:
                continue
            far_u, far_v = shapes[:, 0] * pitch_u / wide, shapes[:, 1] * pitch_v / tall
            fits = (far_u > 0.4) & (far_u < 1.3) & (far_v > 0.4) & (far_v < 1.3)
            for shape in np.flatnonzero(fits):
                u, v = across * far_u[shape], up * far_v[shape]
                quads.append(np.array((corner, corner + u, corner + u + v, corner + v)))
                counts.append(shapes[shape])
    if not quads:
        return []
    return _clocked(picture, np.array(quads), np.array(counts, np.int32), polarity, (1.0, 1), (1.6, 4), work)
