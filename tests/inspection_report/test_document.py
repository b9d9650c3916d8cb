"""The report says everything that the inspection holds, whatever the content is, for every edition and number of images."""

from __future__ import annotations

import dataclasses
import html
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.inspection_report.samples import HOSTILE, image, report
from vision.grade.images import grade_of_images
from vision.grade.limits import explain
from vision.grade.scales import EDITIONS, scales_of
from vision.grade.setup import Setup
from vision.inspection_report import figures
from vision.inspection_report.words import PARAMETERS
from vision.report.document import Beside, Callout, Cell, Document, Facts, Figure, Headline, Table
from vision.report.writer import to_html, to_pdf


def blocks(document: Document) -> Iterator[Any]:
    for block in document.blocks:
        yield block
        if isinstance(block, Beside):
            yield from block.blocks


def pictures(document: Document) -> Iterator[str]:
    for block in blocks(document):
        if isinstance(block, Figure):
            yield block.svg
        if isinstance(block, Table):
            yield from (cell.picture for row in block.rows for cell in row if isinstance(cell, Cell) and cell.picture)


SETUPS = [Setup(standard, edition, mm_per_px=0.05) for standard, edition in EDITIONS]


@pytest.mark.parametrize("setup", SETUPS, ids=lambda setup: f"{setup.standard}:{setup.edition}")
def test_every_parameter_warning_and_limit_stands_in_it(setup: Setup) -> None:
    pixels, finding = image((32, 32), True, setup, "(21)PLAIN")
    document = report(("pack.png", pixels, (finding,)), setup=setup).document()
    page = html.unescape(to_html(document))
    graded = finding.report
    assert graded is not None and graded.overall < 4.0
    for name in graded.parameters:
        assert PARAMETERS[name] in page
    (headline,) = (block for block in blocks(document) if isinstance(block, Headline))
    assert (headline.value, headline.mark, headline.title) == (f"{graded.overall:.1f}", graded.letter, graded.formal)
    first = explain(finding)[0]
    callouts = [block for block in blocks(document) if isinstance(block, Callout)]
    assert callouts[0].title.lower() == first.words.lower() and first.action in callouts[0].lines[-1]
    assert f"would be {first.without:.1f}" in callouts[0].lines[1]
    for words in (
        "lossy_image",
        "uncalibrated",
        f"{setup.standard}:{setup.edition}",
        "L2, bottom bar",
        "Rmin",
        "(21)PLAIN",
        "0.05 mm",
    ):
        assert words in page or any(words in svg for svg in pictures(document)), words
    assert to_pdf(document).startswith(b"%PDF-")


def test_hostile_content_and_names_stay_text() -> None:
    pixels, finding = image()
    document = report((f"{HOSTILE}.png", pixels, (finding, finding)), ("empty.png", pixels, ())).document(
        unreadable=[f"{HOSTILE}: bad"]
    )
    page = to_html(document)
    assert "<script" not in page and page.count("{{ 7*7 }}") == html.unescape(page).count("{{ 7*7 }}") > 5
    assert html.unescape(page).count(HOSTILE) >= 8
    assert not any("alert" in svg for svg in pictures(document)), "no picture holds a word from outside"
    assert to_pdf(document).startswith(b"%PDF-")


def test_several_images_have_a_table_of_all_and_what_is_missing_is_said() -> None:
    pixels, finding = image()
    _, bad = image((24, 24), True)
    found = report(("one.png", pixels, (finding,)), ("two.png", pixels, (finding, bad)), ("none.png", pixels, ()))
    document = found.document(unreadable=["cut.png: is cut off"])
    first, *_ = (block for block in blocks(document) if isinstance(block, Table))
    assert [str(row[0]) for row in first.rows] == ["one.png", "two.png, symbol 1 of 2", "two.png, symbol 2 of 2", "none.png"]
    page = to_html(document)
    assert "cut.png: is cut off" in page and "NO_SYMBOL" in page and "No symbol was found." in page


def test_images_of_one_symbol_have_their_grade_on_top() -> None:
    pixels, finding = image()
    assert finding.report is not None
    images = grade_of_images([finding.report, dataclasses.replace(finding.report, overall=3.0)], [finding.reading] * 2)
    document = report(("a.png", pixels, (finding,)), ("b.png", pixels, (finding,))).document(images)
    top = next(block for block in blocks(document) if isinstance(block, Headline))
    assert (top.value, top.mark) == ("3.5", "A")


def test_what_was_not_decoded_or_not_graded_is_shown_all_the_same() -> None:
    pixels, finding = image()
    unread = dataclasses.replace(finding, reading=None, content=None, report=None)
    page = to_html(report(("a.png", pixels, (unread,)), ("b.png", pixels, (dataclasses.replace(finding, report=None),))).document())
    assert "Not graded" in page and "could not be decoded" in page and page.count("<img") >= 2


def test_the_same_findings_give_the_same_bytes() -> None:
    pixels, finding = image((24, 24), True)
    one, two = (report(("a.png", pixels, (finding,))).document(made="today") for _ in range(2))
    assert to_html(one) == to_html(two) and to_pdf(one) == to_pdf(two)


def test_pictures_are_whole_svg_and_mark_what_is_damaged() -> None:
    pixels, finding = image((24, 24), True)
    document = report(("a.png", pixels, (finding,))).document()
    drawn = list(pictures(document))
    for svg in drawn:
        assert ET.fromstring(svg).tag.endswith("svg")
        assert "nan" not in re.sub(r"base64,[^\"]*", "", svg)
    assert sum("#b3261e" in svg for svg in drawn) >= 1  # damaged modules of the fixed pattern
    limits = explain(finding)
    modules = sum(len(limit.modules) for limit in limits if limit.limiting)
    framed = next(svg for svg in drawn if "limits" in svg)
    assert framed.count('stroke="#1f5fa8"') == modules + 1  # and one in the legend


def test_the_mark_on_a_scale_stands_in_the_zone_of_its_grade() -> None:
    for standard, edition in EDITIONS:
        scales = scales_of(standard, edition)
        for name, scale in scales.scales.items():
            for value in np.linspace(0.0, 1.2, 241):
                grade = scale.grade(float(value))
                at = figures.position(grade, scale, float(value))
                assert 0.0 < at < 5.0 and int(at) == min(4, int(grade + 1e-9)), (name, value, grade, at)


def test_facts_hold_the_set_up() -> None:
    setup = Setup(aperture="8mil", mm_per_px=0.05, white=240.0, black=10.0)
    pixels, finding = image((24, 24), False, setup)
    facts = {
        name: value
        for block in blocks(report(("a.png", pixels, (finding,)), setup=setup).document())
        if isinstance(block, Facts)
        for name, value in block.pairs
    }
    assert facts["reflectance"] == "0 % at grey 10, 100 % at grey 240" and facts["aperture"].startswith("8mil")
