"""Control charts of a running station: a warning before packs fall below the limit. Pure and incremental, a few us a pack.

The first packs set the level and its noise. From then on a weighted mean (EWMA) is followed; a pack counts no further than four
standard deviations from it, so that single bad packs, which are rejected anyway, raise no warning.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, nan

from vision.audit.limits import MEASURES, Measure, limit_of
from vision.types import Finding

FOLLOWED = (
    "overall",
    "symbol_contrast",
    "cell_contrast",
    "contrast_uniformity",
    "axial_nonuniformity",
    "grid_nonuniformity",
    "unused_error_correction",
)
"""Measures that have a chart on the line."""

BASELINE_COUNT = 100
"""Packs that set the level."""

WEIGHT = 0.03
"""Of a new pack in the mean: it forgets half in 23 packs."""

SIGNIFICANT = 5.0
"""Standard errors of the mean from the level that chance does not explain."""

WAY_SHARE = 0.25
"""Share of the way from the level to the limit that is worth a warning."""

NEAR_SIGMA = 3.0
"""Distance to the limit, in standard deviations of a pack, at which single packs begin to fall below it."""

CLEAR_SHARE = 0.5
"""Of what raised a warning: below it the warning ends."""

_CLIP_SIGMA = 4.0
_ERROR = (WEIGHT / (2 - WEIGHT)) ** 0.5


def measured(findings: Sequence[Finding]) -> tuple[float, ...]:
    """The numbers of FOLLOWED of a frame, each from the symbol where it is worst; nan where there is none. () = nothing graded."""
    reports = [finding.report for finding in findings if finding.report is not None and finding.reading is not None]
    if not reports:
        return ()
    found = []
    for name in FOLLOWED:
        values = []
        for report in reports:
            if name == "overall":
                values.append(report.overall)
                continue
            parameter = report.parameters.get(name)
            value = report.informative.get(name) if parameter is None else parameter.value
            if value is not None:
                values.append(value)
        worst = max if MEASURES[name].worse > 0 else min
        found.append(float(worst(values)) if values else nan)
    return tuple(found)


class Chart:
    """One measure of one station. level, sigma: of single packs, from the first. mean: weighted. warned: a warning stands."""

    __slots__ = ("_count", "_last", "_least_move", "_moves", "_sum", "level", "limit", "mean", "measure", "sigma", "warned")

    def __init__(self, measure: Measure, limit: float | None) -> None:
        self.measure = measure
        self.limit = limit
        self.level = self.mean = self.sigma = nan
        self.warned = False
        self._count = 0
        self._sum = self._moves = self._least_move = 0.0
        self._last = nan

    def add(self, value: float) -> bool:
        """Takes a pack's value; whether a warning begins with it."""
        if isnan(value):
            return False
        if self._count < BASELINE_COUNT:
            self._learn(value)
            return False
        reach = _CLIP_SIGMA * self.sigma
        self.mean += WEIGHT * min(max(value - self.mean, -reach), reach)
        if not self.warned and (self.mean - self.level) * self.measure.worse < self._least_move:
            return False  # most packs end here
        share = self._urgency()
        begins = share >= 1.0 and not self.warned
        self.warned = share >= (CLEAR_SHARE if self.warned else 1.0)
        return begins

    def _learn(self, value: float) -> None:
        self._count += 1
        self._sum += value
        if self._count > 1:
            # A bad pack among the first must not blind the chart.
            self._moves += min(abs(value - self._last), 20 * self.measure.least)
        self._last = value
        if self._count == BASELINE_COUNT:
            self.level = self.mean = self._sum / BASELINE_COUNT
            self.sigma = max(self._moves / (BASELINE_COUNT - 1) / 1.128, self.measure.least / 4)  # mean moving range, d2 of two
            self._least_move = SIGNIFICANT * self.sigma * _ERROR * 0.999  # no warning below it, see _urgency

    def _urgency(self) -> float:
        """1 where a warning is due: moved beyond chance and a share of the way to the limit, or so near to it that packs fall."""
        worse = self.measure.worse
        moved = (self.mean - self.level) * worse
        significant = moved / (SIGNIFICANT * self.sigma * _ERROR)
        if self.limit is None or not worse:
            return float(min(significant, moved / (4 * self.measure.least)))
        way = (self.limit - self.level) * worse
        if way <= 0:
            return 1.0  # on the wrong side from the beginning
        near = NEAR_SIGMA * self.sigma / max((self.limit - self.mean) * worse, 1e-9)
        return float(min(significant, max(moved / (WAY_SHARE * way), near)))

    @property
    def words(self) -> str:
        """The warning, for an operator."""
        digits = self.measure.digits
        limit = "" if self.limit is None else f", limit {self.limit:g}"
        return f"{self.measure.label} {self.mean:.{digits}f}, was {self.level:.{digits}f}{limit}"


class Charts:
    """All charts of one station, under the standard and limit it grades by."""

    def __init__(self, standard: str, edition: str, grade_min: float) -> None:
        self.charts = tuple(Chart(MEASURES[name], limit_of(MEASURES[name], standard, edition, grade_min)) for name in FOLLOWED)

    def add(self, values: Sequence[float]) -> tuple[str, ...]:
        """Takes the numbers of one pack (see `measured`); the warnings that begin with it."""
        return tuple(chart.words for chart, value in zip(self.charts, values, strict=False) if chart.add(value))

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings that stand."""
        return tuple(chart.words for chart in self.charts if chart.warned)
