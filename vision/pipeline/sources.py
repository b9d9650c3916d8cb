"""From a station's camera configuration to frames: what must be there before an acquirer starts, and the camera it opens."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from vision.cameras.camera import Camera, CameraError
from vision.cameras.frame_ids import FrameIds
from vision.cameras.profile import load_profile
from vision.cameras.recorded import RecordedCamera, Recording
from vision.cameras.simulator import Fault, FaultKind, ReplayFrame, prepare, producer_path
from vision.config import CameraConfig, LineConfig


@dataclass(frozen=True, slots=True)
class Source:
    """shape: (height, width) of the station's frames. environment: to be set before the camera's library is loaded."""

    shape: tuple[int, int]
    environment: dict[str, str] = field(default_factory=dict)
    frame_id_bits: int = 64


@contextmanager
def prepare_sources(config: LineConfig, purpose: str = "run") -> Iterator[tuple[Source, ...]]:
    """The sources of a line's stations; a simulated camera's files are removed at the end (or, after a kill, by the next run).

    Raises CameraError in one line.
    """
    folders: list[Path] = []
    try:
        sources = []
        for station in config.stations:
            owner = f"{config.results.resolve()}/{config.name}/{station.name}/{purpose}"
            name = f"vision-simulator-{os.getuid()}-{hashlib.sha256(owner.encode()).hexdigest()[:12]}"
            folder = Path(tempfile.gettempdir()) / name
            if station.camera.backend == "simulator":
                shutil.rmtree(folder, ignore_errors=True)
                folders.append(folder)
            sources.append(_source(station.camera, folder))
        yield tuple(sources)
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def _source(config: CameraConfig, folder: Path) -> Source:
    if config.backend == "recorded":
        recording = Recording.open(_path(config))
        return Source((recording.height, recording.width))
    assert config.profile is not None
    profile = load_profile(config.profile)
    shape = (profile.height, profile.width)
    if config.backend == "genicam":
        return Source(shape, frame_id_bits=profile.frame_id_bits)
    recording = Recording.open(_path(config))
    frames = (ReplayFrame(background, x, y, patch) for background, x, y, patch in recording.parts())
    environment = prepare(
        folder,
        frames=frames,
        backgrounds=recording.backgrounds,
        rate_hz=config.rate_hz,
        loop=config.loop,
        serial_number=config.serial_number or "SIM0001",
        seed=config.seed,
        faults=_faults(config),
        encoder_counts_per_pack=max(1, round(config.encoder_counts_per_pack)),
    )
    return Source(shape, environment, profile.frame_id_bits)


def _path(config: CameraConfig) -> Path:
    assert config.source is not None
    return config.source


def _faults(config: CameraConfig) -> list[Fault]:
    faults = []
    for fault in config.faults:
        unknown = set(fault) - {"kind", "pack", "duration_ms"}
        if unknown or fault["kind"] not in {kind.value for kind in FaultKind} or not isinstance(fault.get("pack"), int):
            kinds = ", ".join(kind.value for kind in FaultKind)
            raise CameraError(f"faults: {dict(fault)}: expected kind = one of {kinds}, pack = N and duration_ms = N")
        faults.append(Fault(FaultKind(fault["kind"]), int(fault["pack"]), int(fault.get("duration_ms", 0))))
    return faults
