"""What content and serials cost a pack: the check of a code against its order, and the look-up of its serial."""

from __future__ import annotations

import random

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from vision.content.compare import check
from vision.content.order import Order
from vision.content.serial_set import SerialSet
from vision.content.serials import SerialIndex

SERIALS = SerialSet.of(f"{number * 7919 % 10**9:09d}ABC" for number in range(100_000))
GS1 = Order("PO", "x", "GS1", "ABC123", "271231", 1, gtin="04012345678901", serials=SERIALS)
IFA = Order("PO", "x", "IFA", "ABC123", "271231", 1, ppn="110375286414", serials=SERIALS)
FEW = random.Random(1).sample(list(SERIALS), 1000)


@pytest.mark.parametrize("scheme", ["GS1", "IFA"])
def test_check(benchmark: BenchmarkFixture, scheme: str) -> None:
    """One pack: payload to reasons. Limit of the house: 50 us."""
    serial = FEW[0]
    if scheme == "GS1":
        payload, identifier, order = f"01040123456789011727123110ABC123\x1d21{serial}".encode(), "]d2", GS1
    else:
        payload, identifier, order = f"[)>\x1e06\x1d9N110375286414\x1d1TABC123\x1dD271231\x1dS{serial}\x1e\x04".encode(), "]d1", IFA
    content = benchmark(check, payload, identifier, order)
    assert content.reasons == ()


def test_serial_claim(benchmark: BenchmarkFixture) -> None:
    """A look-up and claim in the line's index. Limit of the house: 20 us (10 million serials: see bench.batch)."""
    index = SerialIndex(GS1)
    serials = iter(FEW * 10_000)
    benchmark(lambda: index.claim(next(serials)))
