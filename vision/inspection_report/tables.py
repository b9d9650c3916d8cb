"""The tables of a symbol's report: parameters, segments of the fixed pattern, codeword overlay."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vision.grade.details import GradeDetails, LineDetails, scales_of_report
from vision.grade.scales import Scale, Sense
from vision.inspection_report import figures
from vision.inspection_report.words import PARAMETERS, SEGMENTS
from vision.report.document import Beside, Block, Cell, Heading, Paragraph, Table, Tone
from vision.types import GradeReport

CODEWORDS_MOST = 8
"""Weak codewords listed one by one; of more, the rest is counted."""


def tone_of(grade: float) -> Tone:
    return Tone.GOOD if grade >= 2.5 else Tone.WARN if grade >= 1.5 else Tone.BAD


def _value(name: str, value: float | None) -> str:
    if name == "decode":
        return "pass" if value else "fail"
    if value is None or not np.isfinite(value):
        return "-"
    if name in ("grid_nonuniformity", "print_growth"):
        return f"{value:.2f} X"
    return f"{value:.1%}"


def parameters(report: GradeReport) -> Table:
    scales = scales_of_report(report)
    rows: list[tuple[Cell | str, ...]] = []
    for name, parameter in report.parameters.items():
        scale = scales.scales.get(name) if parameter.value is not None else None
        limiting = parameter.grade <= report.overall < 4.0
        bar = figures.grade_bar(parameter.grade, scale, parameter.value)
        title = PARAMETERS.get(name, name) + (" (limits)" if limiting else "")
        rows.append(
            (
                Cell(title, tone_of(parameter.grade) if limiting else Tone.PLAIN),
                _value(name, parameter.value),
                Cell(f"{parameter.grade:.1f}", tone_of(parameter.grade)),
                Cell(f"grade {parameter.grade:.1f} of 4", picture=bar),
                Cell(_thresholds(name, scale), Tone.MUTED),
            )
        )
    for name, words in (
        ("contrast_uniformity", "Contrast uniformity"),
        ("print_growth_horizontal", "Print growth, horizontal"),
        ("print_growth_vertical", "Print growth, vertical"),
    ):
        value = report.informative.get(name)
        where = ""
        if name == "contrast_uniformity":
            row, column = report.informative.get(f"{name}_row"), report.informative.get(f"{name}_column")
            where = f"row {row:.0f}, column {column:.0f}" if row is not None and column is not None else ""
        shown = "-" if value is None else f"{round(value, 2) + 0.0:+.2f} X" if "growth" in name else f"{value:.1%}"
        rows.append((words, shown, "", Cell("not graded", Tone.MUTED), Cell(where, Tone.MUTED)))
    return Table(("parameter", "value", "grade", "0 to 4", "limits of 4, 3, 2, 1"), tuple(rows), right=(1, 2))


def _thresholds(name: str, scale: Scale | None) -> str:
    if scale is None:
        return ""
    limits = figures.whole_limits(scale)
    sign = {Sense.AT_LEAST: "at least", Sense.AT_MOST: "at most", Sense.BELOW: "below"}[scale.sense]
    percent = name not in ("grid_nonuniformity", "print_growth")
    shown = [f"{100 * limits[g]:g}" if percent else f"{limits[g]:g}" for g in (4, 3, 2, 1) if g in limits]
    return f"{sign} {', '.join(shown)} {'%' if percent else 'X'}"


def segments(report: GradeReport, found: GradeDetails) -> Iterator[Block]:
    yield Heading("Fixed pattern", 2)
    rows: list[tuple[Cell | str, ...]] = []
    whole = 0
    bars = [line for line in found.lines if line.transition_ratio is None]
    tracks = [line for line in found.lines if line.transition_ratio is not None]
    for line in bars:
        grade = Cell(f"{line.grade:.1f}", tone_of(line.grade))
        rows.append((f"{SEGMENTS.get(line.segment, line.segment)}, {line.part}", _share(line), "", grade))
    for track, solid in zip(tracks[::2], tracks[1::2], strict=True):
        if track.grade >= 4.0 and len(tracks) > 8:
            whole += 1
            continue
        grade = Cell(f"{track.grade:.1f}", tone_of(track.grade))
        shares = f"track {_share(track)}, solid area {_share(solid)}"
        ratio = track.transition_ratio  # infinite where one side has no transition
        rows.append(
            (f"Clock track, {track.part}", shares, f"{ratio:.1%}" if ratio is not None and np.isfinite(ratio) else "-", grade)
        )
    if whole:
        rows.append((f"{whole} other clock tracks", "", "", Cell("4.0", Tone.GOOD)))
    value, average = report.segments["average_value"], report.segments["average"]
    rows.append((f"Average of the five segments: {value:.1f}", "", "", Cell(f"{average:.1f}", tone_of(average))))
    yield Table(("segment", "modules below 4", "transition ratio", "grade"), tuple(rows), right=(1, 2, 3))


def _share(line: LineDetails) -> str:
    return f"{int((line.levels < 4.0).sum())} of {len(line.levels)}"


def overlays(found: GradeDetails) -> Iterator[Block]:
    yield Heading("Codeword overlay", 2)
    tables: list[Block] = []
    for overlay in found.overlays:
        rows = tuple(
            (
                f"{row.level:.1f}",
                str(row.at),
                str(row.errors),
                f"{max(0.0, row.unused):.0%}",  # more errors than can be corrected leave none
                f"{row.unused_grade:.1f}",
                Cell(f"{row.grade:.1f}", Tone.GOOD if row.grade >= overlay.grade and row.grade > 0 else Tone.PLAIN),
            )
            for row in overlay.table
        )
        name = PARAMETERS.get(overlay.name, overlay.name)
        columns = ("level g", "at g", "errors", "unused", "U(g)", "lower")
        tables.append(Table(columns, rows, right=(0, 1, 2, 3, 4, 5), caption=f"{name}: grade {overlay.grade:.1f}"))
    yield from (Beside(tuple(tables)),) if len(tables) > 1 else tables
    yield Paragraph(
        "Codewords below level g count as errors; U(g) is the grade of the error correction then left unused. "
        "The grade is the highest of the lower of g and U(g).",
        Tone.MUTED,
    )
    yield from _weak_codewords(found)


def _weak_codewords(found: GradeDetails) -> Iterator[Block]:
    overlay = found.overlays[-1]
    weak = [int(k) for k in np.argsort(overlay.levels, kind="stable") if overlay.levels[k] < 4.0]
    if not weak:
        return
    rows = tuple(
        (
            str(k),
            str(int(overlay.blocks[k])),
            f"{overlay.levels[k]:.1f}",
            f"{overlay.lowest[k][0]}, {overlay.lowest[k][1]}",
            "wrong colour" if overlay.wrong[k] else "weak",
        )
        for k in weak[:CODEWORDS_MOST]
    )
    # Two halves next to each other: four rows more would often begin a page of their own.
    half = max(4, (len(rows) + 1) // 2)
    more = f"; {len(weak) - CODEWORDS_MOST} more are not listed" if len(weak) > CODEWORDS_MOST else ""
    caption = f"{len(weak)} of {len(overlay.levels)} codewords below level 4, the weakest first, each with its lowest module{more}"
    columns = ("codeword", "block", "level", "row, column", "state")
    halves = [Table(columns, part, right=(0, 1, 2), shares=(0, 0, 0, 0, 1)) for part in (rows[:half], rows[half:]) if part]
    yield Paragraph(caption, Tone.MUTED)
    yield Beside(tuple(halves)) if len(halves) > 1 else halves[0]
