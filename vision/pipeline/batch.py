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

from vision.batch.life import OrderedBatch, describe_batch, provenance_hashes, write_order
from vision.batch.settle import settle
from vision.config import LineConfig
from vision.content.order import Order
from vision.content.serials import SerialIndex
from vision.pipeline.last_words import closing_records, read_last_words, remove_last_words
from vision.results.folder import (
    ResultsError,
    batch_folder,
    batches,
    line_folder,
    lock_line,
    write_batch_info,
)
from vision.results.operations import is_open
from vision.results.reader import accepted_serials, open_batch, revisions, row_files
from vision.results.recovery import needs_recovery, recover
from vision.results.seal import ended
from vision.results.writer import BatchWriter
from vision.serials.states import CLAIMABLE
from vision.types import Record
from vision.verdict.recipe import Recipe
from vision.version import VERSION

LOGS = "logs"
"""Folder in a batch for all that is no record: logs, stack dumps, what outputs and PLC were told, last words."""

log = logging.getLogger("line")


class Batch:
    """The results folder of one run, locked for this line, and the serials already seen.

    order: None = syntax and grade alone decide. start: now, with a time zone. ordered: the open batch that the run goes on in.
    last_triggers: of each station, none in a new batch. Raises ResultsError, and PoolError with an open batch, in one line.
    """

    def __init__(
        self,
        config: LineConfig,
        order: Order | None,
        recipes: Sequence[Recipe],
        start: datetime | None = None,
        ordered: OrderedBatch | None = None,
    ) -> None:
        self._lock = lock_line(config.results, config.name)
        self.last_triggers: Sequence[int] = ()
        self._ordered = ordered
        try:
            line = line_folder(config.results, config.name)
            self.mended = mend_line(line)
            if ordered is not None:
                self._go_on(config, ordered, recipes)
                return
            self.folder = batch_folder(config.results, config.name, start or datetime.now(UTC))
            self.logs = self.folder / LOGS
            self.logs.mkdir()
            if order is not None:
                write_order(self.folder, order)
            info = describe_batch(config.name, order, provenance_hashes(config, order, recipes), self.folder)
            write_batch_info(self.folder, info)
            self.provenance = info.provenance()
            seen: Sequence[str] = ()
            if order is not None and config.unique_within == "order":
                seen = list(accepted_serials(line, order.order, order.product_code))
            self.serials = SerialIndex(order, seen)
        except BaseException:
            if hasattr(self, "folder") and ordered is None:
                shutil.rmtree(self.folder, ignore_errors=True)
            self._lock.release()
            raise

    def _go_on(self, config: LineConfig, ordered: OrderedBatch, recipes: Sequence[Recipe]) -> None:
        """Another run of an open batch: its triggers are counted on, its serials are what pool and journal say."""
        self.folder = ordered.folder
        self.logs = self.folder / LOGS
        self.logs.mkdir(exist_ok=True)
        hashes = provenance_hashes(config, ordered.order, recipes)
        changed = sorted(name for name in {*hashes, *ordered.info.hashes} if hashes.get(name) != ordered.info.hashes.get(name))
        if changed or ordered.info.software != VERSION:
            what = ", ".join(changed) or "software"
            raise ResultsError(f"{self.folder}: was started with another {what}, which a batch does not change: end it first")
        self.provenance = ordered.info.provenance()
        last: dict[str, int] = {}
        for station, trigger in revisions(row_files(self.folder)):
            last[station] = max(trigger, last.get(station, 0))
        self.last_triggers = [last.get(station.name, 0) for station in config.stations]
        with ordered.pool() as pool:
            settled = settle(ordered, pool)
            self.mended += [f"{self.folder.name}: {words}" for words in settled.contradictions]
            self.serials = SerialIndex(ordered.order)
            self.serials.see(s for s, state in pool.of_batch(ordered.product, ordered.name) if state not in CLAIMABLE)
            self.serials.block(pool.blocked(ordered.product))

    def abandon(self) -> None:
        """Ends a batch whose line did not come to run: sealed like one whose line died, or gone where no trigger came."""
        mend_line(self.folder.parent)
        if self._ordered is None and not revisions(row_files(self.folder)):
            shutil.rmtree(self.folder, ignore_errors=True)

    def release(self) -> None:
        self._lock.release()


def mend_line(line: Path) -> list[str]:
    """Brings every batch of a line that was left in the middle to its end; what was done, a line each."""
    done = []
    for folder in batches(line):
        if not (needs_recovery(folder) or read_last_words(folder / LOGS) or (is_open(folder) and _has_holes(folder))):
            continue
        recovery = recover(folder)
        done += [f"{folder.name}: {what}" for what in (*recovery.done, *recovery.problems)]
        words = read_last_words(folder / LOGS)
        if ended(folder):
            remove_last_words(folder / LOGS)  # came too late; nothing is added behind a last seal
            continue
        if (words or is_open(folder)) and not recovery.problems:
            # Where all died at once nobody left words: rows that came out of turn leave holes, which the next run counts past.
            writer = BatchWriter(folder, {"software": VERSION})
            count = close_account(folder, writer, {})
            writer.close(last=not is_open(folder))
            remove_last_words(folder / LOGS)
            done.append(f"{folder.name}: account closed with {count} rows of LINE_LOST")
    return done


def _has_holes(folder: Path) -> bool:
    """Whether a trigger below the last of its station has no row."""
    table = open_batch(folder, ["station", "trigger"])
    spans = table.group_by("station").aggregate([("trigger", "max"), ("trigger", "count")])
    return bool(spans["trigger_max"].to_pylist() != spans["trigger_count"].to_pylist())


def close_account(folder: Path, writer: BatchWriter, recent: Mapping[tuple[str, int], Record]) -> int:
    """Writes the rows that the line's death left open; how many. Raises RecordingError."""
    rows = [(*key, *known) for key, known in revisions(row_files(folder)).items()]
    records = closing_records(rows, read_last_words(folder / LOGS), recent, time.monotonic_ns(), time.time_ns())
    writer.append(records)
    writer.commit()
    return len(records)


__all__ = ["Batch", "ResultsError", "close_account", "mend_line"]
