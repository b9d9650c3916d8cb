"""What the simulator is given and built from: frames file, configuration, faults, the library's exports, the wheel."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import struct
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import numpy as np
import pytest

from vision.cameras.camera import CameraError
from vision.cameras.simulator import Fault, FaultKind, ReplayFrame, fault_schedule, prepare, producer_path
from vision.cameras.simulator import __file__ as package_file
from vision.types import Pixels

BUILD = Path(package_file).with_name("build.py")
ROOT = Path(__file__).resolve().parents[2]
_EXPORTS = """
GCInitLib GCCloseLib GCGetInfo GCGetLastError GCReadPort GCWritePort GCGetPortURL GCGetPortInfo GCRegisterEvent
GCUnregisterEvent GCGetNumPortURLs GCGetPortURLInfo GCReadPortStacked GCWritePortStacked EventGetData EventGetDataInfo
EventGetInfo EventFlush EventKill TLOpen TLClose TLGetInfo TLGetNumInterfaces TLGetInterfaceID TLGetInterfaceInfo
TLOpenInterface TLUpdateInterfaceList IFClose IFGetInfo IFGetNumDevices IFGetDeviceID IFUpdateDeviceList IFGetDeviceInfo
IFOpenDevice IFGetParentTL DevGetPort DevGetNumDataStreams DevGetDataStreamID DevOpenDataStream DevGetInfo DevClose
DevGetParentIF DSAnnounceBuffer DSAllocAndAnnounceBuffer DSFlushQueue DSStartAcquisition DSStopAcquisition DSGetInfo
DSGetBufferID DSClose DSRevokeBuffer DSQueueBuffer DSGetBufferInfo DSGetBufferChunkData DSGetParentDev DSGetNumBufferParts
DSGetBufferPartInfo
"""


def frames_in(path: Path) -> list[Pixels]:
    """The slow plain twin of the C side: every frame of a frames file, put together."""
    data = path.read_bytes()
    magic, width, height, backgrounds, count, images_at, entries_at = struct.unpack_from("<8s4I2Q", data)
    assert magic == b"VISFRM1\0"
    images = np.frombuffer(data, np.uint8, backgrounds * width * height, images_at).reshape(backgrounds, height, width)
    frames = []
    for index in range(count):
        background, x, y, columns, rows, _, offset = struct.unpack_from("<6IQ", data, entries_at + 32 * index)
        frame = images[background].copy()
        frame[y : y + rows, x : x + columns] = np.frombuffer(data, np.uint8, rows * columns, offset).reshape(rows, columns)
        frames.append(frame)
    return frames


def random_frames(seed: int) -> tuple[list[Pixels], list[Pixels]]:
    """Two backgrounds, and frames that are: one of them, one with a patch, something else altogether."""
    random = np.random.default_rng(seed)
    backgrounds = [random.integers(0, 256, (48, 64), np.uint8) for _ in range(2)]
    patched = backgrounds[1].copy()
    patched[5:20, 30:64] = random.integers(0, 256, (15, 34))
    return backgrounds, [backgrounds[1], patched, random.integers(0, 256, (48, 64), np.uint8), backgrounds[0]]


@pytest.mark.parametrize("seed", range(3))
def test_full_frames_come_back_from_backgrounds_and_patches(tmp_path: Path, seed: int) -> None:
    backgrounds, frames = random_frames(seed)
    prepare(tmp_path, frames=frames, backgrounds=backgrounds)
    back = frames_in(tmp_path / "frames.bin")
    assert len(back) == len(frames)
    assert all(np.array_equal(a, b) for a, b in zip(frames, back, strict=True))
    assert (tmp_path / "frames.bin").stat().st_size < 48 * 64 * 3 + 15 * 34 + 400


def test_full_frames_need_no_background(tmp_path: Path) -> None:
    _, frames = random_frames(4)
    whole = [frames[0], *(ReplayFrame(None, patch=frame) for frame in frames[1:])]
    prepare(tmp_path, frames=iter(whole))
    assert all(np.array_equal(a, b) for a, b in zip(frames, frames_in(tmp_path / "frames.bin"), strict=True))


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ([], "no frames"),
        ([np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8)], "frame 1 is uint8"),
        ([np.zeros((4, 4), np.uint16)], "backgrounds must be uint8"),
        ([np.zeros((4, 4), np.uint8), ReplayFrame(0, 3, 0, np.zeros((2, 2), np.uint8))], "patch of frame 1 does not lie within"),
        ([np.zeros((4, 4), np.uint8), ReplayFrame(2)], "frame 1 names background 2 of 1"),
        ([np.zeros((4, 4), np.uint8), ReplayFrame(None)], "frame 1 names background None"),
        ([ReplayFrame(0)], "frame 0 names background 0 of none"),
    ],
)
def test_frames_that_do_not_fit_are_refused(tmp_path: Path, frames: list[Pixels | ReplayFrame], said: str) -> None:
    with pytest.raises(CameraError, match=said):
        prepare(tmp_path, frames=frames)


@pytest.mark.parametrize("wrong", [{"rate_hz": 0}, {"encoder_counts_per_pack": 0}, {"frame_id_bits": 12}, {"serial_number": ""}])
def test_senseless_arguments_are_refused(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(CameraError, match="simulated camera"):
        prepare(tmp_path, frames=[np.zeros((4, 4), np.uint8)], **wrong)  # type: ignore[arg-type]


def test_faults_are_the_same_for_the_same_seed() -> None:
    rates = {FaultKind.INCOMPLETE: 0.02, FaultKind.UNPLUG: 0.001}
    faults = fault_schedule(5, 10_000, rates)
    assert faults == fault_schedule(5, 10_000, rates)
    assert faults != fault_schedule(6, 10_000, rates)
    assert {fault.kind for fault in faults} == set(rates)
    assert 140 < sum(fault.kind is FaultKind.INCOMPLETE for fault in faults) < 260
    assert all(fault.duration_ms == (500 if fault.kind is FaultKind.UNPLUG else 0) for fault in faults)
    assert [fault.pack for fault in faults] == sorted(fault.pack for fault in faults)


def test_preparing_again_puts_the_belt_back(tmp_path: Path) -> None:
    (tmp_path / "belt").write_text("123\n")
    (tmp_path / "edges.csv").write_text("1,Line1,1\n")
    environment = prepare(tmp_path, frames=[np.zeros((4, 4), np.uint8)], faults=[Fault(FaultKind.STALL, 3, 20)])
    assert not (tmp_path / "belt").exists()
    assert not (tmp_path / "edges.csv").exists()
    assert "fault = stall 3 20" in Path(environment["VISION_SIMULATOR"]).read_text(encoding="utf-8").splitlines()


def test_all_of_gentl_1_5_is_exported_and_refuses_strange_handles() -> None:
    """A missing export is a crash in genicam, so is a handle that is believed."""
    try:
        library = ctypes.CDLL(str(producer_path()))
    except CameraError as error:
        pytest.skip(str(error))
    for name in _EXPORTS.split():
        assert getattr(library, name)
    strange, count, size = ctypes.c_void_p(0), ctypes.c_uint32(), ctypes.c_size_t(0)
    for name in ("TLGetNumInterfaces", "IFGetNumDevices", "DevGetNumDataStreams", "GCGetNumPortURLs"):
        assert getattr(library, name)(strange, ctypes.byref(count)) in (-1002, -1006)
    for name in ("TLClose", "IFClose", "DevClose", "DSClose", "EventFlush", "EventKill"):
        assert getattr(library, name)(strange) in (-1002, -1006)
    code = ctypes.c_int32()
    assert library.GCGetLastError(ctypes.byref(code), None, ctypes.byref(size)) == 0
    assert code.value == -1006
    assert size.value > 1


def test_a_missing_compiler_is_one_clear_line(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "CC"} | {"PATH": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, str(BUILD), "--force"], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 2
    assert run.stdout == ""
    assert len(run.stderr.splitlines()) == 1
    assert "install gcc" in run.stderr


def test_the_wheel_carries_the_library_and_its_platform(tmp_path: Path) -> None:
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.stem.endswith("py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_"))
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "vision/cameras/simulator/vision_simulator.cti" in names
    assert "camera_profiles/viky.toml" in names
