"""A simulated GenICam camera over a simulated belt: writes what the GenTL producer in this folder replays.

The producer (vision_simulator.cti, built by build.py) is seen through harvesters like any camera. Its belt runs on the wall
clock from the first acquisition on and is kept in the run folder, so a process that opens the camera later sees the pack that
is there then. Nothing here imports harvesters.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, TextIO

import numpy as np

from vision.cameras.camera import CameraError
from vision.types import Pixels

ENVIRONMENT = "VISION_SIMULATOR"
"""The environment variable that names the configuration file."""

_MAGIC = b"VISFRM1\0"
_HEAD = struct.Struct("<8s4I2Q")
_ENTRY = struct.Struct("<6IQ")


class FaultKind(StrEnum):
    INCOMPLETE = "incomplete"  # the frame comes with packets missing
    DROPPED = "dropped"  # the frame never comes: a gap in the frame ids
    UNPLUG = "unplug"  # the camera is gone for duration_ms, and the session that was open stays dead
    STALL = "stall"  # frames are held back for duration_ms, then come in a burst
    SLOW_REGISTERS = "slow_registers"  # every register access takes slow_register_ms, for duration_ms


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong at a pack (counted from 0: frame id - 1); duration_ms for the kinds that last."""

    kind: FaultKind
    pack: int
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class ReplayFrame:
    """One recorded frame: a background by index with a patch pasted at x, y (pixels).

    patch None: the background alone. background None: the patch is the whole frame.
    """

    background: int | None
    x: int = 0
    y: int = 0
    patch: Pixels | None = None


def producer_path() -> Path:
    """The GenTL producer; CameraError when it was not built."""
    path = Path(__file__).with_name("vision_simulator.cti")
    if not path.is_file():
        raise CameraError(f"{path}: not built; run `python {Path(__file__).with_name('build.py')}`")
    return path


def fault_schedule(seed: int, pack_count: int, rates: dict[FaultKind, float], duration_ms: int = 500) -> tuple[Fault, ...]:
    """Faults drawn for packs 0..pack_count-1, each kind with its probability per pack; the same seed gives the same faults."""
    random = np.random.default_rng(seed)
    faults = []
    for kind in FaultKind:
        draws = random.random(pack_count)
        lasts = kind not in (FaultKind.INCOMPLETE, FaultKind.DROPPED)
        faults += [Fault(kind, int(pack), duration_ms if lasts else 0) for pack in np.flatnonzero(draws < rates.get(kind, 0.0))]
    return tuple(sorted(faults, key=lambda fault: fault.pack))


def prepare(
    folder: Path,
    *,
    frames: Iterable[Pixels | ReplayFrame],
    backgrounds: Sequence[Pixels] = (),
    rate_hz: float = 10.0,
    frame_count: int | None = None,
    loop: bool = True,
    serial_number: str = "SIM0001",
    user_id: str = "simulated",
    seed: int = 0,
    faults: Sequence[Fault] = (),
    encoder_counts_per_pack: int = 1000,
    transfer_ms: float = 1.0,
    lead_in_ms: float = 200.0,
    frame_id_bits: int = 64,
    frame_ids_restart: bool = False,
    clock_drift_ppm: float = 20.0,
    slow_register_ms: float = 20.0,
) -> dict[str, str]:
    """Writes what the simulated camera needs into a folder and gives the environment that makes the producer use it.

    frames: full images (height, width) uint8, or ReplayFrames on the backgrounds; a full image is stored as its difference
        from the nearest background. Replayed in this order, over and over with loop, else once.
    frame_count: packs on the belt before it stops; None = no end with loop, one replay without.
    lead_in_ms: from the first start of an acquisition to the moment the belt moves. transfer_ms: from the end of the exposure
        to the whole frame at the host. seed: where the camera's clock stands. frame_ids_restart: ids begin again at 1 with
        each acquisition, as many GigE cameras do; else they follow the belt. frame_id_bits: 16 (ids 1..65535) or 64.

    A folder serves one camera; preparing it again puts the belt back to its start. CameraError on senseless arguments.
    """
    if rate_hz <= 0 or encoder_counts_per_pack < 1 or frame_id_bits not in (16, 64):
        raise CameraError(f"simulated camera {serial_number}: rate_hz > 0, encoder_counts_per_pack >= 1, frame_id_bits 16 or 64")
    for name, text in (("serial_number", serial_number), ("user_id", user_id)):
        if not text.isprintable() or len(text.encode()) > 63 or (name == "serial_number" and not text):
            raise CameraError(f"simulated camera: {name} must be 1 to 63 printable bytes, got {text!r}")
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "camera.lock").open("a") as lock:
        _take_lock(lock, folder)
        for name in ("belt", "edges.csv"):
            (folder / name).unlink(missing_ok=True)
        with (folder / "frames.new").open("wb") as file:
            _write_frames(file, frames, backgrounds)
        os.replace(folder / "frames.new", folder / "frames.bin")
    origin = time.monotonic_ns() - int(np.random.default_rng(seed).integers(10**9, 10**13))
    settings: dict[str, object] = {
        "serial_number": serial_number,
        "user_id": user_id,
        "folder": folder,
        "frames": folder / "frames.bin",
        "edges": folder / "edges.csv",
        "rate_hz": repr(float(rate_hz)),
        "frame_count": frame_count or 0,
        "loop": int(loop),
        "encoder_counts_per_pack": encoder_counts_per_pack,
        "transfer_ns": round(transfer_ms * 1e6),
        "lead_in_ns": round(lead_in_ms * 1e6),
        "frame_id_bits": frame_id_bits,
        "frame_id_restarts": int(frame_ids_restart),
        "clock_drift_ppm": repr(float(clock_drift_ppm)),
        "device_clock_origin_ns": origin,
        "slow_register_ns": round(slow_register_ms * 1e6),
    }
    lines = [f"{key} = {value}" for key, value in settings.items()]
    lines += [f"fault = {fault.kind.value} {fault.pack} {fault.duration_ms}" for fault in faults]
    path = folder / "simulator.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {ENVIRONMENT: str(path)}


