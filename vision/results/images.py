"""Evidence: the images of triggers worth keeping, under `images/`, with caps; dropped first when space runs short.

`images/images.jsonl` is a chain (vision.results.chain) with one line per image: name, sha256, bytes, station, trigger. The line is
written before the image gets its final name, so a listed image is either there or was taken away. Images are not synced one
by one: a power failure may take those since the last seal, never a row. Each seal syncs the images that it is the first to cover;
what a crash took before is told by a line `lost` (the name; the sha256 of what is left of it, "" = nothing), which counts only
where no seal stands between the two lines: an image that a seal covers is there as listed, or somebody changed it. `found` in one
says that the crash took the first line of this image, not the image.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import mmap
import os
import struct
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from vision.results.chain import GENESIS, append_line, chain_lines, link, sha256
from vision.results.schema import image_name
from vision.results.seal import IMAGE_LIST, SEALS, covered_images, ended, file_sha256
from vision.types import Pixels

DAMAGED = (OSError, ValueError, KeyError, TypeError)
"""What reading a chain raises that is not ours any more."""

log = logging.getLogger(__name__)

_PAGE = mmap.PAGESIZE
_SIDE_MAX = 0x7FFF
_BMP_HEAD = struct.Struct("<2sIHHI IiiHHIIiiII")


class Bmp:
    """Grey images of one size as BMP files: the pixels as they are, the first row on top, behind a head of one page.

    A slot of the frame pool goes to the disk from where it lies, without a copy: an image costs CPU that inspections want. Of
    1280x1024 on one core: 0.8 ms, and that is its sha256. As PNG with stored pixels it was 1.8 (copy, CRC-32, Adler-32),
    Huffman only 10, zlib level 1 31 ms, and no file got much below 0.8 of the size.
    """

    def __init__(self, height: int, width: int) -> None:
        self._row_bytes = -(-width // 4) * 4  # rows begin on multiples of 4
        self.size = _PAGE + height * self._row_bytes
        # Made once and filled anew: fresh memory of this size costs more (page faults) than what is done with it. Whole pages,
        # for a write past the page cache.
        self._file = mmap.mmap(-1, -(-self.size // _PAGE) * _PAGE)
        head = _BMP_HEAD.pack(
            *(b"BM", self.size, 0, 0, _PAGE),
            *(40, width, -height, 1, 8, 0, height * self._row_bytes, 0, 0, 256, 0),  # a negative height: the first row on top
        )
        palette = np.arange(256, dtype=np.uint32) * 0x010101
        self._file[: len(head) + palette.nbytes] = head + palette.tobytes()
        self._head = memoryview(self._file)[:_PAGE]
        flat = np.frombuffer(self._file, np.uint8, height * self._row_bytes, _PAGE)
        self._pixels = flat.reshape(height, self._row_bytes)[:, :width]

    def parts(self, pixels: Pixels) -> list[memoryview]:
        """The file of an image in whole pages, all but its last bytes (see size); valid until the next call or while pixels are."""
        if pixels.shape[1] == self._row_bytes and pixels.flags.c_contiguous and not (pixels.ctypes.data | pixels.nbytes) % _PAGE:
            return [self._head, pixels.data.cast("B")]
        self._pixels[:] = pixels
        return [memoryview(self._file)]


def _digest(parts: list[memoryview], size: int) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part[:size])
        size -= len(part)
    return digest.hexdigest()


def _write(path: Path, parts: list[memoryview], size: int) -> None:
    """Past the page cache, where the file system can: a third of the CPU, and the disk is left to the rows.

    Through the cache an image of 1.3 MB took 0.25 ms of CPU, and 3 ms where a virtual machine touches its memory for the first
    time; past it 0.1 ms, and 0.5 ms of waiting.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags | os.O_DIRECT, 0o644)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        descriptor = os.open(path, flags, 0o644)
    try:
        written = os.writev(descriptor, parts)
        while written < sum(map(len, parts)):
            rest = b"".join(parts)[written:]  # a disk that took a part, then no more: the next write says why
            written += os.write(descriptor, rest)
        os.ftruncate(descriptor, size)
    finally:
        os.close(descriptor)


