"""The workers of one machine: a process per core, each with a pipe of its own, fed with chunks.

A pipe each: one worker killed while it waits in a shared queue hangs the rest. Who dies is seen as end of file and replaced.
Ctrl-C is the driver's alone: workers ignore it and leave when their pipe ends.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Protocol

from vision.audit.look import Worker
from vision.audit.plan import Brief, Chunk
from vision.audit.sources import AuditError

CONTEXT = multiprocessing.get_context("forkserver")


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a chunk: its file, None where its worker died. cpu_ns: CPU time of the worker for it."""

    chunk: Chunk
    part: bytes | None
    cpu_ns: int = 0


class Crew(Protocol):
    """Who looks at chunks: processes here, or tasks of a cluster."""

    capacity: int
    """Chunks to keep under way."""

    def give(self, chunk: Chunk) -> None:
        """Hands out a chunk; there are never more than `capacity` under way."""

    def collect(self) -> list[Done]:
        """Waits for at least one chunk under way. Raises AuditError where a worker cannot work at all."""

    def close(self) -> None:
        """Ends all work; nothing is left."""


class Processes:
    """A crew of processes on this machine."""

    def __init__(self, brief: Brief, workers: int) -> None:
        self._brief = brief.for_workers()
        self._idle: list[_Child] = []
        self._busy: dict[Connection, _Child] = {}
        # One chunk waits behind each that is looked at, so that no worker waits for us.
        self.capacity = 2 * workers
        CONTEXT.set_forkserver_preload(["vision.audit.look"])
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # held until a worker ignores it itself
        try:
            resource_tracker.ensure_running()  # started by the first worker otherwise, and it takes the mask off
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            for _ in range(workers):
                self._start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that live now."""
        return [child.process.pid or 0 for child in (*self._idle, *self._busy.values())]

    def give(self, chunk: Chunk) -> None:
        child = self._idle.pop() if self._idle else min(self._busy.values(), key=lambda child: len(child.chunks))
        child.chunks.append(chunk)
        self._busy[child.pipe] = child
        with contextlib.suppress(OSError):  # it just died: collect() sees it
            child.pipe.send(chunk)

    def collect(self) -> list[Done]:
        done: list[Done] = []
        for pipe in wait(list(self._busy)):
            child = self._busy[pipe]  # type: ignore[index]
            try:
                number, part, cpu_ns, trouble = child.pipe.recv()
            except (EOFError, OSError):
                done += self._lost(child)
                continue
            chunk = child.chunks.pop(0)
            assert chunk.number == number
            if trouble:
                raise AuditError(trouble)
            if not child.chunks:
                self._idle.append(self._busy.pop(child.pipe))
            done.append(Done(chunk, part, cpu_ns))
        return done

    def _lost(self, child: _Child) -> Iterator[Done]:
        """A worker died: a new one; the chunk it looked at is lost, what waited behind goes to the new one."""
        del self._busy[child.pipe]
        child.end()
        self._start()
        lost, *waiting = child.chunks
        for chunk in waiting:
            self.give(chunk)
        yield Done(lost, None)

    def _start(self) -> None:
        self._idle.append(_Child(self._brief))

    def close(self) -> None:
        children = [*self._idle, *self._busy.values()]
        for child in children:
            child.pipe.close()
            if child.chunks:
                child.process.terminate()  # in the middle of a chunk: its end is not waited for
        for child in children:
            child.end()
        self._idle.clear()
        self._busy.clear()


class _Child:
    def __init__(self, brief: Brief) -> None:
        self.pipe, end = CONTEXT.Pipe()
        self.process: BaseProcess = CONTEXT.Process(target=_work, args=(end, brief), daemon=True)
        self.process.start()
        end.close()
        self.chunks: list[Chunk] = []

    def end(self) -> None:
        self.pipe.close()
        self.process.join(5.0)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.process.close()


def _work(pipe: Connection, brief: Brief) -> None:
    """The process: chunks in, files out, until the pipe ends."""
    import time  # noqa: PLC0415

    import cv2  # noqa: PLC0415

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(
        cv2.utils.logging.LOG_LEVEL_SILENT
    )  # what it thinks of a broken file stands in the dataset, and not on the terminal
    with contextlib.closing(Worker(brief)) as worker, contextlib.suppress(EOFError, OSError):
        while True:
            chunk: Chunk = pipe.recv()
            begin_ns = time.process_time_ns()
            part, trouble = b"", ""
            try:
                part = worker.part(chunk)
            except AuditError as error:
                trouble = str(error)
            pipe.send((chunk.number, part, time.process_time_ns() - begin_ns, trouble))
