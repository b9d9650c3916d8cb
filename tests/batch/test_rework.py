"""A rejected pack is scanned again: good now, it is accepted once and leaves the bin; the rest stays as it was."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import pytest

from tests.batch.packing import line_file, vision
from tests.cli.calls import DEMO
from vision.batch.life import ordered_batch
from vision.batch.reconcile import reconcile
from vision.cameras.recorded import Recording
from vision.results.verify import verify
from vision.serials.states import State


def frame_of(kind: str, path: Path) -> str:
    """Writes the demonstration's first frame of a kind as an image; gives its serial."""
    with open(DEMO / "truth.csv", newline="", encoding="utf-8") as file:
        row = next(row for row in csv.DictReader(file) if row["kind"] == kind)
    with Recording.open(DEMO / "packs.zip") as recording:
        cv2.imwrite(str(path), recording.frame(int(row["index"])))
    return row["text"].partition("<GS>21")[2]


def test_a_pack_scanned_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = line_file(tmp_path)
    assert vision("batch", "start", line, DEMO / "order.json", "--json") == 0
    folder = Path(json.loads(capsys.readouterr().out)["batch"])
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    serial, _ = frame_of("good", good), frame_of("WRONG_LOT", bad)
    assert vision("batch", "rework", line, good, "--json") == 0
    told = [json.loads(words)["verdict"] for words in capsys.readouterr().out.splitlines()]
    assert vision("batch", "rework", line, bad, good, "--who", "A. Operator", "--json") == 1
    told += [json.loads(words)["verdict"] for words in capsys.readouterr().out.splitlines()]
    assert told[0] == {"accept": True, "reasons": []}
    assert "WRONG_LOT" in told[1]["reasons"]
    assert told[2]["reasons"] == ["DUPLICATE_SERIAL"]
    batch = ordered_batch(folder)
    with batch.pool() as pool:
        entry = pool.entry(batch.product, serial)
        result = reconcile(batch, pool)
    assert entry is not None and entry.state is State.COMMISSIONED
    assert (result.triggers, result.accepted, result.rejected, result.rejects_signalled) == (3, 1, 2, 0)
    assert verify(folder) == []


def test_what_is_no_image_is_not_scanned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = line_file(tmp_path)
    assert vision("batch", "rework", line, tmp_path / "x.png") == 2
    assert "no batch is open" in capsys.readouterr().err
    assert vision("batch", "start", line, DEMO / "order.json") == 0
    (tmp_path / "x.png").write_bytes(b"no image")
    capsys.readouterr()
    assert vision("batch", "rework", line, tmp_path / "x.png") == 2
    assert "x.png" in capsys.readouterr().err
