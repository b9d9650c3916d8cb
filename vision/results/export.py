"""Rows on their way out: to a terminal, CSV, Parquet and JSON, with hostile content made harmless at each of them.

A serial is any text of set 82 and a damaged code may hold any byte, so formulas, script, SQL, `../` and escape sequences
are legal content. The bytes stay true in `payload` (Parquet) and `bytes_hex` (CSV, JSON); text is for reading only:

- terminal and CSV: every character that does not print (control, bidirectional override, line separator) as `<GS>`, `<ESC>`,
  `<U+202E>`;
- CSV: a text cell that begins with `=`, `+`, `-`, `@` (also full-width, also behind blanks) or with `'` gets a `'` in front, which
  a reader takes off again; comma, double quotes and CRLF as in RFC 4180. One line per symbol; a trigger without one has one line.
- JSON: one object per line and trigger, names as in `vision inspect --json`; ASCII only, and `<`, `>`, `&` escaped, so that it may
  stand in a page.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vision.results.folder import ResultsError
from vision.results.schema import PARAMETERS

Format = Literal["csv", "parquet", "json"]
Row = dict[str, Any]

# fmt: off
_CONTROL_NAMES = (
    "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "TAB", "LF", "VT", "FF", "CR", "SO", "SI", "DLE", "DC1",
    "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US",
)
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_BATCH_ROWS = 1000

_ROW_CELLS = (
    "station", "trigger", "revision", "utc", "accept", "reasons", "detail", "evidence", "inspector", "inspect_ns",
    "arrival_ns", "decided_ns", "decision_ns", "frame_id", "device_timestamp_ns", "encoder_count",
)
_SYMBOL_CELLS = (
    "symbology_identifier", "bytes_hex", "text", "serial", "rows", "columns", "inverted", "mirrored", "px_per_module",
    "rescue",
)
_POSITION_CELLS = ("position", "position_accept", "position_reasons")
_CODEWORD_CELLS = (
    "total", "data", "check", "corrected", "erasures",
)
_GRADE_CELLS = (
    "standard", "edition", "overall", "letter", "formal",
)
# fmt: on
CSV_COLUMNS = [
    *_ROW_CELLS,
    "symbol_index",
    *_SYMBOL_CELLS,
    "elements",
    "content_reasons",
    "corners",
    *(f"codewords_{name}" for name in _CODEWORD_CELLS),
    *(f"grade_{name}" for name in _GRADE_CELLS),
    "grade_warnings",
    *(f"{name}_{part}" for name in PARAMETERS for part in ("value", "grade")),
    "fixed_pattern_segments",
    "informative",
    *_POSITION_CELLS,
]
"""The columns of the CSV: of the row, of the symbol, of its grade; lists are joined by blanks, maps are JSON."""


def printable(text: str) -> str:
    """Text with every character that does not print spelled out: `<GS>`, `<ESC>`, `<U+202E>`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if character.isprintable() else _spelled(character) for character in text)


def _spelled(character: str) -> str:
    code = ord(character)
    if code < len(_CONTROL_NAMES):
        return f"<{_CONTROL_NAMES[code]}>"
    return "<DEL>" if code == 0x7F else f"<U+{code:04X}>"


def json_rows(table: pa.Table) -> Iterator[Row]:
    """The rows as plain objects with the names of `vision inspect --json`; UTC as ISO 8601 with nanoseconds."""
    position = table.schema.get_field_index("utc")
    if position >= 0:
        utc = pc.replace_substring(table["utc"].cast(pa.string()), " ", "T")
        table = table.set_column(position, "utc", utc)
    for batch in table.to_batches(max_chunksize=_BATCH_ROWS):
        for row in batch.to_pylist(maps_as_pydicts="lossy"):
            if row.get("symbols") is not None:
                row["symbols"] = [_json_symbol(symbol) for symbol in row["symbols"]]
            yield row


def _json_symbol(symbol: Row) -> Row:
    payload, grade, corners = symbol.pop("payload"), symbol["grade"], symbol["corners"]
    symbol["bytes_hex"] = None if payload is None else payload.hex()
    symbol["corners"] = None if corners is None else [corners[index : index + 2] for index in range(0, len(corners), 2)]
    if grade is not None:
        grade["parameters"] = {name: value for name, value in grade["parameters"].items() if value is not None}
    return symbol


def plain_rows(table: pa.Table) -> Iterator[Row]:
    """The rows of any table as JSON knows them: bytes in hex, times in ISO 8601, no number that is none; of columns of the same
    name the last counts."""
    for batch in table.to_batches(max_chunksize=_BATCH_ROWS):
        columns = [[_plain(scalar) for scalar in column] for column in batch.columns]
        for values in zip(*columns, strict=True):
            yield dict(zip(table.column_names, values, strict=True))


