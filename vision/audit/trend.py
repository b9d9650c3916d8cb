"""What changed over the packs of one source, and why: the courses of all measures put into few sentences.

A change of the print shows in many measures at once. Each story takes one cause (contrast, a dead column, the axial error ...) and
the measures that changed with it; what no cause explains is told as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vision.audit.drift import Course, course_of
from vision.audit.limits import MEASURES, Measure, limit_of
from vision.audit.measures import Symbols, mean_profiles
from vision.audit.schema import PROFILES

Floats = npt.NDArray[np.float64]

ENDS_SHARE = 0.2
"""Share of the packs at both ends of a drift that are compared with each other."""

LINE_LEAST = 0.15
"""Fall of a column's or row's mean margin below that of the others from which it is named."""

STANDING_LEAST = 0.5
"""The same for a column or row that was weak from the first pack on."""

_MODULES = ("contrast_uniformity", "modulation_grade", "fixed_pattern_damage_grade", "unused_error_correction")

_MODULE_GRADES = ("modulation", "reflectance_margin", "fixed_pattern_damage", "unused_error_correction", "decode")

EFFECTS = {
    "symbol_contrast": ("reflectance_max", "reflectance_min", "cell_contrast", "weakest_column", "weakest_row"),
    "weakest_column": (*_MODULES, "weakest_row"),
    "weakest_row": _MODULES,
    "axial_nonuniformity": ("grid_nonuniformity",),
    "print_growth_horizontal": (*_MODULES, "reflectance_max"),
    "print_growth_vertical": (*_MODULES, "reflectance_max"),
}
"""What explains most, first; and what goes along with it and needs no story of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Trend:
    """The course of one measure over one source. limit: the value that the lowest passing grade asks for, None = none."""

    measure: Measure
    course: Course
    limit: float | None

    @property
    def changed(self) -> bool:
        return self.course.kind in ("step", "drift")

    @property
    def worse(self) -> bool:
        """Whether it changed for the worse, or to where it should not."""
        change = self.course.after - self.course.before
        return self.changed and (change * self.measure.worse > 0 or self.measure.worse == 0)


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Columns or rows whose margin fell against the others. numbers: 0-based. colour: that suffers. before, after: profiles."""

    axis: str
    numbers: tuple[int, ...]
    colour: str
    before: Floats
    after: Floats

    @property
    def words(self) -> str:
        """For example "columns 3-4"."""
        runs: list[list[int]] = []
        for number in self.numbers:
            if runs and number == runs[-1][1] + 1:
                runs[-1][1] = number
            else:
                runs.append([number, number])
        named = [f"{first}" if first == last else f"{first}-{last}" for first, last in runs]
        return f"{self.axis if len(self.numbers) > 1 else self.axis.removesuffix('s')} {', '.join(named)}"


@dataclass(frozen=True, slots=True, eq=False)
class Story:
    """One change. cause: a key of vision.grade.limits.CAUSES or "". frame: from which on. about: measures it covers."""

    title: str
    cause: str
    frame: int
    about: tuple[str, ...]
    worse: bool
    lines: tuple[str, ...] = ()
    where: Lines | None = None
    details: Mapping[str, str] = field(default_factory=dict)


def trends_of(symbols: Symbols, standard: str, edition: str, grade_min: float) -> list[Trend]:
    """The courses of all measures that the symbols of one source have."""
    found = []
    for measure in MEASURES.values():
        values = symbols.values[measure.name]
        if not np.isnan(values).all():
            limit = limit_of(measure, standard, edition, grade_min)
            found.append(Trend(measure, course_of(values, measure.least, limit, measure.worse), limit))
    return found


def stories_of(folder: Path, source: int, symbols: Symbols, trends: Sequence[Trend]) -> list[Story]:
    """The changes, what matters most first; empty on a steady line."""
    if not len(symbols):
        return []
    changed = {trend.measure.name: trend for trend in trends if trend.changed}
    told: set[str] = {"overall"}
    found: list[Story] = []
    for name in (*EFFECTS, *MEASURES):
        trend = changed.get(name)
        if trend is None or name in told:
            continue
        along = [other for other in EFFECTS.get(name, ()) if other in changed and other not in told] if trend.worse else []
        told |= {name, *along}
        found.append(_story(folder, source, symbols, trend, [changed[other] for other in along], changed.get("overall")))
    if not any(story.where for story in found):
        found += _standing(folder, source, symbols)
    return sorted(found, key=lambda story: not story.worse)


def _story(folder: Path, source: int, symbols: Symbols, trend: Trend, along: Sequence[Trend], overall: Trend | None) -> Story:
    name, course = trend.measure.name, trend.course
    frame = int(symbols.frame[course.at])
    before, after = _ends(symbols, course)
    where = _lines(folder, source, symbols, course, name) if name.startswith("weakest_") and trend.worse else None
    cause, why = _cause(name, symbols, before, after, where) if trend.worse else ("", "")
    drop = float(np.nanmean(symbols.values["overall"][before]) - np.nanmean(symbols.values["overall"][after]))
    subject = _subject(name, where)
    if trend.worse and min(drop, _own_fall(name, symbols, before, after)) >= 0.05:
        title = f"{drop:.1f} lower than at the beginning: {subject}{f': {why}' if why else ''}"
    else:
        title = f"{subject[0].upper()}{subject[1:]} {_moves(trend)}{f': {why}' if why else ''}"
    lines = [_from_to(trend, frame), *(_from_to(other, int(symbols.frame[other.course.at])) for other in along)]
    if overall is not None and trend.worse:
        lines.append(_from_to(overall, int(symbols.frame[overall.course.at])))
    lines += [words for each in (trend, *along) if (words := forecast(each, symbols))]
    about = (name, *(other.measure.name for other in along))
    return Story(title, cause, frame, about, trend.worse, tuple(lines), where)


def _own_fall(name: str, symbols: Symbols, before: npt.NDArray[np.bool_], after: npt.NDArray[np.bool_]) -> float:
    """How far the grades that a measure decides fell: a drift inside the best grade has lowered nothing yet."""
    module_wise = name.startswith(("weakest_", "print_growth", "contrast_uniformity"))
    names = _MODULE_GRADES if module_wise else (name.removesuffix("_grade"),)
    grades = [symbols.grades[each] for each in names if each in symbols.grades and not np.isnan(symbols.grades[each]).all()]
    if not grades:
        return 0.0
    lowest = np.fmin.reduce(grades)
    return float(np.nanmean(lowest[before]) - np.nanmean(lowest[after]))


def _subject(name: str, where: Lines | None) -> str:
    if where is None:
        return MEASURES[name].label
    return f"modulation, {where.words}"


def _moves(trend: Trend) -> str:
    course, digits = trend.course, trend.measure.digits
    verb = "steps" if course.kind == "step" else "drifts"
    return f"{verb} from {course.before:.{digits}f} to {course.after:.{digits}f}"


def _from_to(trend: Trend, frame: int) -> str:
    if trend.course.kind == "step":
        start = f"at frame {frame}"
    else:
        start = f"from frame {frame} on" if trend.course.at else "from the first frame on"
    return f"{trend.measure.label} {_moves(trend)} {start}"


def forecast(trend: Trend, symbols: Symbols) -> str:
    """When the limit will be crossed, in words; "" where it is not foreseen."""
    crosses = trend.course.crosses
    if crosses is None or trend.limit is None:
        return ""
    count = len(symbols)
    ahead, early, late = (value - count for value in crosses)
    if ahead > 20 * count:
        return ""
    words = f"at this pace {trend.measure.label} reaches its limit {trend.limit:g} after about {ahead:.0f} more symbols"
    words += f" ({early:.0f} to {late:.0f})" if late < 20 * count else f" ({early:.0f} at the earliest)"
    took_ns = int(symbols.time_ns[-1] - symbols.time_ns[0])
    if symbols.time_ns[0] and took_ns > 0:
        words += f", in {_span(ahead * took_ns / count / 1e9)} of such running"
    return words


def _span(seconds: float) -> str:
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _ends(symbols: Symbols, course: Course) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which symbols are before the change and after it; of a drift both ends of the whole."""
    place = np.arange(len(symbols))
    if course.kind == "step":
        return place < course.at, place >= course.at
    share = max(1, round(ENDS_SHARE * len(symbols)))
    return place < share, place >= len(symbols) - share


