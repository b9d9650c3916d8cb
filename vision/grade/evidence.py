"""What a grade report says about single modules: which are harmed, and in what shape they lie together. No words, no causes.

Everything works on the symbol with its ring of quiet-zone modules: module (row, column) stands at [row + 1, column + 1]. The
finder's colour is True throughout, dark on an ordinary symbol, light on an inverse one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vision.decode.placement import placement
from vision.decode.symbol_sizes import SymbolSize, size_of
from vision.grade.details import mended
from vision.grade.overlay import codeword_map
from vision.types import Finding, GradeReport

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

MODULE_PARAMETERS = (
    "decode",
    "modulation",
    "reflectance_margin",
    "cell_modulation",
    "unused_error_correction",
    "fixed_pattern_damage",
    "distributed_damage",
)
"""Parameters that single modules can pull down."""

LINE_SHARE = 0.5
"""Share of the modules of one colour in a row or column from which the line itself is at fault."""

LINE_LEAD = 0.3
"""By how much that share must exceed the median of all rows or columns: where all are harmed, none is at fault."""

LINE_LEAST = 3
"""Fewest harmed modules that make a line."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """The modules of one graded symbol; arrays are (rows + 2, columns + 2).

    expected: bool, the finder's colour by role or by error correction; known: bool, whether expected means anything there (data
        modules of a symbol that was not decoded are unknown). fixed: bool, finder, clock tracks and quiet zone.
    wrong: bool, the colour measured is not the expected one. dark: bool, the colour measured is dark.
    modulation: float64, levels: its grade 0.0 to 4.0 module by module.
    """

    size: SymbolSize
    report: GradeReport
    expected: Mask
    known: Mask
    fixed: Mask
    wrong: Mask
    dark: Mask
    modulation: Floats
    levels: Floats

    def harmed(self) -> Mask:
        """Modules that hold down the lowest of the parameters that single modules can pull down."""
        grades = {name: self.report.parameters[name].grade for name in MODULE_PARAMETERS if name in self.report.parameters}
        lowest = min(grades.values())
        if lowest >= 4.0:
            return np.zeros_like(self.known)
        found = self.wrong | (self.known & (self.levels <= lowest))
        if min(grades["fixed_pattern_damage"], grades.get("distributed_damage", 4.0)) == lowest:
            found |= self.fixed & (self.levels < 4.0)
        found[np.ix_((0, -1), (0, -1))] = False  # no parameter looks at the corners of the quiet zone
        return found

    def mended(self, modules: Mask) -> Mapping[str, float]:
        """All grades, and `overall`, as they would be with these modules in order and all else unchanged."""
        return mended(self.report, (np.argwhere(modules) - 1).astype(np.int32))

    def codewords_with(self, modules: Mask) -> tuple[int, ...]:
        """The codewords, counted from 0 in the order of the placement, that any of these modules belongs to."""
        hit = modules[1:-1, 1:-1].ravel()[codeword_map(self.size).modules].any(axis=1)
        return tuple(int(n) for n in np.flatnonzero(hit))


def evidence_of(finding: Finding) -> Evidence | None:
    """The evidence in a finding; None where it was not graded, or without maps."""
    report, size = finding.report, size_of(finding.symbol.rows, finding.symbol.columns)
    if report is None or size is None or not {"reflectance", "modulation", "modulation_level", "wrong_colour"} <= set(report.maps):
        return None
    known = ~np.isnan(report.maps["wrong_colour"])
    wrong = np.nan_to_num(report.maps["wrong_colour"]) > 0.5
    place = placement(size)
    expected, fixed = np.zeros_like(known), np.ones_like(known)
    bits = place.pattern if finding.reading is None else finding.reading.bits
    expected[1:-1, 1:-1] = bits.astype(np.bool_)
    fixed[1:-1, 1:-1] = place.finder
    finder_colour = expected != wrong
    threshold = report.informative.get("threshold")
    seen = report.maps["reflectance"].astype(np.float64)
    by_threshold = np.nan_to_num(seen, nan=1.0) <= (0.5 if threshold is None else threshold)
    dark = np.where(known, finder_colour != finding.symbol.inverted, by_threshold)
    levels = report.maps["modulation_level"].astype(np.float64)
    modulation = report.maps["modulation"].astype(np.float64)
    return Evidence(size, report, expected, known, fixed, wrong, dark, modulation, levels)


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Neighbouring rows or columns of the symbol that are at fault: first to last, 0-based.

    lost: they lack the finder's colour (a bar that did not print); otherwise they have it where they should not (a streak).
    """

    is_column: bool
    first: int
    last: int
    lost: bool
    modules: Mask


def damaged_lines(evidence: Evidence, harmed: Mask) -> Iterator[Line]:
    """Rows and columns that are harmed over their length where others are not, columns first."""
    for is_column in (True, False):
        for lost in (True, False):
            role = evidence.known & (evidence.expected == lost)
            role[[0, -1]] = role[:, [0, -1]] = False
            axis = 0 if is_column else 1
            hits, counts = (harmed & role).sum(axis=axis), role.sum(axis=axis)
            share = hits / np.maximum(counts, 1)
            limit = max(LINE_SHARE, float(np.median(share[1:-1])) + LINE_LEAD)
            at_fault = np.flatnonzero((share >= limit) & (hits >= LINE_LEAST))
            for group in np.split(at_fault, np.flatnonzero(np.diff(at_fault) > 1) + 1):
                if group.size == 0:
                    continue
                modules = np.zeros_like(harmed)
                where = slice(int(group[0]), int(group[-1]) + 1)
                if is_column:
                    modules[:, where] = (harmed & role)[:, where]
                else:
                    modules[where] = (harmed & role)[where]
                yield Line(is_column, int(group[0]) - 1, int(group[-1]) - 1, lost, modules)


