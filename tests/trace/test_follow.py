"""Packing while the line runs: every pack that passed is in one container, in its order, whatever stops and starts again."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.batch.packing import Packing, line_file, order_file, vision
from tests.cli.calls import DEMO
from tests.results.samples import GTIN
from vision.batch.life import OrderedBatch, ordered_batch
from vision.config import load_line
from vision.content.order import load_order
from vision.pipeline.run import run_line
from vision.results.folder import lock_line
from vision.trace.identifiers import item_epc
from vision.trace.journal import JOURNAL, read_journal
from vision.types import Reason

TRACE = """
[trace]
company_prefixes = ["4012345", "4150012"]
levels = [{ name = "bundle", capacity = 3 }, { name = "case", capacity = 2 }]
"""
RANGE = "company_prefix,extension,first,last\n4012345,3,1,500\n"


def start(folder: Path, count: int = 40) -> OrderedBatch:
    line = line_file(folder, more=TRACE)
    order = order_file(folder, [f"SN{n}" for n in range(1, count + 1)])
    assert vision("batch", "start", line, order, "--who", "A. Operator") == 0
    (folder / "ssccs.csv").write_text(RANGE, "utf-8")
    assert vision("aggregate", "range", line, folder / "ssccs.csv") == 0
    return ordered_batch(max((folder / "results" / "L1").iterdir(), key=lambda path: (path.is_dir(), path.name)))


def follow(folder: Path, *more: str) -> int:
    return vision("aggregate", "follow", folder / "L1.toml", "--level", "bundle", "--level", "case", "--once", "--json", *more)


def state(folder: Path) -> tuple[dict[str, list[str]], set[str]]:
    """(children by container, closed ones), by reading the journal plainly."""
    children: dict[str, list[str]] = {}
    closed: set[str] = set()
    for entry in read_journal(folder / "results" / "L1" / JOURNAL):
        match entry["do"]:
            case "pack":
                children.setdefault(entry["parent"], []).extend(entry["children"])
                closed |= {entry["parent"]} if entry["closed"] else set()
            case "unpack":
                children[entry["parent"]] = [one for one in children[entry["parent"]] if one not in entry["children"]]
                closed.discard(entry["parent"])
            case "close":
                closed.add(entry["parent"])
    return children, closed


def serials(children: dict[str, list[str]]) -> list[list[str]]:
    """The packs of each bundle, bundles in the order of their SSCCs."""
    return [[one.rpartition("/")[2] for one in held] for _, held in sorted(children.items()) if held and held[0].startswith("01/")]


def test_bundles_and_cases_fill_in_the_order_of_the_belt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = start(tmp_path)
    run = Packing(batch)
    for trigger in range(1, 6):
        run.pack(trigger, *([Reason.LOW_GRADE] if trigger == 2 else []))
    capsys.readouterr()
    assert follow(tmp_path) == 0
    (told,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (told["level"], told["children"], told["closed"]) == ("bundle", 3, True), "the one that is full"
    for trigger in range(6, 15):
        run.pack(trigger)
    run.close()
    assert follow(tmp_path) == 0 and follow(tmp_path) == 0, "nothing new: nothing happens"
    children, closed = state(tmp_path)
    assert serials(children) == [
        ["SN1", "SN3", "SN4"],
        ["SN5", "SN6", "SN7"],
        ["SN8", "SN9", "SN10"],
        ["SN11", "SN12", "SN13"],
        ["SN14"],
    ]
    cases = [held for held in children.values() if held[0].startswith("00/")]
    assert [len(held) for held in cases] == [2, 2] and len(closed) == 4 + 2
    assert vision("batch", "end", batch.folder, "--rejects-counted", 1) == 0
    capsys.readouterr()
    assert follow(tmp_path) == 0
    last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["level"], one["children"], one["closed"]) for one in last] == [("bundle", 1, True), ("case", 1, True)]
    assert follow(tmp_path) == 0 and capsys.readouterr().out == "", "an ended batch is finished once"
    assert vision("aggregate", "verify", tmp_path / "L1.toml") == 0


def test_what_was_taken_back_or_is_no_good_pack_is_not_packed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = start(tmp_path)
    run = Packing(batch)
    rows = [run.pack(trigger) for trigger in range(1, 6)]
    with lock_line(tmp_path / "results", "L1"):  # as while the line runs
        assert vision("batch", "decommission", batch.folder, "SN1", "--why", "damaged") == 0
    assert vision("aggregate", "pack", tmp_path / "L1.toml", "--level", "bundle", item_epc(GTIN, "SN2"), "--close") == 0
    capsys.readouterr()
    assert follow(tmp_path) == 0
    noted = capsys.readouterr().err
    assert "trigger 1: 01/04012345678901/21/SN1 passed, but is no good pack any more" in noted
    assert "trigger 2: 01/04012345678901/21/SN2 is in 00/" in noted
    assert serials(state(tmp_path)[0]) == [["SN2"], ["SN3", "SN4", "SN5"]]
    run.amend(rows[3], Reason.NOT_RECORDED)
    run.close()
    assert follow(tmp_path) == 0
    assert "SN4 was rejected after it was packed, and must be taken out by hand" in capsys.readouterr().err, (
        "its bundle is in a case"
    )
    assert serials(state(tmp_path)[0]) == [["SN2"], ["SN3", "SN4", "SN5"]]


def test_an_amended_pack_is_taken_out_and_goes_in_when_it_is_fed_again(tmp_path: Path) -> None:
    batch = start(tmp_path)
    run = Packing(batch)
    first = run.pack(1)
    assert follow(tmp_path) == 0
    run.amend(first, Reason.NOT_RECORDED)
    run.pack(2)
    run.pack(3, serial="SN1")
    run.close()
    assert follow(tmp_path) == 0
    assert serials(state(tmp_path)[0]) == [["SN2", "SN1"]]
    assert follow(tmp_path) == 0
    assert serials(state(tmp_path)[0]) == [["SN2", "SN1"]], "the amendment is of another trigger"


@pytest.mark.parametrize("seed", range(3))
def test_wherever_it_stops_each_pack_is_in_one_container(seed: int, tmp_path: Path) -> None:
    """Rows out of turn, files sealed in between, a follower that begins anew each time, packs added by runs of any length."""
    draw = random.Random(seed)
    batch = start(tmp_path, 60)
    run = Packing(batch, rows_per_file=7)
    expected: list[str] = []
    trigger = 0
    while trigger < 50:
        turn = list(range(trigger + 1, trigger + 1 + draw.randint(1, 6)))
        trigger = turn[-1]
        bad = {one for one in turn if draw.random() < 0.2}
        expected += [f"SN{one}" for one in turn if one not in bad]
        draw.shuffle(turn)
        for one in turn:
            run.pack(one, *([Reason.LOW_GRADE] if one in bad else []))
            while run.writer.roll(settled=True, budget_ns=10**9):
                pass
            if draw.random() < 0.3:
                assert follow(tmp_path) == 0
    run.close()
    assert follow(tmp_path) == 0
    children, closed = state(tmp_path)
    packed = [one for bundle in serials(children) for one in bundle]
    assert packed == expected
    assert all(len(held) == (3 if held[0].startswith("01/") else 2) for parent, held in children.items() if parent in closed)


def test_wrong_calls_say_what_was_expected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start(tmp_path)
    line = tmp_path / "L1.toml"
    for arguments, words in (
        (("--level", "case", "--level", "bundle"), "--level case bundle: expected levels of [trace] in their order: bundle, case"),
        (("--level", "crate"), "--level crate: expected levels of [trace]"),
        (("--level", "bundle", "--station", "S9"), "--station 'S9': expected one of S1"),
    ):
        capsys.readouterr()
        assert vision("aggregate", "follow", line, *arguments) == 2
        error = capsys.readouterr().err
        assert words in error and error.count("\n") == 1


def test_no_sscc_left_is_told_and_goes_on_with_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = start(tmp_path)
    (tmp_path / "results" / "L1" / JOURNAL).unlink()
    (tmp_path / "one.csv").write_text("company_prefix,extension,first,last\n4012345,3,1,1\n", "utf-8")
    assert vision("aggregate", "range", tmp_path / "L1.toml", tmp_path / "one.csv") == 0
    run = Packing(batch)
    for trigger in range(1, 8):
        run.pack(trigger)
    run.close()
    capsys.readouterr()
    assert follow(tmp_path) == 2
    assert "no SSCC is left" in capsys.readouterr().err
    (tmp_path / "more.csv").write_text("company_prefix,extension,first,last\n4012345,3,2,99\n", "utf-8")
    assert vision("aggregate", "range", tmp_path / "L1.toml", tmp_path / "more.csv") == 0
    assert follow(tmp_path) == 0
    assert serials(state(tmp_path)[0]) == [["SN1", "SN2", "SN3"], ["SN4", "SN5", "SN6"], ["SN7"]]


def test_beside_a_running_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = line_file(tmp_path, more=TRACE)
    assert vision("batch", "start", line, DEMO / "order.json", "--json") == 0
    folder = Path(json.loads(capsys.readouterr().out)["batch"])
    (tmp_path / "ssccs.csv").write_text(RANGE, "utf-8")
    assert vision("aggregate", "range", line, tmp_path / "ssccs.csv") == 0
    command = [sys.executable, "-c", "from vision.cli.main import main; main()", "aggregate", "follow", str(line)]
    levels = ["--level", "bundle", "--level", "case", "--json"]
    with subprocess.Popen([*command, *levels], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as live:
        assert live.stdout is not None and live.stderr is not None
        counts = run_line(load_line(line), load_order(DEMO / "order.json"), frames=40).counts
        if counts.accepted <= 20:
            live.kill()  # else it would wait for the batch's end, and this test for it
        assert counts.accepted > 20
        first = json.loads(live.stdout.readline())
        assert first["level"] == "bundle" and first["closed"], "told while the batch is open"
        assert vision("batch", "end", folder, "--rejects-counted", counts.rejected) == 0
        told = [first, *(json.loads(row) for row in live.stdout.read().splitlines())]
        assert live.wait(60) == 0, live.stderr.read()
    bundles = [one for one in told if one["level"] == "bundle"]
    assert sum(one["children"] for one in bundles) == counts.accepted
    assert all(one["children"] == 3 for one in bundles[:-1]) and len({one["sscc"] for one in told}) == len(told)
    assert vision("aggregate", "verify", line) == 0
