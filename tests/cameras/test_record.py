"""Recording: what a camera gives is on disk as it was, and replays."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest

from vision.cameras.camera import CameraError, Grab, GrabStatus
from vision.cameras.record import METADATA, record
from vision.cameras.recorded import Recording
from vision.types import Pixels


@dataclass
class Scripted:
    """A camera that gives these grabs, each frame with its number as its grey."""

    grabs: list[Grab]
    width: int = 32
    height: int = 16
    calls: list[str] = field(default_factory=list)

    def start(self) -> None:
        self.calls.append("start")

    def grab(self, into: Pixels | None, timeout_s: float) -> Grab:
        grab = self.grabs.pop(0)
        if into is not None and grab.frame_id is not None:
            into[:] = grab.frame_id
            into[0, 0] = 255
        return grab

    def set_user_output(self, output: str, value: bool) -> None:
        raise CameraError("none")

    def stop(self) -> None:
        self.calls.append("stop")

    def close(self) -> None:
        self.calls.append("close")


def frame(number: int) -> Grab:
    return Grab(GrabStatus.FRAME, number, 1000 + number, 50 + number, None, 3)


def test_frames_and_what_the_camera_said_are_kept(tmp_path: Path) -> None:
    camera = Scripted([frame(4), Grab(GrabStatus.INCOMPLETE), Grab(GrabStatus.TIMEOUT), frame(6), Grab(GrabStatus.ENDED)])
    assert record(camera, tmp_path / "out", 10) == 2
    assert camera.calls == ["start", "stop"]
    with (tmp_path / "out" / METADATA).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["frame_id"], row["arrival_ns"], row["encoder_count"]) for row in rows] == [
        ("frame_000001.png", "4", "1004", ""),
        ("frame_000002.png", "6", "1006", ""),
    ]
    image = cv2.imread(str(tmp_path / "out" / "frame_000002.png"), cv2.IMREAD_UNCHANGED)
    assert image is not None
    assert image.shape == (16, 32)
    assert image[3, 3] == 6
    with Recording.open(tmp_path / "out") as recording:
        assert len(recording) == 2
        assert np.array_equal(recording.frame(1), image)


def test_what_cannot_be_recorded_is_said(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="gone"):
        record(Scripted([frame(1), Grab(GrabStatus.LOST, detail="gone")]), tmp_path / "lost", 5)
    with pytest.raises(CameraError, match="holds frames already"):
        record(Scripted([frame(1)]), tmp_path / "lost", 1)
    with pytest.raises(CameraError, match="no frame within"):
        record(Scripted([]), tmp_path / "late", 1, timeout_s=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(CameraError, match="file"):
        record(Scripted([frame(1)]), tmp_path / "file", 1)
