"""GenicamCamera on our simulator and on the independent viky.cti, each test in processes of its own."""

from __future__ import annotations

import importlib.util
from itertools import pairwise
from pathlib import Path

import pytest

from tests.cameras.camera_process import HEIGHT, PROFILE, WIDTH, run_python, simulated
from vision.cameras.camera import CameraError
from vision.cameras.simulator import Fault, FaultKind, producer_path

try:
    producer_path()
except CameraError as error:
    pytest.skip(str(error), allow_module_level=True)


def test_every_pack_gives_its_own_image_and_metadata(tmp_path: Path) -> None:
    environment = simulated(tmp_path, encoder_counts_per_pack=500)
    script = """
images = np.load("images.npy")
camera = opened()
pixels = np.empty((camera.height, camera.width), np.uint8)
camera.start()
grabs = []
for _ in range(40):
    grab = until(camera, GrabStatus.FRAME, into=pixels)
    grabs.append((grab.frame_id, grab.device_timestamp_ns, grab.encoder_count, grab.line_status & 1,
                  bool((pixels == images[(grab.frame_id - 1) % 7]).all())))
camera.stop()
camera.close()
show(grabs=grabs, differences=differences(camera.readback), rows=len(camera.readback))
"""
    (result,) = run_python(script, tmp_path, environment)
    ids, times, counts, barrier, same = zip(*result["grabs"], strict=True)
    assert ids == tuple(range(1, 41))
    assert all(same)
    assert counts == tuple(500 * number for number in ids)
    assert set(barrier) == {1}  # the trigger's edge is the barrier's
    assert all(abs(b - a - 10_000_000) < 10_000 for a, b in pairwise(times))
    assert result["differences"] == ""
    assert result["rows"] > 10


@pytest.mark.parametrize("rectangle", [(64, 40, 96, 60), (16, 2, 304, 238)])
def test_a_region_of_interest_is_cut_out(tmp_path: Path, rectangle: tuple[int, int, int, int]) -> None:
    width, height, x, y = rectangle
    environment = simulated(tmp_path)
    text = PROFILE.replace(f"Width = {WIDTH}", f"Width = {width}\nOffsetX = {x}\nOffsetY = {y}").replace(
        f"Height = {HEIGHT}", f"Height = {height}"
    )
    (tmp_path / "profile.toml").write_text(text, encoding="utf-8")
    script = f"""
images = np.load("images.npy")[:, {y}:{y + height}, {x}:{x + width}]
camera = opened()
pixels = np.empty((camera.height, camera.width), np.uint8)
camera.start()
same = []
for _ in range(7):
    grab = until(camera, GrabStatus.FRAME, into=pixels)
    same.append(bool((pixels == images[(grab.frame_id - 1) % 7]).all()))
camera.close()
show(same=same, size=[camera.width, camera.height])
"""
    assert run_python(script, tmp_path, environment) == [{"same": [True] * 7, "size": [width, height]}]


def test_incomplete_and_dropped_frames_are_told(tmp_path: Path) -> None:
    faults = [Fault(FaultKind.INCOMPLETE, 5), Fault(FaultKind.DROPPED, 9), Fault(FaultKind.DROPPED, 10)]
    script = """
camera = opened()
camera.start()
show(grabs=[(g.status.value, g.frame_id) for g in (until(camera, GrabStatus.FRAME, GrabStatus.INCOMPLETE) for _ in range(12))])
camera.close()
"""
    (result,) = run_python(script, tmp_path, simulated(tmp_path, faults=faults))
    frames = [["frame", number] for number in (1, 2, 3, 4, 5)]
    after = [["frame", number] for number in (7, 8, 9, 12, 13, 14)]
    assert result["grabs"] == [*frames, ["incomplete", None], *after]


def test_slow_registers_are_slow_and_lose_nothing(tmp_path: Path) -> None:
    script = """
import time
camera = opened()
camera.start()
first = until(camera, GrabStatus.FRAME).frame_id
begin = time.monotonic()
camera.nodes.get("Gain")
took_ms = (time.monotonic() - begin) * 1e3
show(ids=[first, *(until(camera, GrabStatus.FRAME).frame_id for _ in range(30))], took_ms=took_ms)
camera.close()
"""
    faults = [Fault(FaultKind.SLOW_REGISTERS, 0, 60_000)]
    (result,) = run_python(script, tmp_path, simulated(tmp_path, faults=faults, slow_register_ms=40.0))
    assert result["took_ms"] >= 40
    assert result["ids"] == list(range(1, 32))


