"""The line file: what is read from it, what follows from it, and one line for each way in which it can be wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vision.config import ConfigError, LineConfig, config_hash, describe, load_line, memory_bytes
from vision.content.order import Order
from vision.decode.search import Search
from vision.grade.setup import Setup
from vision.reject.belt import EncoderTravel, TimeTravel

LINE = """
[line]
name = "L1"

[[station]]
name = "S1"
[station.camera]
backend = "recorded"
source = "frames"
[station.recipe]
aperture = "80%"
[station.reject]
output = "modbus"
distance_mm = 600.0
speed_mm_per_s = 1000.0
"""

FULL = """
[line]
name = "Line-1_a"
results = "out"
inspectors = 4
slots = 64
deadline_ms = 200
restart_count = 3
restart_window_s = 30.0
unique_within = "batch"
[results]
rows_per_file = 500
evidence_images = 20
evidence_mb = 30
free_mb_min = 40
[[station]]
name = "S1"
[station.camera]
backend = "simulator"
profile = "camera.toml"
serial_number = "SIM-1"
source = "frames"
rate_hz = 60
loop = false
seed = 7
faults = [{kind = "incomplete", every = 100}, {kind = "stall", pack = 5, ms = 250.0}]
encoder_counts_per_pack = 100.0
frame_timeout_ms = 2000.0
[station.recipe]
aperture = "8mil"
mm_per_px = 0.03
white = 240.0
black = 10
polarity = "dark"
sizes = [[24, 24], [16, 48]]
effort = 200
second_opinion_ms = 5
grade_min = 2.0
symbols_per_frame = 3
count_extra = true
[station.reject]
output = "camera_line"
distance_mm = 600
encoder_counts_per_mm = 10.0
speed_max_mm_per_s = 1500.0
encoder_lost_ms = 400.0
heartbeat_ms = 50
user_output = "UserOutput2"
pulse_ms = 15
consecutive_rejects_stop = 12
[[station]]
name = "S2"
[station.camera]
backend = "genicam"
profile = "camera.toml"
producers = ["a.cti"]
user_id = "left"
[station.reject]
output = "modbus"
distance_mm = 300
speed_mm_per_s = 500
host = "localhost"
port = 5020
unit_id = 2
simulate_plc = true
"""


def load(folder: Path, text: str) -> LineConfig:
    path = folder / "line.toml"
    path.write_text(text, encoding="utf-8")
    return load_line(path)


def test_defaults(folder: Path) -> None:
    config = load(folder, LINE)
    station = config.stations[0]
    assert (config.name, config.results, config.inspectors, config.slots) == ("L1", Path("results"), 2, 32)
    assert (config.deadline_ms, config.restart_count, config.restart_window_s, config.unique_within) == (150.0, 5, 60.0, "order")
    assert (config.keep.rows_per_file, config.keep.evidence_images, config.keep.evidence_mb) == (10_000, 200, 200)
    assert config.keep.free_mb_min == 100
    assert station.camera.source == folder / "frames"
    assert (station.camera.rate_hz, station.camera.loop, station.camera.frame_timeout_ms) == (10.0, True, 0.0)
    assert (station.reject.host, station.reject.port, station.reject.simulate_plc) == ("127.0.0.1", 502, False)
    assert (station.recipe.search, station.recipe.setup) == (Search(effort=64), Setup())
    assert station.recipe.count_extra
    assert station.travel_ms == pytest.approx(600.0)
    assert station.reject.travel() == TimeTravel(600_000_000)


def test_everything_set(folder: Path) -> None:
    config = load(folder, FULL)
    first, second = config.stations
    assert (config.name, config.inspectors, config.slots, config.deadline_ms) == ("Line-1_a", 4, 64, 200.0)
    assert (config.restart_count, config.restart_window_s, config.unique_within) == (3, 30.0, "batch")
    assert (config.keep.rows_per_file, config.keep.evidence_images) == (500, 20)
    camera = first.camera
    assert (camera.backend, camera.profile, camera.frame_size) == ("simulator", folder / "camera.toml", (1280, 1024))
    assert (camera.serial_number, camera.user_id, camera.rate_hz, camera.loop, camera.seed) == ("SIM-1", None, 60.0, False, 7)
    assert camera.faults == ({"kind": "incomplete", "every": 100}, {"kind": "stall", "pack": 5, "ms": 250.0})
    assert first.recipe.search == Search(polarity="dark", sizes=((24, 24), (16, 48)), effort=200, second_opinion_ms=5)
    assert first.recipe.setup == Setup(aperture="8mil", mm_per_px=0.03, white=240.0, black=10)
    assert first.reject.travel() == EncoderTravel(distance_count=6000, rate_max_count_per_s=15_000, lost_ns=400_000_000)
    assert first.travel_ms == pytest.approx(400.0)  # at the fastest belt
    assert (first.reject.user_output, first.reject.pulse_ms, first.reject.consecutive_rejects_stop) == ("UserOutput2", 15.0, 12)
    assert second.camera.producers == (folder / "a.cti",)
    assert (second.camera.user_id, second.camera.serial_number) == ("left", None)
    assert (second.reject.host, second.reject.port, second.reject.unit_id) == ("localhost", 5020, 2)
    assert second.reject.simulate_plc


def test_the_recipe_under_an_order_and_without_one(folder: Path) -> None:
    order = Order("PO", "x", "GS1", "L", "271231", 1, gtin="04012345678901", grade_min=1.5, symbols_per_frame=2)
    full = load(folder, FULL).stations[0].recipe
    plain = load(folder, LINE).stations[0].recipe
    assert (full.recipe(order).grade_min, full.recipe(order).symbols_per_frame) == (2.0, 2)
    assert (full.recipe(order).search.symbol_count, full.recipe(order).search.extra_effort > 0) == (2, True)
    assert (full.recipe(None).grade_min, full.recipe(None).symbols_per_frame) == (2.0, 3)
    assert (plain.recipe(order).grade_min, plain.recipe(order).search.symbol_count) == (1.5, 2)
    assert (plain.recipe(None).grade_min, plain.recipe(None).symbols_per_frame) == (1.5, None)


def test_paths_start_at_the_folder_of_the_line_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "line.toml").write_text(LINE, encoding="utf-8")
    monkeypatch.chdir(folder.parent)
    config = load_line(Path(folder.name) / "line.toml")
    assert config.stations[0].camera.source == Path(folder.name) / "frames"


def test_description_names_every_field_and_both_sums(folder: Path) -> None:
    config = load(folder, FULL)
    lines = dict(describe(config))
    assert lines["inspectors"] == "4"
    assert lines["keep rows_per_file"] == "500"
    assert lines["station S1 recipe setup aperture"] == '"8mil"'
    assert lines["station S2 reject port"] == "5020"
    assert lines["station S2 camera serial_number"] == "not set"
    assert lines["memory"] == "64 slots x 1.31 MB = 83.9 MB"
    assert lines["station S1 latency"] == "200 ms deadline + 200.0 ms to spare = 400.0 ms travel"
    assert memory_bytes(config) == 64 * 1280 * 1024
    assert memory_bytes(config, {"S2": (2448, 2048)}) == 64 * 2448 * 2048
    assert all("\n" not in name + value for name, value in describe(config))


def test_memory_of_a_recording_is_known_when_its_frames_are(folder: Path) -> None:
    config = load(folder, LINE)
    assert memory_bytes(config) == 0
    assert dict(describe(config))["memory"] == "32 slots x the frame of the recording"
    assert dict(describe(config, {"S1": (1000, 1000)}))["memory"] == "32 slots x 1.00 MB = 32.0 MB"


def test_the_hash_follows_what_is_in_effect(folder: Path) -> None:
    same = config_hash(load(folder, LINE))
    assert config_hash(load(folder, LINE.replace('name = "L1"', 'name = "L1"\nslots = 32'))) == same
    assert config_hash(load(folder, LINE.replace('name = "L1"', 'name = "L1"\nslots = 33'))) != same
    assert config_hash(load(folder, LINE.replace('"80%"', '"70%"'))) != same


def _with(table: str, line: str) -> str:
    """LINE with one more line at the head of a table."""
    return LINE.replace(table, f"{table}\n{line}")


def _without(key: str) -> str:
    return "\n".join(line for line in LINE.splitlines() if not line.startswith(key))


SIMULATOR = LINE.replace('backend = "recorded"', 'backend = "simulator"\nprofile = "camera.toml"')
GENICAM = LINE.replace('backend = "recorded"\nsource = "frames"', 'backend = "genicam"\nprofile = "camera.toml"')
ENCODER = LINE.replace("speed_mm_per_s = 1000.0", "encoder_counts_per_mm = 10.0\nspeed_max_mm_per_s = 1000.0")
SIMULATOR_ENCODER = ENCODER.replace('backend = "recorded"', 'backend = "simulator"\nprofile = "camera.toml"')
CAMERA_LINE = SIMULATOR.replace('output = "modbus"', 'output = "camera_line"')
TWICE = LINE + LINE[LINE.index("[[station]]") :]

WRONG = [
    # text, what the message must name
    ("", "[line]"),
    ("[line", "TOML"),
    ('[line]\nname = "L1"\nname = "L2"', "TOML"),
    (LINE + "\n[other]\n", "[other]"),
    ('[line]\nname = "L1"', "[[station]]"),
    ('station = 3\n[line]\nname = "L1"', "[[station]]"),
    ("line = 3\n" + LINE[LINE.index("[[station]]") :], "[line]"),
    ("[results]\nrows = 1\n" + LINE, "rows"),
    ("[results]\nrows_per_file = 0\n" + LINE, "rows_per_file"),
    ("[results]\nevidence_mb = -1\n" + LINE, "evidence_mb"),
    ("[results]\nevidence_images = 1.5\n" + LINE, "evidence_images"),
    ("[results]\nfree_mb_min = true\n" + LINE, "free_mb_min"),
    (_without("name"), "name"),
    (LINE.replace('"L1"', '"L 1"'), "name"),
    (LINE.replace('"L1"', '"../L1"'), "name"),
    (LINE.replace('"S1"', '""'), "name"),
    (_with("[line]", "inspector = 2"), "inspector"),
    (_with("[line]", "inspectors = 0"), "inspectors"),
    (_with("[line]", "inspectors = 65"), "inspectors"),
    (_with("[line]", 'inspectors = "2"'), "inspectors"),
    (_with("[line]", "slots = 1"), "slots"),
    (_with("[line]", "slots = 2.0"), "slots"),
    (_with("[line]", "deadline_ms = 0"), "deadline_ms"),
    (_with("[line]", "deadline_ms = nan"), "deadline_ms"),
    (_with("[line]", "deadline_ms = inf"), "deadline_ms"),
    (_with("[line]", "deadline_ms = 590"), "deadline_ms"),
    (_with("[line]", "deadline_s = 0.1"), "deadline_s"),
    (_with("[line]", "restart_count = -1"), "restart_count"),
    (_with("[line]", "restart_window_s = 0"), "restart_window_s"),
    (_with("[line]", '"in\\nspectors" = 2'), r"'in\nspectors'"),
    (_with("[line]", 'unique_within = "line"'), "unique_within"),
    (_with("[line]", "unique_within = []"), "unique_within"),
    (_with("[line]", "results = 5"), "results"),
    (_with("[line]", 'results = ""'), "results"),
    (_with("[[station]]", "colour = 1"), "colour"),
    (_without("[station.camera]").replace('backend = "recorded"', "").replace('source = "frames"', ""), "camera"),
    (LINE.replace("[station.camera]", "[station.lens]"), "camera"),
    (_without("backend"), "backend"),
    (LINE.replace('"recorded"', '"gige"'), "backend"),
    (_without("source"), "source"),
    (LINE.replace('"frames"', '"missing.zip"'), "source"),
    (LINE.replace('"frames"', "3"), "source"),
    (_with("[station.camera]", "rate_hz = -1"), "rate_hz"),
    (_with("[station.camera]", "rate_hz = true"), "rate_hz"),
    (_with("[station.camera]", "loop = 1"), "loop"),
    (_with("[station.camera]", "seed = 1"), "seed"),
    (_with("[station.camera]", "faults = []"), "faults"),
    (_with("[station.camera]", 'profile = "x"'), "profile"),
    (_with("[station.camera]", 'producers = ["a.cti"]'), "producers"),
    (_with("[station.camera]", 'serial_number = "1"'), "serial_number"),
    (_with("[station.camera]", "encoder_counts_per_pack = -1"), "encoder_counts_per_pack"),
    (_with("[station.camera]", "frame_timeout_ms = -1"), "frame_timeout_ms"),
    (SIMULATOR.replace('profile = "camera.toml"', ""), "profile"),
    (SIMULATOR.replace("camera.toml", "missing.toml"), "missing.toml"),
    (SIMULATOR.replace("camera.toml", "no_such_profile"), "'no_such_profile'"),
    (SIMULATOR.replace('profile = "camera.toml"', 'profile = "line.toml"'), "profile"),
    (SIMULATOR.replace('profile = "camera.toml"', 'profile = "camera.toml"\nrate_hz = 0'), "rate_hz"),
    (SIMULATOR.replace('profile = "camera.toml"', 'profile = "camera.toml"\nseed = -1'), "seed"),
    (SIMULATOR.replace('profile = "camera.toml"', 'profile = "camera.toml"\nfaults = 1'), "faults"),
    (SIMULATOR.replace('profile = "camera.toml"', 'profile = "camera.toml"\nfaults = ["stall"]'), "faults"),
    (SIMULATOR.replace('profile = "camera.toml"', 'profile = "camera.toml"\nfaults = [{every = 1}]'), "faults"),
    (SIMULATOR.replace('profile = "camera.toml"', 'profile = "camera.toml"\nfaults = [{kind = "x", at = [1]}]'), "faults"),
    (
        SIMULATOR.replace('profile = "camera.toml"', 'profile = "camera.toml"\nencoder_counts_per_pack = 0'),
        "encoder_counts_per_pack",
    ),
    (SIMULATOR.replace('profile = "camera.toml"', 'profile = "camera.toml"\nserial_number = "1"\nuser_id = "2"'), "user_id"),
    (GENICAM.replace('profile = "camera.toml"', 'profile = "camera.toml"\nsource = "frames"'), "source"),
    (GENICAM.replace('profile = "camera.toml"', 'profile = "camera.toml"\nrate_hz = 10'), "rate_hz"),
    (GENICAM.replace('profile = "camera.toml"', 'profile = "camera.toml"\nproducers = "a.cti"'), "producers"),
    (GENICAM.replace('profile = "camera.toml"', 'profile = "camera.toml"\nproducers = ["b.cti"]'), "producers"),
    (GENICAM.replace('profile = "camera.toml"', 'profile = "camera.toml"\nproducers = ["a.so"]'), "producers"),
    (_with("[station.recipe]", "aperature = 1"), "aperature"),
    (LINE.replace('"80%"', '"80"'), "aperture"),
    (LINE.replace('"80%"', '"8mil"'), "aperture"),
    (LINE.replace('"80%"', "true"), "aperture"),
    (_with("[station.recipe]", "mm_per_px = 0"), "mm_per_px"),
    (_with("[station.recipe]", "white = nan"), "white"),
    (_with("[station.recipe]", "white = 10\nblack = 10"), "white"),
    (_with("[station.recipe]", 'standard = "15416"'), "15415"),
    (_with("[station.recipe]", "calibrated = true"), "calibrated"),
    (_with("[station.recipe]", 'polarity = "grey"'), "polarity"),
    (_with("[station.recipe]", "polarity = 1"), "polarity"),
    (_with("[station.recipe]", "sizes = [24, 24]"), "sizes"),
    (_with("[station.recipe]", "sizes = [[24]]"), "sizes"),
    (_with("[station.recipe]", "effort = 0"), "effort"),
    (_with("[station.recipe]", "effort = 1.5"), "effort"),
    (_with("[station.recipe]", "second_opinion_ms = -1"), "second_opinion_ms"),
    (_with("[station.recipe]", "symbol_count = 1"), "symbol_count"),
    (_with("[station.recipe]", "symbols_per_frame = 0"), "symbols_per_frame"),
    (_with("[station.recipe]", "grade_min = 4.5"), "grade_min"),
    (_with("[station.recipe]", "count_extra = 1"), "count_extra"),
    (LINE.replace("[station.reject]", "[station.rejector]"), "reject"),
    (_without("output"), "output"),
    (LINE.replace('"modbus"', '"relay"'), "output"),
    (_without("distance_mm"), "distance_mm"),
    (LINE.replace("600.0", "0"), "distance_mm"),
    (LINE.replace("600.0", '"600 mm"'), "distance_mm"),
    (_without("speed_mm_per_s"), "speed_mm_per_s"),
    (LINE.replace("1000.0", "0"), "speed_mm_per_s"),
    (_with("[station.reject]", "encoder_counts_per_mm = 10"), "speed_mm_per_s"),
    (_with("[station.reject]", "speed_max_mm_per_s = 10"), "speed_max_mm_per_s"),
    (_with("[station.reject]", "encoder_lost_ms = 10"), "encoder_lost_ms"),
    (ENCODER, "encoder_counts_per_pack"),
    (ENCODER.replace("speed_max_mm_per_s = 1000.0", ""), "speed_max_mm_per_s"),
    (ENCODER.replace("= 10.0", "= 100000").replace("600.0", "1000000"), "distance_mm"),
    (_with("[station.reject]", 'host = "a b"'), "host"),
    (_with("[station.reject]", "host = 1"), "host"),
    (_with("[station.reject]", "port = 0"), "port"),
    (_with("[station.reject]", "port = 70000"), "port"),
    (_with("[station.reject]", "unit_id = 256"), "unit_id"),
    (_with("[station.reject]", 'simulate_plc = "yes"'), "simulate_plc"),
    (_with("[station.reject]", 'simulate_plc = true\nhost = "10.0.0.5"'), "simulate_plc"),
    (_with("[station.reject]", "heartbeat_ms = 0"), "heartbeat_ms"),
    (_with("[station.reject]", "pulse_ms = 20"), "pulse_ms"),
    (_with("[station.reject]", 'user_output = "UserOutput1"'), "user_output"),
    (_with("[station.reject]", "consecutive_rejects_stop = -1"), "consecutive_rejects_stop"),
    (CAMERA_LINE.replace('output = "camera_line"', 'output = "camera_line"\nhost = "127.0.0.1"'), "host"),
    (CAMERA_LINE.replace('output = "camera_line"', 'output = "camera_line"\npulse_ms = 0'), "pulse_ms"),
    (LINE.replace('output = "modbus"', 'output = "camera_line"'), "output"),
    (LINE.replace('output = "modbus"', 'output = "simulated"\nport = 502'), "port"),
    (TWICE.replace('"S1"', '"S2"'), "name"),
    (TWICE[: TWICE.rindex('"S1"')] + TWICE[TWICE.rindex('"S1"') :].replace('"S1"', '"S2"'), "unit_id"),
]


@pytest.mark.parametrize(("text", "named"), WRONG, ids=[f"{number}-{named}" for number, (_, named) in enumerate(WRONG)])
def test_a_wrong_line_file_is_one_line_that_names_file_and_key(folder: Path, text: str, named: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(folder, text)
    message = str(raised.value)
    assert message.startswith(str(folder / "line.toml"))
    place = message.removeprefix(str(folder / "line.toml"))
    if re.fullmatch("[a-z_]+", named):
        assert re.match(rf": \[[^\]]+\] {named}: ", place), message
    else:
        assert named in place
    assert message.isprintable()


@pytest.mark.parametrize("text", [LINE, SIMULATOR, GENICAM, CAMERA_LINE, SIMULATOR_ENCODER])
def test_what_the_wrong_ones_are_made_from_is_right(folder: Path, text: str) -> None:
    assert load(folder, text).stations[0].name == "S1"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, word in [(tmp_path / "missing.toml", "cannot be read"), (tmp_path, "cannot be read")]:
        with pytest.raises(ConfigError, match=word):
            load_line(path)
    (tmp_path / "latin.toml").write_bytes(b"[line]\nname = '\xe9'")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_line(tmp_path / "latin.toml")


_ODD = [
    "true",
    "-1",
    "0",
    "1.5",
    "1e300",
    "inf",
    "-inf",
    "nan",
    '""',
    '"\\u0000"',
    "[]",
    "[[]]",
    "{}",
    "{a = 1}",
    "1979-05-27",
    "9" * 18,
]


@pytest.mark.parametrize("key", [line.split(" = ")[0] for line in FULL.splitlines() if " = " in line])
def test_any_value_of_any_key_gives_a_line_or_one_line(folder: Path, key: str) -> None:
    for odd in _ODD:
        text = "\n".join(f"{key} = {odd}" if line.startswith(f"{key} = ") else line for line in FULL.splitlines())
        try:
            config = load(folder, text)
        except ConfigError as error:
            assert str(error).isprintable()
            assert str(error).startswith(str(folder / "line.toml"))
        else:
            assert all(value.isprintable() for _, value in describe(config))
            assert len(config_hash(config)) == 64
