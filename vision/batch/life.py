"""A batch that a person starts and ends: from an order and its serials to a folder that runs go on in.

Everything is in files: batch.json says what it rests on, order.json and serials.csv what was ordered, operations.jsonl what people
did. Rows and seals are the recorder's; what is open after a fault is for `settle` (vision.batch.settle).
"""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vision.config import LineConfig, config_hash
from vision.content.order import Order, load_order
from vision.results.folder import (
    BatchInfo,
    ResultsError,
    batch_folder,
    batches,
    read_batch_info,
    write_batch_info,
    write_whole,
)
from vision.results.operations import append_operation, is_open
from vision.results.seal import file_sha256
from vision.serials.open import open_pool
from vision.serials.pool import Pool
from vision.serials.states import State
from vision.verdict.recipe import Recipe
from vision.version import VERSION

ORDER = "order.json"
SERIALS = "serials.csv"


@dataclass(frozen=True, slots=True)
class OrderedBatch:
    """A batch that was started by a person. folder: `<results>/<line>/<batch>`."""

    folder: Path
    info: BatchInfo
    order: Order

    @property
    def name(self) -> str:
        """What the pool calls it: LINE/BATCH."""
        return f"{self.info.line}/{self.folder.name}"

    @property
    def product(self) -> str:
        return self.order.product_code

    def pool(self) -> Pool:
        """Opens its pool. Raises PoolError."""
        return open_pool(self.info.pool)


def ordered_batch(folder: Path) -> OrderedBatch:
    """The batch in a folder. Raises ResultsError where none that a person started is there."""
    info = read_batch_info(folder)
    if not info.pool or not (folder / ORDER).exists():
        raise ResultsError(f"{folder}: was not started by `vision batch start`")
    return OrderedBatch(folder, info, load_order(folder / ORDER))


def open_batch_of(results: Path, line: str) -> OrderedBatch | None:
    """The batch of a line that is open, None where none is."""
    for folder in reversed(batches(results / line)):
        if is_open(folder):
            return ordered_batch(folder)
    return None


def pool_address(config: LineConfig) -> str:
    """The pool that a line draws on: as its file says, else one file for all lines of a results folder."""
    return config.serial_pool or f"sqlite:{(config.results / 'serials.db').resolve()}"


def provenance_hashes(config: LineConfig, order: Order | None, recipes: Iterable[Recipe]) -> dict[str, str]:
    """sha256 of all that a batch's verdicts rest on, by what it is; further stations under their names."""
    hashes: dict[str, str] = {}
    for station, recipe in zip(config.stations, recipes, strict=True):
        suffix = f"_{station.name}" if hashes else ""
        hashes[f"recipe{suffix}"] = recipe.hash()
        # Without a calibration file, the grey levels and the aperture of the set-up are what reflectance rests on.
        hashes[f"calibration{suffix}"] = recipe.setup.calibration or recipe.setup_hash()
    hashes["config"] = config_hash(config)
    if order is not None:
        hashes["order"] = order.digest()
    return hashes


def describe_batch(line: str, order: Order | None, hashes: Mapping[str, str], folder: Path, pool: str = "") -> BatchInfo:
    """What batch.json says; the order's files must be in the folder."""
    return BatchInfo(
        line=line,
        order=order.order if order else "",
        software=VERSION,
        start_utc=datetime.now(UTC).isoformat(timespec="milliseconds"),
        gtin=order.product_code if order else "",
        lot=order.lot if order else "",
        hashes=dict(hashes),
        files={name: file_sha256(folder / name) for name in (ORDER, SERIALS) if (folder / name).exists()},
        pool=pool,
    )


def write_order(folder: Path, order: Order) -> None:
    """Puts the order into a batch folder, its serials in a file of their own. Raises ResultsError."""
    try:
        if order.serials is not None:
            write_whole(folder / SERIALS, _csv(order.serials))
        given = None if order.serials is None else {"file": SERIALS}
        write_whole(folder / ORDER, (json.dumps(order.as_json(given), indent=1, sort_keys=True) + "\n").encode())
    except OSError as error:
        raise ResultsError(f"{folder}: the order cannot be written ({error.strerror or error})") from None


def _csv(serials: Iterable[str]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["serial"])
    writer.writerows([serial] for serial in serials)
    return text.getvalue().encode()


def start(config: LineConfig, order: Order, recipes: Iterable[Recipe], who: str, why: str = "") -> OrderedBatch:
    """Starts a batch: its folder, its order, its serials allocated in the pool. Call with the line locked and mended.

    Raises ResultsError or PoolError in one line; then no batch was started, and no serial was taken.
    """
    running = open_batch_of(config.results, config.name)
    if running is not None:
        raise ResultsError(f"{running.folder}: is open; end it before another batch is started on line {config.name}")
    with open_pool(pool_address(config)) as pool:
        folder = batch_folder(config.results, config.name, datetime.now(UTC))
        try:
            write_order(folder, order)
            hashes = provenance_hashes(config, order, recipes)
            write_batch_info(folder, describe_batch(config.name, order, hashes, folder, pool.name))
            name = f"{config.name}/{folder.name}"
            count = 0
            if order.serials is not None:
                count = pool.load(order.product_code, order.serials, State.ALLOCATED, name)
            asked = {"challenge_minutes": config.challenge_minutes} if config.challenge_minutes > 0 else {}
            allocated = count if order.serials is not None else None
            append_operation(folder, who, "start", why, order=order.order, allocated=allocated, **asked)
        except BaseException:
            _undo(folder, pool, order, f"{config.name}/{folder.name}")
            raise
    return ordered_batch(folder)


def _undo(folder: Path, pool: Pool, order: Order, name: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    pool.move_all(order.product_code, name, State.ALLOCATED, State.UNALLOCATED)