def test_a_stall_holds_frames_back_and_loses_none(tmp_path: Path) -> None:
    faults = [Fault(FaultKind.STALL, 5, 300)]
    script = """
camera = opened()
camera.start()
first = until(camera, GrabStatus.FRAME)
seen = [camera.grab(None, 0.1).status.value for _ in range(7)]
camera.set_user_output("UserOutput0", True)
ids = [until(camera, GrabStatus.FRAME).frame_id for _ in range(60)]
camera.close()
show(ids=ids, seen=seen)
"""
    environment = simulated(tmp_path, faults=faults, rate_hz=50.0)
    (result,) = run_python(script, tmp_path, environment)
    assert "timeout" in result["seen"]
    assert "lost" not in result["seen"]
    assert result["ids"] == list(range(result["ids"][0], result["ids"][0] + 60))


def test_unplugged_is_lost_and_a_new_process_finds_the_pack_that_is_there_then(tmp_path: Path) -> None:
    environment = simulated(tmp_path, faults=[Fault(FaultKind.UNPLUG, 20, 600)])
    script = """
camera = opened()
camera.start()
ids = []
while (grab := until(camera, GrabStatus.FRAME, GrabStatus.LOST)).status is GrabStatus.FRAME:
    ids.append(grab.frame_id)
again = camera.grab(None, 0.0)
camera.stop()
camera.close()
show(last=ids[-1], status=again.status.value, detail=again.detail, second=complaint(opened))
"""
    (lost,) = run_python(script, tmp_path, environment)
    assert lost["last"] <= 20
    assert lost["status"] == "lost"
    assert "SIM0001" in lost["detail"]
    assert "one camera, one process" in lost["second"]
    script = """
absent = []
while not list_cameras([producer_path()]):
    absent = absent or [complaint(opened)]
camera = opened()
camera.start()
show(first=until(camera, GrabStatus.FRAME).frame_id, absent=absent)
camera.close()
"""
    (back,) = run_python(script, tmp_path, environment)
    assert back["first"] > 20 + 0.6 * 100
    assert all("seen: none" in text for text in back["absent"])


def test_the_belt_runs_on_when_the_acquirer_is_killed(tmp_path: Path) -> None:
    environment = simulated(tmp_path)
    script = """
camera = opened()
camera.start()
for _ in range(5):
    grab = until(camera, GrabStatus.FRAME)
show(last=grab.frame_id)
os.kill(os.getpid(), signal.SIGKILL)
"""
    (killed,) = run_python(script, tmp_path, environment, returncode=-9)
    script = """
camera = opened()
camera.start()
show(first=until(camera, GrabStatus.FRAME).frame_id)
camera.close()
"""
    (after,) = run_python(script, tmp_path, environment)
    assert after["first"] > killed["last"] + 1


def test_a_second_opener_is_refused_in_one_line(tmp_path: Path) -> None:
    script = """
import subprocess
camera = opened()
camera.start()
second = '''
from pathlib import Path
from vision.cameras.camera import CameraError
from vision.cameras.genicam import GenicamCamera, list_cameras
from vision.cameras.profile import load_profile
from vision.cameras.simulator import producer_path
print(list_cameras([producer_path()])[0].access)
try:
    GenicamCamera([producer_path()], load_profile(Path("profile.toml")), serial_number="SIM0001")
except CameraError as error:
    print(error)
'''
run = subprocess.run([sys.executable, "-c", second], capture_output=True, text=True, timeout=30)
show(said=run.stdout.splitlines(), errors=run.stderr, still=until(camera, GrabStatus.FRAME).status.value, here=complaint(opened),
     listing=complaint(list_cameras, [producer_path()]))
camera.close()
"""
    (result,) = run_python(script, tmp_path, simulated(tmp_path))
    assert result["errors"] == ""
    assert result["said"] == ["busy", "camera SIM0001: busy, another process has it open"]
    assert result["still"] == "frame"
    assert "one camera, one process" in result["here"]
    assert "has one open" in result["listing"]


def test_a_wrong_key_names_the_cameras_that_are_there(tmp_path: Path) -> None:
    script = """
show(serial=complaint(opened, serial_number="WRONG"), user=complaint(opened, user_id="line 9"),
     file=complaint(GenicamCamera, [Path("none.cti")], load_profile(Path("profile.toml")), serial_number="X"))
camera = opened(user_id="simulated")
camera.close()
"""
    (result,) = run_python(script, tmp_path, simulated(tmp_path))
    assert result["serial"] == "no camera with serial_number 'WRONG'; seen: SIM0001 (packline Vision Simulator simulated)"
    assert result["user"].startswith("no camera with user_id 'line 9'; seen: SIM0001")
    assert result["file"] == "none.cti: no such GenTL producer"


