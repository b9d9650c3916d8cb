"""What stands behind the grades of a report: the codeword overlay's table, each line of the fixed pattern, what limits the grade.

Worked out from a report when somebody asks (0.2 ms), so that a frame on the line does not pay for it. Nothing here measures.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vision.decode.symbol_sizes import SymbolSize, size_of
from vision.grade.fixed_pattern import SOLID, fixed_pattern_grade, fixed_pattern_segments, line_grades, lines_of
from vision.grade.overlay import codeword_map, overlay, unused_share, wrong_codewords
from vision.grade.scales import EDITIONS, Scales
from vision.types import GradeReport


@dataclass(frozen=True, slots=True)
class OverlayRow:
    """One level of the overlay's table.

    level: 0.0 to 4.0. at: codewords at this level. from_level: codewords at this level or above. errors: codewords below it, over
    all blocks. unused: the notional unused error correction of the worst block (may be negative). unused_grade: U(g), its grade.
    grade: min(level, unused_grade).
    """

    level: float
    at: int
    from_level: int
    errors: int
    unused: float
    unused_grade: float
    grade: float


@dataclass(frozen=True, slots=True, eq=False)
class OverlayDetails:
    """The codeword overlay of one parameter.

    name: modulation, reflectance_margin or cell_modulation. grade: as in the report.
    levels: (codewords,) float64, level of each codeword in the order of the symbol's codeword stream: that of its lowest module.
    blocks: (codewords,) int32, its Reed-Solomon block. lowest: (codewords, 2) int32, row and column of its lowest module.
    modules: (codewords, 8, 2) int32, rows and columns of its modules, the most significant bit first.
    wrong: (codewords,) bool, a module of it has the wrong colour.
    table: from level 4 down; levels at which nothing changes are left out where grades have decimals.
    """

    name: str
    grade: float
    levels: npt.NDArray[np.float64]
    blocks: npt.NDArray[np.int32]
    lowest: npt.NDArray[np.int32]
    modules: npt.NDArray[np.int32]
    wrong: npt.NDArray[np.bool_]
    table: tuple[OverlayRow, ...]


@dataclass(frozen=True, slots=True, eq=False)
class LineDetails:
    """One straight piece of the fixed pattern.

    segment: L1, L2, QZL1, QZL2, clock_track or solid_area. part: "whole side", "lower-left region", "top of region (0, 1)" ...
    modules: (n, 2) int32, row and column; -1, rows or columns where it is quiet zone.
    levels: (n,) float64, each module's grade in its role: by modulation, 0 where its colour is wrong. wrong: (n,) bool.
    damage_grade: by damaged modules alone (of a clock track and its solid area: together, with regularity).
    transition_ratio, transition_grade: of clock tracks, the same on both lines of a pair; None of bars and quiet zones.
    grade: what counts for the segment.
    """

    segment: str
    part: str
    modules: npt.NDArray[np.int32]
    levels: npt.NDArray[np.float64]
    wrong: npt.NDArray[np.bool_]
    damage_grade: float
    transition_ratio: float | None
    transition_grade: float | None
    grade: float

    @property
    def damaged(self) -> npt.NDArray[np.int32]:
        """(m, 2) int32, row and column of the modules that are below grade 4 in their role."""
        return self.modules[self.levels < 4.0]


@dataclass(frozen=True, slots=True, eq=False)
class GradeDetails:
    """Everything behind a report. overlays: by parameter. lines: bars and quiet zones, then clock tracks each with its solid
    area."""

    overlays: tuple[OverlayDetails, ...]
    lines: tuple[LineDetails, ...]


def scales_of_report(report: GradeReport) -> Scales:
    """The tables that a report was graded by."""
    return next(s for s in EDITIONS.values() if (s.title, s.edition) == (report.standard, report.edition))


def size_of_report(report: GradeReport) -> SymbolSize:
    """The symbol size of a report that holds its maps; ValueError where it does not."""
    shape = report.maps["wrong_colour"].shape if "wrong_colour" in report.maps else (2, 2)
    size = size_of(shape[0] - 2, shape[1] - 2)
    if size is None:
        raise ValueError("the report holds no module maps, expected one made by vision.grade.grade.grade")
    return size


def _steps(report: GradeReport, scales: Scales) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Step and colours of each module, flat over the ringed symbol, as levels_of gave them (data modules' own colour means
    nothing).
    """
    wrong = np.nan_to_num(report.maps["wrong_colour"].ravel()) > 0.5
    return np.rint(report.maps["modulation_level"].ravel() * scales.per_grade).astype(np.int32), _colours(
        wrong, size_of_report(report)
    )


def _colours(wrong: npt.NDArray[np.bool_], size: SymbolSize) -> npt.NDArray[np.uint8]:
    measured = (lines_of(size).expected.ravel() == 1) != wrong
    return np.stack((measured, wrong)).astype(np.uint8)


def _places(flat: npt.NDArray[np.int32], size: SymbolSize) -> npt.NDArray[np.int32]:
    row, column = np.divmod(flat, size.columns + 2)
    return np.stack((row - 1, column - 1), axis=-1).astype(np.int32)


def _is_read(report: GradeReport) -> bool:
    return not bool(np.isnan(report.maps["wrong_colour"]).any())


def _overlay_names(report: GradeReport) -> Iterable[tuple[str, bool]]:
    """The overlay's parameters of the report, and whether wrong colours count in them."""
    for name in ("modulation", "reflectance_margin", "cell_modulation"):
        if name in report.parameters:
            yield name, name != "modulation" or scales_of_report(report).colours_count


