"""The rejector process of a station: reject unless passed, at the due time, whatever else happens.

A thin loop around the pure schedule (reject/schedule.py) and one output (reject/output.py). The deadline lives here and not
in the line's loop: with a process of its own it is kept while the machine is busy; SCHED_FIFO is asked for where allowed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import time
from collections import deque
from pathlib import Path
from typing import Any

from vision.config import StationConfig
from vision.pipeline.last_words import write_last_words
from vision.pipeline.messages import (
    Expect,
    Failed,
    Leave,
    LineReady,
    OutputState,
    Pass,
    Ready,
    Reject,
    RejectsConfirmed,
    SetOutput,
    Settled,
)
from vision.pipeline.process import Channel
from vision.reject.confirmation import Confirmations
from vision.reject.make import make_output, make_schedule
from vision.reject.output import Machine, Output, OutputError
from vision.reject.schedule import Schedule

log = logging.getLogger("rejector")

_CONNECT_NS = 1_000_000_000
_GATHER_NS = 100_000_000
"""Fates are told to the line this much later at the most: each message wakes a process."""
_BOOK_KEEPING_NS = 120_000_000
"""A pack whose fate the machine acknowledged is settled here this much after its due time at the most, with the next message: only
where the due time must still do something it is worth a wake-up of its own. The heartbeat comes as much earlier, up to a quarter of
its period."""
_REMEMBERED = 4096  # packs let go, kept in mind for the last words
_LAST_CONFIRMATIONS_NS = 5_000_000_000
_LISTEN_MS = 10
_FLUSH_NS = 10_000_000
"""How soon the rest of a message is tried again that the line has no room for."""


class Rejector:
    """Packs of one station from Expect to their fate.

    heartbeat_ns: how often the machine hears from us. last_trigger: the last one before this process; it is told of all after it.
    """

    def __init__(
        self,
        channel: Channel,
        schedule: Schedule,
        output: Output,
        confirmations: Confirmations,
        heartbeat_ns: int,
        last_trigger: int = 0,
    ) -> None:
        self._channel = channel
        self._schedule = schedule
        self._output = output
        self._confirmations = confirmations
        self._heartbeat_ns = heartbeat_ns
        self._next_heartbeat_ns = 0
        self._line_ready = False
        self._leave = False
        self._loss = ""
        self._told: str | None = None
        self._fates: list[tuple[int, bool]] = []  # settled, the line is not told yet
        self._tell_at_ns = 0
        self._poll = select.poll()
        self._poll.register(channel.fileno(), select.POLLIN)
        self._output_fd: int | None = None  # as registered
        self._last_trigger = self._since = last_trigger
        self._let_go: deque[int] = deque(maxlen=_REMEMBERED)

    def last_words(self) -> dict[str, Any]:
        """For closing_records: every pack after `since` that is not among `let_go` was not let through."""
        return {"last_trigger": self._last_trigger, "since": self._since, "let_go": list(self._let_go)}

    def run(self) -> None:
        """Until told to leave or the line is gone."""
        while not self._leave and not self._channel.closed:
            self._wait()
            now_ns = time.monotonic_ns()
            self._settle_due(now_ns)  # before what comes too late is heard
            for message in self._channel.receive():
                self._hear(message, now_ns)
            self._tick(now_ns)
        now_ns = time.monotonic_ns()
        for settled in self._schedule.reject_all(now_ns):
            self._output.settle(settled.trigger, False, now_ns, now_ns)
            self._fates.append((settled.trigger, False))
        if self._fates:
            self._tell_fates()
        self._tell_confirmed()

    def _tell_confirmed(self) -> None:
        """Waits for the last confirmations as long as they may take, a while at the most; then tells the sums."""
        end_ns = time.monotonic_ns() + _LAST_CONFIRMATIONS_NS
        while self._confirmations.waiting and not self._channel.closed and (now_ns := time.monotonic_ns()) < end_ns:
            self._tick(now_ns)
            self._poll.poll(_LISTEN_MS)
            self._channel.receive()
        if self._confirmations.rejected_count or self._confirmations.confirmed_count:
            self._channel.send(RejectsConfirmed(self._confirmations.rejected_count, self._confirmations.confirmed_count))

    def _hear(self, message: Any, now_ns: int) -> None:
        match message:
            case Expect(trigger, arrival_ns, encoder_count):
                self._last_trigger = max(self._last_trigger, trigger)
                if self._schedule.expect(trigger, arrival_ns, encoder_count):
                    self._output.expect(trigger)
            case Pass(trigger):
                if self._schedule.passed(trigger, now_ns):
                    self._output.decide(trigger, True)
            case Reject(trigger, bad_places):
                if self._schedule.rejected(trigger):
                    self._output.decide(trigger, False, bad_places)
            case LineReady(ready):
                self._line_ready = ready
                self._next_heartbeat_ns = now_ns
            case Leave():
                self._leave = True

    def _settle_due(self, now_ns: int) -> None:
        for settled in self._schedule.due(now_ns):
            done = self._output.settle(settled.trigger, settled.accept, settled.due_ns, now_ns)
            accept = settled.accept and done
            self._fates.append((settled.trigger, accept))
            if accept:
                if len(self._let_go) == _REMEMBERED:
                    self._since = max(self._since, self._let_go[0])
                self._let_go.append(settled.trigger)
            else:
                self._confirmations.rejected(settled.due_ns)
            self._tell_at_ns = self._tell_at_ns or now_ns + _GATHER_NS
        if self._fates and now_ns >= self._tell_at_ns:
            self._tell_fates()

    def _tell_fates(self) -> None:
        self._channel.send(Settled(tuple(self._fates)))
        self._fates.clear()
        self._tell_at_ns = 0

    def _tick(self, now_ns: int) -> None:
        if now_ns >= self._next_heartbeat_ns - min(self._heartbeat_ns // 4, _BOOK_KEEPING_NS):
            self._next_heartbeat_ns = now_ns + self._heartbeat_ns
            self._output.heartbeat(self._line_ready, now_ns)
        try:
            self._output.tick(now_ns)
        except OutputError as error:
            self._loss = str(error)
            log.warning("%s", error)
        machine = self._output.machine()
        self._confirmations.heard(machine.confirmed_count)
        self._tell(machine, self._confirmations.missed(now_ns))

    def _tell(self, machine: Machine, missed_count: int) -> None:
        """Tells the line when the machine's state changes: not connected, bin full, stop asked for, a reject not confirmed."""
        detail = ""
        if not machine.up:
            detail = self._loss or "not connected"
        elif machine.bin_full:
            detail = "the reject bin is full"
        elif machine.stop_request:
            detail = "the machine asks for a stop"
        elif missed_count:
            detail = f"rejects not confirmed by the machine: {missed_count}; look at the belt, then start the line anew"
        if detail != self._told:
            self._told = detail
            self._channel.send(OutputState(detail))

    def _wait(self) -> None:
        times = [self._tell_at_ns or None, self._next_heartbeat_ns, self._output.wait_ns()]
        due_ns, untold = self._schedule.next_due_ns(), self._output.untold()
        if due_ns is not None and untold is not None:
            due_ns += _BOOK_KEEPING_NS
            times += map(self._schedule.due_ns, untold)
        times.append(due_ns)
        next_ns = min(t for t in times if t is not None)
        self._watch(self._output.fileno())
        if self._channel.waiting:
            self._channel.flush()
            next_ns = min(next_ns, time.monotonic_ns() + _FLUSH_NS)
        self._poll.poll(max(0.0, (next_ns - time.monotonic_ns()) / 1e6))

    def _watch(self, output_fd: int | None) -> None:
        """Wakes for the output's descriptor too, while it has one to wait for."""
        if output_fd == self._output_fd:
            return
        if self._output_fd is not None:
            with contextlib.suppress(OSError, KeyError):
                self._poll.unregister(self._output_fd)
        if output_fd is not None:
            self._poll.register(output_fd, select.POLLIN)
        self._output_fd = output_fd


