"""Whether a series of measurements holds still, steps or drifts, and when it will cross a limit. Pure: arrays in, a record out.

Packs are gathered in subgroups whose means are nearly normal; their noise is taken from successive differences, which a drift does
not inflate. A change must be beyond doubt (PENALTY) and worth a word (`least`): on a steady line nothing is reported.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Kind = Literal["steady", "step", "drift", "few"]

LEAST_VALUES = 40
"""Values below which nothing is said of a trend."""

SUBGROUPS_MOST, SUBGROUP_LEAST = 120, 4
PENALTY = 30.0
"""Gain in squared standard errors that a change must bring; pure noise brings about 9 at the best of 120 places."""

BASELINE_SHARE = 0.25
"""Share of the series that the control limits rest on: its beginning."""

EWMA_WEIGHT = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What became of a measure.

    position, mean: of the subgroups, position in values from 0. fitted: the model at them. sigma: noise of a subgroup's mean.
    centre, low, high: control limits from the beginning, three sigma. ewma: weighted mean, and ewma_width its limits' half width.
    kind: "steady", "step" (at, from `before` to `after`), "drift" (from `at` on, `slope` per value) or "few" values to tell.
    crosses: position at which the drift reaches the limit, with the earliest and latest that its noise allows; None = not foreseen.
    """

    kind: Kind
    position: Floats
    mean: Floats
    fitted: Floats
    ewma: Floats
    sigma: float = float("nan")
    centre: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    ewma_width: float = float("nan")
    at: int = 0
    before: float = float("nan")
    after: float = float("nan")
    slope: float = 0.0
    steps: tuple[int, ...] = ()
    crosses: tuple[float, float, float] | None = None

    @property
    def outside(self) -> int:
        """Subgroups beyond the control limits."""
        return int(((self.mean < self.low) | (self.mean > self.high)).sum())


def course_of(values: Floats, least: float, limit: float | None = None, worse: int = 0) -> Course:
    """What became of a measure over its values, in their order; nan are left out.

    least: smallest change worth a word. limit: what must not be crossed. worse: -1 when that is from above, +1 from below.
    """
    places = np.flatnonzero(~np.isnan(values))
    empty = np.empty(0)
    if len(places) < LEAST_VALUES:
        return Course("few", empty, empty, empty, empty)
    groups = np.array_split(places, min(SUBGROUPS_MOST, len(places) // SUBGROUP_LEAST))
    position = np.array([group.mean() for group in groups])
    mean = np.array([values[group].mean() for group in groups])
    sigma = _noise(values[places], mean, len(places) / len(groups), least)
    baseline = max(8, round(BASELINE_SHARE * len(groups)))
    centre = float(mean[:baseline].mean())
    ewma = _ewma(mean, centre)
    width = 3 * sigma * (EWMA_WEIGHT / (2 - EWMA_WEIGHT)) ** 0.5
    flat, low, high = np.full(len(mean), mean.mean()), centre - 3 * sigma, centre + 3 * sigma
    charted = Course("steady", position, mean, flat, ewma, sigma, centre, low, high, width)
    flat_cost = float(((mean - charted.fitted) ** 2).sum()) / sigma**2
    best = min(_hinges(position, mean, sigma), _steps(mean, sigma), key=lambda model: model.score)
    change = abs(float(best.fitted[-1] - best.fitted[0])) if best.kind == "drift" else best.jump
    if flat_cost - best.cost < PENALTY or change < least:
        level = float(mean.mean())
        return replace(charted, before=level, after=level)
    at, last = int(groups[best.first][0]), float(best.fitted[-1])
    changed = replace(charted, kind=best.kind, fitted=best.fitted, at=at, after=last)
    if best.kind == "step":
        steps = tuple(int(groups[first][0]) for first in best.firsts)
        return replace(changed, before=float(best.fitted[best.first - 1]), steps=steps)
    crosses = None
    if limit is not None and best.slope * worse > 0 and (limit - last) * worse > 0:
        way, speed, spread = abs(limit - last), abs(best.slope), 2 * best.slope_error
        crosses = (
            float(position[-1]) + way / speed,
            float(position[-1]) + way / (speed + spread),
            float(position[-1]) + way / max(speed - spread, 1e-12),
        )
    return replace(changed, before=float(best.fitted[0]), slope=best.slope, crosses=crosses)


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """fitted: at the subgroups. cost: squared residuals in sigma. score: cost with a price for each parameter."""

    kind: Kind
    fitted: Floats
    cost: float
    score: float
    first: int = 0
    firsts: tuple[int, ...] = ()
    jump: float = 0.0
    slope: float = 0.0
    slope_error: float = 0.0


_PRICE = 12.0
"""Cost in squared sigma of one more parameter when kinds of change are weighed against each other."""


def _noise(values: Floats, mean: Floats, size: float, least: float) -> float:
    """Standard deviation of a subgroup's mean: from successive differences of values and of means, the larger; never 0."""
    single = float(np.sqrt(np.mean(np.diff(values) ** 2) / 2)) / size**0.5
    grouped = float(np.median(np.abs(np.diff(mean)))) / 0.954
    return float(max(single, grouped, least / 20))


def _ewma(mean: Floats, centre: float) -> Floats:
    found = np.empty(len(mean))
    state = centre
    for number, value in enumerate(mean):
        state += EWMA_WEIGHT * (value - state)
        found[number] = state
    return found


def _hinges(position: Floats, mean: Floats, sigma: float) -> _Model:
    """The best line that is level up to a knot and straight from it on; a knot at the beginning is a plain line."""
    best: _Model | None = None
    for knot in range(max(1, len(mean) - 7)):
        rise = np.maximum(position - position[knot], 0.0)
        design = np.stack((np.ones(len(mean)), rise), axis=1)
        coefficients, *_ = np.linalg.lstsq(design, mean, rcond=None)
        fitted = design @ coefficients
        cost = float(((mean - fitted) ** 2).sum()) / sigma**2
        score = cost + _PRICE * (1 if knot == 0 else 2)
        if best is None or score < best.score:
            spread = float(((rise - rise.mean()) ** 2).sum())
            slope_error = sigma * max(1.0, (cost / max(len(mean) - 2, 1)) ** 0.5) / spread**0.5
            best = _Model("drift", fitted, cost, score, first=knot, slope=float(coefficients[1]), slope_error=slope_error)
    assert best is not None
    return best


def _steps(mean: Floats, sigma: float) -> _Model:
    """The best levels, by PELT (ruptures): as few as the penalty asks for."""
    from ruptures import Pelt  # noqa: PLC0415 - loads scipy

    ends = Pelt(model="l2", min_size=3, jump=1).fit((mean / sigma).reshape(-1, 1)).predict(pen=PENALTY)
    fitted = np.empty(len(mean))
    first = 0
    for end in ends:
        fitted[first:end] = mean[first:end].mean()
        first = end
    cost = float(((mean - fitted) ** 2).sum()) / sigma**2
    firsts = tuple(int(end) for end in ends[:-1])
    if not firsts:
        return _Model("step", fitted, cost, cost + _PRICE)
    jumps = [abs(float(fitted[at] - fitted[at - 1])) for at in firsts]
    largest = int(np.argmax(jumps))
    return _Model("step", fitted, cost, cost + _PRICE * 2 * len(firsts), firsts[largest], firsts, jumps[largest])
