"""The rows of an audit: one per symbol, one for a frame without any; fields of the line's rows where they apply."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from vision.results.schema import SCHEMA as LINE
from vision.results.schema import SYMBOL

SCHEMA_VERSION = "1"

_PROFILE = pa.list_(pa.float32())


def _field(name: str, kind: pa.DataType, meaning: str, unit: str = "", nullable: bool = True) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"meaning": meaning, **({"unit": unit} if unit else {})})


PROFILES = {
    "columns_dark": "mean margin of the modules of each column that are dark by design",
    "columns_light": "the same of those that are light by design",
    "rows_dark": "mean margin of the modules of each row that are dark by design",
    "rows_light": "the same of those that are light by design",
}
"""Margin: modulation of a module, negative where its colour is wrong. nan where a column or row has no such module."""

_REGRADE = pa.struct(
    [
        LINE.field("accept").with_nullable(True),
        LINE.field("reasons").with_nullable(True),
        SYMBOL.field("grade"),
    ]
)

SCHEMA = pa.schema(
    [
        _field("source", pa.int16(), "index of the source in the order of the call", "1", nullable=False),
        _field("frame", pa.int64(), "index of the frame in its source, from 0", "1", nullable=False),
        _field("name", pa.string(), "file of the frame in its source; station and trigger for a row of a batch", nullable=False),
        _field("station", pa.string(), "station of the line, null where the frame does not come from a line's results"),
        _field("trigger", pa.int64(), "number of the trigger at its station, null as above", "1"),
        _field("utc", pa.timestamp("ns", tz="UTC"), "wall clock when the frame was complete, null where unknown"),
        _field("device_timestamp_ns", pa.int64(), "the camera's own clock at the exposure, null where unknown", "ns"),
        _field("width", pa.int32(), "of the frame, null where it could not be read", "px"),
        _field("height", pa.int32(), "of the frame, null where it could not be read", "px"),
        _field("trouble", pa.string(), "why the frame could not be looked at, empty for most", nullable=False),
        LINE.field("accept"),
        LINE.field("reasons"),
        _field("symbol_count", pa.int16(), "symbols in this frame", "1", nullable=False),
        _field("symbol_index", pa.int16(), "of this symbol in reading order; null for a frame without one", "1"),
        *(field.with_name("content_reasons" if field.name == "reasons" else field.name).with_nullable(True) for field in SYMBOL),
        *(_field(name, _PROFILE, meaning) for name, meaning in PROFILES.items()),
        _field("regrade", _REGRADE, "the same frame under the other set-up asked for; null where none was or no image is there"),
    ],
    metadata={"vision.schema_version": SCHEMA_VERSION, "vision.row": "one symbol, or one frame without a symbol"},
)

_ROW = pa.struct(list(SCHEMA))


def part_of(rows: Sequence[Mapping[str, Any]], provenance: Mapping[str, str]) -> bytes:
    """Rows as an Arrow file, the same bytes for the same rows."""
    metadata = {**SCHEMA.metadata, b"vision.provenance": json.dumps(dict(provenance), sort_keys=True).encode()}
    schema = SCHEMA.with_metadata(metadata)
    batch = pa.RecordBatch.from_struct_array(pa.array(rows, _ROW))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as file:
        file.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
    return bytes(sink.getvalue().to_pybytes())
