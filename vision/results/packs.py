"""The pack list beside each sealed file, `NNNNNN.packs`: a narrow row per pack, by serial, for questions over millions of rows.

It says nothing that the sealed file does not say: what bears which serial, when, where and whether it was let through. An Arrow
file without compression, so that it is mapped and not read; a serial is found in it by halving. Its summary (lots, expiries,
times) stands in the metadata, so that a question over many files looks into few. Its hash stands in the line of its file in
seal.jsonl.
"""

from __future__ import annotations

import json
import os
from bisect import bisect_left
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vision.results.folder import ResultsError

SUFFIX = ".packs"
_LISTED_MAX = 256
_WORD = pa.dictionary(pa.int32(), pa.string())

SCHEMA = pa.schema(
    [
        ("serial", pa.string()),  # "" where no serial was read
        ("product", _WORD),  # GTIN or PPN, "" where none was read; lot and expiry likewise
        ("lot", _WORD),
        ("expiry", _WORD),
        ("station", _WORD),
        ("trigger", pa.int64()),
        ("revision", pa.int32()),
        ("utc_ns", pa.int64()),  # since the epoch
        ("accept", pa.bool_()),  # this pack was let through
        ("reason", _WORD),  # the first one of its row, on a tray of its place; "" = none
        ("position", pa.int16()),  # its place on the tray, null without a layout
        ("grade", pa.float32()),
        ("row", pa.int32()),  # of the sealed file
    ]
)


@dataclass(frozen=True, slots=True)
class PackList:
    """A pack list, mapped. lots, expiries: those in it; None = too many to list. utc_ns: of the first and the last row.

    revised: it has rows that replace others, maybe in a former file.
    """

    path: Path
    table: pa.Table
    lots: frozenset[str] | None
    expiries: frozenset[str] | None
    utc_ns: tuple[int, int]
    revised: bool

    def of_serial(self, serial: str) -> list[dict[str, Any]]:
        """The rows that bear this serial."""
        serials = self.table["serial"]
        column = serials.chunk(0) if serials.num_chunks else pa.array([], pa.string())
        view = _Serials(column)
        first = bisect_left(view, serial)
        last = first
        while last < len(column) and view[last] == serial:
            last += 1
        return list(self.table.slice(first, last - first).to_pylist())


class _Serials:
    """A column of serials as a sequence of texts."""

    def __init__(self, column: pa.StringArray) -> None:
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    def __getitem__(self, index: int) -> str:
        return str(self._column[index].as_py())


