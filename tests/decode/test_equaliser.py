"""What blur has mixed is taken apart: a filter learnt from the finder alone gives back modules that no fixed sharpening does."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.decode.harms import Pose, ink_of, seen
from tests.decode.rendering import modules
from vision.decode.decode import SHARPEN, decode
from vision.decode.equaliser import equalised
from vision.decode.sample import judged
from vision.decode.search import Search, Workspace
from vision.decode.symbol_sizes import size_of


def mixed(
    bits: npt.NDArray[np.uint8], along: float, across: float, slope: float, noise: float, seed: int
) -> npt.NDArray[np.float32]:
    """Greys of modules and the ring around, each with a share of its neighbours' ink along and across, in light that is uneven."""
    ink = np.pad(bits, 2).astype(np.float64)
    one = np.array((along, 1.0 - 2 * along, along))[None, :] * np.array((across, 1.0 - 2 * across, across))[:, None]
    ink = cv2.filter2D(ink, -1, one, borderType=cv2.BORDER_REPLICATE)[1:-1, 1:-1]
    light = 190 * (1 + slope * np.linspace(-0.5, 0.5, ink.shape[1]))
    greys = light * (1 - 0.8 * ink) + np.random.default_rng(seed).normal(0, noise, ink.shape)
    return np.ascontiguousarray(greys, np.float32)


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(["16x16", "20x20", "24x24", "16x48", "44x44", "26x40"]),
    strength=st.floats(0.0, 0.22),
    upright=st.booleans(),
    slope=st.floats(-0.5, 0.5),
    seed=st.integers(0, 99),
)
def test_whatever_the_direction_of_the_blur_the_modules_come_back(
    name: str, strength: float, upright: bool, slope: float, seed: int
) -> None:
    text = "".join(np.random.default_rng(seed).choice(list("ABCDEF0123456789"), 14))
    bits = modules(text, name)
    along, across = (0.1, strength) if upright else (strength, 0.1)
    *_, last = equalised(mixed(bits, along, across, slope, 1.0, seed), size_of(*bits.shape))  # type: ignore[arg-type]
    assert (last.bits != bits).mean() < 0.01
    assert ((last.confidence >= 0) & (last.confidence <= 1)).all()


def test_it_does_what_sharpening_alike_in_all_directions_does_not() -> None:
    text = "EQUALISED 0123456789 BY ITS FINDER"
    bits = modules(text, "32x32")
    greys = mixed(bits, 0.04, 0.23, 0.3, 1.5, 7)
    plain = min(int((judged(greys, sharpen).bits != bits).sum()) for sharpen in SHARPEN)
    taught = [int((learnt.bits != bits).sum()) for learnt in equalised(greys, size_of(32, 32))]  # type: ignore[arg-type]
    assert plain > 30
    assert max(taught) < plain / 10


@pytest.mark.parametrize("fill", [0.0, 128.0])
def test_flat_greys_give_finite_modules(fill: float) -> None:
    for learnt in equalised(np.full((12, 12), fill, np.float32), size_of(10, 10)):  # type: ignore[arg-type]
        assert learnt.bits.shape == (10, 10)
        assert np.isfinite(learnt.confidence).all()


@pytest.mark.parametrize("name", ["18x18", "26x48", "44x44", "72x72"])
def test_a_finder_beyond_doubt_teaches_though_the_budget_is_used_up(name: str) -> None:
    bits = modules("BLURRED BY 0.6 MODULES"[: 12 if name == "18x18" else None], name)
    pose = Pose(px=5.0, turn_deg=34.0, blur=0.6, noise=2.0, frame=(560, 560))
    picture = seen(ink_of(bits), (bits.shape[0], bits.shape[1]), pose, np.random.default_rng(4))
    found = decode(picture, Search(symbol_count=1, effort=64), Workspace())
    assert [reading.payload for _, _, reading in found if reading] == [b"BLURRED BY 0.6 MODULES"[: 12 if name == "18x18" else None]]
