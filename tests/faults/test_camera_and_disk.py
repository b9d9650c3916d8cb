"""Faults of the world around: a camera that drops, tears or leaves, and a disk that is full."""

from __future__ import annotations

import csv
import os
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from tests.faults.rig import DEMO, Script, line_file, run
from tests.rights import on_a_small_disk
from vision.cameras.simulator import prepare
from vision.pipeline import sources
from vision.pipeline.line import Line


def test_dropped_and_incomplete_frames_have_their_verdict(tmp_path: Path) -> None:
    faults = (
        'faults = [{kind="dropped", pack=9}, {kind="incomplete", pack=19}, {kind="dropped", pack=29}, {kind="dropped", pack=30}]'
    )
    result = run(line_file(tmp_path, backend="simulator", faults=faults), Script(frames=60))
    reason = {row["trigger"]: row["reasons"][0] for row in result.rows if row["reasons"]}
    assert {t for t, r in reason.items() if r == "MISSED_FRAME"} == {10, 30, 31}
    assert {t for t, r in reason.items() if r == "INCOMPLETE_FRAME"} == {20}
    assert len(result.rows) == 60
    frame_ids = {row["trigger"]: row["frame_id"] for row in result.rows if row["frame_id"] is not None}
    assert all(trigger == frame_id for trigger, frame_id in frame_ids.items()), "a verdict went to another pack"


def test_the_camera_is_unplugged_and_comes_back(tmp_path: Path) -> None:
    faults = 'faults = [{kind="unplug", pack=20, duration_ms=1500}]'
    result = run(line_file(tmp_path, backend="simulator", faults=faults), Script(frames=120))
    lost = sorted(row["trigger"] for row in result.rows if row["reasons"][:1] == ["CAMERA_LOST"])
    assert len(lost) >= 20, "packs that went by meanwhile have their verdict"
    assert lost == list(range(lost[0], lost[-1] + 1))
    assert any(row["accept"] for row in result.rows if row["trigger"] > lost[-1]), "it never came back"
    assert any("camera" in status.trouble for status in result.status), "nobody was told"


def test_a_camera_whose_ids_begin_again_loses_no_pack_uncounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many GigE cameras do with each acquisition; which pack a trigger really was shows in what was read."""
    monkeypatch.setattr(sources, "prepare", partial(prepare, frame_ids_restart=True))
    events = ('"unplug", pack=20, duration_ms=1500', '"dropped", pack=90', '"unplug", pack=110, duration_ms=700')
    faults = f"faults = [{', '.join(f'{{kind={event}}}' for event in events)}]"
    result = run(line_file(tmp_path, backend="simulator", faults=faults), Script(frames=180))
    with open(DEMO / "truth.csv", newline="", encoding="utf-8") as file:
        payloads = [row["text"].replace("<GS>", "\x1d").encode() for row in csv.DictReader(file)]
    pack_of = {payload: pack for pack, payload in enumerate(payloads) if payloads.count(payload) == 1}
    rows = sorted(result.rows, key=lambda row: int(row["trigger"]))
    first_of: dict[str, list[int]] = {}  # by reason, the first trigger of each stretch
    for before, row in pairwise(rows):
        if row["reasons"][:1] != before["reasons"][:1]:
            first_of.setdefault((row["reasons"] or [""])[0], []).append(row["trigger"])
    lost = [row for row in rows if row["reasons"][:1] == ["CAMERA_LOST"]]
    assert len(first_of["CAMERA_LOST"]) == 2 and len(lost) >= 40
    assert all("counted by the pace" in row["detail"] for row in lost)
    for row in rows:
        if row["accept"] and (pack := pack_of.get(row["symbols"][0]["payload"])) is not None:
            off = pack - (row["trigger"] - 1)
            gaps = sum(row["trigger"] > begin for begin in first_of["CAMERA_LOST"])
            assert abs(off) <= 2 * gaps, f"trigger {row['trigger']} was pack {off} further"
    missed = [row["trigger"] for row in rows if row["reasons"][:1] == ["MISSED_FRAME"]]
    assert len(missed) == 1, "within a connection ids count"
    frame_ids = {row["trigger"]: row["frame_id"] for row in rows}
    assert frame_ids[missed[0] + 1] == frame_ids[missed[0] - 1] + 2
    assert rows[-1]["trigger"] > lost[-1]["trigger"], "it never came back"
    (log,) = result.folder.glob("logs/line.log")
    assert log.read_text(encoding="utf-8").count("packs without a frame before trigger") == 3, "nobody was told"


def test_a_stalled_camera_loses_nothing(tmp_path: Path) -> None:
    faults = 'faults = [{kind="stall", pack=20, duration_ms=400}]'
    result = run(line_file(tmp_path, backend="simulator", faults=faults), Script(frames=50))
    assert not {"MISSED_FRAME", "CAMERA_LOST", "NO_SLOT"} & set(result.reasons)


@on_a_small_disk("8m")
def test_the_disk_is_full_for_a_while(tmp_path: Path, small_disk: Path) -> None:
    filler = small_disk / "filler"

    def fill(line: Line) -> None:
        with open(filler, "wb", buffering=0) as file:
            chunk = bytes(64 * 1024)
            try:
                while True:
                    file.write(chunk)
            except OSError:
                pass
        assert os.statvfs(small_disk).f_bavail == 0

    def empty(line: Line) -> None:
        filler.unlink()

    path = line_file(tmp_path, results=small_disk, more="[results]\nevidence_images = 3\nfree_mb_min = 0")
    result = run(path, Script((20, fill), (60, empty), frames=120))
    assert result.reasons["NOT_RECORDED"] > 5
    assert any("not recorded" in status.trouble for status in result.status), "nobody was told"
    assert any(row["accept"] for row in result.rows if row["trigger"] > 100), "it never came back"
