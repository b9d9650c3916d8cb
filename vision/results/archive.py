"""A batch that ended, copied whole to another file system (a folder, S3, whatever pyarrow reaches), and back.

Nothing counts as archived before every file was read back from there and has the hash of its original; a list of them
(`archive.sha256`, as sha256sum writes it) is put there last. The batch here is not touched.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyarrow import fs

from vision.results.folder import ResultsError
from vision.results.seal import file_sha256
from vision.results.verify import examine

LIST = "archive.sha256"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Archived:
    """What lies at the target and was read back. path: within its file system."""

    path: str
    files: int
    bytes: int


def archive(folder: Path, uri: str) -> Archived:
    """Copies a batch to `uri`/LINE/BATCH and reads it back. Raises ResultsError in one line; then no list is there.

    folder: sound and ended. uri: as pyarrow.fs.FileSystem.from_uri takes it, for example file:///mnt/archive or
    s3://bucket/results?region=eu-central-1.
    """
    found = examine(folder)
    if found.problems:
        raise ResultsError(f"{folder}: is not archived, as it is not sound: {found.problems[0]}")
    if not found.closed:
        raise ResultsError(f"{folder}: is not archived, as the batch has not ended")
    system, base = _target(uri)
    place = folder.resolve()
    target = f"{base.rstrip('/')}/{place.parent.name}/{place.name}"
    try:
        if system.get_file_info(f"{target}/{LIST}").type != fs.FileType.NotFound:
            raise ResultsError(f"{target}: lies there already")
        hashes: dict[str, str] = {}
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.endswith(".tmp")):
            name = path.relative_to(folder).as_posix()
            hashes[name] = file_sha256(path)
            system.create_dir(f"{target}/{name}".rpartition("/")[0], recursive=True)
            with open(path, "rb") as source, system.open_output_stream(f"{target}/{name}") as sink:
                while block := source.read(_BLOCK):
                    sink.write(block)
        _compare(system, target, hashes)
        with system.open_output_stream(f"{target}/{LIST}") as sink:
            sink.write("".join(f"{digest}  {name}\n" for name, digest in hashes.items()).encode())
    except (OSError, pa.ArrowException) as error:
        raise ResultsError(f"{target}: not archived ({' '.join(str(error).split())})") from None
    return Archived(target, len(hashes), sum((folder / name).stat().st_size for name in hashes))


def restore(uri: str, folder: Path) -> int:
    """Fetches an archived batch into a new folder and compares it with its list; the count of files.

    Raises ResultsError; then no folder is left.
    """
    system, target = _target(uri)
    if folder.exists():
        raise ResultsError(f"{folder}: is there already")
    try:
        return _fetch(system, target, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _fetch(system: fs.FileSystem, target: str, folder: Path) -> int:
    try:
        with system.open_input_stream(f"{target.rstrip('/')}/{LIST}") as source:
            lines = source.read().decode().splitlines()
        folder.mkdir(parents=True)
        for line in lines:
            digest, _, name = line.partition("  ")
            path = folder / name
            if ".." in Path(name).parts or Path(name).is_absolute():
                raise ResultsError(f"{target}: {LIST} names {name!a}, which lies outside the batch")
            path.parent.mkdir(parents=True, exist_ok=True)
            with system.open_input_stream(f"{target.rstrip('/')}/{name}") as source, open(path, "wb") as sink:
                while block := source.read(_BLOCK):
                    sink.write(block)
            if file_sha256(path) != digest:
                raise ResultsError(f"{target}: {name} is not what was archived")
    except (OSError, pa.ArrowException, ValueError) as error:
        raise ResultsError(f"{target}: cannot be restored ({' '.join(str(error).split())})") from None
    return len(lines)


def _target(uri: str) -> tuple[fs.FileSystem, str]:
    shown = uri.split("?", maxsplit=1)[0].rpartition("@")[2]  # without keys and passwords
    try:
        system, path = fs.FileSystem.from_uri(uri if "://" in uri else Path(uri).resolve().as_uri())
    except (OSError, pa.ArrowException, ValueError) as error:
        keys = uri.partition("://")[2].rpartition("@")[0]
        words = " ".join(str(error).replace(keys + "@", "").split())
        raise ResultsError(f"{shown}: cannot be reached ({words})") from None
    return system, str(path)


def _compare(system: fs.FileSystem, target: str, hashes: dict[str, str]) -> None:
    for name, expected in hashes.items():
        digest = hashlib.sha256()
        with system.open_input_stream(f"{target}/{name}") as source:
            while block := source.read(_BLOCK):
                digest.update(block)
        if digest.hexdigest() != expected:
            raise ResultsError(f"{target}/{name}: is not what was written there; the batch is not archived")
