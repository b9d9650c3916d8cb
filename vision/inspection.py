"""The hot path of one frame: everything we find in it, and what we decide. No process, queue, file or clock is visible here.

The line, `vision inspect`, the bench and the golden tests all call this one function.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from vision.content.compare import check
from vision.decode import search
from vision.decode.decode import decode
from vision.decode.trials import Trials
from vision.grade.grade import grade
from vision.grade.scratch import Scratch
from vision.types import Finding, Frame, Inspection
from vision.verdict.judge import judge
from vision.verdict.recipe import Recipe

__all__ = ["Workspace", "inspect"]


class Workspace(search.Workspace):
    """Scratch memory of one inspector, for decoding and grading; nothing in it influences a result. Close it at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.grading = Scratch()


def inspect(
    frame: Frame, recipe: Recipe, work: Workspace, *, warnings: Sequence[str] = (), trials: Trials | None = None
) -> Inspection:
    """Everything we find in one frame. Pure: same frame and recipe, same inspection (stage_ns apart).

    frame.pixels: (height, width) uint8. work: scratch arrays, reused between frames; its content never matters.
    warnings: what the caller knows of the image ("lossy_image"), for the grade reports. trials: takes all that
    was tried, for a picture of it.
    """
    trials = Trials() if trials is None else trials
    begin_ns = time.perf_counter_ns()
    decoded = decode(frame.pixels, recipe.search, work, trials)
    decoded_ns = time.perf_counter_ns()
    findings = []
    grading_ns = 0
    for symbol, _, reading in decoded:
        grade_begin_ns = time.perf_counter_ns()
        report = None if recipe.decode_only else grade(frame.pixels, symbol, reading, recipe.setup, work.grading, warnings=warnings)
        grading_ns += time.perf_counter_ns() - grade_begin_ns
        content = check(reading.payload, reading.symbology_identifier, recipe.order) if reading else None
        findings.append(Finding(symbol, reading, content, report))
    verdict = judge(findings, recipe)
    read = [symbol.corners for symbol, _, reading in decoded if reading]
    missed = len(read) < (recipe.symbols_per_frame or 1)
    told = trials.told(frame.pixels.shape, read) if missed else ()
    end_ns = time.perf_counter_ns()
    return Inspection(
        findings=tuple(findings),
        verdict=verdict,
        width=frame.pixels.shape[1],
        height=frame.pixels.shape[0],
        stage_ns={"decode": decoded_ns - begin_ns, "grade": grading_ns, "total": end_ns - begin_ns},
        trials=told,
    )
