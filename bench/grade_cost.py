"""What grading costs beside decoding and beside zxing-cpp: `python -m bench.grade_cost`. One core, CPU time, medians, one run.

floor: the pixels of the symbol read once through the aperture. peer: zxing-cpp's decode of the same picture, nothing graded: its
default, which looks for every symbology, and told to look for Data Matrix alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import zxingcpp

from kernels import aperture
from tests.grade.symbol_renderer import matrix, picture
from vision.decode.decode import decode
from vision.decode.search import Search
from vision.grade.grade import grade
from vision.grade.setup import Setup
from vision.inspection import Workspace

SIZES = ((24, 24), (16, 48), (36, 36))
FRAME = (1024, 1280)
ROUNDS = 60


def microseconds(work: Callable[[], object]) -> list[float]:
    """CPU time of each round, after a few that do not count."""
    for _ in range(5):
        work()
    took = []
    for _ in range(ROUNDS):
        begin = time.thread_time_ns()
        work()
        took.append((time.thread_time_ns() - begin) / 1e3)
    return took


def floor_of(pixels: np.ndarray, diameter_px: float, side_px: int) -> Callable[[], object]:
    """The aperture over as many pixels as the symbol and its ring hold."""
    size = 2 * aperture.aperture_half_px(diameter_px, 1) + 1
    weights = np.zeros((1, 1, size, size), np.int32)
    aperture.aperture_weights(diameter_px, weights, np.zeros(size * size))
    spans = np.tile(np.array([20, 20 + side_px], np.int64), (side_px, 1))
    rows, out = np.zeros((size // 2 + 2, side_px + size), np.float32), np.zeros((side_px, side_px), np.float32)
    return lambda: aperture.reference_image(pixels, weights, 20, 20, spans, rows, out)


def main() -> None:
    cv2.setNumThreads(1)
    print("symbol   what                           median us   p99 us   us per 1000 px of the symbol")
    for rows, columns in SIZES:
        drawn = picture(matrix((rows, columns), "1234567890"), angle_deg=17.0, blur_px=0.8, noise=2.0, samples=3)
        part = drawn.build()
        frame = np.full(FRAME, 230, np.uint8)
        frame[100 : 100 + part.shape[0], 100 : 100 + part.shape[1]] = part
        work, search, setup = Workspace(), Search(symbol_count=1), Setup()
        symbol, _, reading = decode(frame, search, work)[0]
        pixel_count = (rows + 2) * (columns + 2) * 64

        def whole(frame: np.ndarray = frame, search: Search = search, work: Workspace = work, setup: Setup = setup) -> None:
            for found, _, read in decode(frame, search, work):
                grade(frame, found, read, setup, work.grading)

        measured = {
            "floor": microseconds(floor_of(frame, 6.4, round(pixel_count**0.5))),
            "full grade": microseconds(partial(grade, frame, symbol, reading, setup, work.grading)),
            "locate + decode": microseconds(partial(decode, frame, search, work)),
            "locate + decode + grade": microseconds(whole),
            "zxing-cpp, default": microseconds(partial(zxingcpp.read_barcodes, frame)),
            "zxing-cpp, Data Matrix only": microseconds(
                partial(zxingcpp.read_barcodes, frame, formats=zxingcpp.BarcodeFormat.DataMatrix)
            ),
        }
        for name, took in measured.items():
            median, p99 = np.quantile(took, [0.5, 0.99])
            print(f"{rows}x{columns:<5} {name:<28} {median:8.0f} {p99:8.0f} {median / pixel_count * 1000:8.1f}")
        ours = np.median(measured["locate + decode + grade"])
        for name in ("zxing-cpp, default", "zxing-cpp, Data Matrix only"):
            ratio = f"ours beside {name}"
            print(f"{rows}x{columns:<5} {ratio:<42} {ours / np.median(measured[name]):.2f}")
        work.close()


if __name__ == "__main__":
    main()
