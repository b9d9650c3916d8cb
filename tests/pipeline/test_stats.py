"""Counters of a run."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vision.pipeline.stats import LatencyHistogram, RateMeter


@given(
    st.lists(st.integers(min_value=1, max_value=10**10), min_size=1, max_size=300), st.sampled_from([0.0, 0.5, 0.99, 0.999, 1.0])
)
def test_quantiles_are_within_a_bucket(latencies: list[int], q: float) -> None:
    histogram = LatencyHistogram()
    for latency in latencies:
        histogram.add(latency)
    exact = sorted(latencies)[max(0, min(len(latencies) - 1, int(-(-q * len(latencies) // 1)) - 1))]
    got_ns = (histogram.quantiles_ms((q,))[0] or 0.0) * 1e6
    assert exact * 0.999999 <= got_ns <= max(exact * (1 + 1 / 32) + 1, exact + 1.1)
    assert histogram.as_dict()["max"] == round(max(latencies) / 1e6, 2)


def test_an_empty_histogram_says_nothing() -> None:
    assert LatencyHistogram().as_dict() == {"p50": None, "p99": None, "p999": None, "max": None}


def test_rates() -> None:
    meter = RateMeter(window_s=3.0)
    assert meter.now_hz(0.0) == 0.0 and meter.mean_hz() == 0.0
    times = [100 + n / 60 for n in range(600)]
    for t in times:
        meter.add(t)
    assert abs(meter.mean_hz() - 60) < 0.01
    assert abs(meter.now_hz(times[-1]) - 60) < 1
    assert meter.now_hz(times[-1] + 10) == 0.0
