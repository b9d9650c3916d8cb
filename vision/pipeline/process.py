"""Processes and the channels between them.

A channel is a socket pair with marshalled messages behind a length (pickled where one holds no plain value); neither end
blocks on a send: what does not fit waits in an outbox of known size. One channel per process: with a shared queue, one process
killed while it holds the queue's lock hangs all others. Death is seen as end of file on the channel, within about a
millisecond; a child that sees it leaves.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import importlib
import logging
import marshal
import multiprocessing
import os
import pickle
import select
import signal
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from vision.pipeline.messages import KINDS, LogLine
from vision.pipeline.turns import ask_for_turn

_LENGTH = struct.Struct("<I")
_INBOX_BYTES = 1 << 16
_OTHER = -1
_PICKLED = 0x80  # how a pickle begins, and no marshalled list
_CODES = {kind: code for code, kind in enumerate(KINDS)}
"""A message goes as a plain tuple, its code and its fields: as a named tuple each end would look its class up among the imports and
run Python of its own for it, 9 instead of 4 us for four words to the rejector, and more with empty caches."""

CONTEXT = multiprocessing.get_context("forkserver")
"""How children are made. The default method stays "fork", which multiprocessing-logging asks for and nothing here uses."""


class Channel:
    """One end of a two-way pipe of messages between the line and a child.

    A message can be held back and then leaves with the next one: what wakes a process costs more than what it says.
    """

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(True)  # each call says itself whether it may wait
        self._socket = end
        self._inbox = bytearray(_INBOX_BYTES)  # made once: fresh memory for each call costs more than the call
        self._inbox_bytes = 0
        self._held: list[Any] = []
        self._outbox: deque[bytes] = deque()
        self._head_sent = 0
        self._poll = select.poll()
        self._poll.register(end, select.POLLIN)
        self.outbox_bytes = 0
        self.closed = False

    @staticmethod
    def pair() -> tuple[Channel, socket.socket]:
        """The line's end, and the socket to hand to the child (which makes its own Channel of it)."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        return Channel(ours), theirs

    def fileno(self) -> int:
        return self._socket.fileno()

    def hold(self, message: Any) -> None:
        """Leaves, in order, with the next send() or release()."""
        self._held.append(message)

    def release(self) -> None:
        """Sends what is held."""
        if self._held:
            held, self._held = self._held, []
            self._put(held)

    def send(self, message: Any) -> None:
        """Queues a message and sends what the pipe takes; never blocks. To a closed channel: forgotten."""
        self._held.append(message)
        self.release()

    def _put(self, messages: list[Any]) -> None:
        if self.closed:
            return
        coded = [(_CODES[type(m)], *m) if type(m) in _CODES else (_OTHER, m) for m in messages]
        try:
            body = marshal.dumps(coded)  # plain values, nearly all; 3 us less than pickle at either end where caches are cold
        except ValueError:
            body = pickle.dumps(coded, pickle.HIGHEST_PROTOCOL)
        self._outbox.append(_LENGTH.pack(len(body)) + body)
        self.outbox_bytes += len(body) + _LENGTH.size
        if len(self._outbox) == 1:
            self.flush()

    def flush(self) -> bool:
        """Sends what the pipe takes; True when nothing is left."""
        try:
            while self._outbox:
                head = self._outbox[0]
                sent = self._socket.send(memoryview(head)[self._head_sent :] if self._head_sent else head, socket.MSG_DONTWAIT)
                self.outbox_bytes -= sent
                self._head_sent += sent
                if self._head_sent == len(head):
                    self._outbox.popleft()
                    self._head_sent = 0
        except BlockingIOError:
            return False
        except OSError:
            self.closed = True
            self._outbox.clear()
            self.outbox_bytes = 0
        return True

    @property
    def waiting(self) -> bool:
        """Something is left to send."""
        return bool(self._outbox)

    def receive(self, flags: int = socket.MSG_DONTWAIT) -> list[Any]:
        """Messages that have arrived whole; sets `closed` at end of file. Never blocks."""
        try:
            count = self._socket.recv_into(memoryview(self._inbox)[self._inbox_bytes :], 0, flags)
            if not count:
                self.closed = True
                return []
        except BlockingIOError:
            return []
        except OSError:
            self.closed = True
            return []
        return self._whole(self._inbox_bytes + count)

    def _whole(self, end: int) -> list[Any]:
        """Takes the whole messages out of the first bytes of the inbox."""
        inbox = memoryview(self._inbox)
        messages: list[Any] = []
        start = 0
        missing = 0
        while end - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(inbox, start)
            if end - start - _LENGTH.size < length:
                missing = _LENGTH.size + length
                break
            start += _LENGTH.size
            loads = pickle.loads if inbox[start] == _PICKLED else marshal.loads
            for coded in loads(inbox[start : start + length]):
                code = coded[0]
                messages.append(coded[1] if code == _OTHER else tuple.__new__(KINDS[code], coded[1:]))
            start += length
        self._inbox_bytes = end - start
        if missing > len(inbox):
            larger = bytearray(missing)
            larger[: self._inbox_bytes] = inbox[start:end]
            self._inbox = larger
        elif start < end and start:
            inbox[: end - start] = bytes(inbox[start:end])
        return messages

    def listen(self, timeout_s: float | None = None) -> list[Any]:
        """For a child: sleeps until something arrives or the time is over (None = never), then receives."""
        if timeout_s is None and not self._outbox:
            return self.receive(0)  # one call instead of two
        self.wait(timeout_s)
        return self.receive()

    def wait(self, timeout_s: float | None) -> None:
        """For a child: sleeps until something arrives, the outbox can move on, or the time is over."""
        if self._outbox:
            self._poll.modify(self._socket, select.POLLIN | select.POLLOUT)
        self._poll.poll(None if timeout_s is None else max(0.0, timeout_s) * 1000)
        if self._outbox:
            self.flush()
            self._poll.modify(self._socket, select.POLLIN)

    def drain(self, timeout_s: float) -> None:
        """For a child that leaves: waits until the outbox is empty, at most so long."""
        end = time.monotonic() + timeout_s
        self.release()
        while self._outbox and not self.closed and time.monotonic() < end:
            self.wait(0.05)
            self.flush()

    def close(self) -> None:
        self.closed = True
        with contextlib.suppress(OSError):
            self._socket.close()


