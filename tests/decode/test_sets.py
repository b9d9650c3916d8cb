"""The image sets in ../shared/data, where they are: no fewer reads than before, and no misread."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from bench.decode_sets import Code, Picture, Tally, count, measure, pictures, vision_reader

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


@pytest.mark.parametrize(
    ("payload", "others", "read", "misread"),
    [
        (b"A1", [], 1, 0),  # nobody else read it: to be looked at
        (b"", [], 0, 1),  # codewords of 0: no message
        (b"A1", [Code(b"A2", "]d1", 50.0, 52.0, "zxing-cpp")], 0, 1),
        (b"A1", [Code(b"A2", "]d1", 90.0, 50.0, "zxing-cpp")], 1, 0),  # another symbol
        (b"A3", [Code(b"A2", "]d1", 50.0, 52.0, "zxing-cpp")], 1, 0),  # one against one, and a stored reader had it
        (b"A3", [Code(b"A2", "]d1", 50.0, 52.0, "zxing-cpp"), Code(b"A2", "]d1", 51.0, 50.0)], 0, 1),  # two agree on another
        (b"A3", [Code(b"A2", "]d1", 50.0, 52.0, "zxing-cpp"), Code(b"A2", "]d1", 51.0, 50.0, "zxing-cpp")], 1, 0),  # of one library
    ],
)
def test_what_is_a_misread_where_the_truth_is_not_known(payload: bytes, others: list[Code], read: int, misread: int) -> None:
    tally, picture = Tally(), Picture(Path("photo", "one.png"), "web", None, ["A3", ""], None)
    count(tally, picture, [Code(payload, "]d1", 50.0, 50.0, "libdmtx")], others, 0, [1.0])
    assert (tally.read, len(tally.misread)) == (read, misread)
