"""From pixels to candidates: finders in a frame, told by two solid sides and two dashed ones, in order of promise."""

from __future__ import annotations

import functools
import math
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.finders import find_finders, wave_table
from kernels.lines import STRIP
from kernels.patterns import comb_scores, match_clocks
from kernels.sampling import edge_profile
from vision.decode.regions import Region, Taken, alike, beside, covers, pyramid, quads_of, reaches, regions, settled
from vision.decode.search import Effort, Search, Workspace
from vision.decode.symbol_sizes import SIZES, size_of
from vision.types import Pixels

PATCH_MAX = 192
"""Side of a square upright patch in which the long edges are sought, in patch pixels."""

PATCH_COARSE = 96
"""The same at the first look, which sees most symbols in a quarter of the time."""

GRAIN_SEEN, NARROW_SEEN = 3.5, 32.0
"""Frame pixels per pixel of a glance's patch with which modules can still be told apart in it, and pixels of the patch that the
short side of a region needs to show both its long edges."""

OUTLINES, OUTLINES_COARSE = 12, 5
"""Outlines of a region whose sides are looked at, and those at the first look."""

PATCH_NARROW = 80
"""Short side of a patch below which it is not made smaller, in patch pixels."""

COARSE_PRICE, REGION_PRICE, CANDIDATE_PRICE, GUESS_PRICE = 2, 4, 6, 12
"""Work units of a glance at a region, a look into it, of trying a candidate, of guessing the far ends of two solid sides."""

LEVEL_PIXELS = 65536
"""Pixels of a pyramid level that are searched for regions for one work unit."""

STAGES = (((1, 0.45), (2, 0.3)), ((0, 0.2), (3, 0.05)))
"""Levels of the pyramid in the order they are searched, and their shares of the glances; what is left goes on.

After each stage the regions where nothing was read are looked into, those with the best finder at a glance first.
"""

COARSE_SHARE = 0.5
"""Share of the budget that goes into glances."""

FINDERS = 5
"""Finders of a region whose dashed sides are looked at closely."""

FINDER_SURE = 0.6
"""Score of a finder at first sight with which no further outline of its region is looked at."""

LIKELY = 0.25
"""Score of a finder at a glance with which its region is looked into at once."""

UNLIKELY = 0.2
"""Score of a finder at a glance below which its region is not looked into, unless a glance cannot show what may be there."""

ANY_SIDES = (0.0, 0.0)
"""Stands for a short and a long side where nothing is known of a symbol's size."""

PAIRS = 6
"""Pairs of solid sides whose far ends are guessed in a doubtful region, and candidates tried there."""

DASHED_LEAST = 0.25
"""Agreement that each dashed side of a finder must reach at first sight."""

FINDER_LEAST = 0.1
"""Score of a finder at first sight below which it is dropped."""

CLOCK_LEAST = 0.42
"""Agreement of the dashed sides below which a hypothesis is dropped."""

CLOCK_SURE = 0.65
"""Agreement with which a hypothesis is tried before the others are looked at."""

GUESS_SURE = 0.5
"""Agreement with which a guess at the far ends of two solid sides is tried before further guesses are made."""

CLOCK_ALIKE = 0.3
"""Agreement with which a hypothesis is tried in a place like that of a symbol already read."""

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


