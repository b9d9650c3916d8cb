"""Several images of one symbol, as a verifier takes them: the mean of their scan grades (ISO/IEC 15415, overall symbol grade)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vision.grade.scales import TOLERANCE, letter
from vision.types import GradeReport, Reading


@dataclass(frozen=True, slots=True)
class ImagesGrade:
    """The grade of a symbol over its images.

    overall: mean of the scan grades to one decimal, half up; 0 where the images' data differ. same_data: they do not.
    scan_grades: overall grade of each image. formal: as in a report, with this overall grade.
    """

    standard: str
    edition: str
    overall: float
    letter: str
    formal: str
    scan_grades: tuple[float, ...]
    same_data: bool


def overall_of_images(overalls: Sequence[float], payloads: Sequence[bytes | None]) -> float:
    """The overall grade of several images of one symbol: the mean of their grades to one decimal, 0 where their data differ.

    payloads: what each image decoded to, None where it did not. ValueError where there are none, or not as many as grades.
    """
    if not overalls or len(overalls) != len(payloads):
        raise ValueError(f"{len(overalls)} grades and {len(payloads)} payloads given, expected one of each for every image")
    if len({payload for payload in payloads if payload is not None}) > 1:
        return 0.0
    return math.floor(sum(overalls) / len(overalls) * 10.0 + 0.5 + TOLERANCE) / 10.0


def grade_of_images(reports: Sequence[GradeReport], readings: Sequence[Reading | None]) -> ImagesGrade:
    """The grade of one symbol from a report and a reading of each of its images, in the same order.

    ValueError where there are none, not as many reports as readings, or the reports are of different editions.
    """
    payloads = [None if reading is None else reading.payload for reading in readings]
    overall = overall_of_images([report.overall for report in reports], payloads)
    editions = sorted({f"{report.standard}:{report.edition}" for report in reports})
    if len(editions) > 1:
        raise ValueError(f"reports of {' and '.join(editions)} given, expected one edition")
    first = reports[0]
    _, *rest = first.formal.split("/")
    prefix = "DPM" if first.formal.startswith("DPM") else ""
    return ImagesGrade(
        first.standard,
        first.edition,
        overall,
        letter(overall),
        "/".join([f"{prefix}{overall:.1f}", *rest]),
        tuple(report.overall for report in reports),
        len({payload for payload in payloads if payload is not None}) <= 1,
    )
