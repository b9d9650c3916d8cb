"""From pixels to candidates: finders in a frame, told by two solid sides and two dashed ones, in order of promise."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from vision.decode.finders import (
    ANY_SIDES,
    ASLANT,
    PAIRS,
    PATCH_MAX,
    STEEPEST,
    Candidate,
    Shapes,
    another,
    clocked,
    finders_of,
    guesses_of,
    lengthened,
    patch_of,
    shapes_of,
)
from vision.decode.regions import Region, Taken, alike, beside, covers, pyramid, quads_of, reaches, regions, settled
from vision.decode.search import Effort, Search, Workspace
from vision.types import Pixels

PATCH_COARSE = 96
"""The same at the first look, which sees most symbols in a quarter of the time."""

GRAIN_SEEN, NARROW_SEEN = 3.5, 32.0
"""Frame pixels per pixel of a glance's patch with which modules can still be told apart in it, and pixels of the patch that the
short side of a region needs to show both its long edges."""

OUTLINES, OUTLINES_COARSE, OUTLINES_MANY = 12, 5, 8
"""Outlines of a region whose sides are looked at, those at the first look, and those at it where several symbols are sought: the
first one read makes the others cheap."""

ALL_COARSE, ALL = 16, 40
"""The same where nobody knows how many symbols there are, at the first look and in a closer one. Of a photograph all is wanted, and
symbols beside each other make many outlines: 67 symbols of 18 photographs instead of 57 with 8 and 24 (and sides askew up to
ASLANT in these, which makes more outlines still: 53)."""

COARSE_PRICE, REGION_PRICE, CANDIDATE_PRICE, GUESS_PRICE = 2, 8, 7, 18
"""Work units of a glance at a region, a look into it, of trying a candidate, of guessing the far ends of two solid sides: of 0.13,
0.35, 0.35 and 1 ms."""

LEVEL_PIXELS = 65536
"""Pixels of a pyramid level that are searched for regions for one work unit."""

STAGES = (((1, 0.5), (2, 0.25)), ((0, 0.2), (3, 0.05)))
"""Levels of the pyramid in the order they are searched, and their shares of the glances; what is left goes on.

After each stage the regions where nothing was read are looked into, those with the best finder at a glance first.
"""

COARSE_SHARE = 0.5
"""Share of the budget that goes into glances."""

FINDER_SURE = 0.6
"""Score of a finder at first sight with which no further outline of its region is looked at."""

LIKELY = 0.25
"""Score of a finder at a glance with which its region is looked into at once."""

UNLIKELY = 0.15
"""Score of a finder at a glance below which its region is not looked into, unless a glance cannot show what may be there or
nobody knows how many symbols there are: of a photograph all is wanted."""

MORE_LEAST = 0.085
"""Share filled times balance times the root of the promise, that as a share of the region's read last, below which a region is not
looked at for one symbol too many. Of 318 second symbols drawn into line frames none had less than 0.086; of the other regions of
as large a size in a line's frames half have."""

CLOCK_SURE = 0.65
"""Agreement with which a hypothesis is tried before the others are looked at."""

GUESS_SURE = 0.5
"""Agreement with which a guess at the far ends of two solid sides is tried before further guesses are made."""

CLOCK_ALIKE = 0.3
"""Agreement with which a hypothesis is tried in a place like that of a symbol already read."""