def test_a_producer_that_will_not_load_says_why(tmp_path: Path) -> None:
    script = """
show(listed=complaint(list_cameras, [producer_path()]), opened=complaint(opened))
"""
    environment = simulated(tmp_path)
    path = Path(environment["VISION_SIMULATOR"])
    path.write_text(path.read_text(encoding="utf-8") + "speed = 7\n", encoding="utf-8")
    (result,) = run_python(script, tmp_path, environment)
    assert "unknown key speed" in result["listed"]
    assert "unknown key speed" in result["opened"]


def test_rounding_is_told_and_exact_refuses_it(tmp_path: Path) -> None:
    script = """
text = Path("profile.toml").read_text()
Path("rounded.toml").write_text(text.replace("ExposureTime = 100.0", "ExposureTime = 153.0"))
Path("exact.toml").write_text(text.replace("ExposureTime = 100.0", "ExposureTime = { value = 153.0, exact = true }"))
Path("alias.toml").write_text(text.replace("ExposureTime = 100.0", "ExposureTimeAbs = { value = 150.0, alias = ['ExposureTime'] }"))
Path("missing.toml").write_text(text.replace("ExposureTime = 100.0", "ExposureTimeAbs = 150.0"))
Path("entry.toml").write_text(text.replace('"Line0"', '"Line9"'))
Path("size.toml").write_text(text.replace("Width = 320", "Width = 318"))
camera = opened("rounded.toml")
table = differences(camera.readback)
camera.close()
camera = opened("alias.toml")
alias = [(row.feature, row.got) for row in camera.readback if row.feature.startswith("Exposure")]
camera.close()
show(table=table, alias=alias, **{name: complaint(opened, name + ".toml") for name in ("exact", "missing", "entry", "size")})
"""
    (result,) = run_python(script, tmp_path, simulated(tmp_path))
    assert result["table"].splitlines()[1].split() == ["ExposureTime", "153.0", "150.0"]
    assert result["alias"] == [["ExposureTime", 150.0]]
    assert result["exact"] == "camera SIM0001: exact.toml: exposure.ExposureTime: 153.0 asked exactly, the camera has 150.0"
    assert result["missing"] == "camera SIM0001: missing.toml: exposure.ExposureTimeAbs: the camera has no ExposureTimeAbs"
    assert "trigger.TriggerSource: TriggerSource cannot be 'Line9', one of Software, Line0, Encoder0 expected" in result["entry"]
    assert "size.toml: format.Width: Width cannot be set to 318" in result["size"]


def test_user_outputs_leave_time_stamped_edges(tmp_path: Path) -> None:
    script = """
import time
camera = opened()
camera.start()
before = time.monotonic_ns()
for value in (True, True, False, True):
    camera.set_user_output("UserOutput0", value)
after = time.monotonic_ns()
nodes = camera.nodes
nodes.set("LineSelector", "Line2"); nodes.set("LineSource", "Timer0Active"); nodes.set("TimerDuration", 5000.0)
nodes.set("TimerTriggerSource", "SoftwareSignal0"); nodes.set("SoftwareSignalPulse", True)
edges = read_edges(Path("camera"))
width = edges[-1][0] - edges[-2][0]
inside = all(before <= at <= after for at, line, _ in edges if line == "Line1")
no = complaint(camera.set_user_output, "UserOutput7", True)
show(lines=[(line, level) for _, line, level in edges], inside=inside, width=width, no=no)
camera.close()
"""
    (result,) = run_python(script, tmp_path, simulated(tmp_path))
    assert result["lines"] == [["Line1", True], ["Line1", False], ["Line1", True], ["Line2", True], ["Line2", False]]
    assert result["inside"]
    assert result["width"] == 5_000_000
    assert "UserOutput7" in result["no"]


