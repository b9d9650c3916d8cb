"""From pixels to candidates: finders in a frame, told by two solid sides and two dashed ones, in order of promise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.edges import BLOCK
from kernels.lines import STRIP, consistency, pair_lines, pick_lines, quad_lines, straight_runs, strip_edges
from kernels.patterns import comb_scores, match_clocks
from kernels.sampling import edge_profile, turn_upright
from vision.decode.regions import Region, pyramid, regions
from vision.decode.search import Effort, Search, Workspace
from vision.decode.symbol_sizes import SIZES
from vision.types import Pixels

PATCH_MAX = 288
"""Side of a square upright patch in which the long edges are sought, in patch pixels."""

SHORTEST = 14.0
"""Length of a side of a symbol, in patch pixels."""

PAIRS = 6
"""Pairs of solid sides whose far ends are guessed in a doubtful region, and candidates tried there."""

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


def locate(pixels: Pixels, search: Search, work: Workspace) -> list[Candidate]:
    """All candidates of a frame that the budget allows, in order of promise.

    pixels: (height, width) uint8, C-contiguous.
    """
    return list(candidates(pixels, search, work, Effort(search.units), []))


def candidates(
    pixels: Pixels, search: Search, work: Workspace, effort: Effort, taken: list[npt.NDArray[np.float64]]
) -> Iterator[Candidate]:
    """Candidates of a frame, lazily: first what is beyond doubt in any region, then the doubtful, region by region.

    taken: corners (4, 2) of the symbols already read (the caller adds to it); what they cover is skipped.
    """
    levels = pyramid(pixels, work)
    shapes = _shapes(search)
    if not len(shapes):
        return
    doubtful: list[tuple[Region, list[Candidate], list[Corner]]] = []
    for k in (1, 2, 0, 3):
        if effort.left < 4:
            break
        for region in regions(levels[k], float(2**k), work) if k < len(levels) else []:
            if _settled(region, taken) or (effort.last and not _alike(region, taken, 2.0**k)):
                continue
            if not effort.spend(4):
                break
            outlines, corners = _lines_of(levels, region, search, work)
            found = _outlined(pixels, outlines, shapes, work)
            # In a place like that of a symbol already read, the best is worth a try at half the certainty.
            if effort.last and found and CLOCK_SURE / 2 <= found[0].score < CLOCK_SURE and not _taken(found[0], taken):
                yield found.pop(0)
            while found and found[0].score >= CLOCK_SURE:
                candidate = found.pop(0)
                if not _taken(candidate, taken):
                    effort.spend(1)
                    yield candidate
            doubtful.append((region, found[:3], corners))
    if effort.last:
        return
    # What the first pass left over gets the same again: without this a busy frame would never come to its doubtful regions.
    effort.left = max(effort.left, search.units // 2)
    for region, found, corners in doubtful:
        if _settled(region, taken):
            continue
        for corner in corners[:PAIRS]:
            if not effort.spend(1):
                return
            found.extend(_hypotheses(pixels, corner, shapes, work))
        for candidate in sorted(found, key=lambda candidate: -candidate.score)[:PAIRS]:
            if not _taken(candidate, taken):
                if not effort.spend(1):
                    return
                yield candidate


def _settled(region: Region, taken: list[npt.NDArray[np.float64]]) -> bool:
    """Whether symbols already read fill a third of a region or cover its centre."""
    filled = 0.0
    for quad in taken:
        if covers(quad, region.x, region.y):
            return True
        dx, dy = quad.mean(axis=0) - (region.x, region.y)
        cosine, sine = np.cos(region.angle), np.sin(region.angle)
        # Within the region's own rectangle: of two narrow symbols one above the other, neither lies in the other's.
        if abs(dx * cosine + dy * sine) < region.width / 2 and abs(dy * cosine - dx * sine) < region.height / 2:
            (ax, ay), (bx, by) = quad[2] - quad[0], quad[3] - quad[1]
            filled += abs(float(ax * by - ay * bx)) / 2
    return filled > 0.33 * region.width * region.height


def _alike(region: Region, taken: list[npt.NDArray[np.float64]], scale: float) -> bool:
    """Whether a region may hold one more symbol like one of those read: about as large in both directions.

    scale: frame pixels per pixel of the region's pyramid level.
    """
    reach = 4.0 * BLOCK * scale  # what the rim of a region and the quiet zone add
    small, large = sorted((region.width, region.height))
    for quad in taken:
        short, long = sorted(float(np.hypot(*(quad[1] - quad[k]))) for k in (0, 2))
        if 0.6 * short < small < 1.4 * short + reach and 0.6 * long < large < 1.4 * long + reach:
            return True
    return False


def _taken(candidate: Candidate, taken: list[npt.NDArray[np.float64]]) -> bool:
    x, y = candidate.quad.mean(axis=0)
    return any(covers(quad, x, y) for quad in taken)


def _shapes(search: Search) -> npt.NDArray[np.int32]:
    """(n, 2) int32 of modules along the level and the upright side, mirrored rectangles too."""
    allowed = search.sizes if search.sizes is not None else tuple((size.rows, size.columns) for size in SIZES)
    pairs = {(columns, rows) for rows, columns in allowed} | {(rows, columns) for rows, columns in allowed}
    return np.array(sorted(pairs), np.int32).reshape(-1, 2)


def covers(quad: npt.NDArray[np.float64], x: float, y: float) -> bool:
    """Whether a convex quad (4, 2) covers the point."""
    inside = 0
    places = quad.tolist()
    for (ax, ay), (bx, by) in zip(places, places[1:] + places[:1], strict=True):
        inside += 1 if (bx - ax) * (y - ay) >= (by - ay) * (x - ax) else -1
    return abs(inside) == 4


Outline = tuple[float, npt.NDArray[np.float64]]
"""+1 dark or -1 light, and the corners top-left, top-right, bottom-right, bottom-left in the patch, (4, 2) in frame pixels."""

Corner = tuple[float, npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""+1 dark or -1 light, the corner of the L, its level and its upright end, in frame pixels."""


