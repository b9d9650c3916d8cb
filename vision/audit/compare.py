"""Two or more sources beside each other, and the same frames under two recipes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vision.audit.limits import MEASURES, Measure
from vision.audit.measures import Symbols
from vision.audit.summary import parts

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """One measure of all sources. differs: the largest difference of means is beyond its error (4 sigma) and worth a word."""

    measure: Measure
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    differs: bool


def beside(groups: Sequence[Symbols]) -> list[Beside]:
    """The measures that all sources have."""
    found = []
    for measure in MEASURES.values():
        columns = [values[~np.isnan(values)] for group in groups for values in [group.values[measure.name]]]
        if any(len(column) < 2 for column in columns):
            continue
        means = tuple(float(column.mean()) for column in columns)
        deviations = tuple(float(column.std(ddof=1)) for column in columns)
        low, high = int(np.argmin(means)), int(np.argmax(means))
        error = (deviations[low] ** 2 / len(columns[low]) + deviations[high] ** 2 / len(columns[high])) ** 0.5
        gap = means[high] - means[low]
        found.append(Beside(measure, means, deviations, gap >= measure.least and gap > 4 * error))
    return found


@dataclass(frozen=True, slots=True)
class Changed:
    """A frame whose verdict changes under the other recipe."""

    source: int
    frame: int
    name: str
    text: str
    accept: bool
    grades: tuple[float | None, float | None]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Regrading:
    """counts: frames by (verdict, verdict under the other recipe). missing: frames without an image to grade anew."""

    counts: Counter[tuple[bool, bool]]
    missing: int
    changed: tuple[Changed, ...]


def regrading(folder: Path) -> Regrading:
    """What the other recipe changes, over a whole dataset; a frame of several symbols counts once, with its lowest grade."""
    counts: Counter[tuple[bool, bool]] = Counter()
    changed: list[Changed] = []
    missing = 0
    for rows in _frames(folder):
        first = rows[0]
        other = first["regrade"]
        if first["trouble"]:
            continue
        if other is None or other["accept"] is None:
            missing += 1
            continue
        counts[first["accept"], other["accept"]] += 1
        if first["accept"] != other["accept"]:
            now = _lowest([row["grade"] for row in rows])
            then = _lowest([row["regrade"] and row["regrade"]["grade"] for row in rows])
            reasons = tuple((other if not other["accept"] else first)["reasons"])
            text = ", ".join(row["text"] for row in rows if row["text"])
            changed.append(Changed(first["source"], first["frame"], first["name"], text, first["accept"], (now, then), reasons))
    return Regrading(counts, missing, tuple(changed))


def _lowest(grades: Sequence[dict[str, float] | None]) -> float | None:
    return min((grade["overall"] for grade in grades if grade is not None), default=None)


def _frames(folder: Path) -> Iterator[list[dict]]:  # type: ignore[type-arg]
    """The rows of a dataset, frame by frame."""
    columns = ["source", "frame", "name", "trouble", "accept", "reasons", "text", "grade", "regrade"]
    for table in parts(folder, columns):
        rows: list[dict] = []  # type: ignore[type-arg]
        for row in table.to_pylist():
            if rows and (row["source"], row["frame"]) != (rows[0]["source"], rows[0]["frame"]):
                yield rows
                rows = []
            rows.append(row)
        if rows:
            yield rows
