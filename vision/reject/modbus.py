"""Verdicts to a PLC by Modbus TCP: the ring of verdicts, heartbeat and ready (the register map is in registers.py).

The PLC tracks the belt; a verdict is written as soon as it is known, and a pass that the PLC did not acknowledge by its due time
is taken back and counts as a reject. One that it had acknowledged before the connection was lost counts as a pass for as long as
it may act by it: a record that says accept for a pack in the reject bin is found at reconciliation, the other way round the pack
would be in the market. Verdicts that come while a request is under way leave together with the next one.
"""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, WriteMultipleRegistersRequest

from vision.reject import registers
from vision.reject.connection import Connection, ConnectionLostError, is_loopback, resolve
from vision.reject.output import Machine, OutputError

_MS_NS = 1_000_000
_BACKOFF_FIRST_NS, _BACKOFF_MAX_NS = 20 * _MS_NS, 1000 * _MS_NS  # waits before the next try to connect
_POLL_NS = 2 * _MS_NS  # while connecting: no descriptor gets readable by it
_SEQUENCE_MASK = 0xFFFFFFFF


@dataclass(slots=True)
class _Entry:
    """A ring entry as it is to be: whose verdict, whether sent and acknowledged as it is now, whether its pack is under way.

    known: the PLC acknowledged it as it is now, on this connection (told) or an earlier one, and is not known to have forgotten it.
    """

    trigger: int = -1
    verdict: int = 0
    sent: bool = False
    told: bool = False
    known: bool = False
    under_way: bool = False


@dataclass(slots=True)
class ModbusCounters:
    """Since the start. untold: passes not acknowledged by their due time, so rejected. overruns: passes without a free entry."""

    connected: int = 0
    lost: int = 0
    verdict_writes: int = 0
    untold: int = 0
    overruns: int = 0


