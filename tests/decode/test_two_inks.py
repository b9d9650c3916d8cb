"""Data in a paler ink than the finder: told from each other and not from the finder; a print of one ink is left alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.decode.rendering import draw, modules
from vision.decode.decode import decode
from vision.decode.sample import judged
from vision.decode.search import Search, Workspace
from vision.decode.symbol_sizes import size_of
from vision.decode.trials import Trials
from vision.decode.two_inks import two_inks
from vision.types import Failure

WORK = Workspace()


def greys_of(bits: npt.NDArray[np.uint8], paler: float, seed: int) -> npt.NDArray[np.float32]:
    """Greys of modules and the ring around; ink of the data: a share of that of the finder."""
    ink = np.pad(bits, 1).astype(np.float64)
    ink[2:-2, 2:-2] *= paler
    return np.ascontiguousarray(220 - 180 * ink + np.random.default_rng(seed).normal(0, 2.0, ink.shape), np.float32)


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(["10x10", "16x16", "20x20", "24x24", "8x32", "16x36"]), paler=st.floats(0.12, 0.4), seed=st.integers(0, 99)
)
def test_pale_data_come_back_with_a_finder_of_full_ink(name: str, paler: float, seed: int) -> None:
    text = "".join(np.random.default_rng(seed).choice(list("ABCDEF"), 3))
    bits = modules(text, name)
    size = size_of(*bits.shape)
    assert size is not None
    greys = greys_of(bits, paler, seed)
    wrong = judged(greys, 0.0).bits[1:-1, 1:-1] != bits[1:-1, 1:-1]
    told = two_inks(greys, size)
    assert wrong.mean() < 0.05 or told is not None
    if told is not None:
        assert (told.bits == bits).all()


@settings(max_examples=30, deadline=None)
@given(name=st.sampled_from(["10x10", "16x16", "24x24", "44x44", "16x36"]), seed=st.integers(0, 99))
def test_of_one_ink_nothing_else_is_tried(name: str, seed: int) -> None:
    bits = modules("".join(np.random.default_rng(seed).choice(list("ABCDEF"), 3)), name)
    size = size_of(*bits.shape)
    assert size is not None
    assert two_inks(greys_of(bits, 1.0, seed), size) is None


def test_a_finder_around_nothing_has_no_message() -> None:
    bits = modules("NOTHING IN HERE", "18x18")
    bits[1:-1, 1:-1] = 0
    picture, _ = draw(bits, 8.0, 10.0, noise=2.0)
    for search in (Search(rescues=True), Search(symbol_count=1, effort=64)):
        trials = Trials()
        assert [reading for _, _, reading in decode(picture, search, WORK, trials)] == [None]
        assert max((failure for *_, failure in trials.failed), key=list(Failure).index) is Failure.NO_MESSAGE
