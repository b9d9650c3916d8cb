"""Results lie where they should, one line at a time, and one line of text says what is wrong with a folder."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.results.samples import GTIN, finding, record
from tests.rights import modes_hold
from vision.results.folder import (
    BatchInfo,
    ResultsError,
    batch_folder,
    batches,
    line_folder,
    lock_line,
    read_batch_info,
    write_batch_info,
)
from vision.results.reader import accepted_serials, open_batch
from vision.results.recovery import needs_recovery, recover
from vision.results.schema import symbol_rows
from vision.results.writer import BatchWriter
from vision.types import Content, Finding, Reason

ROOT = Path(__file__).resolve().parents[2]
START = datetime(2026, 11, 23, 19, 3, 30, tzinfo=UTC)


def test_batches_are_named_by_their_start_in_utc(tmp_path: Path) -> None:
    first = batch_folder(tmp_path, "L1", START.astimezone(timezone(timedelta(hours=2))))
    again = [batch_folder(tmp_path, "L1", START) for _ in range(11)]
    later = batch_folder(tmp_path, "L1", START + timedelta(seconds=1))
    assert first == tmp_path / "L1" / "2026-11-23T190330Z" and first.is_dir()
    (tmp_path / "L1" / "notes").mkdir()
    assert batches(tmp_path / "L1") == [first, *again, later]
    assert batches(tmp_path / "L2") == []


@pytest.mark.parametrize("line", ["", ".", "..", "a/b", "../L1", ".L1", "L1\0", "-L"])
def test_a_line_name_stays_in_the_results(line: str, tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="line name"):
        line_folder(tmp_path, line)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for attempt in (lambda: line_folder(tmp_path / "file", "L1"), lambda: lock_line(tmp_path / "file", "L1")):
        with pytest.raises(ResultsError, match=r"file/L1: results folder is not writable") as caught:
            attempt()
        assert "\n" not in str(caught.value)


def test_a_folder_without_write_permission_is_named(tmp_path: Path) -> None:
    (tmp_path / "L1").mkdir(mode=0o555)
    with modes_hold(), pytest.raises(ResultsError, match="L1: results folder is not writable"):
        line_folder(tmp_path, "L1")


def test_two_lines_do_not_run_on_one_folder(tmp_path: Path) -> None:
    busy = rf"L1: another line runs on this folder \(process {os.getpid()}\)"
    with lock_line(tmp_path, "L1"), lock_line(tmp_path, "L2"), pytest.raises(ResultsError, match=busy):
        lock_line(tmp_path, "L1")
    lock_line(tmp_path, "L1").release()


def test_a_killed_line_leaves_no_lock(tmp_path: Path) -> None:
    script = (
        f"from pathlib import Path\nfrom vision.results.folder import lock_line\nlock = lock_line(Path({str(tmp_path)!r}), 'L1')\n"
    )
    command = [sys.executable, "-c", script + "print('locked', flush=True)\ninput()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "locked\n"
        with pytest.raises(ResultsError, match=f"process {process.pid}"):
            lock_line(tmp_path, "L1")
        process.kill()
        process.wait()
        lock_line(tmp_path, "L1").release()


def test_batch_info_is_written_once_and_read_back(tmp_path: Path) -> None:
    info = BatchInfo("L1", "PO-1", "1.0", START.isoformat(), GTIN, "ABC123", {"recipe": "ab"})
    write_batch_info(tmp_path, info)
    assert read_batch_info(tmp_path) == info
    assert info.provenance() == {"software": "1.0", "recipe": "ab"}
    with pytest.raises(ResultsError, match=r"batch\.json: stands already"):
        write_batch_info(tmp_path, info)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"line": "L1"}', "\x00"])
def test_a_broken_batch_info_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "batch.json").write_text(content)
    with pytest.raises(ResultsError, match=r"batch\.json: not the description of a batch"):
        read_batch_info(tmp_path)


def _batch(results: Path, order: str, minute: int, *rows: object, close: bool = True) -> None:
    start = START + timedelta(minutes=minute)
    folder = batch_folder(results, "L1", start)
    write_batch_info(folder, BatchInfo("L1", order, "1.0", start.isoformat()))
    writer = BatchWriter(folder, {}, rows_per_file=2)
    writer.append(rows)  # type: ignore[arg-type]
    writer.commit()
    writer.close() if close else writer.abandon()


def test_serials_accepted_in_earlier_batches_of_an_order(tmp_path: Path) -> None:
    ppn = finding("IFA1")
    ifa = Finding(ppn.symbol, ppn.reading, Content("", {"9N": "110375286414", "S": "IFA1"}), None)
    two = symbol_rows((finding("TRAY1"), Finding(ppn.symbol, None, None, None), finding("TRAY2")))
    _batch(
        tmp_path,
        "PO-1",
        0,
        record(1, serial="A"),
        record(2, Reason.LOW_GRADE, serial="REJECTED"),
        record(3, serial="AMENDED"),
        record(4, symbols=b""),
        record(5, symbols=two),
        record(6, symbols=symbol_rows((ifa,))),
        record(3, Reason.NOT_RECORDED, serial="AMENDED", revision=1),
    )
    _batch(tmp_path, "PO-2", 1, record(1, serial="OTHER"))
    _batch(tmp_path, "PO-1", 2, record(1, serial="B"), close=False)
    batch_folder(tmp_path, "L1", START + timedelta(minutes=3))
    line = tmp_path / "L1"
    assert list(accepted_serials(line, "PO-1", GTIN)) == ["A", "TRAY1", "TRAY2", "B"]
    assert list(accepted_serials(line, "PO-1", "110375286414")) == ["IFA1"]
    assert list(accepted_serials(line, "PO-3", GTIN)) == []
    (torn,) = [batch for batch in batches(line) if needs_recovery(batch)]
    assert recover(torn).rows == 1 and not needs_recovery(torn)
    assert list(accepted_serials(line, "PO-1", GTIN)) == ["A", "TRAY1", "TRAY2", "B"]


def test_a_batch_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    _batch(tmp_path, "PO-1", 0, record(1))
    sealed = tmp_path / "L1" / "2026-11-23T190330Z" / "000001.arrow"
    sealed.write_bytes(sealed.read_bytes()[:-200])
    with pytest.raises(ResultsError, match=r"000001\.arrow: not a whole Arrow file"):
        list(accepted_serials(tmp_path / "L1", "PO-1", GTIN))


def test_rows_are_sorted_by_station_and_trigger(tmp_path: Path) -> None:
    writer = BatchWriter(tmp_path, {}, rows_per_file=3)
    for trigger in (3, 1, 2, 10):
        writer.append([record(trigger, station=station) for station in ("S2", "S10", "S1")])
        writer.commit()
        writer.roll(settled=True)
    rows = open_batch(tmp_path, ["trigger", "station"])
    assert rows.column_names == ["trigger", "station"]
    assert list(zip(*(rows[name].to_pylist() for name in ("station", "trigger")), strict=True)) == [
        (station, trigger) for station in ("S1", "S10", "S2") for trigger in (1, 2, 3, 10)
    ]
    writer.close()
    empty = tmp_path / "empty"
    empty.mkdir()
    assert open_batch(empty).num_rows == 0
    with pytest.raises(ResultsError, match="no such batch folder"):
        open_batch(tmp_path / "none")
