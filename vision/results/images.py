"""Evidence: the images of triggers worth keeping, under `images/`, with caps; dropped first when space runs short.

`images/images.jsonl` is a chain (vision.results.chain) with one line per image: name, sha256, bytes, station, trigger. The line is
written before the image gets its final name, so a listed image is either there or was taken away. Images are not synced one
by one: a power failure may take the last seconds of them, never a row; the list is synced with each seal.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import mmap
import os
import struct
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vision.results.chain import GENESIS, append_line, chain_lines, link, sha256
from vision.results.schema import image_name
from vision.results.seal import IMAGE_LIST
from vision.types import Pixels

DAMAGED = (OSError, ValueError, KeyError, TypeError)
"""What reading a chain raises that is not ours any more."""

log = logging.getLogger(__name__)

_STORED_MAX = 0xFFFF
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Png:
    """Grey images of one size as PNG files whose pixels are stored, not compressed: an image costs CPU that inspections want.

    Everything is made once and filled anew: fresh memory of this size costs more (page faults) than what is done with it.
    1280x1024 with sensor noise on one core: stored 0.8 ms and 1.3 MB; Huffman only 10 ms and 0.76 MB; zlib level 1 31 ms and
    0.84 MB; OpenCV's level 0 12 ms. A block holds whole rows, so that pixels are copied once.
    """

    def __init__(self, height: int, width: int) -> None:
        row_bytes = width + 1  # each row behind its filter type, 0 = none
        block_rows = _STORED_MAX // row_bytes
        starts = range(0, height, block_rows)
        content_bytes = 2 + 5 * len(starts) + height * row_bytes + 4
        head = _PNG_SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        end = _chunk(b"IEND", b"")
        self.size = len(head) + 12 + content_bytes + len(end)
        self.file = mmap.mmap(-1, -(-self.size // mmap.PAGESIZE) * mmap.PAGESIZE)  # whole pages, for a write past the page cache
        self.file[: len(head)] = head
        self.file[self.size - len(end) : self.size] = end
        struct.pack_into(">I4sBB", self.file, len(head), content_bytes, b"IDAT", 0x78, 0x01)
        self._kind_at = len(head) + 4
        self._end = self._kind_at + 4 + content_bytes
        at = self._kind_at + 6
        self._blocks: list[tuple[memoryview, npt.NDArray[np.uint8], slice]] = []
        whole = memoryview(self.file)
        for start in starts:  # RFC 1951, 3.2.4: last, length, its complement
            rows = slice(start, min(start + block_rows, height))
            length = (rows.stop - rows.start) * row_bytes
            struct.pack_into("<BHH", self.file, at, rows.stop == height, length, length ^ 0xFFFF)
            block = whole[at + 5 : at + 5 + length]
            self._blocks.append((block, np.frombuffer(block, np.uint8).reshape(-1, row_bytes)[:, 1:], rows))
            at += 5 + length

    def fill(self, pixels: Pixels) -> memoryview:
        """The file of an image, valid until the next call. pixels: (height, width) uint8."""
        check = 1
        for block, into, rows in self._blocks:
            into[:] = pixels[rows]
            check = zlib.adler32(block, check)
        whole = memoryview(self.file)
        struct.pack_into(">I", self.file, self._end - 4, check)
        struct.pack_into(">I", self.file, self._end, zlib.crc32(whole[self._kind_at : self._end]))
        return whole[: self.size]


def _write(path: Path, png: Png) -> None:
    """Past the page cache, where the file system can: a third of the CPU, and the disk is left to the rows.

    Through the cache an image of 1.3 MB took 0.25 ms of CPU, and 3 ms where a virtual machine touches its memory for the first
    time; past it 0.1 ms, and 0.5 ms of waiting.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_DIRECT, 0o644)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        path.write_bytes(memoryview(png.file)[: png.size])
        return
    try:
        rest = memoryview(png.file)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.ftruncate(descriptor, png.size)
    finally:
        os.close(descriptor)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))


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
        self._png: dict[tuple[int, int], Png] = {}
        self.kept_count = 0
        self.kept_bytes = 0
        self.dropped: Counter[str] = Counter()
        try:
            folder.mkdir(exist_ok=True)
            recover_images(folder)
            for line in _lines(folder):
                entry = json.loads(line)
                self._count(entry["name"], int(entry["bytes"]), line)
        except DAMAGED as error:
            log.error("%s: no evidence is kept (%s)", folder, error)
            self._max_count = 0

    def keep(self, station: str, trigger: int, pixels: Pixels) -> str | None:
        """Keeps the image of a trigger; its name relative to the batch folder, or None where it was dropped (and counted).

        pixels: (height, width) uint8. Takes about 3 ms for 1280x1024: call it after the acknowledgements are sent.
        """
        name = image_name(station, trigger)
        cause = self._full(name)
        if cause:
            self.dropped[cause] += 1
            return None
        if pixels.ndim != 2 or not pixels.size or pixels.shape[1] >= _STORED_MAX:
            self.dropped["not_encoded"] += 1
            return None
        if pixels.shape not in self._png:
            self._png[pixels.shape] = Png(*pixels.shape)
        png = self._png[pixels.shape]
        content = png.fill(pixels)
        if self.kept_bytes + len(content) > self._max_bytes:
            self.dropped["max_bytes"] += 1
            return None
        temporary = self._folder / f".{name}.tmp"
        entry = {"name": name, "sha256": sha256(content), "bytes": len(content), "station": station, "trigger": int(trigger)}
        line = link(entry, self._previous)
        try:
            _write(temporary, png)
            append_line(self._folder / IMAGE_LIST, line, sync=False)
            temporary.replace(self._folder / name)
        except OSError as error:
            log.warning("%s: evidence dropped (%s)", name, error.strerror or error)
            self._forget(temporary)
            self.dropped["disk"] += 1
            return None
        self._count(name, len(content), line)
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
    """After a crash: cuts a torn line off the list, gives listed images their final name, removes half-written ones.

    Says what it did; harmless when repeated. Raises one of DAMAGED.
    """
    done: list[str] = []
    path = folder / IMAGE_LIST
    content = path.read_bytes() if path.exists() else b""
    lines = chain_lines(content)
    whole_bytes = sum(map(len, lines))
    if whole_bytes != len(content):
        os.truncate(path, whole_bytes)
        done.append(f"{IMAGE_LIST}: torn line of {len(content) - whole_bytes} bytes cut off")
    temporaries = sorted(folder.glob(".*.tmp"))
    if not temporaries:
        return done
    listed = {entry["name"]: entry["sha256"] for entry in map(json.loads, lines)}
    for temporary in temporaries:
        name = temporary.name[1 : -len(".tmp")]
        if listed.get(name) == sha256(temporary.read_bytes()) and not (folder / name).exists():
            temporary.replace(folder / name)
            done.append(f"{name}: listed already, given its name")
        else:
            temporary.unlink()
            done.append(f"{temporary.name}: half-written, removed")
    return done
