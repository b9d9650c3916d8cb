"""The line itself dies, or everything at once: no pack went through without its row, and nothing stays behind."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from tests.faults.rig import Apart, Run, await_gone, check, line_file, read
from vision.pipeline.batch import mend_line
from vision.results.seal import SEALS


def test_the_line_is_killed(tmp_path: Path) -> None:
    line = Apart(line_file(tmp_path))
    folder = line.await_rows(tmp_path / "results", 30)
    family = line.family()
    line.process.send_signal(signal.SIGKILL)
    await_gone(family)
    line.process.communicate()
    result = Run(folder, None, read(folder))
    check(result)
    assert result.reasons["LINE_LOST"] > 0, "packs under way have their row"
    assert json.loads((folder / SEALS).read_text().splitlines()[-1])["last"] is True
    assert not list(folder.glob("logs/last_words*")) and not list(folder.glob("*.arrows"))


def test_everything_is_killed_and_started_again(tmp_path: Path) -> None:
    path = line_file(tmp_path)
    line = Apart(path)
    folder = line.await_rows(tmp_path / "results", 30)
    family = line.family()
    for process in family:
        process.kill()
    await_gone(family)
    line.process.communicate()
    again = Apart(path, "--frames", "20")
    summary = again.finish()
    assert summary["triggered"] == 20
    result = Run(folder, None, read(folder))
    assert len(result.rows) >= 30
    check(result, exact=False)  # a row may promise a pass that death came before
    assert not list(folder.glob("*.arrows")), "the start seals what was left open"
    assert mend_line(folder.parent) == []


def test_ctrl_c_ends_in_order(tmp_path: Path) -> None:
    line = Apart(line_file(tmp_path))
    folder = line.await_rows(tmp_path / "results", 20)
    family = line.family()
    line.process.send_signal(signal.SIGINT)
    summary = line.finish()
    await_gone(family)
    result = Run(folder, None, read(folder))
    check(result)
    assert line.process.returncode == 0
    assert summary["triggered"] == summary["records"] == len(result.rows)