def details(report: GradeReport) -> GradeDetails:
    """The overlay tables and pattern lines of a report; ValueError where it holds no maps."""
    size, scales = size_of_report(report), scales_of_report(report)
    steps, colours = _steps(report, scales)
    overlays = tuple(
        _overlay_details(report, name, steps, colours, counts, size, scales) for name, counts in _overlay_names(report)
    )
    return GradeDetails(overlays, tuple(_line_details(steps, colours, size, scales)))


def _overlay_details(
    report: GradeReport,
    name: str,
    steps: npt.NDArray[np.int32],
    colours: npt.NDArray[np.uint8],
    counts: bool,
    size: SymbolSize,
    scales: Scales,
) -> OverlayDetails:
    words = codeword_map(size)
    found = overlay(steps, colours, int(counts), words, scales)
    wrong = colours[1].astype(np.bool_)
    in_words = np.where(wrong & counts, np.int32(0), steps)[words.ringed]
    uec = scales["unused_error_correction"]
    table: list[OverlayRow] = []
    for step in range(scales.steps, -1, -1):
        errors = int(found.errors[:, step - 1].sum()) if step else 0
        unused = float(found.unused[step - 1]) if step else 1.0
        at = int((found.lowest == step).sum())
        if scales.per_grade > 1 and not (at or step % scales.per_grade == 0):
            continue
        of_unused = int(np.count_nonzero(unused >= uec.unrounded_bounds)) / scales.per_grade
        level = step / scales.per_grade
        table.append(OverlayRow(level, at, size.total - errors, errors, unused, of_unused, min(level, of_unused)))
    worst = words.ringed[np.arange(size.total), in_words.argmin(axis=1)]
    return OverlayDetails(
        name,
        report.parameters[name].grade,
        found.lowest / scales.per_grade,
        words.blocks,
        _places(worst, size),
        _places(words.ringed, size),
        np.asarray(wrong[words.ringed].any(axis=1)),
        tuple(table),
    )


def _line_details(
    level: npt.NDArray[np.int32], colours: npt.NDArray[np.uint8], size: SymbolSize, scales: Scales
) -> Iterable[LineDetails]:
    lines = lines_of(size)
    wrong = colours[1].astype(np.bool_)
    in_role = np.where(wrong, 0, level) / scales.per_grade
    grades = line_grades(level, colours, size, scales)
    for k, (segment, part) in enumerate(lines.names):
        modules = lines.modules[lines.starts[k] : lines.starts[k + 1]]
        pair = (k - lines.bar_count) // 2
        ratio, of_ratio = (grades.ratios[pair], grades.ratio_grades[pair]) if k >= lines.bar_count else (None, None)
        yield LineDetails(
            segment,
            part,
            _places(modules, size),
            in_role[modules],
            wrong[modules],
            grades.damage[k],
            ratio,
            of_ratio,
            grades.grades[k],
        )


def mended(report: GradeReport, modules: npt.NDArray[np.int32]) -> dict[str, float]:
    """The grades of a report if these modules were perfect: of all its parameters, and `overall`.

    modules: (n, 2) int, rows and columns, -1, rows and columns for the quiet zone. What is not made of modules (contrast, the
    grid's parameters) stays. A symbol that was not read stays unread. ValueError where the report holds no maps.
    """
    size, scales = size_of_report(report), scales_of_report(report)
    level, colours = _steps(report, scales)
    flat = (np.asarray(modules)[:, 0] + 1) * (size.columns + 2) + np.asarray(modules)[:, 1] + 1
    level[flat], colours[1, flat] = scales.steps, 0
    colours = _colours(colours[1].astype(np.bool_), size)
    grades = {name: parameter.grade for name, parameter in report.parameters.items()}
    if _is_read(report):
        words = codeword_map(size)
        for name, counts in _overlay_names(report):
            grades[name] = overlay(level, colours, int(counts), words, scales).grade
        errors = wrong_codewords(level, colours, words)
        if all(2 * t <= d - d % 2 for t, d in zip(errors, words.check_per_block, strict=True)):
            unused = unused_share(errors, words.check_per_block)
            # What decode 0 of the strict path came from is either these modules, or a rescue that no module mends.
            if grades["decode"] > 0.0 or report.informative.get("rescued") != 1.0:
                grades["decode"], grades["unused_error_correction"] = 4.0, scales["unused_error_correction"].grade(unused)
    segments = fixed_pattern_segments(line_grades(level, colours, size, scales), size, scales)
    if "distributed_damage" in grades:
        grades["distributed_damage"] = segments["average"]
        grades["fixed_pattern_damage"] = min(g for name, g in segments.items() if not name.startswith("average"))
    else:
        grades["fixed_pattern_damage"] = fixed_pattern_grade(segments)
    grades["overall"] = min(grades.values())
    return grades


def damaged_segments(found: GradeDetails) -> dict[str, npt.NDArray[np.int32]]:
    """Damaged modules of each segment, (n, 2) int32 row and column, none twice; a solid area's stand with its clock track's."""
    made: dict[str, list[npt.NDArray[np.int32]]] = {}
    for line in found.lines:
        made.setdefault("clock_track" if line.segment == SOLID else line.segment, []).append(line.damaged)
    return {segment: np.unique(np.concatenate(parts), axis=0) for segment, parts in made.items()}
