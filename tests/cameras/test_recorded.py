"""Recordings and the camera that replays them: what is shown, in which order and when, and one line for each thing wrong."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from vision.cameras.camera import CameraError, GrabStatus
from vision.cameras.recorded import RecordedCamera, Recording, RecordingError

WIDTH, HEIGHT = 40, 30


def _image(value: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    image = np.full((height, width), value, np.uint8)
    image[0, 0] = 255 - value
    return image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two backgrounds, two patches, a whole frame."""
    images = {"b0": _image(10), "b1": _image(20), "p0": _image(200, 8, 6), "p1": _image(210, 5, 5), "whole": _image(99)}
    for name, image in images.items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), image)
    _index(tmp_path, "p0.png,b0.png,3,4", ",b1.png,0,0", "whole.png,,,", "p1.png,b0.png,35,25")
    return tmp_path


def _index(folder: Path, *rows: str) -> None:
    (folder / "index.csv").write_text("\n".join(("file,background,x,y", *rows)) + "\n", encoding="utf-8")


def _expected() -> list[np.ndarray]:
    first, last = _image(10), _image(10)
    first[4:10, 3:11] = _image(200, 8, 6)
    last[25:30, 35:40] = _image(210, 5, 5)
    return [first, _image(20), _image(99), last]


def _frames(path: Path) -> list[np.ndarray]:
    with Recording.open(path) as recording:
        assert (recording.width, recording.height) == (WIDTH, HEIGHT)
        return [recording.frame(index) for index in range(len(recording))]


