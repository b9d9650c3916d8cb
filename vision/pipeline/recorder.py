"""The recorder process: rows and evidence to disk, then the word of it. It never slows the line.

Rows first: what the line sends together is one group commit (dispatch.py); images only while no row waits. Nothing is
acknowledged before it is on the disk; what cannot be written is kept and tried again, rows never dropped. When the line is
gone, it closes the account with the last words of the others and seals.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict, deque
from pathlib import Path

from vision.batch.claims import Claims
from vision.batch.life import SERIALS
from vision.config import LineConfig
from vision.pipeline.batch import LOGS, close_account
from vision.pipeline.last_words import last_words_complete, remove_last_words
from vision.pipeline.messages import (
    Ack,
    AllSettled,
    Failed,
    ImageDone,
    KeepImage,
    Leave,
    Ready,
    RecorderTrouble,
    Write,
)
from vision.pipeline.pool import FramePool
from vision.pipeline.process import Channel
from vision.results.folder import ResultsError, read_batch_info
from vision.results.images import EvidenceStore
from vision.results.operations import is_open
from vision.results.writer import BatchWriter, RecordingError
from vision.serials.open import open_pool
from vision.serials.pool import PoolError
from vision.types import Reason, Record

log = logging.getLogger("recorder")

_RETRY_S = 0.1
_LAST_WORDS_S = 2.0
_REMEMBERED = 1024
_REFUSALS = frozenset({Reason.UNKNOWN_SERIAL, Reason.BLOCKED_SERIAL, Reason.DUPLICATE_SERIAL})


class Recorder:
    """Messages to files."""

    def __init__(
        self, channel: Channel, pool: FramePool, writer: BatchWriter, images: EvidenceStore, claims: Claims | None = None
    ) -> None:
        self._channel = channel
        self._claims = claims
        self._pool = pool
        self._writer = writer
        self._images = images
        self._rows_open: list[Record] = []  # received and not durable yet, in order
        self._appended = 0
        self._refused: list[tuple[int, int, tuple[Reason, ...]]] = []  # since the last Ack
        self._known: list[tuple[str, int, int]] = []  # amendments of what is a reject on the disk already
        self._images_open: deque[KeepImage] = deque()
        self._settled = True
        self._sealing = False
        self._leave = False
        self._trouble = ""
        self._retry_at = 0.0
        self._station_index: dict[str, int] = {}
        # The last rows as they were written, so that an amendment made after the line's death keeps what was found.
        self.recent: OrderedDict[tuple[str, int], Record] = OrderedDict()

    def run(self) -> bool:
        """Until told to leave (True) or the line is gone (False)."""
        while True:
            self._listen(self._timeout())
            self._commit()
            if not self._rows_open:
                if self._leave:
                    self._finish_images()
                    return True
                self._keep_one()
                self._sealing = self._writer.roll(self._settled)
            if self._channel.closed:
                while self._listen(0.0):  # a send may have been the first to see the end, with rows still unread
                    pass
                self._retry_at = 0.0
                self._commit()
                return False
            if self._leave and self._trouble:
                return True

    def _timeout(self) -> float | None:
        if self._rows_open:
            return max(0.0, self._retry_at - time.monotonic())
        return 0.0 if self._images_open or self._sealing or self._leave else None

    def _listen(self, timeout_s: float | None) -> bool:
        messages = self._channel.listen(timeout_s)
        for message in messages:
            match message:
                case Write(rows):
                    self._settled = False
                    for station, row in rows:
                        record = Record(*row)
                        self._station_index[record.station] = station
                        self._rows_open.append(record)
                case KeepImage():
                    self._images_open.append(message)
                case AllSettled():
                    self._settled = True
                case Leave():
                    self._leave = True
        return bool(messages)

    def _commit(self) -> None:
        if not self._rows_open or (self._trouble and time.monotonic() < self._retry_at and not self._leave):
            return
        try:
            self._take_in(self._rows_open[self._appended :])
            self._appended = len(self._rows_open)
            rows = self._writer.commit()
            durable_ns = time.monotonic_ns()
        except (RecordingError, PoolError) as error:
            self._retry_at = time.monotonic() + _RETRY_S
            if str(error) != self._trouble:
                self._trouble = str(error)
                self._channel.send(RecorderTrouble(self._trouble))
            return
        if self._trouble:
            self._trouble = ""
            self._channel.send(RecorderTrouble(""))
        for record in self._rows_open:
            self.recent[record.station, record.trigger] = record
        index = self._station_index
        durable = tuple([(index[name], trigger, revision) for name, trigger, revision in (*rows, *self._known)])
        self._channel.send(Ack(durable, durable_ns, tuple(self._refused)))
        self._give_back(self._rows_open)
        self._rows_open.clear()
        self._refused.clear()
        self._known.clear()
        self._appended = 0
        while len(self.recent) > _REMEMBERED:
            self.recent.popitem(last=False)

    def _take_in(self, records: list[Record]) -> None:
        """Claims the serials of what accepts and is not on the disk yet, then hands all to the writer."""
        if self._claims is None or not records:
            self._writer.append(records)
            return
        verdicts = {(r.station, r.trigger): self._writer.verdict(r.station, r.trigger) for r in records}
        self._claims.claim([r for r in records if verdicts[r.station, r.trigger] is None])
        written = []
        for record in records:
            key = (record.station, record.trigger)
            if record.revision == 0 and record.accept and verdicts[key] is False:
                record.reasons = (Reason.DUPLICATE_SERIAL,)  # refused by a recorder that died before it could say so
            if record.serials and record.reasons and record.reasons[0] in _REFUSALS and record.revision == 0:
                self._refused.append((self._station_index[record.station], record.trigger, record.reasons))
            if record.revision > 0 and verdicts[key] is False:
                self._known.append((*key, record.revision))
            else:
                written.append(record)
            verdicts[key] = record.accept
        self._writer.append(written)

    def _give_back(self, records: list[Record]) -> None:
        if self._claims is None:
            return
        try:
            self._claims.give_back(records)
        except PoolError as error:  # found and put right when the batch is settled
            log.warning("%s: a serial is not given back yet", error)

    def _keep_one(self) -> None:
        if not self._images_open:
            return
        message = self._images_open.popleft()
        pixels = self._pool.read_only(message.slot, message.key[0])
        name = self._images.keep(message.station, message.key[1], pixels)
        self._channel.send(ImageDone(message.slot, name is not None))

    def _finish_images(self) -> None:
        while self._images_open:
            self._keep_one()


def run_recorder(channel: Channel, pool: FramePool, config: LineConfig, folder: str, provenance: dict[str, str]) -> None:
    """The process: rows of one batch folder, from the first to the seal."""
    batch = Path(folder)
    try:
        writer = BatchWriter(batch, provenance, rows_per_file=config.keep.rows_per_file)
    except (ResultsError, RecordingError, OSError) as error:
        channel.send(Failed(f"recorder: {error}"))
        channel.drain(1.0)
        return
    keep = config.keep
    images = EvidenceStore(batch / "images", keep.evidence_images, keep.evidence_mb * 1_000_000, keep.free_mb_min * 1_000_000)
    try:
        claims = _claims_of(batch)
    except (PoolError, ResultsError) as error:
        channel.send(Failed(f"recorder: {error}"))
        channel.drain(1.0)
        return
    recorder = Recorder(channel, pool, writer, images, claims)
    channel.send(Ready())
    whole = recorder.run() or _close_account(recorder, writer, batch, [station.name for station in config.stations])
    try:
        writer.close(last=whole and not is_open(batch))
    except RecordingError as error:
        log.error("the batch could not be sealed: %s; the next start will", error)
        channel.drain(1.0)


def _claims_of(folder: Path) -> Claims | None:
    """The way to the pool of a batch that a person started."""
    if not is_open(folder):
        return None
    info = read_batch_info(folder)
    return Claims(open_pool(info.pool), info.gtin, f"{info.line}/{folder.name}", (folder / SERIALS).exists())


def _close_account(recorder: Recorder, writer: BatchWriter, folder: Path, stations: list[str]) -> bool:
    """The line is gone: one LINE_LOST row for each trigger without one, an amendment for each pass that never came.

    Whether all is told. Where somebody's last words are missing, the batch gets no last seal: they may still come, and the next
    start closes the account with them.
    """
    end = time.monotonic() + _LAST_WORDS_S
    while not last_words_complete(folder / LOGS, stations) and time.monotonic() < end:
        time.sleep(0.01)  # a line's end, not synchronisation: the files' writers may be dead, then time decides
    told = last_words_complete(folder / LOGS, stations)
    try:
        close_account(folder, writer, recorder.recent)
    except RecordingError:
        return False
    if told:
        remove_last_words(folder / LOGS)
    return told
