"""A batch leaves for another file system and comes back: whole, compared, or not at all."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from tests.results.denying_store import denying_store
from tests.results.samples import record
from vision.cli.main import call
from vision.results.archive import LIST, archive, restore
from vision.results.folder import BatchInfo, ResultsError, write_batch_info
from vision.results.retention import expiry_date, retain_until
from vision.results.verify import verify
from vision.results.writer import BatchWriter


def batch(folder: Path) -> Path:
    place = folder / "results" / "L1" / "2026-11-26T120000Z"
    place.mkdir(parents=True)
    write_batch_info(place, BatchInfo("L1", "PO-1", "1.0", "2026-11-26T12:00:00+00:00"))
    writer = BatchWriter(place, {"software": "1.0"}, rows_per_file=4)
    for trigger in range(1, 11):
        writer.append([record(trigger)])
        writer.commit()
        writer.roll(settled=True)
    writer.close()
    return place


def test_to_a_folder_and_back(tmp_path: Path) -> None:
    place = batch(tmp_path)
    done = archive(place, str(tmp_path / "archive"))
    assert done.path.endswith("archive/L1/2026-11-26T120000Z")
    assert done.files == sum(path.is_file() for path in place.rglob("*"))
    assert restore(done.path, tmp_path / "back") == done.files
    assert verify(tmp_path / "back") == []
    with pytest.raises(ResultsError, match="lies there already"):
        archive(place, str(tmp_path / "archive"))


def test_a_changed_copy_is_noticed(tmp_path: Path) -> None:
    done = archive(batch(tmp_path), str(tmp_path / "archive"))
    path = Path(done.path) / "000001.arrow"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    with pytest.raises(ResultsError, match=r"000001\.arrow is not what was archived"):
        restore(done.path, tmp_path / "back")
    assert not (tmp_path / "back").exists(), "nothing half-restored stays"


def test_only_a_sound_and_ended_batch_is_archived(tmp_path: Path) -> None:
    place = batch(tmp_path)
    seals = (place / "seal.jsonl").read_bytes()
    (place / "seal.jsonl").write_bytes(seals.replace(b'"rows":4', b'"rows":5'))
    with pytest.raises(ResultsError, match="is not sound"):
        archive(place, str(tmp_path / "archive"))
    assert not (tmp_path / "archive").exists()
    shutil.rmtree(place)
    place.mkdir()
    writer = BatchWriter(place, {})
    writer.append([record(1)])
    writer.close(last=False)
    with pytest.raises(ResultsError, match="has not ended"):
        archive(place, str(tmp_path / "archive"))


@pytest.mark.filterwarnings("ignore")  # the test server's own
def test_to_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("moto.server", reason="moto is not installed")
    from moto.server import ThreadedMotoServer
    from pyarrow import fs

    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        options = {"access_key": "test", "secret_key": "test", "scheme": "http", "endpoint_override": f"{host}:{port}"}
        fs.S3FileSystem(**options, allow_bucket_creation=True).create_dir("archive")
        query = f"scheme=http&endpoint_override={host}%3A{port}"
        done = archive(batch(tmp_path), f"s3://test:test@archive/records?{query}")
        assert done.path == "archive/records/L1/2026-11-26T120000Z"
        assert restore(f"s3://test:test@{done.path}?{query}", tmp_path / "back") == done.files
        assert verify(tmp_path / "back") == []
        s3 = fs.S3FileSystem(**options)
        with s3.open_output_stream(f"{done.path}/{LIST}") as sink:
            sink.write(b"0" * 64 + b"  ../../outside\n")
        with pytest.raises(ResultsError, match="lies outside the batch"):
            restore(f"s3://test:test@{done.path}?{query}", tmp_path / "other")
    finally:
        server.stop()


def test_s3_without_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    place = batch(tmp_path)
    with denying_store() as shut:
        query = f"scheme=http&endpoint_override={shut.replace(':', '%3A')}&region=us-east-1"
        assert call(["results", "archive", str(place), "--to", f"s3://key:hush@shut/records?{query}"]) == 2
        error = capfd.readouterr().err
        assert error.startswith("vision: shut/records/L1/2026-11-26T120000Z: not archived") and "ACCESS_DENIED" in error
        assert error.count("\n") == 1 and "hush" not in error
        back = tmp_path / "back"
        assert call(["results", "restore", f"s3://key:hush@shut/records/L1/x?{query}", "--to", str(back)]) == 2
    error = capfd.readouterr().err
    assert "shut/records/L1/x: cannot be restored" in error and error.count("\n") == 1 and not back.exists()


def test_what_cannot_be_reached_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="nowhere: cannot be reached") as error:
        archive(batch(tmp_path), "odd://user:secret@nowhere")
    assert "secret" not in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("expiry", "released", "until"),
    [
        ("271231", date(2026, 11, 26), date(2031, 11, 26)),
        ("320200", date(2026, 11, 26), date(2033, 2, 28)),
        ("311126", date(2026, 11, 26), date(2032, 11, 26)),
        ("270101", date(2024, 2, 29), date(2029, 2, 28)),
        ("000100", date(2099, 12, 31), date(2104, 12, 31)),
    ],
)
def test_the_record_is_kept_for_the_longer_of_both(expiry: str, released: date, until: date) -> None:
    assert retain_until(expiry, released) == until


def test_day_zero_is_the_end_of_the_month_and_the_century_the_nearest() -> None:
    assert expiry_date("280200", date(2026, 1, 1)) == date(2028, 2, 29)
    assert expiry_date("990101", date(2026, 1, 1)) == date(1999, 1, 1)
    assert expiry_date("000101", date(2099, 1, 1)) == date(2100, 1, 1)
