"""Where the decoder's time goes, stage by stage, as multiples of one pass over the frame: `python -m bench.decode_stages`.

A pass is a kernel that sums the frame. CPU time on one core; every frame is decoded several times and its fastest run counts, so
caches are warm. A tray of 48 rendered here stands beside the line's sets.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bench.decode_sets import Picture, chosen, load, pictures, search_of, trays
from kernels.reduce import frame_sum
from vision.decode import decode as decoding
from vision.decode import locate, regions
from vision.decode.search import Search, Workspace
from vision.types import Pixels

ONE_CODE = ("L0", "L1", "L2", "L3")
"""Sets of one code in 1280x1024, whose p99 is taken together, too."""

RUNS = 5
"""Times that a frame is decoded."""

Times = dict[str, float]


def _kind(*arguments: Any) -> str:
    return "glances" if arguments[5] == locate.PATCH_COARSE else "looks"


STAGES: tuple[tuple[Any, str, str | Callable[..., str]], ...] = (
    (regions, "halve", "pyramid"),
    (locate, "regions", "block map"),
    (locate, "finders_of", _kind),
    (locate, "another", "alike"),
    (locate, "clocked", "clocks"),
    (locate, "guesses_of", "guesses"),
    (decoding, "fit_grid", "fit, sample"),
    (decoding, "look_at", "judge, correct"),
    (decoding, "_read", "message"),
)
"""Module, function and name of each stage."""


@contextmanager
def timed() -> Iterator[Times]:
    """Stage -> CPU seconds spent in it since the caller cleared it."""
    times: Times = defaultdict(float)
    before = [(module, name, getattr(module, name)) for module, name, _ in STAGES]

    def clocked(function: Callable[..., Any], stage: str | Callable[..., str]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            start = time.thread_time()
            result = function(*arguments, **named)
            times[stage if isinstance(stage, str) else stage(*arguments)] += time.thread_time() - start
            return result

        return run

    for (module, name, stage), (_, _, function) in zip(STAGES, before, strict=True):
        setattr(module, name, clocked(function, stage))
    try:
        yield times
    finally:
        for module, name, function in before:
            setattr(module, name, function)


def measure(pixels: Pixels, search: Search, work: Workspace, times: Times) -> tuple[Times, int]:
    """Stage -> passes over the frame in the fastest of several runs, "all" included, "pass" in seconds; and the symbols read."""
    best: Times = {}
    one = np.inf
    read = 0
    for _ in range(RUNS):
        start = time.thread_time()
        frame_sum(pixels)
        one = min(one, time.thread_time() - start)
        times.clear()
        start = time.thread_time()
        found = decoding.decode(pixels, search, work)
        times["all"] = time.thread_time() - start
        read = sum(reading is not None for _, _, reading in found)
        if not best or times["all"] < best["all"]:
            best = dict(times)
    return {stage: seconds / one for stage, seconds in best.items()} | {"pass": one}, read


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--sets", default="line,trays", help="comma-separated names of sets, or of several")
    args = parser.parse_args(arguments)
    try:
        files = list(pictures(args.data)) if args.data.is_dir() else []
        images: list[Picture] = chosen(args.sets if files else "tray48", [*files, *trays()])
    except ValueError as error:
        parser.error(str(error))
    frames: dict[str, list[tuple[Pixels, Search]]] = defaultdict(list)
    for picture in images:
        frames[picture.group].append((load(picture), search_of(picture)))
    stages = list(
        dict.fromkeys(stage for _, _, name in STAGES for stage in ((name,) if isinstance(name, str) else ("glances", "looks")))
    )
    print("Median CPU time of a frame: ms, p99, and mean passes over the frame by stage (a pass is the kernel that sums it).")
    print(f"| set | frames | read | pass ms | ms | p99 | all | {' | '.join(stages)} |\n|{'---|' * (7 + len(stages))}")
    work = Workspace()
    single: list[float] = []
    with timed() as times:
        for group, entries in frames.items():
            rows, read = zip(*(measure(pixels, search, work, times) for pixels, search in entries), strict=True)
            ms = [row["all"] * row["pass"] * 1e3 for row in rows]
            cells = [f"{np.mean([row.get(stage, 0.0) for row in rows]):.1f}" for stage in ("all", *stages)]
            one = float(np.median([row["pass"] for row in rows])) * 1e3
            middle, high = np.percentile(ms, (50, 99))
            if group in ONE_CODE:
                single += ms
            print(
                f"| {group} | {len(rows)} | {sum(read)} | {one:.3f} | {middle:.2f} | {high:.2f} | {' | '.join(cells)} |", flush=True
            )

    if single:
        middle, high = np.percentile(single, (50, 99))
        print(f"\n{', '.join(ONE_CODE)} together: median {middle:.2f} ms, p99 {high:.2f} ms, {high / middle:.1f} times the median.")


if __name__ == "__main__":
    main()
