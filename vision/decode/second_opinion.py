"""A second opinion from libdmtx, in a child process: it aborts on some pictures and must never take an inspector with it.

What it says is only a hint at where to look: a symbol counts when our own grid, sampled at its place, passes error correction.
Run as `python -m vision.decode.second_opinion` this module is that child: a request on standard input is a header of height,
width, count and milliseconds, then the pixels; the answer is one line of JSON on standard output. It leaves at end of input.
"""

from __future__ import annotations

import json
import os
import select
import struct
import subprocess
import sys
import time
from contextlib import suppress
from ctypes import POINTER, byref, c_ubyte, cast, string_at
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np
import numpy.typing as npt

from vision.types import Pixels

HEADER = struct.Struct("<IIII")
GRACE_MS = 40.0
"""What a child may take beyond the time it was given, before it is killed, in milliseconds."""

START_MS = 4000.0
"""What a child may take to come up, in milliseconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Hint:
    """What libdmtx claims.

    payload: bytes. rows, columns: modules. quad: (4, 2), x and y in pixels of the corner of the L, the end of its level side, the
    opposite corner, the end of its upright side, as the library sees them.
    """

    payload: bytes
    rows: int
    columns: int
    quad: npt.NDArray[np.float64]


def available() -> bool:
    """Whether libdmtx and its binding are installed; asked of a child, because loading the library can fail in many ways."""
    if find_spec("pylibdmtx") is None:
        return False
    probe = [sys.executable, "-c", "import pylibdmtx.pylibdmtx"]
    return subprocess.run(probe, check=False, capture_output=True, timeout=30).returncode == 0


class SecondOpinion:
    """libdmtx in a child of its own; a child that dies or is too slow is killed, and another is started for the next frame."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._broken = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def ask(self, pixels: Pixels, count: int, budget_ms: float) -> list[Hint]:
        """What libdmtx finds in a picture, (height, width) uint8, within the budget; [] when it fails in any way.

        count: symbols after which it may stop. The first call also starts the child, which is not taken from the budget.
        """
        if budget_ms <= 0 or self._broken or min(pixels.shape) < 8:
            return []
        child = self._started()
        if child is None or child.stdin is None or child.stdout is None:
            return []
        height, width = pixels.shape
        deadline = time.monotonic() + (budget_ms + GRACE_MS) / 1e3
        try:
            _send(child.stdin, HEADER.pack(height, width, count, int(budget_ms)) + pixels.tobytes(), deadline)
            line = _line(child.stdout, deadline)
            answers = json.loads(line)
            return [Hint(bytes.fromhex(text), rows, columns, np.array(quad)) for text, rows, columns, quad in answers]
        except (OSError, ValueError):
            self.close()
            return []

    def close(self) -> None:
        """Ends the child, if there is one."""
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                with suppress(OSError):  # what was left to write to a dead child
                    stream.close()

    def _started(self) -> subprocess.Popen[bytes] | None:
        if self._child is not None and self._child.poll() is None:
            return self._child
        self.close()
        root = Path(__file__).resolve().parents[2]
        paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._child = subprocess.Popen(
            [sys.executable, "-m", "vision.decode.second_opinion"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            bufsize=0,
        )
        assert self._child.stdin is not None and self._child.stdout is not None
        os.set_blocking(self._child.stdin.fileno(), False)
        try:
            _line(self._child.stdout, time.monotonic() + START_MS / 1e3)
        except (OSError, ValueError):
            # It left by itself: libdmtx is not installed or does not load, and asking for each frame would only cost time.
            self._broken = self._child.poll() is not None
            self.close()
        return self._child


def _send(stream: IO[bytes], message: bytes, deadline: float) -> None:
    """Writes a message to a pipe that does not block; raises ValueError when the other end does not take it in time."""
    rest = memoryview(message)
    while rest:
        _, ready, _ = select.select([], [stream], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise ValueError("the request was not taken in time")
        rest = rest[os.write(stream.fileno(), rest) :]


def _line(stream: IO[bytes], deadline: float) -> bytes:
    """One line from a pipe; raises ValueError when it does not come in time (monotonic seconds) or the other end is gone."""
    got = b""
    while not got.endswith(b"\n"):
        ready, _, _ = select.select([stream], [], [], max(0.0, deadline - time.monotonic()))
        part = os.read(stream.fileno(), 65536) if ready else b""
        if not part:
            raise ValueError("no answer in time")
        got += part
    return got


def _found(pixels: Pixels, count: int, budget_ms: int) -> list[tuple[str, int, int, list[list[float]]]]:
    """libdmtx's findings: payload in hex, rows, columns, and the corners of the symbol; its own y axis points up."""
    from pylibdmtx import wrapper as dmtx  # noqa: PLC0415  (only the child may load it)

    height, width = pixels.shape
    found: list[tuple[str, int, int, list[list[float]]]] = []
    memory = (c_ubyte * pixels.size).from_buffer_copy(pixels.tobytes())  # must outlive the image: the library does not copy it
    image = dmtx.dmtxImageCreate(cast(memory, POINTER(c_ubyte)), width, height, dmtx.DmtxPackOrder.DmtxPack8bppK)
    decoder = dmtx.dmtxDecodeCreate(image, 1)
    deadline = dmtx.dmtxTimeAdd(dmtx.dmtxTimeNow(), budget_ms)
    while len(found) < max(1, count):
        region = dmtx.dmtxRegionFindNext(decoder, deadline)
        if not region:
            break
        message = dmtx.dmtxDecodeMatrixRegion(decoder, region, dmtx.DmtxUndefined)
        if message:
            corners = []
            for x, y in ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)):
                place = dmtx.DmtxVector2(x, y)
                dmtx.dmtxMatrix3VMultiplyBy(place, region.contents.fit2raw)
                corners.append([place.X, height - 1 - place.Y])
            payload = string_at(message.contents.output, message.contents.outputIdx)
            found.append((payload.hex(), region.contents.symbolRows, region.contents.symbolCols, corners))
            dmtx.dmtxMessageDestroy(byref(message))
        dmtx.dmtxRegionDestroy(byref(region))
    dmtx.dmtxDecodeDestroy(byref(decoder))
    dmtx.dmtxImageDestroy(byref(image))
    return found


def main() -> None:
    """The child's loop: one request, one answer, until the input ends."""
    # The library prints to standard output when it fails: keep the pipe for answers alone.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    from pylibdmtx import pylibdmtx  # noqa: F401, PLC0415  (fails before the greeting where it is not installed)

    answers.write(b"ready\n")
    answers.flush()
    while len(header := sys.stdin.buffer.read(HEADER.size)) == HEADER.size:
        height, width, count, budget_ms = HEADER.unpack(header)
        pixels = np.frombuffer(sys.stdin.buffer.read(height * width), np.uint8).reshape(height, width)
        answers.write(json.dumps(_found(pixels, count, budget_ms)).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
