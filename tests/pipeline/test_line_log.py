"""The line's log: all of it in the batch's file, warnings on the terminal too."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from vision.pipeline.run import _log_to


def test_every_line_goes_to_the_file_and_warnings_to_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("somebody")
    before = logging.getLogger().handlers[:]
    with _log_to(tmp_path / "line.log"):
        log.info("begins with %d", 1)
        log.warning("stops at %d", 2)
        try:
            raise ValueError("not a number")
        except ValueError:
            log.exception("failed")
    assert logging.getLogger().handlers == before
    written = (tmp_path / "line.log").read_text(encoding="utf-8")
    assert "INFO    somebody: begins with 1\n" in written and "WARNING somebody: stops at 2\n" in written
    assert "ERROR   somebody: failed\n" in written and written.endswith("ValueError: not a number\n")
    said = capfd.readouterr().err
    assert said.startswith("WARNING somebody: stops at 2\nERROR somebody: failed\n") and "begins" not in said
