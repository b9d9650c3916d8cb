"""The line file: whether the packs of a camera whose rate is known can be followed to the ejector."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from vision.config import ConfigError, LineConfig, StationConfig, describe, load_line
from vision.reject.modbus import ModbusOutput
from vision.reject.schedule import Schedule

TIMED = {"distance_mm": 600.0, "speed_mm_per_s": 1000.0}
COUNTED = {"distance_mm": 600.0, "encoder_counts_per_mm": 10.0, "speed_max_mm_per_s": 1000.0}
"""A pack each 100 counts, that is each 10 mm; 10 packs/s, so 100 mm/s."""


def load(folder: Path, reject: dict[str, float], rate_hz: float = 10.0, output: str = "modbus") -> LineConfig:
    camera = f'backend = "simulator"\nsource = "frames"\nrate_hz = {rate_hz}\nencoder_counts_per_pack = 100'
    return _load(folder, camera, reject, output)


def load_live(folder: Path, reject: dict[str, float]) -> LineConfig:
    return _load(folder, 'backend = "genicam"', reject, "modbus")


def _load(folder: Path, camera: str, reject: dict[str, float], output: str) -> LineConfig:
    path = folder / "line.toml"
    keys = "\n".join(f"{key} = {value}" for key, value in reject.items())
    path.write_text(
        f'[line]\nname = "L1"\ndeadline_ms = 10\n[[station]]\nname = "S1"\n[station.camera]\n{camera}\n'
        f'profile = "camera.toml"\n[station.reject]\noutput = "{output}"\n{keys}\n',
        encoding="utf-8",
    )
    return load_line(path)


def station(folder: Path, reject: dict[str, float], rate_hz: float = 10.0, output: str = "modbus") -> StationConfig:
    return load(folder, reject, rate_hz, output).stations[0]


def refused(folder: Path, reject: dict[str, float], key: str, rate_hz: float = 10.0, output: str = "modbus") -> None:
    with pytest.raises(ConfigError) as raised:
        load(folder, reject, rate_hz, output)
    message = str(raised.value)
    assert message.startswith(f"{folder / 'line.toml'}: [station S1.reject] {key}: "), message
    assert message.isprintable()


def test_the_limits_are_those_of_the_reject_path(folder: Path) -> None:
    assert station(folder, TIMED).under_way_limit == inspect.signature(ModbusOutput).parameters["entry_count"].default
    simulated = station(folder, TIMED, output="simulated")
    assert simulated.under_way_limit == inspect.signature(Schedule).parameters["limit_count"].default


@pytest.mark.parametrize(("output", "limit"), [("modbus", 119), ("simulated", 4095)])
def test_no_more_packs_under_way_than_can_be_told_apart(folder: Path, output: str, limit: int) -> None:
    """Travel time times rate; one more may be there, for packs do not stand in step with the ejector."""
    rate_hz = limit / 0.6
    assert station(folder, TIMED, rate_hz - 0.01, output).under_way_count == pytest.approx(limit, abs=0.01)
    refused(folder, TIMED, "distance_mm", rate_hz + 0.01, output)


def test_with_an_encoder_packs_under_way_are_distance_over_pitch_at_any_speed(folder: Path) -> None:
    for rate_hz in (5.0, 50.0):
        assert station(folder, {**COUNTED, "distance_mm": 1189.9}, rate_hz).under_way_count == pytest.approx(118.99)
        refused(folder, {**COUNTED, "distance_mm": 1190.1}, "distance_mm", rate_hz)


def test_the_simulated_belt_may_run_no_faster_than_the_fastest_one(folder: Path) -> None:
    assert station(folder, {**COUNTED, "speed_max_mm_per_s": 100.0}).reject.speed_max_mm_per_s == 100.0
    refused(folder, {**COUNTED, "speed_max_mm_per_s": 99.9}, "speed_max_mm_per_s")


def test_an_encoder_is_silent_from_pack_to_pack(folder: Path) -> None:
    """Counts come with frames: each silence ends with the next pack, or with the only one at the ejector."""
    assert station(folder, {**COUNTED, "encoder_lost_ms": 100.1}).reject.encoder_lost_ms == 100.1
    refused(folder, {**COUNTED, "encoder_lost_ms": 100.0}, "encoder_lost_ms")
    near = {**COUNTED, "distance_mm": 4.0, "speed_max_mm_per_s": 100.0}
    assert station(folder, {**near, "encoder_lost_ms": 40.1}).under_way_count == pytest.approx(0.4)
    refused(folder, {**near, "encoder_lost_ms": 40.0}, "encoder_lost_ms")


def test_the_description_says_what_can_be_followed(folder: Path) -> None:
    timed, counted = dict(describe(load(folder, TIMED))), dict(describe(load(folder, COUNTED)))
    assert timed["station S1 under_way"] == "6.0 of at most 119 packs on the way to the ejector"
    assert counted["station S1 under_way"] == "60.0 of at most 119 packs on the way to the ejector"
    assert counted["station S1 longest_gap"].startswith("500 ms from pack to pack")
    assert "station S1 longest_gap" not in timed


def test_of_a_camera_without_a_known_rate_the_description_says_the_limit(folder: Path) -> None:
    timed, counted = dict(describe(load_live(folder, TIMED))), dict(describe(load_live(folder, COUNTED)))
    assert timed["station S1 under_way"] == "at most 119 packs on the way to the ejector: 198 packs/s"
    assert counted["station S1 under_way"] == "at most 119 packs on the way to the ejector: 5.0 mm or more from pack to pack"
    assert "station S1 longest_gap" in counted
