"""`vision camera`: cameras seen, their features, frames to disk."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vision.cli.options import AsJson

if TYPE_CHECKING:
    from vision.cameras.genicam import GenicamCamera

app = typer.Typer(
    help="""Cameras: list, show, grab, record.

    Example: vision camera list --producer simulator
    """,
    rich_markup_mode=None,
)

Producers = Annotated[
    list[Path] | None,
    typer.Option(
        "--producer",
        metavar="FILE.cti",
        help="GenTL producer, `simulator` for ours; without one those of GENICAM_GENTL64_PATH, and ours where that names none",
    ),
]
ProfileName = Annotated[str, typer.Argument(metavar="PROFILE", help="a name in camera_profiles/, or a file")]
Serial = Annotated[str | None, typer.Option("--serial-number", help="which camera, where more than one is seen")]
Source = Annotated[Path | None, typer.Option(help="recording that the simulated camera replays; the demonstration's without one")]
_TIMEOUT_S = 5.0


@app.command("list")
def list_seen(producer: Producers = None, source: Source = None, as_json: AsJson = False) -> int:
    """Lists the cameras that the GenTL producers see.

    Example: vision camera list --producer simulator
    """
    from vision.cameras.genicam import list_cameras

    with _producers(producer, source) as paths:
        cameras = list_cameras(paths)
    if not cameras and not as_json:
        print(f"no camera seen by {', '.join(p.name for p in paths)}", file=sys.stderr)
    for camera in cameras:
        if as_json:
            print(json.dumps({name: str(getattr(camera, name)) for name in camera.__dataclass_fields__}))
        else:
            names = f"{camera.vendor} {camera.model}".strip()
            print(f"{camera.serial_number:<20} {camera.user_id:<16} {names:<32} {camera.access:<6} {camera.producer.name}")
    return 0


@app.command()
def show(
    profile: ProfileName, producer: Producers = None, serial_number: Serial = None, source: Source = None, as_json: AsJson = False
) -> int:
    """Applies a camera's profile and reads it back. Shows what was asked and what the camera has; exit code 1 where they differ.

    Example: vision camera show simulator_1280x1024_line0 --producer simulator
    """
    with _camera(profile, producer, serial_number, source) as camera:
        rows = camera.readback
    for row in rows:
        if as_json:
            fields = ("feature", "selected", "asked", "got", "differs")
            print(json.dumps({name: getattr(row, name) for name in fields}))
        else:
            name = f"{row.feature}[{row.selected}]" if row.selected else row.feature
            got = "absent" if row.got is None else str(row.got)
            print(f"{name:<48} {row.asked!s:>16} {got:>16}{'  <- differs' if row.differs else ''}")
    return 1 if any(row.differs for row in rows) else 0


@app.command()
def grab(
    profile: ProfileName,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE.png", help="where the frame goes; PROFILE.png here without it")
    ] = None,
    producer: Producers = None,
    serial_number: Serial = None,
    source: Source = None,
    as_json: AsJson = False,
) -> int:
    """Grabs one frame.

    Example: vision camera grab simulator_1280x1024_line0 --producer simulator --out frame.png
    """
    import cv2

    from vision.cameras.camera import CameraError
    from vision.cameras.record import next_frame

    out = out or Path(f"{Path(profile).stem}.png")
    if not cv2.haveImageWriter(str(out)):
        raise CameraError(f"--out {out}: no kind of image, expected .png or .tif")
    if not out.absolute().parent.is_dir():
        raise CameraError(f"--out {out}: there is no folder {out.parent}")
    with _camera(profile, producer, serial_number, source) as camera:
        camera.start()
        pixels, got = next_frame(camera, _TIMEOUT_S)
    if not cv2.imwrite(str(out), pixels):
        raise CameraError(f"--out {out}: could not be written")
    height, width = pixels.shape
    if as_json:
        print(json.dumps({"file": str(out), "width": width, "height": height, "frame_id": got.frame_id}))
    print(f"{out}: {width} x {height}, frame id {got.frame_id}", file=sys.stderr)
    return 0


@app.command()
def record(
    profile: ProfileName,
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="a new folder for the frames and their frames.csv; PROFILE here without one"),
    ] = None,
    frames: Annotated[int, typer.Option(min=1, help="how many frames")] = 100,
    producer: Producers = None,
    serial_number: Serial = None,
    source: Source = None,
    as_json: AsJson = False,
) -> int:
    """Records frames to a folder. `vision run` can replay it, `vision inspect` and `vision audit` look at it.

    Exit code 1 where the camera ended before there were so many.

    Example: vision camera record simulator_1280x1024_line0 packs --frames 50 --producer simulator
    """
    from vision.cameras.record import record as to_folder

    folder = folder or Path(Path(profile).stem)
    with _camera(profile, producer, serial_number, source) as camera:
        count = to_folder(camera, folder, frames, _TIMEOUT_S)
    if as_json:
        print(json.dumps({"folder": str(folder), "frames": count}))
    print(f"{folder}: {count} frames", file=sys.stderr)
    return 0 if count == frames else 1


@contextmanager
def _producers(given: list[Path] | None, source: Path | None) -> Iterator[list[Path]]:
    """The producers asked for, our simulator where none is known; with it its recording is prepared and removed again."""
    from vision.cameras.genicam import find_producers
    from vision.cameras.simulator import producer_path
    from vision.pipeline.sources import simulated

    ours = producer_path()
    paths = [ours if str(path) == "simulator" else path for path in given or []] or find_producers()
    if not paths:
        print("no GenTL producer is set (--producer, GENICAM_GENTL64_PATH): the simulated camera stands in", file=sys.stderr)
        paths = [ours]
    if ours not in paths:
        yield paths
        return
    with simulated(source) as environment:
        os.environ.update(environment)
        yield paths


@contextmanager
def _camera(profile: str, producer: list[Path] | None, serial_number: str | None, source: Path | None) -> Iterator[GenicamCamera]:
    from vision.cameras.genicam import GenicamCamera
    from vision.cameras.profile import find_profile, load_profile

    loaded = load_profile(find_profile(profile))
    with _producers(producer, source) as paths:
        camera = GenicamCamera(paths, loaded, serial_number=serial_number)
        try:
            yield camera
        finally:
            camera.close()
