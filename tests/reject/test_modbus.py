"""Verdicts through Modbus TCP to a simulated PLC in a process of its own: each arrives, and nothing passes that was not passed."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymodbus.client import ModbusTcpClient

from tests.reject.plc_process import PATIENCE_S, Driver, PlcProcess
from vision.reject import registers
from vision.reject.modbus import ModbusOutput
from vision.reject.output import OutputError

PATIENCE_NS = int(PATIENCE_S * 1e9)


@pytest.fixture
def plc(tmp_path: Path) -> Iterator[PlcProcess]:
    # Patient with the heartbeat: a busy machine may stop this process for long.
    with PlcProcess(tmp_path / "verdicts.csv", 0, "--heartbeat-ms", "10000") as process:
        yield process


@pytest.fixture
def output(plc: PlcProcess) -> Iterator[ModbusOutput]:
    made = ModbusOutput("127.0.0.1", plc.port, timeout_ns=PATIENCE_NS, plc_timeout_ns=PATIENCE_NS)
    made.open(time.monotonic_ns())
    yield made
    made.close()


def _registers(port: int, address: int, count: int) -> list[int]:
    """What anyone else on the net would read of the PLC, with pymodbus' own client."""
    client = ModbusTcpClient("127.0.0.1", port=port, timeout=PATIENCE_S, retries=0)
    try:
        assert client.connect()
        return list(client.read_holding_registers(address, count=count).registers)
    finally:
        client.close()


def test_each_verdict_arrives_once(plc: PlcProcess, output: ModbusOutput) -> None:
    driver = Driver(output)
    driver.until(lambda: output.machine().up, "the PLC's heartbeat")
    chance = random.Random(1)
    truth = {trigger: chance.random() < 0.8 for trigger in range(1000, 2500)}
    for trigger, accept in truth.items():
        output.expect(trigger)
        if accept or chance.random() < 0.5:
            output.decide(trigger, accept)
        if accept:
            driver.until(lambda trigger=trigger: output.is_told(trigger), "the acknowledgement")  # type: ignore[misc]
        now_ns = time.monotonic_ns()
        assert output.settle(trigger, accept, now_ns, now_ns) == accept
    driver.until(lambda: not output.untold_count, "the last verdict")
    driver.until(lambda: output.machine().confirmed_count == sum(not accept for accept in truth.values()), "the confirmations")
    output.close()
    summary = plc.finish()
    assert {sequence: verdict == "PASS" for sequence, verdict, _ in plc.verdicts()} == truth
    assert len(plc.verdicts()) == len(truth)
    assert (summary["told_pass"], summary["told_reject"]) == (sum(truth.values()), len(truth) - sum(truth.values()))
    assert summary["repeated"] == summary["contradicting"] == summary["revoked"] == summary["torn"] == 0
    assert summary["ready_transitions"] == 2 and summary["heartbeat_losses"] == 0
    assert driver.losses == []


def test_verdicts_under_way_together_are_written_together(plc: PlcProcess, output: ModbusOutput) -> None:
    driver = Driver(output)
    driver.until(lambda: output.machine().up, "the PLC's heartbeat")
    before = output.counters.verdict_writes
    for trigger in range(120):
        output.decide(trigger, True)
    driver.until(lambda: not output.untold_count, "all verdicts")
    assert output.counters.verdict_writes - before < 60
    assert sorted(sequence for sequence, _, _ in plc.verdicts()) == list(range(120))


def test_what_the_plc_may_not_know_yet_is_named(plc: PlcProcess, output: ModbusOutput) -> None:
    driver = Driver(output)
    driver.until(lambda: output.machine().up, "the PLC's heartbeat")
    driver.until(lambda: not output.untold_count, "the empty ring")
    for trigger, accept in ((7, True), (9, False), (7, True)):
        output.decide(trigger, accept)
    assert output.untold() == [7, 9], "told by none, each once"
    output.tick(time.monotonic_ns())
    driver.until(lambda: output.is_told(7) and output.is_told(9), "the acknowledgement")
    assert output.untold() == []
    output.decide(7, False)
    assert output.untold() == [7], "a verdict that changed is to be told again"


