"""One image file as Mono8: what is taken, what is refused in one line, and whether its grey values can be trusted.

Images become Mono8 by one rule: grey of 8 bits is taken as it is, colour of 8 bits is weighed 0.299 R + 0.587 G + 0.114 B (ITU-R
BT.601); more bits and transparency are refused, since how to scale or to lay them is not ours to guess. A file that was cut off is
refused, not shown in part: what is missing would be graded as print. So are files of several pictures: only one would be seen.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from vision.cameras.camera import CameraError
from vision.types import Pixels

MEGAPIXELS_MOST = 256
"""Larger images are refused: such a file is a mistake or an attack (a few kB of PNG can hold 10 gigapixels)."""

_PNG = b"\x89PNG\r\n\x1a\n"
_TIFF = {b"II*\x00": "<", b"MM\x00*": ">"}
_NETPBM = (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"P7")
_TIFF_JPEG = (6, 7, 34712)
"""Values of the TIFF tag Compression that stand for JPEG and JPEG 2000."""


class ImageFileError(CameraError):
    """One line: which file, and why it is no image that can be inspected."""


def read_mono8(path: str | Path) -> Pixels:
    """One image file as (height, width) uint8, read-only; ImageFileError names the file."""
    return mono8_of(_read(Path(path)), str(path))


def read_image(path: Path) -> tuple[Pixels, bool]:
    """read_mono8, and whether the file went through a lossy compression: its values are then not to be trusted."""
    data = _read(path)
    return mono8_of(data, str(path)), is_lossy(data)


def _read(path: Path) -> bytes:
    if path.is_dir():
        raise ImageFileError(f"{path}: is a folder, expected an image")
    if not path.exists():
        raise ImageFileError(f"{path}: no such file, expected an image")
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageFileError(f"{path}: cannot be read: {error.strerror or error}") from None


def mono8_of(data: bytes, where: str) -> Pixels:
    """An encoded image as (height, width) uint8, read-only, by the rule above; where: what to call it in an ImageFileError."""
    if not data:
        raise ImageFileError(f"{where}: is empty, expected an image")
    _require_whole(data, where)
    _require_one_picture(data, where)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # one line is ours to say
    try:
        # Whole WebP files of one pixel have 30 bytes, and OpenCV asks for 32 of any: what follows the file's own end is not read.
        image = cv2.imdecode(np.frombuffer(data.ljust(32, b"\0"), np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        image = None
    if image is None:
        raise ImageFileError(f"{where}: is not an image that can be read")
    if image.dtype != np.uint8:
        raise ImageFileError(f"{where}: has {8 * image.dtype.itemsize} bits per pixel and colour, expected 8")
    _require_size(image.shape[1], image.shape[0], where)
    if image.ndim == 3 and image.shape[2] == 4:
        if image[:, :, 3].min() < 255:
            raise ImageFileError(f"{where}: is partly transparent, expected a whole image")
        image = np.ascontiguousarray(image[:, :, :3])
    if image.ndim == 3:
        image = image[:, :, 0] if image.shape[2] == 1 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    pixels: Pixels = np.ascontiguousarray(image)
    pixels.flags.writeable = False
    return pixels


def is_lossy(data: bytes) -> bool:
    """Whether an encoded image may have been through a lossy compression, by its bytes and not by its name.

    Only what is known to keep every grey is taken for lossless: PNG, BMP, PGM and its kin, TIFF without JPEG inside, lossless WebP.
    """
    if data.startswith((_PNG, b"BM", *_NETPBM)):
        return False
    if data[:4] in _TIFF:
        return any(compression in _TIFF_JPEG for compression in _tiff_compressions(data))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return b"VP8 " in data[:64] or (data[12:16] == b"VP8X" and b"VP8 " in data)
    return True


def _require_size(width: int, height: int, where: str) -> None:
    if width * height > MEGAPIXELS_MOST * 1_000_000:
        megapixels = width * height / 1e6
        raise ImageFileError(
            f"{where}: is {width}x{height}, {megapixels:.0f} megapixels, expected {MEGAPIXELS_MOST} megapixels at most"
        )


def _require_whole(data: bytes, where: str) -> None:
    """Refuses a PNG or a JPEG that was cut off: some readers would show the rest as black or grey."""
    if data.startswith(_PNG):
        kinds = {}
        for kind, body in _png_chunks(data):
            if kind == b"IHDR" and len(body) >= 8:
                _require_size(int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big"), where)
            kinds[kind] = body
        if b"IEND" not in kinds:
            raise ImageFileError(f"{where}: is a damaged or cut off PNG, expected a whole image")
    elif data.startswith(b"\xff\xd8\xff") and b"\xff\xd9" not in data[max(data.rfind(b"\xff\xda"), 0) :]:
        raise ImageFileError(f"{where}: is a cut off JPEG, expected a whole image")


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of the chunks of a PNG, up to the first that is damaged or not all there."""
    at = len(_PNG)
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        end = at + 8 + size
        if end + 4 > len(data) or zlib.crc32(data[at + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            return
        yield data[at + 4 : at + 8], data[at + 8 : end]
        at = end + 4


def _require_one_picture(data: bytes, where: str) -> None:
    """Refuses an animation or a file of several pages."""
    count = 1
    if data.startswith(_PNG):
        count = max([1, *(int.from_bytes(body[:4], "big") for kind, body in _png_chunks(data) if kind == b"acTL")])
    elif data[:4] in _TIFF:
        count = len(_tiff_compressions(data))
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        count = data.count(b"ANMF")
    elif data.startswith(b"GIF8"):
        count = sum(1 for _ in _gif_pictures(data))
    if count > 1:
        raise ImageFileError(f"{where}: holds {count} pictures, expected one")


def _tiff_compressions(data: bytes) -> list[int]:
    """The tag Compression of each page of a TIFF (1 where it has none); stops at what is not all there."""
    order = _TIFF[data[:4]]
    found: list[int] = []
    seen: set[int] = set()
    try:
        (at,) = struct.unpack_from(f"{order}I", data, 4)
        while at and at not in seen:
            seen.add(at)
            (entries,) = struct.unpack_from(f"{order}H", data, at)
            tags = {}
            for number in range(entries):
                tag, _, _, value = struct.unpack_from(f"{order}HHIH", data, at + 2 + 12 * number)
                tags[tag] = value
            found.append(tags.get(259, 1))
            (at,) = struct.unpack_from(f"{order}I", data, at + 2 + 12 * entries)
    except struct.error:
        pass
    return found


def _gif_pictures(data: bytes) -> Iterator[int]:
    """Where each picture of a GIF begins; stops at what is not all there."""

    def past_blocks(at: int) -> int:
        while data[at]:
            at += 1 + data[at]
        return at + 1

    try:
        at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
        while data[at] != 0x3B:
            if data[at] == 0x21:
                at = past_blocks(at + 2)
                continue
            if data[at] != 0x2C:
                return
            yield at
            flags = data[at + 9]
            at = past_blocks(at + 10 + (3 << (flags & 7) + 1 if flags & 0x80 else 0) + 1)
    except IndexError:
        return
