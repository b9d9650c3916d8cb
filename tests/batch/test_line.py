"""A real line in an open batch: what people do takes effect while it runs, and a second run goes on where the first one stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.batch.packing import vision
from tests.cli.calls import DEMO
from tests.faults.rig import fates, line_file
from vision.batch.life import ordered_batch
from vision.batch.reconcile import reconcile
from vision.config import load_line
from vision.pipeline.run import run_line
from vision.pipeline.stats import Status
from vision.results.folder import ResultsError
from vision.results.reader import open_batch
from vision.results.verify import examine
from vision.serials.states import State

RATE_HZ = 12.0


def test_a_block_takes_effect_within_a_second_and_a_second_run_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = line_file(tmp_path, rate_hz=RATE_HZ, loop=False, deadline_ms=3000.0, travel_ms=3200.0, slots=100)
    path.write_text(path.read_text() + "confirm_ms = 2000.0\n")
    assert vision("batch", "start", path, DEMO / "order.json", "--json") == 0
    batch = ordered_batch(Path(json.loads(capsys.readouterr().out)["batch"]))
    serials = list(batch.order.serials or ())
    blocked_at = 0

    def watch(status: Status) -> None:
        nonlocal blocked_at
        if not blocked_at and status.counts.passed >= 5:
            assert vision("batch", "block", batch.folder, *serials, "--kind", "stolen") == 0
            blocked_at = status.counts.triggered

    summary = run_line(load_line(path), None, frames=60, seconds=60.0, on_status=watch, status_period_s=0.02)
    assert Path(summary.results) == batch.folder
    rows = open_batch(batch.folder, ["trigger", "accept", "reasons"]).to_pylist()
    assert [row["trigger"] for row in rows] == list(range(1, 61))
    assert blocked_at
    later = [row for row in rows if row["trigger"] > blocked_at + RATE_HZ]
    assert not any(row["accept"] for row in later)
    assert any(row["reasons"] == ["BLOCKED_SERIAL"] for row in rows)
    assert summary.counts.accepted == sum(row["accept"] for row in rows)
    assert summary.counts.rejected == sum(summary.counts.reasons.values())
    accepted = {row["trigger"] for row in rows if row["accept"]}
    assert {trigger for trigger, accept in fates(batch.folder) if accept} == accepted
    assert not examine(batch.folder).closed

    assert vision("batch", "unblock", batch.folder, *serials) == 0
    again = run_line(load_line(path), None, frames=20, seconds=60.0)
    assert again.results == summary.results
    rows = open_batch(batch.folder, ["trigger", "accept", "reasons"]).to_pylist()
    assert [row["trigger"] for row in rows] == list(range(1, 81))
    assert "DUPLICATE_SERIAL" in again.counts.reasons, "the recording begins anew, and its first packs were accepted"
    with batch.pool() as pool:
        result = reconcile(batch, pool)
        assert pool.counts(batch.product, batch.name)[State.COMMISSIONED] == result.accepted
    assert result.contradictions == [] and result.triggers == 80
    assert result.machine_confirmed == result.machine_rejected == result.rejects_signalled == result.rejects_confirmed
    assert examine(batch.folder).problems == []


def test_another_order_or_another_recipe_is_not_run_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from vision.content.order import load_order

    path = line_file(tmp_path, loop=False)
    assert vision("batch", "start", path, DEMO / "order.json") == 0
    raw = json.loads((DEMO / "order.json").read_text())
    (tmp_path / "other.json").write_text(json.dumps({**raw, "lot": "OTHER"}))
    with pytest.raises(ResultsError, match="end it before another order is run"):
        run_line(load_line(path), load_order(tmp_path / "other.json"), frames=1)
    path.write_text(path.read_text().replace("slots = 24", "slots = 25"))
    with pytest.raises(ResultsError, match="was started with another config"):
        run_line(load_line(path), None, frames=1)
    batch = max((tmp_path / "results" / "T1").glob("2*"))
    assert not list(batch.glob("*.arrow*"))