def test_open_and_close_leave_the_safe_state(plc: PlcProcess) -> None:
    stale = ModbusTcpClient("127.0.0.1", port=plc.port, timeout=PATIENCE_S)
    assert stale.connect()
    for index in range(120):
        stale.write_registers(registers.RING + 4 * index, list(registers.entry_words(index, registers.PASS)))
    stale.write_registers(registers.STATION, [1, 7, registers.READY, 120, 99, 0, 0])
    stale.close()
    output = ModbusOutput("127.0.0.1", plc.port)
    output.open(time.monotonic_ns())
    assert _registers(plc.port, registers.STATION + 2, 1) == [0], "not ready"
    assert [_registers(plc.port, registers.RING + 120 * part, 120) for part in range(4)] == [[0] * 120] * 4
    driver = Driver(output)
    driver.until(lambda: output.machine().up and _registers(plc.port, registers.STATION + 2, 1) == [registers.READY], "ready")
    output.close()
    assert _registers(plc.port, registers.STATION + 2, 1) == [0]
    assert plc.finish()["forgotten"] == 120


def test_a_stopped_heartbeat_is_seen_and_everything_told_again(tmp_path: Path) -> None:
    with PlcProcess(tmp_path / "verdicts.csv", 0, "--heartbeat-ms", "250") as plc:
        output = ModbusOutput("127.0.0.1", plc.port, timeout_ns=PATIENCE_NS)
        output.open(time.monotonic_ns())
        driver = Driver(output)
        driver.until(lambda: output.machine().up, "the PLC's heartbeat")
        output.decide(5, True)
        driver.until(lambda: output.is_told(5), "the pass")
        before = len(plc.verdicts())
        driver.beating = False
        driver.until(lambda: _registers(plc.port, registers.RING + 20, 4) == [0, 0, 0, 0], "the PLC to forget, so to reject")
        losses = _registers(plc.port, registers.PLC + 6, 1)[0]
        assert losses >= 1
        driver.beating = True
        driver.until(lambda: len(plc.verdicts()) > before, "the pass told again")
        driver.until(lambda: output.is_told(5), "its acknowledgement")
        assert output.settle(5, True, 0, time.monotonic_ns())
        output.close()
        summary = plc.finish()
    assert set(plc.verdicts()) == {(5, "PASS", "new")}
    assert summary["heartbeat_losses"] >= losses and summary["forgotten"] >= 1


def test_bin_full_and_stop_request_are_heard(plc: PlcProcess, output: ModbusOutput) -> None:
    driver = Driver(output)
    panel = ModbusTcpClient("127.0.0.1", port=plc.port, timeout=PATIENCE_S)
    try:
        assert panel.connect()
        for bin_full, stop_request in ((1, 0), (0, 1), (0, 0)):
            assert not panel.write_registers(registers.PANEL, [bin_full, stop_request]).isError()
            wanted = (bool(bin_full), bool(stop_request))
            driver.until(lambda wanted=wanted: (output.machine().bin_full, output.machine().stop_request) == wanted, "the panel")  # type: ignore[misc]
    finally:
        panel.close()


def test_a_pass_without_acknowledgement_by_its_due_time_is_a_reject(plc: PlcProcess, output: ModbusOutput) -> None:
    driver = Driver(output)
    driver.until(lambda: output.machine().up, "the PLC's heartbeat")
    plc.process.send_signal(signal.SIGSTOP)
    try:
        output.decide(1, True)
        assert not output.settle(1, True, 0, time.monotonic_ns())
    finally:
        plc.process.send_signal(signal.SIGCONT)
    driver.until(lambda: not output.untold_count, "the reject")
    assert output.counters.untold == 1
    assert plc.verdicts()[-1][:2] == (1, "REJECT")


def test_a_reject_overrules_a_pass_and_never_the_other_way(plc: PlcProcess, output: ModbusOutput) -> None:
    driver = Driver(output)
    output.decide(1, True)
    driver.until(lambda: output.is_told(1), "the pass")
    output.decide(1, False)
    driver.until(lambda: output.is_told(1), "the reject")
    output.decide(1, True)
    driver.until(lambda: not output.untold_count, "nothing")
    assert not output.settle(1, True, 0, time.monotonic_ns())
    assert [row[1:] for row in plc.verdicts()] == [("PASS", "new"), ("REJECT", "revoked")]


