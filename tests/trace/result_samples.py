"""A results folder as a line leaves it, for the tests of trace: batches of lots, sealed and open files, an amended row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.results.samples import finding, record
from tests.trace.event_samples import START_NS, gtin
from vision.results.folder import BatchInfo, write_batch_info
from vision.results.schema import symbol_rows
from vision.results.writer import BatchWriter
from vision.types import Content, Reason, Record

EXPIRY = "281200"


def pack_record(
    trigger: int, serial: str, lot: str, *reasons: Reason, item: int = 0, utc_ns: int | None = None, **changes: object
) -> Record:
    """A pack as read: GTIN number item, serial, lot."""
    elements = {"01": gtin(item), "17": EXPIRY, "10": lot, "21": serial}
    seen = replace(finding(serial), content=Content("", elements))
    plain = record(trigger, *reasons, symbols=symbol_rows((seen,)), utc_ns=START_NS + trigger * 10**9 if utc_ns is None else utc_ns)
    return replace(plain, **changes)  # type: ignore[arg-type]


def batch(results: Path, name: str, records: Sequence[Record], lot: str, rows_per_file: int = 10, close: bool = True) -> Path:
    """A batch folder with these rows. close: sealed to its end; else its last file stays open."""
    folder = results / "L1" / name
    (folder / "images").mkdir(parents=True)
    write_batch_info(folder, BatchInfo("L1", f"PO-{lot}", "test", "2026-11-26T12:00:00.000+00:00", gtin(0), lot))
    writer = BatchWriter(folder, {}, rows_per_file)
    for one in records:
        writer.append([one])
        writer.commit()
        while writer.roll(settled=True, budget_ns=10**9):
            pass
    if close:
        writer.close()
    return folder
