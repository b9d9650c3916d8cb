"""The machine's side of a line: a simulated PLC with a belt of its own, which knows packs by more than what it is told."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.faults.rig import DEMO, Script, left_behind, line_file
from tests.faults.test_children import send
from tests.reject.plc_process import PlcProcess
from vision.config import load_line
from vision.content.order import load_order
from vision.pipeline.run import run_line
from vision.pipeline.stats import Summary

CONFIRM = 'output = "modbus"\nconfirm_ms = 1500.0\nport = '


def run(path: Path, script: Script) -> Summary:
    summary = run_line(
        load_line(path),
        load_order(DEMO / "order.json"),
        frames=script.frames,
        seconds=60.0,
        on_start=script.begin,
        on_status=script.watch,
        status_period_s=0.02,
    )
    assert not script.steps and left_behind() == []
    return summary


def modbus_line(folder: Path, port: int) -> Path:
    path = line_file(folder)
    own = "\nsimulate_plc = true" if not port else "\nsimulate_plc = false"
    path.write_text(path.read_text().replace('output = "simulated"', f"{CONFIRM}{port}{own}"))
    return path


def test_what_the_belt_lets_go_is_what_the_rows_accept(tmp_path: Path) -> None:
    script = Script(frames=60)
    summary = run(modbus_line(tmp_path, 0), script)
    assert summary.plc is not None
    belt = summary.plc["S1"]
    assert belt["rejected_untold"] == 0 and belt["unconfirmed"] == 0
    assert 20 < belt["let_go"] <= summary.counts.accepted and 0 < belt["rejected"] <= summary.counts.rejected
    assert not [status.trouble for status in script.status if "confirmed" in status.trouble], "all rejects were confirmed"


def test_packs_that_a_dead_rejector_cannot_tell_of_are_rejected(tmp_path: Path) -> None:
    summary = run(modbus_line(tmp_path, 0), Script((15, send("rejector", signal.SIGKILL)), frames=80))
    assert summary.plc is not None and summary.restarts == 1
    belt = summary.plc["S1"]
    assert belt["rejected_untold"] > 0, "the belt went on, and the machine knew no verdict"
    assert belt["let_go"] <= summary.counts.accepted and belt["let_go"] > 5


def test_a_reject_that_is_not_confirmed_takes_ready_away(tmp_path: Path) -> None:
    with PlcProcess(tmp_path / "plc.csv", 0, "--travel-ms", "1200", "--unconfirmed", "1") as plc:
        script = Script(frames=120)
        summary = run(modbus_line(tmp_path, plc.port), script)
        belt = plc.finish()
    assert "not confirmed by the machine" in summary.trouble
    assert summary.counts.triggered == 120 and belt["unconfirmed"] == belt["rejected"] > 0
    assert belt["let_go"] < summary.counts.accepted, "not ready, so even a pack that was told good is rejected"