def test_an_acknowledgement_counts_for_the_verdict_it_answers(plc: PlcProcess, output: ModbusOutput) -> None:
    driver = Driver(output)
    driver.until(lambda: output.machine().up and not output.untold_count, "the PLC's heartbeat")
    plc.process.send_signal(signal.SIGSTOP)
    try:
        output.decide(1, True)
        output.decide(1, False)
    finally:
        plc.process.send_signal(signal.SIGCONT)
    while output.untold_count:
        assert not output.is_told(1)
        driver.turn()
    assert output.is_told(1)
    assert plc.verdicts()[-1][:2] == (1, "REJECT")


def test_what_a_lost_plc_acknowledged_counts_as_long_as_it_may_act_by_it(plc: PlcProcess, output: ModbusOutput) -> None:
    driver = Driver(output)
    driver.until(lambda: output.machine().up, "the PLC's heartbeat")
    output.decide(1, True)
    output.decide(2, True)
    driver.until(lambda: output.is_told(1) and output.is_told(2), "the passes")
    plc.kill()
    driver.until(lambda: bool(driver.losses), "the loss")
    lost_ns = time.monotonic_ns()
    output.decide(3, True)
    assert output.settle(1, True, lost_ns, lost_ns), "the belt may have let it go"
    late_ns = lost_ns + PATIENCE_NS + 1
    assert not output.settle(2, True, late_ns, lost_ns), "without our heartbeat it lets nothing go"
    assert not output.settle(3, True, lost_ns, lost_ns), "it never knew of this one"


def test_opened_again_it_holds_no_old_verdict(plc: PlcProcess, output: ModbusOutput) -> None:
    driver = Driver(output)
    output.decide(1, True)
    driver.until(lambda: output.is_told(1), "the pass")
    output.close()
    output.open(time.monotonic_ns())
    assert _registers(plc.port, registers.RING + 4, 4) == [0, 0, 0, 0]
    assert not output.settle(1, True, 0, time.monotonic_ns())


def test_a_pack_under_way_keeps_its_entry(plc: PlcProcess) -> None:
    output = ModbusOutput("127.0.0.1", plc.port, entry_count=4)
    output.open(time.monotonic_ns())
    driver = Driver(output)
    output.decide(1, True)
    output.decide(5, True)
    driver.until(lambda: not output.untold_count, "the pass")
    now_ns = time.monotonic_ns()
    assert output.settle(1, True, now_ns, now_ns)
    assert not output.settle(5, True, now_ns, now_ns)
    assert output.counters.overruns == 1
    driver.until(lambda: not output.untold_count, "the reject")
    output.close()
    assert [row[:2] for row in plc.verdicts()] == [(1, "PASS"), (5, "REJECT")]


