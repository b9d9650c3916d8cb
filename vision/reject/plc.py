"""A simulated PLC: a process with a Modbus TCP server that does what a PLC at the belt's end does with the register map.

    python -m vision.reject.plc --host 127.0.0.1 --port 0 --log verdicts.csv

The first line on stdout is {"port": N}; the process leaves at the end of its stdin or on SIGTERM, with one JSON line of sums. Bin
full and stop request (registers 20, 21) are set by whoever plays the machine, by writing both. With --travel-ms it has a belt: each
pack that the station saw at its trigger comes to the ejector so much later, and is let go or rejected by the rule, told or not.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections import OrderedDict, deque
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from vision.reject import registers
from vision.reject.connection import is_loopback, resolve

_REMEMBERED = 100_000  # sequence numbers whose verdict is kept, of the present session
_WRITES = (6, 16)


@dataclass(slots=True)
class Summary:
    """What the PLC was told. told_pass, told_reject: sequence numbers, each once.

    revoked: pass, then reject (holds). contradicting: reject, then pass (the reject holds). repeated: the same verdict again.
    torn: entries with a wrong check word or code. forgotten: verdicts dropped at a heartbeat loss or for a new session.
    let_go, rejected: packs at the ejector, with a belt only. rejected_untold: of these, rejected without a word. unconfirmed:
    rejected, and by a fault that was asked for not counted by the sensor at the bin.
    bad_places: places of trays that were told to be bad, over all trays.
    """

    told_pass: int = 0
    told_reject: int = 0
    revoked: int = 0
    contradicting: int = 0
    repeated: int = 0
    torn: int = 0
    forgotten: int = 0
    bad_places: int = 0
    heartbeats: int = 0
    heartbeat_losses: int = 0
    ready_transitions: int = 0
    sessions: int = 0
    let_go: int = 0
    rejected: int = 0
    rejected_untold: int = 0
    unconfirmed: int = 0


class BeltEnd:
    """The PLC's program: pure but for the clock given with each call.

    Only what it holds in verdicts may be let through, and only while it is ready; all else it rejects. travel_ns: from the
    trigger to the ejector; None = no belt, and a reject is confirmed when it is told. unconfirmed_from: the first reject, from
    1, that the sensor at the bin does not see, and none after it; 0 = it sees all.
    """

    def __init__(self, heartbeat_ns: int, log: TextIO | None, travel_ns: int | None = None, unconfirmed_from: int = 0) -> None:
        self.summary = Summary()
        self.verdicts: OrderedDict[int, int] = OrderedDict()
        self.places: OrderedDict[int, int] = OrderedDict()  # bad places by sequence number
        self.ready = False
        self.bin_full = self.stop_request = False
        self._heartbeat_ns = heartbeat_ns
        self._log = log
        self._beat = 0
        self._beat_ns = 0
        self._present = False  # the station's heartbeat runs
        self._signed_off = True
        self._session = 0
        self._scan_count = 0
        self._travel_ns = travel_ns
        self._unconfirmed_from = unconfirmed_from
        self._newest = 0
        self._belt: deque[tuple[int, int]] = deque()  # (due, sequence)

    def supervise(self, now_ns: int) -> bool:
        """Looks at the heartbeat; True when it was just lost: every verdict is forgotten."""
        if not self._present or now_ns - self._beat_ns <= self._heartbeat_ns:
            return False
        self._present = False
        self.summary.heartbeat_losses += 1
        self._set_ready(False)
        self._forget()
        return True

    def take_station(self, words: list[int], now_ns: int) -> None:
        """The station's block was written."""
        version, beat, ready, _, session = words[:5]
        if session != self._session:
            self._session = session
            self.summary.sessions += 1
            self._forget()
        if beat == 0:
            self._present = False
        elif beat != self._beat or not self._present:
            self.summary.heartbeats += 1
            self._beat_ns, self._present = now_ns, True
        self._beat = beat
        self._set_ready(self._present and ready == registers.READY and version == registers.VERSION)
        self._signed_off = beat == 0
        self._arrive(words[5] | words[6] << 16, now_ns)

    def take_entries(self, words: list[int], now_ns: int) -> None:
        """Ring entries were written, whole ones."""
        for offset in range(0, len(words), registers.ENTRY_COUNT):
            entry = tuple(words[offset : offset + registers.ENTRY_COUNT])
            if any(entry):
                told = registers.read_entry(entry)
                if told is None:
                    self.summary.torn += 1
                else:
                    self._take_verdict(*told, now_ns)

    def move(self, now_ns: int) -> None:
        """Packs that have come to the ejector by now are let go or rejected. The belt stands while the station is signed off."""
        while not self._signed_off and self._belt and self._belt[0][0] <= now_ns:
            _, sequence = self._belt.popleft()
            if self.lets_go(sequence):
                self.summary.let_go += 1
            else:
                self.summary.rejected += 1
                self.summary.rejected_untold += sequence not in self.verdicts

    def _arrive(self, newest: int, now_ns: int) -> None:
        """The station saw packs at its trigger up to this one. A station started anew begins with 0, and says nothing by it."""
        if self._travel_ns is not None and newest > self._newest:
            self._belt.extend((now_ns + self._travel_ns, sequence) for sequence in range(self._newest + 1, newest + 1))
            self._newest = newest

    def take_places(self, words: list[int], now_ns: int) -> None:
        """A places entry was written. It says why a tray will be rejected, and lets nothing through."""
        told = registers.read_places(tuple(words))
        if told is None:
            self.summary.torn += 1
            return
        sequence, bad_places = told
        self.places[sequence] = bad_places
        self.summary.bad_places += bad_places.bit_count()
        if len(self.places) > _REMEMBERED:
            self.places.popitem(last=False)
        if self._log is not None:
            self._log.write(f"{now_ns},{sequence},PLACES,{bad_places:x}\n")

    def lets_go(self, sequence: int) -> bool:
        """What happens to a pack that is at the ejector now."""
        return self.ready and self.verdicts.get(sequence) == registers.PASS

    def block(self) -> list[int]:
        """The PLC's own registers, as they are to be read now."""
        self._scan_count = self._scan_count % 0xFFFF + 1
        confirmed = self.summary.told_reject if self._travel_ns is None else self.summary.rejected
        if self._unconfirmed_from:
            self.summary.unconfirmed = max(0, confirmed - self._unconfirmed_from + 1)
            confirmed -= self.summary.unconfirmed
        losses = self.summary.heartbeat_losses & 0xFFFF
        return [
            registers.VERSION,
            self._scan_count,
            confirmed & 0xFFFF,
            confirmed >> 16 & 0xFFFF,
            self.bin_full,
            self.stop_request,
            losses,
        ]

    def _take_verdict(self, sequence: int, verdict: int, now_ns: int) -> None:
        before = self.verdicts.get(sequence)
        if before == verdict:
            self.summary.repeated += 1
            kind = "repeated"
        elif before is None:
            kind = "new"
            self.verdicts[sequence] = verdict
            if len(self.verdicts) > _REMEMBERED:
                self.verdicts.popitem(last=False)
            self.summary.told_pass += verdict == registers.PASS
            self.summary.told_reject += verdict == registers.REJECT
        elif verdict == registers.REJECT:
            kind = "revoked"
            self.verdicts[sequence] = verdict
            self.summary.revoked += 1
            self.summary.told_reject += 1
        else:
            kind = "contradicting"
            self.summary.contradicting += 1
        if self._log is not None:
            self._log.write(f"{now_ns},{sequence},{'PASS' if verdict == registers.PASS else 'REJECT'},{kind}\n")

    def _forget(self) -> None:
        self.summary.forgotten += len(self.verdicts)
        self.verdicts.clear()
        self.places.clear()

    def _set_ready(self, ready: bool) -> None:
        self.summary.ready_transitions += ready != self.ready
        self.ready = ready


