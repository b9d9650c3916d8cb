"""`vision inspect`: everything we find in images."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from vision.types import Finding, Inspection, Reading


def inspect(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="image files (Mono8; colour is turned to grey)")],
    order: Annotated[Path | None, typer.Option(metavar="ORDER.json", help="compare the content with an order")] = None,
    edition: Annotated[str, typer.Option(help="edition of the standard")] = "2011",
    standard: Annotated[str, typer.Option(help="15415")] = "15415",
    aperture: Annotated[str, typer.Option(help="80% of the module, or NNmil (then --mm-per-px)")] = "80%",
    mm_per_px: Annotated[float | None, typer.Option(help="scale of the image")] = None,
    white: Annotated[float, typer.Option(help="grey value of 100 % reflectance")] = 255.0,
    black: Annotated[float, typer.Option(help="grey value of 0 % reflectance")] = 0.0,
    symbols: Annotated[int | None, typer.Option(min=1, help="how many symbols there must be")] = None,
    decode_only: Annotated[bool, typer.Option("--decode-only", help="do not grade")] = False,
    second_opinion_ms: Annotated[float, typer.Option(min=0.0, help="time for libdmtx where our own reader fails")] = 200.0,
    require: Annotated[bool, typer.Option("--require", help="exit code 1 when an image holds no readable symbol")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON line per image")] = False,
) -> int:
    """Locates, decodes and grades every Data Matrix in images.

    Example: vision inspect pack.png --mm-per-px 0.03 --json
    """
    from vision.cameras.recorded import read_mono8
    from vision.config import ConfigError
    from vision.content.order import load_order
    from vision.decode.search import Search
    from vision.grade.setup import Setup
    from vision.inspection import Workspace
    from vision.inspection import inspect as inspect_frame
    from vision.types import Frame
    from vision.verdict.recipe import Recipe, recipe_for

    try:
        search = Search(symbol_count=symbols, second_opinion_ms=second_opinion_ms)
        calibrated = (white, black) != (255.0, 0.0)
        setup = Setup(
            standard=standard,
            edition=edition,
            aperture=aperture,
            mm_per_px=mm_per_px,
            white=white,
            black=black,
            calibrated=calibrated,
        )
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if order is not None:
        recipe = recipe_for(load_order(order), search, setup)
    else:
        recipe = Recipe(search, setup, symbols_per_frame=symbols, decode_only=decode_only)
    work = Workspace()
    unread = 0
    for path in images:
        frame = Frame(read_mono8(path))
        begin_ns = time.perf_counter_ns()
        inspection = inspect_frame(frame, recipe, work)
        took_ms = (time.perf_counter_ns() - begin_ns) / 1e6
        unread += not any(finding.reading for finding in inspection.findings)
        if as_json:
            print(json.dumps(as_dict(path, inspection, took_ms)), flush=True)
        else:
            _print(path, inspection, took_ms)
    if require and unread:
        print(f"vision: {unread} of {len(images)} images hold no readable symbol", file=sys.stderr)
        return 1
    return 0


def as_dict(path: Path | str, inspection: Inspection, took_ms: float) -> dict[str, Any]:
    """One line of `vision inspect --json`."""
    return {
        "image": str(path),
        "width": inspection.width,
        "height": inspection.height,
        "ms": round(took_ms, 3),
        "symbols": [_symbol(finding) for finding in inspection.findings],
        "verdict": {"accept": inspection.verdict.accept, "reasons": [str(r) for r in inspection.verdict.reasons]},
    }


def _symbol(finding: Finding) -> dict[str, Any]:
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
        "grade": None
        if report is None
        else {
            "standard": f"ISO/IEC {report.standard}",
            "edition": report.edition,
            "overall": report.overall,
            "letter": report.letter,
            "formal": report.formal,
            "warnings": list(report.warnings),
            "parameters": {name: {"value": p.value, "grade": p.grade} for name, p in report.parameters.items()},
            "fixed_pattern_segments": dict(report.segments),
            "informative": dict(report.informative),
        },
    }


def _read(reading: Reading | None) -> dict[str, Any]:
    if reading is None:
        return {"symbology_identifier": None, "bytes_hex": None, "codewords": None, "rescue": ""}
    counts = reading.codewords
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
    }


def _print(path: Path, inspection: Inspection, took_ms: float) -> None:
    verdict = "accept" if inspection.verdict.accept else "reject: " + ", ".join(inspection.verdict.reasons)
    print(f"{path}: {len(inspection.findings)} symbol(s), {took_ms:.1f} ms, {verdict}")
    for finding in inspection.findings:
        symbol, report = finding.symbol, finding.report
        text = finding.content.text if finding.content else "(not decoded)"
        print(f"  {symbol.rows}x{symbol.columns}  {symbol.px_per_module:.1f} px/module  {text}")
        if report is not None:
            print(f"  {report.formal} ({report.letter})  ISO/IEC {report.standard}:{report.edition}, in-line grade", end="")
            print(f"  warnings: {', '.join(report.warnings)}" if report.warnings else "")
            for name, parameter in report.parameters.items():
                value = "" if parameter.value is None else f"{parameter.value:8.3f}"
                print(f"    {name:<26} {parameter.grade:.1f} {value}")
