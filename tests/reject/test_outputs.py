"""The outputs that act at the due time: the gate is open for passed packs only; the log outlives the process."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from vision.reject.belt import TimeTravel
from vision.reject.camera_line import CameraLineOutput
from vision.reject.make import make_output, make_schedule
from vision.reject.modbus import ModbusOutput
from vision.reject.output import OutputError
from vision.reject.simulated import SimulatedOutput

MS = 1_000_000


class Line:
    """A camera's user output that remembers its edges and can be unplugged."""

    def __init__(self) -> None:
        self.value = True
        self.edges: list[bool] = []
        self.broken = False

    def set(self, value: bool) -> None:
        if self.broken:
            raise OSError("no camera")
        if value != self.value:
            self.edges.append(value)
        self.value = value


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def gate(line: Line) -> CameraLineOutput:
    output = CameraLineOutput(line.set, pulse_ns=20 * MS)
    output.open(0)
    line.edges.clear()
    return output


def test_open_and_close_leave_the_line_at_reject(line: Line) -> None:
    output = CameraLineOutput(line.set, pulse_ns=20 * MS)
    output.open(0)
    assert line.value is False
    assert output.settle(1, True, 0, 1)
    output.close()
    assert line.value is False


def test_a_pass_opens_the_gate_for_its_pulse_only(line: Line, gate: CameraLineOutput) -> None:
    gate.expect(1)
    gate.decide(1, True)
    assert line.value is False, "before its due time a passed pack is not at the gate"
    assert gate.settle(1, True, 100 * MS, 102 * MS)
    assert line.value is True and gate.wait_ns() == 120 * MS
    gate.tick(119 * MS)
    assert line.value is True
    gate.tick(120 * MS)
    assert line.value is False and gate.wait_ns() is None


def test_a_rejected_pack_does_not_open_the_gate(line: Line, gate: CameraLineOutput) -> None:
    assert not gate.settle(1, False, 100 * MS, 100 * MS)
    assert line.edges == []


def test_pulses_that_touch_become_one(line: Line, gate: CameraLineOutput) -> None:
    assert gate.settle(1, True, 100 * MS, 100 * MS)
    assert gate.settle(2, True, 112 * MS, 113 * MS)
    gate.tick(121 * MS)
    assert line.edges == [True] and gate.wait_ns() == 132 * MS
    gate.tick(132 * MS)
    assert line.edges == [True, False]


def test_a_reject_within_a_pulse_ends_it(line: Line, gate: CameraLineOutput) -> None:
    gate.settle(1, True, 100 * MS, 100 * MS)
    gate.settle(2, False, 112 * MS, 112 * MS)
    assert line.value is False and gate.cut_count == 1
    assert gate.settle(3, True, 124 * MS, 124 * MS) and line.value is True


def test_a_pass_settled_too_late_would_open_for_the_next_pack(line: Line, gate: CameraLineOutput) -> None:
    assert not gate.settle(1, True, 100 * MS, 111 * MS)
    assert line.edges == [] and gate.late_count == 1


def test_a_lost_camera_is_told_once_passes_nothing_and_starts_at_reject(line: Line, gate: CameraLineOutput) -> None:
    line.broken = True
    assert not gate.settle(1, True, 100 * MS, 100 * MS)
    with pytest.raises(OutputError, match="no camera"):
        gate.tick(101 * MS)
    gate.tick(102 * MS)
    assert not gate.machine().up
    line.broken, line.value = False, True  # back, in whatever state
    assert not gate.settle(2, True, 103 * MS, 103 * MS)
    gate.tick(104 * MS)
    assert line.value is False and gate.machine().up
    assert gate.settle(3, True, 105 * MS, 105 * MS) and line.value is True


def test_a_pulse_does_not_outlast_readiness(line: Line, gate: CameraLineOutput) -> None:
    gate.settle(1, True, 100 * MS, 100 * MS)
    gate.heartbeat(True, 101 * MS)
    assert line.value is True
    gate.heartbeat(False, 102 * MS)
    assert line.value is False


def test_the_gate_is_open_exactly_while_the_last_pack_due_was_passed(line: Line) -> None:
    for seed in range(200):
        chance = random.Random(seed)
        gate = CameraLineOutput(line.set, pulse_ns=20 * MS)
        gate.open(0)
        last: tuple[int, bool] = (-1000 * MS, False)
        now_ns = 0
        open_until = 0
        for trigger in range(200):
            now_ns += chance.randrange(12 * MS)
            gate.tick(now_ns)
            if chance.random() < 0.5:
                accept = chance.random() < 0.7
                last = (now_ns, accept)
                assert gate.settle(trigger, accept, now_ns, now_ns) == accept
                open_until = now_ns + 20 * MS if accept else 0
            assert line.value == (last[1] and now_ns < open_until), f"seed {seed}, pack {trigger}"
        gate.close()


def test_a_pulse_needs_a_width() -> None:
    with pytest.raises(ValueError, match="pulse_ns"):
        CameraLineOutput(lambda value: None, pulse_ns=0)
    with pytest.raises(ValueError, match="late_limit_ns"):
        CameraLineOutput(lambda value: None, pulse_ns=10, late_limit_ns=10)


def test_the_simulated_output_logs_each_fate_at_once(tmp_path: Path) -> None:
    output = SimulatedOutput(tmp_path / "fates.csv")
    output.open(0)
    output.heartbeat(True, 1)
    assert output.ready
    assert output.settle(1, True, 100, 105)
    assert not output.settle(2, False, 200, 201)
    # Read while it is still open: a killed process must leave it so.
    assert (tmp_path / "fates.csv").read_text().splitlines() == ["settled_ns,due_ns,trigger,accept", "105,100,1,1", "201,200,2,0"]
    assert output.machine().confirmed_count == 1 and output.accepted_count == 1
    output.close()
    assert not output.ready


def test_a_log_that_cannot_be_written_is_said_before_the_start(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"missing/fates\.csv"):
        SimulatedOutput(tmp_path / "missing" / "fates.csv").open(0)


def test_a_full_disk_under_the_log_rejects() -> None:
    output = SimulatedOutput(Path("/dev/full"))
    with pytest.raises(OutputError, match="No space"):
        output.open(0)


@dataclass(frozen=True)
class Settings:
    output: str
    host: str = "127.0.0.1"
    port: int = 1
    unit_id: int = 1
    position_bits: bool = False
    pulse_ms: float = 20.0

    def travel(self) -> TimeTravel:
        return TimeTravel(100)


def test_each_kind_of_output_is_made_from_settings() -> None:
    assert isinstance(make_output(Settings("simulated")), SimulatedOutput)
    assert isinstance(make_output(Settings("modbus")), ModbusOutput)
    assert isinstance(make_output(Settings("camera_line"), set_output=lambda value: None), CameraLineOutput)
    assert [make_output(Settings(kind)).early for kind in ("simulated", "modbus")] == [False, True]
    schedule = make_schedule(Settings("simulated"))
    schedule.expect(1, 7)
    assert schedule.next_due_ns() == 107


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        (Settings("relay"), "relay"),
        (Settings("camera_line"), "no camera"),
        (Settings("modbus", host="192.0.2.7"), "allow_insecure_network"),
    ],
)
def test_settings_that_cannot_be_say_why(settings: Settings, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        make_output(settings)


def test_another_host_needs_it_said_in_words() -> None:
    assert isinstance(make_output(Settings("modbus", host="192.0.2.7"), allow_insecure_network=True), ModbusOutput)
