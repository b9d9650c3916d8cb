"""From pixels to candidates: finders in a frame, told by two solid sides and two dashed ones, in order of promise."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace

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
from vision.decode.regions import Pyramid, Region, Taken, alike, beside, covers, quads_of, reaches, regions, settled
from vision.decode.search import Effort, Search, Workspace
from vision.types import Pixels

PATCH_COARSE = 96
"""Side of the patch of a glance, as PATCH_MAX is of a closer look: it shows most symbols in a third of the time."""

GRAIN_SEEN, NARROW_SEEN = 3.5, 32.0
"""Frame pixels per pixel of a glance's patch with which modules can still be told apart in it, and pixels of the patch that the
short side of a region needs to show both its long edges."""

LONG, LONG_SEEN = 2.0, 44.0
"""How many times as long as high a region is from which on it needs more such pixels: its rows are fewer than they seem, as its
rim is that of its length. 25 instead of 19 of 26 rectangles of 8 and 12 rows at 3 px a module; frames without a code
take 5 % longer, as lines of text are looked into."""

OUTLINES, OUTLINES_COARSE, OUTLINES_MANY = 12, 5, 8
"""Outlines of a region whose sides are looked at, those at the first look, and those at it where several symbols are sought: the
first one read makes the others cheap."""

ALL_COARSE, ALL = 16, 40
"""The same where nobody knows how many symbols there are, at the first look and in a closer one. Of a photograph all is wanted, and
symbols beside each other make many outlines: 67 symbols of 18 photographs instead of 57 with 8 and 24 (and sides askew up to
ASLANT in these, which makes more outlines still: 53)."""

OUTLINES_LAST, LAST_LEAST = 100, 100
"""The same where a glance saw nothing and all else has been tried, and the work units that must be left then: the sides of a narrow
symbol seen aslant rank behind many others. A station's budget never comes to it; of 300 hostile frames 299 are read with 1000, 290
without."""

COARSE_PRICE, REGION_PRICE, CANDIDATE_PRICE, GUESS_PRICE, LAST_PRICE = 2, 8, 7, 18, 16
"""Work units of a glance at a region, a look into it, of trying a candidate, of guessing the far ends of two solid sides, of a last
look."""

LEVEL_PIXELS = 65536
"""Pixels of a pyramid level that are searched for regions for one work unit."""

STAGES = (((1, 0.5), (2, 0.25)), ((0, 0.2), (3, 0.05)))
"""Levels of the pyramid in the order they are searched, and their shares of the glances; what is left goes on.

