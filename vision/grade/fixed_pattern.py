"""Fixed pattern damage: bars, quiet zones, clock tracks with their solid areas, and the average of the five.

ISO/IEC 16022 annex M with Cor.1:2008, as used by ISO/IEC 15415:2011. Everything works on the symbol with its ring of quiet-zone
modules, so that module (row, column) stands at [row + 1, column + 1].
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from vision.decode.placement import placement
from vision.decode.symbol_sizes import SymbolSize
from vision.grade.scales import Scales

Grades = npt.NDArray[np.float64]
Dark = npt.NDArray[np.bool_]

REGULARITY_RUN = 5
"""Adjacent modules of a clock track that are looked at together."""

REGULARITY_WRONG = 2
"""Wrong ones among them that still pass."""


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """The straight pieces of a symbol that fixed pattern damage looks at, as flat indices into the ringed module array.

    bars: L1, L2, QZL1, QZL2: each the whole side and, where there are several regions, the lower-left region's part of it.
    tracks: (clock track, solid area) of each region's top and right side.
    expected: (rows + 2, columns + 2) bool, finder colour by role; the quiet zone is False, data modules mean nothing.
    """

    bars: dict[str, tuple[npt.NDArray[np.intp], ...]]
    tracks: tuple[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]], ...]
    expected: Dark


@cache
def lines_of(size: SymbolSize) -> Lines:
    """The lines of a symbol size, made at first use."""
    rows, columns = size.rows, size.columns
    index = np.arange((rows + 2) * (columns + 2)).reshape(rows + 2, columns + 2)
    height, width = rows // size.region_rows, columns // size.region_columns
    several = size.region_rows * size.region_columns > 1
    sides = {
        "L1": (index[1:-1, 1], index[1 + rows - height : -1, 1]),
        "L2": (index[rows, 1:-1], index[rows, 1 : 1 + width]),
        "QZL1": (index[1:-1, 0], index[1 + rows - height : -1, 0]),
        "QZL2": (index[rows + 1, 1:-1], index[rows + 1, 1 : 1 + width]),
    }
    tracks = []
    for top in range(1, rows + 1, height):
        for left in range(1, columns + 1, width):
            across, down = slice(left, left + width), slice(top, top + height)
            right = left + width - 1
            tracks.append((index[top, across], index[top - 1, across]))
            tracks.append((index[down, right], index[down, right + 1]))
    expected = np.zeros((rows + 2, columns + 2), np.bool_)
    expected[1:-1, 1:-1] = placement(size).pattern.astype(np.bool_)
    expected.setflags(write=False)
    return Lines({name: parts if several else parts[:1] for name, parts in sides.items()}, tuple(tracks), expected)


def bar_grade(grades: Grades, scales: Scales) -> float:
    """The grade of a bar or quiet-zone line from its modules' grades: the highest level g, modules below g counted as damaged.

    Both ends count ([open] in our sources: n or n + 1 modules; n is taken).
    """
    damage = scales["fixed_pattern_damage"]
    best = 0.0
    for level in scales.levels:
        if best >= level:
            break
        best = max(best, min(level, damage.grade(int((grades < level).sum()) / grades.size)))
    return best


def transition_ratio(track: Dark, solid: Dark) -> float:
    """Transitions in the solid area, less one, over those found in the clock track; infinite where the track has none."""
    found = int((track[1:] != track[:-1]).sum())
    stray = max(0, int((solid[1:] != solid[:-1]).sum()) - 1)
    return stray / found if found else float("inf")


def is_regular(wrong: Dark) -> bool:
    """Whether no five adjacent modules of a clock track hold more than two wrong ones ([open]: unconfirmed in our sources)."""
    run = min(REGULARITY_RUN, wrong.size)
    counts = np.convolve(wrong.astype(np.int64), np.ones(run, np.int64), "valid")
    return bool(counts.max() <= REGULARITY_WRONG)


def track_grade(track: Grades, solid: Grades, ratio: float, scales: Scales) -> float:
    """The grade of a clock track and its solid area from their modules' grades and their transition ratio."""
    damage = scales["clock_track_damage"]
    best = 0.0
    for level in scales.levels:
        if best >= level:
            break
        wrong = track < level
        if not is_regular(wrong):
            continue
        of_track = damage.grade(int(wrong.sum()) / track.size)
        of_solid = damage.grade(int((solid < level).sum()) / solid.size)
        best = max(best, min(level, of_track, of_solid))
    return min(best, scales["transition_ratio"].grade(ratio))


def _track_grades(grades: Grades, colour: Dark, lines: Lines, scales: Scales) -> Iterator[float]:
    for track, solid in lines.tracks:
        yield track_grade(grades[track], grades[solid], transition_ratio(colour[track], colour[solid]), scales)


def fixed_pattern_segments(levels: Grades, colour: Dark, size: SymbolSize, scales: Scales) -> dict[str, float]:
    """The five segment grades, their mean (`average_value`) and its grade (`average`).

    levels: (rows + 2, columns + 2) float64, each module's grade by modulation alone.
    colour: (rows + 2, columns + 2) bool, module has the finder's colour as measured at the global threshold.
    """
    lines = lines_of(size)
    grades = np.where(colour == lines.expected, levels, 0.0).ravel()
    flat = colour.ravel()
    segments = {name: min(bar_grade(grades[part], scales) for part in parts) for name, parts in lines.bars.items()}
    segments["clock_track"] = min(_track_grades(grades, flat, lines, scales))
    mean = sum(segments.values()) / len(segments)
    segments["average_value"] = mean
    segments["average"] = scales["average"].grade(mean)
    return segments


def fixed_pattern_grade(segments: dict[str, float]) -> float:
    """Fixed pattern damage: the lowest of the five segments and the average's grade."""
    return min(grade for name, grade in segments.items() if name != "average_value")
