"""What a commit gives back is on the disk; what is not there is never given back, and never lost by a full disk."""

from __future__ import annotations

import errno
import os
import random
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.results.samples import record
from tests.rights import on_a_small_disk
from vision.results.folder import ResultsError
from vision.results.images import EvidenceStore
from vision.results.reader import open_batch
from vision.results.stream import StreamReader
from vision.results.verify import examine, verify
from vision.results.writer import BatchWriter, RecordingError
from vision.types import Reason


def triggers(folder: Path) -> list[int]:
    return list(open_batch(folder, ["trigger"])["trigger"].to_pylist())


def seal_all(writer: BatchWriter) -> None:
    while writer.roll(settled=True):
        pass


def test_a_commit_acknowledges_what_was_appended(tmp_path: Path) -> None:
    writer = BatchWriter(tmp_path, {"software": "1"})
    assert writer.commit() == []
    writer.append([record(1), record(1, station="S2")])
    writer.append([record(2, Reason.NO_SLOT, symbols=b"")])
    assert writer.commit() == [("S1", 1, 0), ("S2", 1, 0), ("S1", 2, 0)]
    assert writer.commit() == []
    assert open_batch(tmp_path).num_rows == 3  # read while it is being written
    writer.close()
    assert open_batch(tmp_path).num_rows == 3 and verify(tmp_path) == []


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """The kernel ends each write at this many bytes of a file, in the middle of a batch where it falls there."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_ends_at_any_byte(tmp_path: Path) -> None:
    writer = BatchWriter(tmp_path, {"software": "1"})
    writer.append([record(1)])
    with file_size_limit(1000), pytest.raises(RecordingError, match="1 rows not recorded"):
        writer.commit()
    assert list(tmp_path.glob("*.arrows")) == []  # not even the head fitted
    assert writer.commit() == [("S1", 1, 0)]
    stream = tmp_path / "000001.arrows"
    chance = random.Random(20261123)
    for trigger in range(2, 40):
        good_bytes = stream.stat().st_size
        writer.append([record(trigger)])
        for _ in range(2):
            with file_size_limit(good_bytes + chance.randint(0, 5000)), pytest.raises(RecordingError):
                writer.commit()
            assert stream.stat().st_size == good_bytes
        assert writer.commit() == [("S1", trigger, 0)]
    reader = StreamReader(stream)
    assert sum(batch.num_rows for batch in reader) == 39 and reader.torn_bytes == 0
    writer.close()
    assert triggers(tmp_path) == list(range(1, 40)) and verify(tmp_path) == []


def test_a_sync_that_fails_acknowledges_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = BatchWriter(tmp_path, {})
    writer.append([record(1)])
    assert writer.commit() == [("S1", 1, 0)]
    good_bytes = (tmp_path / "000001.arrows").stat().st_size
    writer.append([record(2)])

    def failing(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing)
        with pytest.raises(RecordingError, match="Input/output error"):
            writer.commit()
        assert (tmp_path / "000001.arrows").stat().st_size == good_bytes  # it is written anew, not trusted
        patch.setattr(os, "ftruncate", lambda descriptor, size: failing(descriptor))
        with pytest.raises(RecordingError):
            writer.commit()
    writer.append([record(3)])
    assert writer.commit() == [("S1", 2, 0), ("S1", 3, 0)]
    assert sum(batch.num_rows for batch in StreamReader(tmp_path / "000001.arrows")) == 3  # nothing of the failed writes is left
    writer.close()
    assert triggers(tmp_path) == [1, 2, 3] and verify(tmp_path) == []


@on_a_small_disk("512k")
def test_a_full_disk_stops_images_then_rows_and_both_go_on(tmp_path: Path, small_disk: Path) -> None:
    writer = BatchWriter(small_disk, {"software": "1"})
    store = EvidenceStore(small_disk / "images", 1000, 10**9, min_free_bytes=100_000)
    ballast, more = small_disk / "ballast", small_disk / "more"
    ballast.write_bytes(bytes(150_000))
    noise = np.random.default_rng(1).integers(0, 256, (150, 150), dtype=np.uint8)
    trigger = 0
    while store.keep("S1", trigger, noise):
        trigger += 1
        writer.append([record(trigger)])
        assert writer.commit() == [("S1", trigger, 0)]
    assert store.dropped == {"min_free_bytes": 1} and trigger > 3  # images first: the rows still have room
    while True:
        trigger += 1
        writer.append([record(trigger)])
        try:
            assert writer.commit() == [("S1", trigger, 0)]
        except RecordingError as error:
            assert "No space left" in str(error)
            break
    for _ in range(3):
        with pytest.raises(RecordingError):
            writer.commit()
    with pytest.raises(RecordingError):
        writer.close()
    assert triggers(small_disk) == list(range(1, trigger))
    ballast.unlink()  # space is back
    assert writer.commit() == [("S1", trigger, 0)]
    more.write_bytes(bytes(os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize))
    with pytest.raises(RecordingError, match="recorded, but not sealed"):
        writer.close()
    more.unlink()
    assert store.keep("S1", 0, noise) is None and store.keep("S1", trigger, noise) is not None
    writer.close()
    found = examine(small_disk)
    assert found.problems == [] and found.closed and found.rows == trigger


@on_a_small_disk("512k")
def test_a_full_disk_does_not_stop_sealing_for_good(tmp_path: Path, small_disk: Path) -> None:
    writer = BatchWriter(small_disk, {"software": "1"}, rows_per_file=2)
    writer.append([record(1), record(2)])
    writer.commit()
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize))
    seal_all(writer)
    assert not (small_disk / "000001.arrow").exists() and triggers(small_disk) == [1, 2]
    ballast.unlink()
    writer.append([record(3)])
    assert writer.commit() == [("S1", 3, 0)]
    writer.close()
    assert triggers(small_disk) == [1, 2, 3] and verify(small_disk) == []


@on_a_small_disk("512k")
def test_images_on_a_full_disk_are_dropped_and_counted(tmp_path: Path, small_disk: Path) -> None:
    store = EvidenceStore(small_disk / "images", 1000, 10**9, min_free_bytes=0)
    noise = np.random.default_rng(1).integers(0, 256, (150, 150), dtype=np.uint8)
    kept = [store.keep("S1", trigger, noise) for trigger in range(40)]
    assert 3 < store.kept_count < 40 and store.dropped["disk"] == 40 - store.kept_count
    for name in filter(None, kept):
        (small_disk / name).unlink()
        break
    assert store.keep("S1", 50, noise) == "images/S1-000000050.bmp"
    assert [problem for problem in verify(small_disk) if "missing" not in problem] == []


def test_an_amendment_replaces_its_row(tmp_path: Path) -> None:
    writer = BatchWriter(tmp_path, {}, rows_per_file=3)
    writer.append([record(1), record(2), record(3)])
    writer.commit()
    writer.append([record(2, Reason.NOT_RECORDED, revision=1)])
    assert writer.commit() == [("S1", 2, 1)]
    assert open_batch(tmp_path)["accept"].to_pylist() == [True, False, True]
    seal_all(writer)
    assert open_batch(tmp_path)["accept"].to_pylist() == [True, False, True]
    writer.append([record(4), record(1, Reason.NOT_RECORDED, revision=1)])
    writer.commit()
    writer.close()
    assert open_batch(tmp_path)["accept"].to_pylist() == [False, False, True, True]
    found = examine(tmp_path)
    assert found.problems == [] and (found.rows, found.accepted) == (4, 2)
    assert "1 rows were amended in a later file; the amendment counts" in found.notes


def test_only_an_accept_is_amended_and_only_to_a_reject(tmp_path: Path) -> None:
    writer = BatchWriter(tmp_path, {}, rows_per_file=1)
    writer.append([record(1, Reason.NO_SYMBOL), record(2)])
    writer.commit()
    for _ in range(2):  # in the open file, and after it was sealed
        with pytest.raises(ValueError, match="is a reject already"):
            writer.append([record(1, Reason.NOT_RECORDED, revision=1)])
        with pytest.raises(ValueError, match="only to a reject"):
            writer.append([record(2, revision=1)])
        with pytest.raises(ValueError, match="another verdict"):
            writer.append([record(2, Reason.NO_SYMBOL)])
        seal_all(writer)
    writer.close()
    assert triggers(tmp_path) == [1, 2] and verify(tmp_path) == []


def test_a_record_sent_again_is_acknowledged_again_and_written_once(tmp_path: Path) -> None:
    writer = BatchWriter(tmp_path, {})
    writer.append([record(1), record(2)])
    assert len(writer.commit()) == 2
    writer.append([record(2), record(3)])
    assert sorted(writer.commit()) == [("S1", 2, 0), ("S1", 3, 0)]
    writer.append([record(4), record(4)])
    assert writer.commit() == [("S1", 4, 0), ("S1", 4, 0)]
    writer.close()
    assert triggers(tmp_path) == [1, 2, 3, 4] and verify(tmp_path) == []


def test_a_resent_record_that_is_not_yet_on_the_disk_is_not_acknowledged(tmp_path: Path) -> None:
    writer = BatchWriter(tmp_path, {})
    writer.append([record(1)])
    with file_size_limit(100), pytest.raises(RecordingError):
        writer.commit()
    writer.append([record(1)])
    with file_size_limit(100), pytest.raises(RecordingError):
        writer.commit()
    assert set(writer.commit()) == {("S1", 1, 0)}
    writer.close()
    assert triggers(tmp_path) == [1]


def test_a_row_that_does_not_fit_holds_up_no_other(tmp_path: Path) -> None:
    writer = BatchWriter(tmp_path, {})
    writer.append([record(1), record(2, symbols=b"not a pickle"), record(3, Reason.NO_SYMBOL, symbols=b"\x80"), record(4)])
    assert writer.commit() == [("S1", 1, 0), ("S1", 3, 0), ("S1", 4, 0)]
    assert writer.refused_count == 1
    writer.append([record(2, symbols=b"not a pickle"), record(2, symbols=b"not a pickle")])
    assert writer.commit() == []
    writer.append([record(2, Reason.NOT_RECORDED, revision=1, symbols=b"not a pickle")])
    assert writer.commit() == [("S1", 2, 1)]
    writer.close()
    rows = open_batch(tmp_path)
    assert rows["accept"].to_pylist() == [True, False, False, True]
    assert "not storable" in rows["detail"][2].as_py()


def test_files_roll_when_full_and_settled(tmp_path: Path) -> None:
    writer = BatchWriter(tmp_path, {}, rows_per_file=10)
    for trigger in range(1, 20):
        writer.append([record(trigger)])
        writer.commit()
        writer.roll(settled=False)
    assert sorted(path.name for path in tmp_path.glob("0*")) == ["000001.arrows"]
    writer.append([record(20)])
    writer.commit()
    while writer.roll(settled=False, budget_ns=0):
        pass
    assert sorted(path.name for path in tmp_path.glob("0*")) == ["000001.arrow", "000001.packs"]
    for trigger in range(21, 31):
        writer.append([record(trigger)])
        writer.commit()
    seal_all(writer)
    assert sorted(path.name for path in tmp_path.glob("0*")) == ["000001.arrow", "000001.packs", "000002.arrow", "000002.packs"]
    writer.close()
    found = examine(tmp_path)
    assert found.problems == [] and found.closed and found.rows == 30


def test_rows_go_on_while_a_file_is_sealed(tmp_path: Path) -> None:
    writer = BatchWriter(tmp_path, {}, rows_per_file=50)
    trigger, busy = 0, 0
    while trigger < 200:
        trigger += 1
        writer.append([record(trigger)])
        assert writer.commit() == [("S1", trigger, 0)]
        busy += writer.roll(settled=True, budget_ns=0)
        assert triggers(tmp_path)[-1] == trigger
    assert busy > 10
    writer.close()
    assert triggers(tmp_path) == list(range(1, 201)) and verify(tmp_path) == []


def test_an_ended_batch_takes_no_more_rows(tmp_path: Path) -> None:
    BatchWriter(tmp_path, {}).close()
    found = examine(tmp_path)
    assert found.problems == [] and found.closed and found.rows == 0
    with pytest.raises(ResultsError, match="has ended"):
        BatchWriter(tmp_path, {})