def _lines_of(levels: list[Pixels], region: Region, search: Search, work: Workspace) -> tuple[list[Outline], list[Corner]]:
    """The likeliest outlines and the likeliest pairs of solid sides that the long edges of a region make."""
    k = 0
    margin = 10.0 + 0.06 * max(region.width, region.height)
    width, height = region.width + 2 * margin, region.height + 2 * margin
    size = max(float(np.sqrt(width * height)), max(width, height) / 2)  # a long narrow patch may have twice the length
    while k + 1 < len(levels) and size / 2**k > 1.5 * PATCH_MAX:
        k += 1
    step = max(1.0, size / 2**k / PATCH_MAX)  # level pixels per patch pixel
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
    match_clocks(picture, quads, counts, light, *coarse, -1.0, scores)
    best = _unlike(np.argsort(-scores[:, 0], kind="stable"), quads, counts, 5)
    quads, counts = np.ascontiguousarray(quads[best]), np.ascontiguousarray(counts[best])
    scores = work.array("clock scores", (len(best), 3), np.float64)
    match_clocks(picture, quads, counts, light, *fine, CLOCK_LEAST, scores)
    found: list[Candidate] = []
    for quad, (columns, rows), (score, du, dv) in zip(quads, counts, scores, strict=True):
        if score >= CLOCK_LEAST:
            moved = quad.copy()
            moved[2] += du * (quad[1] - quad[0]) / columns + dv * (quad[3] - quad[0]) / rows
            found.append(Candidate(moved, int(columns), int(rows), light < 0, float(score)))
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


def _lines(patch: npt.NDArray[np.float32], name: str, work: Workspace) -> npt.NDArray[np.float64]:
    """The best nearly vertical lines of a patch, (n, 6) float64 as from `pick_lines`."""
    rows, columns = patch.shape
    strips = work.array(f"{name} strips", (rows // STRIP, columns), np.float32)
    mean = strip_edges(patch, strips)
    edges = work.array(f"{name} edges", strips.shape, np.float32)
    consistency(strips, 0.5 * mean + 0.5, edges)
    steepest = STEEPEST * STRIP
    # Neighbouring slopes part by two columns between the ends of the patch.
    slopes = 2 * int(np.ceil(STEEPEST * rows / 2)) + 1
    runs = work.array(f"{name} runs", (2, 2, columns), np.float32)
    running = work.array(f"{name} running", (2, columns), np.float32)
    straight_runs(edges, steepest, slopes, EDGE_PRICE, running, runs)
    lines = work.array(f"{name} lines", (LINES, 6), np.float64)
    return lines[: pick_lines(strips, edges, runs, EDGE_PRICE, LINES, 0.6, lines)]


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
    window = np.lib.stride_tricks.sliding_window_view(np.pad(scores, 4, constant_values=-1.0), 9).max(axis=1)
    peaks = [int(i) for i in np.flatnonzero((scores > 0.12) & (scores >= window))]
    peaks.sort(key=lambda i: -scores[i])
    return [shortest * PITCH_RATIO**i * step for i in peaks[:3]]


def _hypotheses(picture: Pixels, solid: Corner, shapes: npt.NDArray[np.int32], work: Workspace) -> list[Candidate]:
    """The sizes and far corners that the dashed sides bear out, for one pair of solid sides; best first.

    The ends of the sides are taken as guesses: the module pitch along them tells where they can end.
    """
    polarity, corner, level_end, upright_end = solid
    across, up = level_end - corner, upright_end - corner
    if across[0] * up[1] - across[1] * up[0] > 0:  # an un-mirrored symbol has its rows to the left of its columns
        across, up = up, across
        level_end, upright_end = upright_end, level_end
    wide, tall = float(np.hypot(*across)), float(np.hypot(*up))
    far_u, far_v, counts = [], [], []
    up_pitches = _pitches(picture, corner, upright_end, level_end, work)
    for pitch_u in _pitches(picture, corner, level_end, upright_end, work) if up_pitches else []:
        for pitch_v in up_pitches:
            if not 0.7 < pitch_u / pitch_v < 1.43:
                continue
            u, v = shapes[:, 0] * (pitch_u / wide), shapes[:, 1] * (pitch_v / tall)
            fits = (u > 0.4) & (u < 1.3) & (v > 0.4) & (v < 1.3)
            far_u.append(u[fits])
            far_v.append(v[fits])
            counts.append(shapes[fits])
    if not sum(len(part) for part in counts):
        return []
    to_u, to_v = np.concatenate(far_u)[:, None] * across, np.concatenate(far_v)[:, None] * up
    quads = np.stack((np.broadcast_to(corner, to_u.shape), corner + to_u, corner + to_u + to_v, corner + to_v), axis=1)
    return _clocked(picture, np.ascontiguousarray(quads), np.concatenate(counts), polarity, (1.0, 1), (1.6, 4), work)