@pytest.mark.parametrize("source", ["Software", "Encoder0", "free"])
def test_every_trigger_source_exposes(tmp_path: Path, source: str) -> None:
    script = f"""
source = {source!r}
text = Path("profile.toml").read_text()
Path("profile.toml").write_text(text.replace('"Line0"', '"Encoder0"\\nTriggerDivider = 2000') if source == "Encoder0"
    else text.replace('"Line0"', '"Software"') if source == "Software" else text.replace('TriggerMode = "On"', ""))
camera = opened()
camera.start()
nothing = camera.grab(None, 0.1).status.value if source == "Software" else ""
grabs = []
for _ in range(5):
    if source == "Software":
        camera.nodes.set("TriggerSoftware", True)
    grabs.append(until(camera, GrabStatus.FRAME))
camera.close()
show(ids=[grab.frame_id for grab in grabs], counts=[grab.encoder_count for grab in grabs], nothing=nothing)
"""
    (result,) = run_python(script, tmp_path, simulated(tmp_path))
    assert result["ids"] == [1, 2, 3, 4, 5]
    if source == "Encoder0":  # two packs' way each
        assert result["counts"] == [2000, 4000, 6000, 8000, 10000]
    if source == "Software":
        assert result["nothing"] == "timeout"


def test_a_trigger_changed_while_acquiring_leaves_no_hole(tmp_path: Path) -> None:
    script = """
Path("profile.toml").write_text(Path("profile.toml").read_text().replace('"Line0"', '"Software"'))
camera = opened()
camera.start()
ids = []
for delay in (0.0, 10.0, 20.0):
    camera.nodes.set("TriggerDelay", delay)
    for _ in range(2):
        camera.nodes.set("TriggerSoftware", True)
        ids.append(until(camera, GrabStatus.FRAME).frame_id)
camera.nodes.set("AcquisitionFrameRateEnable", True)
camera.nodes.set("AcquisitionFrameRate", 200.0)
camera.nodes.set("TriggerMode", "Off")
ids += [until(camera, GrabStatus.FRAME).frame_id for _ in range(4)]
camera.close()
show(ids=ids)
"""
    (result,) = run_python(script, tmp_path, simulated(tmp_path))
    assert result["ids"] == list(range(1, 11))


def test_the_folder_of_an_open_camera_is_not_prepared_again(tmp_path: Path) -> None:
    script = """
from vision.cameras.simulator import prepare
camera = opened()
camera.start()
said = complaint(prepare, Path("camera"), frames=[np.zeros((8, 8), np.uint8)])
show(said=said, still=until(camera, GrabStatus.FRAME).status.value)
camera.close()
show(said=complaint(prepare, Path("camera"), frames=[np.zeros((8, 8), np.uint8)]))
"""
    during, after = run_python(script, tmp_path, simulated(tmp_path))
    assert during["said"].endswith("the simulated camera of this folder is open")
    assert during["still"] == "frame"
    assert after["said"] == "no complaint"


def test_sixteen_bit_ids_wrap_and_begin_again(tmp_path: Path) -> None:
    script = """
camera = opened()
camera.start()
first = [until(camera, GrabStatus.FRAME).frame_id for _ in range(3)]
camera.stop()
camera.start()
show(first=first, second=until(camera, GrabStatus.FRAME).frame_id)
camera.close()
"""
    (result,) = run_python(script, tmp_path, simulated(tmp_path, frame_id_bits=16, frame_ids_restart=True))
    assert result == {"first": [1, 2, 3], "second": 1}


def test_the_belt_stops_after_its_last_pack(tmp_path: Path) -> None:
    script = """
camera = opened()
camera.start()
ids = [until(camera, GrabStatus.FRAME).frame_id for _ in range(7)]
show(ids=ids, then=camera.grab(None, 0.2).status.value)
camera.close()
"""
    (result,) = run_python(script, tmp_path, simulated(tmp_path, loop=False))
    assert result == {"ids": [1, 2, 3, 4, 5, 6, 7], "then": "timeout"}


def test_interrupts_stay_the_callers_and_forks_are_refused(tmp_path: Path) -> None:
    script = """
mine = lambda number, frame: None
signal.signal(signal.SIGINT, mine)
camera = opened()
kept = signal.getsignal(signal.SIGINT) is mine
child = os.fork()
if child == 0:
    os._exit(0 if "fork" in complaint(camera.grab, None, 0.0) else 1)
show(kept=kept, child=os.waitpid(child, 0)[1], threads=sum(1 for _ in Path("/proc/self/task").iterdir()) >= 1)
camera.close()
"""
    (result,) = run_python(script, tmp_path, simulated(tmp_path))
    assert result["kept"]
    assert result["child"] == 0


