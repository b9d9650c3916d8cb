"""The challenge test: on a running line with known-bad packs of the demonstration, and what follows when one passes."""

from __future__ import annotations

import csv
import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.batch.packing import Packing, start_batch, vision
from tests.cli.calls import DEMO, command, environment
from vision.batch.challenge import KNOWN_BAD, KnownBad, NoPack, challenge, challenge_due
from vision.batch.operate import record_challenge
from vision.batch.reconcile import reconcile
from vision.config import load_line
from vision.pipeline.run import run_line
from vision.results.operations import read_operations
from vision.serials.pool import Pool
from vision.serials.states import State
from vision.types import Reason

CAUGHT = {
    "no_print": (Reason.NO_SYMBOL,),
    "wrong_lot": (Reason.WRONG_LOT,),
    "bad_quality": (Reason.LOW_GRADE,),
    "duplicate_serial": (Reason.DUPLICATE_SERIAL,),
    "missing_separator": (Reason.WRONG_LOT,),
}


def test_the_whole_set_is_caught(tmp_path: Path) -> None:
    batch = start_batch(tmp_path)
    run = Packing(batch)
    run.pack(1)
    number = 1

    def put(known: KnownBad) -> None:
        nonlocal number
        number += 1
        run.pack(number, *CAUGHT[known.kind], serial="")

    steps = list(challenge(batch.folder, "S1", put, 5.0))
    assert [step.kind for step in steps] == [known.kind for known in KNOWN_BAD] and all(step.caught for step in steps)
    assert challenge_due(batch.folder, 60.0) == "no challenge test was made yet"
    with batch.pool() as pool:
        assert record_challenge(batch, pool, "S1", steps, "A. Operator", "")
    assert challenge_due(batch.folder, 60.0) == ""
    assert challenge_due(batch.folder, 1e-9).startswith("the last challenge test is of")
    run.close()


def test_a_batch_that_asks_for_tests_ends_with_one(tmp_path: Path) -> None:
    batch = start_batch(tmp_path, more="challenge_minutes = 60.0")
    run = Packing(batch)
    number = 1

    def put(known: KnownBad) -> None:
        nonlocal number
        number += 1
        run.pack(number, *CAUGHT[known.kind], serial="")

    def test(pool: Pool) -> None:
        assert record_challenge(batch, pool, "S1", list(challenge(batch.folder, "S1", put, 5.0)), "A. Operator", "")

    with batch.pool() as pool:
        run.pack(1)
        test(pool)
        assert reconcile(batch, pool).untested == []
        number += 1
        run.pack(number)
        (point,) = reconcile(batch, pool).untested
        assert point == f"no challenge test that passed followed the last pack accepted at S1 (trigger {number})"
        test(pool)
    run.close()
    assert vision("batch", "end", batch.folder, "--rejects-counted", 0) == 0


def test_one_that_passes_ends_the_test_and_keeps_the_batch_from_going_on(tmp_path: Path) -> None:
    batch = start_batch(tmp_path)
    run = Packing(batch)
    run.pack(1)
    steps = list(challenge(batch.folder, "S1", lambda known: run.pack(2) and None, 5.0))
    assert len(steps) == 1 and steps[0].passed_through
    with batch.pool() as pool:
        assert not record_challenge(batch, pool, "S1", steps, "A. Operator", "")
        entry = pool.entry(batch.product, "SN2")
    assert entry is not None and entry.state is State.INACTIVE
    assert "failed" in challenge_due(batch.folder, 0.0)
    run.close()


def test_a_wrong_reason_is_not_caught(tmp_path: Path) -> None:
    batch = start_batch(tmp_path)
    run = Packing(batch)
    number = 0

    def put(known: KnownBad) -> None:
        nonlocal number
        number += 1
        run.pack(number, Reason.MISSED_DEADLINE, serial="")

    steps = list(challenge(batch.folder, "S1", put, 5.0))
    assert len(steps) == len(KNOWN_BAD) and not any(step.caught for step in steps)
    run.close()


def test_no_pack_in_time(tmp_path: Path) -> None:
    batch = start_batch(tmp_path)
    with pytest.raises(NoPack, match="expected a pack without a code"):
        list(challenge(batch.folder, "S1", lambda known: None, 0.05))


def recording(path: Path, kinds: list[str]) -> None:
    """Frames of the demonstration, one of each kind in turn; FIRST is the good pack whose serial DUPLICATE_SERIAL repeats."""
    with open(DEMO / "truth.csv", newline="", encoding="utf-8") as file:
        truth = list(csv.DictReader(file))
    repeated = next(row["text"] for row in truth if row["kind"] == "DUPLICATE_SERIAL")
    frame_of = {kind: next(int(row["index"]) for row in truth if row["kind"] == kind) for kind in {row["kind"] for row in truth}}
    frame_of["FIRST"] = next(int(row["index"]) for row in truth if row["kind"] == "good" and row["text"] == repeated)
    with zipfile.ZipFile(DEMO / "packs.zip") as whole, zipfile.ZipFile(path, "w") as piece:
        head, *rows = whole.read("index.csv").decode().splitlines()
        chosen = [rows[frame_of[kind]] for kind in kinds]
        piece.writestr("index.csv", "\n".join([head, *chosen]) + "\n")
        for name in sorted({name for row in chosen for name in row.split(",")[:2] if name}):
            piece.writestr(name, whole.read(name))


@pytest.mark.parametrize("escapes", [False, True])
def test_on_a_running_line(tmp_path: Path, escapes: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """The line has packs for the set; with one good pack among them, it is stopped although its camera would go on.

    It runs in this process where nothing is to stop it: a start of its own costs three seconds.
    """
    from tests.faults.rig import line_file

    kinds = ["NO_SYMBOL", "good" if escapes else "WRONG_LOT", "LOW_GRADE", "DUPLICATE_SERIAL", "MISSING_ELEMENT|WRONG_LOT"]
    recording(tmp_path / "set.zip", kinds)
    path = line_file(tmp_path, rate_hz=10.0, loop=escapes)
    path.write_text(path.read_text().replace(str(DEMO / "packs.zip"), str(tmp_path / "set.zip")))
    assert vision("batch", "start", path, DEMO / "order.json", "--json") == 0
    folder = Path(json.loads(capsys.readouterr().out)["batch"])
    if not escapes:  # the duplicate's first pack
        recording(tmp_path / "set.zip", ["FIRST"])
        assert run_line(load_line(path), None).counts.accepted == 1
        recording(tmp_path / "set.zip", kinds)
    test = subprocess.Popen(
        command("batch", "challenge", folder, "--station", "S1", "--timeout", "60", "--json"),
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert test.stdout is not None
    assert json.loads(test.stdout.readline())["put"] == "no_print"
    if escapes:
        run = subprocess.run(
            command("run", path, "--json", "--seconds", "60"),
            cwd=tmp_path,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            check=False,
        )
        summary = json.loads(run.stdout.splitlines()[-1])
    else:
        summary = run_line(load_line(path), None, seconds=60.0).as_json()
    told = [json.loads(line) for line in test.communicate(timeout=60)[0].splitlines()]
    entry = next(o for o in read_operations(folder) if o["what"] == "challenge")
    assert entry["passed"] == told[-1]["passed"]
    if escapes:
        assert test.returncode == 1 and not entry["passed"] and entry["steps"][-1]["reasons"] == []
        assert summary["triggered"] < 500, "stopped by the test, long before its 60 s"
    else:
        assert [step["kind"] for step in entry["steps"]] == [known.kind for known in KNOWN_BAD]
        assert entry["passed"] and summary["accepted"] == 0
