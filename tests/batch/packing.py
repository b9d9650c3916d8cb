"""A batch without a line: packs come to the record as the recorder brings them, claim by claim and row by row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.results.samples import GTIN, record
from vision.batch.claims import Claims
from vision.batch.life import OrderedBatch, ordered_batch
from vision.cli.main import call
from vision.results.images import EvidenceStore
from vision.results.writer import BatchWriter
from vision.types import Reason, Record

DEMO_FRAMES = Path(__file__).resolve().parents[2] / "vision" / "demo" / "packs.zip"


def line_file(folder: Path, name: str = "L1", pool: str = "", more: str = "") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(
        f"""
[line]
name = "{name}"
results = "{folder / "results"}"
{f'serial_pool = "{pool}"' if pool else ""}
{more}
[[station]]
name = "S1"
[station.camera]
backend = "recorded"
source = "{DEMO_FRAMES}"
rate_hz = 20.0
[station.reject]
output = "simulated"
distance_mm = 600.0
speed_mm_per_s = 1000.0
""",
        encoding="utf-8",
    )
    return path


def order_file(folder: Path, serials: Sequence[str] | dict[str, str] | None, **changes: object) -> Path:
    order = {
        "order": "PO-1",
        "product": "Examplol <b>10 mg</b>",
        "scheme": "GS1",
        "gtin": GTIN,
        "lot": "L=1+1",
        "expiry": "271200",
        "national_number": None,
        "serials": serials,
        "quantity": 1 if serials is None else len(serials),
        "grade_min": 1.5,
        "edition": "2011",
        "symbols_per_frame": 1,
        **changes,
    }
    path = folder / "order.json"
    path.write_text(json.dumps(order), encoding="utf-8")
    return path


def vision(*arguments: object) -> int:
    return call([str(argument) for argument in arguments])


def start_batch(
    folder: Path, serials: Sequence[str] | None = None, name: str = "L1", pool: str = "", more: str = ""
) -> OrderedBatch:
    """Through the command, in this process; the folder of the batch."""
    chosen = [f"SN{number}" for number in range(1, 21)] if serials is None else serials
    assert vision("batch", "start", line_file(folder, name, pool, more), order_file(folder, chosen), "--who", "A. Operator") == 0
    return ordered_batch(max((folder / "results" / name).iterdir(), key=lambda path: (path.is_dir(), path.name)))


class Packing:
    """One run of a batch: each pack is claimed, written and made durable in turn."""

    def __init__(self, batch: OrderedBatch, rows_per_file: int = 10_000) -> None:
        self.batch = batch
        self.pool = batch.pool()
        self.claims = Claims(self.pool, batch.product, batch.name, batch.order.serials is not None)
        self.writer = BatchWriter(batch.folder, batch.info.provenance(), rows_per_file)
        self.images = EvidenceStore(batch.folder / "images", 100, 10**8, 0)

    def pack(self, trigger: int, *reasons: Reason, serial: str | None = None) -> Record:
        """A pack with its serial (SN and its trigger's number, unless said); "" = none was read."""
        text = f"SN{trigger}" if serial is None else serial
        row = record(trigger, *reasons, serial=text or None)
        row = replace(row, serials=(text,)) if text else replace(row, symbols=b"")
        self.claims.claim([row])
        self.writer.append([row])
        self.writer.commit()
        return row

    def amend(self, row: Record, reason: Reason) -> None:
        amended = replace(row, reasons=(reason,), revision=row.revision + 1)
        self.writer.append([amended])
        self.writer.commit()
        self.claims.give_back([amended])

    def close(self) -> None:
        self.writer.close(last=False)
        self.pool.close()