def test_features_show_kind_range_and_entries(tmp_path: Path) -> None:
    script = """
camera = opened()
found = {info.name: info for info in features(camera)}
camera.close()
show(width=[found["Width"].kind, found["Width"].value, found["Width"].minimum], entries=found["TriggerSource"].entries,
     access=found["DeviceSerialNumber"].access, unit=found["ExposureTime"].unit, hidden="WidthLimit" in found)
"""
    (result,) = run_python(script, tmp_path, simulated(tmp_path))
    assert result["width"] == ["integer", WIDTH, 16]
    assert result["entries"] == ["Software", "Line0", "Encoder0"]
    assert (result["access"], result["unit"], result["hidden"]) == ("read", "us", False)


def test_the_independent_producer_streams_through_the_same_code(tmp_path: Path) -> None:
    spec = importlib.util.find_spec("genicam")
    viky = Path(spec.origin).with_name("viky.cti") if spec and spec.origin else Path()
    if not viky.is_file():
        pytest.skip("genicam has no viky.cti for this platform")
    script = f"""
viky = Path({str(viky)!r})
os.environ["GENICAM_GENTL64_PATH"] = str(viky.parent)
serials = [camera.serial_number for camera in list_cameras(find_producers())]
camera = GenicamCamera([viky], load_profile(find_profile("viky")), serial_number="1")
pixels = np.zeros((camera.height, camera.width), np.uint8)
camera.start()
seen = []
for _ in range(10):
    pixels[:] = 77
    grab = until(camera, GrabStatus.FRAME, into=pixels)
    seen.append((grab.frame_id, int((pixels != 77).mean() * 100)))
camera.stop()
camera.close()
show(serials=serials, seen=seen, which=complaint(GenicamCamera, [viky], load_profile(find_profile("viky"))))
"""
    (result,) = run_python(script, tmp_path, {})
    assert result["serials"] == ["0", "1", "2"]
    ids = [number for number, _ in result["seen"]]
    assert ids == list(range(ids[0], ids[0] + 10))
    assert all(changed > 90 for _, changed in result["seen"])
    assert result["which"].startswith("more than one camera")


def test_a_camera_fills_places_itself(tmp_path: Path) -> None:
    """Frames come in the places given, each only after it was given, and equal the copied ones; a place too small means copies."""
    lines = run_python(
        """
import mmap
from vision.cameras.in_place import possible
assert possible()
images = np.load("images.npy")
height, width = images[0].shape
room = -(-height * width // 4096) * 4096 + 4096
flat = np.frombuffer(mmap.mmap(-1, 12 * (room + 4096)), np.uint8).reshape(12, room + 4096)
other, told = os.pipe()
told_end, ask = os.pipe()
if os.fork() == 0:  # another process with the same memory, as another station's camera has it
    os.read(told_end, 1)
    os.write(told, bytes([int(flat[:, :4096].any()), int(flat[3, 4096:].any())]))
    os._exit(0)
camera = opened()
views = [flat[k, 4096 : 4096 + height * width].reshape(height, width) for k in range(12)]
assert camera.fill(views, room)
for place in range(8):
    camera.give(place)
camera.start()
assert camera.fills
places, right = [], 0
for k in range(30):
    grab = until(camera, GrabStatus.FRAME)
    image = views[grab.place]
    right += (image == images[(grab.frame_id - 1) % 7]).all() and grab.encoder_count is not None
    places.append(grab.place)
    camera.give(grab.place if k != 4 else 11)  # place 4 is kept back, 11 comes in its stead
show(places=places, right=int(right), kept=bool((views[4] == images[4]).all()))
camera.stop()
os.write(ask, b"x")
heads, pixels = os.read(other, 2)
show(unused=bool(views[9].any()), heads_shared=bool(heads), pixels_shared=bool(pixels))
camera.close()
""",
        tmp_path,
        simulated(tmp_path),
    )
    assert lines[0] == {"places": [*range(8), 0, 1, 2, 3, 11, *([5, 6, 7, 0, 1, 2, 3, 11] * 3)][:30], "right": 30, "kept": True}
    assert lines[1] == {"unused": False, "heads_shared": False, "pixels_shared": True}
    lines = run_python(
        """
images = np.load("images.npy")
camera = opened()
views = [np.zeros_like(images[0]) for _ in range(9)]
assert camera.fill(views, images[0].nbytes)  # no room for the chunks
camera.start()
show(fills=camera.fills)
grab = until(camera, GrabStatus.FRAME, into=views[3])
show(place=grab.place, right=bool((views[3] == images[(grab.frame_id - 1) % 7]).all()))
camera.close()
""",
        tmp_path,
        simulated(tmp_path),
    )
    assert lines == [{"fills": False}, {"place": None, "right": True}]
