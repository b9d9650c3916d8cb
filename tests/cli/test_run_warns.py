"""A line whose print gets paler says so in its summary and in the row of the pack it begins with, before packs are rejected."""

from __future__ import annotations

import json
from pathlib import Path

import cv2

from tests.cli.calls import line_text, vision
from tests.decode.rendering import draw, modules
from vision.results.reader import open_batch

COUNT = 240


def test_a_print_that_gets_paler_is_warned_of(tmp_path: Path) -> None:
    frames = tmp_path / "packs"
    frames.mkdir()
    for number in range(COUNT):
        bits = modules(f"(01)04150012345678(21)W{number:04d}", "20x20", gs1=True)
        paler = round(60 * max(0, number - 110) / COUNT)
        picture, _ = draw(bits, noise=2.0, seed=number, light=200, dark=40 + paler, frame=(240, 240))
        cv2.imwrite(str(frames / f"{number:05d}.png"), picture)
    line = tmp_path / "line.toml"
    kept = {"backend": 'backend = "recorded"', "profile": "", "rate_hz": "rate_hz = 50.0", "output": 'output = "simulated"'}
    slow = {"deadline_ms": "deadline_ms = 2500.0", "distance_mm": "distance_mm = 3000.0", "slots": "slots = 120"}
    text = line_text(**kept, **slow, host="", port="", simulate_plc="", heartbeat_ms="", source=f'source = "{frames}"')
    line.write_text(text)
    done = vision("run", line, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["triggered"] == COUNT
    assert any(words.startswith("symbol contrast") for words in summary["print_warnings"])
    rows = open_batch(tmp_path / summary["results"]).select(["trigger", "detail", "accept"]).to_pylist()
    warned = [row for row in rows if "print drifts: symbol contrast" in row["detail"]]
    assert len(warned) == 1 and warned[0]["trigger"] > 110
    assert "print drifts" in done.stderr
