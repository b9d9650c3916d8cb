"""libdmtx helps where it can and can never do harm: it has a process of its own, and its word alone counts for nothing."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.decode.rendering import draw, modules
from vision.decode import second_opinion
from vision.decode.decode import decode
from vision.decode.search import Search, Workspace
from vision.decode.second_opinion import Hint, SecondOpinion

needs_libdmtx = pytest.mark.skipif(not second_opinion.available(), reason="libdmtx is not installed")


@needs_libdmtx
def test_it_says_what_and_where() -> None:
    bits = modules("HINT", "16x16")
    picture, corners = draw(bits, 8.0, 0.0)
    with SecondOpinion() as opinion:
        (hint,) = opinion.ask(picture, 1, 5000.0)
    assert hint.payload == b"HINT"
    assert (hint.rows, hint.columns) == (16, 16)
    assert np.abs(hint.quad[0] - corners[0]).max() < 4
    assert np.abs(hint.quad[2] - corners[2]).max() < 4


@needs_libdmtx
def test_a_dead_child_gives_nothing_and_the_next_one_answers() -> None:
    picture, _ = draw(modules("AGAIN", "16x16"), 8.0, 0.0, frame=(600, 800))  # more than a pipe holds
    with SecondOpinion() as opinion:
        assert opinion.ask(picture, 1, 5000.0)
        (child,) = (entry for entry in psutil.Process().children() if "second_opinion" in " ".join(entry.cmdline()))
        os.kill(child.pid, signal.SIGSTOP)
        assert opinion.ask(picture, 1, 20.0) == []  # hangs: killed when over its time
        assert not child.is_running()
        assert opinion.ask(picture, 1, 5000.0)
    assert not [entry for entry in psutil.Process().children() if "second_opinion" in " ".join(entry.cmdline())]


def test_without_libdmtx_it_says_nothing_and_asks_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = set(psutil.Process().children())  # a fork server of other tests, say
    (tmp_path / "pylibdmtx.py").write_text("raise ImportError('libdmtx is not here')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    picture, _ = draw(modules("NONE", "16x16"), 8.0, 0.0)
    with SecondOpinion() as opinion:
        assert opinion.ask(picture, 1, 5000.0) == []
        assert set(psutil.Process().children()) <= before
        assert opinion.ask(picture, 1, 5000.0) == []


class Liar(SecondOpinion):
    """Claims a payload at a place."""

    def __init__(self, hint: Hint) -> None:
        super().__init__()
        self._hint = hint

    def ask(self, pixels, count, budget_ms):  # type: ignore[no-untyped-def]
        return [self._hint]


def test_only_what_our_own_error_correction_confirms_counts() -> None:
    bits = modules("TRUTH", "16x16")
    picture, corners = draw(bits, 8.0, 0.0, frame=(300, 300))
    empty = np.full_like(picture, 200)
    hint = Hint(b"A LIE", 16, 16, corners[[0, 3, 2, 1]])
    search = Search(symbol_count=1, second_opinion_ms=100.0)
    work = Workspace()
    work._second_opinion = Liar(hint)
    assert decode(empty, search, work) == []
    # With a budget that ends before the first region only the hint can lead to the symbol.
    ((_, _, reading),) = decode(picture, replace(search, effort=1), work)
    assert reading is not None
    assert reading.payload == b"TRUTH"
    assert reading.rescue == "libdmtx"
