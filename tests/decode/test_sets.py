"""The image sets in ../shared/data, where they are: no fewer reads than before, and no misread."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from bench.decode_sets import measure, pictures, vision_reader

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
RATCHET = tomllib.loads((ROOT / "tests" / "golden" / "ratchet.toml").read_text())
RENDERED = RATCHET.pop("rendered")  # under tests/decode/test_harms.py


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the image sets are not here: {DATA}")
@pytest.mark.parametrize("group", RATCHET)
def test_no_set_reads_worse_than_it_did(group: str) -> None:
    limit = RATCHET[group]
    own = sorted((picture for picture in pictures(DATA) if picture.group == group), key=lambda picture: picture.path.name)
    tally = measure({"vision": vision_reader()}, own[: limit["images"]])["vision"]
    assert tally.images == limit["images"]
    assert not tally.misread
    assert tally.read >= limit["read"], f"missed: {tally.missed}"
    if not limit["read"]:
        assert not tally.unconfirmed
        assert tally.unread == 0
