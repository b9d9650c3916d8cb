"""What a print, a surface or a camera does to a symbol is got over: a rendered set that is always there, under the ratchet."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from tests.decode.harms import HARMS, Pose, harmed, ink_of, seen
from tests.decode.rendering import modules
from vision.decode.decode import decode
from vision.decode.search import Search, Workspace

RATCHET = tomllib.loads((Path(__file__).resolve().parents[1] / "golden" / "ratchet.toml").read_text())["rendered"]
WORK = Workspace()


def test_every_harm_is_under_the_ratchet() -> None:
    assert set(RATCHET) == set(HARMS)


@pytest.mark.parametrize("harm", HARMS)
def test_no_harm_is_read_worse_than_it_was(harm: str) -> None:
    limit = RATCHET[harm]
    missed = []
    for seed in range(limit["images"]):
        shown = harmed(harm, seed)
        read = [reading for _, _, reading in decode(shown.picture, Search(symbol_count=1, rescues=True), WORK) if reading]
        assert {reading.payload.decode() for reading in read} <= {shown.text}, f"misread, seed {seed}"
        missed += [] if read else [seed]
    assert limit["images"] - len(missed) >= limit["read"], f"missed: seeds {missed}"


def test_a_symbol_seen_very_aslant_is_read_squared() -> None:
    bits = modules("SEEN ASLANT 0123456789", "22x22")
    pose = Pose(px=8.0, turn_deg=33.0, tilt_deg=52.0, tilt_axis_deg=115.0, distance=2.2)
    picture = seen(ink_of(bits), (22, 22), pose, np.random.default_rng(1))
    found = decode(picture, Search(symbol_count=1, rescues=True), WORK)
    ((symbol, _, reading),) = [entry for entry in found if entry[2]]
    assert reading is not None and reading.payload == b"SEEN ASLANT 0123456789" and reading.rescue == "squared"
    # Sampled where the symbol says it lies, the picture gives the print back.
    centres = (symbol.grid[:-1, :-1] + symbol.grid[1:, 1:]) / 2
    x, y = np.rint(centres).astype(int).transpose(2, 0, 1)
    assert ((picture[y, x] < 120) == reading.bits.astype(bool)).mean() > 0.97
