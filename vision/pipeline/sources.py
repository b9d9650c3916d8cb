"""From a station's camera configuration to frames: what must be there before an acquirer starts, and the camera it opens."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vision.cameras.camera import Camera, CameraError
from vision.cameras.profile import Readback, load_profile
from vision.cameras.recorded import RecordedCamera, Recording
from vision.cameras.simulator import Fault, FaultKind, ReplayFrame, prepare, producer_path
from vision.config import CameraConfig, LineConfig
from vision.types import Pixels

if TYPE_CHECKING:
    from vision.cameras.genicam import GenicamCamera

DEMO = Path(__file__).resolve().parent.parent / "demo"
SIMULATED_SERIAL_NUMBER = "SIM0001"


@dataclass(frozen=True, slots=True)
class Source:
    """shape: (height, width) of the station's frames. environment: to be set before the camera's library is loaded.

    buffer_count: slots that the camera itself needs, to fill ahead.
    """

    shape: tuple[int, int]
    environment: dict[str, str] = field(default_factory=dict)
    frame_id_bits: int = 64
    buffer_count: int = 0


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
        return Source(shape, frame_id_bits=profile.frame_id_bits, buffer_count=profile.buffer_count)
    recording = Recording.open(_path(config))
    environment = prepare(
        folder,
        frames=_replayed(recording),
        backgrounds=recording.backgrounds,
        rate_hz=config.rate_hz,
        loop=config.loop,
        serial_number=config.serial_number or SIMULATED_SERIAL_NUMBER,
        seed=config.seed,
        faults=_faults(config),
        encoder_counts_per_pack=max(1, round(config.encoder_counts_per_pack)),
    )
    return Source(shape, environment, profile.frame_id_bits, profile.buffer_count)


def _replayed(recording: Recording) -> Iterator[Pixels | ReplayFrame]:
    for background, x, y, patch in recording.parts():
        if background is not None:
            yield ReplayFrame(background, x, y, patch)
        elif patch is not None:
            yield patch


@contextmanager
def simulated(source: Path | None, rate_hz: float = 10.0) -> Iterator[dict[str, str]]:
    """The environment of a simulated camera that replays a recording (the demonstration's without one), for a single look."""
    recording = Recording.open(source or DEMO / "packs.zip")
    with tempfile.TemporaryDirectory(prefix="vision-simulator-") as folder:
        yield prepare(Path(folder), frames=_replayed(recording), backgrounds=recording.backgrounds, rate_hz=rate_hz)


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


def open_camera(config: CameraConfig) -> Camera:
    """Opens the camera of a station, in the process that will own it. Raises CameraError in one line."""
    if config.backend == "recorded":
        return RecordedCamera(
            Recording.open(_path(config)),
            rate_hz=config.rate_hz,
            loop=config.loop,
            encoder_counts_per_pack=round(config.encoder_counts_per_pack),
        )
    return open_genicam(config)


def open_genicam(config: CameraConfig) -> GenicamCamera:
    """A GenTL camera, set to its profile and read back; harvesters is loaded here, in the process that owns the camera."""
    from vision.cameras.genicam import GenicamCamera, find_producers  # noqa: PLC0415 - GenTL threads must never be forked

    assert config.profile is not None
    serial_number = config.serial_number
    if config.backend == "simulator":
        producers = [producer_path()]
        serial_number = serial_number or SIMULATED_SERIAL_NUMBER
    else:
        producers = list(config.producers) or find_producers()
    return GenicamCamera(producers, load_profile(config.profile), serial_number=serial_number, user_id=config.user_id)


def read_back(config: CameraConfig, source: Source) -> tuple[Readback, ...]:
    """What a station's camera says of its profile; empty for recordings. Raises CameraError.

    The camera is opened in a process of its own: GenTL allows a process one camera in its life, a line may have more.
    """
    if config.backend == "recorded":
        return ()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_read_back, config, source).result()


def _read_back(config: CameraConfig, source: Source) -> tuple[Readback, ...]:
    os.environ.update(source.environment)
    camera = open_genicam(config)
    try:
        return camera.readback
    finally:
        camera.close()
