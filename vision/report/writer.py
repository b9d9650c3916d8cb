"""Writes a document as one HTML file that needs no network, or as a PDF; by the ending of the file name."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import functools
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vision.report.document import Beside, Cell, Document, Table

_HERE = Path(__file__).parent
ENDINGS = (".html", ".pdf")
_WHOLE_LENGTH = 32  # characters of a cell that is not broken into lines


class ReportError(ValueError):
    """One line: which file, and why no report can be written there."""


def check_path(path: Path) -> Path:
    """The path, where a report can be written there; ReportError else. To be called before the work is done."""
    if path.suffix.lower() not in ENDINGS:
        raise ReportError(f"{path}: a report ends in {' or '.join(ENDINGS)}")
    if not path.parent.is_dir():
        raise ReportError(f"{path}: the folder {path.parent} does not exist")
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ReportError(f"{path}: cannot be written")
    return path


def write(document: Document, path: Path) -> None:
    """Writes a report whole or not at all. Raises ReportError in one line."""
    check_path(path)
    body = to_html(document).encode() if path.suffix.lower() == ".html" else to_pdf(document)
    # Beside its place and then renamed: nobody ever sees half a report.
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror}") from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def to_html(document: Document) -> str:
    """The document as one HTML page: style and pictures inside, no script."""
    return str(_template().render(document=_plain(document), data_url=_data_url))


def to_pdf(document: Document) -> bytes:
    """The document as PDF, A4; fonts are those that matplotlib brings, never the machine's, so that bytes repeat."""
    import typst
    from matplotlib import get_data_path

    return typst.compile(
        _HERE / "paper.typ",
        root=_HERE,
        font_paths=[Path(get_data_path()) / "fonts" / "ttf"],
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs={"document": json.dumps(_plain(document))},
    )


def _plain(block: Any) -> dict[str, Any]:
    """A block as plain lists and dictionaries, its kind under "kind"; strings that no writer can hold are escaped."""
    fields: dict[str, Any] = {"kind": type(block).__name__.lower()}
    for field in dataclasses.fields(block):
        fields[field.name] = _value(getattr(block, field.name))
    if isinstance(block, Table):
        fields["rows"] = [[_plain(cell if isinstance(cell, Cell) else Cell(cell)) for cell in row] for row in block.rows]
        fields["whole"] = [_stays_whole(block, column) for column in range(len(block.columns))]
    if isinstance(block, Beside) and not block.shares:
        fields["shares"] = [1.0] * len(block.blocks)
    return fields


def _stays_whole(table: Table, column: int) -> bool:
    """Whether a column's cells are not broken into lines: as wide as its words, and these short. A page would break words else."""
    texts = (cell.text if isinstance(cell, Cell) else cell for cell in (row[column] for row in table.rows))
    return bool(table.shares) and not table.shares[column] and max(map(len, texts), default=0) <= _WHOLE_LENGTH


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return printable(str(value))
    if isinstance(value, bool | int | float):
        return value
    if dataclasses.is_dataclass(value):
        return _plain(value)
    if isinstance(value, Mapping):
        return {key: _value(entry) for key, entry in value.items()}
    return [_value(entry) for entry in value]


# fmt: off
_CONTROL_NAMES = [
    "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "HT", "LF", "VT", "FF", "CR", "SO", "SI",
    "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US",
]
# fmt: on
_CONTROLS = {code: f"<{name}>" for code, name in enumerate(_CONTROL_NAMES) if name != "LF"} | {0x7F: "<DEL>"}


def printable(text: str) -> str:
    """Control characters (but line feeds) by name, lone surrogates as escapes: neither paper nor page may hold them."""
    if text.isprintable():
        return text
    return text.translate(_CONTROLS).encode("utf-8", "backslashreplace").decode()


def _data_url(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


@functools.cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html")
