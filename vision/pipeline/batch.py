"""A batch from its folder to its serials: what a start must lock, mend and find before the first process is made.

Every start first brings older batches of this line to their end: torn files are cut back to their last whole row,
accounts left open by a line that died are closed, files are sealed.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from vision.config import LineConfig, config_hash
from vision.content.order import Order
from vision.content.serials import SerialIndex
from vision.pipeline.last_words import closing_records, read_last_words, remove_last_words
from vision.results.folder import (
    BatchInfo,
    ResultsError,
    batch_folder,
    batches,
    line_folder,
    lock_line,
    write_batch_info,
)
from vision.results.reader import accepted_serials, revisions, row_files
from vision.results.recovery import needs_recovery, recover
from vision.results.writer import BatchWriter
from vision.types import Record
from vision.verdict.recipe import Recipe
from vision.version import VERSION

LOGS = "logs"
"""Folder in a batch for all that is no record: logs, stack dumps, what outputs and PLC were told, last words."""

log = logging.getLogger("line")


class Batch:
    """The results folder of one run, locked for this line, and the serials already seen.

    order: None = syntax and grade alone decide. start: now, with a time zone. Raises ResultsError in one line.
    """

    def __init__(self, config: LineConfig, order: Order | None, recipes: Sequence[Recipe], start: datetime | None = None) -> None:
        self._lock = lock_line(config.results, config.name)
        try:
            line = line_folder(config.results, config.name)
            self.mended = mend_line(line)
            self.folder = batch_folder(config.results, config.name, start or datetime.now(UTC))
            self.logs = self.folder / LOGS
            self.logs.mkdir()
            hashes = {"recipe": recipes[0].hash(), "config": config_hash(config)}
            for station, recipe in zip(config.stations[1:], recipes[1:], strict=True):
                hashes[f"recipe_{station.name}"] = recipe.hash()
            if order is not None:
                hashes["order"] = order.digest()
            info = BatchInfo(
                line=config.name,
                order=order.order if order else "",
                software=VERSION,
                start_utc=datetime.now(UTC).isoformat(timespec="milliseconds"),
                gtin=(order.gtin or order.ppn or "") if order else "",
                lot=order.lot if order else "",
                hashes=hashes,
            )
            write_batch_info(self.folder, info)
            self.provenance = info.provenance()
            seen: Sequence[str] = ()
            if order is not None and config.unique_within == "order":
                seen = list(accepted_serials(line, order.order, order.gtin or order.ppn or ""))
            self.serials = SerialIndex(order, seen)
        except BaseException:
            if hasattr(self, "folder"):
                shutil.rmtree(self.folder, ignore_errors=True)
            self._lock.release()
            raise

    def abandon(self) -> None:
        """Ends a batch whose line did not come to run: sealed like one whose line died, or gone where no trigger came."""
        mend_line(self.folder.parent)
        if not revisions(row_files(self.folder)):
            shutil.rmtree(self.folder, ignore_errors=True)

    def release(self) -> None:
        self._lock.release()


def mend_line(line: Path) -> list[str]:
    """Brings every batch of a line that was left in the middle to its end; what was done, a line each."""
    done = []
    for folder in batches(line):
        if not (needs_recovery(folder) or read_last_words(folder / LOGS)):
            continue
        recovery = recover(folder)
        done += [f"{folder.name}: {what}" for what in (*recovery.done, *recovery.problems)]
        words = read_last_words(folder / LOGS)
        if words and not recovery.problems:
            writer = BatchWriter(folder, {"software": VERSION})
            count = close_account(folder, writer, {})
            writer.close()
            remove_last_words(folder / LOGS)
            done.append(f"{folder.name}: account closed with {count} rows of LINE_LOST")
    return done


def close_account(folder: Path, writer: BatchWriter, recent: Mapping[tuple[str, int], Record]) -> int:
    """Writes the rows that the line's death left open; how many. Raises RecordingError."""
    rows = [(*key, *known) for key, known in revisions(row_files(folder)).items()]
    records = closing_records(rows, read_last_words(folder / LOGS), recent, time.monotonic_ns(), time.time_ns())
    writer.append(records)
    writer.commit()
    return len(records)


__all__ = ["Batch", "ResultsError", "close_account", "mend_line"]