def candidates(
    pixels: Pixels,
    search: Search,
    work: Workspace,
    effort: Effort,
    taken: list[npt.NDArray[np.float64]],
    rim: int = 0,
) -> Iterator[Candidate]:
    """Candidates of a frame, lazily: first what is beyond doubt in any region, then the doubtful, region by region.

    taken: corners (4, 2) of the symbols already read (the caller adds to it); what they cover is skipped.
    rim: > 0 = only regions that reach into so many pixels along the border are looked at.
    """
    shapes, places = shapes_of(search.sizes), Taken(taken)
    levels = pyramid(pixels, work)
    later: list[Candidate] = []
    doubtful: list[tuple[Region, npt.NDArray[np.float64]]] = []
    # A third is kept for the doubtful: without this a busy frame would never come to them.
    reserve = 0 if effort.last else search.units // 3
    effort.left -= reserve
    coarse_units = COARSE_SHARE * (search.units - reserve)
    quota = 0.0
    for stage in STAGES:
        unsure: list[tuple[float, Region, list[Candidate]]] = []
        for k, share in stage:
            if k >= len(levels) or not effort.spend(levels[k].size // LEVEL_PIXELS):
                continue
            scale = float(2**k)
            quota += max(1.0, share * coarse_units / COARSE_PRICE)
            waiting = deque(regions(levels[k], scale, work))
            ordered = search.symbol_count == 1
            while waiting:
                region = waiting.popleft()
                if rim and not reaches(region, pixels.shape, rim):
                    continue
                if settled(region, places.quads) or (effort.last and not alike(region, places.quads, scale)):
                    continue
                if quota < 1.0 or not effort.spend(COARSE_PRICE):
                    break
                quota -= 1.0
                taken_before = len(taken)
                score, failed = yield from _glance_at(levels, region, search, shapes, work, effort, taken)
                if len(taken) == taken_before and score >= LIKELY and effort.spend(REGION_PRICE):
                    found, corners = yield from _look_into(levels, region, search, shapes, work, effort, taken, failed)
                    later += found[:6]
                    doubtful.append((region, corners))
                elif len(taken) == taken_before and (score >= UNLIKELY or _unseen(levels, region)):
                    unsure.append((score, region, failed))
                if len(taken) == taken_before:
                    continue
                for quad in taken[taken_before:]:
                    waiting.extendleft(beside(region, quad))
                if not ordered:
                    # Where there is one there are more: what is about as large comes next.
                    waiting = deque(sorted(waiting, key=lambda place: not alike(place, places.quads[-1:], scale)))
                    ordered = True
        closer = deque(sorted(unsure, key=lambda entry: -entry[0]))
        while closer:
            score, region, failed = closer.popleft()
            if settled(region, places.quads):
                continue
            if not effort.spend(REGION_PRICE):
                break
            taken_before = len(taken)
            found, corners = yield from _look_into(levels, region, search, shapes, work, effort, taken, failed)
            for quad in taken[taken_before:]:
                closer.extendleft((score, rest, []) for rest in beside(region, quad))
            later += found[:6]
            doubtful.append((region, corners))
    if effort.last:
        return
    effort.left = max(effort.left, 0) + reserve
    # What was found in the regions first, the best of all of them; then guesses at what was not.
    for candidate in sorted(later, key=lambda candidate: -candidate.score):
        if not _taken(candidate, taken):
            if not effort.spend(CANDIDATE_PRICE):
                return
            yield candidate
    pool: list[Candidate] = []
    for rank in range(PAIRS):
        for region, corners in doubtful:
            if rank >= len(corners) or settled(region, places.quads):
                continue
            if not effort.spend(GUESS_PRICE):
                break
            for guess in _hypotheses(pixels, corners[rank], shapes, work):
                if guess.score < GUESS_SURE:
                    pool.append(guess)
                elif not _taken(guess, taken):
                    if not effort.spend(CANDIDATE_PRICE):
                        return
                    yield guess
    for candidate in sorted(pool, key=lambda candidate: -candidate.score):
        if not _taken(candidate, taken):
            if not effort.spend(CANDIDATE_PRICE):
                return
            yield candidate


def _unseen(levels: list[Pixels], region: Region) -> bool:
    """Whether a region may hold a symbol that a glance does not show: edges fill it, and it is too large or too narrow for that."""
    k, step, _, _ = _patch(levels, region, PATCH_COARSE)
    grain = step * 2**k
    return region.dense and (grain > GRAIN_SEEN or min(region.width, region.height) < NARROW_SEEN * grain)


def _glance_at(
    levels: list[Pixels],
    region: Region,
    search: Search,
    shapes: Shapes,
    work: Workspace,
    effort: Effort,
    taken: list[npt.NDArray[np.float64]],
) -> Generator[Candidate, None, tuple[float, list[Candidate]]]:
    """A coarse look at a region: yields the candidates that are beyond doubt.

    Gives the score of its best finder at first sight and the candidates that were not read.
    """
    taken_before = len(taken)
    best = 0.0
    failed: list[Candidate] = []
    # Symbols of a frame are alike: outlines as large as the last one read come first. A cap or a label has four sides, too.
    for sides in (_sides(taken[-1]), ANY_SIDES) if taken else (ANY_SIDES,):
        finders, _ = _finders(levels, region, search, shapes, FINDER_SURE, PATCH_COARSE, OUTLINES_COARSE, work, sides)
        best = max(best, float(finders[0, 0]) if len(finders) else 0.0)
        for row in finders.copy():
            if row[0] < FINDER_SURE:
                break
            for candidate in _clocked(levels[0], row, work):
                sure = candidate.score >= (CLOCK_ALIKE if effort.last else CLOCK_SURE)
                if sure and not _taken(candidate, taken) and not any(_same(candidate, other) for other in failed):
                    effort.spend(CANDIDATE_PRICE)
                    yield candidate
                    if len(taken) > taken_before:
                        return best, failed
                    failed.append(candidate)
    return best, failed


def _sides(quad: npt.NDArray[np.float64]) -> tuple[float, float]:
    """The short and the long side of a quad (4, 2), in its pixels."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = quad.tolist()
    one = (math.hypot(bx - ax, by - ay) + math.hypot(cx - dx, cy - dy)) / 2
    two = (math.hypot(cx - bx, cy - by) + math.hypot(dx - ax, dy - ay)) / 2
    return min(one, two), max(one, two)


def _look_into(
    levels: list[Pixels],
    region: Region,
    search: Search,
    shapes: Shapes,
    work: Workspace,
    effort: Effort,
    taken: list[npt.NDArray[np.float64]],
    failed: list[Candidate],
) -> Generator[Candidate, None, tuple[list[Candidate], npt.NDArray[np.float64]]]:
    """Yields the candidates of a region that are beyond doubt; gives those that are not, and its pairs of solid sides.

    failed: candidates of the region that were tried and not read. They are not tried again, and the first outline that looks
    good is not trusted: two symbols side by side make one, too.
    """
    found: list[Candidate] = []
    tried: set[bytes] = set()
    for enough in (math.inf,) if failed else (FINDER_SURE, math.inf):
        finders, corners = _finders(levels, region, search, shapes, enough, PATCH_MAX, OUTLINES, work)
        taken_before, deceived = len(taken), False
        for row in finders:
            if row.tobytes() in tried:
                continue
            tried.add(row.tobytes())
            for candidate in _clocked(levels[0], row, work):
                # In a place like that of a symbol already read, one is worth a try at less certainty.
                sure = candidate.score >= (CLOCK_ALIKE if effort.last else CLOCK_SURE)
                if any(_same(candidate, other) for other in failed):
                    continue
                if not sure or _taken(candidate, taken):
                    found.append(candidate)
                    continue
                effort.spend(CANDIDATE_PRICE)
                yield candidate
                if len(taken) == taken_before:
                    deceived |= float(row[0]) >= enough
                    found += _lengthened(levels[0], candidate, shapes, work)
            if len(taken) > taken_before:
                break
        if not deceived or not effort.spend(REGION_PRICE):
            break  # else the outlines that were not looked at
    return found, corners


def _same(one: Candidate, other: Candidate) -> bool:
    """Whether two candidates are one: as many modules of one polarity, no corner further apart than half a module."""
    if (one.columns, one.rows, one.inverted) != (other.columns, other.rows, other.inverted):
        return False
    module = float(np.linalg.norm(one.quad[1] - one.quad[0])) / one.columns
    return float(np.abs(one.quad - other.quad).max()) < module / 2


def _taken(candidate: Candidate, taken: list[npt.NDArray[np.float64]]) -> bool:
    if not taken:
        return False
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = candidate.quad.tolist()
    return covers(quads_of(taken), (ax + bx + cx + dx) / 4, (ay + by + cy + dy) / 4)


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


def _patch(levels: list[Pixels], region: Region, side: int) -> tuple[int, float, int, int]:
    """How a region is looked at: the level of the pyramid, its pixels per pixel of the patch, columns and rows of the patch."""
    k = 0
    margin = 10.0 + 0.06 * max(region.width, region.height)
    width, height = region.width + 2 * margin, region.height + 2 * margin
    # A long narrow patch may have four times the length, and its short side stays wide enough for two solid sides.
    size = min(max(math.sqrt(width * height), max(width, height) / 4), PATCH_MAX / PATCH_NARROW * min(width, height))
    while k + 1 < len(levels) and size / 2**k > 1.6 * side:
        k += 1
    step = max(1.0, size / 2**k / side)  # level pixels per patch pixel
    columns, rows = (max(2 * STRIP, int(length / 2**k / step)) for length in (width, height))
    return k, step, columns, rows


def _finders(
    levels: list[Pixels],
    region: Region,
    search: Search,
    shapes: Shapes,
    enough: float,
    side: int,
    outlines: int,
    work: Workspace,
    sides: tuple[float, float] = ANY_SIDES,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The likeliest finders of a region and its likeliest pairs of solid sides, as from `find_finders`.

    side: of the square patch that it is looked at in, at most, in patch pixels. outlines: as of `find_finders`. sides: short and long side
    of the symbols wanted, in frame pixels.
    """
    short, long = sides
    k, step, columns, rows = _patch(levels, region, side)
    right_x, right_y = math.cos(region.angle) * step, math.sin(region.angle) * step
    x, y = ((place - (2**k - 1) / 2) / 2**k for place in (region.x, region.y))
    i, j = (columns - 1) / 2, (rows - 1) / 2
    place = np.array((x - i * right_x + j * right_y, y - i * right_y - j * right_x, right_x, right_y, 2**k))
    finders = work.array("finders", (FINDERS, 12), np.float64)
    corners = work.array("corners", (PAIRS, 7), np.float64)
    polarity = {"both": 0.0, "dark": 1.0, "light": -1.0}[search.polarity]
    patch = work.array("patch", (rows, columns), np.float32)
    found, pairs = find_finders(
        levels[0],
        levels[k],
        place,
        patch,
        polarity,
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
    return finders[:found], corners[:pairs].copy()


def _clocked(picture: Pixels, finder: npt.NDArray[np.float64], work: Workspace) -> list[Candidate]:
    """A finder of `find_finders` as a candidate, its opposite corner where its dashed sides agree best; none where they do not."""
    counts = finder[2:4].astype(np.int32).reshape(1, 2)
    return _matched(picture, finder[4:].reshape(1, 4, 2), counts, float(finder[1]), 0.6, 2, work)


def _lengthened(picture: Pixels, part: Candidate, shapes: Shapes, work: Workspace) -> list[Candidate]:
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
            moved = quad.copy()
            moved[2] += du * (quad[1] - quad[0]) / columns + dv * (quad[3] - quad[0]) / rows
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
    window = np.lib.stride_tricks.sliding_window_view(np.pad(scores, 4, constant_values=-1.0), 9).max(axis=1)
    peaks = [int(i) for i in np.flatnonzero((scores > 0.12) & (scores >= window))]
    peaks.sort(key=lambda i: -scores[i])
    return [shortest * PITCH_RATIO**i * step for i in peaks[:3]]


def _hypotheses(picture: Pixels, solid: npt.NDArray[np.float64], shapes: Shapes, work: Workspace) -> list[Candidate]:
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
