"""The decoder takes whatever a camera may bring: a short fuzz, and one with every kernel's indices checked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.decode.fuzz import run
from vision.decode.decode import decode
from vision.decode.search import Search, Workspace

ROOT = Path(__file__).resolve().parents[2]
CHECKED = {**os.environ, "VISION_BOUNDSCHECK": "1"}

OUT_OF_BOUNDS = """
import numpy as np
from numba import void
from kernels._jit import array, f64, i64, kernel
@kernel(f64(array(f64, 1), i64))
def entry(values, place):
    return values[place]
try:
    entry(np.zeros(3), 3)
except IndexError:
    print("seen")
"""


def test_any_frame_is_taken() -> None:
    told = run(frames=60, first=1_000_000)
    assert told["frames"] == 60 and told["read"] > 3


def test_every_size_from_one_pixel_up_is_taken() -> None:
    rng = np.random.default_rng(4)
    work = Workspace()
    for height in range(1, 34):
        for width in range(1, 34):
            assert decode(rng.integers(0, 256, (height, width), np.uint8), Search(effort=20), work) == []


def test_a_huge_frame_is_taken_within_its_budget() -> None:
    huge = np.random.default_rng(5).integers(0, 256, (5000, 7000), np.uint8)
    assert decode(huge, Search(symbol_count=1, effort=64, rescues=True), Workspace()) == []


def test_no_kernel_reads_or_writes_out_of_bounds(tmp_path: Path) -> None:
    """The kernels compiled with checks, which do nothing on cached code: in a cache of their own, that stays for the next run."""
    script = tmp_path / "out_of_bounds.py"
    script.write_text(OUT_OF_BOUNDS)
    call = [sys.executable, str(script)]
    checked = subprocess.run(call, cwd=ROOT, env={**CHECKED, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert checked.stdout == "seen\n", checked.stderr  # the lane can fail
    call = [sys.executable, "-m", "tests.decode.fuzz", "--frames", "40", "--seed", "2000000"]
    done = subprocess.run(call, cwd=ROOT, env=CHECKED, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout)["frames"] == 40
