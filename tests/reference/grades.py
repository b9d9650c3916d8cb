"""Slow twin of the grader's rules: grades from modulation and colours alone, written out from the standard and not from
vision/grade.

Modules are addressed (row, column), -1, rows and columns being the quiet zone. Values are plain numbers; both editions of 15415.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
EPS = 1e-9
TABLES = {
    "modulation": ([0.5, 0.4, 0.3, 0.2], 0.1),
    "symbol_contrast": ([0.7, 0.55, 0.4, 0.2], 0.0),
    "unused_error_correction": ([0.62, 0.5, 0.37, 0.25], 0.12),
    "axial_nonuniformity": ([0.06, 0.08, 0.1, 0.12], 0.14),
    "grid_nonuniformity": ([0.38, 0.5, 0.63, 0.75], 0.88),
    "bar": ([0.0, 0.09, 0.13, 0.17], 0.21),
    "track": ([0.10, 0.15, 0.20, 0.25], 0.30),
    "ratio": ([0.06, 0.08, 0.10, 0.12], 0.14),
    "average": ([4.0, 3.5, 3.0, 2.5], 2.0),
}
RISING = ("modulation", "symbol_contrast", "unused_error_correction", "average")
STRICT = ("track", "ratio")


def exact(name: str, value: float, edition: str) -> float:
    """The grade of a value: whole in 2011, unrounded in 2024."""
    limits, zero = TABLES[name]
    if edition == "2011":
        for grade, limit in zip((4, 3, 2, 1), limits, strict=True):
            if name in RISING and value >= limit - EPS:
                return float(grade)
            if name in STRICT and value < limit - EPS:
                return float(grade)
            if name not in RISING and name not in STRICT and value <= limit + EPS:
                return float(grade)
        return 0.0
    places, grades = [*limits, zero], [4.0, 3.0, 2.0, 1.0, 0.0]
    if name == "ratio":
        places, grades = [0.06, 1 / 13, 0.08, 0.10, 0.12, 0.14], [4.0, 3.5, 3.0, 2.0, 1.0, 0.0]
    sign = -1.0 if name in RISING else 1.0
    return float(np.interp(sign * value, [sign * place for place in places], grades))


def rounded(grade: float) -> float:
    return math.floor(grade * 10 + 0.5 + 1e-6) / 10


def grade(name: str, value: float, edition: str) -> float:
    found = exact(name, value, edition)
    return found if edition == "2011" else rounded(found)


def levels(edition: str) -> list[float]:
    return [4.0, 3.0, 2.0, 1.0] if edition == "2011" else [round(4.0 - k / 10, 1) for k in range(40)]


def highest(edition: str, holds: Callable[[float], bool]) -> float:
    return next((level for level in levels(edition) if holds(level)), 0.0)


def overlay(
    words: list[list[tuple[int, int]]], level: dict[tuple[int, int], float], blocks: int, check: int, edition: str
) -> float:
    """Highest g at which the codewords below g, taken as errors, leave an error correction of grade g."""
    lowest = [min(level[module] for module in word) for word in words]

    def holds(g: float) -> bool:
        left = []
        for block in range(blocks):
            errors = sum(low < g - EPS for low in lowest[block::blocks])
            left.append(1 - 2 * errors / (check - check % 2))
        return exact("unused_error_correction", min(left), edition) >= g - EPS

    return highest(edition, holds)


def _bar(modules: list[tuple[int, int]], level: dict[tuple[int, int], float], edition: str) -> float:
    return highest(edition, lambda g: grade("bar", sum(level[m] < g - EPS for m in modules) / len(modules), edition) >= g - EPS)


def _track(
    track: list[tuple[int, int]],
    solid: list[tuple[int, int]],
    level: dict[tuple[int, int], float],
    colour: dict[tuple[int, int], bool],
    edition: str,
) -> float:
    def holds(g: float) -> bool:
        wrong = [level[m] < g - EPS for m in track]
        if any(sum(wrong[k : k + 5]) > 2 for k in range(len(wrong) - 4)):
            return False
        shares = sum(wrong) / len(track), sum(level[m] < g - EPS for m in solid) / len(solid)
        return all(grade("track", share, edition) >= g - EPS for share in shares)

    changes = [sum(colour[a] != colour[b] for a, b in itertools.pairwise(line)) for line in (track, solid)]
    ratio = max(0, changes[1] - 1) / changes[0] if changes[0] else math.inf
    return min(highest(edition, holds), grade("ratio", ratio, edition))


def segments(
    rows: int,
    columns: int,
    regions: tuple[int, int],
    modulation: dict[tuple[int, int], float],
    colour: dict[tuple[int, int], bool],
    edition: str,
) -> dict[str, float]:
    """The five segments, their mean and its grade. modulation: of every module; colour: True where it has the finder's colour."""
    height, width = rows // regions[0], columns // regions[1]

    def in_role(module: tuple[int, int], finder: bool) -> float:
        return exact("modulation", modulation[module], edition) if colour[module] == finder else 0.0

    level: dict[tuple[int, int], float] = {}
    for row in range(-1, rows + 1):
        for column in range(-1, columns + 1):
            if not (0 <= row < rows and 0 <= column < columns):
                level[row, column] = in_role((row, column), False)
                continue
            r, c = row % height, column % width
            if c == 0 or r == height - 1:
                level[row, column] = in_role((row, column), True)
            elif r == 0:
                level[row, column] = in_role((row, column), c % 2 == 0)
            elif c == width - 1:
                level[row, column] = in_role((row, column), r % 2 == 1)
    found = {}
    for name, line, part in (
        ("L1", [(r, 0) for r in range(rows)], slice(rows - height, rows)),
        ("L2", [(rows - 1, c) for c in range(columns)], slice(0, width)),
        ("QZL1", [(r, -1) for r in range(rows)], slice(rows - height, rows)),
        ("QZL2", [(rows, c) for c in range(columns)], slice(0, width)),
    ):
        found[name] = min(_bar(line, level, edition), _bar(line[part], level, edition))
    tracks = []
    for top in range(0, rows, height):
        for left in range(0, columns, width):
            across, down, right = range(left, left + width), range(top, top + height), left + width - 1
            tracks.append(_track([(top, c) for c in across], [(top - 1, c) for c in across], level, colour, edition))
            tracks.append(_track([(r, right) for r in down], [(r, right + 1) for r in down], level, colour, edition))
    found["clock_track"] = min(tracks)
    mean = sum(found.values()) / 5
    found["average_value"] = mean if edition == "2011" else rounded(mean)
    found["average"] = grade("average", found["average_value"], edition)
    return found
