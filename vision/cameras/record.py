"""Frames of a camera to a folder: frame_000001.png, ..., and index.csv with what the camera said about each."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import cv2
import numpy as np

from vision.cameras.camera import Camera, CameraError, Grab, GrabStatus

INDEX_COLUMNS = ("file", "frame_id", "device_timestamp_ns", "arrival_ns", "encoder_count", "line_status")
"""Columns of index.csv; times in ns (device's clock, host's monotonic clock), empty where the camera does not say."""


def record(camera: Camera, folder: Path, count: int, timeout_s: float = 5.0) -> int:
    """Writes the next `count` frames of a started camera and gives how many there were (fewer when a recording ends).

    timeout_s: the longest wait for one frame. Incomplete frames are left out. CameraError when the camera is lost, nothing
    comes in time, or the folder holds frames already or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.glob("frame_*.png")):
            raise CameraError(f"{folder}: holds frames already")
        with (folder / "index.csv").open("w", newline="", encoding="ascii") as file:
            rows = csv.writer(file)
            rows.writerow(INDEX_COLUMNS)
            for number in range(1, count + 1):
                pixels = np.empty((camera.height, camera.width), np.uint8)
                grab = next_frame(camera, pixels, timeout_s)
                if grab is None:
                    return number - 1
                name = f"frame_{number:06d}.png"
                if not cv2.imwrite(str(folder / name), pixels):
                    raise CameraError(f"{folder / name}: cannot be written")
                metadata = (grab.frame_id, grab.device_timestamp_ns, grab.arrival_ns, grab.encoder_count, grab.line_status)
                rows.writerow([name, *("" if value is None else value for value in metadata)])
    except OSError as error:
        raise CameraError(f"{folder}: {error.strerror}") from None
    return count


def next_frame(camera: Camera, pixels: np.ndarray[tuple[int, int], np.dtype[np.uint8]], timeout_s: float) -> Grab | None:
    """The next whole frame, None at the end of a recording."""
    limit = time.monotonic() + timeout_s
    while (left := limit - time.monotonic()) > 0:
        grab = camera.grab(pixels, left)
        if grab.status is GrabStatus.FRAME:
            return grab
        if grab.status is GrabStatus.ENDED:
            return None
        if grab.status is GrabStatus.LOST:
            raise CameraError(grab.detail or "the camera is lost")
    raise CameraError(f"no frame within {timeout_s:g} s")
