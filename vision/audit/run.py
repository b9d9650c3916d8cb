"""An audit from its brief to a whole dataset: what is there already is kept, what is missing is looked at, by whatever crew.

A dataset is a folder: `audit.json` says what it rests on, `000000.arrow` ... hold one chunk each. A file is there whole or not at
all, so an audit that was stopped, or whose machine died, goes on where it was.
"""

from __future__ import annotations

import dataclasses
import fcntl
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from vision.audit.crew import Crew
from vision.audit.plan import Brief, Chunk
from vision.audit.sources import AuditError

ABOUT = "audit.json"
TRIES = 2
"""Deaths over one chunk before its frames are looked at one by one, and over one frame before it is left out."""


@dataclass(frozen=True, slots=True)
class Progress:
    """frames: done of total. kept: of them from an earlier call. deaths: workers that died so far."""

    frames: int
    total: int
    kept: int
    deaths: int
    cpu_ns: int


def part_name(chunk: Chunk) -> str:
    return f"{chunk.number:06d}.arrow"


def run_audit(
    brief: Brief, folder: Path, make_crew: Callable[[Brief], Crew], on_progress: Callable[[Progress], None] = lambda progress: None
) -> Progress:
    """Fills a dataset folder. Raises AuditError: the folder holds another audit or cannot be written, or a source is gone.

    KeyboardInterrupt may come at any time; what is done is kept.
    """
    with _locked(folder):
        _claim(brief, folder)
        missing = []
        kept = 0
        for chunk in brief.chunks():
            if (folder / part_name(chunk)).exists():
                kept += len(chunk.names)
            else:
                missing.append(chunk)
        progress = Progress(kept, brief.frame_count, kept, 0, 0)
        on_progress(progress)
        if missing:
            with closing(make_crew(brief)) as crew:
                for state in _looked_at(missing, crew, folder, progress):
                    on_progress(progress := state)
        return progress


def _looked_at(missing: list[Chunk], crew: Crew, folder: Path, progress: Progress) -> Iterator[Progress]:
    """Gives every chunk to the crew and writes what comes back; a frame that kills its workers is found and left out."""
    waiting = missing[::-1]
    under_way = 0
    deaths: Counter[tuple[int, int | None]] = Counter()  # by chunk, and by frame of a chunk that is looked at frame by frame
    probes: dict[int, tuple[Chunk, list[int]]] = {}
    while waiting or under_way:
        while waiting and under_way < crew.capacity:
            crew.give(waiting.pop())
            under_way += 1
        for done in crew.collect():
            under_way -= 1
            chunk = done.chunk
            single = chunk.number in probes
            if done.part is None:
                key = chunk.number, (chunk.first if single else None)
                deaths[key] += 1
                progress = dataclasses.replace(progress, deaths=progress.deaths + 1)
                if deaths[key] < TRIES:
                    waiting.append(chunk)
                    continue
                if deaths[key] > 2 * TRIES:
                    raise AuditError(f"frames {chunk.names[0]} to {chunk.names[-1]}: every worker dies, and over no frame alone")
                if not single:
                    probes[chunk.number] = (chunk, [])
                    waiting.append(_single(chunk, 0))
                    continue
                probes[chunk.number][1].append(chunk.first - probes[chunk.number][0].first)
            elif not single:
                write_part(folder / part_name(chunk), done.part)
                progress = dataclasses.replace(
                    progress, frames=progress.frames + len(chunk.names), cpu_ns=progress.cpu_ns + done.cpu_ns
                )
                yield progress
                continue
            whole, killers = probes[chunk.number]
            following = chunk.first - whole.first + 1
            if following < len(whole.names):
                waiting.append(_single(whole, following))
            else:
                del probes[chunk.number]
                waiting.append(dataclasses.replace(whole, skip=frozenset(killers)))


def _single(chunk: Chunk, offset: int) -> Chunk:
    """One frame of a chunk alone, to see whether it kills."""
    return dataclasses.replace(chunk, first=chunk.first + offset, names=chunk.names[offset : offset + 1])


def write_part(path: Path, content: bytes) -> None:
    """A file whole or not at all; not synced: what a power failure takes is looked at again."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise AuditError(f"{path}: cannot be written ({error.strerror})") from None


def _claim(brief: Brief, folder: Path) -> None:
    about, path = brief.as_json(), folder / ABOUT
    try:
        if path.exists():
            if path.read_text("utf-8") != about:
                raise AuditError(f"{path}: another audit lies here (its sources, set-up or software differ), name another folder")
            return
        strangers = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
        if strangers:
            raise AuditError(f"{folder}: holds {strangers[0]} and no {ABOUT}, expected an empty folder or an audit")
        write_part(path, about.encode())
    except OSError as error:
        raise AuditError(f"{folder}: cannot be used ({error.strerror})") from None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The folder for this process alone."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise AuditError(f"{folder}: cannot be written ({error.strerror})") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise AuditError(f"{folder}: another audit runs on this folder") from None
    finally:
        os.close(descriptor)