After each stage the regions where nothing was read are looked into, those with the best finder at a glance first.
"""

WEAK = 0.2
"""Share of the promise of a level's first region below which the others wait until the stage's other levels were glanced at, where
one symbol is sought: one beside large print is seen as a whole on the next level before crumbs are looked at (three glances less in
the slowest frames of a line; 274 of 300 hostile ones instead of 271)."""

COARSE_SHARE = 0.5
"""Share of the budget that goes into glances."""

HELD_LEAST = 200
"""Work units from which on, of a picture whose symbols nobody counted, the last stage's share is held back for it: looks into all
that the first stage showed took all there was. It found four small symbols more; a patch of 40 units has none to spare."""

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

LATER = 6
"""Candidates of a region that are kept for when the regions are done, at most."""

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
    hunt = _Hunt(Pyramid(pixels, work), search, shapes_of(search.sizes), work, effort, taken, rim, seen)
    # A third is kept for the doubtful: without this a busy frame would never come to them.
    reserve = 0 if effort.last else search.units // 3
    effort.left -= reserve
    coarse_units = COARSE_SHARE * (search.units - reserve)
    # Where all is wanted, looks at what the first levels showed leave the glances at the others their share.
    everything = search.symbol_count is None and search.units >= HELD_LEAST
    held = int(coarse_units * sum(share for _, share in STAGES[-1])) if everything else 0
    for stage in STAGES:
        unsure: list[tuple[float, Region, list[Candidate]]] = []
        effort.left += held if stage is STAGES[-1] else -held
        weak: list[tuple[list[Region], float]] = []
        for k, share in stage:
            # One too many is as large as the one read: where a half of the frame showed that, the whole is not searched.
            if k < len(hunt.levels) and not (effort.last and k == 0) and effort.spend(hunt.levels[k].size // LEVEL_PIXELS):
                hunt.quota += max(1.0, share * coarse_units / COARSE_PRICE)
                strong, rest = _parted(regions(hunt.levels[k], float(2**k), work), search.symbol_count == 1)
                weak.append((rest, float(2**k)))
                yield from hunt.glances(strong, float(2**k), unsure)
        for places, scale in weak:
            yield from hunt.glances(places, scale, unsure)
        yield from hunt.looks(unsure)
    if effort.last:
        return
    effort.left = max(effort.left, 0) + reserve
    # What was found in the regions first, the best of all of them; then guesses at what was not.
    yield from hunt.paid(hunt.later)
    yield from hunt.guesses()
    if effort.left >= LAST_LEAST:
        yield from hunt.last_looks()


@dataclass(slots=True, eq=False)
class _Hunt:
    """The search of one picture: where it looks, what it may spend, what it came upon. Its generators yield candidates to be tried.

    levels: the picture and its halves. taken: as of `candidates`; grows between one candidate and the next. quota: glances left.
    promise: of the region read last. models: candidates that were read, their quads as fitted. later: candidates of the regions
    looked into that are not beyond doubt. doubtful: these regions with their pairs of solid sides. dull: regions where a glance
    saw nothing.
    """

    levels: Pyramid
    search: Search
    shapes: Shapes
    work: Workspace
    effort: Effort
    taken: list[npt.NDArray[np.float64]]
    rim: int
    seen: list[Region] | None
    quota: float = 0.0
    promise: float = 0.0
    models: list[Candidate] = field(default_factory=list)
    later: list[Candidate] = field(default_factory=list)
    doubtful: list[tuple[Region, npt.NDArray[np.float64]]] = field(default_factory=list)
    dull: list[Region] = field(default_factory=list)
    places: Taken = field(init=False)

    def __post_init__(self) -> None:
        self.places = Taken(self.taken)

    def glances(
        self, places: list[Region], scale: float, unsure: list[tuple[float, Region, list[Candidate]]]
    ) -> Iterator[Candidate]:
        """Regions of a level at a glance, likely ones looked into at once.

        scale: frame pixels per pixel of the level. unsure: takes those that may be worth a look, with the score of their best
        finder and the candidates that were not read.
        """
        effort, waiting = self.effort, deque(places)
        ordered = self.search.symbol_count == 1
        while waiting:
            region = waiting.popleft()
            if self.rim and not reaches(region, self.levels[0].shape, self.rim):
                continue
            if settled(region, self.places.quads) or (effort.last and not self._one_more(region, scale)):
                continue
            if self.quota < 1.0 or not effort.spend(COARSE_PRICE):
                break
            self.quota -= 1.0
            if self.seen is not None:
                self.seen.append(region)
            taken_before = len(self.taken)
            score, failed = yield from self._glance_at(region)
            if len(self.taken) == taken_before:
                if score >= LIKELY and effort.spend(REGION_PRICE):
                    yield from self._look_into(region, failed)
                elif score >= UNLIKELY or (not effort.last and self._may_hide(region)):
                    unsure.append((score, region, failed))
                else:
                    self.dull.append(region)
            if len(self.taken) == taken_before:
                continue
            self.promise = region.promise
            for quad in self.taken[taken_before:]:
                waiting.extendleft(beside(region, quad))
            if not ordered:
                # Where there is one there are more: what is about as large comes next.
                waiting = deque(sorted(waiting, key=lambda place: not alike(place, self.places.quads[-1:], scale)))
                ordered = True

    def looks(self, unsure: list[tuple[float, Region, list[Candidate]]]) -> Iterator[Candidate]:
        """Closer looks into the regions where a glance was not enough, those with the best finder first."""
        waiting = deque(sorted(unsure, key=lambda entry: -entry[0]))
        while waiting:
            score, region, failed = waiting.popleft()
            if settled(region, self.places.quads):
                continue
            if not self.effort.spend(REGION_PRICE):
                break
            taken_before = len(self.taken)
            yield from self._look_into(region, failed)
            for quad in self.taken[taken_before:]:
                waiting.extendleft((score, rest, []) for rest in beside(region, quad))

    def paid(self, found: list[Candidate]) -> Iterator[Candidate]:
        """Candidates that were not beyond doubt, the best first, as far as the budget goes."""
        for candidate in sorted(found, key=lambda candidate: -candidate.score):
            if not self._covered(candidate):
                if not self.effort.spend(CANDIDATE_PRICE):
                    return
                yield candidate

    def guesses(self) -> Iterator[Candidate]:
        """Guesses at the far ends of the solid sides in doubtful regions: those that look good at once, then the others."""
        pool: list[Candidate] = []
        for rank in range(PAIRS):
            for region, corners in self.doubtful:
                if rank >= len(corners) or settled(region, self.places.quads):
                    continue
                if not self.effort.spend(GUESS_PRICE):
                    break
                for guess in guesses_of(self.levels[0], corners[rank], self.shapes, self.work):
                    if guess.score < GUESS_SURE:
                        pool.append(guess)
                    else:
                        yield from self.paid([guess])
        yield from self.paid(pool)

    def last_looks(self) -> Iterator[Candidate]:
        """The candidates of many outlines of each region where a glance saw nothing; those that edges fill most come first."""
        levels, search = self.levels, self.search
        for region in sorted(self.dull, key=lambda region: -region.filled * region.balance * region.promise):
            if settled(region, self.places.quads):
                continue
            if not self.effort.spend(LAST_PRICE):
                return
            finders, _ = finders_of(
                levels, region, search, self.shapes, FINDER_SURE, PATCH_MAX, OUTLINES_LAST, self.work, steepest=ASLANT
            )
            for row in finders.copy():
                yield from self.paid(clocked(levels[0], row, self.work))

    def _glance_at(self, region: Region) -> Generator[Candidate, None, tuple[float, list[Candidate]]]:
        """A coarse look at a region: yields the candidates that are beyond doubt.

        Gives the score of its best finder at first sight and the candidates that were not read.
        """
        levels, search, work, effort, taken = self.levels, self.search, self.work, self.effort, self.taken
        taken_before = len(taken)
        outlines = {None: ALL_COARSE, 1: OUTLINES_COARSE}.get(search.symbol_count, OUTLINES_MANY)
        best = 0.0
        failed: list[Candidate] = []
        # Symbols of a frame are alike: one as the last one read is, in the pose that the region tells; then outlines as large as
        # that. A cap or a label has four sides, too.
        if self.models and not effort.last and alike(region, quads_of(taken[-1:]), 2.0):
            like = another(levels, region, self.models[-1], work)
            if like is not None and like.score >= CLOCK_SURE and not self._covered(like):
                effort.spend(CANDIDATE_PRICE)
                yield like
                if len(taken) > taken_before:
                    self.models.append(_fitted(like, taken[-1]))
                    return like.score, failed
                failed.append(like)
        # For one too many, which is sought in places alike only, one look at any outline has to do: it sees as many in a third of
        # the time.
        for sides in (_sides(taken[-1]), ANY_SIDES) if taken and not effort.last else (ANY_SIDES,):
            finders, _ = finders_of(levels, region, search, self.shapes, FINDER_SURE, PATCH_COARSE, outlines, work, sides, pairs=0)
            best = max(best, float(finders[0, 0]) if len(finders) else 0.0)
            for row in finders.copy():
                if row[0] < FINDER_SURE:
                    break
                for candidate in clocked(levels[0], row, work):
                    if self._sure(candidate) and not self._covered(candidate) and not any(_same(candidate, o) for o in failed):
                        effort.spend(CANDIDATE_PRICE)
                        yield candidate
                        if len(taken) > taken_before:
                            self.models.append(_fitted(candidate, taken[-1]))
                            return best, failed
                        failed.append(candidate)
        return best, failed

    def _look_into(self, region: Region, failed: list[Candidate]) -> Iterator[Candidate]:
        """A close look into a region: yields the candidates that are beyond doubt, notes those that are not and its solid sides.

        failed: candidates of the region that were tried and not read. They are not tried again, and the first outline that looks
        good is not trusted: two symbols side by side make one, too.
        """
        levels, search, work, effort, taken = self.levels, self.search, self.work, self.effort, self.taken
        found: list[Candidate] = []
        tried: set[bytes] = set()
        outlines, steepest = (ALL, STEEPEST) if search.symbol_count is None else (OUTLINES, ASLANT)
        for enough in (math.inf,) if failed else (FINDER_SURE, math.inf):
            finders, corners = finders_of(levels, region, search, self.shapes, enough, PATCH_MAX, outlines, work, steepest=steepest)
            taken_before, deceived = len(taken), False
            for row in finders:
                if row.tobytes() in tried:
                    continue
                tried.add(row.tobytes())
                for candidate in clocked(levels[0], row, work):
                    if any(_same(candidate, other) for other in failed):
                        continue
                    if not self._sure(candidate) or self._covered(candidate):
                        found.append(candidate)
                        continue
                    effort.spend(CANDIDATE_PRICE)
                    yield candidate
                    if len(taken) == taken_before:
                        deceived |= float(row[0]) >= enough
                        found += lengthened(levels[0], candidate, self.shapes, work)
                if len(taken) > taken_before:
                    break
            if not deceived or not effort.spend(REGION_PRICE):
                break  # else the outlines that were not looked at
        self.later += found[:LATER]
        self.doubtful.append((region, corners))

    def _one_more(self, region: Region, scale: float) -> bool:
        """Whether one symbol too many may lie in a region: as large as one read, and filled as well by edges both ways."""
        share = region.promise / self.promise if self.promise > 0.0 else math.inf
        return region.filled * region.balance * math.sqrt(share) >= MORE_LEAST and alike(region, self.places.quads, scale)

    def _may_hide(self, region: Region) -> bool:
        """Whether a region where a glance saw nothing may hold a symbol: of a photograph all is wanted; or edges fill it, and it is
        too large or too narrow for a glance."""
        if self.search.symbol_count is None:
            return True
        if not region.dense:
            return False
        k, step, _, _ = patch_of(self.levels, region, PATCH_COARSE)
        grain = step * float(2**k)
        short, long = sorted((region.width, region.height))
        least = LONG_SEEN if long >= LONG * short else NARROW_SEEN
        return grain > GRAIN_SEEN or short < least * grain

    def _sure(self, candidate: Candidate) -> bool:
        """Whether a candidate is tried at once: in a place like that of a symbol already read at less certainty."""
        return candidate.score >= (CLOCK_ALIKE if self.effort.last else CLOCK_SURE)

    def _covered(self, candidate: Candidate) -> bool:
        """Whether a symbol already read covers the middle of a candidate."""
        if not self.taken:
            return False
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = candidate.quad.tolist()
        return covers(self.places.quads, (ax + bx + cx + dx) / 4, (ay + by + cy + dy) / 4)


def _parted(places: list[Region], one: bool) -> tuple[list[Region], list[Region]]:
    """Regions of a level, in order of promise, parted into strong and weak ones where one symbol is sought."""
    strong = sum(place.promise >= WEAK * places[0].promise for place in places) if one else len(places)
    return places[:strong], places[strong:]


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


def _same(one: Candidate, other: Candidate) -> bool:
    """Whether two candidates are one: as many modules of one polarity, no corner further apart than half a module."""
    if (one.columns, one.rows, one.inverted) != (other.columns, other.rows, other.inverted):
        return False
    module = float(np.linalg.norm(one.quad[1] - one.quad[0])) / one.columns
    return float(np.abs(one.quad - other.quad).max()) < module / 2
