"""Runs a piece of camera code in a process of its own: GenTL's state is the process's, and a crash there must not end pytest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from vision.cameras.simulator import ReplayFrame, prepare
from vision.types import Pixels

ROOT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT = 320, 240
PROFILE = f"""
[camera]
buffer_count = 32
[user_set]
UserSetSelector = "Default"
UserSetLoad = true
[format]
Width = {WIDTH}
Height = {HEIGHT}
[exposure]
ExposureTime = 100.0
GainAuto = "Off"
[trigger]
TriggerSelector = "FrameStart"
TriggerSource = "Line0"
TriggerMode = "On"
[[io]]
LineSelector = "Line1"
LineSource = "UserOutput0"
[chunks]
ChunkModeActive = true
ChunkEnable = ["FrameID", "Timestamp", "ExposureTime", "EncoderValue", "LineStatusAll"]
"""

_PRELUDE = """
import json, os, signal, sys
from pathlib import Path
import numpy as np
from vision.cameras.camera import CameraError, GrabStatus
from vision.cameras.genicam import GenicamCamera, features, find_producers, list_cameras
from vision.cameras.profile import apply_profile, differences, find_profile, load_profile
from vision.cameras.simulator import producer_path, read_edges

def show(**values):
    print(json.dumps(values), flush=True)

def opened(profile="profile.toml", **key):
    return GenicamCamera([producer_path()], load_profile(Path(profile)), **(key or {"serial_number": "SIM0001"}))

def until(camera, *statuses, into=None):
    '''The next grab of one of these statuses; 20 s is for a machine that is broken, not for timing.'''
    for _ in range(100):
        grab = camera.grab(into, 0.2)
        if grab.status in statuses:
            return grab
    raise SystemExit(f"none of {statuses} came")

def complaint(call, *arguments, **keys):
    try:
        call(*arguments, **keys)
    except CameraError as error:
        return str(error)
    return "no complaint"
"""


def run_python(script: str, folder: Path, environment: dict[str, str], returncode: int = 0) -> list[dict[str, Any]]:
    """Runs a script after the prelude, in `folder`; gives the JSON lines it printed."""
    run = subprocess.run(
        [sys.executable, "-c", _PRELUDE + script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert run.returncode == returncode, f"left with {run.returncode}: {run.stderr}"
    assert "Traceback" not in run.stderr, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def background() -> Pixels:
    """Noise, so that a row or a column out of place shows."""
    return np.random.default_rng(11).integers(0, 256, (HEIGHT, WIDTH), np.uint8)


def replay() -> list[ReplayFrame]:
    """Seven frames, each with a patch of its own grey that touches the image's corner or lies inside it."""
    return [ReplayFrame(0, 40 * k, 20 * k, np.full((30, 50), 10 + k, np.uint8)) for k in range(7)]


def images() -> list[Pixels]:
    """What the seven frames look like."""
    result = []
    for frame in replay():
        image = background()
        assert frame.patch is not None
        image[frame.y : frame.y + 30, frame.x : frame.x + 50] = frame.patch
        result.append(image)
    return result


def simulated(folder: Path, **options: Any) -> dict[str, str]:
    """A simulated camera at 100 packs/s with the profile beside it; gives its environment."""
    (folder / "profile.toml").write_text(PROFILE, encoding="utf-8")
    np.save(folder / "images.npy", np.stack(images()))
    return prepare(folder / "camera", frames=replay(), backgrounds=[background()], **{"rate_hz": 100.0, **options})
