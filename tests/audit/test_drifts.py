"""Seeded drifts are found and named; steady batches give no alarm. Frames of a foreign encoder, from pixels to words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.audit.frames import brief_of
from tests.decode.rendering import draw, modules
from vision.audit import plan
from vision.audit.drift import course_of
from vision.audit.limits import MEASURES, limit_of
from vision.audit.look import look
from vision.audit.measures import read_symbols
from vision.audit.report import make_report
from vision.audit.run import part_name, write_part
from vision.audit.trend import Story, Trend, stories_of, trends_of
from vision.report.document import Callout

COUNT = 96
DEAD_COLUMN = 7

Change = Callable[[int, dict[str, Any], np.ndarray], None]


def batch(
    folder: Path, seed: int, change: Change, stretch: Callable[[int], float] = lambda number: 1.0, count: int = COUNT
) -> Path:
    """Packs that differ as packs do; change(number, drawing, bits) is the drift."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    for number in range(count):
        bits = modules(f"(01)04150012345678(21)S{seed:03d}{number:04d}", "20x20", gs1=True).copy()
        drawing: dict[str, Any] = {
            "px": 6.0 + random.normal(0, 0.03),
            "angle_deg": random.normal(0, 1.0),
            "noise": 2.0,
            "blur": random.uniform(0.5, 0.7),
            "light": round(random.normal(200, 2)),
            "dark": round(random.normal(40, 2)),
            "seed": seed * 1000 + number,
        }
        change(number, drawing, bits)
        picture, _ = draw(bits, **drawing)
        factor = stretch(number) * (1 + random.normal(0, 0.002))
        picture = cv2.resize(picture, None, fx=factor, fy=1.0, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{number:05d}.png"), picture)
    return folder


def steady(number: int, drawing: dict[str, Any], bits: np.ndarray) -> None:
    """Nothing changes."""


def pale_light(number: int, drawing: dict[str, Any], bits: np.ndarray) -> None:
    drawing["light"] -= round(40 * number / COUNT)


def dead_column(number: int, drawing: dict[str, Any], bits: np.ndarray) -> None:
    if number >= COUNT // 2:
        bits[:, DEAD_COLUMN] = 0


def told(folder: Path, frames: Path) -> tuple[list[Trend], list[Story]]:
    brief = brief_of(frames)
    folder.mkdir()
    for chunk in brief.chunks():
        write_part(folder / part_name(chunk), look(brief, chunk))
    symbols = read_symbols(folder)
    trends = trends_of(symbols, "15415", "2011", 1.5)
    return trends, stories_of(folder, 0, symbols, trends)


def test_a_falling_contrast_is_named_and_its_end_foreseen(tmp_path: Path) -> None:
    trends, stories = told(tmp_path / "out", batch(tmp_path / "in", 1, pale_light))
    story = stories[0]
    assert story.worse and story.about[0] == "symbol_contrast" and story.cause == "dull_substrate"
    assert "symbol contrast" in story.title.lower() and "light side got darker" in story.title
    contrast = next(trend for trend in trends if trend.measure.name == "symbol_contrast")
    # From (200 - 40) / 255 it falls by 40 / 255 in a batch, and the limit is 0.4.
    assert contrast.course.crosses is not None
    assert contrast.course.crosses[0] == pytest.approx((160 / 255 - 0.4) / (40 / 255) * COUNT, rel=0.12)
    assert any("reaches its limit 0.4" in line for line in story.lines)


def test_a_dead_column_is_found_and_named(tmp_path: Path) -> None:
    _, stories = told(tmp_path / "out", batch(tmp_path / "in", 2, dead_column))
    story = stories[0]
    assert story.worse and story.cause == "line_lost" and story.where is not None
    assert story.where.numbers == (DEAD_COLUMN,) and story.where.colour == "dark"
    assert f"column {DEAD_COLUMN}" in story.title and "heater dot" in story.title and "lower than at the beginning" in story.title
    assert abs(story.frame - COUNT // 2) <= 5


def test_a_column_dead_from_the_first_pack_is_named_as_well(tmp_path: Path) -> None:
    def always(number: int, drawing: dict[str, Any], bits: np.ndarray) -> None:
        bits[:, DEAD_COLUMN] = 0

    _, stories = told(tmp_path / "out", batch(tmp_path / "in", 3, always, count=48))
    assert [story.where.numbers for story in stories if story.where] == [(DEAD_COLUMN,)]
    assert "from the first pack on" in stories[0].title


def test_a_growing_axial_error_is_named_and_its_end_foreseen(tmp_path: Path) -> None:
    frames = batch(tmp_path / "in", 4, steady, stretch=lambda number: 1 + 0.07 * number / COUNT)
    trends, stories = told(tmp_path / "out", frames)
    story = stories[0]
    assert story.worse and story.about[0] == "axial_nonuniformity" and story.cause == "axial" and "belt speed" in story.title
    axial = next(trend for trend in trends if trend.measure.name == "axial_nonuniformity")
    assert axial.limit == 0.1 and axial.course.kind == "drift" and axial.course.crosses is not None
    assert axial.course.crosses[0] == pytest.approx(0.1 / 0.07 * COUNT, rel=0.15)  # where the stretch itself reaches the limit
    assert any("reaches its limit 0.1" in line for line in story.lines)


def test_no_alarm_on_twenty_steady_batches(tmp_path: Path) -> None:
    alarms = []
    for seed in range(100, 120):
        _, stories = told(tmp_path / f"out{seed}", batch(tmp_path / f"in{seed}", seed, steady, count=42))
        alarms += [(seed, story.title) for story in stories]
    assert not alarms


def test_the_report_says_it_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "CHUNK_FRAMES", 32)
    frames = batch(tmp_path / "in", 2, dead_column)
    told(tmp_path / "out", frames)
    document = make_report(brief_of(frames), tmp_path / "out")
    first = next(block for block in document.blocks if isinstance(block, Callout))
    assert f"column {DEAD_COLUMN}" in first.title and first.tone == "bad"


# --- the statistics alone -------------------------------------------------------------------------------------------------


def noise_of(kind: str, random: np.random.Generator, count: int) -> np.ndarray:
    if kind == "normal":
        return random.normal(0.7, 0.02, count)
    if kind == "grades":
        return np.where(random.random(count) < 0.1, 3.0, 4.0)
    if kind == "outliers":
        return np.where(random.random(count) < 0.03, 0.1, random.normal(0.7, 0.02, count))
    return np.full(count, 0.7)


@pytest.mark.parametrize("kind", ["normal", "grades", "outliers", "constant"])
def test_noise_alone_is_steady(kind: str) -> None:
    random = np.random.default_rng(7)
    for count in (40, 100, 1000):
        for _ in range(12):
            least = 0.25 if kind == "grades" else 0.03
            assert course_of(noise_of(kind, random, count), least).kind == "steady"


@pytest.mark.parametrize("count", [200, 2000, 20_000])
def test_steps_and_drifts_are_placed(count: int) -> None:
    random = np.random.default_rng(8)
    place = np.arange(count)
    step = course_of(random.normal(0.7, 0.02, count) - 0.1 * (place >= 0.6 * count), 0.03)
    assert step.kind == "step" and step.at == pytest.approx(0.6 * count, abs=0.03 * count)
    assert (step.before, step.after) == (pytest.approx(0.7, abs=0.01), pytest.approx(0.6, abs=0.01))
    drift = course_of(random.normal(0.7, 0.02, count) - 0.2 * np.maximum(place / count - 0.5, 0), 0.03, 0.4, -1)
    assert drift.kind == "drift" and drift.at == pytest.approx(0.5 * count, abs=0.08 * count)
    assert drift.crosses is not None
    expected, early, late = 2.0 * count, drift.crosses[1], drift.crosses[2]
    assert drift.crosses[0] == pytest.approx(expected, rel=0.15) and early < drift.crosses[0] < late


def test_a_drift_away_from_the_limit_crosses_nothing() -> None:
    place = np.arange(400)
    up = course_of(0.6 + 0.0005 * place + np.random.default_rng(9).normal(0, 0.01, 400), 0.03, 0.4, -1)
    assert up.kind == "drift" and up.crosses is None


def test_too_few_values_say_nothing() -> None:
    assert course_of(np.r_[np.ones(20), np.zeros(19)], 0.1).kind == "few"


def test_limits_are_those_of_the_edition() -> None:
    found = {name: limit_of(measure, "15415", "2011", 1.5) for name, measure in MEASURES.items()}
    assert found["symbol_contrast"] == 0.4 and found["axial_nonuniformity"] == 0.1 and found["overall"] == 1.5
    assert found["print_growth_horizontal"] is None
    assert limit_of(MEASURES["symbol_contrast"], "15415", "2011", 3.0) == 0.55
