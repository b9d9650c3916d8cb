"""Counters of a running line: latency histogram, rate, the summary at the end. Pure: times are given."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from vision.pipeline.ledger import Counts

_BUCKETS_PER_DOUBLING = 32


class LatencyHistogram:
    """Latencies in nanoseconds in logarithmic buckets: any quantile within 2.2 %, memory constant."""

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self.count = 0
        self.max_ns = 0

    def add(self, latency_ns: int) -> None:
        latency_ns = max(latency_ns, 1)
        exponent = latency_ns.bit_length() - 1
        fraction = (latency_ns << 5 >> exponent) - 32  # 0..31 within the doubling
        bucket = exponent * _BUCKETS_PER_DOUBLING + fraction
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self.count += 1
        self.max_ns = max(self.max_ns, latency_ns)

    def as_dict(self) -> dict[str, float | None]:
        longest = self.max_ns / 1e6 if self.count else None
        values = (*self.quantiles_ms((0.50, 0.99, 0.999)), longest)
        rounded = (None if value is None else round(value, 2) for value in values)
        return dict(zip(("p50", "p99", "p999", "max"), rounded, strict=True))

    def quantiles_ms(self, rising: tuple[float, ...]) -> list[float | None]:
        """The upper edge of the bucket that holds each quantile, in ms; None while empty. In one pass: the status asks often."""
        if not self.count:
            return [None] * len(rising)
        found: list[float | None] = []
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            while len(found) < len(rising) and seen >= rising[len(found)] * self.count:
                exponent, fraction = divmod(bucket, _BUCKETS_PER_DOUBLING)
                upper_ns = 2.0**exponent * (1 + (fraction + 1) / _BUCKETS_PER_DOUBLING)
                found.append(min(upper_ns, self.max_ns) / 1e6)
        return found


class RateMeter:
    """Triggers per second over the last few seconds, and over the whole run."""

    def __init__(self, window_s: float = 3.0) -> None:
        self._window_s = window_s
        self._recent: deque[float] = deque()
        self.first: float | None = None
        self.last = 0.0
        self.count = 0

    def add(self, now: float) -> None:
        if self.first is None:
            self.first = now
        self.last = now
        self.count += 1
        self._recent.append(now)
        while self._recent[0] < now - self._window_s:
            self._recent.popleft()

    def now_hz(self, now: float) -> float:
        if self.first is None:
            return 0.0
        while self._recent and self._recent[0] < now - self._window_s:
            self._recent.popleft()
        span = min(self._window_s, now - self.first)
        return len(self._recent) / span if span > 0.2 else 0.0

    def mean_hz(self) -> float:
        if self.first is None or self.count < 2 or self.last <= self.first:
            return 0.0
        return (self.count - 1) / (self.last - self.first)


@dataclass(frozen=True, slots=True)
class Status:
    """What the terminal shows once or more a second."""

    state: str
    seconds: float
    rate_hz: float
    counts: Counts
    latency: LatencyHistogram
    inspectors_ready: int
    slots_free: int
    slots: int
    restarts: int
    output_healthy: bool
    trouble: str
    images_dropped: int
    print_warnings: tuple[str, ...] = ()

    @property
    def latency_ms(self) -> dict[str, float | None]:
        """Counted when asked for: it costs more than all else here."""
        return self.latency.as_dict()


@dataclass(slots=True)
class Summary:
    """The end of a run; as_json() is the last line of `vision run --json`."""

    counts: Counts
    rate_hz: float
    latency_ms: dict[str, float | None]
    results: str
    restarts: int = 0
    images_dropped: int = 0
    state: str = "STOPPED"
    trouble: str = ""
    plc: dict[str, Any] | None = None
    print_warnings: tuple[str, ...] = ()
    cpu_ms_per_frame: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "triggered": self.counts.triggered,
            "accepted": self.counts.accepted,
            "rejected": self.counts.rejected,
            "reasons": {str(reason): n for reason, n in self.counts.reasons.most_common()},
            "late": self.counts.late,
            "records": self.counts.rows_durable,
            "rate_hz": round(self.rate_hz, 2),
            "latency_ms": self.latency_ms,
            "results": self.results,
            "passed": self.counts.settled_pass,
            "amended": self.counts.amended,
            "restarts": self.restarts,
            "images_dropped": self.images_dropped,
            "state": self.state,
            "trouble": self.trouble,
            "plc": self.plc,
            "print_warnings": list(self.print_warnings),
            "cpu_ms_per_frame": self.cpu_ms_per_frame,
        }
