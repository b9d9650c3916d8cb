"""An open results file, `NNNNNN.arrows`: an Arrow IPC stream that is always whole up to a known byte.

Written through a descriptor of our own, so that a write that ends in the middle of a batch is seen and taken back. A batch
counts once its bytes and its length are on the disk. Which rows go in, and sealing, are not known here.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from vision.results.folder import sync_folder


class StreamFile:
    """The stream being written. Every OSError leaves the file, or finds it again, at its last good byte.

    path: the file to create; it must not exist. schema: of all batches, with its metadata. Raises OSError; then no file is left.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self._torn = False
        self._good_bytes = 0
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            self._append(bytes(memoryview(schema.serialize())))
            sync_folder(path.parent)
        except OSError:
            os.close(self._descriptor)
            path.unlink(missing_ok=True)
            raise

    @property
    def good_bytes(self) -> int:
        """Length up to which the file is whole and on the disk."""
        return self._good_bytes

    def append(self, message: bytes) -> None:
        """Puts a record batch message (rows.py) on the disk. Raises OSError; then nothing of it counts, and it may come again."""
        self._append(message)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _append(self, message: bytes) -> None:
        if self._torn:
            self._take_back()
        rest = memoryview(message)
        self._torn = True
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            os.fdatasync(self._descriptor)
        except OSError:
            # After a failed sync the kernel may count the lost pages as clean: only writing them anew is safe, so back to
            # the last good byte in any case. Should this fail as well, the next append starts with it.
            with contextlib.suppress(OSError):
                self._take_back()
            raise
        self._torn = False
        self._good_bytes += len(message)

    def _take_back(self) -> None:
        os.ftruncate(self._descriptor, self._good_bytes)
        os.lseek(self._descriptor, self._good_bytes, os.SEEK_SET)
        self._torn = False


class StreamReader:
    """The whole batches of a stream file, in order; ends quietly at the first torn one.

    schema: None where not even the head of the file is whole. good_bytes: up to where the batches read so far are whole.
    Raises OSError if the file cannot be read at all.
    """

    def __init__(self, path: Path) -> None:
        self.schema: pa.Schema | None = None
        self.good_bytes = 0
        self.total_bytes = path.stat().st_size
        self._source = pa.OSFile(str(path), "rb")
        try:
            self.schema = pa.ipc.read_schema(self._source)
            self.good_bytes = self._source.tell()
        except (pa.ArrowException, OSError, EOFError):
            pass

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        with self._source:
            while self.schema is not None and self.good_bytes < self.total_bytes:
                try:
                    batch = pa.ipc.read_record_batch(pa.ipc.read_message(self._source), self.schema)
                    batch.validate(full=True)
                except (pa.ArrowException, OSError, EOFError):
                    return
                self.good_bytes = self._source.tell()
                yield batch

    @property
    def torn_bytes(self) -> int:
        """Bytes behind the last whole batch, once all were read."""
        return self.total_bytes - self.good_bytes
