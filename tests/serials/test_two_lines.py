"""Two lines, two processes, one pool: of two packs with one serial at the same instant exactly one is let through."""

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
    serials = [f"S{number:03d}" for number in range(100)]
    with open_pool(pool_url) as pool:
        if listed == "listed":  # both lines pack one batch
            pool.load(GTIN, serials, State.ALLOCATED, "B")
    batches = ["B", "B"] if listed == "listed" else ["B1", "B2"]
    command = [sys.executable, "-m", "tests.serials.claiming_process", pool_url]
    lines = [
        subprocess.Popen([*command, batch, listed], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for batch in batches
    ]
    won: list[list[str]] = [[], []]
    for number, serial in enumerate(serials):
        order = (0, 1) if number % 2 else (1, 0)
        for index in order:
            lines[index].stdin.write(serial + "\n")  # type: ignore[union-attr]
            lines[index].stdin.flush()  # type: ignore[union-attr]
        answers = [line.stdout.readline().strip() for line in lines]  # type: ignore[union-attr]
        assert sorted(answers) == ["DUPLICATE_SERIAL", "won"]
        won[answers.index("won")].append(serial)
    for line in lines:
        line.communicate()
    with open_pool(pool_url) as pool:
        for batch, mine in zip(batches, won, strict=True):
            held = [serial for serial, _ in pool.of_batch(GTIN, batch, State.COMMISSIONED)]
            assert held == (serials if listed == "listed" else mine)
