"""Frames from a recording, paced or at full speed: a camera without a camera, and without genicam.

A recording is a folder of plain images in the order of their names, or a folder or .zip with `index.csv`: columns file, background,
x, y, one row per frame in the order of replay. A frame is its background with the image `file` pasted at (x, y); without a
background `file` is the whole frame, without a file the frame is its background alone.

How an image becomes Mono8, and which are refused, stands in image_file.py.
"""

from __future__ import annotations

import csv
import io
import time
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vision.cameras.camera import CameraError, Grab, GrabStatus
from vision.cameras.image_file import ImageFileError, mono8_of
from vision.types import Pixels

INDEX = "index.csv"
COLUMNS = ("file", "background", "x", "y")
IMAGE_SUFFIXES = frozenset({".png", ".webp", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".pgm"})


class RecordingError(CameraError):
    """One line: which file or row of a recording, and what is wrong."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One frame: names of files of the recording (empty = none), background as an index, where the window goes."""

    where: str
    file: str
    background: int | None
    x: int
    y: int


class Recording:
    """The frames of a recording, decoded as they are asked for; the backgrounds are kept.

    width, height: of every frame. backgrounds: (height, width) uint8 each, read-only.
    """

    width: int
    height: int
    backgrounds: Sequence[Pixels]

    def __init__(self, path: Path, entries: list[_Entry], backgrounds: list[str], archive: zipfile.ZipFile | None) -> None:
        self._path = path
        self._entries = entries
        self._archive = archive
        self.backgrounds = tuple(self._read(name, f"{path}: {name}") for name in backgrounds)
        first = self.backgrounds[0] if self.backgrounds else self._read(entries[0].file, entries[0].where)
        self.height, self.width = first.shape
        for name, pixels in zip(backgrounds, self.backgrounds, strict=True):
            self._require_size(pixels, f"{path}: {name}")

    @classmethod
    def open(cls, path: str | Path) -> Recording:
        """Opens a folder or a .zip; RecordingError where it is not there, has no frames, or a row of its index is wrong."""
        path = Path(path)
        archive = None
        if path.is_dir():
            names = {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}
        elif path.is_file():
            try:
                archive = zipfile.ZipFile(path)
            except (zipfile.BadZipFile, OSError):
                raise RecordingError(f"{path}: is neither a folder nor a .zip of frames") from None
            names = {name for name in archive.namelist() if not name.endswith("/")}
        else:
            raise RecordingError(f"{path}: no such recording")
        try:
            if INDEX in names:
                entries, backgrounds = _read_index(path, _bytes_of(path, archive, INDEX), names)
            else:
                entries, backgrounds = _plain_images(path, names), []
            return cls(path, entries, backgrounds, archive)
        except BaseException:
            if archive is not None:
                archive.close()
            raise

    def __len__(self) -> int:
        return len(self._entries)

    def frame(self, index: int) -> Pixels:
        """Frame `index` from 0, (height, width) uint8, read-only; RecordingError names the file that cannot be shown."""
        pixels = np.empty((self.height, self.width), np.uint8)
        self.copy_frame(index, pixels)
        pixels.flags.writeable = False
        return pixels

    def copy_frame(self, index: int, into: Pixels) -> None:
        """Writes frame `index` into (height, width) uint8."""
        background, x, y, patch = self.part(index)
        if background is not None:
            np.copyto(into, self.backgrounds[background])
        if patch is not None:
            into[y : y + patch.shape[0], x : x + patch.shape[1]] = patch

    def part(self, index: int) -> tuple[int | None, int, int, Pixels | None]:
        """Frame `index` as stored: index of its background (None = none), x, y and the image pasted there (None = none)."""
        entry = self._entries[index]
        if not entry.file:
            return entry.background, 0, 0, None
        patch = self._read(entry.file, entry.where)
        if entry.background is None:
            self._require_size(patch, entry.where)
        elif entry.x + patch.shape[1] > self.width or entry.y + patch.shape[0] > self.height:
            size = f"{patch.shape[1]}x{patch.shape[0]}"
            raise RecordingError(f"{entry.where}: {entry.file} ({size}) at {entry.x}, {entry.y} reaches out of the frame")
        return entry.background, entry.x, entry.y, patch

    def parts(self) -> Iterator[tuple[int | None, int, int, Pixels | None]]:
        """part() of every frame in the order of replay."""
        for index in range(len(self)):
            yield self.part(index)

    def close(self) -> None:
        if self._archive is not None:
            self._archive.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, name: str, where: str) -> Pixels:
        try:
            return mono8_of(_bytes_of(self._path, self._archive, name), where if name in where else f"{where}: {name}")
        except ImageFileError as error:
            raise RecordingError(str(error)) from None

    def _require_size(self, pixels: Pixels, where: str) -> None:
        if pixels.shape != (self.height, self.width):
            raise RecordingError(f"{where}: is {pixels.shape[1]}x{pixels.shape[0]}, the recording is {self.width}x{self.height}")


