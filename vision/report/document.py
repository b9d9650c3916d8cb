"""What a report is made of: blocks of text, tables and pictures. Texts are plain and come from anywhere: both writers escape them.

Pictures are SVG made by this software (`charts.py`), never by others. The same document gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """How a value is meant; shown as a colour and never by it alone: the words must say it too."""

    PLAIN = "plain"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    MUTED = "muted"


@dataclass(frozen=True, slots=True)
class Heading:
    """level 1 opens a chapter, 2 a part of it."""

    text: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Callout:
    """The sentence a reader must not miss, with what follows from it below."""

    title: str
    lines: tuple[str, ...] = ()
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Headline:
    """The figure that a reader looks for first, large: value and mark (a letter, a unit), a title and lines next to both."""

    value: str
    mark: str
    title: str
    lines: tuple[str, ...] = ()
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Bullets:
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, in pairs."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table. code: shown with letters of one width. picture: SVG shown instead of the text, as high as a line."""

    text: str
    tone: Tone = Tone.PLAIN
    code: bool = False
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """rows: as many cells each as there are columns; a plain string stands for a plain cell.

    right: indices of the columns that are set to the right (numbers). shares: how the columns divide the room, 0 = as wide as
        its words; none = the first that is not set to the right takes what is left.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell | str, ...], ...]
    right: tuple[int, ...] = ()
    caption: str = ""
    shares: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.shares and len(self.shares) != len(self.columns):
            raise ValueError(f"{len(self.shares)} shares, expected one for each of {len(self.columns)} columns")
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ValueError(f"row {number} has {len(row)} cells, expected {len(self.columns)}")


@dataclass(frozen=True, slots=True)
class Figure:
    """svg: a whole SVG document. alt: what it shows, in words, for who cannot see it. width: share of the line, 0 to 1."""

    svg: str
    alt: str
    caption: str = ""
    width: float = 1.0


@dataclass(frozen=True, slots=True)
class Beside:
    """Blocks next to each other; shares: their widths, of the same number."""

    blocks: tuple[Block, ...]
    shares: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class PageBreak:
    """A new page on paper; a rule on the screen."""


Block = Heading | Paragraph | Callout | Headline | Bullets | Facts | Table | Figure | Beside | PageBreak


@dataclass(frozen=True, slots=True)
class Document:
    """title and subtitle stand on top, footer at the foot of each page (software, date: the caller's, so that bytes can repeat)."""

    title: str
    blocks: Sequence[Block]
    subtitle: str = ""
    footer: str = ""
    language: str = "en"
