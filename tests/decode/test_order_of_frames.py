"""What a frame gives never depends on what was seen before it: frames in any order, and scratch memory full of anything."""

from __future__ import annotations

import numpy as np
import pytest

from bench.render.tray import render_tray
from tests.decode.rendering import draw, modules
from vision.decode.decode import Found, decode
from vision.decode.search import Search, Workspace
from vision.types import Pixels


def frames() -> list[tuple[Pixels, Search]]:
    """Frames as a line sees them and as it does not: sizes, turns, polarities, sharpness, a tray, nothing at all."""
    one = Search(symbol_count=1, effort=64)
    kinds = (
        draw(modules("A", "20x20"), 6.0, 4.0, noise=3.0, frame=(512, 640)),
        draw(modules("B", "20x20"), 6.0, 5.0, noise=3.0, frame=(512, 640)),
        draw(modules("C", "20x20"), 6.0, 94.0, noise=3.0, inverse=True, frame=(512, 640)),
        draw(modules("D", "32x32"), 4.0, 31.0, noise=6.0, blur=1.2, frame=(512, 640)),
        draw(modules("E", "16x48"), 5.0, -20.0, noise=3.0, mirrored=True, frame=(512, 640)),
    )
    pictures = [(picture, one) for picture, _ in kinds]
    noise = np.random.default_rng(5).integers(0, 256, (512, 640)).astype(np.uint8)
    tray = render_tray(2, 3, 1).pixels
    return [*pictures, (noise, one), (tray, Search(symbol_count=6, effort=64)), (tray, Search(symbol_count=1, extra_effort=64))]


def told(found: list[Found]) -> list[object]:
    """All of a decoder's answer that can be compared, bit for bit."""
    return [
        (symbol.grid.tobytes(), symbol.inverted, symbol.mirrored, modules.bits.tobytes(), modules.confidence.tobytes())
        + ((reading.payload, reading.corrected_per_block, reading.codewords, reading.bits.tobytes()) if reading else ())
        for symbol, modules, reading in found
    ]


@pytest.fixture(scope="module")
def seen() -> list[tuple[Pixels, Search, list[object]]]:
    """Frames with what each gives to a decoder that has seen nothing else."""
    return [(picture, search, told(decode(picture, search, Workspace()))) for picture, search in frames()]


@pytest.mark.parametrize("seed", range(3))
def test_frames_in_any_order_give_what_each_gives_alone(seed: int, seen: list[tuple[Pixels, Search, list[object]]]) -> None:
    assert sum(len(alone) for _, _, alone in seen) >= 12
    work = Workspace()
    for index in np.random.default_rng(seed).integers(0, len(seen), 2 * len(seen)):
        picture, search, alone = seen[index]
        assert told(decode(picture, search, work)) == alone


def test_scratch_memory_full_of_anything_changes_nothing(seen: list[tuple[Pixels, Search, list[object]]]) -> None:
    rng = np.random.default_rng(9)
    work = Workspace()
    for picture, search, alone in seen:
        decode(picture, search, work)
        for memory in work._memory.values():
            memory[:] = rng.integers(0, 256, memory.size)
        assert told(decode(picture, search, work)) == alone
