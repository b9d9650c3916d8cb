"""What a record costs: rows made in the inspector and the recorder, a commit on the disk, sealing, reading, an image kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.results.samples import finding, record
from vision.results.images import EvidenceStore
from vision.results.reader import open_batch
from vision.results.recovery import recover
from vision.results.rows import RowEncoder, rows_to_batch
from vision.results.schema import symbol_rows
from vision.results.seal import seal_file
from vision.results.verify import verify
from vision.results.writer import BatchWriter

Benchmark = Callable[..., Any]


@pytest.fixture
def triggers() -> Iterator[int]:
    return count(1)


def test_symbol_rows(benchmark: Benchmark) -> None:
    found = (finding(),)
    assert benchmark(symbol_rows, found)


@pytest.mark.parametrize("rows", [1, 2, 10])
def test_rows_to_batch(benchmark: Benchmark, rows: int) -> None:
    records = [record(trigger) for trigger in range(rows)]
    assert benchmark(rows_to_batch, records).num_rows == rows


@pytest.mark.parametrize("rows", [1, 2, 10])
def test_encode_rows(benchmark: Benchmark, rows: int) -> None:
    """As the recorder does it: by template, to the bytes of the message."""
    encoder = RowEncoder()
    records = [record(10 + trigger) for trigger in range(rows)]
    for _ in range(2):
        encoder.encode(records)
    assert benchmark(encoder.encode, records) and encoder.plain == 2


@pytest.mark.parametrize("rows", [1, 2, 10])
def test_commit(benchmark: Benchmark, rows: int, tmp_path: Path, triggers: Iterator[int]) -> None:
    """Append and commit, with the disk's own sync in it."""
    writer = BatchWriter(tmp_path, {}, rows_per_file=10**9)

    def append_next() -> tuple[tuple[()], dict[str, Any]]:
        writer.append([record(next(triggers)) for _ in range(rows)])
        return (), {}

    assert len(benchmark.pedantic(writer.commit, setup=append_next, rounds=300)) == rows
    writer.abandon()


def _open_file(folder: Path, rows: int, group: int) -> Path:
    writer = BatchWriter(folder, {}, rows_per_file=10**9)
    for first in range(0, rows, group):
        writer.append([record(trigger) for trigger in range(first, first + group)])
        writer.commit()
    writer.abandon()
    return folder / "000001.arrows"


@pytest.mark.parametrize("group", [1, 10])
def test_seal_2000_rows(benchmark: Benchmark, group: int, tmp_path: Path) -> None:
    """Sealing in one go; the recorder spreads it over its loop in steps."""
    stream = _open_file(tmp_path, 2000, group)
    benchmark.pedantic(seal_file, args=(stream,), rounds=1)
    assert verify(tmp_path) == []


def test_recover_2000_rows(benchmark: Benchmark, tmp_path: Path) -> None:
    _open_file(tmp_path, 2000, 2)
    assert benchmark.pedantic(recover, args=(tmp_path,), rounds=1).rows == 2000


def test_roll_step(benchmark: Benchmark, tmp_path: Path, triggers: Iterator[int]) -> None:
    """One turn of the recorder's sealing with its budget of 2 ms: what a pack may have to wait for."""
    writer = BatchWriter(tmp_path, {}, rows_per_file=500)

    def commit_next() -> tuple[tuple[bool], dict[str, Any]]:
        writer.append([record(next(triggers)), record(next(triggers))])
        writer.commit()
        return (True,), {}

    benchmark.pedantic(writer.roll, setup=commit_next, rounds=1500)
    writer.close()


def test_open_2000_rows(benchmark: Benchmark, tmp_path: Path) -> None:
    seal_file(_open_file(tmp_path, 2000, 10))
    assert benchmark(open_batch, tmp_path).num_rows == 2000


def test_verify_2000_rows(benchmark: Benchmark, tmp_path: Path) -> None:
    seal_file(_open_file(tmp_path, 2000, 10))
    assert benchmark(verify, tmp_path) == []


def test_keep_image(benchmark: Benchmark, tmp_path: Path, triggers: Iterator[int]) -> None:
    """1280 x 1024 with sensor noise."""
    ramp = np.linspace(60, 200, 1280)[None, :] + np.random.default_rng(1).normal(0, 2, (1024, 1280))
    pixels = ramp.astype(np.uint8)
    store = EvidenceStore(tmp_path / "images", 1000, 10**9, 0)
    assert benchmark.pedantic(lambda: store.keep("S1", next(triggers), pixels), rounds=20)
