"""The row of the results: its fields, where each comes from, and the Arrow schema they make.

One row per trigger; its symbols are a child list. One table per struct, one line per field: name, type, meaning, and `of`,
which takes the value from a record, a finding or a grade. A field is added there and nowhere else. Unit and meaning stand in
the field's own metadata, so a file explains itself. Fields are added, never changed in meaning; `SCHEMA_VERSION` counts the
additions. A row is a tuple of values in the order of the fields (a struct inside is a tuple again, None = null; a map is pairs).
Bytes, files and chains are not known here: rows.py writes what this module says.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import hypot
from typing import Any, NamedTuple
from urllib.parse import quote

import pyarrow as pa

from vision.types import Content, Finding, GradeReport, Parameter, Place, Reading, Record, Symbol

SCHEMA_VERSION = "2"

PARAMETERS = {
    "decode": "reference decode, 1 or 0",
    "symbol_contrast": "symbol contrast, fraction of full reflectance",
    "modulation": "modulation after the codeword overlay, no value of its own",
    "reflectance_margin": "reflectance margin after the codeword overlay (15415:2011 only), no value of its own",
    "fixed_pattern_damage": "fixed pattern damage, ISO/IEC 16022 annex M, no value of its own",
    "axial_nonuniformity": "axial non-uniformity, fraction of the module pitch",
    "grid_nonuniformity": "grid non-uniformity, fraction of X",
    "unused_error_correction": "unused error correction, fraction",
    "print_growth": "print growth (15415:2024), fraction of X",
    "cell_contrast": "cell contrast (29158), fraction",
    "cell_modulation": "cell modulation after the codeword overlay (29158), no value of its own",
    "minimum_reflectance": "minimum reflectance (29158), fraction",
    "distributed_damage": "distributed damage (29158), no value of its own",
}
"""Every graded parameter of every edition: name -> what its raw value is. Null where the edition does not grade it."""


class Column(NamedTuple):
    """A field and where its value comes from."""

    field: pa.Field
    of: Callable[[Any], Any]


def _column(name: str, kind: pa.DataType, meaning: str, of: Callable[[Any], Any], unit: str = "", nullable: bool = True) -> Column:
    metadata = {"meaning": meaning, **({"unit": unit} if unit else {})}
    return Column(pa.field(name, kind, nullable=nullable, metadata=metadata), of)


def _struct(columns: Sequence[Column]) -> pa.StructType:
    return pa.struct([column.field for column in columns])


def _values(columns: Sequence[Column], source: Any) -> tuple[Any, ...]:
    """One row of a table."""
    return tuple([of(source) for _, of in columns])


class _Seen(NamedTuple):
    """A finding as the table of symbols looks at it."""

    symbol: Symbol
    reading: Reading | None
    content: Content | None
    report: GradeReport | None
    corners: list[float]
    place: Place | None


_REASONS = pa.list_(pa.string())
_NUMBERS = pa.map_(pa.string(), pa.float64())

_PARAMETER_COLUMNS = (
    _column("value", pa.float64(), "raw value, null where there is none", lambda p: _number(p.value)),
    _column("grade", pa.float64(), "grade 0.0 to 4.0", lambda p: float(p.grade)),
)
_PARAMETER = _struct(_PARAMETER_COLUMNS)


def _parameter(name: str, meaning: str) -> Column:
    def of(parameters: Mapping[str, Parameter]) -> tuple[Any, ...] | None:
        parameter = parameters.get(name)
        return None if parameter is None else _values(_PARAMETER_COLUMNS, parameter)

    return _column(name, _PARAMETER, meaning, of)


_PARAMETERS_COLUMNS = tuple(_parameter(name, meaning) for name, meaning in PARAMETERS.items())

_GRADE_COLUMNS = (
    _column("standard", pa.string(), "ISO/IEC 15415 or ISO/IEC 29158", lambda r: r.standard),
    _column("edition", pa.string(), "edition of the standard, a year", lambda r: r.edition),
    _column("overall", pa.float64(), "in-line grade 0.0 to 4.0", lambda r: float(r.overall)),
    _column("letter", pa.string(), "A to F", lambda r: r.letter),
    _column("formal", pa.string(), "grade/aperture/wavelength/angle", lambda r: r.formal),
    _column(
        "warnings", pa.list_(pa.string()), "what limits the meaning of this grade, for example uncalibrated", lambda r: r.warnings
    ),
    _column("parameters", _struct(_PARAMETERS_COLUMNS), "graded parameters", lambda r: _values(_PARAMETERS_COLUMNS, r.parameters)),
    _column(
        "fixed_pattern_segments",
        _NUMBERS,
        "grade of each segment of the fixed pattern, ISO/IEC 16022 annex M",
        lambda r: _numbers(r.segments),
    ),
    _column(
        "informative", _NUMBERS, "measured and not graded; fractions of reflectance or of X", lambda r: _numbers(r.informative)
    ),
)

_CODEWORDS_COLUMNS = (
    _column("total", pa.int32(), "all codewords of the symbol", lambda c: int(c.total), "1"),
    _column("data", pa.int32(), "data codewords", lambda c: int(c.data), "1"),
    _column("check", pa.int32(), "check codewords", lambda c: int(c.check), "1"),
    _column("corrected", pa.int32(), "codewords corrected, sum over the blocks", lambda c: int(c.corrected), "1"),
    _column("erasures", pa.int32(), "erasures, sum over the blocks", lambda c: int(c.erasures), "1"),
)

_ECI_COLUMNS = (
    _column("offset", pa.int32(), "place in the payload from which it holds", lambda e: e[0], "byte"),
    _column("designator", pa.int32(), "ECI designator: 26 is UTF-8", lambda e: e[1]),
)

_APPEND_COLUMNS = (
    _column("position", pa.int8(), "part number, from 1", lambda a: a.position, "1"),
    _column("total", pa.int8(), "parts of the message, null where the symbol does not say", lambda a: a.total, "1"),
    _column(
        "file_id",
        pa.list_(pa.int16(), 2),
        "file identification, two codewords of 1 to 254; shared by the parts",
        lambda a: a.file_id,
    ),
)

_PLACE_COLUMNS = (
    _column(
        "position",
        pa.int16(),
        "place on the tray, from 1; null without a layout and where the symbol stands at none",
        lambda s: s.place and s.place.position,
        "1",
    ),
    _column(
        "position_accept",
        pa.bool_(),
        "nothing is wrong with what stands at this place; the tray passes as a whole",
        lambda s: s.place and s.place.accept,
    ),
    _column(
        "position_reasons",
        _REASONS,
        "what is wrong at this place, most important first",
        lambda s: s.place and tuple(map(str, s.place.reasons)),
    ),
)

_FOUND_COLUMNS = (
    _column(
        "symbology_identifier",
        pa.string(),
        "ISO/IEC 15424; null where the symbol was not decoded",
        lambda s: s.reading and s.reading.symbology_identifier,
    ),
    _column(
        "payload",
        pa.binary(),
        "the bytes of the message, the truth of what the code says; a separator is 1d",
        lambda s: s.reading and bytes(s.reading.payload),
    ),
    _column("text", pa.string(), "the payload for reading only", lambda s: s.content and _storable(s.content.text)),
    _column(
        "elements",
        pa.map_(pa.string(), pa.string()),
        "element values by application or data identifier",
        lambda s: s.content and tuple([(_storable(key), _storable(value)) for key, value in s.content.elements.items()]),
    ),
    _column(
        "serial",
        pa.string(),
        "serial number: AI 21 or DI S",
        lambda s: None if s.content is None or s.content.serial is None else _storable(s.content.serial),
    ),
    _column(
        "reasons",
        _REASONS,
        "what is wrong with the content, empty = nothing",
        lambda s: tuple(map(str, s.content.reasons)) if s.content and s.content.reasons else (),
    ),
    _column("rows", pa.int16(), "size of the symbol", lambda s: s.symbol.rows, "module"),
    _column("columns", pa.int16(), "size of the symbol", lambda s: s.symbol.columns, "module"),
    _column("inverted", pa.bool_(), "the finder is light on dark", lambda s: bool(s.symbol.inverted)),
    _column("mirrored", pa.bool_(), "the symbol is mirrored in the image", lambda s: bool(s.symbol.mirrored)),
    _column(
        "px_per_module",
        pa.float64(),
        "mean module pitch",
        lambda s: _pitch_px(s.corners, s.symbol.rows, s.symbol.columns),
        "px",
    ),
    _column(
        "corners",
        pa.list_(pa.float64(), 8),
        "x, y of the four corners without quiet zone, from the corner of the L, clockwise as printed; x right, y down",
        lambda s: s.corners,
        "px",
    ),
    _column(
        "codewords",
        _struct(_CODEWORDS_COLUMNS),
        "codeword counts, null where the symbol was not decoded",
        lambda s: s.reading and _values(_CODEWORDS_COLUMNS, s.reading.codewords),
    ),
    _column(
        "rescue",
        pa.string(),
        "what made it readable beyond the plain path, empty = nothing",
        lambda s: "" if s.reading is None else s.reading.rescue,
    ),
    _column(
        "grade",
        _struct(_GRADE_COLUMNS),
        "in-line grade, null where the symbol was not graded",
        lambda s: s.report and _values(_GRADE_COLUMNS, s.report),
    ),
    _column(
        "eci",
        pa.list_(_struct(_ECI_COLUMNS)),
        "extended channel interpretations in the order of the message, null where there are none",
        lambda s: None if s.reading is None or not s.reading.eci else s.reading.eci,
    ),
    _column(
        "structured_append",
        _struct(_APPEND_COLUMNS),
        "part of a message in several symbols, null where it is whole",
        lambda s: (
            None
            if s.reading is None or s.reading.structured_append is None
            else _values(_APPEND_COLUMNS, s.reading.structured_append)
        ),
    ),
    _column(
        "reader_programming",
        pa.bool_(),
        "the message is meant for the reader itself; null where the symbol was not decoded",
        lambda s: None if s.reading is None else s.reading.reader_programming,
    ),
    _column(
        "macro",
        pa.int8(),
        "5 or 6 where header and trailer were one codeword (Macro 05, 06), else null",
        lambda s: s.reading and s.reading.macro,
    ),
)

_SYMBOL_COLUMNS = (*_FOUND_COLUMNS, *_PLACE_COLUMNS)
SYMBOL = _struct(_SYMBOL_COLUMNS)

_ROW_COLUMNS = (
    _column("station", pa.string(), "station of the line", lambda r: r.station, nullable=False),
    _column("trigger", pa.int64(), "number of the trigger at its station", lambda r: r.trigger, "1", nullable=False),
    _column(
        "revision",
        pa.int32(),
        "0 for the first row of a trigger; the highest one counts",
        lambda r: r.revision,
        "1",
        nullable=False,
    ),
    _column("utc", pa.timestamp("ns", tz="UTC"), "wall clock when the frame was complete", lambda r: r.utc_ns, nullable=False),
    _column(
        "arrival_ns",
        pa.int64(),
        "host's monotonic clock when the frame was complete (or found missing)",
        lambda r: r.arrival_ns,
        "ns",
        nullable=False,
    ),
    _column(
        "decided_ns",
        pa.int64(),
        "host's monotonic clock when the verdict was made",
        lambda r: r.decided_ns,
        "ns",
        nullable=False,
    ),
    _column(
        "decision_ns",
        pa.int64(),
        "from arrival to verdict: decided_ns - arrival_ns",
        lambda r: r.decided_ns - r.arrival_ns,
        "ns",
        nullable=False,
    ),
    _column("frame_id", pa.int64(), "the camera's number of the frame, null where there was no frame", lambda r: r.frame_id, "1"),
    _column("device_timestamp_ns", pa.int64(), "the camera's own clock at the exposure", lambda r: r.device_timestamp_ns, "ns"),
    _column("encoder_count", pa.int64(), "the camera's encoder at the exposure", lambda r: r.encoder_count, "1"),
    _column(
        "inspector",
        pa.int16(),
        "index of the inspector that looked, -1 where none did",
        lambda r: r.inspector,
        "1",
        nullable=False,
    ),
    _column("inspect_ns", pa.int64(), "time spent in inspect()", lambda r: r.inspect_ns, "ns", nullable=False),
    _column("accept", pa.bool_(), "true: passed; then there are no reasons", lambda r: r.accept, nullable=False),
    _column(
        "reasons",
        _REASONS,
        "why rejected, most important first; the closed list of the contract",
        lambda r: tuple(map(str, r.reasons)),
        nullable=False,
    ),
    _column(
        "detail", pa.string(), "words for the engineer, empty for ordinary packs", lambda r: _storable(r.detail), nullable=False
    ),
    _column(
        "evidence",
        pa.string(),
        "image of this trigger, relative to the batch folder, where one was asked for",
        lambda r: f"images/{image_name(r.station, r.trigger)}" if r.evidence else None,
    ),
    _column(
        "symbols",
        pa.list_(pa.field("item", SYMBOL)),
        "one per symbol found, in reading order; behind them one per empty place of a tray, null but for position*",
        lambda r: pickle.loads(r.symbols) if r.symbols else (),
        nullable=False,
    ),
)

SCHEMA = pa.schema(
    [column.field for column in _ROW_COLUMNS],
    metadata={"vision.schema_version": SCHEMA_VERSION, "vision.row": "one trigger"},
)


def schema_with(provenance: Mapping[str, str]) -> pa.Schema:
    """SCHEMA with what the rows rest on (software version, hashes of recipe, order, calibration) in its metadata."""
    return SCHEMA.with_metadata({**SCHEMA.metadata, b"vision.provenance": json.dumps(dict(provenance), sort_keys=True).encode()})


def provenance_of(schema: pa.Schema) -> dict[str, str]:
    """What `schema_with` put into the metadata, {} where nothing was."""
    text = (schema.metadata or {}).get(b"vision.provenance")
    return dict(json.loads(text)) if text else {}


def image_name(station: str, trigger: int) -> str:
    """File name of the evidence image of a trigger; made of station and trigger only, never of what a code says."""
    return f"{quote(station, safe='').replace('.', '%2E').replace('~', '%7E')}-{trigger:09d}.bmp"


def symbol_rows(findings: Iterable[Finding], places: Iterable[Place] = ()) -> bytes:
    """Pickled rows of the symbols column; called in the inspector, opened by the recorder only.

    findings: of one frame, in reading order. places: of its tray. Returns b"" for none. Raises KeyError for a graded parameter
    that is not in PARAMETERS: it would be lost without a word.
    """
    places = tuple(places)
    standing = {place.finding: place for place in places}
    rows = [_symbol_cells(finding, standing.get(index)) for index, finding in enumerate(findings)]
    rows += [_empty_cells(place) for place in places if place.finding is None]
    return pickle.dumps(rows, pickle.HIGHEST_PROTOCOL) if rows else b""


def _empty_cells(place: Place) -> tuple[Any, ...]:
    """The row of a place without a symbol."""
    return (*(None,) * len(_FOUND_COLUMNS), place.position, place.accept, tuple(map(str, place.reasons)))


def _symbol_cells(finding: Finding, place: Place | None = None) -> tuple[Any, ...]:
    symbol, report = finding.symbol, finding.report
    grid = symbol.grid
    corners: list[float] = [*grid[-1, 0].tolist(), *grid[0, 0].tolist(), *grid[0, -1].tolist(), *grid[-1, -1].tolist()]
    if report is not None and not report.parameters.keys() <= PARAMETERS.keys():
        unknown = min(report.parameters.keys() - PARAMETERS.keys())
        raise KeyError(f"graded parameter {unknown!r} has no field in vision.results.schema.PARAMETERS")
    return _values(_SYMBOL_COLUMNS, _Seen(symbol, finding.reading, finding.content, report, corners, place))


def symbol_row(finding: Finding) -> dict[str, Any]:
    """The cells of SYMBOL for one finding, by name; as symbol_rows it raises KeyError."""
    row: dict[str, Any] = named(SYMBOL, _symbol_cells(finding))
    return row


def named(kind: pa.DataType, value: Any) -> Any:
    """A row's value as Arrow's own conversion wants it: each struct as a dict."""
    if value is None:
        return None
    if pa.types.is_struct(kind):
        return {field.name: named(field.type, part) for field, part in zip(kind, value, strict=True)}
    if pa.types.is_list(kind) and pa.types.is_nested(kind.value_type):
        return [named(kind.value_type, part) for part in value]
    return value


def record_row(record: Record) -> tuple[Any, ...]:
    """The row of a record, in the order of SCHEMA. Raises pickle.UnpicklingError and the like for symbols that are none."""
    return _values(_ROW_COLUMNS, record)


def _numbers(values: Mapping[str, float | None]) -> tuple[tuple[str, float | None], ...]:
    return tuple([(name, _number(value)) for name, value in values.items()])


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _storable(text: str) -> str:
    """Text that UTF-8 can hold: a lone surrogate becomes its escape, as one bad code must not stop the recorder."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _pitch_px(corners: Sequence[float], rows: int, columns: int) -> float:
    """Symbol.px_per_module in plain floats: a fifth of the time that numpy takes for four points."""
    x0, y0, x1, y1, x2, y2, x3, y3 = corners
    width = (hypot(x2 - x1, y2 - y1) + hypot(x3 - x0, y3 - y0)) / 2
    height = (hypot(x1 - x0, y1 - y0) + hypot(x2 - x3, y2 - y3)) / 2
    return (width / columns + height / rows) / 2