class Plc:
    """The registers around a BeltEnd, as pymodbus' server wants them."""

    def __init__(self, belt_end: BeltEnd, entry_count: int, position_bits: bool = False) -> None:
        self._belt_end = belt_end
        self._places = registers.RING + registers.ENTRY_COUNT * entry_count
        self._last = self._places + (registers.PLACES_ENTRY_COUNT * entry_count if position_bits else 0)
        self._ring_lost = False
        self.device = SimDevice(0, simdata=[SimData(0, count=self._last, datatype=DataType.REGISTERS)], action=self._act)

    def scan(self) -> None:
        """One program cycle: the heartbeat."""
        now_ns = time.monotonic_ns()
        self._belt_end.move(now_ns)
        if self._belt_end.supervise(now_ns):
            self._ring_lost = True

    async def _act(
        self, function: int, _start: int, address: int, _count: int, memory: list[int], values: list[int] | None
    ) -> ExcCodes | None:
        """Called by the server before each read and write."""
        now_ns = time.monotonic_ns()
        self.scan()
        if self._ring_lost:
            memory[registers.RING : self._last] = [0] * (self._last - registers.RING)
            self._ring_lost = False
        if values is None or function not in _WRITES:
            memory[registers.PLC : registers.PLC + registers.PLC_COUNT] = self._belt_end.block()
            return None
        if address >= self._places:
            if (address - self._places) % registers.PLACES_ENTRY_COUNT or len(values) != registers.PLACES_ENTRY_COUNT:
                return ExcCodes.ILLEGAL_ADDRESS
            self._belt_end.take_places(values, now_ns)
        elif address >= registers.RING:
            if (address - registers.RING) % registers.ENTRY_COUNT or len(values) % registers.ENTRY_COUNT:
                return ExcCodes.ILLEGAL_ADDRESS
            self._belt_end.take_entries(values, now_ns)
        elif address == registers.STATION and len(values) == registers.STATION_COUNT:
            self._belt_end.take_station(values, now_ns)
        elif address == registers.PANEL and len(values) == 2:
            # The machine's own sensors and buttons: whoever plays the machine writes them.
            self._belt_end.bin_full, self._belt_end.stop_request = (value != 0 for value in values)
        else:
            return ExcCodes.ILLEGAL_ADDRESS
        return None


