"""Where results lie: `<results>/<line>/<batch>/`, one line at a time, and what a batch says about itself (batch.json).

Rows, images and seals are not known here.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path

BATCH_INFO = "batch.json"
IMAGES = "images"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_BATCH = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z(\.\d+)?")


class ResultsError(Exception):
    """One line: which file or folder of the results, and what is wrong with it."""


class LineBusy(ResultsError):
    """Another process runs the line of this folder."""


@dataclass(frozen=True, slots=True)
class BatchInfo:
    """What a batch rests on; written once, before its first row, and covered by the chain of seals.

    order: name of the order, "" where the line ran without one. start_utc: ISO 8601 with offset.
    hashes: sha256 by what was hashed: "recipe", "order", "calibration", "config". files: sha256 of the files that stand beside
    batch.json from the start (the order and its serials). pool: where its serials are, without a password; "" = none.
    """

    line: str
    order: str
    software: str
    start_utc: str
    gtin: str = ""
    lot: str = ""
    hashes: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    pool: str = ""

    def provenance(self) -> dict[str, str]:
        """What every file of the batch says it rests on: software version and hashes."""
        return {"software": self.software, **self.hashes}


class LineLock:
    """Held while a line runs on its results folder; gone with the process that holds it, however it ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> LineLock:
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    sync(folder, os.O_DIRECTORY)


def sync(path: Path, flags: int = 0) -> None:
    """Makes what was written to a file durable, by whomever."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes) -> None:
    """Puts content under path, durably and never in part. Raises OSError; then the former content stands."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def line_folder(results: Path, line: str) -> Path:
    """`<results>/<line>`, made if it is missing and tried for writing. Raises ResultsError in one line that names the folder."""
    if not _NAME.fullmatch(line):
        raise ResultsError(f"line name {line!r}: letters, digits, '.', '_' and '-' only, as it names a folder of the results")
    folder = results / line
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0")
    except OSError as error:
        raise ResultsError(f"{folder}: results folder is not writable ({error.strerror})") from None
    return folder


def lock_line(results: Path, line: str) -> LineLock:
    """Takes the line's results folder for this process. Raises ResultsError if another line runs on it or it is not writable."""
    folder = line_folder(results, line)
    descriptor = -1
    try:
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise LineBusy(f"{folder}: another line runs on this folder (process {holder or 'unknown'})") from None
    except OSError as error:
        if descriptor >= 0:
            os.close(descriptor)
        raise ResultsError(f"{folder}: cannot be locked ({error.strerror})") from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return LineLock(descriptor)


def line_holder(results: Path, line: str) -> int | None:
    """The process that runs a line on its results folder, None where nobody does. Raises ResultsError for a folder that is none."""
    try:
        lock_line(results, line).release()
    except LineBusy:
        try:
            return int((results / line / ".lock").read_text().strip())
        except (OSError, ValueError):
            return None
    return None


def batch_folder(results: Path, line: str, start: datetime) -> Path:
    """A new folder for the batch that starts now, named by its start in UTC. start: with a time zone. Raises ResultsError."""
    folder = line_folder(results, line)
    if start.tzinfo is None:
        raise ValueError("the start of a batch needs a time zone")
    name = start.astimezone(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    for attempt in range(1, 1000):
        batch = folder / (name if attempt == 1 else f"{name}.{attempt}")
        try:
            batch.mkdir()
            (batch / IMAGES).mkdir()
            sync_folder(folder)
            return batch
        except FileExistsError:
            continue
        except OSError as error:
            raise ResultsError(f"{batch}: cannot be made ({error.strerror})") from None
    raise ResultsError(f"{folder}: 999 batches started in the same second")


def batches(line: Path) -> list[Path]:
    """The batch folders of a line's folder, oldest first."""
    if not line.is_dir():
        return []

    def age(batch: Path) -> tuple[str, int]:
        name, _, attempt = batch.name.partition(".")
        return name, int(attempt or 1)

    return sorted((entry for entry in line.iterdir() if entry.is_dir() and _BATCH.fullmatch(entry.name)), key=age)


def batch_in(folder: Path) -> Path:
    """The folder itself, or where it is a line's folder, that of its newest batch."""
    return folder if (folder / BATCH_INFO).exists() else next(reversed(batches(folder)), folder)


def write_batch_info(folder: Path, info: BatchInfo) -> None:
    """Writes batch.json, once. Raises ResultsError if it stands there already or cannot be written."""
    path = folder / BATCH_INFO
    if path.exists():
        raise ResultsError(f"{path}: stands already, and a batch does not change what it rests on")
    try:
        write_whole(path, (json.dumps(asdict(info), indent=1, sort_keys=True) + "\n").encode())
    except OSError as error:
        raise ResultsError(f"{path}: cannot be written ({error.strerror})") from None


def read_batch_info(folder: Path) -> BatchInfo:
    """What batch.json says; keys of later versions are left out. Raises ResultsError naming the file."""
    path = folder / BATCH_INFO
    try:
        values = json.loads(path.read_bytes())
        return BatchInfo(**{item.name: values[item.name] for item in fields(BatchInfo) if item.name in values})
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, TypeError) as error:
        raise ResultsError(f"{path}: not the description of a batch ({error})") from None
