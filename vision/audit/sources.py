"""Where the frames of an audit come from: SOURCE on the command line -> frames in a fixed order, and the bytes of each.

A source is a folder of images (or one image), a recording (a folder or .zip with index.csv, see vision.cameras.recorded), a batch
folder of results, or the URL of a folder in an object store (any file system that pyarrow opens: s3://, gs://, file://).
Nothing is inspected here.
"""

from __future__ import annotations

import csv
import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

import pyarrow as pa
from pyarrow import fs

from vision.cameras.image_file import ImageFileError
from vision.cameras.recorded import IMAGE_SUFFIXES, INDEX, Recording, RecordingError
from vision.results.folder import BATCH_INFO
from vision.results.reader import open_batch

Kind = Literal["images", "recording", "batch"]

_DENIED = ("ACCESS_DENIED", "AccessDenied", "403", "Permission denied", "InvalidAccessKeyId", "SignatureDoesNotMatch")


class AuditError(Exception):
    """One line: which source, file or folder, what is wrong with it and what was expected."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source and its frames.

    given: as the caller wrote it. names: of the frames, in the order of audit; for a batch "station trigger".
    label: for reports, without credentials.
    """

    kind: Kind
    given: str
    label: str
    names: tuple[str, ...]

    def digest(self) -> str:
        """SHA-256 of the names, in their order."""
        return hashlib.sha256("\n".join(self.names).encode()).hexdigest()


def open_source(given: str) -> Source:
    """What lies at a path or URL. Raises AuditError: nothing there, not to be read, or no frames in it."""
    if "://" in given:
        return _listed(given)
    path = Path(given)
    try:
        if path.is_dir() and ((path / BATCH_INFO).exists() or any(path.glob("*.arrow*"))):
            table = open_batch(path, ["station", "trigger"])
            rows = zip(table["station"].to_pylist(), table["trigger"].to_pylist(), strict=True)
            return _not_empty(Source("batch", given, given, tuple(f"{station} {trigger}" for station, trigger in rows)))
        if path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES:
            return Source("images", str(path.parent), given, (path.name,))
        if path.is_file() or (path / INDEX).exists():
            with Recording.open(path) as recording:
                return Source("recording", given, given, tuple(str(index) for index in range(len(recording))))
        if path.is_dir():
            names = sorted(
                p.relative_to(path).as_posix() for p in path.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file()
            )
            next(iter(path.iterdir()), None)  # a folder that may not be listed looks empty to rglob
            return _not_empty(Source("images", given, given, tuple(names)))
    except RecordingError as error:
        raise AuditError(str(error)) from None
    except OSError as error:
        raise AuditError(f"{error.filename or path}: cannot be read ({error.strerror or error})") from None
    raise AuditError(f"{given}: no such source, expected a folder of images, a recording, a batch folder or a URL")


def without_credentials(url: str) -> str:
    """A URL as it may stand in a report: without user, password and query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _listed(url: str) -> Source:
    label = without_credentials(url)
    system, base = file_system(url)
    try:
        found = system.get_file_info(fs.FileSelector(base, recursive=True))
    except (OSError, pa.ArrowException) as error:
        raise AuditError(f"{label}: {_reason(error)}") from None
    start = len(base.rstrip("/")) + 1
    files = (info.path[start:] for info in found if info.type == fs.FileType.File)
    return _not_empty(Source("images", url, label, tuple(sorted(f for f in files if Path(f).suffix.lower() in IMAGE_SUFFIXES))))


def _not_empty(source: Source) -> Source:
    if not source.names:
        raise AuditError(f"{source.label}: holds no frames, expected images, a recording or a batch with rows")
    return source


def file_system(url: str) -> tuple[fs.FileSystem, str]:
    """The file system of a URL and the path in it. Raises AuditError without the URL's credentials."""
    try:
        system, base = fs.FileSystem.from_uri(url)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise AuditError(f"{without_credentials(url)}: {_reason(error)}") from None
    return system, base


def _reason(error: Exception) -> str:
    """A file system's own words in one line."""
    words = " ".join(str(error).split())
    if any(word in words for word in _DENIED):
        return f"no rights to read it ({words[:200]})"
    return f"cannot be listed ({words[:200]})"


class Opened:
    """The frames of one source, for one worker; what is opened stays open."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._system: fs.FileSystem | None = None
        self._base = source.given
        self._recording: Recording | None = None
        self._rows: dict[str, int] = {}
        self._table: pa.Table | None = None
        self._times: dict[str, int] | None = None

    def read(self, name: str) -> bytes:
        """The file of a frame. Raises OSError or pa.ArrowException."""
        if "://" not in self._source.given:
            return (Path(self._base) / name).read_bytes()
        if self._system is None:
            self._system, self._base = file_system(self._source.given)
        with self._system.open_input_file(f"{self._base.rstrip('/')}/{name}") as file:
            return bytes(file.read())

    @property
    def recording(self) -> Recording:
        if self._recording is None:
            self._recording = Recording.open(self._source.given)
        return self._recording

    def recorded_row(self, name: str) -> dict[str, Any]:
        """The row of a batch by the name of its frame, as a dict of plain values (times in ns)."""
        if self._table is None:
            table = open_batch(Path(self._source.given))
            self._table = table.set_column(table.schema.get_field_index("utc"), "utc", table["utc"].cast(pa.int64()))
            keys = zip(table["station"].to_pylist(), table["trigger"].to_pylist(), strict=True)
            self._rows = {f"{station} {trigger}": index for index, (station, trigger) in enumerate(keys)}
        return dict(self._table.slice(self._rows[name], 1).to_pylist()[0])

    def time_ns(self, name: str) -> int | None:
        """What frames.csv of a recording folder says of the camera's clock at this frame; None where it says nothing."""
        if self._times is None:
            self._times = {}
            path = Path(self._source.given) / "frames.csv"
            if self._source.kind == "images" and path.is_file():
                with path.open(newline="", encoding="utf-8") as file:
                    for row in csv.DictReader(file):
                        if (row.get("device_timestamp_ns") or "").isdigit():
                            self._times[row.get("file") or ""] = int(row["device_timestamp_ns"])
        return self._times.get(name)

    def close(self) -> None:
        if self._recording is not None:
            self._recording.close()


UNREADABLE = (ImageFileError, RecordingError, OSError, pa.ArrowException, zipfile.BadZipFile)
"""What reading one frame raises."""
