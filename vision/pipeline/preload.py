"""Imported once by the fork server: every inspector starts with the kernels loaded and warm, in tens of milliseconds.

Warm means that one whole frame was inspected here: what Python, NumPy and Numba make on first use is made once, and children
have it by copy-on-write. Without it the first frames of a run took 100 ms and more. Nothing here may start a thread or import a
camera SDK: GenTL threads must never be forked.

First of all it binds itself to the line that starts it: loading takes a second, compiling after an update half a minute, and a
line that is refused or interrupted meanwhile must leave nobody behind.
"""

import contextlib
import ctypes
import gc
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _end_with_parent(number: int) -> None:
    """Which signal this process gets when its parent dies, 0 = none; nothing where the system knows no such thing."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)


IS_FORK_SERVER = any("multiprocessing.forkserver" in word for word in sys.orig_argv)
if IS_FORK_SERVER:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal group; the line alone decides
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # held by the command line until here
    _end_with_parent(signal.SIGTERM)

import cv2
import numpy as np

import vision.pipeline.recorder
import vision.pipeline.rejector  # noqa: F401
from vision.decode.search import Search
from vision.grade.setup import Setup
from vision.inspection import Workspace, inspect
from vision.results.schema import symbol_rows
from vision.types import Frame
from vision.verdict.recipe import Recipe

# (01)04150012345678(17)280731(10)A1(21)S1 as 20x20, from a foreign encoder; # = dark.
_SYMBOL = """
#.#.#.#.#.#.#.#.#.#.
##.##..#.#.#.....###
#...#...##.....#.#..
#.##...#...###.##..#
###..#...###.#....#.
#...##...##.#.#.####
#.##..###......#..#.
#..#.##..#.##.####.#
#...#..####.##.#.##.
###.##.#.#.##.####.#
#.#...#...#.###.###.
#...##.#.....##.#.##
###..#..###.#.#.....
#....##...#.#..#..##
##..#...###..###.##.
##..##..#..##.#..#.#
##.......###..#.#.#.
##.#..####....####.#
#...#.#....#.####.#.
####################
"""


def warm() -> int:
    """Inspects a frame with a symbol and one without; how many symbols were read."""
    cv2.setNumThreads(1)  # before any child: a thread pool of OpenCV's would not outlive the fork
    bits = np.array([[character == "#" for character in row] for row in _SYMBOL.split()])
    frame = np.full((1024, 1280), 225, np.uint8)
    frame[300:460, 500:660] = np.where(np.kron(bits, np.ones((8, 8), bool)), 30, 225)
    frame = cv2.GaussianBlur(frame, (5, 5), 1.0)
    work, recipe = Workspace(), Recipe(Search(symbol_count=1), Setup())
    read = 0
    for pixels in (frame, np.full_like(frame, 225)):
        inspection = inspect(Frame(pixels), recipe, work)
        symbol_rows(inspection.findings)
        read += sum(finding.reading is not None for finding in inspection.findings)
    return read


SYMBOLS_READ = warm()
gc.collect()
gc.freeze()  # what is loaded here is walked by no child's collector: that would copy all its pages

if IS_FORK_SERVER:
    _end_with_parent(0)  # from now on it leaves with the last of its clients: children that close the account outlive the line
