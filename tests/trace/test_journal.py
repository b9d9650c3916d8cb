"""The aggregation journal: nothing that was told as done is lost in a kill, changed bytes are found, one process at a time."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trace.packing_process import LEVELS
from tests.trace.test_aggregate import packs
from vision.config import LevelConfig
from vision.results.folder import ResultsError
from vision.trace.journal import Journal, examine_journal, read_journal
from vision.trace.sscc import SsccRange

ROOT = Path(__file__).resolve().parents[2]


def journal_at(path: Path, **changes: object) -> Journal:
    return Journal(path, LEVELS, lambda epc: "A", by="test", **changes)  # type: ignore[arg-type]


def filled(path: Path) -> None:
    with journal_at(path) as journal:
        journal.do(journal.state.add_ranges([SsccRange("4012345", 3, 0, 99)]))
        for start in range(0, 12, 4):
            journal.do(journal.state.pack("bundle", packs(12)[start : start + 4]))
        journal.do(journal.state.unpack(packs(1)))


def test_what_was_told_as_done_is_there_after_each_kill(tmp_path: Path) -> None:
    """kill -9 at a random moment, 12 lives on one journal: the last line told, or one after it, is the last line there."""
    path = tmp_path / "aggregation.jsonl"
    draw = random.Random(1)
    for life in range(12):
        call = [sys.executable, "-m", "tests.trace.packing_process", str(path), str(life)]
        process = subprocess.Popen(call, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(draw.randint(1, 30))]
        process.kill()
        told += process.stdout.readlines()
        process.wait()
        process.stdout.close()
        heads = [line.strip() for line in told if line.endswith("\n") and line != "ready\n"]
        lines = [hashlib.sha256(line + b"\n").hexdigest() for line in path.read_bytes().split(b"\n")[:-1]]
        assert not heads or heads[-1] in lines[-2:], "a deed that was told as done is not in the journal"
        assert all(head in lines for head in heads)
        with journal_at(path) as journal:
            journal.state.check()
        assert examine_journal(path)[2] == []


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_line_is_cut_off(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "aggregation.jsonl"
    filled(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert len(read_journal(path)) == 4, "read without a lock it is left out"
    with journal_at(path) as journal:
        assert len(journal.state.parents) == 12, "the removal in the torn line was not done"
        journal.do(journal.state.unpack(packs(1)))
    assert examine_journal(path)[0] == 5 and examine_journal(path)[2] == []


def test_any_changed_byte_is_found(tmp_path: Path) -> None:
    path = tmp_path / "aggregation.jsonl"
    filled(path)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    last = len(whole) - len(lines[-1])
    changed = [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in range(0, last, 11)]
    for content in [*changed, b"".join(lines[1:]), b"".join([lines[0], lines[2], lines[1], *lines[3:]])]:
        path.write_bytes(content)
        assert examine_journal(path)[2], "found by the check"
        with pytest.raises(ResultsError, match=r"aggregation\.jsonl"):
            journal_at(path)
        assert path.read_bytes() == content, "and left as it is"


def test_a_stranger_checks_the_chain_with_sha256sum(tmp_path: Path) -> None:
    path = tmp_path / "aggregation.jsonl"
    filled(path)
    call = "sed -n 2p aggregation.jsonl | sha256sum"
    said = subprocess.run(["sh", "-c", call], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()[0]
    assert json.loads(path.read_text().splitlines()[2])["previous"] == said


def test_one_process_packs_and_others_read(tmp_path: Path) -> None:
    path = tmp_path / "aggregation.jsonl"
    filled(path)
    with journal_at(path):
        with pytest.raises(ResultsError, match="another process"):
            journal_at(path)
        assert len(read_journal(path)) == 5


def test_a_clock_set_back_does_not_turn_the_order(tmp_path: Path) -> None:
    times = iter([100, 50, 60, 200])
    path = tmp_path / "aggregation.jsonl"
    with journal_at(path, utc_ns=lambda: next(times)) as journal:
        journal.do(journal.state.add_ranges([SsccRange("4012345", 3, 0, 99)]))
        for pack in packs(3):
            journal.do(journal.state.pack("bundle", [pack]))
    assert [entry["utc_ns"] for entry in read_journal(path)] == [100, 101, 102, 200]


def test_a_level_that_the_line_no_longer_has_is_named(tmp_path: Path) -> None:
    path = tmp_path / "aggregation.jsonl"
    filled(path)
    with pytest.raises(ResultsError, match=r"line 2: .*its level 'bundle' is not in the line file"):
        Journal(path, (LevelConfig("case", 3),), lambda epc: None)


def test_a_full_disk_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "aggregation.jsonl"
    filled(path)
    before = path.read_bytes()

    def full(*arguments: object) -> int:
        raise OSError(28, "No space left on device")

    with journal_at(path) as journal:
        entry = journal.state.unpack(packs(2)[1:])
        with monkeypatch.context() as patch:
            patch.setattr("vision.results.chain.os.write", full)
            with pytest.raises(OSError, match="No space"):
                journal.do(entry)
        assert packs(2)[1] in journal.state.parents and path.read_bytes() == before
        journal.do(entry)
    assert examine_journal(path)[2] == []


def test_deeds_done_together_are_there_all_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "aggregation.jsonl"
    filled(path)
    before = path.read_bytes()

    def full(*arguments: object) -> int:
        raise OSError(28, "No space left on device")

    journal = journal_at(path)
    with monkeypatch.context() as patch:
        patch.setattr("vision.results.chain.os.write", full)
        with pytest.raises(OSError, match="No space"), journal.together():
            for pack in packs(3)[1:]:
                journal.do(journal.state.unpack([pack]))
    assert path.read_bytes() == before
    with pytest.raises(ResultsError, match="closed"):
        journal.do(journal.state.close(next(iter(journal.state.containers))))
    with journal_at(path) as journal:
        with journal.together():
            for pack in packs(3)[1:]:
                journal.do(journal.state.unpack([pack]))
            assert path.read_bytes() == before, "nothing yet"
        assert examine_journal(path)[0] == 7 and examine_journal(path)[2] == []