def _cause(
    name: str, symbols: Symbols, before: npt.NDArray[np.bool_], after: npt.NDArray[np.bool_], where: Lines | None
) -> tuple[str, str]:
    """A key of CAUSES, and in a few words what happened."""

    def change(measure: str) -> float:
        values = symbols.values[measure]
        return float(np.nanmean(values[after]) - np.nanmean(values[before]))

    if name == "symbol_contrast":
        darker, paler = -change("reflectance_max"), change("reflectance_min")
        if darker > 2 * paler:
            return "dull_substrate", "the light side got darker (light, window, substrate)"
        if paler > 2 * darker:
            return "dark_print", "the print got paler (ink, ribbon, heat, energy)"
        return "low_contrast", "the light side got darker and the print paler (glare, light, substrate and ink)"
    if where is not None:
        lost = where.colour == "dark"
        words = "heater dot, nozzle or scan line" if lost else "streak: dirt, a dripping nozzle or a scratch"
        return ("line_lost" if lost else "line_added"), words
    if name == "axial_nonuniformity":
        return "axial", "belt speed, encoder scale or slip"
    if name.startswith("print_growth"):
        return ("growth_wide", "the print spreads") if change(name) > 0 else ("growth_thin", "the print gets thinner")
    return {
        "grid_nonuniformity": ("grid_uneven", "transport or a bent surface"),
        "contrast_uniformity": ("", "single modules get weak"),
    }.get(name, ("", ""))


