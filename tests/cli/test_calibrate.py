"""`vision calibrate` writes a calibration beside the profile; `inspect` and the line use it, and refuse one that does not fit."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.cli.calls import DEMO, line_text
from tests.grade.symbol_renderer import matrix, picture
from tests.grade.test_calibration import PATCHES, SHAPE, card, field, plain
from vision.cli.main import call
from vision.config import ConfigError, load_line
from vision.config.calibration import load_calibration
from vision.grade.setup import Setup
from vision.pipeline.batch import Batch

PROFILE = f"[format]\nWidth = {SHAPE[1]}\nHeight = {SHAPE[0]}\n[exposure]\nExposureTime = 150.0\n"
LIGHT = field(0.8)
AS_OPTIONS = [
    word for p in PATCHES for word in ("--patch", f"{p.x},{p.y},{p.width},{p.height}={p.reflectance}")
]  # fmt: skip
CARD = 'name = "Card \\"7\\""\nexpires = 2099-01-01\n' + "".join(
    f"[[patch]]\nx = {p.x}\ny = {p.y}\nwidth = {p.width}\nheight = {p.height}\nreflectance = {p.reflectance}\n" for p in PATCHES
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "cam.toml").write_text(PROFILE)
    (tmp_path / "card.toml").write_text(CARD)
    cv2.imwrite(str(tmp_path / "card.png"), card(light=LIGHT))
    cv2.imwrite(str(tmp_path / "even.png"), card())
    cv2.imwrite(str(tmp_path / "card.jpg"), card())
    for seed in range(2):
        cv2.imwrite(str(tmp_path / f"plain{seed}.png"), plain(230.0, 12.0, LIGHT, seed))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(*options: str) -> Path:
    assert call(["calibrate", "even.png", "--profile", "cam.toml", *AS_OPTIONS, *options]) == 0
    return Path("cam.calibration.toml")


def test_it_is_written_beside_the_profile_with_hashes(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = call(
        [
            "calibrate",
            "card.png",
            "--profile",
            "cam.toml",
            "--card",
            "card.toml",
            "--flat",
            "plain0.png",
            "--flat",
            "plain1.png",
            "--json",
        ]
    )
    said = json.loads(capsys.readouterr().out)
    assert code == 0 and said["file"] == "cam.calibration.toml"
    body = Path("cam.calibration.toml").read_bytes()
    raw = tomllib.loads(body.decode())
    assert said["sha256"] == hashlib.sha256(body).hexdigest()
    assert raw["profile_sha256"] == hashlib.sha256(PROFILE.encode()).hexdigest()
    assert raw["card"] == 'Card "7"' and raw["image_sha256"] == hashlib.sha256(Path("card.png").read_bytes()).hexdigest()
    assert raw["white"] == pytest.approx(230.0 - 218.0 * (1 - LIGHT.mean()), abs=4.0) and raw["black"] == pytest.approx(
        12.0, abs=1.5
    )
    stored = load_calibration(Path("cam.calibration.toml"))
    assert stored.flat_field is not None and stored.flat_field.sha256 == said["flat_field_sha256"]
    setup = stored.applied(Setup())
    assert setup.calibrated and setup.calibration == said["sha256"] and (setup.white, setup.black) == (stored.white, stored.black)
    assert sorted(path.name for path in place.iterdir() if "cam" in path.name) == [
        "cam.calibration.toml",
        "cam.flat.png",
        "cam.toml",
    ]


def test_text_tells_offset_linearity_and_where_it_is(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made("--valid-days", "30")
    out = capsys.readouterr().out
    assert "0 % (offset) is grey" in out and "linearity" in out and "valid for 30 days" in out
    stored = load_calibration(Path("cam.calibration.toml"))
    assert stored.expires == (datetime.now(UTC) + timedelta(days=30)).date()


def test_a_calibration_expires_after_its_last_day(place: Path) -> None:
    stored = load_calibration(made())
    last = stored.expires
    assert not stored.is_expired(last) and stored.is_expired(last + timedelta(days=1))
    late = stored.applied(Setup(), last + timedelta(days=1))
    assert not late.calibrated and late.calibration_expired and late.calibration == stored.sha256


def test_never_longer_than_the_card_holds(place: Path) -> None:
    soon = datetime.now(UTC).date() + timedelta(days=9)
    (place / "card.toml").write_text(CARD.replace("2099-01-01", soon.isoformat()))
    assert call(["calibrate", "even.png", "--profile", "cam.toml", "--card", "card.toml"]) == 0
    assert load_calibration(Path("cam.calibration.toml")).expires == soon


def grade_of(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    capsys.readouterr()
    assert call(["inspect", "pack.png", "--second-opinion-ms", "0", "--json", *options]) == 0
    grade: dict[str, Any] = json.loads(capsys.readouterr().out)["symbols"][0]["grade"]
    return grade


def test_inspect_grades_by_it_and_says_when_it_has_expired(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    symbol = picture(matrix((16, 16)), 12 + 218 * 0.85, 12 + 218 * 0.05, background=12 + 218 * 0.85, samples=2).build()
    cv2.imwrite("pack.png", np.pad(symbol, 40, mode="edge"))
    path = made()
    graded = grade_of(capsys, "--calibration", str(path))
    assert graded["warnings"] == [] and graded["parameters"]["symbol_contrast"]["value"] == pytest.approx(0.80, abs=0.01)
    assert graded["informative"]["reflectance_max"] == pytest.approx(0.85, abs=0.01)
    path.write_text(path.read_text().replace(f"expires = {load_calibration(path).expires}", "expires = 2020-01-01"))
    assert grade_of(capsys, "--calibration", str(path))["warnings"] == ["calibration_expired"]
    assert call(["inspect", "pack.png", "--calibration", str(path), "--white", "200"]) == 2
    assert "--calibration" in capsys.readouterr().err


def test_the_line_takes_it_only_with_the_profile_it_was_made_with(tmp_path: Path) -> None:
    profile = DEMO.parents[1] / "camera_profiles" / "simulator_1280x1024_line0.toml"
    (tmp_path / "cam.toml").write_bytes(profile.read_bytes())
    big = np.full((1024, 1280), 120, np.uint8)
    big[: SHAPE[0], : SHAPE[1]] = card()
    cv2.imwrite(str(tmp_path / "card.png"), big)
    call_ = ["calibrate", str(tmp_path / "card.png"), "--profile", str(tmp_path / "cam.toml"), *AS_OPTIONS]
    assert call(call_) == 0
    text = line_text(profile='profile = "./cam.toml"', mm_per_px='mm_per_px = 0.06\ncalibration = "cam.calibration.toml"')
    (tmp_path / "line.toml").write_text(text)
    setup = load_line(tmp_path / "line.toml").stations[0].recipe.setup
    digest = hashlib.sha256((tmp_path / "cam.calibration.toml").read_bytes()).hexdigest()
    assert setup.calibrated and setup.calibration == digest and setup.mm_per_px == 0.06
    config = dataclasses.replace(load_line(tmp_path / "line.toml"), results=tmp_path / "results")
    batch = Batch(config, None, [config.stations[0].recipe.recipe(None)])
    try:
        assert batch.provenance["calibration"] == digest, "every seal names it"
        batch.abandon()
    finally:
        batch.release()
    (tmp_path / "cam.toml").write_bytes(profile.read_bytes() + b"# another exposure\n")
    with pytest.raises(ConfigError, match=r"calibration: .* another state of the camera profile"):
        load_line(tmp_path / "line.toml")
    (tmp_path / "cam.toml").write_bytes(profile.read_bytes())
    (tmp_path / "line.toml").write_text(text.replace("mm_per_px = 0.06", "white = 240.0"))
    with pytest.raises(ConfigError, match=r"white: .* they come from the calibration"):
        load_line(tmp_path / "line.toml")


BAD_CALLS = [
    (["card.png", "--profile", "cam.toml"], "expected either a card description or two or more patches"),
    (["card.png", "--profile", "cam.toml", "--patch", "1,2,3"], "--patch 1,2,3: expected X,Y,WIDTH,HEIGHT=REFLECTANCE"),
    (["card.png", "--profile", "cam.toml", *AS_OPTIONS[:2]], "1 patch given"),
    (["card.png", "--profile", "none.toml", *AS_OPTIONS], "none.toml: no such camera profile"),
    (["card.jpg", "--profile", "cam.toml", *AS_OPTIONS], "card.jpg: was compressed with loss"),
    (["absent.png", "--profile", "cam.toml", *AS_OPTIONS], "absent.png: no such file"),
    (["card.png", "--profile", "cam.toml", "--card", "bad.toml"], "bad.toml: [patch 1] reflectance: missing"),
    (["card.png", "--profile", "cam.toml", "--card", "old.toml"], "expected a card whose certificate still holds"),
    (["card.png", "--profile", "small.toml", *AS_OPTIONS], "is 320x240, the profile small.toml takes 640x480"),
    (["even.png", "--profile", "cam.toml", *AS_OPTIONS, "--out", "nowhere/x.toml"], "--out nowhere/x.toml"),
    (["even.png", "--profile", "cam.toml", "--patch", "1,1,999,9=0.5", *AS_OPTIONS], "patch 1 (1,1,999,9): reaches out"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD_CALLS, ids=lambda value: str(value)[:60])
def test_a_wrong_call_is_one_line_and_writes_nothing(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    (place / "bad.toml").write_text('name = "x"\n[[patch]]\nx = 1\ny = 1\nwidth = 20\nheight = 20\n')
    (place / "old.toml").write_text(CARD.replace("2099", "2001"))
    (place / "small.toml").write_text(PROFILE.replace(str(SHAPE[1]), "640").replace(str(SHAPE[0]), "480"))
    before = sorted(place.iterdir())
    code = call(["calibrate", *arguments])
    out, err = capsys.readouterr()
    assert code == 2 and out == "" and len(err.splitlines()) == 1 and words in err, err
    assert sorted(place.iterdir()) == before


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('profile = "', 'extra = 1\nprofile = "', "extra: unknown key"),
        ("expires = 20", 'expires = "never" # 20', "expires: .* expected a date"),
        ("white = 2", "white = -2", "white: .* expected a grey at least one level above black"),
        ('profile_sha256 = "', 'profile_sha256 = "x', "profile_sha256"),
        ('flat_field = "cam', 'flat_field = "other', "flat_field: .* expected the PNG of gains"),
        ('flat_field_sha256 = "', 'flat_field_sha256 = "0000', "flat_field_sha256"),
    ],
)
def test_a_file_that_was_changed_is_refused(place: Path, old: str, new: str, words: str) -> None:
    assert call(["calibrate", "card.png", "--profile", "cam.toml", *AS_OPTIONS, "--flat", "plain0.png"]) == 0
    path = Path("cam.calibration.toml")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError, match=words):
        load_calibration(path)


def test_another_flat_field_beside_it_is_found_out(place: Path) -> None:
    assert call(["calibrate", "card.png", "--profile", "cam.toml", *AS_OPTIONS, "--flat", "plain0.png"]) == 0
    gains = cv2.imread("cam.flat.png", cv2.IMREAD_UNCHANGED)
    gains[0, 0] += 1
    cv2.imwrite("cam.flat.png", gains)
    with pytest.raises(ConfigError, match="one of the two was changed"):
        load_calibration(Path("cam.calibration.toml"))
