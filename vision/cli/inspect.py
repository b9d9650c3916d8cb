"""`vision inspect`: everything we find in images."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vision.config.calibration import StoredCalibration
    from vision.decode.trials import Trials
    from vision.grade.images import ImagesGrade
    from vision.grade.limits import Limit
    from vision.grade.setup import Setup
    from vision.inspection import Workspace
    from vision.types import Finding, Inspection, Pixels
    from vision.verdict.recipe import Recipe

LOSSY = "lossy_image"


def inspect(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="image files of 8 bits; colour is turned to grey")],
    order: Annotated[Path | None, typer.Option(metavar="ORDER.json", help="compare the content with an order")] = None,
    edition: Annotated[str, typer.Option(metavar="YEAR", help="edition of the standard: 2011, 2024; of 29158: 2020")] = "",
    standard: Annotated[str, typer.Option(metavar="NUMBER", help="standard to grade by: 15415, 29158 (direct marks)")] = "15415",
    aperture: Annotated[str, typer.Option(metavar="80%|NNmil", help="share of the module, or NNmil with --mm-per-px")] = "80%",
    mm_per_px: Annotated[float | None, typer.Option(help="size of a pixel in the plane of the print")] = None,
    white: Annotated[float, typer.Option(help="grey value of 100 % reflectance; may lie outside 0-255")] = 255.0,
    black: Annotated[float, typer.Option(help="grey value of 0 % reflectance; may lie outside 0-255")] = 0.0,
    calibration: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="reflectance as measured by vision calibrate, instead of white and black"),
    ] = None,
    wavelength_nm: Annotated[int, typer.Option(help="wavelength of the light, as printed in the formal grade")] = 660,
    angle_deg: Annotated[int, typer.Option(help="angle of the light, as printed in the formal grade")] = 45,
    symbols: Annotated[int | None, typer.Option(min=1, help="how many symbols there must be; replaces the order's number")] = None,
    decode_only: Annotated[bool, typer.Option("--decode-only", help="do not grade")] = False,
    scans: Annotated[bool, typer.Option("--scans", help="the images show one symbol: also the mean of their grades")] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.html|.pdf", help="write a report with pictures and what limits each grade")
    ] = None,
    second_opinion_ms: Annotated[
        float, typer.Option(min=0.0, help="time for libdmtx where our own reader fails, 0 = not asked")
    ] = 200.0,
    debug_picture: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="draw what the locator saw over the frame; one image only")
    ] = None,
    require: Annotated[bool, typer.Option("--require", help="exit code 1 when an image holds no readable symbol")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON line per image on stdout")] = False,
) -> int:
    """Finds, reads and grades every Data Matrix in images. Says what limits each grade.

    Example: vision inspect pack.png --mm-per-px 0.03 --report pack.pdf
    """
    from vision.cameras.image_file import ImageFileError, read_image
    from vision.cli.found import as_dict, images_dict, print_images, print_text
    from vision.config import ConfigError
    from vision.decode.trials import Trials
    from vision.grade.limits import explain
    from vision.inspection import Workspace

    if debug_picture is not None and len(images) > 1:
        raise ConfigError(f"--debug-picture {debug_picture}: {len(images)} images are given, expected one")
    if scans and decode_only:
        raise ConfigError("--scans: asks for grades, expected a call without --decode-only")
    setup, stored = _setup(standard, edition, aperture, mm_per_px, white, black, wavelength_nm, angle_deg, calibration)
    recipe = _recipe(setup, edition, order, symbols, decode_only, second_opinion_ms)
    sheets = _Sheets.open(report, recipe)
    unread, bad = 0, []
    seen: list[tuple[str, Inspection | None]] = []
    with closing(Workspace()) as work:
        for path in _progress(images):
            try:
                pixels, lossy = read_image(Path(path))
            except ImageFileError as error:  # the others are not lost for it
                bad.append(str(error))
                continue
            if stored is not None:
                stored.require_size((pixels.shape[1], pixels.shape[0]))
            trials = Trials()
            inspection, took_ms = _inspected(pixels, recipe, work, (LOSSY,) if lossy else (), trials, again=not seen)
            if debug_picture is not None:
                _draw(debug_picture, pixels, inspection, trials)
            unread += not any(finding.reading for finding in inspection.findings)
            seen.append((path, inspection if scans else None))
            limits = tuple(explain(finding, recipe.setup.mm_per_px) for finding in inspection.findings)
            if as_json:
                print(json.dumps(as_dict(path, inspection, took_ms, limits)), flush=True)
            else:
                print_text(path, inspection, took_ms, limits)
            if sheets is not None:
                sheets.add(path, pixels, inspection, limits)
    graded = _graded(seen) if scans and not bad else None
    if graded is not None:
        if as_json:
            print(json.dumps(images_dict(graded)), flush=True)
        else:
            print_images(graded)
    if sheets is not None:
        sheets.write(graded, bad)
    if bad:
        raise ConfigError("; ".join(bad))
    if require and unread:
        print(f"vision: {unread} of {len(images)} images hold no readable symbol", file=sys.stderr)
        return 1
    return 0


def _setup(
    standard: str,
    edition: str,
    aperture: str,
    mm_per_px: float | None,
    white: float,
    black: float,
    wavelength_nm: int,
    angle_deg: int,
    calibration: Path | None,
) -> tuple[Setup, StoredCalibration | None]:
    """The set-up that the options make, and the calibration in it; ConfigError names the option that is wrong."""
    from vision.config import ConfigError
    from vision.config.calibration import load_calibration
    from vision.grade.setup import Setup

    require_known(standard, edition)
    try:
        setup = Setup(standard, edition, aperture, mm_per_px, white, black, wavelength_nm, angle_deg)
    except ValueError as error:
        words = re.sub(r"^(\w+)", lambda name: f"--{name[1].replace('_', '-')}", str(error)).replace(" mm_per_px", " --mm-per-px")
        raise ConfigError(f"the call: {words}") from None
    if calibration is None:
        return setup, None
    if (white, black) != (255.0, 0.0):
        raise ConfigError("--calibration: gives white and black, expected a call without --white and --black")
    stored = load_calibration(calibration)
    return stored.applied(setup), stored


def _recipe(
    setup: Setup, edition: str, order: Path | None, symbols: int | None, decode_only: bool, second_opinion_ms: float
) -> Recipe:
    """What to look for; an edition that was asked for on the call holds against the order's."""
    from vision.content.order import load_order
    from vision.decode.search import Search
    from vision.image import recipe_of

    search = Search(rescues=True, second_opinion_ms=second_opinion_ms)
    recipe = recipe_of(setup, search, load_order(order) if order is not None else None, symbols, decode_only)
    if edition and recipe.setup.edition != setup.edition:
        recipe = dataclasses.replace(recipe, setup=setup)
    return recipe


