"""Whatever moment a recorder dies at, each acknowledged row is there afterwards, once, and the batch is sound."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.results.samples import record
from vision.results.folder import BatchInfo, write_batch_info
from vision.results.images import EvidenceStore
from vision.results.reader import open_batch
from vision.results.recovery import needs_recovery, recover
from vision.results.verify import examine
from vision.results.writer import Ack, BatchWriter
from vision.types import Reason

ROOT = Path(__file__).resolve().parents[2]
SEED = 20261123


def assert_sound(folder: Path, acknowledged: list[Ack]) -> None:
    """All acknowledged rows are there, each trigger once, and nothing is wrong or left to do."""
    found = examine(folder)
    assert found.problems == []
    assert not needs_recovery(folder)
    rows = {
        (row["station"], row["trigger"]): row
        for row in open_batch(folder, ["station", "trigger", "revision", "accept"]).to_pylist()
    }
    assert len(rows) == found.rows
    for station, trigger, revision in acknowledged:
        assert rows[station, trigger]["revision"] >= revision
        assert not (revision and rows[station, trigger]["accept"])


@pytest.mark.parametrize("attempt", range(15))
def test_killed_while_writing(attempt: int, tmp_path: Path) -> None:
    chance = random.Random(SEED + attempt)
    wanted = chance.randint(1, 150)
    command = [sys.executable, "-m", "tests.results.writing_process", str(tmp_path), str(SEED + attempt)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(wanted)]
        process.kill()
        lines += process.stdout.readlines()
    acknowledged = [(line.split()[0], int(line.split()[1]), int(line.split()[2])) for line in lines if line.endswith("\n")]
    assert len(acknowledged) >= wanted
    assert recover(tmp_path).problems == []
    assert_sound(tmp_path, acknowledged)
    second = recover(tmp_path)
    assert second.done == [] and second.problems == []


class Crash(BaseException):
    """The process is gone at this step: no handler of the code under test may run on."""


@contextmanager
def crash_at(step: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Ends at the step-th call that changes the disk; a write is cut in half there. Yields the count of calls so far."""
    count = [0]

    def breaking(call: Callable[..., Any], half: bool = False) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **options: Any) -> Any:
            count[0] += 1
            if count[0] == step:
                if half:
                    call(arguments[0], arguments[1][: len(arguments[1]) // 2])
                raise Crash
            return call(*arguments, **options)

        return wrapper

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", breaking(os.write, half=True))
        for name in ("fsync", "fdatasync", "ftruncate", "truncate"):
            patch.setattr(os, name, breaking(getattr(os, name)))
        for name in ("replace", "unlink"):
            patch.setattr(Path, name, breaking(getattr(Path, name)))
        yield count


def write_a_batch(folder: Path, acknowledged: list[Ack], kept: list[str]) -> None:
    """A small batch with all that a writer does: two full files and a last one, amendments, evidence, an end."""
    write_batch_info(folder, BatchInfo("L1", "PO-1", "1.0", "2026-11-23T00:00:00+00:00"))
    writer = BatchWriter(folder, {"software": "1.0"}, rows_per_file=4)
    try:
        store = EvidenceStore(folder / "images", 10, 10**6, 0)
        for trigger in range(1, 11):
            writer.append([record(trigger)])
            if trigger in (3, 6):
                writer.append([record(trigger - 1, Reason.NOT_RECORDED, revision=1, evidence=True)])
                kept.extend(filter(None, [store.keep("S1", trigger - 1, np.zeros((8, 8), np.uint8))]))
            acknowledged += writer.commit()
            writer.roll(settled=True)
        writer.close()
    finally:
        writer.abandon()


def test_crash_at_every_step_of_a_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = 0
    while True:
        step += 1
        folder = tmp_path / str(step)
        folder.mkdir()
        acknowledged: list[Ack] = []
        kept: list[str] = []
        try:
            with crash_at(step, monkeypatch):
                write_a_batch(folder, acknowledged, kept)
        except Crash:
            pass
        else:
            break
        assert recover(folder).problems == []
        assert_sound(folder, acknowledged)
        assert [name for name in kept if not (folder / name).exists()] == []
        assert recover(folder).done == []
    assert step > 60
    found = examine(folder)
    assert found.closed and (found.rows, found.accepted) == (10, 8)


def test_crash_at_every_step_of_a_recovery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(SEED)
    crashes = 0
    for step in sorted(chance.sample(range(5, 60), 8)):
        again = 0
        while True:
            again += 1
            folder = tmp_path / f"{step}-{again}"
            folder.mkdir()
            acknowledged: list[Ack] = []
            with pytest.raises(Crash), crash_at(step, monkeypatch):
                write_a_batch(folder, acknowledged, [])
            try:
                with crash_at(again, monkeypatch):
                    recover(folder)
            except Crash:
                crashes += 1
            else:
                break
            assert recover(folder).problems == []
            assert_sound(folder, acknowledged)
    assert crashes > 40


def test_a_writer_goes_on_where_a_dead_one_stopped(tmp_path: Path) -> None:
    first = BatchWriter(tmp_path, {"software": "1"})
    first.append([record(1), record(2)])
    acknowledged = first.commit()
    first.abandon()
    with open(tmp_path / "000001.arrows", "ab") as stream:
        stream.write(b"\xff\xff\xff\xff\x10\x27\0\0 half a batch")
    second = BatchWriter(tmp_path, {"software": "1"})
    assert second.recovery.torn_bytes == 21
    second.append([record(2), record(3), record(1, Reason.NOT_RECORDED, revision=1)])  # 2: its acknowledgement was lost
    acknowledged += second.commit()
    second.close()
    assert sorted(set(acknowledged)) == [("S1", 1, 0), ("S1", 1, 1), ("S1", 2, 0), ("S1", 3, 0)]
    assert_sound(tmp_path, acknowledged)
    found = examine(tmp_path)
    assert found.rows == 3 and found.accepted == 2 and any("amended in a later file" in note for note in found.notes)


def test_an_unsealed_file_that_no_crash_leaves_is_never_vouched_for(tmp_path: Path) -> None:
    writer = BatchWriter(tmp_path, {})
    writer.append([record(1)])
    writer.commit()
    writer.close()
    (tmp_path / "000002.arrow").write_bytes((tmp_path / "000001.arrow").read_bytes())
    recover(tmp_path)
    assert any("000002.arrow: has no seal" in problem for problem in examine(tmp_path).problems)


def test_recovery_does_not_go_on_behind_changed_seals(tmp_path: Path) -> None:
    writer = BatchWriter(tmp_path, {}, rows_per_file=1)
    writer.append([record(1)])
    writer.commit()
    while writer.roll(settled=True):
        pass
    writer.append([record(2)])
    writer.commit()
    writer.abandon()
    seals = (tmp_path / "seal.jsonl").read_bytes()
    (tmp_path / "seal.jsonl").write_bytes(seals.replace(b'"rows":1', b'"rows":2'))
    assert len(recover(tmp_path).problems) == 1
    assert (tmp_path / "000002.arrows").exists()