def packs_of(rows: pa.RecordBatch, first_row: int) -> pa.RecordBatch:
    """The packs of these rows, in their order; a row without a symbol gives one pack without a serial.

    rows: as in the results' schema, with at least the columns used here. first_row: number of the first one in its file.
    """
    symbols = rows.column("symbols")
    parents = pc.list_parent_indices(symbols).to_numpy(zero_copy_only=False)
    flat = pc.list_flatten(symbols)
    bare = np.flatnonzero(pc.equal(pc.list_value_length(symbols), 0).to_numpy(zero_copy_only=False))
    order = pa.array(np.concatenate([parents, bare]).astype(np.int32))
    nothing = len(bare)
    elements = flat.field("elements")

    def of_row(name: str) -> pa.Array:
        return rows.column(name).take(order)

    def of_symbol(values: pa.Array, kind: pa.DataType) -> pa.Array:
        return pa.concat_arrays([pc.cast(values, kind), pa.nulls(nothing, kind)])

    def word(*keys: str) -> pa.Array:
        found = pc.coalesce(*[pc.map_lookup(elements, pa.scalar(key), "first") for key in keys], pa.scalar(""))
        return pc.fill_null(of_symbol(found, pa.string()), "").dictionary_encode()

    names = {flat.type.field(i).name for i in range(flat.type.num_fields)}
    reason = pc.fill_null(_first(rows.column("reasons")), "").take(order)
    if "position_reasons" in names:  # a good pack on a bad tray has no fault of its own
        placed = of_symbol(pc.is_valid(flat.field("position")), pa.bool_())
        own = of_symbol(_first(flat.field("position_reasons")), pa.string())
        reason = pc.if_else(pc.fill_null(placed, False), pc.fill_null(own, ""), reason)
    position = of_symbol(flat.field("position"), pa.int16()) if "position" in names else pa.nulls(len(order), pa.int16())
    columns = [
        pc.fill_null(of_symbol(flat.field("serial"), pa.string()), ""),
        word("01", "9N"),
        word("10", "1T"),
        word("17", "D"),
        of_row("station").dictionary_encode(),
        of_row("trigger"),
        of_row("revision"),
        of_row("utc").cast(pa.int64()),
        of_row("accept"),
        reason.dictionary_encode(),
        position,
        of_symbol(pc.struct_field(flat.field("grade"), "overall"), pa.float32()),
        pc.add(order, pa.scalar(first_row, pa.int32())),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def _first(reasons: pa.ListArray) -> pa.StringArray:
    """The first of each list, null where it has none: list_element knows no default."""
    return pc.list_element(pc.if_else(pc.greater(pc.list_value_length(reasons), 0), reasons, pa.scalar(None, reasons.type)), 0)


def write_packs(path: Path, parts: Sequence[pa.RecordBatch]) -> Generator[None, None, None]:
    """Sorts packs by serial and writes a pack list, synced, in steps of a few ms. Raises OSError; then no file is left."""
    table = pa.Table.from_batches(parts, schema=SCHEMA).unify_dictionaries().combine_chunks()
    yield
    table = _by_serial(table)
    yield
    summary = {
        "lots": _listed(table["lot"]),
        "expiries": _listed(table["expiry"]),
        "utc_ns": _span_ns(table),
        "revised": _is_revised(table),
    }
    schema = SCHEMA.with_metadata({"vision.packs": json.dumps(summary)})
    try:
        with open(path, "wb") as file:
            with pa.ipc.new_file(file, schema) as writer:
                writer.write_table(table.replace_schema_metadata(schema.metadata))
            yield
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise
    yield


def _listed(column: pa.ChunkedArray) -> list[str] | None:
    values = sorted(pc.unique(column.cast(pa.string())).to_pylist())
    return values if len(values) <= _LISTED_MAX else None


def open_packs(path: Path) -> PackList:
    """Maps a pack list. Raises FileNotFoundError, and ResultsError for a file that is none."""
    try:
        with pa.memory_map(str(path)) as source:
            table = pa.ipc.open_file(source).read_all()
        summary = json.loads(table.schema.metadata[b"vision.packs"])
        return _packs(path, table, summary)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise ResultsError(f"{path}: not a pack list ({error})") from None


def _packs(path: Path, table: pa.Table, summary: dict[str, Any]) -> PackList:
    lots, expiries = (None if summary[name] is None else frozenset(summary[name]) for name in ("lots", "expiries"))
    return PackList(path, table, lots, expiries, (int(summary["utc_ns"][0]), int(summary["utc_ns"][1])), bool(summary["revised"]))


def packs_in_memory(path: Path, rows: pa.Table) -> PackList:
    """The pack list of rows that have none yet: of an open file, or of one sealed before there were pack lists."""
    parts = []
    first = 0
    for batch in rows.combine_chunks().to_batches():
        parts.append(packs_of(batch, first))
        first += batch.num_rows
    table = _by_serial(pa.Table.from_batches(parts, schema=SCHEMA).unify_dictionaries().combine_chunks())
    first_ns, last_ns = _span_ns(table)
    return PackList(path, table, None, None, (first_ns, last_ns), _is_revised(table))


def _by_serial(table: pa.Table) -> pa.Table:
    order = pc.sort_indices(table, sort_keys=[("serial", "ascending"), ("row", "ascending")])
    return table.take(order).combine_chunks()


def _span_ns(table: pa.Table) -> list[int]:
    times = pc.min_max(table["utc_ns"]).as_py()
    return [times["min"] or 0, times["max"] or 0]


def _is_revised(table: pa.Table) -> bool:
    return bool(pc.any(pc.greater(table["revision"], 0)).as_py())
