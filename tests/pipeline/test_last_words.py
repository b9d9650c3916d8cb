"""Closing the account of a line that died."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.results.samples import record
from vision.pipeline.batch import mend_line
from vision.pipeline.last_words import closing_records, last_words_complete, read_last_words, remove_last_words, write_last_words
from vision.results.folder import batch_folder
from vision.results.verify import examine
from vision.results.writer import BatchWriter
from vision.types import Reason, Record


def test_every_known_trigger_gets_its_row_and_no_pass_stands_that_never_came() -> None:
    rows = [("S1", 1, 0, True), ("S1", 2, 0, False), ("S1", 4, 0, True)]
    words = [
        {"role": "rejector", "station": "S1", "last_trigger": 5, "since": 0, "let_go": [1]},
        {"role": "acquirer", "station": "S1", "last_trigger": 6},
    ]
    recent = {("S1", 4): Record("S1", 4, (), 1, 2, 3, symbols=b"found")}
    closing = closing_records(rows, words, recent, 10, 20)
    assert [(r.trigger, r.revision, r.reasons) for r in closing] == [
        (3, 0, (Reason.LINE_LOST,)),
        (4, 1, (Reason.LINE_LOST,)),
        (5, 0, (Reason.LINE_LOST,)),
        (6, 0, (Reason.LINE_LOST,)),
    ]
    assert closing[1].symbols == b"found", "an amendment keeps what was found"


@pytest.mark.parametrize("seed", range(20))
def test_after_closing_nothing_is_left_to_close(seed: int) -> None:
    rng = random.Random(seed)
    triggers = [(station, t) for station in ("A", "B") for t in range(1, 40)]
    rows = [(s, t, rng.randrange(2), rng.random() < 0.5) for s, t in triggers if rng.random() < 0.7]
    let_go = {s: [t for s2, t in triggers if s2 == s and rng.random() < 0.7] for s in ("A", "B")}
    words = [{"role": "rejector", "station": s, "last_trigger": 40, "since": 10, "let_go": let_go[s]} for s in ("A", "B")]
    closing = closing_records(rows, words, {}, 0, 0)
    known = {(s, t): (revision, accept) for s, t, revision, accept in rows}
    for one in closing:
        assert not one.accept
        known[one.station, one.trigger] = (one.revision, False)
    assert set(known) == {(s, t) for s in ("A", "B") for t in range(1, 41)}
    assert all(t <= 10 or t in let_go[s] for (s, t), (_, accept) in known.items() if accept), "a pass that never came stands"
    assert all(known[s, t] == (revision, True) for s, t, revision, accept in rows if accept and (t <= 10 or t in let_go[s]))
    assert closing_records([(*k, *v) for k, v in known.items()], words, {}, 0, 0) == []


def test_files(tmp_path: Path) -> None:
    assert not last_words_complete(tmp_path, ["S1"])
    write_last_words(tmp_path, "rejector", "S1", {"last_trigger": 3, "since": 0, "let_go": []})
    write_last_words(tmp_path, "acquirer", "S1", {"last_trigger": 4})
    (tmp_path / "last_words.rejector.S2.json").write_text('{"role": "rej')  # torn
    assert last_words_complete(tmp_path, ["S1"])
    assert [w["role"] for w in read_last_words(tmp_path)] == ["acquirer", "rejector"]
    remove_last_words(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("last", [False, True])
def test_words_that_came_too_late_for_the_recorder(last: bool, tmp_path: Path) -> None:
    """The next start takes them up; behind a last seal nothing is added, and the line starts all the same."""
    folder = batch_folder(tmp_path, "L1", datetime(2026, 11, 26, 12, tzinfo=UTC))
    (folder / "logs").mkdir()
    writer = BatchWriter(folder, {})
    writer.append([record(1)])
    writer.close(last=last)
    write_last_words(folder / "logs", "acquirer", "S1", {"last_trigger": 3})
    mend_line(folder.parent)
    found = examine(folder)
    assert found.problems == [] and found.closed
    assert found.rows == (1 if last else 3)
    assert mend_line(folder.parent) == []
