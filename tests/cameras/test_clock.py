"""The device's clock in host time: late frames must not move it, drift must show."""

from __future__ import annotations

import numpy as np
import pytest

from vision.cameras.clock import DeviceClock


@pytest.mark.parametrize("drift_ppm", [-80.0, 0.0, 15.0, 150.0])
@pytest.mark.parametrize("ticks_hz", [1e9, 125e6, 1e6])
def test_finds_offset_and_drift_under_delays(drift_ppm: float, ticks_hz: float) -> None:
    """60 s at 50 frames/s, delays of 1 ms and more, one in five late by up to 40 ms: within 0.2 ms, 5 ppm."""
    random = np.random.default_rng(7)
    clock = DeviceClock(ticks_hz)
    device_s = 5000.0 + np.arange(3000) / 50.0
    host_s = 77.0 + (device_s - 5000.0) * (1 + drift_ppm * 1e-6)
    delay_s = 1e-3 + random.exponential(0.2e-3, 3000) + np.where(random.random(3000) < 0.2, random.uniform(0, 0.04, 3000), 0)
    for device, host, delay in zip(device_s, host_s, delay_s, strict=True):
        clock.add(round(device * ticks_hz), round((host + delay) * 1e9))
    errors_ms = [clock.host_ns(round(d * ticks_hz)) / 1e6 - (h + 1e-3) * 1e3 for d, h in zip(device_s, host_s, strict=True)]
    assert max(map(abs, errors_ms)) < 0.2
    assert abs(clock.drift - drift_ppm * 1e-6) < 5e-6


def test_no_frame_arrives_before_its_time() -> None:
    random = np.random.default_rng(3)
    clock, pairs = DeviceClock(), []
    for k in range(500):
        ticks = 10**12 + k * 20_000_000
        host = k * 20_000_000 + int(random.exponential(3e6))
        clock.add(ticks, host)
        pairs.append((ticks, host))
    assert all(clock.host_ns(ticks) <= host + 1 for ticks, host in pairs)


def test_a_burst_of_late_frames_moves_nothing() -> None:
    clock = DeviceClock()
    for k in range(500):
        clock.add(k * 10_000_000, k * 10_000_000 + 1_000_000)
    before = clock.host_ns(5_000_000_000)
    for k in range(500, 600):
        clock.add(k * 10_000_000, k * 10_000_000 + 80_000_000)
    assert abs(clock.host_ns(5_000_000_000) - before) < 100_000


def test_a_restarted_device_begins_anew() -> None:
    clock = DeviceClock()
    for k in range(100):
        clock.add(10**12 + k * 10_000_000, k * 10_000_000)
    clock.add(5, 2_000_000_000)
    assert clock.host_ns(5) == 2_000_000_000


def test_nothing_is_known_before_the_first_frame() -> None:
    clock = DeviceClock()
    assert not clock.known
    with pytest.raises(ValueError, match="before the first frame"):
        clock.host_ns(1)
    with pytest.raises(ValueError, match="ticks_hz"):
        DeviceClock(0)
