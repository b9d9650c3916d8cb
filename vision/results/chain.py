"""Hash chains in JSON lines: the seals of a batch (`seal.jsonl`) and the list of its images (`images/images.jsonl`).

One line is one JSON object. `previous` is the sha256 of the line before, its newline included, in hexadecimal; in the first
line it is the sha256 of what the chain starts from (batch.json), or 64 zeros where it starts from nothing. A stranger checks
a link with `sed -n 3p seal.jsonl | sha256sum` against `previous` of line 4. What the lines say is not known here.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vision.results.folder import sync_folder

GENESIS = "0" * 64


def sha256(content: bytes | bytearray | memoryview) -> str:
    return hashlib.sha256(content).hexdigest()


def origin(path: Path) -> str:
    """What a chain that starts from this file has as its first `previous`."""
    return sha256(path.read_bytes()) if path.exists() else GENESIS


def chain_lines(content: bytes) -> list[bytes]:
    """The whole lines, newline included; a torn last line is left out."""
    return [line + b"\n" for line in content.split(b"\n")[:-1]]


def link(entry: Mapping[str, Any], previous: str) -> bytes:
    """The line that says entry, behind the line whose hash is previous."""
    return (json.dumps({**entry, "previous": previous}, separators=(",", ":"), ensure_ascii=True) + "\n").encode()


def chain_entries(name: str, content: bytes, first_previous: str) -> tuple[list[dict[str, Any]], list[str]]:
    """What the lines of a chain say, and what is wrong with it (in words that start with name)."""
    entries: list[dict[str, Any]] = []
    problems: list[str] = []
    previous = first_previous
    lines = chain_lines(content)
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
            if not isinstance(entry, dict) or link({k: v for k, v in entry.items() if k != "previous"}, entry["previous"]) != line:
                raise ValueError("not as we write it")
        except (ValueError, KeyError) as error:
            problems.append(f"{name}: line {number} is not a link of the chain ({error})")
        else:
            entries.append(entry)
            if entry["previous"] != previous:
                problems.append(f"{name}: line {number} does not follow the line before it: the chain is cut or was reordered")
        previous = sha256(line)
    if sum(map(len, lines)) != len(content):
        problems.append(f"{name}: the last line is torn")
    return entries, problems


def append_line(path: Path, line: bytes, sync: bool) -> None:
    """Puts a line behind the file's last one. Raises OSError; then the file is as long as before."""
    created = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        before = os.fstat(descriptor).st_size
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            if sync:
                os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, before)
            raise
    finally:
        os.close(descriptor)
    if created and sync:
        sync_folder(path.parent)
