"""Two lines, two processes, one pool: of two packs with one serial exactly one is let through."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vision.serials.open import open_pool
from vision.serials.states import State

ROOT = Path(__file__).resolve().parents[2]
GTIN = "04012345678901"


@pytest.mark.parametrize("listed", ["listed", "any"])
def test_exactly_one_wins(pool_url: str, listed: str) -> None:
    serials = {f"S{number}" for number in range(150)}
    with open_pool(pool_url) as pool:
        if listed == "listed":  # both lines pack one batch
            pool.load(GTIN, sorted(serials), State.ALLOCATED, "B")
    batches = ["B", "B"] if listed == "listed" else ["B1", "B2"]
    command = [sys.executable, "-m", "tests.serials.claiming_process", pool_url]
    lines = [
        subprocess.Popen([*command, batch, listed, str(seed)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for seed, batch in enumerate(batches)
    ]
    for line in lines:
        assert line.stdout is not None and line.stdout.readline() == "ready\n"
    for line in lines:
        assert line.stdin is not None
        line.stdin.write("go\n")
        line.stdin.flush()
    won = [line.communicate()[0].split() for line in lines]
    assert [line.returncode for line in lines] == [0, 0]
    assert len(won[0]) + len(won[1]) == 150, "none twice, none lost"
    assert set(won[0]) | set(won[1]) == serials
    assert won[0] and won[1], "they raced"
    with open_pool(pool_url) as pool:
        for batch, mine in zip(batches, won, strict=True):
            held = {serial for serial, _ in pool.of_batch(GTIN, batch, State.COMMISSIONED)}
            assert held == (serials if listed == "listed" else set(mine))
