"""Aggregation from a frame: a case layer of 48 codes in one picture becomes a case, or nothing does."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.decode.rendering import draw, modules
from tests.trace.event_samples import gtin, sscc
from vision.results.folder import ResultsError
from vision.trace.commissioned import epcs_in_frame
from vision.trace.identifiers import item_epc, sscc_epc

COLUMNS = 8


def layer(path: Path, texts: list[str]) -> Path:
    """A picture of codes in rows of eight, light and dark as printed."""
    rows = -(-len(texts) // COLUMNS)
    picture = np.full((20 + 150 * rows, 20 + 150 * COLUMNS), 215, np.uint8)
    for place, text in enumerate(texts):
        code, _ = draw(modules(text, "20x20", gs1=True), px=5.0, seed=place, frame=(140, 140))
        y, x = 15 + 150 * (place // COLUMNS), 15 + 150 * (place % COLUMNS)
        picture[y : y + 140, x : x + 140] = code
    cv2.imwrite(str(path), picture)
    return path


def test_a_layer_of_48(tmp_path: Path) -> None:
    texts = [f"(01){gtin(0)}(17)281200(10)L1(21)S{n:02d}" for n in range(48)]
    assert sorted(epcs_in_frame(layer(tmp_path / "layer.png", texts))) == [item_epc(gtin(0), f"S{n:02d}") for n in range(48)]


def test_containers_are_read_by_their_sscc(tmp_path: Path) -> None:
    assert epcs_in_frame(layer(tmp_path / "pallet.png", [f"(00){sscc(7)}"])) == [sscc_epc(sscc(7))]


def test_what_is_not_proved_is_not_packed(tmp_path: Path) -> None:
    """A code without a serial, a damaged one, no code at all, no picture at all: one line, nothing is given."""
    good = f"(01){gtin(0)}(17)281200(10)L1(21)S01"
    with pytest.raises(ResultsError, match=r"a\.png: code 2: neither a pack nor a container"):
        epcs_in_frame(layer(tmp_path / "a.png", [good, f"(01){gtin(0)}(10)L1"]))
    (tmp_path / "b.png").write_bytes(b"nothing")
    with pytest.raises(ResultsError, match=r"b\.png: not an image"):
        epcs_in_frame(tmp_path / "b.png")
    cv2.imwrite(str(tmp_path / "c.png"), np.full((200, 200), 215, np.uint8))
    with pytest.raises(ResultsError, match=r"c\.png: no code was found"):
        epcs_in_frame(tmp_path / "c.png")
