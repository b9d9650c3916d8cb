"""The aggregation journal: `<results>/<line>/aggregation.jsonl`, the hash-chained, durable record of what was packed into what.

A line is written and synced before its deed counts; after a kill or a power cut the torn last line is cut off, and the deeds that
were told as done are all there. A stranger checks the chain with sha256sum as that of the seals. Rules are in aggregate.py.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vision.config import LevelConfig
from vision.results.chain import GENESIS, append_line, chain_entries, chain_lines, link, sha256
from vision.results.folder import LineLock, ResultsError
from vision.trace.aggregate import Aggregation, AggregationError, Entry
from vision.trace.events import Event, Happening

JOURNAL = "aggregation.jsonl"
FORMAT = 1


class Journal:
    """A line's containers, with the journal that they live in; one process at a time.

    path: of the journal, made with its first entry. levels, lot_of: see Aggregation. by: who does what follows. utc_ns: the clock.
    wait_s: how long another process may go on to hold it.
    Raises ResultsError where another process holds it, where its chain is cut or changed, or where an entry is not of this line.
    """

    def __init__(
        self,
        path: Path,
        levels: Sequence[LevelConfig],
        lot_of: Callable[[str], str | None],
        by: str = "",
        utc_ns: Callable[[], int] = time.time_ns,
        wait_s: float = 0.0,
    ) -> None:
        self.path = path
        self.state = Aggregation(levels, lot_of)
        self._by = by
        self._utc_ns = utc_ns
        self._held: list[bytes] | None = None  # lines of deeds done together
        self._closed = False
        self._lock = _lock(path, wait_s)
        try:
            entries, self.head = _read_whole(path, mend=True)
            for number, entry in enumerate(entries, 1):
                try:
                    self.state.apply(entry)
                except (AggregationError, AssertionError, KeyError, TypeError) as error:
                    raise ResultsError(f"{path}: line {number}: {error}") from None
            self._last_ns = entries[-1]["utc_ns"] if entries else 0
        except BaseException:
            self._lock.release()
            raise

    def do(self, entry: Entry) -> Entry:
        """Makes a decided deed durable, then does it; the entry as in the journal. Raises OSError; then nothing is done."""
        self._last_ns = max(self._last_ns + 1, self._utc_ns())  # a clock set back does not turn the order of events
        whole = {**entry, "format": FORMAT, "utc_ns": self._last_ns, "by": self._by}
        line = link(whole, self.head)
        if self._held is None:
            self._append(line)
        else:
            self._held.append(line)
        self.head = sha256(line)
        self.state.apply(whole)
        return whole

    @contextmanager
    def together(self) -> Iterator[None]:
        """The deeds done inside become durable at its end, all or none, with one sync: only then may they be told as done.

        A sync costs some ms; a pallet of cases is one act. Raises OSError; then the journal is closed, for its state is ahead.
        """
        assert self._held is None, "one inside the other"
        self._held = []
        try:
            yield
            if self._held:
                self._append(b"".join(self._held))
        except BaseException:
            self.close()
            raise
        finally:
            self._held = None

    def _append(self, lines: bytes) -> None:
        if self._closed:
            raise ResultsError(f"{self.path}: is closed")
        append_line(self.path, lines, sync=True)

    def close(self) -> None:
        self._closed = True
        self._lock.release()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def read_journal(path: Path) -> list[Entry]:
    """The entries of a journal, without a lock: it may be written meanwhile, a line half there is left out. Raises ResultsError."""
    return _read_whole(path, mend=False)[0]


def examine_journal(path: Path) -> tuple[int, str, list[str]]:
    """(entries, hash of the last line, problems) of a journal as it lies there. Raises ResultsError if it cannot be read."""
    content = _content(path)
    entries, problems = chain_entries(path.name, content, GENESIS)
    lines = chain_lines(content)
    return len(entries), sha256(lines[-1]) if lines else GENESIS, problems


def journal_events(entries: Sequence[Entry]) -> Iterator[Event]:
    """What the entries say as events, in their order: a repacking is a removal from each container, then a packing."""
    for entry in entries:
        utc_ns = entry["utc_ns"]
        match entry["do"]:
            case "pack":
                yield Event(Happening.PACKED, utc_ns, tuple(entry["children"]), parent=entry["parent"])
            case "unpack" | "dissolve" if entry["children"]:
                yield Event(Happening.UNPACKED, utc_ns, tuple(entry["children"]), parent=entry["parent"])
            case "repack":
                for source, children in entry["from"].items():
                    yield Event(Happening.UNPACKED, utc_ns, tuple(children), parent=source)
                moved = tuple(child for children in entry["from"].values() for child in children)
                yield Event(Happening.PACKED, utc_ns, moved, parent=entry["parent"])


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read ({error.strerror})") from None


def _read_whole(path: Path, mend: bool) -> tuple[list[Entry], str]:
    """The entries and the hash of the last line. mend: a torn last line is cut off the file."""
    content = _content(path)
    lines = chain_lines(content)
    whole = b"".join(lines)
    entries: list[dict[str, Any]]
    entries, problems = chain_entries(path.name, whole, GENESIS)
    if problems:
        raise ResultsError(f"{path.parent / problems[0]}")
    if any(entry.get("format") != FORMAT for entry in entries):
        raise ResultsError(f"{path}: written by another version, expected format {FORMAT}")
    if mend and len(whole) < len(content):
        os.truncate(path, len(whole))
    return entries, sha256(lines[-1]) if lines else GENESIS


def _lock(path: Path, wait_s: float) -> LineLock:
    lock = path.with_name(f".{path.name}.lock")
    descriptor = -1
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        end_s = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= end_s:
                    raise
                time.sleep(0.02)
    except BlockingIOError:
        os.close(descriptor)
        raise ResultsError(f"{path}: another process packs into this journal") from None
    except OSError as error:
        if descriptor >= 0:
            os.close(descriptor)
        raise ResultsError(f"{path}: cannot be locked ({error.strerror})") from None
    return LineLock(descriptor)


__all__ = ["JOURNAL", "Journal", "examine_journal", "journal_events", "read_journal"]
