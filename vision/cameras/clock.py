"""Device ticks -> host monotonic ns: pure.

A frame arrives some time after its timestamp, never before: the smallest differences host - device lie on a line whose slope is
the drift of the two crystals and whose height is the offset plus the least delay of the path. Single late frames do not move it.
"""

from __future__ import annotations

import numpy as np

_DRIFT_LIMIT = 500e-6  # no camera crystal is worse; a steeper line is a burst of delays


class DeviceClock:
    """Learns from pairs (device ticks, host time of arrival) and converts ticks.

    ticks_hz: tick frequency of the device. bin_ns: width of the time bins of which each keeps its smallest difference.
    bin_count: how many bins are kept. The least delay of the path cannot be told from the offset and is in it.
    """

    def __init__(self, ticks_hz: float = 1e9, bin_ns: int = 1_000_000_000, bin_count: int = 64) -> None:
        if ticks_hz <= 0 or bin_ns <= 0 or bin_count < 2:
            raise ValueError("ticks_hz > 0, bin_ns > 0 and bin_count >= 2 expected")
        self._ns_per_tick = 1e9 / ticks_hz
        self._bin_ns = bin_ns
        self._bin_count = bin_count
        self.reset()

    def reset(self) -> None:
        """Forgets everything: the device was restarted."""
        self._bins: dict[int, tuple[float, float]] = {}
        self._host_zero: int | None = None
        self._ticks_zero = 0
        self._last_ticks = 0
        self._line = (0.0, 0.0)  # offset and drift of host - device, against device ns since the first pair

    @property
    def known(self) -> bool:
        return self._host_zero is not None

    @property
    def drift(self) -> float:
        """By how much host seconds are longer than the device's: 20e-6 = the device is 20 ppm slow. 0 until it shows."""
        return self._line[1]

    def add(self, ticks: int, host_ns: int) -> None:
        """A frame of device time `ticks` was at the host at host_ns. Ticks that go backwards begin anew."""
        if self._host_zero is None or ticks < self._last_ticks:
            self.reset()
            self._host_zero, self._ticks_zero = host_ns, ticks
        assert self._host_zero is not None
        self._last_ticks = ticks
        device = (ticks - self._ticks_zero) * self._ns_per_tick  # small numbers: float64 keeps them below a nanosecond
        difference = (host_ns - self._host_zero) - device
        bin_index = int(device // self._bin_ns)
        best = self._bins.get(bin_index)
        if best is None or difference < best[1]:
            self._bins[bin_index] = (device, difference)
            while len(self._bins) > self._bin_count:
                del self._bins[min(self._bins)]
            self._fit()

    def host_ns(self, ticks: int) -> int:
        """Host monotonic time of a device time; ValueError before the first pair."""
        if self._host_zero is None:
            raise ValueError("the device clock is not known before the first frame")
        device = (ticks - self._ticks_zero) * self._ns_per_tick
        offset, drift = self._line
        return self._host_zero + round(device + offset + drift * device)

    def _fit(self) -> None:
        """The line under all bins that lies closest to them: the lower hull's edge over the middle of the bins."""
        points = sorted(self._bins.values())
        hull: list[tuple[float, float]] = []
        for point in points:
            while len(hull) >= 2 and _turns_down(hull[-2], hull[-1], point):
                hull.pop()
            hull.append(point)
        times = np.array([time for time, _ in points])
        middle = float(times.mean())
        drift = 0.0
        if len(points) >= 3:
            edge = next((k for k in range(len(hull) - 1) if hull[k + 1][0] >= middle), 0)
            (t0, d0), (t1, d1) = hull[edge], hull[edge + 1]
            drift = float(np.clip((d1 - d0) / (t1 - t0), -_DRIFT_LIMIT, _DRIFT_LIMIT))
        offset = min(difference - drift * time for time, difference in points)
        self._line = (offset, drift)


def _turns_down(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    """b lies on or above the line from a to c: not on the lower hull."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) <= 0
