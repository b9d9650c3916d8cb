"""What a line does when one of its processes dies, hangs or stalls: one verdict for each trigger, and only proved packs go."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.faults.rig import LINE_REASONS, Script, line_file, run
from vision.pipeline.line import Line


def send(role: str, number: signal.Signals, index: int = 0):  # type: ignore[no-untyped-def]
    """A signal to a child, if it is there now."""

    def action(line: Line) -> None:
        child = line.crew.get(role, index)
        assert child is not None, f"no {role} {index} to signal"
        os.kill(child.pid, number)

    return action


def test_without_faults_nothing_is_rejected_for_the_line(tmp_path: Path) -> None:
    # The deadline leaves room for a disk that others keep busy for a second or two.
    result = run(line_file(tmp_path, deadline_ms=4000.0, travel_ms=4200.0, slots=96), Script(frames=120))
    assert set(result.reasons).isdisjoint(LINE_REASONS), result.reasons
    assert len(result.reasons) >= 6
    assert result.summary is not None and result.summary.counts.late == 0


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_an_idle_inspector_dies(tmp_path: Path, number: signal.Signals) -> None:
    # Inspectors are idle nearly always. The deadline leaves room for two starts on a machine that does other things.
    path = line_file(tmp_path, deadline_ms=4000.0, travel_ms=4200.0, slots=96)
    result = run(path, Script((10, send("inspector", number)), (20, send("inspector", number, 1)), frames=90))
    assert result.summary is not None
    assert result.summary.restarts == 2
    assert result.reasons["INSPECTOR_LOST"] <= 2
    assert result.reasons["MISSED_DEADLINE"] == 0


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_busy_inspector_dies(tmp_path: Path, number: signal.Signals) -> None:
    # Stopped, it is given a frame and holds it; then it dies of the signal with the frame in its hands.
    script = Script(
        (10, send("inspector", signal.SIGSTOP)), (14, send("inspector", number)), (14, send("inspector", signal.SIGCONT)), frames=60
    )
    result = run(line_file(tmp_path), script)
    assert result.reasons["INSPECTOR_LOST"] == 1
    (row,) = [row for row in result.rows if row["reasons"][:1] == ["INSPECTOR_LOST"]]
    assert number.name in row["detail"]
    assert (result.folder / row["evidence"]).is_file()


def test_an_inspector_hangs(tmp_path: Path) -> None:
    result = run(line_file(tmp_path), Script((10, send("inspector", signal.SIGSTOP)), frames=80))
    assert result.summary is not None
    assert result.reasons["MISSED_DEADLINE"] == 1
    assert result.summary.restarts == 1
    assert result.summary.counts.accepted > 40


def test_the_recorder_stalls(tmp_path: Path) -> None:
    script = Script((20, send("recorder", signal.SIGSTOP)), (70, send("recorder", signal.SIGCONT)), frames=110)
    result = run(line_file(tmp_path), script)
    assert result.reasons["NOT_RECORDED"] > 10
    assert any(row["revision"] == 1 for row in result.rows)
    assert any(row["accept"] for row in result.rows if row["trigger"] > 90), "it never came back"


def test_the_recorder_dies(tmp_path: Path) -> None:
    script = Script((20, send("recorder", signal.SIGKILL)), (60, send("recorder", signal.SIGKILL)), frames=100)
    result = run(line_file(tmp_path), script)
    assert result.summary is not None
    assert result.summary.restarts == 2
    assert any(row["accept"] for row in result.rows if row["trigger"] > 80), "it never came back"


def test_the_rejector_dies(tmp_path: Path) -> None:
    # A pack that was passed and not yet at the ejector: the machine may have let it go, its row stands.
    result = run(line_file(tmp_path), Script((30, send("rejector", signal.SIGKILL)), frames=90), exact=False)
    promised = result.accepted - result.let_through()
    assert promised < set(range(1, 40)), promised
    assert result.reasons["LINE_LOST"] > 0
    assert any(row["accept"] for row in result.rows if row["trigger"] > 70), "it never came back"
    # It may be back before a status is shown; the log keeps that it was away.
    assert result.summary is not None and result.summary.restarts == 1
    assert "rejector-0" in "".join(path.read_text(encoding="utf-8") for path in result.folder.glob("logs/line.log"))


def test_the_acquirer_dies(tmp_path: Path) -> None:
    result = run(line_file(tmp_path, rate_hz=30), Script((20, send("acquirer", signal.SIGKILL)), frames=60))
    assert result.summary is not None
    assert result.summary.restarts == 1


def test_the_budget_of_restarts_ends_in_fault_and_never_in_silence(tmp_path: Path) -> None:
    path = line_file(tmp_path, inspectors=1, restart_count=2, rate_hz=30)
    script = Script(*((n, send("inspector", signal.SIGKILL)) for n in (10, 30, 50)), frames=80)
    result = run(path, script)
    assert result.summary is not None
    assert result.summary.state == "FAULT"
    assert "budget" in result.summary.trouble
    assert {row["reasons"][0] for row in result.rows if row["trigger"] > 55} <= {"MISSED_DEADLINE", "NO_SLOT"}


def test_overload_is_rejected_and_counted(tmp_path: Path) -> None:
    result = run(line_file(tmp_path, rate_hz=600, inspectors=1, slots=16), Script(frames=900))
    assert result.reasons["NO_SLOT"] + result.reasons["MISSED_DEADLINE"] > 100
    assert len(result.accepted) > 5, "nothing was finished in time"
