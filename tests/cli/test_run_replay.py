"""A batch replayed through the whole line gives the same verdicts; with another recipe each field that differs is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.calls import DEMO, files, line_text, processes, refused, vision


@pytest.fixture
def line(tmp_path: Path) -> Path:
    path = tmp_path / "line.toml"
    path.write_text(
        line_text(
            backend='backend = "recorded"',
            profile="",
            rate_hz="rate_hz = 12.0",
            deadline_ms="deadline_ms = 2500.0",
            distance_mm="distance_mm = 3000.0",
            output='output = "simulated"',
            host="",
            port="",
            simulate_plc="",
            heartbeat_ms="",
        )
    )
    return path


def test_a_batch_comes_out_as_it_was_and_otherwise_where_the_recipe_changed(line: Path, tmp_path: Path) -> None:
    order = ("--order", DEMO / "order.json")
    first = vision("run", line, *order, "--frames", 16, "--json", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    before = json.loads(first.stdout)
    batch = tmp_path / before["results"]
    kept = files(batch)

    again = vision("run", line, *order, "--replay", DEMO / "packs.zip", "--against", batch, "--frames", 16, "--json", cwd=tmp_path)
    assert again.returncode == 0, again.stdout
    after = json.loads(again.stdout)
    assert after["replay"] == {"compared": 16, "without_image": 0, "differences": []}
    assert (after["accepted"], after["reasons"]) == (before["accepted"], before["reasons"])

    line.write_text(line.read_text().replace("mm_per_px = 0.06", 'mm_per_px = 0.06\naperture = "50%"'))
    changed = vision("run", line, *order, "--replay", batch, "--json", cwd=tmp_path)
    assert changed.returncode == 1
    told = json.loads(changed.stdout)["replay"]
    assert told["compared"] == before["rejected"] and told["without_image"] == before["accepted"]
    assert "symbols.0.grade.formal" in {one["field"] for one in told["differences"]}
    assert files(batch) == kept
    assert not processes(tmp_path)


def test_what_cannot_be_replayed(line: Path, tmp_path: Path) -> None:
    refused(vision("run", line, "--replay", tmp_path / "nothing", cwd=tmp_path), "nothing")
    refused(vision("run", line, "--against", tmp_path, cwd=tmp_path), "--against goes with --replay")
    assert not (tmp_path / "results").exists()
