"""Frames from an object store, a recording and a batch folder; a source that may not be read says so and gives away nothing."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.audit.frames import RECIPE, brief_of, folder_of_frames, text_of
from tests.cli.calls import DEMO
from tests.results.denying_store import denying_store
from tests.rights import modes_hold
from vision.audit.crew import Processes
from vision.audit.look import look
from vision.audit.run import run_audit
from vision.audit.sources import AuditError, open_source
from vision.audit.summary import parts, summarize
from vision.cameras.image_file import read_mono8
from vision.cli.main import call
from vision.grade.setup import Setup
from vision.inspection import Workspace, inspect
from vision.results.folder import BatchInfo, write_batch_info
from vision.results.images import EvidenceStore
from vision.results.schema import symbol_rows
from vision.results.writer import BatchWriter
from vision.types import Frame, Record
from vision.verdict.recipe import Recipe

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """An object store on this machine: its address."""
    server_module = pytest.importorskip("moto.server", reason="moto is not installed")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"127.0.0.1:{port}"
    server.stop()


def url(store: str, path: str, key: str = "key:hush") -> str:
    return f"s3://{key}@{path}?scheme=http&endpoint_override={store}&region=us-east-1&allow_bucket_creation=true"


def test_an_object_store_gives_the_rows_of_the_folder(store: str, tmp_path: Path) -> None:
    from pyarrow import fs

    frames = folder_of_frames(tmp_path / "frames", 6)
    (frames / "00002.png").write_bytes(b"torn")
    system, base = fs.FileSystem.from_uri(url(store, "packs/line1"))
    system.create_dir(base)
    for path in sorted(frames.iterdir()):
        with system.open_output_stream(f"{base}/{path.name}") as out:
            out.write(path.read_bytes())
    there = brief_of(url(store, "packs/line1"))
    out = tmp_path / "out"
    run_audit(there, out, lambda brief: Processes(brief, 2))
    here = pa.ipc.open_file(look(brief_of(frames), next(brief_of(frames).chunks()))).read_all()
    assert str(pa.concat_tables(parts(out)).to_pydict()) == str(here.to_pydict())
    assert summarize(out, there).unreadable == [("s3://packs/line1/00002.png", "is not an image that can be read")]
    assert not any(b"hush" in path.read_bytes() for path in out.iterdir())


def test_a_store_that_gives_nothing(store: str) -> None:
    with pytest.raises(AuditError, match=r"cannot be listed|holds no frames") as error:
        open_source(url(store, "nobucket/x"))
    assert "hush" not in str(error.value)


def test_a_store_without_rights(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.chdir(tmp_path)
    with denying_store() as shut:
        assert call(["audit", url(shut, "shut/line1"), "--workers", "1", "--report", "a.html"]) == 2
    out, error = capfd.readouterr()
    assert error.startswith("vision: s3://shut/line1: no rights to read it") and error.count("\n") == 1 and not out
    assert "hush" not in error and list(tmp_path.iterdir()) == [], "nothing was begun"
    with denying_store(lists=True) as shut:  # the names may be seen, the frames not: a row that says so, never nothing
        assert call(["audit", url(shut, "shut/line1"), "--workers", "1"]) == 1
    error = capfd.readouterr().err
    assert "1 of 1 frames could not be read: s3://shut/line1/00000.png" in error and "hush" not in error


def test_a_folder_without_rights(tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir(mode=0)
    with modes_hold(), pytest.raises(AuditError, match="shut"):
        open_source(str(tmp_path / "shut"))


def test_the_recorded_packs_of_the_demonstration() -> None:
    brief = brief_of(DEMO / "packs.zip")
    assert brief.frame_count == 320
    chunk = next(brief.chunks())
    table = pa.ipc.open_file(look(brief, replace(chunk, names=chunk.names[:4]))).read_all()
    assert table["frame"].to_pylist() == [0, 1, 2, 3] and table["width"].to_pylist() == [1280] * 4


def batch(folder: Path, frames: Path) -> Path:
    """A batch of results as the line writes it, with evidence of every second pack."""
    folder.mkdir(parents=True)
    (folder / "images").mkdir()
    write_batch_info(folder, BatchInfo("L1", "", "0", "2026-11-26T12:00:00+00:00"))
    writer = BatchWriter(folder, {"software": "0"}, rows_per_file=100)
    images = EvidenceStore(folder / "images", 100, 10**9, 0)
    work = Workspace()
    for number, path in enumerate(sorted(frames.iterdir()), start=1):
        pixels = read_mono8(path)
        inspection = inspect(Frame(pixels), RECIPE, work)
        rows = symbol_rows(inspection.findings)
        record = Record("S1", number, inspection.verdict.reasons, 1, 10**18 + 1000 * number, 2, symbols=rows)
        if number % 2:
            images.keep("S1", number, pixels)
            record = replace(record, evidence=True)
        writer.append([record])
        writer.commit()
    work.close()
    writer.close()
    return folder


def test_a_batch_is_taken_as_recorded_and_its_evidence_graded_anew(tmp_path: Path) -> None:
    results = batch(tmp_path / "batch", folder_of_frames(tmp_path / "frames", 5))
    stricter = Recipe(RECIPE.search, Setup(aperture="50%"), grade_min=4.0)
    brief = brief_of(results, regrade=stricter)
    assert brief.sources[0].kind == "batch"
    rows = pa.ipc.open_file(look(brief, next(brief.chunks()))).read_all().to_pylist()
    assert [row["trigger"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row["serial"] for row in rows] == [text_of(n)[-5:] for n in range(5)]
    assert [row["regrade"] is not None for row in rows] == [True, False, True, False, True]
    assert all(row["grade"]["formal"].split("/")[1] == "80%" and row["accept"] for row in rows)
    assert all(row["regrade"]["grade"]["formal"].split("/")[1] == "50%" for row in rows if row["regrade"])


def test_profiles_show_a_column_that_does_not_print(tmp_path: Path) -> None:
    import cv2

    from tests.decode.rendering import draw, modules

    bits = modules(text_of(1), "20x20", gs1=True)
    dead = bits.copy()
    dead[:, 6] = 0
    for name, drawn in (("a", bits), ("b", dead)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), draw(drawn, px=8.0)[0])
    brief = brief_of(tmp_path)
    sound, broken = pa.ipc.open_file(look(brief, next(brief.chunks()))).read_all().to_pylist()
    drop = np.array(sound["columns_dark"]) - np.array(broken["columns_dark"])
    assert drop[6] > 1.0 and np.abs(np.delete(drop, 6)).max() < 0.3


def test_a_brief_is_small_for_a_worker(tmp_path: Path) -> None:
    brief = brief_of(folder_of_frames(tmp_path, 3))
    many = replace(brief, sources=(replace(brief.sources[0], names=tuple(map(str, range(100_000)))),))
    assert len(pickle.dumps(many.for_workers())) < 10_000
