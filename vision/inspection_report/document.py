"""The report of inspected images as a document: what was found, how it grades, what limits the grade, and with what set-up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from vision.content.order import Order
from vision.grade.details import GradeDetails, damaged_segments, details
from vision.grade.evidence import Evidence, Mask, evidence_of
from vision.grade.geometry import outline
from vision.grade.images import ImagesGrade
from vision.grade.limits import Limit, summary, without_all
from vision.grade.setup import Setup
from vision.inspection_report import figures
from vision.inspection_report.tables import overlays, parameters, segments, tone_of
from vision.inspection_report.words import ELEMENTS, PARAMETERS, WARNINGS
from vision.report.document import (
    Beside,
    Block,
    Bullets,
    Callout,
    Cell,
    Document,
    Facts,
    Figure,
    Heading,
    Headline,
    PageBreak,
    Paragraph,
    Table,
    Tone,
)
from vision.types import Finding, GradeReport, Inspection, Pixels
from vision.verdict.reasons import WORDS
from vision.version import VERSION

CALLOUTS_MOST = 2
"""Limits told with what to do; others by name."""

Limits = tuple[Limit, ...]


class InspectionReport:
    """Takes the inspections of images one by one and gives the document of all.

    Pictures are drawn at once: no pixels are kept.
    """

    def __init__(self, setup: Setup, order: Order | None = None) -> None:
        self._setup = setup
        self._order = order
        self._overviews: list[Block] = []
        self._symbols: list[list[Block]] = []
        self._rows: list[tuple[Cell | str, ...]] = []
        self._names: list[str] = []

    def add(self, name: str, pixels: Pixels, inspection: Inspection, limits: tuple[Limits, ...]) -> None:
        """One more image. limits: of its findings, in their order."""
        self._names.append(name)
        findings = inspection.findings
        if len(findings) != 1:
            self._overviews += [Heading(name), *_overview(pixels, inspection)]
            self._rows += [(name, "no symbol", "", "")] * (not findings)
        for number, (finding, why) in enumerate(zip(findings, limits, strict=True), start=1):
            title = name if len(findings) == 1 else f"{name}, symbol {number} of {len(findings)}"
            self._symbols.append(list(_symbol(title, pixels, inspection, finding, why, self._setup)))
            self._rows.append(_row(title, finding, why))

    def document(self, images: ImagesGrade | None = None, unreadable: Sequence[str] = (), made: str = "") -> Document:
        """The whole document.

        images: the grade of all together, where they show one symbol. unreadable: a line for each image that could not be read.
        made: when, as it is to stand at the foot.
        """
        first = ", ".join(self._names[:3]) + (f" and {len(self._names) - 3} more" if len(self._names) > 3 else "")
        blocks: list[Block] = []
        if unreadable:
            blocks.append(Callout("Images that could not be read", tuple(unreadable), Tone.BAD))
        if images is not None:
            blocks += _of_images(images)
        if len(self._rows) > 1:
            columns = ("image", "content", "grade", "what limits it")
            blocks += [Heading("All symbols"), Table(columns, tuple(self._rows), shares=(3, 5, 1.4, 6))]
        blocks += self._overviews
        for symbol in self._symbols:
            blocks += [PageBreak(), *symbol] if blocks else symbol
        name = f"{self._setup.standard}:{self._setup.edition}"
        order = f"; order {self._order.order}" if self._order is not None else ""
        return Document(
            title="Print quality of Data Matrix",
            subtitle=f"ISO/IEC {name}, in-line grade{order}. {first or 'No image could be read.'}",
            blocks=blocks,
            footer=" ".join(
                (f"packline-vision {VERSION}. In-line grade: by this camera's own optics, not a verifier's.", made)
            ).strip(),
        )


def _row(title: str, finding: Finding, limits: Limits) -> tuple[Cell | str, ...]:
    report = finding.report
    text = finding.content.text if finding.content is not None else "not decoded"
    if report is None:
        return title, Cell(text, code=True), "", "not graded"
    grade = Cell(f"{report.overall:.1f} {report.letter}", tone_of(report.overall))
    return title, Cell(text, code=True), grade, summary(limits, report)


def _of_images(images: ImagesGrade) -> Iterator[Block]:
    content = "All that were decoded say the same." if images.same_data else "Their contents differ: the grade is 0."
    lines = (f"Mean of {len(images.scan_grades)} images of one symbol. {content}",)
    yield Headline(f"{images.overall:.1f}", images.letter, images.formal, lines, tone_of(images.overall))
    yield Figure(figures.line_of_grades(images.scan_grades), "the grade of each image as a bar", "Grade of each image", 0.6)


def _overview(pixels: Pixels, inspection: Inspection) -> Iterator[Block]:
    found = len(inspection.findings)
    yield Figure(
        figures.frame_picture(pixels, inspection),
        f"the whole image with {found} symbols outlined",
        f"{inspection.width} x {inspection.height} px; symbols numbered in reading order" if found else "No symbol was found.",
        0.62,
    )
    yield from _verdict(inspection)


def _verdict(inspection: Inspection) -> Iterator[Block]:
    reasons = inspection.verdict.reasons
    if reasons:
        yield Paragraph("The image as a whole would be rejected:", Tone.MUTED)
        yield Bullets(tuple(f"{reason}: {WORDS[reason]}" for reason in reasons))


def _symbol(title: str, pixels: Pixels, inspection: Inspection, finding: Finding, limits: Limits, setup: Setup) -> Iterator[Block]:
    report, evidence = finding.report, evidence_of(finding)
    yield Heading(title)
    if len(inspection.findings) == 1:
        yield from _verdict(inspection)
    if report is None or evidence is None:
        text = finding.content.text if finding.content is not None else "The finder was found, the data could not be decoded."
        yield Callout("Not graded", (text,))
        yield Figure(figures.symbol_picture(pixels, finding, finding.symbol.grid), "the symbol with its grid", width=0.5)
        yield from _content(finding)
        return
    found = details(report)
    grid = report.grid if report.grid is not None else finding.symbol.grid
    yield _headline(report, limits)
    yield from _limits(report, limits)
    seen, by_level = figures.symbol_picture(pixels, finding, grid), figures.module_map(evidence, _marked(evidence, limits))
    yield Beside(
        (
            Figure(seen, "the symbol with its measured grid", "As seen, with the measured grid", 0.86),
            Figure(by_level, "modules coloured by the grade of their modulation", "Modules by grade of modulation", 0.86),
        )
    )
    yield Heading("Parameters", 2)
    yield parameters(report)
    yield Heading("Set-up", 2)
    facts = _setup_facts(report, finding, inspection, setup)
    half = (len(facts) + 1) // 2
    yield Beside((Facts(facts[:half]), Facts(facts[half:])))
    yield from _content(finding)
    how_often, pattern = _histogram(pixels, finding, setup), figures.pattern_map(evidence, _damaged(evidence, found))
    yield Beside(
        (
            Figure(
                how_often,
                "histogram of reflectance with Rmin, threshold and Rmax",
                "Reflectance of all pixels (height: root of their number)",
                0.92,
            ),
            Figure(pattern, "fixed pattern with damaged modules in red", "Fixed pattern: damaged modules in red", 0.8),
        ),
        (1.15, 1.0),
    )
    yield from segments(report, found)
    yield from overlays(found)


def _headline(report: GradeReport, limits: Limits) -> Headline:
    lines = [summary(limits, report).capitalize() + "."] if not limits else []
    lines += [f"{WARNINGS.get(name, name)} ({name})" for name in report.warnings]
    return Headline(f"{report.overall:.1f}", report.letter, report.formal, tuple(lines), tone_of(report.overall))


def _limits(report: GradeReport, limits: Limits) -> Iterator[Block]:
    if not limits:
        return
    told = ([limit for limit in limits if limit.limiting] or list(limits))[:CALLOUTS_MOST]
    for limit in told:
        names = ", ".join(PARAMETERS[name].lower() if name in PARAMETERS else name for name in limit.parameters)
        lines = [f"Holds down: {names} (grade {limit.grade:.1f}).{_codewords(limit)}", f"What to do: {limit.action}"]
        if limit.without > report.overall:
            lines.insert(1, f"Without it the grade would be {limit.without:.1f}.")
        tone = Tone.BAD if tone_of(limit.grade) is Tone.BAD else Tone.WARN
        yield Callout(f"{limit.words[0].upper()}{limit.words[1:]}", tuple(lines), tone)
    if len(told) > 1:
        yield Paragraph(f"With all of these put right the grade would be {without_all(tuple(told), report):.1f}.")
    others = [limit for limit in limits if limit not in told]
    if others:
        yield Paragraph("Also below 4.0:", Tone.MUTED)
        yield Bullets(tuple(f"{PARAMETERS.get(o.parameters[0], '')} {o.grade:.1f}: {o.words}" for o in others))


def _codewords(limit: Limit) -> str:
    words = limit.codewords
    if not words:
        return ""
    shown = ", ".join(str(word) for word in words[:16]) + (" ..." if len(words) > 16 else "")
    return f" {len(words)} codeword{'s' if len(words) > 1 else ''}: {shown}."


def _marked(evidence: Evidence, limits: Limits) -> Mask:
    marked = np.zeros_like(evidence.known)
    for limit in limits:
        if limit.limiting:
            for row, column in limit.modules:
                marked[row + 1, column + 1] = True
    return marked


def _damaged(evidence: Evidence, found: GradeDetails) -> Mask:
    damaged = np.zeros_like(evidence.known)
    for modules in damaged_segments(found).values():
        damaged[modules[:, 0] + 1, modules[:, 1] + 1] = True
    return damaged


def _histogram(pixels: Pixels, finding: Finding, setup: Setup) -> str:
    """The reflectances of the pixels under the symbol and its quiet zone."""
    report = finding.report
    assert report is not None
    grid = report.grid if report.grid is not None else finding.symbol.grid
    rim = outline(np.ascontiguousarray(grid))
    middle = rim.mean(axis=0)
    side = min(finding.symbol.rows, finding.symbol.columns)
    area = np.rint(middle + (rim - middle) * (1 + 2 / side)).astype(np.int32)
    mask = np.zeros(pixels.shape, np.uint8)
    cv2.fillPoly(mask, [area], 1)
    reflectances = (pixels[mask > 0].astype(np.float64) - setup.black) / (setup.white - setup.black)
    low, high = report.informative["reflectance_min"] or 0.0, report.informative["reflectance_max"] or 0.0
    threshold = report.informative.get("threshold")
    return figures.histogram(reflectances, low, (low + high) / 2 if threshold is None else threshold, high)


def _content(finding: Finding) -> Iterator[Block]:
    yield Heading("Content", 2)
    reading, content = finding.reading, finding.content
    if reading is None or content is None:
        yield Paragraph("The data could not be decoded.", Tone.BAD)
        return
    elements = [(f"{name} {ELEMENTS.get(name, '')}".strip(), value) for name, value in content.elements.items()]
    counts = reading.codewords
    yield Facts(
        (
            *elements,
            ("text", content.text),
            ("symbology", reading.symbology_identifier + (f", found by {reading.rescue}" if reading.rescue else "")),
            ("bytes", reading.payload.hex(" ")),
            ("codewords", f"{counts.data} data, {counts.check} check; corrected {counts.corrected}, erasures {counts.erasures}"),
        )
    )


def _setup_facts(report: GradeReport, finding: Finding, inspection: Inspection, setup: Setup) -> tuple[tuple[str, str], ...]:
    symbol = finding.symbol
    px = report.informative.get("px_per_module") or symbol.px_per_module
    shape = f"{symbol.rows} x {symbol.columns} modules of {px:.2f} px"
    if setup.mm_per_px is not None:
        shape += f" = {px * setup.mm_per_px:.3f} mm ({px * setup.mm_per_px / 0.0254:.1f} mil)"
    kind = [word for word, holds in (("light on dark", symbol.inverted), ("mirrored", symbol.mirrored)) if holds]
    aperture = f"{setup.aperture if isinstance(setup.aperture, str) else format(setup.aperture, '.0%')} of the module"
    if isinstance(setup.aperture, str) and "mil" in setup.aperture:
        aperture = setup.aperture
    seen = report.informative.get("aperture_px")
    scale = "not given" if setup.mm_per_px is None else f"{setup.mm_per_px:g} mm per px"
    return (
        ("standard", f"{report.standard}:{report.edition}"),
        ("formal grade", report.formal),
        ("symbol", ", ".join([shape, *kind])),
        ("aperture", aperture + (f", here {seen:.1f} px" if seen is not None else "")),
        ("light", f"{setup.wavelength_nm} nm at {setup.angle_deg} degrees"),
        ("scale", scale),
        ("reflectance", _reflectance(setup)),
        ("image", f"{inspection.width} x {inspection.height} px"),
    )


def _reflectance(setup: Setup) -> str:
    if setup.uncalibrated:
        return "grey / 255: not calibrated"
    words = f"0 % at grey {setup.black:.4g}, 100 % at grey {setup.white:.4g}"
    if setup.calibration:
        state = "expired" if setup.calibration_expired else "calibrated"
        words += f"; {state}, calibration {setup.calibration[:12]}{', flat field' if setup.flat_field is not None else ''}"
    return words
