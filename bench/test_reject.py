"""Costs of the reject path: the schedule's events, and one pack's verdict by Modbus TCP beside pymodbus' own client.

The PLC is a process of its own; "cpu_us_per_pack" in extra_info is what the rejector's process spends, the figure that counts.
"""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymodbus.client import ModbusTcpClient

from tests.reject.plc_process import PlcProcess
from vision.reject import registers
from vision.reject.belt import EncoderTravel, TimeTravel
from vision.reject.modbus import ModbusOutput
from vision.reject.schedule import Schedule

PACKS = 1000
_MS = 1_000_000


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    with PlcProcess(tmp_path / "verdicts.csv", 0, "--heartbeat-ms", "60000") as plc:
        yield plc.port


def _note(benchmark: Any, packs: int, cpu_s: float) -> None:
    benchmark.extra_info["packs"] = packs
    benchmark.extra_info["cpu_us_per_pack"] = round(cpu_s / packs * 1e6, 1)


@pytest.mark.parametrize("travel", [TimeTravel(300 * _MS), EncoderTravel(300, 2000)], ids=["time", "encoder"])
def test_schedule_of_1000_packs(benchmark: Any, travel: TimeTravel | EncoderTravel) -> None:
    """Four events for each pack (expect with an observation, pass, due, next_due_ns), 18 packs under way."""

    def run() -> int:
        schedule = Schedule(travel)
        for pack in range(PACKS):
            now_ns = pack * 16 * _MS
            schedule.expect(pack, now_ns, pack * 16)
            schedule.passed(pack, now_ns + 5 * _MS)
            schedule.due(now_ns + 6 * _MS)
            schedule.next_due_ns()
        return schedule.counters.accepted

    assert benchmark(run) > 900


def test_modbus_verdicts_of_1000_packs(benchmark: Any, port: int) -> None:
    output = ModbusOutput("127.0.0.1", port)
    output.open(time.monotonic_ns())
    trigger = 0
    cpu_s: list[float] = []

    def run() -> None:
        nonlocal trigger
        begin_s = time.process_time()
        for _ in range(PACKS):
            trigger += 1
            output.expect(trigger)
            output.decide(trigger, True)
            output.tick(time.monotonic_ns())  # sends; a tick with nothing to read must come before any wait
            while not output.is_told(trigger):
                select.select([output.fileno()], [], [])
                output.tick(time.monotonic_ns())
            now_ns = time.monotonic_ns()
            assert output.settle(trigger, True, now_ns, now_ns)
        cpu_s.append(time.process_time() - begin_s)

    benchmark.pedantic(run, rounds=5)
    output.close()
    _note(benchmark, PACKS, min(cpu_s))


def test_pymodbus_client_verdicts_of_1000_packs(benchmark: Any, port: int) -> None:
    """The library's synchronous client: it also blocks the loop until each answer is there."""
    client = ModbusTcpClient("127.0.0.1", port=port)
    assert client.connect()
    trigger = 0
    cpu_s: list[float] = []

    def run() -> None:
        nonlocal trigger
        begin_s = time.process_time()
        for _ in range(PACKS):
            trigger += 1
            address = registers.RING + registers.ENTRY_COUNT * (trigger % 120)
            assert not client.write_registers(address, list(registers.entry_words(trigger, registers.PASS))).isError()
        cpu_s.append(time.process_time() - begin_s)

    benchmark.pedantic(run, rounds=5)
    client.close()
    _note(benchmark, PACKS, min(cpu_s))
