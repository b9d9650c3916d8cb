"""The renderer: same seed same bytes, truth that lies where it says, prints that blend into their background."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp

from bench.render.__main__ import main
from bench.render.recording import STOCKS, bare_frame, make_scenes, pack_recording, photograph, render_recording
from bench.render.scenario import BAD_KINDS, Batch, make_plan
from bench.render.symbol import Content, SymbolError, check_digit, module_matrix
from vision.cameras.recorded import Recording

SEED = 77


def _files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", SEED), ("b", SEED), ("c", SEED + 1)):
        render_recording(tmp_path / name, 3, seed, 0.34)
        pack_recording(tmp_path / name, tmp_path / f"{name}.zip")
    assert _files(tmp_path / "a") == _files(tmp_path / "b")
    assert _files(tmp_path / "a") != _files(tmp_path / "c")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with Recording.open(tmp_path / "a") as loose, Recording.open(tmp_path / "a.zip") as packed:
        assert all(np.array_equal(loose.frame(index), packed.frame(index)) for index in range(3))


@pytest.mark.parametrize("stock_index", range(len(STOCKS)))
def test_print_blends_and_corners_are_true(stock_index: int) -> None:
    """Round the ink the window is the bare frame but for noise; a foreign decoder finds the symbol at the corners of the truth."""
    scene = make_scenes(Batch(), SEED, STOCKS[stock_index : stock_index + 1])[0]
    pack = make_plan(Batch(), 1, 0.0, SEED).packs[0]
    bare = bare_frame(scene, np.random.default_rng(SEED))
    shot = photograph(scene, pack, np.random.default_rng(SEED + 1))
    assert shot.window is not None and shot.corners is not None
    height, width = shot.window.shape
    under = bare[shot.y : shot.y + height, shot.x : shot.x + width].astype(int)
    rim = np.ones(shot.window.shape, bool)
    rim[2:-2, 2:-2] = False
    difference = (shot.window.astype(int) - under)[rim]
    assert abs(difference.mean()) < 0.15 and np.abs(difference).max() <= 6
    frame = bare.copy()
    frame[shot.y : shot.y + height, shot.x : shot.x + width] = shot.window
    (found,) = zxingcpp.read_barcodes(frame, formats=zxingcpp.BarcodeFormat.DataMatrix)
    assert found.bytes.decode() == pack.contents[0].text
    place = found.position
    seen = np.array([(corner.x, corner.y) for corner in (place.bottom_left, place.top_left, place.top_right, place.bottom_right)])
    assert np.abs(seen - shot.corners).max() < scene.stock.px_per_module


def test_plan_has_unique_serials_and_every_kind() -> None:
    plan = make_plan(Batch(), 600, 0.1, SEED)
    good = [pack.contents[0].text for pack in plan.packs if pack.kind == "good"]
    assert len(good) == len(set(good)) and len(plan.serials) == len(set(plan.serials))
    assert {pack.kind for pack in plan.packs} == {"good", *BAD_KINDS}
    assert sum(pack.kind != "good" for pack in plan.packs) == 60


def test_symbols_of_a_foreign_decoder() -> None:
    content = Content((("01", "04150012345678"), ("10", "A-1/2"), ("21", "X9")))
    for size in ("24x24", "16x48", "32x32"):
        bits = module_matrix(content, size)
        assert "x".join(str(side) for side in bits.shape) == size
        picture = cv2.resize(255 * (1 - np.pad(bits, 3)), None, fx=5, fy=5, interpolation=cv2.INTER_NEAREST)
        (found,) = zxingcpp.read_barcodes(picture)
        assert (found.bytes.decode(), found.symbology_identifier) == ("010415001234567810A-1/2\x1d21X9", "]d2")
    with pytest.raises(SymbolError):
        module_matrix(content, "10x10")
    assert check_digit("0415001234567") == "8"


def test_command_prints_an_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    order = Batch(order="PO-1", product="Other 5 mg", gtin="04012345678901", lot="L77", expiry="290100")
    (tmp_path / "order.json").write_text(json.dumps(order.order_file(["S1", "S2", "S3"])), encoding="utf-8")
    call = ["--out", str(tmp_path / "out"), "--seed", "5", "--bad", "0", "--order", str(tmp_path / "order.json")]
    assert main([*call, "--packs", "3"]) == 0
    with (tmp_path / "out" / "truth.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    assert texts == [f"01040123456789011729010010L77<GS>21S{number}" for number in (1, 2, 3)]
    assert len(Recording.open(tmp_path / "out")) == 3
    assert main([*call, "--packs", "4"]) == 2
    assert main([*call, "--packs", "0"]) == 2
    (tmp_path / "order.json").write_text("{}", encoding="utf-8")
    assert main([*call, "--packs", "3"]) == 2
    assert all("bench.render: " in line for line in capsys.readouterr().err.splitlines())
