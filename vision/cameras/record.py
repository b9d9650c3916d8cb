"""Frames of a camera to a folder: frame_000001.png, ..., a recording that can be replayed, and what the camera said of each."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import cv2
import numpy as np

from vision.cameras.camera import Camera, CameraError, Grab, GrabStatus
from vision.types import Pixels

METADATA = "frames.csv"
METADATA_COLUMNS = ("file", "frame_id", "device_timestamp_ns", "arrival_ns", "encoder_count", "line_status")
"""Columns of frames.csv; times in ns (device's clock, host's monotonic clock), empty where the camera does not say."""


def record(camera: Camera, folder: Path, count: int, timeout_s: float = 5.0) -> int:
    """Starts a camera, writes `count` frames, stops it, and gives how many there were (fewer when a recording ends).

    timeout_s: the longest wait for one frame. Incomplete frames are left out. CameraError when the camera is lost, nothing
    comes in time, or the folder holds frames already or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.glob("frame_*.png")):
            raise CameraError(f"{folder}: holds frames already")
        with (folder / METADATA).open("w", newline="", encoding="ascii") as file:
            rows = csv.writer(file)
            rows.writerow(METADATA_COLUMNS)
            camera.start()
            try:
                for number in range(1, count + 1):
                    pixels, grab = next_frame(camera, timeout_s)
                    if grab.status is GrabStatus.ENDED:
                        return number - 1
                    name = f"frame_{number:06d}.png"
                    if not cv2.imwrite(str(folder / name), pixels):
                        raise CameraError(f"{folder / name}: cannot be written")
                    said = (grab.frame_id, grab.device_timestamp_ns, grab.arrival_ns, grab.encoder_count, grab.line_status)
                    rows.writerow([name, *("" if value is None else value for value in said)])
            finally:
                camera.stop()
    except OSError as error:
        raise CameraError(f"{folder}: {error.strerror}") from None
    return count


def next_frame(camera: Camera, timeout_s: float) -> tuple[Pixels, Grab]:
    """The next whole frame of a started camera, (height, width) uint8; status ENDED (and no image) at a recording's end."""
    pixels = np.empty((camera.height, camera.width), np.uint8)
    limit = time.monotonic() + timeout_s
    while (left := limit - time.monotonic()) > 0:
        grab = camera.grab(pixels, left)
        if grab.status in (GrabStatus.FRAME, GrabStatus.ENDED):
            return pixels, grab
        if grab.status is GrabStatus.LOST:
            raise CameraError(grab.detail or "the camera is lost")
    raise CameraError(f"no frame within {timeout_s:g} s")