def test_a_plc_killed_and_restarted_in_mid_run_passes_nothing_that_was_not_passed(tmp_path: Path) -> None:
    chance = random.Random(7)
    truth = {trigger: chance.random() < 0.8 for trigger in range(500)}
    fates: dict[int, bool] = {}
    with PlcProcess(tmp_path / "first.csv", 0, "--heartbeat-ms", "10000") as first:
        output = ModbusOutput("127.0.0.1", first.port, timeout_ns=PATIENCE_NS)
        output.open(time.monotonic_ns())
        driver = Driver(output)
        driver.until(lambda: output.machine().up, "the PLC's heartbeat")

        def settle(trigger: int) -> None:
            now_ns = time.monotonic_ns()
            fates[trigger] = output.settle(trigger, truth[trigger], now_ns, now_ns)

        def run(triggers: range, connected: bool) -> None:
            """Ten packs are under way at any time."""
            for trigger in triggers:
                output.decide(trigger, truth[trigger])
                driver.turn()
                if trigger >= 10:
                    if connected:
                        driver.until(lambda: not output.untold_count, "the verdicts under way")
                    settle(trigger - 10)

        run(range(200), True)
        first.kill()
        run(range(200, 300), False)
        assert not output.machine().up and len(driver.losses) == 1
        with PlcProcess(tmp_path / "second.csv", first.port, "--heartbeat-ms", "10000") as second:
            driver.until(lambda: output.machine().up, "the reconnection")
            run(range(300, 500), True)
            driver.until(lambda: not output.untold_count, "the last verdicts")
            for trigger in range(490, 500):
                settle(trigger)
            output.close()
            summary = second.finish()
    told = first.verdicts() + second.verdicts()
    assert {sequence for sequence, verdict, _ in told if verdict == "PASS"} <= {trigger for trigger, good in truth.items() if good}
    assert not any(accept and not truth[trigger] for trigger, accept in fates.items())
    assert [fates[trigger] for trigger in range(200, 290)] == [False] * 90, "no PLC, no pass"
    connected = [*range(190), *range(290, 500)]
    assert [fates[trigger] for trigger in connected] == [truth[trigger] for trigger in connected], (
        "passes wait for the PLC till due"
    )
    assert summary["contradicting"] == summary["torn"] == 0
    told_last = {sequence: verdict for sequence, verdict, _ in told}
    assert all(told_last[trigger] == "PASS" for trigger, accept in fates.items() if accept)
    assert output.counters.connected == 2 and output.counters.lost == 1


def test_open_says_in_one_line_that_nobody_is_there() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        with pytest.raises(OutputError, match=rf"modbus 127\.0\.0\.1:{port}: connection refused"):
            ModbusOutput("127.0.0.1", port).open(time.monotonic_ns())


def test_open_gives_up_on_a_peer_that_is_silent_or_no_plc(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        output = ModbusOutput("127.0.0.1", silent.getsockname()[1], timeout_ns=50_000_000)
        with pytest.raises(OutputError, match="no answer for 50 ms"):
            output.open(time.monotonic_ns())
        assert output.fileno() is None
    with PlcProcess(tmp_path / "log.csv", 0, "--entries", "10") as small:
        output = ModbusOutput("127.0.0.1", small.port)
        with pytest.raises(OutputError, match="refused function 16 with exception 2"):
            output.open(time.monotonic_ns())


def test_garbage_for_an_answer_is_a_loss(plc: PlcProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        output = ModbusOutput("127.0.0.1", server.getsockname()[1], timeout_ns=100_000_000)

        def babble() -> None:
            peer, _ = server.accept()
            peer.recv(300)
            peer.sendall(b"\x00\x01\x00\x00\x00\x03\x01\x7f\x00" + b"HTTP/1.1 400\r\n" * 400)
            peer.close()

        babbler = threading.Thread(target=babble)
        babbler.start()
        with pytest.raises(OutputError, match=r"not a Modbus answer|no answer|closed|reset"):
            output.open(time.monotonic_ns())
        babbler.join()


def test_a_taken_port_is_one_clear_line(plc: PlcProcess) -> None:
    for arguments, words in (
        (["--port", str(plc.port)], f"plc: port {plc.port} on 127.0.0.1: Address already in use"),
        (["--host", "0.0.0.0"], "--allow-insecure-network"),
        (["--log", "/missing/log.csv"], "plc: --log /missing/log.csv: No such file or directory"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "vision.reject.plc", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 2 and done.stdout == ""
        assert words in done.stderr and done.stderr.count("\n") == 1


def test_the_plc_leaves_on_sigterm_with_its_sums(plc: PlcProcess) -> None:
    plc.process.terminate()
    assert plc.finish()["told_pass"] == 0


def test_half_an_entry_is_no_pass() -> None:
    for trigger in range(1, 70_000, 7):
        old = registers.entry_words(trigger, registers.PASS)
        for verdict in (registers.PASS, registers.REJECT):
            new = registers.entry_words(trigger + 120, verdict)
            for cut in (1, 2, 3):
                read = registers.read_entry((*new[:cut], *old[cut:]))
                assert read in (None, (trigger, registers.PASS), (trigger + 120, verdict))
    assert registers.read_entry((0, 0, 0, 0)) is None
    assert registers.read_entry(registers.entry_words(2**32 + 5, registers.PASS)) == (5, registers.PASS)
