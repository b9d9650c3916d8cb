"""Finders: the kernel of the sides gives what its slow twin gives, and a drawn symbol is found with its size, turn and corners."""

from __future__ import annotations

import numpy as np
import pytest

from kernels.alike import find_alike
from kernels.finders import LANES, SAMPLES, find_finders, partners, rank_turns, side_waves, wave_table
from kernels.lines import strip_edges, strip_edges_down
from kernels.patterns import comb_peaks
from tests.decode.rendering import draw, modules
from tests.reference import decode_pictures as slow
from vision.decode.finders import shapes_of
from vision.decode.symbol_sizes import SIZES

EVERY = shapes_of(None)


def waves_of(picture: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """All that `side_waves` says of all four sides."""
    out = np.full((4, EVERY.counts.size, 4), np.nan)
    for first_side in (0, 1):
        side_waves(picture, outline, first_side, EVERY.counts, np.ones(EVERY.counts.size, np.bool_), EVERY.table, out)
    return out


def test_strip_edges_down_is_strip_edges_of_the_patch_turned() -> None:
    patch = np.random.default_rng(7).normal(100, 20, (37, 50)).astype(np.float32)
    down, turned = np.empty((6, 37), np.float32), np.empty((6, 37), np.float32)
    mean = strip_edges_down(patch, down)
    assert mean == pytest.approx(strip_edges(np.ascontiguousarray(patch.T), turned), rel=1e-5)
    np.testing.assert_allclose(down, turned, atol=1e-4)


@pytest.mark.parametrize("angle_deg", [0.0, 23.0])
def test_side_waves(angle_deg: float) -> None:
    picture, corners = draw(modules("WAVES", "16x48"), 5.0, angle_deg, tilt=0.1, noise=4.0)
    outline = np.ascontiguousarray(corners)
    out = waves_of(picture, outline)
    np.testing.assert_allclose(out, slow.side_waves(picture, outline, EVERY.counts.tolist(), SAMPLES), atol=2e-3, rtol=1e-3)


def test_wave_table_has_the_dashes_of_each_number_of_samples() -> None:
    table = wave_table(np.array((8, 10), np.int32))
    assert table.shape == (2, sum(SAMPLES) // 2 // LANES, 2, LANES)
    for k, count in enumerate((8, 10)):
        first = 0
        for samples in SAMPLES:
            blocks = samples // 2 // LANES
            t = (np.arange(samples // 2) + 0.5) / samples
            sines, cosines = (table[k, first : first + blocks, wave].ravel() for wave in (0, 1))
            np.testing.assert_allclose(sines, np.sin(np.pi * count * t), atol=1e-6)
            np.testing.assert_allclose(cosines, np.cos(np.pi * count * t), atol=1e-6)
            first += blocks


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_rank_turns_gives_the_size_and_the_turn(turn: int, inverse: bool) -> None:
    picture, corners = draw(modules("TURN", "22x22"), 7.0, 9.0 + 90 * turn, noise=2.0, inverse=inverse)
    light = -1.0 if inverse else 1.0
    outline = np.ascontiguousarray(corners[[1, 2, 3, 0]])  # clockwise from the end of the upright side
    waves, out = waves_of(picture, outline), np.empty((3, 12))
    count = rank_turns(outline, light, EVERY.counts, EVERY.places, waves, 0.25, 0.1, 0, out)
    assert 1 <= count <= 3
    assert out[0, 1:4].tolist() == [light, 22, 22]
    np.testing.assert_allclose(out[0, 4:].reshape(4, 2), corners[[0, 3, 2, 1]])
    assert (np.diff(out[:count, 0]) <= 0).all()
    # The other polarity has nothing that reaches half of it; the same outline again changes nothing.
    assert rank_turns(outline, -light, EVERY.counts, EVERY.places, waves, 0.25, out[0, 0] / 2, 0, np.empty((3, 12))) == 0
    before = out[:count].copy()
    assert rank_turns(outline, light, EVERY.counts, EVERY.places, waves, 0.25, 0.1, count, out) == count
    assert (out[:count] == before).all()


@pytest.mark.parametrize("name", [f"{size.rows}x{size.columns}" for size in SIZES if size.columns <= 48])
def test_find_finders_in_a_patch_around_a_symbol(name: str) -> None:
    picture, corners = draw(modules("F1", name), 6.0, 5.0, noise=2.0)
    rows, columns = picture.shape
    finders, pairs = np.empty((5, 12)), np.empty((6, 7))
    found, pair_count = find_finders(
        picture,
        picture,
        np.array((0.0, 0.0, 1.0, 0.0, 1.0)),
        np.empty((rows, columns), np.float32),
        0.09,
        0.0,
        EVERY.counts,
        EVERY.table,
        EVERY.places,
        0.25,
        0.1,
        0.6,
        12,
        0.0,
        0.0,
        finders,
        pairs,
    )
    assert found
    assert pair_count
    high, wide = map(int, name.split("x"))
    assert finders[0, 1:4].tolist() == [1.0, wide, high]
    assert np.abs(finders[0, 4:].reshape(4, 2) - corners[[0, 3, 2, 1]]).max() < 3.0


def test_side_waves_gives_what_is_wanted_as_with_all() -> None:
    picture, corners = draw(modules("WAVES", "22x22"), 6.0, 11.0, noise=2.0)
    outline, rng = np.ascontiguousarray(corners), np.random.default_rng(11)
    every = waves_of(picture, outline)
    for _ in range(20):
        wanted = rng.uniform(size=EVERY.counts.size) < 0.2
        out = np.full_like(every, np.nan)
        side_waves(picture, outline, 1, EVERY.counts, wanted, EVERY.table, out)
        assert np.isnan(out[[0, 2]]).all()
        assert (out[[1, 3]][:, wanted] == every[[1, 3]][:, wanted]).all()
        assert (out[[1, 3]][:, ~wanted] == (-2.0, 0.0, 0.0, 0.0)).all()


@pytest.mark.parametrize("name", ["22x22", "16x48", "8x32"])
@pytest.mark.parametrize("inverse", [False, True])
def test_partners_leave_all_that_rank_turns_takes(name: str, inverse: bool) -> None:
    drawn, corners = draw(modules("WAVES", name), 6.0, 11.0, noise=2.0, inverse=inverse)
    noise = np.random.default_rng(5).integers(0, 256, drawn.shape, dtype=np.uint8)
    flat = np.full_like(drawn, 120)
    for picture, finders in ((drawn, True), (noise, False), (flat, False)):
        for turn in range(4):
            outline = np.ascontiguousarray(np.roll(corners, turn, axis=0))
            every, one, light = waves_of(picture, outline), np.empty((5, 12)), -1.0 if inverse else 1.0
            found = rank_turns(outline, light, EVERY.counts, EVERY.places, every, 0.25, -9.0, 0, one)
            waves, wanted, other = every.copy(), np.empty(EVERY.counts.size, np.bool_), np.empty((5, 12))
            waves[[1, 3]] = np.nan
            some = partners(outline, light, EVERY.counts, EVERY.places, waves, 0.25, wanted)
            assert some == wanted.any()
            waves[[1, 3]] = every[[1, 3]]
            waves[np.ix_([1, 3], ~wanted)] = (-2.0, 0.0, 0.0, 0.0)
            assert rank_turns(outline, light, EVERY.counts, EVERY.places, waves, 0.25, -9.0, 0, other) == found
            assert (one[:found] == other[:found]).all()
            assert found or not finders
            assert some or picture is not drawn
            assert not (some and picture is flat)
            assert wanted.sum() <= EVERY.counts.size // 2 or not finders


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("moved", [(0.0, 0.0), (11.0, -9.0), (-12.0, 8.0)])
def test_find_alike_gives_the_outline_near_a_known_pose(moved: tuple[float, float], inverse: bool) -> None:
    picture, corners = draw(modules("ALIKE", "20x20"), 7.0, 13.0, noise=2.0, inverse=inverse, frame=(400, 500))
    quad = corners[[0, 3, 2, 1]]
    x, y = quad.mean(axis=0) + moved
    # A degree and a half off in angle, and two in a hundred in size.
    angle = np.arctan2(*(quad[1] - quad[0])[::-1]) + 0.026
    step = 7.0 / 3.0
    right_x, right_y = step * np.cos(angle), step * np.sin(angle)
    place = np.array((x - 44 * right_x + 44 * right_y, y - 44 * right_y - 44 * right_x, right_x, right_y, 1.0))
    out, light = np.empty((4, 2)), -1.0 if inverse else 1.0
    assert find_alike(picture, place, np.empty((89, 89), np.float32), 59, 61, light, out)
    # The opposite corner by the dashed sides alone: to half a module, which the clock tracks then mend.
    assert np.abs(out - quad)[[0, 1, 3]].max() < 2.0
    assert np.abs(out - quad).max() < 3.5
    assert not find_alike(np.full_like(picture, 90), place, np.empty((89, 89), np.float32), 59, 61, light, out)


def test_comb_peaks() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        scores, out = np.round(rng.uniform(0, 1, 60), 2), np.empty(3, np.int64)
        count = comb_peaks(scores, 0.5, 4, out)
        true = [k for k in range(60) if scores[k] > 0.5 and scores[k] == scores[max(0, k - 4) : k + 5].max()]
        assert out[:count].tolist() == sorted(true, key=lambda k: -scores[k])[:3]