def _take_lock(lock: TextIO, folder: Path) -> None:
    """The lock an open camera holds; with it, nobody opens the camera while its folder is made."""
    import fcntl  # noqa: PLC0415 not on every platform that imports this module

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise CameraError(f"{folder}: the simulated camera of this folder is open") from None


def read_edges(folder: Path) -> list[tuple[int, str, bool]]:
    """The edges of the output lines so far: host monotonic ns, line, level."""
    path = folder / "edges.csv"
    if not path.is_file():
        return []
    rows = (line.split(",") for line in path.read_text(encoding="ascii").splitlines())
    return [(int(at_ns), line, level == "1") for at_ns, line, level in rows]


def _write_frames(file: BinaryIO, frames: Iterable[Pixels | ReplayFrame], backgrounds: Sequence[Pixels]) -> None:
    """The frames file: head, backgrounds, patches, then one entry per frame (background, x, y, width, height, 0, offset)."""
    images = list(backgrounds)
    entries: list[bytes] = []
    height = width = 0
    for given in frames:
        frame = given
        if isinstance(given, ReplayFrame) and given.background is None and given.patch is not None:
            frame = given.patch
        if not images:  # full frames without a background: a black one to paste them on
            if not isinstance(frame, np.ndarray):
                raise CameraError(f"simulated camera: frame {len(entries)} names background {frame.background} of none")
            images.append(np.zeros_like(frame))
        if not entries:
            height, width = images[0].shape
            if any(image.shape != (height, width) or image.dtype != np.uint8 for image in images):
                raise CameraError("simulated camera: backgrounds must be uint8 images of one size")
            file.write(bytes(_HEAD.size))
            for image in images:
                file.write(np.ascontiguousarray(image).data)
        entries.append(_write_frame(file, frame, images, len(entries)))
    if not entries:
        raise CameraError("simulated camera: no frames to replay")
    file.write(bytes(-file.tell() % 8))
    entries_offset = file.tell()
    file.write(b"".join(entries))
    file.seek(0)
    file.write(_HEAD.pack(_MAGIC, width, height, len(images), len(entries), _HEAD.size, entries_offset))


def _write_frame(file: BinaryIO, frame: Pixels | ReplayFrame, images: Sequence[Pixels], index: int) -> bytes:
    """Appends a frame's patch and gives its entry."""
    height, width = images[0].shape
    if isinstance(frame, np.ndarray):
        if frame.shape != (height, width) or frame.dtype != np.uint8:
            raise CameraError(f"simulated camera: frame {index} is {frame.dtype} {frame.shape}, uint8 {(height, width)} expected")
        frame = _difference(frame, images)
    if frame.background is None or not 0 <= frame.background < len(images):
        raise CameraError(f"simulated camera: frame {index} names background {frame.background} of {len(images)}")
    patch = frame.patch if frame.patch is not None else np.empty((0, 0), np.uint8)
    rows, columns = patch.shape
    if patch.dtype != np.uint8 or not (0 <= frame.x <= width - columns and 0 <= frame.y <= height - rows):
        raise CameraError(f"simulated camera: the patch of frame {index} does not lie within its background")
    offset = file.tell()
    file.write(np.ascontiguousarray(patch).tobytes())
    return _ENTRY.pack(frame.background, frame.x, frame.y, columns, rows, 0, offset)


def _difference(frame: Pixels, images: Sequence[Pixels]) -> ReplayFrame:
    """A full frame as the smallest rectangle that differs from one of the backgrounds."""
    best, best_area = ReplayFrame(0, 0, 0, frame), frame.size
    for index, image in enumerate(images):
        differs = frame != image
        rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
        if not rows.size:
            return ReplayFrame(index)
        top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
        if (bottom - top) * (right - left) < best_area:
            best, best_area = ReplayFrame(index, left, top, frame[top:bottom, left:right]), (bottom - top) * (right - left)
    return best