class EvidenceStore:
    """Keeps evidence images of one batch, up to its caps.

    folder: `<batch>/images`. max_count, max_bytes: of the whole batch, images of an earlier run included. min_free_bytes: of
    the disk, left for the rows. dropped: count of images not kept, by cause ("max_count", "max_bytes", "min_free_bytes",
    "repeated", "not_encoded", "disk"). Nothing here raises for the disk: evidence never stops the recorder.
    """

    def __init__(self, folder: Path, max_count: int, max_bytes: int, min_free_bytes: int) -> None:
        self._folder = folder
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._min_free_bytes = min_free_bytes
        self._previous = GENESIS
        self._names: set[str] = set()
        self._bmp: dict[tuple[int, int], Bmp] = {}
        self.kept_count = 0
        self.kept_bytes = 0
        self.dropped: Counter[str] = Counter()
        try:
            folder.mkdir(exist_ok=True)
            recover_images(folder)
            for line in _lines(folder):
                entry = json.loads(line)
                if "lost" in entry:
                    self._previous = sha256(line)
                else:
                    self._count(entry["name"], int(entry["bytes"]), line)
        except DAMAGED as error:
            log.error("%s: no evidence is kept (%s)", folder, error)
            self._max_count = 0

    def keep(self, station: str, trigger: int, pixels: Pixels) -> str | None:
        """Keeps the image of a trigger; its name relative to the batch folder, or None where it was dropped (and counted).

        pixels: (height, width) uint8. Takes about 2 ms for 1280x1024: call it after the acknowledgements are sent.
        """
        name = image_name(station, trigger)
        cause = self._full(name)
        if cause:
            self.dropped[cause] += 1
            return None
        if pixels.ndim != 2 or not pixels.size or max(pixels.shape) > _SIDE_MAX:
            self.dropped["not_encoded"] += 1
            return None
        if pixels.shape not in self._bmp:
            self._bmp[pixels.shape] = Bmp(*pixels.shape)
        bmp = self._bmp[pixels.shape]
        if self.kept_bytes + bmp.size > self._max_bytes:
            self.dropped["max_bytes"] += 1
            return None
        parts = bmp.parts(pixels)
        temporary = self._folder / f".{name}.tmp"
        digest = _digest(parts, bmp.size)
        entry = {"name": name, "sha256": digest, "bytes": bmp.size, "station": station, "trigger": int(trigger)}
        line = link(entry, self._previous)
        try:
            _write(temporary, parts, bmp.size)
            append_line(self._folder / IMAGE_LIST, line, sync=False)
            temporary.replace(self._folder / name)
        except OSError as error:
            log.warning("%s: evidence dropped (%s)", name, error.strerror or error)
            self._forget(temporary)
            self.dropped["disk"] += 1
            return None
        self._count(name, bmp.size, line)
        return f"{self._folder.name}/{name}"

    def _full(self, name: str) -> str:
        if name in self._names:
            return "repeated"
        if self.kept_count >= self._max_count:
            return "max_count"
        if self.kept_bytes >= self._max_bytes:
            return "max_bytes"
        try:
            disk = os.statvfs(self._folder)
        except OSError:
            return "disk"
        return "min_free_bytes" if disk.f_bavail * disk.f_frsize < self._min_free_bytes else ""

    def _count(self, name: str, size: int, line: bytes) -> None:
        self._names.add(name)
        self.kept_count += 1
        self.kept_bytes += size
        self._previous = sha256(line)

    def _forget(self, temporary: Path) -> None:
        """Removes what a failed keep left. If its line stands already, the chain goes on behind that line."""
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
            lines = _lines(self._folder)
            self._previous = sha256(lines[-1]) if lines else GENESIS


def _lines(folder: Path) -> list[bytes]:
    path = folder / IMAGE_LIST
    return chain_lines(path.read_bytes()) if path.exists() else []


def recover_images(folder: Path) -> list[str]:
    """After a crash: cuts a torn line off the list, gives listed images their final name, removes half-written ones, and tells in
    the list where it and the images that no seal covers yet differ.

    Says what it did; harmless when repeated. Call while nobody seals. Raises one of DAMAGED.
    """
    done: list[str] = []
    path = folder / IMAGE_LIST
    content = path.read_bytes() if path.exists() else b""
    lines = chain_lines(content)
    whole_bytes = sum(map(len, lines))
    if whole_bytes != len(content):
        os.truncate(path, whole_bytes)
        done.append(f"{IMAGE_LIST}: torn line of {len(content) - whole_bytes} bytes cut off")
    entries = list(map(json.loads, lines))
    listed = {entry["name"]: entry["sha256"] for entry in entries if "lost" not in entry}
    for temporary in sorted(folder.glob(".*.tmp")):
        name = temporary.name[1 : -len(".tmp")]
        if listed.get(name) == file_sha256(temporary) and not (folder / name).exists():
            temporary.replace(folder / name)
            done.append(f"{name}: listed already, given its name")
        else:
            temporary.unlink()
            done.append(f"{temporary.name}: half-written, removed")
    return done if ended(folder.parent) else done + _tell_differences(folder, lines, entries)


def _tell_differences(folder: Path, lines: list[bytes], entries: list[dict[str, Any]]) -> list[str]:
    """Adds a line for each image that no seal covers and that is not there as listed, or is there and not listed."""
    known = {entry["lost"] for entry in entries if "lost" in entry}
    done: list[str] = []
    previous = sha256(lines[-1]) if lines else GENESIS

    def tell(entry: dict[str, Any], words: str) -> None:
        nonlocal previous
        line = link(entry, previous)
        append_line(folder / IMAGE_LIST, line, sync=False)
        previous = sha256(line)
        done.append(f"{words}; told in {IMAGE_LIST}")

    for entry in entries[covered_images(folder.parent / SEALS) :]:
        if "lost" in entry or entry["name"] in known:
            continue
        path = folder / entry["name"]
        left = file_sha256(path) if path.exists() else ""
        if left != entry["sha256"]:
            tell(
                {"lost": entry["name"], "left": left},
                f"{entry['name']}: no seal covered it, and it is {'changed' if left else 'gone'}",
            )
    listed = {entry["name"] for entry in entries if "lost" not in entry}
    for path in sorted(folder.glob("*.bmp")):
        station, _, trigger = path.stem.rpartition("-")
        if path.name not in listed and trigger.isdecimal():
            size = path.stat().st_size
            about = {"name": path.name, "sha256": file_sha256(path), "bytes": size, "station": station, "trigger": int(trigger)}
            tell({**about, "found": True}, f"{path.name}: the crash took its line")
    return done
