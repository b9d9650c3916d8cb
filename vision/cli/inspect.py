"""`vision inspect`: everything we find in images."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from vision.content.order import Order
    from vision.decode.search import Search
    from vision.grade.setup import Setup
    from vision.types import Finding, Inspection, Reading, Trial
    from vision.verdict.recipe import Recipe

LOSSY = "lossy_image"


def inspect(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="image files of 8 bits; colour is turned to grey")],
    order: Annotated[Path | None, typer.Option(metavar="ORDER.json", help="compare the content with an order")] = None,
    edition: Annotated[str, typer.Option(metavar="YEAR", help="edition of the standard: 2011, 2024; of 29158: 2020")] = "",
    standard: Annotated[str, typer.Option(metavar="NUMBER", help="standard to grade by: 15415, 29158 (direct marks)")] = "15415",
    aperture: Annotated[str, typer.Option(metavar="80%|NNmil", help="share of the module, or NNmil with --mm-per-px")] = "80%",
    mm_per_px: Annotated[float | None, typer.Option(help="size of a pixel in the plane of the print")] = None,
    white: Annotated[float, typer.Option(help="grey value of 100 % reflectance; may lie outside 0-255")] = 255.0,
    black: Annotated[float, typer.Option(help="grey value of 0 % reflectance; may lie outside 0-255")] = 0.0,
    symbols: Annotated[int | None, typer.Option(min=1, help="how many symbols there must be; replaces the order's number")] = None,
    decode_only: Annotated[bool, typer.Option("--decode-only", help="do not grade")] = False,
    second_opinion_ms: Annotated[
        float, typer.Option(min=0.0, help="time for libdmtx where our own reader fails, 0 = not asked")
    ] = 200.0,
    debug_picture: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="draw what the locator saw over the frame; one image only")
    ] = None,
    require: Annotated[bool, typer.Option("--require", help="exit code 1 when an image holds no readable symbol")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON line per image on stdout")] = False,
) -> int:
    """Locates, decodes and grades every Data Matrix in images.

    Example: vision inspect pack.png --mm-per-px 0.03 --json
    """
    from vision.cameras.recorded import is_lossy, read_mono8
    from vision.cli import debug_picture as drawing
    from vision.config import ConfigError
    from vision.content.order import load_order
    from vision.decode.search import Search
    from vision.decode.trials import Trials
    from vision.grade.setup import Setup
    from vision.inspection import Workspace
    from vision.inspection import inspect as inspect_frame
    from vision.types import Frame

    require_known(standard, edition)
    if debug_picture is not None and len(images) > 1:
        raise ConfigError(f"--debug-picture {debug_picture}: {len(images)} images are given, expected one")
    try:
        setup = Setup(standard, edition, aperture, mm_per_px, white, black)
        search = Search(rescues=True, second_opinion_ms=second_opinion_ms)
    except ValueError as error:
        words = str(error).replace("mm_per_px", "--mm-per-px")
        raise ConfigError(f"the call: --{words}") from None
    recipe = _recipe(load_order(order) if order is not None else None, search, setup, symbols, decode_only)
    unread = 0
    with closing(Workspace()) as work:
        for path in _progress(images):
            if not path.is_file():
                raise ConfigError(f"{path}: no such file, expected an image")
            frame = Frame(read_mono8(path))
            with path.open("rb") as file:
                warnings = (LOSSY,) if is_lossy(file.read(16)) else ()
            if path == images[0]:  # loads the kernels from their cache and starts libdmtx's process: not this image's time
                inspect_frame(frame, recipe, work, warnings=warnings)
            trials = Trials()
            begin_ns = time.perf_counter_ns()
            inspection = inspect_frame(frame, recipe, work, warnings=warnings, trials=trials)
            took_ms = (time.perf_counter_ns() - begin_ns) / 1e6
            if debug_picture is not None:
                try:
                    drawing.write(debug_picture, frame.pixels, inspection, trials)
                except OSError as error:
                    raise ConfigError(f"--debug-picture {debug_picture}: {error.strerror}, expected a file to write") from None
            unread += not any(finding.reading for finding in inspection.findings)
            if as_json:
                print(json.dumps(as_dict(path, inspection, took_ms)), flush=True)
            else:
                _print(path, inspection, took_ms)
    if require and unread:
        print(f"vision: {unread} of {len(images)} images hold no readable symbol", file=sys.stderr)
        return 1
    return 0


def require_known(standard: str, edition: str) -> None:
    """Raises ConfigError in one line for a standard or an edition that is not graded by."""
    from vision.config import ConfigError
    from vision.grade.scales import DEFAULT_EDITION, EDITIONS

    if (standard, edition or DEFAULT_EDITION.get(standard)) in EDITIONS:
        return
    known = sorted(EDITIONS)
    option = "--edition" if any(standard == name for name, _ in known) else "--standard"
    given = edition if option == "--edition" else standard
    words = " or ".join(f"--standard {name} --edition {year}" for name, year in known)
    raise ConfigError(f"{option} {given}: this version does not grade by it, expected {words}")


def _recipe(order: Order | None, search: Search, setup: Setup, symbols: int | None, decode_only: bool) -> Recipe:
    """What to look for in an image: always one code too many as well, for nobody waits for the verdict here."""
    from vision.verdict.recipe import Recipe, recipe_for

    recipe = Recipe(search, setup) if order is None else recipe_for(order, search, setup, count_extra=True)
    wanted = symbols if symbols is not None else recipe.symbols_per_frame
    # Without a number to stop at, the search has the budget of one symbol: give it that of all.
    search = dataclasses.replace(recipe.search, effort=recipe.search.effort * (wanted or 1))
    return dataclasses.replace(recipe, search=search, symbols_per_frame=wanted, decode_only=decode_only)


def _progress(images: list[Path]) -> Iterator[Path]:
    """The images, with a bar on stderr where that is a terminal and stdout, with the findings, is not."""
    if len(images) < 2 or not sys.stderr.isatty() or sys.stdout.isatty():
        yield from images
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(images, "inspecting", console=Console(stderr=True), transient=True)


def as_dict(path: Path | str, inspection: Inspection, took_ms: float) -> dict[str, Any]:
    """One line of `vision inspect --json`."""
    return {
        "image": str(path),
        "width": inspection.width,
        "height": inspection.height,
        "ms": round(took_ms, 3),
        "symbols": [_symbol(finding) for finding in inspection.findings],
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
            "standard": report.standard,
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
        nothing = dict.fromkeys(
            ("symbology_identifier", "bytes_hex", "codewords", "structured_append", "reader_programming", "macro")
        )
        return {**nothing, "rescue": "", "eci": []}
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


def _print(path: Path, inspection: Inspection, took_ms: float) -> None:
    from vision.results.export import printable
    from vision.verdict.reasons import WORDS

    found = len(inspection.findings)
    print(f"{path}: {found or 'no'} symbol{'' if found == 1 else 's'}, {took_ms:.1f} ms")
    print("  accept" if inspection.verdict.accept else "  reject")
    for reason in inspection.verdict.reasons:
        print(f"    {reason:<22} {WORDS[reason]}")
    for finding in inspection.findings:
        symbol, reading, report = finding.symbol, finding.reading, finding.report
        text = printable(finding.content.text) if finding.content else "found, not decoded"
        rescue = f"  (found by {reading.rescue})" if reading is not None and reading.rescue else ""
        print(f"  {text}\n    {symbol.rows}x{symbol.columns} modules of {symbol.px_per_module:.1f} px{rescue}")
        for words in _forms(reading):
            print(f"    {words}")
        if report is not None:
            print(f"    in-line grade {report.formal} ({report.letter}) after {report.standard}:{report.edition}", end="")
            print(f"; warnings: {', '.join(report.warnings)}" if report.warnings else "")
            for name, parameter in report.parameters.items():
                value = "" if parameter.value is None else f"{parameter.value:8.3f}"
                print(f"      {name:<26} {parameter.grade:.1f} {value}".rstrip())
    for trial in inspection.trials:
        x, y = trial.corners.mean(axis=0)
        size = f", taken for {trial.rows}x{trial.columns}{' inverse' if trial.inverted else ''}" if trial.rows else ""
        view = f", {trial.view}" if trial.view else ""
        print(f"  tried at x {x:.0f}, y {y:.0f}: {trial.failure}{size}{view}")
