"""The worst symbols of an audit, with their pictures and what limits them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vision.audit import pictures
from vision.audit.look import picture_of
from vision.audit.plan import Brief
from vision.audit.sources import Opened
from vision.audit.summary import parts
from vision.grade.limits import explain, summary
from vision.inspection import Workspace, inspect
from vision.report.document import Beside, Block, Figure, Heading, Paragraph, Tone
from vision.report.writer import printable
from vision.types import Finding, Frame, Pixels
from vision.verdict.recipe import Recipe

WORST_COUNT = 20
_PER_LINE = 4
_COLUMNS = ["source", "frame", "name", "symbol_index", "text", "serial", "corners", "grade"]
_NAME_MOST = 24


def worst_rows(folder: Path, count: int = WORST_COUNT) -> list[dict[str, Any]]:
    """The rows of the symbols with the lowest grades, worst first; among equals those with the lower sum of parameter grades."""
    kept: list[tuple[tuple[float, float], int, dict[str, Any]]] = []
    number = 0
    for table in parts(folder, _COLUMNS):
        grades = table["grade"].combine_chunks()
        overall = np.asarray(grades.field("overall").to_numpy(zero_copy_only=False), dtype=np.float64)
        limit = -kept[0][0][0] if len(kept) == count else np.inf
        for index in np.flatnonzero(grades.is_valid().to_numpy(zero_copy_only=False) & (overall <= limit)):
            row = table.slice(int(index), 1).to_pylist()[0]
            every = [p["grade"] for p in row["grade"]["parameters"].values() if p is not None]
            entry = ((-row["grade"]["overall"], -sum(every)), -number, row)
            number += 1
            if len(kept) < count:
                heapq.heappush(kept, entry)
            else:
                heapq.heappushpop(kept, entry)
    return [row for _, _, row in sorted(kept, key=lambda entry: entry[:2], reverse=True)]


def limits_in_words(row: dict[str, Any], pixels: Pixels | None, recipe: Recipe, work: Workspace) -> str:
    """What limits the grade of a symbol: worked out anew where its picture shows it, else the parameters at its grade."""
    finding = _found_again(row, pixels, recipe, work) if pixels is not None and row["corners"] else None
    if finding is not None and finding.report is not None:
        return summary(explain(finding, recipe.setup.mm_per_px), finding.report)
    graded = {name: p["grade"] for name, p in row["grade"]["parameters"].items() if p is not None}
    lowest = row["grade"]["overall"]
    if lowest >= 4.0:
        return "nothing limits it"
    if graded.get("decode", 4.0) <= 0.0:
        return "found, not decoded"
    limiting = [name.replace("_", " ") for name, grade in graded.items() if grade <= lowest]
    return f"limited by {', '.join(limiting[:3])}{' ...' if len(limiting) > 3 else ''}"


def _found_again(row: dict[str, Any], pixels: Pixels, recipe: Recipe, work: Workspace) -> Finding | None:
    """The symbol of a row in its picture: the one at its place with its grade."""
    middle = np.array(row["corners"]).reshape(4, 2).mean(axis=0)
    for finding in inspect(Frame(pixels), recipe, work).findings:
        near = np.hypot(*(finding.symbol.corners.mean(axis=0) - middle)) < finding.symbol.px_per_module
        if near and finding.report is not None and finding.report.overall == row["grade"]["overall"]:
            return finding
    return None


def _short(text: str) -> str:
    return text if len(text) <= _NAME_MOST else f"{text[: _NAME_MOST - 3]}..."


def chapter(brief: Brief, folder: Path) -> Iterator[Block]:
    """The worst twenty, four in a line."""
    rows = worst_rows(folder)
    if not rows:
        return
    yield Heading(f"The worst {len(rows)}" if len(rows) > 1 else "The worst")
    opened = [Opened(source) for source in brief.sources]
    work = Workspace()
    figures: list[Block] = []
    for row in rows:
        source = brief.sources[row["source"]]
        pixels = picture_of(source, opened[row["source"]], row["name"])
        said = row["serial"] or row["text"] or ""
        limits = limits_in_words(row, pixels, brief.recipe, work)
        label = f"{_short(row['name'])}: {row['grade']['formal']} ({row['grade']['letter']}), {limits}. {_short(said)}"
        if pixels is None:
            figures.append(Paragraph(f"{printable(label)} (no image was kept)", Tone.MUTED))
            continue
        corners = np.array(row["corners"]).reshape(4, 2) if row["corners"] else None
        figures.append(Figure(pictures.symbol_picture(pixels, corners), f"symbol of {row['name']}", label))
    work.close()
    for each in opened:
        each.close()
    for first in range(0, len(figures), _PER_LINE):
        line = figures[first : first + _PER_LINE]
        yield Beside((*line, *(Paragraph("") for _ in range(_PER_LINE - len(line)))), (1.0,) * _PER_LINE)
