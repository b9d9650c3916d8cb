"""Sealing: an open `.arrows` becomes a `.arrow` file with one row per trigger, hashed into the chain of the batch.

How a stranger checks a batch, with sha256sum and this page:
- `sha256sum -c seal.sha256` says that seal.jsonl is whole. Its one hash is the head of the batch, as printed on the report.
- each line of seal.jsonl names a file with the hash that `sha256sum 000001.arrow` must print;
- `previous` of line n is what `sed -n <n-1>p seal.jsonl | sha256sum` prints; of line 1, what `sha256sum batch.json` prints;
- `images` in a line says how many lines images/images.jsonl had then, and the hash of the last of them (64 zeros for none);
  each of its lines names an image with its hash, and is chained in the same way from 64 zeros; one with `lost` names an image
  that a crash took before any seal covered it, and the hash of what is left of it;
- `operations` says the same of operations.jsonl, whose chain starts from batch.json; `files` in batch.json names the order's;
- `packs` in a line is what `sha256sum 000001.packs` must print (see vision.results.packs).

The order of steps makes each crash between two of them recoverable (see vision.results.recovery): temporary file, fsync,
rename, fsync of the folder, line in seal.jsonl, fsync, seal.sha256, and only then is the open file removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from vision.results.chain import GENESIS, append_line, chain_lines, link, origin, sha256
from vision.results.folder import BATCH_INFO, IMAGES, ResultsError, sync, sync_folder, write_whole
from vision.results.operations import operations_head
from vision.results.packs import SUFFIX, packs_of, write_packs
from vision.results.schema import provenance_of
from vision.results.stream import StreamReader

SEALS = "seal.jsonl"
HEAD = "seal.sha256"
IMAGE_LIST = "images.jsonl"
_CHUNK_ROWS = 512
_GROUP_BATCHES = 16
_HASH_BYTES = 1 << 20

Key = tuple[str, int]
Steps = Generator[None, None, None]


def head_text(seals: bytes) -> bytes:
    """What seal.sha256 holds for these seals: the line that `sha256sum seal.jsonl` prints."""
    return f"{sha256(seals)}  {SEALS}\n".encode()


def head(folder: Path) -> str:
    """The hash that stands for the whole batch, "" while nothing is sealed. Raises OSError."""
    seals = folder / SEALS
    return sha256(seals.read_bytes()) if seals.exists() else ""


def seal_steps(stream: Path, last: bool = False) -> Steps:
    """Seals an open file that nobody writes to any more, in steps of a few ms; may be dropped at any of them and begun anew.

    stream: the `.arrows` file; a torn tail is left out. last: the batch ends with it.
    Raises OSError (disk full; the open file is kept), ResultsError if the chain was changed behind our back or the open file
    has no whole head.
    """
    folder, sealed = stream.parent, stream.with_suffix(".arrow")
    finish_interrupted(folder)
    if not stream.exists():
        return
    yield
    chunks: list[pa.RecordBatch] = []
    schema = yield from _read_steps(stream, chunks)
    keep, stations = yield from _fold_steps(chunks)
    temporary = sealed.with_name(f".{sealed.name}.tmp")
    try:
        yield from _write_steps(temporary, schema, chunks, keep)
        digest = hashlib.sha256()
        for block in _blocks(temporary):
            digest.update(block)
            yield
        packs_sha256 = yield from _packs_steps(sealed.with_suffix(SUFFIX), chunks, keep)
        temporary.replace(sealed)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(folder)
    yield
    images = yield from _images_steps(folder)
    entry = {
        "name": sealed.name,
        "rows": int(sum(mask.sum() for mask in keep)),
        "sha256": digest.hexdigest(),
        **provenance_of(schema),
        "stations": stations,
        "images": images,
        **({"operations": operations} if (operations := operations_head(folder)) else {}),
        "packs": packs_sha256,
        "last": last,
        "utc": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
    yield from _link_steps(folder, entry)
    stream.unlink()
    sync_folder(folder)


def _read_steps(stream: Path, chunks: list[pa.RecordBatch]) -> Generator[None, None, pa.Schema]:
    """Gathers the small batches of a stream into chunks of some hundred rows. Returns the schema."""
    reader = StreamReader(stream)
    group: list[pa.RecordBatch] = []
    merged: list[pa.RecordBatch] = []
    for batch in reader:
        group.append(batch)
        if len(group) == _GROUP_BATCHES:
            merged.append(pa.concat_batches(group))
            group.clear()
            if sum(part.num_rows for part in merged) >= _CHUNK_ROWS:
                chunks.append(pa.concat_batches(merged))
                merged.clear()
            yield
    if reader.schema is None:
        raise ResultsError(f"{stream}: not even its head is whole")
    if merged or group:
        chunks.append(pa.concat_batches(merged + group))
    return reader.schema


def keys(batch: pa.RecordBatch | pa.Table) -> Iterator[tuple[Key, int]]:
    """((station, trigger), revision) of each row."""
    columns = (batch.column(name).to_pylist() for name in ("station", "trigger", "revision"))
    return (((station, trigger), revision) for station, trigger, revision in zip(*columns, strict=True))


def _fold_steps(chunks: list[pa.RecordBatch]) -> Generator[None, None, tuple[list[Any], dict[str, dict[str, int]]]]:
    """Which rows count (a mask per chunk: the highest revision of each trigger, the later of two equal ones), and the first
    and last trigger of each station."""
    place: dict[Key, tuple[int, int, int]] = {}
    stations: dict[str, dict[str, int]] = {}
    keep = [np.ones(chunk.num_rows, dtype=bool) for chunk in chunks]
    for index, chunk in enumerate(chunks):
        for row, (key, revision) in enumerate(keys(chunk)):
            former = place.get(key)
            if former is not None and former[0] > revision:
                keep[index][row] = False
                continue
            if former is not None:
                keep[former[1]][former[2]] = False
            place[key] = (revision, index, row)
            span = stations.setdefault(key[0], {"first": key[1], "last": key[1]})
            span["first"], span["last"] = min(span["first"], key[1]), max(span["last"], key[1])
        yield
    return keep, stations


def _write_steps(path: Path, schema: pa.Schema, chunks: list[pa.RecordBatch], keep: list[Any]) -> Steps:
    """Writes the rows that count as an Arrow file, synced after each chunk so that no sync at the end takes long."""
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with open(path, "wb") as file:
        with pa.ipc.new_file(file, schema, options=options) as writer:
            for chunk, mask in zip(chunks, keep, strict=True):
                rows = chunk if mask.all() else chunk.filter(pa.array(mask))
                writer.write_batch(pa.RecordBatch.from_arrays(rows.columns, schema=schema))
                file.flush()
                os.fdatasync(file.fileno())
                yield
        file.flush()
        os.fsync(file.fileno())
    yield


def _packs_steps(path: Path, chunks: list[pa.RecordBatch], keep: list[Any]) -> Generator[None, None, str]:
    """Writes the pack list of the rows that count. Returns its sha256."""
    parts = []
    rows = 0
    for chunk, mask in zip(chunks, keep, strict=True):
        part = chunk if mask.all() else chunk.filter(pa.array(mask))
        parts.append(packs_of(part, rows))
        rows += part.num_rows
        yield
    temporary = path.with_name(f".{path.name}.tmp")
    yield from write_packs(temporary, parts)
    digest = file_sha256(temporary)
    temporary.replace(path)
    return digest


def _blocks(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while block := file.read(_HASH_BYTES):
            yield block


def file_sha256(path: Path) -> str:
    """sha256 of a file of any size, in hexadecimal. Raises OSError."""
    digest = hashlib.sha256()
    for block in _blocks(path):
        digest.update(block)
    return digest.hexdigest()


def ended(folder: Path) -> bool:
    """The last seal of a batch is set: nothing is added to it. Raises OSError."""
    path = folder / SEALS
    return path.exists() and path.stat().st_size > 0 and b'"last":true' in path.read_bytes().splitlines()[-1]


def covered_images(seals: Path) -> int:
    """How many lines of the list of images the last seal covers. Raises OSError, or ValueError for damaged seals."""
    lines = chain_lines(seals.read_bytes()) if seals.exists() else []
    return int(json.loads(lines[-1]).get("images", {}).get("lines", 0)) if lines else 0


def _images_steps(folder: Path) -> Generator[None, None, dict[str, Any]]:
    """Makes the list of images, and the images that no seal covers yet, durable. Returns how many lines there are and the hash of
    the last one.

    One image is one step: 4 ms here, though its pixels are past the page cache. One syncfs() for all takes 25 ms, and as long
    as it likes where others write to the same disk.
    """
    path = folder / IMAGES / IMAGE_LIST
    if not path.exists():
        return {"lines": 0, "sha256": GENESIS}
    lines = chain_lines(path.read_bytes())
    for line in lines[covered_images(folder / SEALS) :]:
        # Rows are sealed whatever the list of images says: what is wrong with that, `verify` tells.
        with contextlib.suppress(FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
            sync(folder / IMAGES / Path(json.loads(line)["name"]).name)
        yield
    sync_folder(folder / IMAGES)
    sync(path)
    return {"lines": len(lines), "sha256": sha256(lines[-1]) if lines else GENESIS}


def _link_steps(folder: Path, entry: dict[str, Any]) -> Steps:
    """Puts the line into seal.jsonl, then renews seal.sha256. A failure between the two is for `finish_interrupted`."""
    path = folder / SEALS
    before = path.read_bytes() if path.exists() else b""
    lines = chain_lines(before)
    line = link(entry, sha256(lines[-1]) if lines else origin(folder / BATCH_INFO))
    append_line(path, line, sync=True)
    yield
    write_whole(folder / HEAD, head_text(before + line))
    yield


def finish_interrupted(folder: Path) -> list[str]:
    """Takes up a sealing that stopped between its line in seal.jsonl and its end; says what it did. Harmless when repeated.

    A torn last line is cut off, a last line that seal.sha256 does not know yet gets its due, an open file whose seal stands is
    removed. Raises OSError, and ResultsError if seal.jsonl and seal.sha256 differ in any other way: then they were changed.
    """
    path = folder / SEALS
    content = path.read_bytes() if path.exists() else b""
    said = (folder / HEAD).read_bytes() if (folder / HEAD).exists() else b""
    lines = chain_lines(content)
    whole = b"".join(lines)
    done: list[str] = []

    def head_of(seals: bytes) -> bytes:
        return head_text(seals) if seals else b""

    if said not in (head_of(whole), head_of(b"".join(lines[:-1]))):
        raise ResultsError(f"{path}: is not what {HEAD} says; nothing more is sealed here")
    if len(whole) != len(content):
        os.truncate(path, len(whole))
        done.append(f"{SEALS}: torn line of {len(content) - len(whole)} bytes cut off")
    if said != head_of(whole):
        write_whole(folder / HEAD, head_of(whole))
        done.append(f"{HEAD}: renewed")
    for line in lines:
        entry = json.loads(line)
        stream = (folder / entry["name"]).with_suffix(".arrows")
        if stream.exists() and file_sha256(folder / entry["name"]) == entry["sha256"]:
            stream.unlink()
            sync_folder(folder)
            done.append(f"{stream.name}: removed, its seal stands")
    return done


def seal_file(stream: Path, last: bool = False) -> None:
    """Seals an open file in one go; as `seal_steps`."""
    for _ in seal_steps(stream, last):
        pass
