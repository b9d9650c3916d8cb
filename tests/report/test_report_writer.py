"""Reports hold what they were given, whatever it is, need no network, repeat to the byte, and are written whole or not at all."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vision.report import charts
from vision.report.document import (
    Beside,
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
from vision.report.writer import ReportError, check_path, printable, to_html, to_pdf, write

HOSTILE = "<script>alert(1)</script>\"'&%=+-;/../#[*_$`\\ \x1d\x00\x7f \ud800 {{ 7*7 }}"


def picture() -> str:
    figure = charts.new_figure(60, 30)
    with charts.style():
        axes = figure.subplots()
        axes.plot([1, 2, 3], [2, 1, 3])
        axes.set_title(printable(HOSTILE))
    return charts.to_svg(figure)


def full(text: str) -> Document:
    svg = picture()
    return Document(
        title=text,
        subtitle=text,
        footer=text,
        blocks=[
            Heading(text),
            Heading(text, 2),
            Paragraph(text, Tone.BAD),
            Callout(text, (text, text), Tone.GOOD),
            Headline(text, text, text, (text,), Tone.WARN),
            Bullets((text,)),
            Facts(((text, text),)),
            Table((text, "n"), ((Cell(text, Tone.WARN, code=True), "1"), (Cell("x", picture=svg), text)), right=(1,), caption=text),
            Beside((Paragraph(text), Figure(svg, text, text)), (1.0, 2.0)),
            PageBreak(),
            Figure(svg, "alt", "caption", 0.5),
        ],
    )


def test_a_column_as_wide_as_its_words_breaks_none_of_them() -> None:
    """A browser would give all room to the column with a share, and break the others' words anywhere."""
    rows = (("axial nonuniformity", "steady", "1.5"), ("modulation", "falls", "x" * 200))
    page = to_html(Document("t", [Table(("measure", "course", "note"), rows, shares=(0, 1, 0))]))
    assert [page.count(f'whole">{text}') for text in ("axial nonuniformity", "modulation", "steady", "x" * 200)] == [1, 1, 0, 0]


def test_hostile_text_stays_text() -> None:
    page = to_html(full(HOSTILE))
    assert "<script" not in page
    assert "<GS>" in html.unescape(page) and "\x1d" not in page and "49" not in re.sub(r"base64,[^\"]*", "", page)
    assert html.unescape(page).count("alert(1)") >= 12
    assert to_pdf(full(HOSTILE)).startswith(b"%PDF-")


def test_a_page_asks_the_network_for_nothing() -> None:
    page = to_html(full("words"))
    for address in re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", page):
        assert address.startswith("data:"), address


def test_the_same_document_gives_the_same_bytes() -> None:
    assert to_html(full("words")) == to_html(full("words"))
    assert to_pdf(full("words")) == to_pdf(full("words"))


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=60))
def test_any_text_can_be_written(text: str) -> None:
    document = Document("any", [Paragraph(text), Table(("a",), ((Cell(text, code=True),),))])
    to_html(document).encode()
    assert to_pdf(document).startswith(b"%PDF-")


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    write(full("one"), target)
    before = target.read_bytes()
    with pytest.raises(ValueError):
        write(Document("two", [Table(("a",), (("x", "y"),))]), target)
    assert target.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("name", "words"),
    [("report.txt", "ends in .html or .pdf"), ("none/report.pdf", "does not exist"), ("folder.html", "cannot be written")],
)
def test_where_no_report_can_be_written(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(ReportError, match=words) as error:
        check_path(tmp_path / name)
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)