class ChannelLogHandler(logging.Handler):
    """Sends log lines to the line process, which writes them: a killed child holds no lock of the log."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
            self._channel.send(LogLine(record.levelno, record.name, text, record.created))
        except Exception:
            self.handleError(record)


def _child_main(target: Callable[..., None], name: str, end: socket.socket, fault_file: str, args: tuple[Any, ...]) -> None:
    """First thing in a child: signals, stack dumps, log; then the role's own main function."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal group; the line alone decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    faults: IO[str] | None = None
    if fault_file:
        faults = open(fault_file, "a", encoding="utf-8")  # noqa: SIM115 - open for as long as the process lives
        faulthandler.enable(file=faults, all_threads=True)
        faulthandler.register(signal.SIGUSR1, file=faults, all_threads=True)
    channel = Channel(end)
    root = logging.getLogger()
    root.handlers = [ChannelLogHandler(channel)]
    root.setLevel(logging.INFO)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(15, f"vision:{name}"[:15].encode(), 0, 0, 0)  # PR_SET_NAME, for top and ps
    ask_for_turn(name.partition("-")[0])
    # What is loaded by now stays: the collector need not walk it again and again (tens of milliseconds each time).
    gc.collect()
    gc.freeze()
    try:
        target(channel, *args)
    except Exception:
        logging.getLogger(name).exception("%s failed", name)
        channel.drain(0.5)
        sys.exit(1)
    channel.drain(0.5)
    # No interpreter shutdown: a camera SDK's threads may hang it, and there is nothing left to flush.
    os._exit(0)


@contextlib.contextmanager
def _no_main_module() -> Iterator[None]:
    """Keeps children from importing the program that started the line (the command line's imports cost 0.3 s each)."""
    main = sys.modules["__main__"]
    saved = {name: getattr(main, name) for name in ("__file__", "__spec__") if hasattr(main, name)}
    main.__file__ = None
    main.__spec__ = None
    try:
        yield
    finally:
        del main.__file__, main.__spec__  # a program may have none (interactive, started by execnet), and others look with hasattr
        for name, value in saved.items():
            setattr(main, name, value)


@dataclass(frozen=True, slots=True)
class Main:
    """A role's main function by name, looked up in the child: the line itself loads no kernels and no camera software."""

    module: str
    function: str

    def __call__(self, *args: Any) -> None:
        getattr(importlib.import_module(self.module), self.function)(*args)


class Child:
    """A process of the line as the line sees it."""

    def __init__(self, role: str, index: int, target: Callable[..., None], args: Sequence[Any], fault_file: Path | None) -> None:
        self.role = role
        self.index = index
        self.name = f"{role}-{index}"
        self.started = time.monotonic()
        self.ready = False
        self.ended = ""
        self.channel, end = Channel.pair()
        self.process: Any = CONTEXT.Process(
            target=_child_main,
            args=(target, self.name, end, str(fault_file) if fault_file else "", tuple(args)),
            name=self.name,
            daemon=True,
        )
        with _no_main_module():
            self.process.start()
        end.close()
        self.pid: int = self.process.pid or 0

    def kill(self, dump_stack: bool = False) -> None:
        """SIGKILL; with dump_stack the child is asked to write its stack to its fault file first."""
        with contextlib.suppress(ProcessLookupError, OSError):
            if dump_stack:
                os.kill(self.pid, signal.SIGUSR1)
                # faulthandler writes from the signal handler, in well under this; a stopped process writes nothing.
                self.process.join(0.02)
            os.kill(self.pid, signal.SIGKILL)

    def how_it_ended(self) -> str:
        """ "died with SIGSEGV", "left with exit code 1", in words for the log and the record."""
        self.process.join(1.0)
        code = self.process.exitcode
        if code is None:
            return "closed its channel"
        if code < 0:
            try:
                return f"died with {signal.Signals(-code).name}"
            except ValueError:
                return f"died with signal {-code}"
        return f"left with exit code {code}"

    def close(self) -> None:
        self.channel.close()
        self.process.join(0.5)
        if self.process.exitcode is None:
            self.kill()
            self.process.join(1.0)
        with contextlib.suppress(ValueError):
            self.process.close()


class RestartBudget:
    """How often a role may be started anew: `count` times within `window_s`. Pure: times are given."""

    def __init__(self, count: int, window_s: float) -> None:
        self._count = count
        self._window_s = window_s
        self._times: deque[float] = deque()
        self.spent = 0

    def allow(self, now: float) -> bool:
        """True and counted when a restart is within the budget."""
        while self._times and now - self._times[0] > self._window_s:
            self._times.popleft()
        if len(self._times) >= self._count:
            return False
        self._times.append(now)
        self.spent += 1
        return True
