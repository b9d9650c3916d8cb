"""Fixed pattern damage: bars, quiet zones, clock tracks with their solid areas, and the average of the five.

ISO/IEC 16022 annex M with Cor.1:2008, as used by ISO/IEC 15415. Everything works on the symbol with its ring of quiet-zone modules,
so that module (row, column) stands at [row + 1, column + 1].

Every segment is graded alike in all editions: the highest level at which the modules below it, counted as damaged, are few enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from kernels.damage import line_steps
from vision.decode.placement import placement
from vision.decode.symbol_sizes import SymbolSize
from vision.grade.scales import Scales
from vision.types import Reading

Steps = npt.NDArray[np.int32]
Colours = npt.NDArray[np.uint8]

REGULARITY_WRONG = 2
"""[open] Wrong modules among five adjacent ones of a clock track that still pass."""

BARS = ("L1", "L2", "QZL1", "QZL2")
TRACK, SOLID = "clock_track", "solid_area"
SEGMENTS = (*BARS, TRACK)


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """The straight pieces of a symbol that fixed pattern damage looks at, as flat indices into the ringed module array.

    names: (segment, part) of each line: all bars and quiet zones first (the whole side, and where there are several regions the
        lower-left region's part of it), then pairs of a clock track and its solid area, of each region's top and right side.
    bar_count: how many of them are bars and quiet zones. modules, starts: line k is modules[starts[k]:starts[k + 1]], int32.
    expected: (rows + 2, columns + 2) uint8, finder colour by role; the quiet zone is 0, data modules are 2: not known without
    decoding.
    """

    names: tuple[tuple[str, str], ...]
    bar_count: int
    modules: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int32]
    expected: Colours


@cache
def lines_of(size: SymbolSize) -> Lines:
    """The lines of a symbol size, made at first use.

    A bar has as many modules as the symbol's side: both ends count ([open] in our sources: n or n + 1; n is taken).
    """
    rows, columns = size.rows, size.columns
    index = np.arange((rows + 2) * (columns + 2), dtype=np.int32).reshape(rows + 2, columns + 2)
    height, width = rows // size.region_rows, columns // size.region_columns
    whole = {"L1": index[1:-1, 1], "L2": index[rows, 1:-1], "QZL1": index[1:-1, 0], "QZL2": index[rows + 1, 1:-1]}
    lines = [((name, "whole side"), whole[name]) for name in BARS]
    if size.region_rows * size.region_columns > 1:
        part = {name: slice(rows - height, None) if name.endswith("L1") else slice(0, width) for name in BARS}
        lines += [((name, "lower-left region"), whole[name][part[name]]) for name in BARS]
    bar_count = len(lines)
    for top in range(1, rows + 1, height):
        for left in range(1, columns + 1, width):
            across, down, right = slice(left, left + width), slice(top, top + height), left + width - 1
            where = f"region ({top // height}, {left // width})"
            lines += [((TRACK, f"top of {where}"), index[top, across]), ((SOLID, f"top of {where}"), index[top - 1, across])]
            lines += [((TRACK, f"right of {where}"), index[down, right]), ((SOLID, f"right of {where}"), index[down, right + 1])]
    expected = np.zeros((rows + 2, columns + 2), np.uint8)
    expected[1:-1, 1:-1] = np.where(placement(size).fixed, placement(size).pattern, 2)
    starts = np.concatenate(([0], np.cumsum([len(modules) for _, modules in lines]))).astype(np.int32)
    modules = np.concatenate([modules for _, modules in lines])
    for array in (expected, modules, starts):
        array.setflags(write=False)
    return Lines(tuple(name for name, _ in lines), bar_count, modules, starts, expected)


def expected_colours(size: SymbolSize, reading: Reading | None) -> Colours:
    """(rows + 2, columns + 2) uint8: the colour of each module by its role and its reading, 1 the finder's, 2 not known."""
    expected = lines_of(size).expected
    if reading is not None:
        expected = expected.copy()
        expected[1:-1, 1:-1] = reading.bits
    return expected


@dataclass(frozen=True, slots=True)
class LineGrades:
    """The grade of each line, in the order of Lines; of a clock track and its solid area both carry the pair's.

    damage: by the damaged modules alone; of a pair regularity and both lines' damage together.
    ratios: transition ratio of each pair. ratio_grades: its grade. grades: the lower of both, for bars the damage grade.
    """

    damage: list[float]
    ratios: list[float]
    ratio_grades: list[float]
    grades: list[float]


def line_grades(steps: Steps, colours: Colours, size: SymbolSize, scales: Scales) -> LineGrades:
    """The grades of all lines.

    steps: ((rows + 2) * (columns + 2),) int32, each module's step by modulation.
    colours: (2, ...) uint8: 1 where it has the finder's colour as measured at the threshold; 1 where that is wrong for its role.
    """
    lines = lines_of(size)
    bars, per_grade = lines.bar_count, scales.per_grade
    out = np.empty((len(lines.names), 2), np.int32)
    damage, track, ratio = scales["fixed_pattern_damage"], scales["clock_track_damage"], scales["transition_ratio"]
    line_steps(steps, colours, lines.modules, lines.starts, bars, damage.bounds, track.bounds, REGULARITY_WRONG, out)
    found: list[list[int]] = out.tolist()
    damages = [step / per_grade for step, _ in found[:bars]]
    grades = damages.copy()
    ratios, ratio_grades = [], []
    for (track_step, track_changes), (solid_step, solid_changes) in zip(found[bars::2], found[bars + 1 :: 2], strict=True):
        both = min(track_step, solid_step) / per_grade
        ratios.append(transition_ratio(track_changes, solid_changes))
        ratio_grades.append(ratio.grade(ratios[-1]))
        damages += [both, both]
        grades += [min(both, ratio_grades[-1])] * 2
    return LineGrades(damages, ratios, ratio_grades, grades)


def transition_ratio(track: int, solid: int) -> float:
    """Transitions in the solid area, less one, over those found in the clock track; infinite where the track has none."""
    return max(0, solid - 1) / track if track else float("inf")


def fixed_pattern_segments(graded: LineGrades, size: SymbolSize, scales: Scales) -> dict[str, float]:
    """The five segment grades, their mean (`average_value`) and its grade (`average`).

    Of a segment with several lines the lowest counts: the whole side and the lower-left region's, all clock tracks, inner ones too.
    """
    lines = lines_of(size)
    segments = dict.fromkeys(SEGMENTS, 4.0)
    for (name, _), grade in zip(lines.names, graded.grades, strict=True):
        if name != SOLID and grade < segments[name]:
            segments[name] = grade
    mean = scales.rounded(sum(segments.values()) / len(segments))
    segments["average_value"] = mean
    segments["average"] = scales["average"].grade(mean)
    return segments


def fixed_pattern_grade(segments: dict[str, float]) -> float:
    """Fixed pattern damage: the lowest of the five segments and the average's grade."""
    return min(grade for name, grade in segments.items() if name != "average_value")
