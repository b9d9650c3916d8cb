"""Inspected images for the tests of the report: drawn symbols, one of them damaged, one with hostile content."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import numpy.typing as npt

from tests.grade.known_symbols import reading, symbol
from tests.grade.symbol_renderer import matrix, picture
from vision.grade.grade import grade
from vision.grade.limits import explain
from vision.grade.setup import Setup
from vision.inspection_report.document import InspectionReport
from vision.types import Content, Finding, Inspection, Pixels, Reason, Verdict

HOSTILE = """<script>alert(1)</script>"'&%=+-;/../#[*_$`\\ {{ 7*7 }}"""


@cache
def image(
    shape: tuple[int, int] = (24, 24), damaged: bool = False, setup: Setup | None = None, text: str = HOSTILE
) -> tuple[Pixels, Finding]:
    """A picture of one symbol and the finding in it, its content as given."""
    bits = matrix(shape)
    drawn = picture(bits, 228.0, 28.0, samples=2)
    if damaged:
        drawn.values[1:-1, 8] = np.where(bits[:, 7] == 1, 200.0, drawn.values[1:-1, 8])
        drawn.values[3, 0] = 28.0
    pixels = drawn.build()
    found = Finding(symbol(drawn), reading(bits), Content(text, {"21": text, "01": "04150012345678"}), None)
    report = grade(pixels, found.symbol, found.reading, setup or Setup(), warnings=("lossy_image",) if damaged else ())
    return pixels, dataclasses.replace(found, report=report)


def inspection(pixels: npt.NDArray[np.uint8], *findings: Finding) -> Inspection:
    reasons = () if findings else (Reason.NO_SYMBOL,)
    return Inspection(findings, Verdict(reasons), pixels.shape[1], pixels.shape[0], {})


def report(*images: tuple[str, Pixels, tuple[Finding, ...]], setup: Setup | None = None) -> InspectionReport:
    made = InspectionReport(setup or Setup())
    for name, pixels, findings in images:
        made.add(name, pixels, inspection(pixels, *findings), tuple(explain(finding) for finding in findings))
    return made
