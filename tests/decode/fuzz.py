"""Random and mutated frames through the decoder: nothing crashes, spends past its budget, or reads what is not there.

`python -m tests.decode.fuzz --frames 20000` is the long form; with VISION_BOUNDSCHECK=1 every kernel checks its indices, in a
cache of its own. It prints one line of JSON, and ends with a traceback and the seed of the frame that failed.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tests.decode.harms import HARMS, harmed
from tests.decode.rendering import SIZES, draw, modules
from vision.decode import decode as decoding
from vision.decode.search import POLARITIES, Effort, Search, Workspace
from vision.decode.trials import Trials

Frame = npt.NDArray[np.uint8]

OVERSPENT = 300
"""Work units that a search may have asked for past its budget, refused ones included, when it ends."""


class CountedEffort(Effort):
    """A budget that keeps how far past it anything went."""

    worst = 0

    def spend(self, units: int) -> bool:
        granted = super().spend(units)
        CountedEffort.worst = max(CountedEffort.worst, -self.left)
        return granted


def noise(rng: np.random.Generator) -> Frame:
    """Any size from 1x1 up, any texture: flat, noise, blocks, stripes, checks, steps."""
    height, width = (int(2 ** rng.uniform(0, 9)) for _ in range(2))
    if rng.random() < 0.2:
        height, width = (1, 1 + 3 * height) if rng.random() < 0.5 else (1 + 3 * width, 1)
    kind = rng.integers(6)
    if kind == 0:
        return np.full((height, width), rng.choice((0, 1, 128, 254, 255)), np.uint8)
    if kind == 1:
        return rng.integers(0, 256, (height, width), np.uint8)
    step = int(rng.integers(1, 14))
    coarse = rng.integers(0, 2, (height // step + 1, width // step + 1), np.uint8)
    if kind == 2:
        coarse[:, ::2] = 1 - coarse[:, :1]
    elif kind == 3:
        coarse[:] = np.indices(coarse.shape).sum(axis=0) % 2
    elif kind == 4:  # a finder of any size and nothing in it
        coarse[:, 0] = coarse[-1] = 1
        coarse[0, ::2], coarse[::2, -1] = 1, 1
    return np.ascontiguousarray((np.kron(coarse, np.ones((step, step), np.uint8)) * 255)[:height, :width])


def symbols(rng: np.random.Generator) -> tuple[Frame, str]:
    """A frame with a symbol, whole or harmed, and its text."""
    if rng.random() < 0.4:
        shown = harmed(str(rng.choice(list(HARMS))), int(rng.integers(1 << 30)))
        return shown.picture, shown.text
    text = f"F{rng.integers(100)}"
    bits = modules(text, str(rng.choice(SIZES[:16] + SIZES[24:])))
    px = float(rng.uniform(1.0, 7.0))
    frame = None if rng.random() < 0.5 else (int(rng.integers(8, 400)), int(rng.integers(8, 400)))
    shown, _ = draw(
        bits, px, float(rng.uniform(0, 360)), inverse=bool(rng.random() < 0.3), noise=float(rng.uniform(0, 12)), frame=frame
    )
    return shown, text


def mutated(frame: Frame, rng: np.random.Generator) -> Frame:
    """The frame with a few of these done to it: parts cut off, overwritten, moved, mirrored, inverted, tiled, taken apart."""
    frame = frame.copy()
    for _ in range(int(rng.integers(0, 4))):
        height, width = frame.shape
        y0, x0 = int(rng.integers(height)), int(rng.integers(width))
        y1, x1 = int(rng.integers(y0, height)) + 1, int(rng.integers(x0, width)) + 1
        part = frame[y0:y1, x0:x1]
        kind = rng.integers(8)
        if kind == 0:
            frame = part.copy()
        elif kind == 1:
            part[:] = rng.integers(0, 256, part.shape, np.uint8)
        elif kind == 2:
            part[:] = rng.integers(0, 256)
        elif kind == 3:
            part[:] = 255 - part
        elif kind == 4:
            part[:] = part[::-1].copy()
        elif kind == 5:
            frame = np.roll(frame, int(rng.integers(width)), axis=1)
        elif kind == 6 and frame.size < 300_000:
            frame = np.tile(frame, (int(rng.integers(1, 3)), int(rng.integers(1, 3))))
        else:
            frame = np.ascontiguousarray(frame[:: int(rng.integers(1, 3)), :: int(rng.integers(1, 3))])
    return frame


def handed_over(frame: Frame, rng: np.random.Generator) -> Frame:
    """The same pixels as a camera's buffer may bring them: read-only, with strides, turned in memory."""
    kind = rng.integers(4)
    if kind == 1:
        frame = np.repeat(frame, 2, axis=1)[:, ::2]
    elif kind == 2:
        frame = np.asfortranarray(frame)
    elif kind == 3:
        frame = np.ascontiguousarray(frame[::-1])[::-1]
    if rng.random() < 0.5:
        frame.setflags(write=False)
    return frame


