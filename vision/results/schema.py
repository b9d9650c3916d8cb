"""The row of the results: its Arrow schema, and how a record and its findings become rows.

One row per trigger; its symbols are a child list. Unit and meaning of every field stand in the field's own metadata, so a
file explains itself. Fields are added, never changed in meaning; `SCHEMA_VERSION` counts the additions. Files, folders and
chains are not known here.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable, Mapping, Sequence
from math import hypot
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from vision.types import Finding, GradeReport, Record

SCHEMA_VERSION = "1"

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


def _field(name: str, kind: pa.DataType, meaning: str, unit: str = "", nullable: bool = True) -> pa.Field:
    metadata = {"meaning": meaning, **({"unit": unit} if unit else {})}
    return pa.field(name, kind, nullable=nullable, metadata=metadata)


_REASONS = pa.list_(pa.string())
_NUMBERS = pa.map_(pa.string(), pa.float64())

_PARAMETER = pa.struct(
    [_field("value", pa.float64(), "raw value, null where there is none"), _field("grade", pa.float64(), "grade 0.0 to 4.0")]
)

_GRADE = pa.struct(
    [
        _field("standard", pa.string(), "ISO/IEC 15415 or ISO/IEC 29158"),
        _field("edition", pa.string(), "edition of the standard, a year"),
        _field("overall", pa.float64(), "in-line grade 0.0 to 4.0"),
        _field("letter", pa.string(), "A to F"),
        _field("formal", pa.string(), "grade/aperture/wavelength/angle"),
        _field("warnings", pa.list_(pa.string()), "what limits the meaning of this grade, for example uncalibrated"),
        _field("parameters", pa.struct([_field(name, _PARAMETER, text) for name, text in PARAMETERS.items()]), "graded parameters"),
        _field("fixed_pattern_segments", _NUMBERS, "grade of each segment of the fixed pattern, ISO/IEC 16022 annex M"),
        _field("informative", _NUMBERS, "measured and not graded; fractions of reflectance or of X"),
    ]
)

_CODEWORDS = pa.struct(
    [
        _field("total", pa.int32(), "all codewords of the symbol", "1"),
        _field("data", pa.int32(), "data codewords", "1"),
        _field("check", pa.int32(), "check codewords", "1"),
        _field("corrected", pa.int32(), "codewords corrected, sum over the blocks", "1"),
        _field("erasures", pa.int32(), "erasures, sum over the blocks", "1"),
    ]
)

SYMBOL = pa.struct(
    [
        _field("symbology_identifier", pa.string(), "ISO/IEC 15424; null where the symbol was not decoded"),
        _field("payload", pa.binary(), "the bytes of the message, the truth of what the code says; a separator is 1d"),
        _field("text", pa.string(), "the payload for reading only"),
        _field("elements", pa.map_(pa.string(), pa.string()), "element values by application or data identifier"),
        _field("serial", pa.string(), "serial number: AI 21 or DI S"),
        _field("reasons", _REASONS, "what is wrong with the content, empty = nothing"),
        _field("rows", pa.int16(), "size of the symbol", "module"),
        _field("columns", pa.int16(), "size of the symbol", "module"),
        _field("inverted", pa.bool_(), "the finder is light on dark"),
        _field("mirrored", pa.bool_(), "the symbol is mirrored in the image"),
        _field("px_per_module", pa.float64(), "mean module pitch", "px"),
        _field(
            "corners",
            pa.list_(pa.float64(), 8),
            "x, y of the four corners without quiet zone, from the corner of the L, clockwise as printed; x right, y down",
            "px",
        ),
        _field("codewords", _CODEWORDS, "codeword counts, null where the symbol was not decoded"),
        _field("rescue", pa.string(), "what made it readable beyond the plain path, empty = nothing"),
        _field("grade", _GRADE, "in-line grade, null where the symbol was not graded"),
    ]
)

SCHEMA = pa.schema(
    [
        _field("station", pa.string(), "station of the line", nullable=False),
        _field("trigger", pa.int64(), "number of the trigger at its station", "1", nullable=False),
        _field("revision", pa.int32(), "0 for the first row of a trigger; the highest one counts", "1", nullable=False),
        _field("utc", pa.timestamp("ns", tz="UTC"), "wall clock when the frame was complete", nullable=False),
        _field(
            "arrival_ns", pa.int64(), "host's monotonic clock when the frame was complete (or found missing)", "ns", nullable=False
        ),
        _field("decided_ns", pa.int64(), "host's monotonic clock when the verdict was made", "ns", nullable=False),
        _field("decision_ns", pa.int64(), "from arrival to verdict: decided_ns - arrival_ns", "ns", nullable=False),
        _field("frame_id", pa.int64(), "the camera's number of the frame, null where there was no frame", "1"),
        _field("device_timestamp_ns", pa.int64(), "the camera's own clock at the exposure", "ns"),
        _field("encoder_count", pa.int64(), "the camera's encoder at the exposure", "1"),
        _field("inspector", pa.int16(), "index of the inspector that looked, -1 where none did", "1", nullable=False),
        _field("inspect_ns", pa.int64(), "time spent in inspect()", "ns", nullable=False),
        _field("accept", pa.bool_(), "true: passed; then there are no reasons", nullable=False),
        _field("reasons", _REASONS, "why rejected, most important first; the closed list of the contract", nullable=False),
        _field("detail", pa.string(), "words for the engineer, empty for ordinary packs", nullable=False),
        _field("evidence", pa.string(), "image of this trigger, relative to the batch folder, where one was asked for"),
        _field("symbols", pa.list_(pa.field("item", SYMBOL)), "one per symbol found, in reading order", nullable=False),
    ],
    metadata={"vision.schema_version": SCHEMA_VERSION, "vision.row": "one trigger"},
)

_ROW = pa.struct(list(SCHEMA))


def schema_with(provenance: Mapping[str, str]) -> pa.Schema:
    """SCHEMA with what the rows rest on (software version, hashes of recipe, order, calibration) in its metadata."""
    return SCHEMA.with_metadata({**SCHEMA.metadata, b"vision.provenance": json.dumps(dict(provenance), sort_keys=True).encode()})


def provenance_of(schema: pa.Schema) -> dict[str, str]:
    """What `schema_with` put into the metadata, {} where nothing was."""
    text = (schema.metadata or {}).get(b"vision.provenance")
    return dict(json.loads(text)) if text else {}


def image_name(station: str, trigger: int) -> str:
    """File name of the evidence image of a trigger; made of station and trigger only, never of what a code says."""
    return f"{quote(station, safe='').replace('.', '%2E').replace('~', '%7E')}-{trigger:09d}.png"


def symbol_rows(findings: Iterable[Finding]) -> bytes:
    """Pickled rows of the symbols column; called in the inspector, opened by the recorder only.

    findings: of one frame, in reading order. Returns b"" for none. Raises KeyError for a graded parameter that is not in
    PARAMETERS: it would be lost without a word.
    """
    rows = [_symbol_row(finding) for finding in findings]
    return pickle.dumps(rows, pickle.HIGHEST_PROTOCOL) if rows else b""


def _symbol_row(finding: Finding) -> dict[str, Any]:
    symbol, reading, content = finding.symbol, finding.reading, finding.content
    grid = symbol.grid
    corners: list[float] = [*grid[-1, 0].tolist(), *grid[0, 0].tolist(), *grid[0, -1].tolist(), *grid[-1, -1].tolist()]
    row: dict[str, Any] = {
        "rows": symbol.rows,
        "columns": symbol.columns,
        "inverted": bool(symbol.inverted),
        "mirrored": bool(symbol.mirrored),
        "px_per_module": _pitch_px(corners, symbol.rows, symbol.columns),
        "corners": corners,
        "rescue": "" if reading is None else reading.rescue,
        "reasons": [] if content is None else [str(reason) for reason in content.reasons],
        "grade": None if finding.report is None else _grade_row(finding.report),
    }
    if reading is not None:
        counts = reading.codewords
        row["symbology_identifier"] = reading.symbology_identifier
        row["payload"] = bytes(reading.payload)
        row["codewords"] = {
            "total": int(counts.total),
            "data": int(counts.data),
            "check": int(counts.check),
            "corrected": int(counts.corrected),
            "erasures": int(counts.erasures),
        }
    if content is not None:
        row["text"] = _storable(content.text)
        row["elements"] = [(_storable(key), _storable(value)) for key, value in content.elements.items()]
        row["serial"] = None if content.serial is None else _storable(content.serial)
    return row


def _grade_row(report: GradeReport) -> dict[str, Any]:
    parameters: dict[str, dict[str, float | None]] = {}
    for name, parameter in report.parameters.items():
        if name not in PARAMETERS:
            raise KeyError(f"graded parameter {name!r} has no field in vision.results.schema.PARAMETERS")
        parameters[name] = {"value": _number(parameter.value), "grade": float(parameter.grade)}
    return {
        "standard": report.standard,
        "edition": report.edition,
        "overall": float(report.overall),
        "letter": report.letter,
        "formal": report.formal,
        "warnings": list(report.warnings),
        "parameters": parameters,
        "fixed_pattern_segments": [(name, float(value)) for name, value in report.segments.items()],
        "informative": [(name, _number(value)) for name, value in report.informative.items()],
    }


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


def rows_to_batch(records: Sequence[Record]) -> pa.RecordBatch:
    """The rows of records, in their order; same types as SCHEMA, without its metadata.

    Raises a pa.ArrowException, TypeError, ValueError or pickle.UnpicklingError for a record that does not fit the schema.
    """
    # One conversion of whole rows as a struct, 140 us for one row; column by column took 330 us, a cast to SCHEMA 90 us more.
    return pa.RecordBatch.from_struct_array(pa.array([_row(record) for record in records], _ROW))


def _row(record: Record) -> dict[str, Any]:
    return {
        "station": record.station,
        "trigger": record.trigger,
        "revision": record.revision,
        "utc": record.utc_ns,
        "arrival_ns": record.arrival_ns,
        "decided_ns": record.decided_ns,
        "decision_ns": record.decided_ns - record.arrival_ns,
        "frame_id": record.frame_id,
        "device_timestamp_ns": record.device_timestamp_ns,
        "encoder_count": record.encoder_count,
        "inspector": record.inspector,
        "inspect_ns": record.inspect_ns,
        "accept": record.accept,
        "reasons": [str(reason) for reason in record.reasons],
        "detail": _storable(record.detail),
        "evidence": f"images/{image_name(record.station, record.trigger)}" if record.evidence else None,
        "symbols": pickle.loads(record.symbols) if record.symbols else [],
    }
