"""The line warns of seeded drifts before packs fall below the limit, and never of a steady print, whatever its noise."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest

from vision.audit.limits import MEASURES
from vision.audit.spc import BASELINE_COUNT, FOLLOWED, Chart, Charts, measured

SEEDS = range(20)


def chart(name: str = "symbol_contrast", limit: float | None = 0.4) -> Chart:
    return Chart(MEASURES[name], limit)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_falling_contrast_is_warned_of_before_a_pack_falls(seed: int) -> None:
    random = np.random.default_rng(seed)
    followed = chart()
    values = 0.75 - 0.35 * np.arange(2000) / 1500 + random.normal(0, 0.015, 2000)
    begins = next(number for number, value in enumerate(values) if followed.add(value))
    falls = int(np.argmax(values < 0.4))
    assert BASELINE_COUNT < begins < falls - 300
    assert followed.words.startswith("symbol contrast 0.6") and "limit 0.4" in followed.words


@pytest.mark.parametrize("seed", SEEDS)
def test_a_steady_print_gives_no_warning(seed: int) -> None:
    random = np.random.default_rng(100 + seed)
    charts = Charts("15415", "2011", 1.5)
    begun = []
    for _ in range(3000):
        bad = random.random() < 0.02  # and two in a hundred are damaged
        overall = 0.0 if bad else float(random.choice([4.0, 3.0], p=[0.8, 0.2]))
        contrast = random.normal(0.75, 0.02) if not bad else 0.2
        axial, grid = abs(random.normal(0.01, 0.01)), random.normal(0.1, 0.03)
        begun += charts.add((overall, contrast, nan, random.normal(0.7, 0.06), axial, grid, 1.0))
    assert not begun and not charts.warnings


def test_an_axial_error_that_grows_is_warned_of_and_one_that_goes_is_not() -> None:
    random = np.random.default_rng(3)
    grows, goes = chart("axial_nonuniformity", 0.1), chart("axial_nonuniformity", 0.1)
    noise = random.normal(0, 0.004, 1500)
    assert any(grows.add(0.02 + 0.07 * number / 1500 + noise[number]) for number in range(1500))
    assert not any(goes.add(0.06 - 0.05 * number / 1500 + noise[number]) for number in range(1500))


def test_a_warning_ends_when_the_print_is_mended() -> None:
    followed = chart()
    for value in [0.75] * BASELINE_COUNT + [0.55] * 200:
        followed.add(value)
    assert followed.warned
    for _ in range(200):
        followed.add(0.75)
    assert not followed.warned


def test_a_level_near_the_limit_warns_once_it_moves() -> None:
    random = np.random.default_rng(4)
    followed = chart()
    assert not any(followed.add(value) for value in random.normal(0.47, 0.02, 500))
    assert any(followed.add(value) for value in random.normal(0.45, 0.02, 500))


def test_what_is_not_measured_changes_nothing() -> None:
    followed = chart()
    for value in [0.75, nan] * BASELINE_COUNT:
        followed.add(value)
    level = followed.mean
    followed.add(nan)
    assert followed.mean == level == pytest.approx(0.75)
    assert Charts("15415", "2011", 1.5).add(()) == ()


def test_a_frame_gives_its_worst_symbol() -> None:
    from tests.decode.rendering import draw, modules
    from vision.decode.search import Search
    from vision.grade.setup import Setup
    from vision.inspection import Workspace, inspect
    from vision.types import Frame
    from vision.verdict.recipe import Recipe

    good, _ = draw(modules("GOOD", "14x14"))
    pale, _ = draw(modules("PALE", "14x14"), light=160)
    frame = np.full((good.shape[0], 2 * good.shape[1]), 200, np.uint8)
    frame[:, : good.shape[1]], frame[:, good.shape[1] :] = good, pale
    work = Workspace()
    findings = inspect(Frame(frame), Recipe(Search(symbol_count=2), Setup()), work).findings
    work.close()
    assert len(findings) == 2
    values = dict(zip(FOLLOWED, measured(findings), strict=True))
    contrasts = [finding.report.parameters["symbol_contrast"].value for finding in findings if finding.report]
    assert values["symbol_contrast"] == min(c for c in contrasts if c is not None)
    assert values["overall"] == min(finding.report.overall for finding in findings if finding.report)
    assert measured(()) == ()