def _common_size(symbols: Symbols) -> int:
    sizes, counts = np.unique(symbols.sizes, return_counts=True)
    return int(sizes[counts.argmax()])


def _lines(folder: Path, source: int, symbols: Symbols, course: Course, name: str) -> Lines | None:
    """The columns or rows whose margin fell against that of the others."""
    first, last = int(symbols.frame[0]), int(symbols.frame[-1]) + 1
    if course.kind == "step":
        middle = int(symbols.frame[course.at])
        spans = [(first, middle), (middle, last)]
    else:
        share = max(1, round(ENDS_SHARE * (last - first)))
        spans = [(first, first + share), (last - share, last)]
    before, after = mean_profiles(folder, source, _common_size(symbols), spans)
    axis = "columns" if name == "weakest_column" else "rows"
    return _weakest(axis, lambda kind: before[kind] - after[kind], before, after, LINE_LEAST)


def _standing(folder: Path, source: int, symbols: Symbols) -> list[Story]:
    """Columns and rows that were weak all along."""
    first, last = int(symbols.frame[0]), int(symbols.frame[-1]) + 1
    (mean,) = mean_profiles(folder, source, _common_size(symbols), [(first, last)])
    found = []
    for axis in ("columns", "rows"):
        level = {name: _level(profile) for name, profile in mean.items()}
        where = _weakest(axis, lambda kind, level=level: level[kind] - mean[kind], level, mean, STANDING_LEAST)  # type: ignore[misc]
        if where is not None:
            cause, why = _cause("weakest", symbols, np.ones(len(symbols), bool), np.ones(len(symbols), bool), where)
            title = f"Weak from the first pack on: modulation, {where.words}: {why}"
            found.append(Story(title, cause, first, (f"weakest_{axis.removesuffix('s')}",), True, (), where))
    return found


def _level(profile: Floats) -> Floats:
    """A profile as level as its median."""
    inner = profile[1:-1]
    return np.full(len(profile), np.nanmedian(inner) if np.isfinite(inner).any() else np.nan)


def _weakest(
    axis: str, fall_of: Callable[[str], Floats], before: Mapping[str, Floats], after: Mapping[str, Floats], least: float
) -> Lines | None:
    """The lines inside the finder whose profile fell most, of the colour that fell more; None where none stands out."""
    found: list[tuple[float, Lines]] = []
    for kind in PROFILES:
        if not kind.startswith(axis):
            continue
        fall = fall_of(kind)
        if not np.isfinite(fall[1:-1]).any():
            continue
        inner = fall[1:-1] - np.nanmedian(fall[1:-1])
        worst = float(np.nanmax(inner))
        if worst < least:
            continue
        numbers = tuple(int(n) + 1 for n in np.flatnonzero(inner > max(least, worst / 2)))
        found.append((worst, Lines(axis, numbers, kind.rpartition("_")[2], before[kind], after[kind])))
    return max(found, key=lambda each: each[0])[1] if found else None