def _plain(scalar: pa.Scalar) -> Any:
    if not scalar.is_valid:
        return None
    kind = scalar.type
    if pa.types.is_map(kind):
        return {str(_plain(pair[0])): _plain(pair[1]) for pair in scalar.values}
    if pa.types.is_struct(kind):
        return {name: _plain(item) for name, item in scalar.items()}
    if pa.types.is_nested(kind):
        return [_plain(item) for item in scalar.values]
    if pa.types.is_timestamp(kind) and kind.unit == "ns":  # finer than Python's: as_py() refuses it
        moment = scalar if kind.tz is None else scalar.cast(pa.timestamp("ns", "UTC"))
        return moment.cast(pa.string()).as_py().replace(" ", "T", 1)
    value = scalar.as_py()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Decimal):  # sums of whole numbers are of this kind
        return int(value) if kind.scale == 0 else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, bool | int | float | str):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def show(table: pa.Table, limit: int | None = None) -> list[dict[str, str]]:
    """The rows as short printable cells for a terminal; limit: that many last rows, None for all."""
    if limit is not None:
        table = table.slice(max(0, table.num_rows - limit))
    shown = []
    for row in json_rows(table):
        symbols = row["symbols"]
        grades = [symbol["grade"] for symbol in symbols]
        cells = {
            "station": row["station"],
            "trigger": str(row["trigger"]),
            "utc": row["utc"][:23],
            "verdict": "accept" if row["accept"] else "reject",
            "reasons": " ".join(row["reasons"]),
            "text": " ".join(symbol["text"] if symbol["text"] is not None else "-" for symbol in symbols),
            "grade": " ".join("-" if grade is None else f"{grade['overall']:.1f}" for grade in grades),
            "decision_ms": f"{row['decision_ns'] / 1e6:.1f}",
            "detail": row["detail"],
        }
        shown.append({name: printable(text) for name, text in cells.items()})
    return shown


def export(table: pa.Table, path: Path, form: Format) -> int:
    """Writes rows to a file, whole or not at all; gives their count. Raises ResultsError naming the file or the format."""
    writers = {"csv": _write_csv, "parquet": _write_parquet, "json": _write_json}
    if form not in writers:
        raise ResultsError(f"{form!r}: no such format, expected one of {', '.join(writers)}")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        writers[form](table, temporary)
        temporary.replace(path)
    except OSError as error:
        raise ResultsError(f"{path}: cannot be written ({error.strerror or error})") from None
    finally:
        temporary.unlink(missing_ok=True)
    return int(table.num_rows)


def text_of(table: pa.Table, form: Literal["csv", "json"]) -> Iterator[str]:
    """The same rows as text, line by line, for a pipe."""
    return _csv_lines(table) if form == "csv" else _json_lines(table)


def _write_parquet(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd")


def _write_json(table: pa.Table, path: Path) -> None:
    with open(path, "w", encoding="ascii", newline="\n") as file:
        file.writelines(_json_lines(table))


def _json_lines(table: pa.Table) -> Iterator[str]:
    for row in json_rows(table):
        line = json.dumps(row, ensure_ascii=True, separators=(",", ":"))
        for character in "<>&":
            line = line.replace(character, f"\\u{ord(character):04x}")
        yield line + "\n"


def _write_csv(table: pa.Table, path: Path) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.writelines(_csv_lines(table))


def _csv_lines(table: pa.Table) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.DictWriter(line, CSV_COLUMNS, restval="", lineterminator="\r\n")

    def told(cells: Row) -> str:
        line.seek(0)
        line.truncate()
        writer.writerow({name: csv_cell(value) for name, value in cells.items()})
        return line.getvalue()

    yield told({name: name for name in CSV_COLUMNS})
    for row in json_rows(table):
        common = {name: row[name] for name in _ROW_CELLS}
        for index, symbol in enumerate(row["symbols"]):
            yield told({**common, "symbol_index": index, **_symbol_cells(symbol)})
        if not row["symbols"]:
            yield told(common)


def _symbol_cells(symbol: Row) -> Row:
    cells = {name: symbol[name] for name in _SYMBOL_CELLS}
    cells |= {name: symbol.get(name) for name in _POSITION_CELLS}
    cells |= {"elements": symbol["elements"], "content_reasons": symbol["reasons"]}
    cells["corners"] = None if symbol["corners"] is None else json.dumps(symbol["corners"])
    if symbol["codewords"] is not None:
        cells |= {f"codewords_{name}": symbol["codewords"][name] for name in _CODEWORD_CELLS}
    grade = symbol["grade"]
    if grade is not None:
        cells |= {f"grade_{name}": grade[name] for name in _GRADE_CELLS}
        for name, parameter in grade["parameters"].items():
            cells |= {f"{name}_value": parameter["value"], f"{name}_grade": parameter["grade"]}
        cells |= {name: grade[name] for name in ("fixed_pattern_segments", "informative")}
        cells["grade_warnings"] = grade["warnings"]
    return cells


def csv_cell(value: Any) -> str:
    """What a value is as a cell: numbers as they are, text made harmless."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=True)
    elif isinstance(value, list):
        value = " ".join(map(str, value))
    text = printable(str(value))
    return f"'{text}" if text.lstrip().startswith((*_FORMULA, "'")) else text
