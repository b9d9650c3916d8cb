"""Rows onto the disk: the caller appends many records and commits once, and only what a commit gives back may be passed.

The recorder process holds one writer per batch. Converting, sealing and recovering live next door.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from vision.results.folder import ResultsError
from vision.results.reader import revisions
from vision.results.recovery import recover
from vision.results.rows import UNFIT, RowEncoder
from vision.results.schema import schema_with
from vision.results.seal import Key, Steps, ended, seal_file, seal_steps
from vision.results.stream import StreamFile
from vision.types import Record

log = logging.getLogger(__name__)

Ack = tuple[str, int, int]
"""(station, trigger, revision) of a row that is on the disk."""

_RETRY_NS = 10_000_000_000


class RecordingError(ResultsError):
    """Nothing of this commit is on the disk; the records are kept and the commit may be tried again."""


class BatchWriter:
    """Writes the rows of one batch into `NNNNNN.arrows` and seals full files.

    folder: of the batch; what a crash left there is recovered first. provenance: what the rows rest on (software version,
    hashes of recipe, order, calibration), into every file and seal. rows_per_file: a file is sealed with about as many rows.
    Raises ResultsError if the folder cannot be read or its batch has ended.
    """

    def __init__(self, folder: Path, provenance: Mapping[str, str], rows_per_file: int = 10_000) -> None:
        self._folder = folder
        self._rows_per_file = rows_per_file
        self._schema = schema_with(provenance)
        self._encoder = RowEncoder()
        self._pending: list[Record] = []
        self._resent: list[Ack] = []
        self._stream: StreamFile | None = None
        self._stream_rows = 0
        self._unsealed: list[Path] = []
        self._sealing: Steps | None = None
        self._retry_ns = 0
        self._ending = False
        self.refused_count = 0
        self.recovery = recover(folder)
        if self.recovery.problems:
            raise ResultsError(self.recovery.problems[0])
        if ended(folder):
            raise ResultsError(f"{folder}: this batch has ended; nothing is added to it")
        names = sorted(folder.glob("*.arrow"))
        self._number = int(names[-1].stem) if names else 0
        # What is known of the last triggers: (revision, accept). Enough to notice a record that is sent again because its
        # acknowledgement was lost with the former recorder, and an amendment that would turn a reject into an accept.
        self._former: dict[Key, tuple[int, bool]] = revisions(names[-2:])
        self._known: dict[Key, tuple[int, bool]] = {}

    def append(self, records: Iterable[Record]) -> None:
        """Takes records for the next commit.

        A record that is already on the disk with the same revision is acknowledged again and not written twice. Raises
        ValueError for an amendment that is no reject, or that would change a row other than from accept to reject.
        """
        for record in records:
            key = (record.station, record.trigger)
            known = self._known.get(key) or self._former.get(key)
            if record.revision > 0 and record.accept:
                raise ValueError(f"amendment of {key} is an accept: only an accept may be amended, and only to a reject")
            if known is not None and record.revision <= known[0]:
                if record.revision == known[0] and record.accept != known[1]:
                    raise ValueError(f"a second row for {key} with another verdict and the same revision {record.revision}")
                self._resent.append((*key, record.revision))
                continue
            if known is not None and not known[1]:
                raise ValueError(f"amendment of {key}, which is a reject already")
            self._known[key] = (record.revision, record.accept)
            self._pending.append(record)

    def verdict(self, station: str, trigger: int) -> bool | None:
        """Whether the row of a recent trigger, taken or on the disk already, accepts; None where there is none."""
        known = self._known.get((station, trigger)) or self._former.get((station, trigger))
        return None if known is None else known[1]

    def commit(self) -> list[Ack]:
        """Puts all appended records on the disk and gives back what is safe there now.

        Raises RecordingError (disk full, disk gone): then nothing counts, all is kept, and the next commit tries it again.
        """
        written: list[Ack] = []
        if self._pending:
            message, kept = self._convert()
            if kept:
                try:
                    self._open_stream().append(message)
                except OSError as error:
                    self._pending = kept
                    raise RecordingError(f"{self._folder}: {len(kept)} rows not recorded ({error.strerror or error})") from error
            self._pending = []
            self._stream_rows += len(kept)
            written = [(record.station, record.trigger, record.revision) for record in kept]
        acks = self._resent + written
        self._resent = []
        return acks

    def roll(self, settled: bool, budget_ns: int = 2_000_000) -> bool:
        """Seals in the background; call once per loop after the acknowledgements are sent. True while a file is being sealed.

        settled: no row written so far will be amended any more. A full file is closed when settled, and at twice its size in
        any case; sealing it then goes on for budget_ns per call, so that no pack waits for it. A disk error here is logged
        and the file stays open until the next try.
        """
        full = self._stream_rows >= self._rows_per_file * (1 if settled else 2)
        if self._stream is not None and full:
            self._close_stream()
        if self._sealing is None and self._unsealed and time.monotonic_ns() >= self._retry_ns:
            self._sealing = seal_steps(self._unsealed[0])
        if self._sealing is None:
            return False
        end_ns = time.monotonic_ns() + budget_ns
        try:
            for _ in self._sealing:
                if time.monotonic_ns() >= end_ns:
                    return True
            self._unsealed.pop(0)
        except (OSError, ResultsError) as error:
            log.error("%s: not sealed yet (%s)", self._unsealed[0], error)
            self._retry_ns = time.monotonic_ns() + _RETRY_NS
        self._sealing = None
        return False

    def close(self, last: bool = True) -> None:
        """Commits what is left and seals all. Raises RecordingError; may be repeated.

        last: the batch ends, and the last seal says so; else a later writer goes on.
        """
        self.commit()
        if self._sealing is not None:
            self._sealing.close()
            self._sealing = None
        try:
            if last and not self._ending:
                self._open_stream()
                self._ending = True
            self._close_stream()
            while self._unsealed:
                seal_file(self._unsealed[0], last=last and len(self._unsealed) == 1)
                self._unsealed.pop(0)
        except OSError as error:
            raise RecordingError(f"{self._folder}: rows are recorded, but not sealed ({error.strerror or error})") from error

    def abandon(self) -> None:
        """Lets go of the open file as a crash would: what was acknowledged stays, the next start seals it."""
        if self._sealing is not None:
            self._sealing.close()
        if self._stream is not None:
            self._stream.close()

    def _convert(self) -> tuple[bytes, list[Record]]:
        """The pending records as a message of rows. One that does not fit must not hold up the others: a reject is written
        without its symbols, an accept is refused, so that its pack is never acknowledged and never passed."""
        try:
            return self._encoder.encode(self._pending), self._pending
        except UNFIT:
            pass
        kept: list[Record] = []
        for record in self._pending:
            try:
                self._encoder.encode([record])
                kept.append(record)
            except UNFIT as error:
                log.error("row of %s %d does not fit the schema: %s", record.station, record.trigger, error)
                if record.accept:
                    self.refused_count += 1
                    key = (record.station, record.trigger)
                    self._known.pop(key, None)
                    self._resent = [ack for ack in self._resent if ack[:2] != key]
                else:
                    detail = f"{record.detail}; symbols not storable: {error}".lstrip("; ")
                    kept.append(replace(record, symbols=b"", detail=detail))
        return self._encoder.encode(kept), kept

    def _open_stream(self) -> StreamFile:
        if self._stream is None:
            path = self._folder / f"{self._number + 1:06d}.arrows"
            self._stream = StreamFile(path, self._schema)
            self._number += 1
            self._stream_rows = 0
        return self._stream

    def _close_stream(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._unsealed.append(self._stream.path)
            self._stream = None
            self._stream_rows = 0
            self._former, self._known = self._known, {}