def test_index_in_folder_and_zip_show_the_same(folder: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in folder.iterdir():
            if file != packed:
                archive.write(file, file.name)
    for shown in (_frames(folder), _frames(packed)):
        assert len(shown) == 4
        assert all(np.array_equal(got, wanted) for got, wanted in zip(shown, _expected(), strict=True))
        assert not any(frame.flags.writeable for frame in shown)


def test_parts_make_up_the_frames(folder: Path) -> None:
    recording = Recording.open(folder)
    for (background, x, y, patch), wanted in zip(recording.parts(), _expected(), strict=True):
        frame = np.zeros((HEIGHT, WIDTH), np.uint8) if background is None else recording.backgrounds[background].copy()
        if patch is not None:
            frame[y : y + patch.shape[0], x : x + patch.shape[1]] = patch
        assert np.array_equal(frame, wanted)
    assert [part[0] for part in recording.parts()] == [0, 1, None, 0]


def test_plain_folder_in_name_order(tmp_path: Path) -> None:
    for name, value in (("f2.png", 2), ("f10.bmp", 10), ("f1.webp", 1)):
        cv2.imwrite(str(tmp_path / name), np.full((HEIGHT, WIDTH), value, np.uint8), (cv2.IMWRITE_WEBP_QUALITY, 101))
    (tmp_path / "notes.txt").write_text("not an image", encoding="utf-8")
    assert [int(frame[5, 5]) for frame in _frames(tmp_path)] == [1, 10, 2]


def test_colour_becomes_grey_by_the_documented_rule(tmp_path: Path) -> None:
    colour = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    colour[:] = (200, 100, 50)  # B, G, R
    cv2.imwrite(str(tmp_path / "a.png"), colour)
    opaque = np.dstack((colour, np.full((HEIGHT, WIDTH), 255, np.uint8)))
    cv2.imwrite(str(tmp_path / "b.png"), opaque)
    wanted = round(0.299 * 50 + 0.587 * 100 + 0.114 * 200)
    assert all(np.abs(frame.astype(int) - wanted).max() <= 1 for frame in _frames(tmp_path))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["gone.png,b0.png,0,0"], r"row 2: gone\.png: no such file"),
        (["p0.png,b0.png,0,0", "p0.png,b9.png,0,0"], r"row 3: b9\.png: no such file"),
        (["../p0.png,b0.png,0,0"], r"row 2: \.\./p0\.png: no such file"),
        (["p0.png,b0.png,x,0"], r"row 2: column 'x': 'x' is wrong"),
        (["p0.png,b0.png,3,-1"], r"row 2: column 'y': '-1' is wrong"),
        (["p0.png,b0.png,3"], r"row 2: has 3 columns, expected 4"),
        ([",,0,0"], r"row 2: names neither"),
        (["whole.png,,5,0"], r"row 2: has a place but no background"),
        ([",b0.png,0,0", ",p0.png,0,0"], r"p0\.png: is 8x6, the recording is 40x30"),
        ([], r"index\.csv: has no rows"),
        (["p0.png,b0.png,33,0"], r"row 2: p0\.png \(8x6\) at 33, 0 reaches out"),
        ([",b0.png,0,0", "p1.png,,,"], r"row 3: is 5x5, the recording is 40x30"),
        ([",b0.png,0,0", "torn.png,,,"], r"row 3: torn\.png: is not an image"),
        ([",b0.png,0,0", "deep.png,,,"], r"row 3: deep\.png: has 16 bits"),
        ([",b0.png,0,0", "glass.png,,,"], r"row 3: glass\.png: is partly transparent"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(folder: Path, rows: list[str], message: str) -> None:
    (folder / "torn.png").write_bytes(b"no image at all")
    cv2.imwrite(str(folder / "deep.png"), np.full((HEIGHT, WIDTH), 4000, np.uint16))
    cv2.imwrite(str(folder / "glass.png"), np.full((HEIGHT, WIDTH, 4), 90, np.uint8))
    _index(folder, *rows)
    with pytest.raises(RecordingError) as caught:
        _frames(folder)
    said = str(caught.value)
    assert re.search(message, said) and "\n" not in said and str(folder) in said
    assert isinstance(caught.value, CameraError)


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.zip"
    text.write_text("no archive", encoding="utf-8")
    for path, message in (
        (tmp_path / "gone", "no such recording"),
        (text, "neither a folder nor a .zip"),
        (tmp_path, "holds neither"),
    ):
        with pytest.raises(RecordingError, match=message):
            Recording.open(path)
    (tmp_path / "index.csv").write_text("a,b\n", encoding="utf-8")
    with pytest.raises(RecordingError, match=r"row 1: expected the columns file,background,x,y"):
        Recording.open(tmp_path)


def test_camera_replays_once_and_ends(folder: Path) -> None:
    camera = RecordedCamera(Recording.open(folder), start_at=1, encoder_counts_per_pack=2.5)
    camera.start()
    into = np.zeros((HEIGHT, WIDTH), np.uint8)
    for frame_id, (wanted, count) in enumerate(zip(_expected()[1:], (2, 5, 8), strict=True), start=1):
        grab = camera.grab(into, 1.0)
        assert (grab.status, grab.frame_id, grab.encoder_count) == (GrabStatus.FRAME, frame_id, count)
        assert np.array_equal(into, wanted) and grab.arrival_ns > 0
    assert camera.grab(into, 1.0).status is GrabStatus.ENDED
    camera.start()
    assert camera.grab(None, 1.0).frame_id == 1
    camera.close()


def test_camera_loops_with_ids_that_go_on(folder: Path) -> None:
    camera = RecordedCamera(Recording.open(folder), loop=True)
    camera.start()
    into = np.zeros((HEIGHT, WIDTH), np.uint8)
    for frame_id in range(1, 10):
        grab = camera.grab(into, 0.0)
        assert (grab.status, grab.frame_id, grab.encoder_count) == (GrabStatus.FRAME, frame_id, None)
        assert np.array_equal(into, _expected()[(frame_id - 1) % 4])


def test_camera_keeps_its_pace(folder: Path) -> None:
    """No frame before its time: the second is due a whole period after the first, and a short time-out says so."""
    camera = RecordedCamera(Recording.open(folder), rate_hz=0.01)
    camera.start()
    first = camera.grab(None, 0.0)
    assert first.status is GrabStatus.FRAME
    assert camera.grab(None, 0.001).status is GrabStatus.TIMEOUT
    paced = RecordedCamera(Recording.open(folder), rate_hz=50.0)
    paced.start()
    grabs = [paced.grab(None, 5.0) for _ in range(3)]
    due = [grab.device_timestamp_ns for grab in grabs]
    assert all(grab.device_timestamp_ns is not None and grab.arrival_ns >= grab.device_timestamp_ns for grab in grabs)
    assert [later - due[0] for later in due if later is not None and due[0] is not None] == [0, 20_000_000, 40_000_000]


def test_camera_refuses_what_makes_no_sense(folder: Path) -> None:
    recording = Recording.open(folder)
    for arguments in ({"rate_hz": -1.0}, {"rate_hz": float("nan")}, {"start_at": 4}, {"encoder_counts_per_pack": -2.0}):
        with pytest.raises(RecordingError, match=f"{next(iter(arguments))} .* is wrong"):
            RecordedCamera(recording, **arguments)  # type: ignore[arg-type]
    camera = RecordedCamera(recording)
    with pytest.raises(RecordingError, match="before start"):
        camera.grab(None, 0.0)
    camera.start()
    with pytest.raises(RecordingError, match="frames are 40x30, not 30x40"):
        camera.grab(np.zeros((40, 30), np.uint8), 0.0)
    camera.set_user_output("UserOutput0", True)
    assert camera.user_outputs == {"UserOutput0": True}
