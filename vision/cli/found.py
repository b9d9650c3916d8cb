"""What was found in an image, for programs (one JSON line, names as in the contract) and for people (text)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vision.grade.images import ImagesGrade
    from vision.grade.limits import Limit
    from vision.types import Finding, GradeReport, Inspection, Reading, Trial


_OF_A_READING = (
    *("symbology_identifier", "bytes_hex", "codewords", "structured_append", "reader_programming", "macro", "evidence_bits"),
)


def as_dict(path: str, inspection: Inspection, took_ms: float, limits: tuple[tuple[Limit, ...], ...] = ()) -> dict[str, Any]:
    """One line of `vision inspect --json`. limits: what limits the grade of each finding, in their order."""
    limits = limits or ((),) * len(inspection.findings)
    return {
        "image": path,
        "width": inspection.width,
        "height": inspection.height,
        "ms": round(took_ms, 3),
        "symbols": [_symbol(finding, why) for finding, why in zip(inspection.findings, limits, strict=True)],
        "verdict": {"accept": inspection.verdict.accept, "reasons": [str(r) for r in inspection.verdict.reasons]},
        "tried": [_trial(trial) for trial in inspection.trials],
    }


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "failure": str(trial.failure),
        "rows": trial.rows or None,
        "columns": trial.columns or None,
        "inverted": trial.inverted,
        "score": round(float(trial.score), 3),
        "view": trial.view,
        "corners": [[round(float(x), 1), round(float(y), 1)] for x, y in trial.corners],
    }


def images_dict(graded: ImagesGrade) -> dict[str, Any]:
    """The line after those of the images, with --scans."""
    return {
        "scans": {
            "count": len(graded.scan_grades),
            "grades": list(graded.scan_grades),
            "same_content": graded.same_data,
            "standard": graded.standard,
            "edition": graded.edition,
            "overall": graded.overall,
            "letter": graded.letter,
            "formal": graded.formal,
        }
    }


def _symbol(finding: Finding, limits: tuple[Limit, ...]) -> dict[str, Any]:
    symbol, reading, report = finding.symbol, finding.reading, finding.report
    return {
        **_read(reading),
        "text": finding.content.text if finding.content else None,
        "rows": symbol.rows,
        "columns": symbol.columns,
        "inverted": symbol.inverted,
        "mirrored": symbol.mirrored,
        "px_per_module": round(symbol.px_per_module, 3),
        "corners": [[round(float(x), 3), round(float(y), 3)] for x, y in symbol.corners],
        "elements": dict(finding.content.elements) if finding.content else {},
        "grade": None if report is None else {**_grade(report), "limits": [_limit(limit) for limit in limits]},
    }


def _grade(report: GradeReport) -> dict[str, Any]:
    return {
        "standard": report.standard,
        "edition": report.edition,
        "overall": report.overall,
        "letter": report.letter,
        "formal": report.formal,
        "warnings": list(report.warnings),
        "parameters": {name: {"value": p.value, "grade": p.grade} for name, p in report.parameters.items()},
        "fixed_pattern_segments": dict(report.segments),
        "informative": dict(report.informative),
    }


def _limit(limit: Limit) -> dict[str, Any]:
    return {
        "cause": limit.cause,
        "parameters": list(limit.parameters),
        "grade": limit.grade,
        "limiting": limit.limiting,
        "without": limit.without,
        "modules": [list(module) for module in limit.modules],
        "codewords": list(limit.codewords),
        "words": limit.words,
        "action": limit.action,
    }


def _read(reading: Reading | None) -> dict[str, Any]:
    if reading is None:
        return {**dict.fromkeys(_OF_A_READING), "rescue": "", "eci": []}
    counts, append = reading.codewords, reading.structured_append
    return {
        "symbology_identifier": reading.symbology_identifier,
        "bytes_hex": reading.payload.hex(),
        "codewords": {
            "total": counts.total,
            "data": counts.data,
            "check": counts.check,
            "corrected": counts.corrected,
            "erasures": counts.erasures,
        },
        "rescue": reading.rescue,
        "eci": [{"offset": offset, "designator": designator} for offset, designator in reading.eci],
        "structured_append": None
        if append is None
        else {"position": append.position, "total": append.total, "file_id": list(append.file_id)},
        "reader_programming": reading.reader_programming,
        "macro": reading.macro,
        "evidence_bits": round(reading.evidence_bits, 1),
    }


def _forms(reading: Reading | None) -> Iterator[str]:
    """What else a message is beside its text, in words."""
    if reading is None:
        return
    for offset, designator in reading.eci:
        begins = f" from byte {offset}" if offset else ""
        yield f"extended channel interpretation {designator:06d}{begins}"
    if (append := reading.structured_append) is not None:
        first, second = append.file_id
        yield f"part {append.position} of {append.total or 'an unknown number'}, file {first}.{second}"
    if reading.reader_programming:
        yield "meant for the reader itself (reader programming)"
    if reading.macro is not None:
        yield f"Macro {reading.macro:02d}"


def print_text(path: str, inspection: Inspection, took_ms: float, limits: tuple[tuple[Limit, ...], ...]) -> None:
    """The inspection of one image for people, on stdout; nothing that came from a symbol reaches the terminal raw."""
    from vision.results.export import printable
    from vision.verdict.reasons import WORDS

    found = len(inspection.findings)
    print(f"{printable(path)}: {found or 'no'} symbol{'' if found == 1 else 's'}, {took_ms:.1f} ms")
    print("  accept" if inspection.verdict.accept else "  reject")
    for reason in inspection.verdict.reasons:
        print(f"    {reason:<22} {WORDS[reason]}")
    for finding, why in zip(inspection.findings, limits, strict=True):
        symbol, reading, report = finding.symbol, finding.reading, finding.report
        text = printable(finding.content.text) if finding.content else "found, not decoded"
        rescue = f"  (found by {reading.rescue})" if reading is not None and reading.rescue else ""
        print(f"  {text}\n    {symbol.rows}x{symbol.columns} modules of {symbol.px_per_module:.1f} px{rescue}")
        for words in _forms(reading):
            print(f"    {words}")
        if report is not None:
            _print_grade(report, why)
    for trial in inspection.trials:
        x, y = trial.corners.mean(axis=0)
        size = f", taken for {trial.rows}x{trial.columns}{' inverse' if trial.inverted else ''}" if trial.rows else ""
        view = f", {trial.view}" if trial.view else ""
        print(f"  tried at x {x:.0f}, y {y:.0f}: {trial.failure}{size}{view}")


def _print_grade(report: GradeReport, limits: tuple[Limit, ...]) -> None:
    from vision.grade.limits import summary

    print(f"    in-line grade {report.formal} ({report.letter}) after {report.standard}:{report.edition}", end="")
    print(f"; warnings: {', '.join(report.warnings)}" if report.warnings else "")
    print(f"    limits: {summary(limits, report)}")
    for name, parameter in report.parameters.items():
        value = "" if parameter.value is None else f"{parameter.value:8.3f}"
        print(f"      {name:<26} {parameter.grade:.1f} {value}".rstrip())


def print_images(graded: ImagesGrade) -> None:
    """The grade of all images of one symbol, on stdout."""
    grades = " ".join(f"{grade:.1f}" for grade in graded.scan_grades)
    content = "the same content in all" if graded.same_data else "their content differs"
    print(f"{len(graded.scan_grades)} images of one symbol: in-line grade {graded.formal} ({graded.letter}) of {grades}; {content}")