def _bytes_of(path: Path, archive: zipfile.ZipFile | None, name: str) -> bytes:
    try:
        return (path / name).read_bytes() if archive is None else archive.read(name)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError) as error:
        raise RecordingError(f"{path}: {name}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _plain_images(path: Path, names: set[str]) -> list[_Entry]:
    images = sorted(name for name in names if "/" not in name and Path(name).suffix.lower() in IMAGE_SUFFIXES)
    if not images:
        raise RecordingError(f"{path}: holds neither {INDEX} nor images")
    return [_Entry(f"{path}: {name}", name, None, 0, 0) for name in images]


def _read_index(path: Path, data: bytes, names: set[str]) -> tuple[list[_Entry], list[str]]:
    """The frames of index.csv and the names of its backgrounds, in the order of their first use."""
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise RecordingError(f"{path}: {INDEX}: is not a CSV table: {error}") from None
    if not rows or tuple(rows[0]) != COLUMNS:
        raise RecordingError(f"{path}: {INDEX}: row 1: expected the columns {','.join(COLUMNS)}")
    entries: list[_Entry] = []
    backgrounds: dict[str, int] = {}
    for number, row in enumerate(rows[1:], start=2):
        where = f"{path}: {INDEX}: row {number}"
        if len(row) != len(COLUMNS):
            raise RecordingError(f"{where}: has {len(row)} columns, expected {len(COLUMNS)}")
        file, background = row[0], row[1]
        if not file and not background:
            raise RecordingError(f"{where}: names neither a file nor a background")
        for name in (file, background):
            if name and name not in names:
                raise RecordingError(f"{where}: {name}: no such file in the recording")
        place = None if not background else backgrounds.setdefault(background, len(backgrounds))
        x, y = (_place(where, column, text) for column, text in zip(COLUMNS[2:], row[2:], strict=True))
        if (x or y) and not background:
            raise RecordingError(f"{where}: has a place but no background")
        entries.append(_Entry(where, file, place, x, y))
    if not entries:
        raise RecordingError(f"{path}: {INDEX}: has no rows")
    return entries, list(backgrounds)


def _place(where: str, column: str, text: str) -> int:
    if text == "":
        return 0
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise RecordingError(f"{where}: column {column!r}: {text!a} is wrong: expected a whole number of pixels, 0 or more")
    return int(text)


class RecordedCamera:
    """A recording as a camera: the Camera protocol, paced by the host's clock.

    rate_hz: frames per second, 0 = as fast as they are asked for. loop: begin anew at the end instead of GrabStatus.ENDED.
    start_at: first frame, 0-based. encoder_counts_per_pack: the encoder's way from pack to pack, 0 = no encoder.
    Frame ids count from 1. A reader that comes late finds the frames of the meantime one behind the other: nothing is dropped.
    """

    def __init__(
        self,
        recording: Recording,
        rate_hz: float = 0.0,
        loop: bool = False,
        start_at: int = 0,
        encoder_counts_per_pack: float = 0.0,
    ) -> None:
        if not (0 <= rate_hz < float("inf")):
            raise RecordingError(f"recorded camera: rate_hz {rate_hz} is wrong: expected 0 (full speed) or more")
        if not 0 <= start_at < len(recording):
            raise RecordingError(f"recorded camera: start_at {start_at} is wrong: the recording has {len(recording)} frames")
        if not 0 <= encoder_counts_per_pack < float("inf"):
            raise RecordingError(f"recorded camera: encoder_counts_per_pack {encoder_counts_per_pack} is wrong: expected 0 or more")
        self.width, self.height = recording.width, recording.height
        self.user_outputs: dict[str, bool] = {}
        self._recording = recording
        self._period_ns = round(1e9 / rate_hz) if rate_hz else 0
        self._loop = loop
        self._start_at = start_at
        self._counts_per_pack = encoder_counts_per_pack
        self._started_ns: int | None = None
        self._taken = 0

    def start(self) -> None:
        """Begins at the first frame; frame k is due k periods later."""
        self._started_ns = time.monotonic_ns()
        self._taken = 0

    def grab(self, into: Pixels | None, timeout_s: float) -> Grab:
        """Copies the next frame into `into` ((height, width) uint8) once it is due; None drops the pixels."""
        if self._started_ns is None:
            raise RecordingError("recorded camera: grab before start")
        place = self._start_at + self._taken
        if place >= len(self._recording) and not self._loop:
            return Grab(GrabStatus.ENDED)
        due_ns = self._started_ns + self._taken * self._period_ns
        wait_ns = due_ns - time.monotonic_ns()
        if self._period_ns and wait_ns > 0:
            time.sleep(min(wait_ns, max(timeout_s, 0) * 1e9) / 1e9)
            if wait_ns > timeout_s * 1e9:
                return Grab(GrabStatus.TIMEOUT)
        if into is not None:
            if into.shape != (self.height, self.width):
                raise RecordingError(f"recorded camera: frames are {self.width}x{self.height}, not {into.shape[1]}x{into.shape[0]}")
            self._recording.copy_frame(place % len(self._recording), into)
        self._taken += 1
        return Grab(
            GrabStatus.FRAME,
            frame_id=self._taken,
            arrival_ns=time.monotonic_ns(),
            device_timestamp_ns=due_ns if self._period_ns else None,
            encoder_count=round(self._taken * self._counts_per_pack) if self._counts_per_pack else None,
        )

    @property
    def fills(self) -> bool:
        return False

    def fill(self, views: Sequence[Pixels], room_bytes: int) -> bool:
        return False

    def give(self, place: int) -> None:
        raise AssertionError("fill() said no")

    def set_user_output(self, output: str, value: bool) -> None:
        """Keeps the value in `user_outputs`: a recording drives nothing."""
        self.user_outputs[output] = value

    def stop(self) -> None:
        self._started_ns = None

    def close(self) -> None:
        self.stop()
        self._recording.close()
