"""After a crash: what the last process left behind is made whole, and nothing that was acknowledged is lost.

An open file loses its torn tail (never acknowledged) and is sealed; a half-written temporary file goes; a sealing that had got
as far as its line in seal.jsonl is finished. A `.arrow` file without a seal and without its open file cannot come from a crash,
as the open file is removed last: it stays where it is, no seal is made for it, and `verify` reports it. To recover twice is
harmless.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from vision.results.chain import chain_lines
from vision.results.folder import IMAGES, ResultsError
from vision.results.images import DAMAGED, recover_images
from vision.results.operations import mend_operations
from vision.results.seal import SEALS, finish_interrupted, seal_file
from vision.results.stream import StreamReader


@dataclass(slots=True)
class Recovery:
    """What was done in one batch folder. torn_bytes: cut off at the last whole batch. rows: rows that were sealed now.

    problems: one line each, what could not be made whole; the files concerned are left as they are. image_problems: the same
    for the evidence, which must not keep a recorder from starting.
    """

    folder: Path
    torn_bytes: int = 0
    rows: int = 0
    done: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    image_problems: list[str] = field(default_factory=list)


def needs_recovery(folder: Path) -> bool:
    """A batch folder was left in the middle of something."""
    return any(folder.glob("*.arrows")) or any(folder.glob(".*.tmp")) or any((folder / IMAGES).glob(".*.tmp"))


def recover(folder: Path) -> Recovery:
    """Makes a batch folder whole; call while nobody writes to it. Problems are reported, not raised."""
    recovery = Recovery(folder)
    try:  # before the rows: the seal that those get covers the images, and must not cover one that a crash took
        recovery.done += recover_images(folder / IMAGES)
    except DAMAGED as error:
        recovery.image_problems.append(f"{folder / IMAGES}: not recovered ({error})")
    try:
        _recover_rows(folder, recovery)
    except (ResultsError, *DAMAGED) as error:
        recovery.problems.append(f"{folder}: not recovered ({error})")
    return recovery


def _recover_rows(folder: Path, recovery: Recovery) -> None:
    recovery.done += finish_interrupted(folder)
    recovery.done += mend_operations(folder)
    for temporary in sorted(folder.glob(".*.tmp")):
        temporary.unlink()
        recovery.done.append(f"{temporary.name}: half-written, removed")
    for stream in sorted(folder.glob("*.arrows")):
        reader = StreamReader(stream)
        rows = sum(batch.num_rows for batch in reader)
        if reader.torn_bytes:
            recovery.torn_bytes += reader.torn_bytes
            recovery.done.append(f"{stream.name}: torn tail of {reader.torn_bytes} bytes dropped")
        if reader.schema is None:
            # The head is synced before the first row is written: no row of this file was ever acknowledged.
            stream.unlink()
            continue
        if stream.with_suffix(".arrow").name in _sealed_names(folder):
            recovery.problems.append(f"{stream.name}: its sealed file is damaged; both are kept")
            continue
        seal_file(stream)
        recovery.rows += rows
        recovery.done.append(f"{stream.name}: sealed with {rows} rows as written")


def _sealed_names(folder: Path) -> set[str]:
    path = folder / SEALS
    return {json.loads(line)["name"] for line in chain_lines(path.read_bytes())} if path.exists() else set()