def run_rejector(channel: Channel, config: StationConfig, port: int | None, folder: str, first: bool, last_trigger: int) -> None:
    """The process of one station's output.

    port: of a Modbus PLC that was started with the line, else None. first: the line is starting, and a machine that does not
    answer is the user's to mend; later it is waited for. last_trigger: where the count stands, 0 at the first start.
    """
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    try:
        output = make_output(
            config.reject,
            port,
            lambda value: channel.send(SetOutput(value)),
            allow_insecure_network=config.reject.allow_insecure_network,
            log_path=_log_path(Path(folder), config.name) if config.reject.output == "simulated" else None,
        )
        try:
            output.open(time.monotonic_ns())
        except OutputError as error:
            if first:
                raise
            log.warning("%s", error)
        _await_up(output)
    except (OutputError, ValueError) as error:
        channel.send(Failed(f"station {config.name}: {error}"))
        channel.drain(1.0)
        return
    schedule = make_schedule(config.reject)
    channel.send(Ready())
    confirmations = Confirmations(int(config.reject.confirm_ms * 1e6))
    rejector = Rejector(channel, schedule, output, confirmations, int(config.reject.heartbeat_ms * 1e6), last_trigger)
    rejector.run()
    if channel.closed:
        write_last_words(Path(folder), "rejector", config.name, rejector.last_words())
    output.close()


def _await_up(output: Output) -> None:
    """Gives the machine a moment to show that it is alive, so that a line does not begin with a warning."""
    end_ns = time.monotonic_ns() + _CONNECT_NS
    next_beat_ns = 0
    while not output.machine().up and (now_ns := time.monotonic_ns()) < end_ns:
        if now_ns >= next_beat_ns:
            next_beat_ns = now_ns + _CONNECT_NS // 20
            output.heartbeat(False, now_ns)
        poll = select.poll()
        output_fd = output.fileno()
        if output_fd is not None:
            poll.register(output_fd, select.POLLIN)
        poll.poll(5)
        with contextlib.suppress(OutputError):
            output.tick(time.monotonic_ns())


def _log_path(folder: Path, station: str) -> Path:
    """A file of its own for each life of the rejector: what a former one told is not overwritten."""
    number = len(list(folder.glob(f"output.{station}.*.csv")))
    return folder / f"output.{station}.{number}.csv"