def _inspected(
    pixels: Pixels, recipe: Recipe, work: Workspace, warnings: tuple[str, ...], trials: Trials, again: bool
) -> tuple[Inspection, float]:
    """The inspection of one image and the ms it took; trials takes what was tried.

    again: do it twice; the first loads the kernels from their cache and starts libdmtx's process, which is not this image's time.
    """
    from vision.inspection import inspect as inspect_frame
    from vision.types import Frame

    frame = Frame(pixels)
    if again:
        inspect_frame(frame, recipe, work, warnings=warnings)
    begin_ns = time.perf_counter_ns()
    inspection = inspect_frame(frame, recipe, work, warnings=warnings, trials=trials)
    return inspection, (time.perf_counter_ns() - begin_ns) / 1e6


def _draw(target: Path, pixels: Pixels, inspection: Inspection, trials: Trials) -> None:
    """The debug picture of an image; ConfigError where it cannot be written."""
    from vision.cli import debug_picture
    from vision.config import ConfigError

    try:
        debug_picture.write(target, pixels, inspection, trials)
    except OSError as error:
        raise ConfigError(f"--debug-picture {target}: {error.strerror}, expected a file to write") from None


def _graded(seen: list[tuple[str, Inspection | None]]) -> ImagesGrade:
    """The grade of all images of one symbol; one in which the symbol is not found counts 0."""
    from vision.config import ConfigError
    from vision.grade.images import grade_of_images

    findings: list[Finding | None] = []
    for path, inspection in seen:
        found = inspection.findings if inspection is not None else ()
        if len(found) > 1:
            raise ConfigError(f"{path}: holds {len(found)} symbols, expected one in each image with --scans")
        findings.append(found[0] if found else None)
    reports = [finding.report for finding in findings if finding is not None and finding.report is not None]
    if not reports:
        raise ConfigError("--scans: none of the images holds a symbol, expected one in each")
    nothing = dataclasses.replace(reports[0], overall=0.0)
    return grade_of_images(
        [finding.report if finding is not None and finding.report is not None else nothing for finding in findings],
        [finding.reading if finding is not None else None for finding in findings],
    )


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


def _progress(images: list[str]) -> Iterator[str]:
    """The images, with a bar on stderr where that is a terminal and stdout, with the findings, is not."""
    if len(images) < 2 or not sys.stderr.isatty() or sys.stdout.isatty():
        yield from images
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(images, "inspecting", console=Console(stderr=True), transient=True)


class _Sheets:
    """The report in the making: pictures are drawn as images come, so that none is kept. None where none is asked for."""

    def __init__(self, path: Path, recipe: Recipe) -> None:
        from vision.inspection_report.document import InspectionReport

        self._path = path
        self._report = InspectionReport(recipe.setup, recipe.order)

    @classmethod
    def open(cls, path: Path | None, recipe: Recipe) -> _Sheets | None:
        """Refuses a place where no report can be written before any work is done."""
        from vision.config import ConfigError
        from vision.report.writer import ReportError, check_path

        if path is None:
            return None
        try:
            check_path(path)
        except ReportError as error:
            raise ConfigError(f"--report {error}") from None
        return cls(path, recipe)

    def add(self, path: str, pixels: Pixels, inspection: Inspection, limits: tuple[tuple[Limit, ...], ...]) -> None:
        self._report.add(Path(path).name, pixels, inspection, limits)

    def write(self, scans: ImagesGrade | None, unreadable: list[str]) -> None:
        from vision.report.writer import write

        made = datetime.now(UTC).isoformat(sep=" ", timespec="seconds")
        write(self._report.document(scans, unreadable, made), self._path)
