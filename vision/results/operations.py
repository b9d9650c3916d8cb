"""What people did to a batch: `operations.jsonl`, one line per operation, with who, what, when and why.

A chain (vision.results.chain) that starts from batch.json; each seal says how many lines it had then, and the hash of the last. A
batch that has such a file was started by a person and goes on until its line "end"; one without was a single run.
"""

from __future__ import annotations

import fcntl
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vision.results.chain import chain_lines, link, origin, sha256
from vision.results.folder import BATCH_INFO, ResultsError, sync_folder

OPERATIONS = "operations.jsonl"


def utc_now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def append_operation(folder: Path, who: str, what: str, why: str = "", **more: Any) -> dict[str, Any]:
    """Writes an operation, durably, behind the others, and gives it back. Raises ResultsError; then nothing was written.

    who: the name of the person. why: in words. more: what belongs to it, as JSON ("serials": [...], "to": "Sampled").
    """
    entry = {"utc": utc_now(), "who": _named(who, "who"), "what": what, "why": why, **more}
    path = folder / OPERATIONS
    created = not path.exists()
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # two people at the same instant must not follow the same line
            content = path.read_bytes()
            lines = chain_lines(content)
            whole = sum(map(len, lines))
            if whole != len(content):
                os.ftruncate(descriptor, whole)  # torn by a crash; it was never acknowledged
            line = link(entry, sha256(lines[-1]) if lines else origin(folder / BATCH_INFO))
            _write(descriptor, line, whole)
        finally:
            os.close(descriptor)
        if created:
            sync_folder(folder)
    except OSError as error:
        raise ResultsError(f"{path}: operation {what} not recorded ({error.strerror or error})") from None
    return entry


def _write(descriptor: int, line: bytes, before: int) -> None:
    try:
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, before)
        raise


def _named(text: str, key: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > 80:
        raise ResultsError(f"{key}: {text!a}: expected the name of a person, 1 to 80 printable characters")
    return text.strip()


def read_operations(folder: Path) -> list[dict[str, Any]]:
    """All operations of a batch in their order; none where it has no such file. Raises ResultsError for a damaged one."""
    path = folder / OPERATIONS
    if not path.exists():
        return []
    try:
        return [json.loads(line) for line in chain_lines(path.read_bytes())]
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path}: cannot be read ({error})") from None


def is_open(folder: Path) -> bool:
    """A person started this batch and nobody ended it yet: runs of its line go on in it."""
    operations = read_operations(folder)
    return bool(operations) and not any(operation["what"] == "end" for operation in operations)


def operations_head(folder: Path) -> dict[str, Any] | None:
    """How many operations there are and the hash of the last line, for a seal or a signature; None where there is no file."""
    path = folder / OPERATIONS
    if not path.exists():
        return None
    lines = chain_lines(path.read_bytes())
    return {"lines": len(lines), "sha256": sha256(lines[-1])} if lines else None


def mend_operations(folder: Path) -> list[str]:
    """After a crash: cuts a torn last line off, which was never acknowledged; says what it did. Raises OSError."""
    path = folder / OPERATIONS
    content = path.read_bytes() if path.exists() else b""
    whole = sum(map(len, chain_lines(content)))
    if whole == len(content):
        return []
    os.truncate(path, whole)
    return [f"{OPERATIONS}: torn line of {len(content) - whole} bytes cut off"]