def spots(harmed: Mask, least: int) -> list[Mask]:
    """Groups of at least so many harmed modules that touch, also by a corner, the largest first."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(harmed.astype(np.uint8), connectivity=8)
    sizes = stats[1:count, cv2.CC_STAT_AREA]
    return [labels == number + 1 for number in np.argsort(-sizes, kind="stable") if sizes[number] >= least]


def squeezed(evidence: Evidence, horizontal: bool, grown: bool) -> Mask:
    """Modules that print growth along an axis narrows (grown: those between finder colour; else those of it)."""
    expected = evidence.expected
    mine = expected != grown
    other = np.zeros_like(expected)
    if horizontal:
        other[:, 1:] |= expected[:, :-1] == grown
        other[:, :-1] |= expected[:, 1:] == grown
    else:
        other[1:] |= expected[:-1] == grown
        other[:-1] |= expected[1:] == grown
    narrowed: Mask = evidence.known & mine & other
    return narrowed


def ring_sides(harmed: Mask) -> dict[str, Mask]:
    """Harmed quiet-zone modules by side."""
    found = {}
    for name, index in (("left", np.s_[:, 0]), ("right", np.s_[:, -1]), ("top", np.s_[0]), ("bottom", np.s_[-1])):
        side = np.zeros_like(harmed)
        side[index] = harmed[index]
        if side.any():
            found[name] = side
    return found


def crossing_share(evidence: Evidence, modules: Mask) -> tuple[float, float]:
    """Share of these modules that differ in colour from a neighbour along the row, and along the column."""
    expected = evidence.expected
    along, down = np.zeros_like(expected), np.zeros_like(expected)
    change = expected[:, 1:] != expected[:, :-1]
    along[:, 1:] |= change
    along[:, :-1] |= change
    change = expected[1:] != expected[:-1]
    down[1:] |= change
    down[:-1] |= change
    count = max(1, int(modules.sum()))
    return float((along & modules).sum()) / count, float((down & modules).sum()) / count


@dataclass(frozen=True, slots=True)
class GridShape:
    """How a measured grid leaves its ideal place.

    worst: the distance in X at the worst intersection, which is the upper left corner of module (row, column). along_rows: most of
    it is along the rows of the symbol. by_row, by_column: shares of that movement that whole rows, and whole columns, make alike.
    """

    worst: float
    row: int
    column: int
    along_rows: bool
    by_row: float
    by_column: float


def grid_shape(grid: Floats, size: SymbolSize) -> GridShape:
    """Where a grid, (rows + 1, columns + 1, 2) in pixels, is worst, and whether rows or columns move there as wholes.

    The ideal place is that of grid nonuniformity (vision.grade.geometry.grid_deviation): the grid lines of each data region evenly
    between its own corners.
    """
    height, width = size.rows // size.region_rows, size.columns // size.region_columns
    pitch = _pitch(grid)
    best: GridShape | None = None
    for top in range(0, size.rows, height):
        for left in range(0, size.columns, width):
            part = grid[top + 1 : top + height, left + 1 : left + width]
            v = np.linspace(0.0, 1.0, part.shape[0])[:, np.newaxis, np.newaxis]
            u = np.linspace(0.0, 1.0, part.shape[1])[np.newaxis, :, np.newaxis]
            ideal = (1 - v) * ((1 - u) * part[0, 0] + u * part[0, -1]) + v * ((1 - u) * part[-1, 0] + u * part[-1, -1])
            axis = (part[0, -1] - part[0, 0]) / max(float(np.hypot(*(part[0, -1] - part[0, 0]))), 1e-9)
            moved = (part - ideal) / pitch
            along = moved @ axis
            across = moved @ np.array([-axis[1], axis[0]])
            far = np.hypot(along, across)
            row, column = np.unravel_index(int(far.argmax()), far.shape)
            if best is None or far[row, column] > best.worst:
                along_rows = abs(along[row, column]) >= abs(across[row, column])
                one = along if along_rows else across
                total = max(float((one**2).mean()), 1e-12)
                by_row, by_column = float((one.mean(axis=1) ** 2).mean()) / total, float((one.mean(axis=0) ** 2).mean()) / total
                best = GridShape(
                    float(far[row, column]), top + 1 + int(row), left + 1 + int(column), bool(along_rows), by_row, by_column
                )
    assert best is not None  # every size has a region
    return best


def _pitch(grid: Floats) -> float:
    """Mean distance of neighbouring intersections, in pixels."""
    across = np.hypot(*np.moveaxis(np.diff(grid, axis=1), -1, 0)).mean()
    down = np.hypot(*np.moveaxis(np.diff(grid, axis=0), -1, 0)).mean()
    return float((across + down) / 2.0)