class ModbusOutput:
    """A PLC with the register map of registers.py.

    base: address of register 0 of the map. entry_count: ring entries, more than the packs that can be under way.
    timeout_ns: an answer that takes longer loses the connection; below the PLC's 500 ms of patience with the heartbeat.
    plc_timeout_ns: a PLC whose own heartbeat stands still this long is not up; one that did not hear us for so long passes nothing.
    allow_insecure_network: Modbus TCP has neither secrecy nor log-in; another host than this one needs this said.
    position_bits: the PLC has the second ring, for the bad places of trays.
    """

    early = True

    def __init__(
        self,
        host: str,
        port: int,
        *,
        device_id: int = 1,
        base: int = 0,
        entry_count: int = 120,
        timeout_ns: int = 300 * _MS_NS,
        open_timeout_ns: int = 2000 * _MS_NS,
        plc_timeout_ns: int = 1000 * _MS_NS,
        allow_insecure_network: bool = False,
        position_bits: bool = False,
    ) -> None:
        if not 1 <= entry_count <= registers.ENTRIES_MAX:
            raise ValueError(f"entry_count {entry_count}: expected 1 to {registers.ENTRIES_MAX}")
        entry_registers = registers.ENTRY_COUNT + (registers.PLACES_ENTRY_COUNT if position_bits else 0)
        if not 0 <= base <= 0xFFFF - registers.RING - entry_registers * entry_count:
            raise ValueError(f"base {base}: the map does not fit below register 65536")
        if not allow_insecure_network and not is_loopback(host):
            raise ValueError(f"host {host}: not this machine; Modbus TCP is open to anyone, allow_insecure_network = true says so")
        self.counters = ModbusCounters()
        self._name = f"modbus {host}:{port}"
        self._host, self._port = host, port
        self._device_id, self._base = device_id, base
        self._timeout_ns, self._open_timeout_ns, self._plc_timeout_ns = timeout_ns, open_timeout_ns, plc_timeout_ns
        self._entries = [_Entry() for _ in range(entry_count)]
        self._dirty: dict[int, None] = {}  # entries to be written, in order of their verdicts
        self._position_bits = position_bits
        self._places: dict[int, tuple[int, int]] = {}  # by entry: trigger and bad places, as long as its tray has the entry
        self._places_due: dict[int, None] = {}  # of these, those to be written, before the verdict of the same entry
        self._sent = range(0)  # entries of the write under way
        self._control = self._read = True  # our block is to be written, the PLC's to be read
        self._turn = True  # heartbeat before verdicts: a full ring must not starve it
        self._sent_ns = self._polled_ns = 0
        self._beat = 0  # signed off, until the first heartbeat
        self._ready = False
        self._session = 0
        self._newest = 0
        self._connection: Connection | None = None
        self._address: tuple[socket.AddressFamily, tuple[str, int]] | None = None
        self._retry_ns = 0
        self._backoff_ns = _BACKOFF_FIRST_NS
        self._loss = ""
        self._lost = False  # a loss was noted and the PLC not heard since
        self._plc: tuple[int, ...] = (0,) * registers.PLC_COUNT
        self._counted = False  # it was ever read
        self._dropped_ns = 0  # when the last connection on which the PLC was heard was lost
        self._heard = False  # the PLC's block was read on this connection
        self._alive = False  # and its heartbeat seen to change
        self._plc_beat_ns = 0

    def open(self, now_ns: int) -> None:
        """Connects, tells the PLC not ready and clears its ring; OutputError within open_timeout_ns. Blocks, unlike all else."""
        try:
            self._address = resolve(self._host, self._port)
        except OSError as error:
            raise OutputError(f"{self._name}: {error.strerror}") from None
        self._entries = [_Entry() for _ in self._entries]
        self._places.clear()
        self._ready, self._beat = False, 0
        self._session = secrets.randbelow(0xFFFF) + 1
        self._connect(now_ns)
        self._pump_until(lambda: self._heard and not self._dirty and not self._sent, now_ns, self._open_timeout_ns)
        if self._connection is not None and (self._dirty or self._sent or not self._heard):
            self._drop(f"no answer for {self._open_timeout_ns // _MS_NS} ms", now_ns)
        if self._loss:
            loss, self._loss = self._loss, ""
            raise OutputError(loss)

    def expect(self, trigger: int) -> None:
        """Noted as the newest; told with the next heartbeat."""
        self._newest = trigger & _SEQUENCE_MASK

    def decide(self, trigger: int, accept: bool, bad_places: int = 0) -> None:
        """Noted; the next tick() sends it, together with what else was decided."""
        if self._position_bits and bad_places and not accept:
            index = (trigger & _SEQUENCE_MASK) % len(self._entries)
            entry = self._entries[index]
            if entry.trigger == trigger or not entry.under_way:
                self._places[index] = (trigger, bad_places)
                self._places_due[index] = None
        self._put(trigger, registers.PASS if accept else registers.REJECT)

    def settle(self, trigger: int, accept: bool, due_ns: int, now_ns: int) -> bool:
        entry = self._entries[(trigger & _SEQUENCE_MASK) % len(self._entries)]
        if accept and not entry.told:
            self._pump(now_ns)  # the answer may be there, unread
        may_act = entry.told or (entry.known and due_ns <= self._dropped_ns + self._plc_timeout_ns)
        done = accept and entry.trigger == trigger and entry.verdict == registers.PASS and may_act
        if not done:
            self.counters.untold += accept
            self._put(trigger, registers.REJECT)
            self._pump(now_ns)
        if entry.trigger == trigger:
            entry.under_way = False
        return done

    def heartbeat(self, ready: bool, now_ns: int) -> None:
        self._ready = ready
        self._beat = self._beat % 0xFFFF + 1
        self._control = self._read = True
        self._pump(now_ns)

    def tick(self, now_ns: int) -> None:
        if self._connection is None and now_ns >= self._retry_ns:
            self._connect(now_ns)
        self._pump(now_ns)
        if self._alive and now_ns - self._plc_beat_ns > self._plc_timeout_ns:
            self._alive = False
            self._note("the PLC's heartbeat stands still")
        if self._loss:
            loss, self._loss = self._loss, ""
            raise OutputError(loss)

    def wait_ns(self) -> int | None:
        if self._connection is None:
            return self._retry_ns
        if not self._connection.established:
            return self._polled_ns + _POLL_NS
        return self._sent_ns + self._timeout_ns + 1 if self._connection.waiting else None

    def untold(self) -> list[int] | None:
        return [self._entries[index].trigger for index in (*self._dirty, *self._sent)]

    def fileno(self) -> int | None:
        """Only while something is to be sent after the answer, or the PLC not known to be up: any other answer is read with the
        next call, for each costs a wake-up."""
        connection = self._connection
        if connection is None or not connection.established:
            return None
        more = self._dirty or self._places_due or self._control or self._read or not self._alive
        return connection.fileno() if more else None

    def machine(self) -> Machine:
        """What the PLC said last; up once its heartbeat was seen to run on this connection."""
        _, _, low, high, bin_full, stop_request, _ = self._plc
        return Machine(self._alive, (high << 16 | low) if self._counted else None, bool(bin_full), bool(stop_request))

    @property
    def untold_count(self) -> int:
        """Ring entries that the PLC did not acknowledge as they are now."""
        return len(self._dirty) + len(self._sent)

    def is_told(self, trigger: int) -> bool:
        """The PLC acknowledged this pack's verdict on the present connection."""
        entry = self._entries[(trigger & _SEQUENCE_MASK) % len(self._entries)]
        return entry.trigger == trigger and entry.told

    def close(self) -> None:
        """Drops ready and signs off, then tells what is still to be told; no longer than timeout_ns."""
        self._ready, self._beat = False, 0
        if self._connection is not None:
            self._control = self._turn = True
            self._pump_until(
                lambda: not self._control and not self.untold_count and not self._waiting(), time.monotonic_ns(), self._timeout_ns
            )
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._alive = False

    def _waiting(self) -> bool:
        return self._connection is not None and self._connection.waiting

    def _put(self, trigger: int, verdict: int) -> None:
        """Notes a verdict for the ring; a reject is final, a pack under way keeps its entry."""
        index = (trigger & _SEQUENCE_MASK) % len(self._entries)
        entry = self._entries[index]
        if entry.trigger == trigger:
            if entry.verdict in (verdict, registers.REJECT):
                return
        elif entry.under_way:
            # The older pack is nearer to the ejector; the newer one stays untold, which rejects it.
            self.counters.overruns += verdict == registers.PASS
            return
        entry.trigger, entry.verdict, entry.under_way = trigger, verdict, True
        entry.sent = entry.told = entry.known = False
        self._dirty[index] = None

    def _connect(self, now_ns: int) -> None:
        assert self._address is not None, "open() comes first"
        self._sent_ns = self._polled_ns = now_ns
        self._tell_all()
        self._control = self._read = self._turn = True
        self._heard = False
        try:
            self._connection = Connection(*self._address, self._device_id)
        except ConnectionLostError as lost:
            self._drop(str(lost), now_ns)

    def _tell_all(self) -> None:
        """The PLC may know nothing, or old things: every entry is to be written, as it is now."""
        for entry in self._entries:
            entry.sent = entry.told = False
        self._dirty = dict.fromkeys(range(len(self._entries)))
        self._places_due = dict.fromkeys(self._places)

    def _drop(self, reason: str, now_ns: int) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._sent = range(0)
        self._alive = False
        for entry in self._entries:
            entry.told = False
        if self._heard:  # tries to connect again that fail are no later loss
            self._dropped_ns = now_ns
        self._retry_ns = now_ns + self._backoff_ns
        self._backoff_ns = min(2 * self._backoff_ns, _BACKOFF_MAX_NS)
        self._note(reason)

    def _note(self, reason: str) -> None:
        """A loss is raised once; the tries that fail after it are not news."""
        if not self._lost:
            self._lost = True
            self.counters.lost += 1
            self._loss = f"{self._name}: {reason}"

    def _pump_until(self, done: Callable[[], bool], now_ns: int, limit_ns: int) -> None:
        """Blocks, for open() and close() only: pumps until done, lost or out of time."""
        begin_ns = time.monotonic_ns()
        while self._connection is not None and not done():
            passed_ns = time.monotonic_ns() - begin_ns
            if passed_ns > limit_ns:
                return
            self._pump(now_ns + passed_ns)
            if self._connection is not None and not done():
                self._connection.wait(0.01)

    def _pump(self, now_ns: int) -> None:
        """Takes an answer that is there, sends what is next; never blocks."""
        connection = self._connection
        if connection is None:
            return
        try:
            if not connection.established:
                self._polled_ns = now_ns
                if not connection.connected():
                    self._check_patience(now_ns)
                    return
                self.counters.connected += 1
            if connection.waiting:
                answer = connection.answer()
                if answer is None:
                    self._check_patience(now_ns)
                    return
                self._answered(answer, now_ns)
            else:
                connection.answer()  # nothing comes unasked; a peer that closed is seen before a verdict is lost in its buffer
            self._send_next(connection, now_ns)
        except ConnectionLostError as lost:
            self._drop(str(lost), now_ns)

    def _check_patience(self, now_ns: int) -> None:
        if now_ns - self._sent_ns > self._timeout_ns:
            raise ConnectionLostError(f"no answer for {self._timeout_ns // _MS_NS} ms")

    def _send_next(self, connection: Connection, now_ns: int) -> None:
        request: ModbusPDU
        if self._control and (self._turn or not (self._dirty or self._places_due)):
            self._control = False
            newest = self._newest
            block = [registers.VERSION, self._beat, registers.READY if self._ready else 0, len(self._entries), self._session]
            request = WriteMultipleRegistersRequest(
                address=self._base + registers.STATION, registers=[*block, newest & 0xFFFF, newest >> 16]
            )
        elif self._read and (self._turn or not (self._dirty or self._places_due)):
            self._read = self._turn = False
            request = ReadHoldingRegistersRequest(address=self._base + registers.PLC, count=registers.PLC_COUNT)
        elif self._places_due:
            self._turn = True
            request = self._places_request()
        elif self._dirty:
            self._turn = True
            request = self._ring_request()
        else:
            return
        self._sent_ns = now_ns
        connection.request(request)

    def _places_request(self) -> WriteMultipleRegistersRequest:
        """The bad places of the oldest tray to be told; trays are few and slow."""
        index = next(iter(self._places_due))
        del self._places_due[index]
        first = registers.RING + registers.ENTRY_COUNT * len(self._entries) + registers.PLACES_ENTRY_COUNT * index
        words = list(registers.places_words(*self._places[index]))
        return WriteMultipleRegistersRequest(address=self._base + first, registers=words)

    def _ring_request(self) -> WriteMultipleRegistersRequest:
        """The entry with the oldest verdict to be told, and those after it in the ring that are to be told too."""
        first = last = next(iter(self._dirty))
        while last + 1 in self._dirty and last + 1 - first < registers.ENTRIES_PER_WRITE:
            last += 1
        self._sent = range(first, last + 1)
        words: list[int] = []
        for index in self._sent:
            entry = self._entries[index]
            entry.sent = True
            del self._dirty[index]
            words += registers.entry_words(entry.trigger, entry.verdict) if entry.verdict else (0, 0, 0, 0)
        self.counters.verdict_writes += 1
        return WriteMultipleRegistersRequest(address=self._base + registers.RING + registers.ENTRY_COUNT * first, registers=words)

    def _answered(self, answer: ModbusPDU, now_ns: int) -> None:
        if answer.function_code == ReadHoldingRegistersRequest.function_code:
            self._hear(tuple(answer.registers), now_ns)
            return
        for index in self._sent:
            entry = self._entries[index]
            entry.told = entry.known = entry.sent  # a verdict that changed meanwhile is sent again
        self._sent = range(0)

    def _hear(self, plc: tuple[int, ...], now_ns: int) -> None:
        """Takes the PLC's block in."""
        if len(plc) != registers.PLC_COUNT or plc[0] != registers.VERSION:
            raise ConnectionLostError(
                f"the PLC has version {plc[0] if plc else 'none'} of the register map, expected {registers.VERSION}"
            )
        before, self._plc, self._counted = self._plc, plc, True
        if not self._heard:
            self._heard = True
            self._plc_beat_ns = now_ns
            return
        if plc[6] != before[6]:
            self._tell_all()  # it missed our heartbeat and forgot what it was told
            for entry in self._entries:
                entry.known = False
        if plc[1] != before[1]:
            self._plc_beat_ns = now_ns
            if not self._alive and not self._dirty:
                self._alive, self._lost = True, False
                self._backoff_ns = _BACKOFF_FIRST_NS