def candidates(
    pixels: Pixels,
    search: Search,
    work: Workspace,
    effort: Effort,
    taken: list[npt.NDArray[np.float64]],
    rim: int = 0,
    seen: list[Region] | None = None,
) -> Iterator[Candidate]:
    """Candidates of a frame, lazily: first what is beyond doubt in any region, then the doubtful, region by region.

    taken: corners (4, 2) of the symbols already read (the caller adds to it); what they cover is skipped.
    rim: > 0 = only regions that reach into so many pixels along the border are looked at. seen: takes the regions looked at.
    """
    shapes, places = shapes_of(search.sizes), Taken(taken)
    levels = pyramid(pixels, work)
    models: list[Candidate] = []
    later: list[Candidate] = []
    doubtful: list[tuple[Region, npt.NDArray[np.float64]]] = []
    # A third is kept for the doubtful: without this a busy frame would never come to them.
    reserve = 0 if effort.last else search.units // 3
    effort.left -= reserve
    coarse_units = COARSE_SHARE * (search.units - reserve)
    quota = promise = 0.0
    for stage in STAGES:
        unsure: list[tuple[float, Region, list[Candidate]]] = []
        for k, share in stage:
            # One too many is as large as the one read: it is not sought on the frame itself where that one was seen on a half of it.
            if k >= len(levels) or (effort.last and k == 0) or not effort.spend(levels[k].size // LEVEL_PIXELS):
                continue
            scale = float(2**k)
            quota += max(1.0, share * coarse_units / COARSE_PRICE)
            waiting = deque(regions(levels[k], scale, work))
            ordered = search.symbol_count == 1
            while waiting:
                region = waiting.popleft()
                if rim and not reaches(region, pixels.shape, rim):
                    continue
                if settled(region, places.quads) or (effort.last and not _one_more(region, promise, places, scale)):
                    continue
                if quota < 1.0 or not effort.spend(COARSE_PRICE):
                    break
                quota -= 1.0
                if seen is not None:
                    seen.append(region)
                taken_before = len(taken)
                score, failed = yield from _glance_at(levels, region, search, shapes, work, effort, taken, models)
                if len(taken) == taken_before and score >= LIKELY and effort.spend(REGION_PRICE):
                    found, corners = yield from _look_into(levels, region, search, shapes, work, effort, taken, failed)
                    later += found[:6]
                    doubtful.append((region, corners))
                elif len(taken) == taken_before and (score >= UNLIKELY or (not effort.last and _may_hide(levels, region, search))):
                    unsure.append((score, region, failed))
                if len(taken) == taken_before:
                    continue
                promise = region.promise
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
            for guess in guesses_of(pixels, corners[rank], shapes, work):
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


def _one_more(region: Region, promise: float, places: Taken, scale: float) -> bool:
    """Whether one symbol too many may lie in a region: it is about as large as one read, and edges both ways fill it as well."""
    likeness = region.filled * region.balance * math.sqrt(region.promise / promise) if promise > 0.0 else math.inf
    return likeness >= MORE_LEAST and alike(region, places.quads, scale)


def _may_hide(levels: list[Pixels], region: Region, search: Search) -> bool:
    """Whether a region where a glance saw nothing may hold a symbol: of a photograph all is wanted; or edges fill it, and it is too
    large or too narrow for a glance."""
    if search.symbol_count is None:
        return True
    k, step, _, _ = patch_of(levels, region, PATCH_COARSE)
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
    models: list[Candidate],
) -> Generator[Candidate, None, tuple[float, list[Candidate]]]:
    """A coarse look at a region: yields the candidates that are beyond doubt.

    models: candidates that were read, their quads as fitted; it adds to them.
    Gives the score of its best finder at first sight and the candidates that were not read.
    """
    taken_before = len(taken)
    outlines = {None: ALL_COARSE, 1: OUTLINES_COARSE}.get(search.symbol_count, OUTLINES_MANY)
    best = 0.0
    failed: list[Candidate] = []
    # Symbols of a frame are alike: one as the last one read is, in the pose that the region tells; then outlines as large as that.
    # A cap or a label has four sides, too.
    if models and not effort.last and alike(region, quads_of(taken[-1:]), 2.0):
        like = another(levels, region, models[-1], work)
        if like is not None and like.score >= CLOCK_SURE and not _taken(like, taken):
            effort.spend(CANDIDATE_PRICE)
            yield like
            if len(taken) > taken_before:
                models.append(_fitted(like, taken[-1]))
                return like.score, failed
            failed.append(like)
    # For one too many, which is sought in places alike only, one look at any outline has to do: it sees as many in a third of the
    # time.
    for sides in (_sides(taken[-1]), ANY_SIDES) if taken and not effort.last else (ANY_SIDES,):
        finders, _ = finders_of(levels, region, search, shapes, FINDER_SURE, PATCH_COARSE, outlines, work, sides)
        best = max(best, float(finders[0, 0]) if len(finders) else 0.0)
        for row in finders.copy():
            if row[0] < FINDER_SURE:
                break
            for candidate in clocked(levels[0], row, work):
                sure = candidate.score >= (CLOCK_ALIKE if effort.last else CLOCK_SURE)
                if sure and not _taken(candidate, taken) and not any(_same(candidate, other) for other in failed):
                    effort.spend(CANDIDATE_PRICE)
                    yield candidate
                    if len(taken) > taken_before:
                        models.append(_fitted(candidate, taken[-1]))
                        return best, failed
                    failed.append(candidate)
    return best, failed


def _fitted(candidate: Candidate, corners: npt.NDArray[np.float64]) -> Candidate:
    """A candidate that was read, with the corners (4, 2) of its symbol, which run the other way round unless it was mirrored."""
    turned = corners[[0, 3, 2, 1]]
    mirrored = np.abs(corners - candidate.quad).sum() < np.abs(turned - candidate.quad).sum()
    return replace(candidate, quad=corners if mirrored else turned)


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
    outlines, steepest = (ALL, STEEPEST) if search.symbol_count is None else (OUTLINES, ASLANT)
    for enough in (math.inf,) if failed else (FINDER_SURE, math.inf):
        finders, corners = finders_of(levels, region, search, shapes, enough, PATCH_MAX, outlines, work, steepest=steepest)
        taken_before, deceived = len(taken), False
        for row in finders:
            if row.tobytes() in tried:
                continue
            tried.add(row.tobytes())
            for candidate in clocked(levels[0], row, work):
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
                    found += lengthened(levels[0], candidate, shapes, work)
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
