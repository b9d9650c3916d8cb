"""The same frames give the same dataset, byte for byte: with any number of workers, stopped and gone on, with workers killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audit.frames import brief_of, dataset, folder_of_frames, text_of
from tests.cli.calls import command, environment, processes, refused, vision
from vision.audit import plan
from vision.audit.crew import Done, Processes
from vision.audit.look import DIED, Worker, look
from vision.audit.plan import Brief, Chunk
from vision.audit.run import Progress, run_audit
from vision.audit.sources import AuditError, without_credentials
from vision.audit.summary import parts, summarize


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = folder_of_frames(tmp_path_factory.mktemp("frames"), 40)
    (folder / "00007.png").write_bytes(b"no image")
    (folder / "00011.png").write_bytes((folder / "00011.png").read_bytes()[:200])
    return folder


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "CHUNK_FRAMES", 6)


@pytest.fixture(scope="module")
def expected(frames: Path) -> Iterator[dict[str, bytes]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "CHUNK_FRAMES", 6)
        brief = brief_of(frames)
        yield {f"{chunk.number:06d}.arrow": look(brief, chunk) for chunk in brief.chunks()} | {
            "audit.json": brief.as_json().encode()
        }


@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_workers_gives_the_same_bytes(frames: Path, expected: dict[str, bytes], tmp_path: Path, workers: int) -> None:
    done = run_audit(brief_of(frames), tmp_path / "out", lambda brief: Processes(brief, workers))
    assert (done.frames, done.total, done.kept, done.deaths) == (40, 40, 0, 0)
    assert dataset(tmp_path / "out") == expected


def test_a_killed_worker_costs_nothing(frames: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    crews: list[Processes] = []

    def make(brief: Brief) -> Processes:
        crews.append(Processes(brief, 2))
        return crews[0]

    killed: list[int] = []

    def kill_one(progress: Progress) -> None:
        if len(killed) < 2 and crews:
            killed.append(crews[0].pids[-1])
            os.kill(killed[-1], signal.SIGKILL)

    done = run_audit(brief_of(frames), tmp_path / "out", make, kill_one)
    assert len(killed) == 2 and done.deaths >= 1
    assert dataset(tmp_path / "out") == expected
    assert not any(psutil.pid_exists(pid) for pid in killed)


def test_stopped_it_goes_on_where_it_was(frames: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "out"

    def stop(progress: Progress) -> None:
        if progress.frames >= 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_audit(brief_of(frames), out, lambda brief: Processes(brief, 2), stop)
    there = {name: (out / name).stat().st_mtime_ns for name in dataset(out)}
    assert 3 <= len(there) < len(expected)
    done = run_audit(brief_of(frames), out, lambda brief: Processes(brief, 2))
    assert done.kept >= 12 and dataset(out) == expected
    assert all((out / name).stat().st_mtime_ns == then for name, then in there.items())


def test_another_audit_is_not_mixed_in(frames: Path, tmp_path: Path) -> None:
    run_audit(brief_of(frames / "00001.png"), tmp_path, lambda brief: Processes(brief, 1))
    with pytest.raises(AuditError, match="another audit lies here"):
        run_audit(brief_of(frames), tmp_path, lambda brief: Processes(brief, 1))


def test_what_cannot_be_read_is_a_row_that_says_so(frames: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_audit(brief_of(frames), out, lambda brief: Processes(brief, 2))
    rows = pa.concat_tables(parts(out)).to_pylist()
    assert [row["frame"] for row in rows] == list(range(40))
    assert {row["name"] for row in rows if row["trouble"]} == {"00007.png", "00011.png"}
    found = summarize(out, brief_of(frames))
    assert (found.frames, found.read, len(found.unreadable)) == (40, 38, 2)
    assert {row["serial"] for row in rows if not row["trouble"]} == {text_of(n)[-5:] for n in range(40) if n not in (7, 11)}


class Fragile:
    """A crew whose workers die over some frames, always (`deadly`) or the first `flaky` times they are asked."""

    capacity = 3

    def __init__(self, deadly: set[int], flaky: dict[int, int]) -> None:
        self.deadly, self.flaky, self.given = deadly, dict(flaky), []
        self.most = 0

    def give(self, chunk: Chunk) -> None:
        self.given.append(chunk)
        self.most = max(self.most, len(self.given))

    def collect(self) -> list[Done]:
        chunk = self.given.pop(0)
        for offset in range(len(chunk.names)):
            frame = chunk.first + offset
            if offset in chunk.skip:
                continue
            if frame in self.deadly:
                return [Done(chunk, None)]
            if self.flaky.get(frame):
                self.flaky[frame] -= 1
                return [Done(chunk, None)]
        left = [str(chunk.first + offset) for offset in range(len(chunk.names)) if offset not in chunk.skip]
        return [Done(chunk, " ".join(left).encode())]

    def close(self) -> None:
        self.given = []


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(0, 39), max_size=6), st.dictionaries(st.integers(0, 39), st.integers(1, 1), max_size=5))
def test_frames_that_kill_are_left_out_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, frames: Path, deadly: set[int], flaky: dict[int, int]
) -> None:
    out = tmp_path_factory.mktemp("out")
    run_audit(brief_of(frames), out, lambda brief: Fragile(deadly, flaky))
    looked_at = [int(word) for name, part in sorted(dataset(out).items()) if name != "audit.json" for word in part.split()]
    assert looked_at == [frame for frame in range(40) if frame not in deadly]


def test_a_frame_that_was_left_out_has_its_row(frames: Path) -> None:
    brief = brief_of(frames)
    chunk = next(brief.chunks())
    part = look(brief, Chunk(chunk.number, chunk.source, chunk.first, chunk.names, frozenset({2})))
    rows = pa.ipc.open_file(part).read_all().to_pylist()
    assert [row["trouble"] for row in rows] == ["", "", DIED, "", "", ""]


def test_memory_of_a_worker_does_not_grow_with_the_frames(frames: Path) -> None:
    brief = brief_of(frames)
    chunks = list(brief.chunks())
    worker = Worker(brief)
    try:
        for chunk in chunks * 2:
            worker.part(chunk)
        before = psutil.Process().memory_info().rss
        for chunk in chunks * 6:
            worker.part(chunk)
        assert psutil.Process().memory_info().rss - before < 12e6
    finally:
        worker.close()


# --- the command ---------------------------------------------------------------------------------------------------------


def test_the_command_names_what_it_could_not_read(frames: Path, tmp_path: Path) -> None:
    done = vision("audit", frames, "--symbols", 1, "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert "2 of 40 frames could not be read" in done.stderr and "00007.png" in done.stderr and len(done.stderr.splitlines()) == 1
    assert '"read": 38' in done.stdout
    again = vision("audit", frames, "--symbols", 1, "--json", cwd=tmp_path)
    assert again.stdout == done.stdout and len(list((tmp_path / "audits").iterdir())) == 1
    assert not processes(tmp_path)


def test_ctrl_c_keeps_what_is_done_and_leaves_nobody(frames: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    import subprocess

    many = tmp_path / "many"
    many.mkdir()
    for copy in range(6):
        for path in frames.iterdir():
            (many / f"{copy}-{path.name}").symlink_to(path)
    out = tmp_path / "out"
    call = command("audit", many, "--symbols", 1, "--results", out)
    process = subprocess.Popen(call, cwd=tmp_path, env=environment(tmp_path), stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not list(out.glob("0*.arrow")) and time.monotonic() < end:
        time.sleep(0.01)  # a file of another process: nothing else to wait on
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=30)
    kept = len(list(out.glob("0*.arrow")))
    assert kept >= 1
    if kept < 4:  # else it was done before the signal came
        assert process.returncode == 1 and "what was done is kept" in words and len(words.splitlines()) == 1
    assert not processes(tmp_path)
    assert vision("audit", many, "--symbols", 1, "--results", out, cwd=tmp_path).returncode == 1  # two in forty are no images
    assert len(list(out.glob("0*.arrow"))) == 4


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("nowhere", "no such source"),
        ("empty", "holds no frames"),
        ("s3:/odd", "no such source"),
        ("nosuch://bucket/x", "cannot be listed"),
        ("file:///no/such/place", "cannot be listed"),
        ("broken.zip", "neither a folder nor a .zip"),
    ],
)
def test_a_source_that_is_none(tmp_path: Path, source: str, words: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.zip").write_bytes(b"PK no")
    refused(vision("audit", source, cwd=tmp_path), source.split(":", maxsplit=1)[0], words)
    assert not (tmp_path / "audits").exists()


def test_credentials_stand_nowhere() -> None:
    assert without_credentials("s3://key:secret@bucket/a/b?endpoint_override=x") == "s3://bucket/a/b"
