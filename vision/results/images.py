"""Evidence: the images of triggers worth keeping, under `images/`, with caps; dropped first when space runs short.

`images/images.jsonl` is a chain (vision.results.chain) with one line per image: name, sha256, bytes, station, trigger. The line is
written before the image gets its final name, so a listed image is either there or was taken away. Images are not synced one
by one: a power failure may take the last seconds of them, never a row; the list is synced with each seal.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import struct
import zlib
from collections import Counter
from pathlib import Path

import numpy as np

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
    1280x1024 with sensor noise on one core: stored 1 ms and 1.3 MB; Huffman only 10 ms and 0.76 MB; zlib level 1 31 ms and
    0.84 MB; OpenCV's level 0 12 ms.
    """

    def __init__(self, height: int, width: int) -> None:
        self._rows = np.zeros((height, width + 1), np.uint8)  # each row behind its filter type, 0 = none
        size = self._rows.size
        starts = range(0, size, _STORED_MAX)
        content_bytes = 2 + 5 * len(starts) + size + 4
        head = _PNG_SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        self._file = bytearray(len(head) + 12 + content_bytes) + _chunk(b"IEND", b"")
        self._file[: len(head)] = head
        struct.pack_into(">I4sBB", self._file, len(head), content_bytes, b"IDAT", 0x78, 0x01)
        self._kind_at = len(head) + 4
        self._end = self._kind_at + 4 + content_bytes
        at = self._kind_at + 6
        self._blocks: list[tuple[int, int, int]] = []
        for start in starts:  # RFC 1951, 3.2.4: last, length, its complement
            length = min(_STORED_MAX, size - start)
            struct.pack_into("<BHH", self._file, at, start + length == size, length, length ^ 0xFFFF)
            self._blocks.append((at + 5, start, length))
            at += 5 + length
        self._view = np.frombuffer(self._file, np.uint8)

    def fill(self, pixels: Pixels) -> bytearray:
        """The file of an image, valid until the next call. pixels: (height, width) uint8."""
        self._rows[:, 1:] = pixels
        flat = self._rows.reshape(-1)
        for at, start, length in self._blocks:
            self._view[at : at + length] = flat[start : start + length]
        struct.pack_into(">I", self._file, self._end - 4, zlib.adler32(flat.data))
        content = memoryview(self._file)[self._kind_at : self._end]
        struct.pack_into(">I", self._file, self._end, zlib.crc32(content))
        return self._file


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
        if pixels.ndim != 2 or not pixels.size:
            self.dropped["not_encoded"] += 1
            return None
        if pixels.shape not in self._png:
            self._png[pixels.shape] = Png(*pixels.shape)
        content = self._png[pixels.shape].fill(pixels)
        if self.kept_bytes + len(content) > self._max_bytes:
            self.dropped["max_bytes"] += 1
            return None
        temporary = self._folder / f".{name}.tmp"
        entry = {"name": name, "sha256": sha256(content), "bytes": len(content), "station": station, "trigger": int(trigger)}
        line = link(entry, self._previous)
        try:
            temporary.write_bytes(content)
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