async def _serve(plc: Plc, host: str, listening: socket.socket, scan_s: float) -> None:
    """Runs the server until stdin ends or SIGTERM comes."""
    port = listening.getsockname()[1]
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if sys.stdin.isatty():
        loop.add_signal_handler(signal.SIGINT, stop.set)
    else:
        # Started by another program: Ctrl-C on its terminal is for that one, which closes our stdin when it is done.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = ModbusTcpServer(plc.device, address=(host, port))
    # Left to itself it would bind the address, and say nothing of why it could not: it gets the socket that is bound already.
    server.call_create = partial(loop.create_server, server.handle_new_connection, sock=listening)
    await server.serve_forever(background=True)
    print(json.dumps({"port": port}), flush=True)
    try:
        loop.add_reader(sys.stdin, _read_to_end, stop)
    except PermissionError:
        stop.set()  # stdin is a file or /dev/null: at its end from the start
    while not stop.is_set():
        plc.scan()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), scan_s)
    with contextlib.suppress(ValueError, PermissionError):
        loop.remove_reader(sys.stdin)
    await server.shutdown()


def _read_to_end(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        stop.set()


def _listen(host: str, port: int) -> socket.socket:
    family, address = resolve(host, port)
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m vision.reject.plc",
        description="A simulated PLC for the reject path. Example: python -m vision.reject.plc --port 5020 --log verdicts.csv",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (this machine only)")
    parser.add_argument("--port", type=int, default=0, help="0: one chosen by the system, printed as the first line")
    parser.add_argument("--entries", type=int, default=120, help="ring entries")
    parser.add_argument("--heartbeat-ms", type=int, default=500, help="without a heartbeat for so long the station is gone")
    parser.add_argument("--travel-ms", type=float, help="a belt: from the trigger to the ejector")
    parser.add_argument("--unconfirmed", type=int, default=0, help="a fault: from this reject on the bin's sensor sees none")
    parser.add_argument("--log", type=Path, help="CSV with a line for each verdict: monotonic_ns,sequence,verdict,kind")
    parser.add_argument("--position-bits", action="store_true", help="a second ring, for the bad places of trays")
    parser.add_argument(
        "--allow-insecure-network", action="store_true", help="listen on another address than this machine's: anyone may write"
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Exit 0 after a run, 2 with one line on stderr when it cannot start."""
    arguments = _arguments(argv)
    if not arguments.allow_insecure_network and not is_loopback(arguments.host):
        print(
            f"plc: --host {arguments.host}: not this machine; --allow-insecure-network says that anyone may write", file=sys.stderr
        )
        return 2
    if not 1 <= arguments.entries <= registers.ENTRIES_MAX or arguments.heartbeat_ms < 1:
        print(f"plc: --entries 1 to {registers.ENTRIES_MAX} and --heartbeat-ms above 0 expected", file=sys.stderr)
        return 2
    with contextlib.ExitStack() as stack:
        try:
            what = f"port {arguments.port} on {arguments.host}"
            listening = stack.enter_context(_listen(arguments.host, arguments.port))
            log = None
            if arguments.log is not None:
                what = f"--log {arguments.log}"
                # Line-buffered: what was received is in the file even when this process is killed.
                log = stack.enter_context(arguments.log.open("w", buffering=1, encoding="ascii"))
                log.write("monotonic_ns,sequence,verdict,kind\n")
        except (OSError, OverflowError) as error:
            print(f"plc: {what}: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
            return 2
        travel_ns = None if arguments.travel_ms is None else int(arguments.travel_ms * 1e6)
        belt_end = BeltEnd(arguments.heartbeat_ms * 1_000_000, log, travel_ns, arguments.unconfirmed)
        plc = Plc(belt_end, arguments.entries, arguments.position_bits)
        asyncio.run(_serve(plc, arguments.host, listening, arguments.heartbeat_ms / 4000))
        print(json.dumps(asdict(belt_end.summary)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
