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
from collections import Counter
from pathlib import Path

import cv2

from vision.results.chain import GENESIS, append_line, chain_lines, link, sha256
from vision.results.schema import image_name
from vision.results.seal import IMAGE_LIST
from vision.types import Pixels

DAMAGED = (OSError, ValueError, KeyError, TypeError)
"""What reading a chain raises that is not ours any more."""

log = logging.getLogger(__name__)

# Lossless, 1280x1024 with sensor noise, one core: Huffman only with the averaging filter 10.4 ms and 757 kB; level 1 as
# it comes 31 ms and 841 kB; level 0 12 ms and 1314 kB; PGM 0.2 ms and 1311 kB, but no browser shows it.
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY]
if hasattr(cv2, "IMWRITE_PNG_FILTER"):
    _PNG += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_AVG]


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

        pixels: (height, width) uint8. Takes about 12 ms for 1280x1024: call it after the acknowledgements are sent.
        """
        name = image_name(station, trigger)
        cause = self._full(name)
        if cause:
            self.dropped[cause] += 1
            return None
        try:
            encoded, buffer = cv2.imencode(".png", pixels, _PNG)
        except cv2.error as error:
            log.error("%s: not encoded (%s)", name, error)
            encoded = False
        if not encoded:
            self.dropped["not_encoded"] += 1
            return None
        content = buffer.tobytes()
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