def search_for(rng: np.random.Generator, rescues: bool) -> Search:
    """Any search that a recipe may ask for; few work units, so that ends of budgets turn up everywhere."""
    count = (None, 1, 1, 2, 48)[rng.integers(5)]
    some = tuple(tuple(map(int, name.split("x"))) for name in rng.choice(SIZES, 4, replace=False))
    return Search(
        symbol_count=count,
        polarity=str(rng.choice(POLARITIES)),
        sizes=some if rng.random() < 0.2 else None,  # type: ignore[arg-type]
        effort=int(rng.choice((1, 7, 30, 64, 200))),
        extra_effort=int(rng.choice((0, 16))),
        rescues=rescues,
    )


def one(seed: int, work: Workspace, told: Counter[str]) -> None:
    """One frame; raises AssertionError, or what a kernel raises, where something is wrong."""
    rng = np.random.default_rng(seed)
    text = None
    if rng.random() < 0.4:
        frame = noise(rng)
    else:
        frame, text = symbols(rng)
        frame = mutated(frame, rng)
    frame = handed_over(frame, rng)
    before = frame.copy()
    search = search_for(rng, rescues=rng.random() < 0.3)
    trials = Trials()
    found = decoding.decode(frame, search, work, trials)
    assert (frame == before).all(), "the frame was written to"
    for symbol, seen, reading in found:
        assert np.isfinite(symbol.grid).all() and seen.bits.shape == (symbol.rows, symbol.columns)
        if reading is not None:
            assert reading.payload.decode("latin-1") == text, f"read {reading.payload!r} where {text!r} is"
            told["read"] += 1
    places = trials.told(frame.shape, [symbol.corners for symbol, _, reading in found if reading])
    assert all(np.isfinite(trial.corners).all() for trial in places) and len(places) <= 8
    told.update(str(trial.failure) for trial in places)
    if rng.random() < 0.1:  # nothing is kept from one frame to the next
        again = decoding.decode(frame, replace(search), Workspace())
        assert [entry[0].corners.tolist() for entry in again] == [entry[0].corners.tolist() for entry in found]
    told["frames"] += 1


def run(frames: int, first: int) -> Counter[str]:
    """So many frames from this seed on; what became of them."""
    told: Counter[str] = Counter()
    work = Workspace()
    plain, decoding.Effort = decoding.Effort, CountedEffort  # type: ignore[misc]
    CountedEffort.worst = 0
    try:
        for seed in range(first, first + frames):
            try:
                one(seed, work, told)
            except Exception as error:
                error.add_note(f"seed {seed}")
                raise
        assert CountedEffort.worst <= OVERSPENT, f"{CountedEffort.worst} work units past the budget"
    finally:
        decoding.Effort = plain  # type: ignore[misc]
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="of the first frame")
    args = parser.parse_args()
    print(json.dumps(run(args.frames, args.seed)))


if __name__ == "__main__":
    main()
