"""Manual rework: a rejected pack is scanned again by hand and, if it is good now, leaves the reject bin as an accepted pack.

Each scan is a trigger of a station of its own (REWORK) with a row, a claim and evidence as on the line: the row that rejected the
pack stays. The line must stand, as only one process writes to a batch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from vision.batch.claims import Claims
from vision.batch.life import OrderedBatch
from vision.batch.reconcile import REWORK
from vision.cameras.image_file import read_mono8
from vision.inspection import Workspace, inspect
from vision.results.folder import IMAGES
from vision.results.images import EvidenceStore
from vision.results.operations import append_operation
from vision.results.reader import open_batch
from vision.results.schema import symbol_rows
from vision.results.writer import BatchWriter
from vision.serials.pool import Pool
from vision.types import Frame, Record
from vision.verdict.recipe import Recipe

_IMAGES = 10_000
_IMAGE_BYTES = 2_000_000_000


def rework(
    batch: OrderedBatch, pool: Pool, recipe: Recipe, images: Sequence[Path], who: str, why: str
) -> Iterator[tuple[Path, Record]]:
    """Scans images of rejected packs in turn, by the recipe of a station; yields each with its record, which is durable then.

    Raises CameraError for a file that is no image, ResultsError, PoolError.
    """
    frames = [(path, read_mono8(path)) for path in images]  # all can be read, or none is scanned
    rows = open_batch(batch.folder, ["station", "trigger"]).to_pylist()
    trigger = max((row["trigger"] for row in rows if row["station"] == REWORK), default=0)
    claims = Claims(pool, batch.product, batch.name, batch.order.serials is not None, asked_before=False)
    writer = BatchWriter(batch.folder, batch.info.provenance())
    evidence = EvidenceStore(batch.folder / IMAGES, _IMAGES, _IMAGE_BYTES, 0)
    triggers = []
    try:
        with closing(Workspace()) as work:
            for path, pixels in frames:
                trigger += 1
                record = _scan(Frame(pixels, station=REWORK, trigger=trigger), recipe, work)
                claims.claim([record])
                writer.append([record])
                writer.commit()
                evidence.keep(REWORK, trigger, pixels)
                triggers.append(trigger)
                yield path, record
    finally:
        if triggers:
            append_operation(batch.folder, who, "rework", why, station=REWORK, triggers=triggers)
        writer.close(last=False)


def _scan(frame: Frame, recipe: Recipe, work: Workspace) -> Record:
    begin_ns = time.monotonic_ns()
    inspection = inspect(frame, recipe, work)
    end_ns = time.monotonic_ns()
    serials = tuple(f.content.serial for f in inspection.findings if f.content is not None and f.content.serial)
    return Record(
        frame.station,
        frame.trigger,
        inspection.verdict.reasons,
        arrival_ns=begin_ns,
        utc_ns=time.time_ns(),
        decided_ns=end_ns,
        inspect_ns=end_ns - begin_ns,
        symbols=symbol_rows(inspection.findings),
        evidence=True,
        detail="scanned again by hand",
        serials=serials,
    )
