"""Evidence is kept as it was, up to its caps; what is dropped is counted; nothing of it ever raises for the disk."""

from __future__ import annotations

import hashlib
import json
import mmap
import shutil
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.results.samples import record
from vision.results.chain import link, sha256
from vision.results.images import EvidenceStore, recover_images
from vision.results.verify import examine, verify
from vision.results.writer import BatchWriter

RANDOM = np.random.default_rng(20261123)


def noise(height: int = 40, width: int = 30) -> np.ndarray:
    return RANDOM.integers(0, 256, (height, width), dtype=np.uint8)


def test_an_image_comes_back_pixel_by_pixel(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path / "images", 10, 10**6, 0)
    pixels = noise(101, 67)
    pixels.setflags(write=False)
    name = store.keep("S1", 42, pixels)
    assert name == "images/S1-000000042.bmp"
    assert np.array_equal(cv2.imread(str(tmp_path / name), cv2.IMREAD_UNCHANGED), pixels)
    assert store.kept_bytes == (tmp_path / name).stat().st_size


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 4), (5, 6), (64, 64), (128, 96), (40, 31)])
@pytest.mark.parametrize("offset", [0, 512], ids=["on a page", "anywhere"])
def test_pixels_of_any_size_and_place_come_back(height: int, width: int, offset: int, tmp_path: Path) -> None:
    """From a slot of whole pages they are written where they lie, from elsewhere through a copy: the same file."""
    store = EvidenceStore(tmp_path / "images", 10, 10**6, 0)
    memory = np.frombuffer(mmap.mmap(-1, 1 << 20), np.uint8, height * width, offset).reshape(height, width)
    for trigger in (1, 2):
        memory[:] = noise(height, width)
        name = store.keep("S1", trigger, memory)
        assert name is not None
        assert np.array_equal(cv2.imread(str(tmp_path / name), cv2.IMREAD_GRAYSCALE), memory)
        content = (tmp_path / name).read_bytes()
        entry = json.loads((tmp_path / "images" / "images.jsonl").read_text().splitlines()[-1])
        assert (entry["bytes"], entry["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


def test_a_bmp_says_what_the_format_wants(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path / "images", 10, 10**6, 0)
    name = store.keep("S1", 1, noise(10, 6))
    content = (tmp_path / str(name)).read_bytes()
    kind, size, _, pixels_at = struct.unpack_from("<2sIII", content)
    assert (kind, size) == (b"BM", len(content)) and pixels_at + 10 * 8 == size, "rows of 8 bytes"
    assert struct.unpack_from("<IiiHHI", content, 14) == (40, 6, -10, 1, 8, 0), "grey, not compressed, first row on top"
    assert content[54 : 54 + 1024] == b"".join(bytes((grey, grey, grey, 0)) for grey in range(256))


def test_the_caps_hold_and_drops_are_counted(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path / "images", 3, 10**6, 0)
    kept = [store.keep("S1", trigger, noise()) for trigger in range(5)]
    assert [name is not None for name in kept] == [True, True, True, False, False]
    assert store.dropped == {"max_count": 2} and store.kept_count == 3
    size = store.kept_bytes // 3
    small = EvidenceStore(tmp_path / "small", 100, int(2.5 * size), 0)
    kept = [small.keep("S1", trigger, noise()) for trigger in range(4)]
    assert [name is not None for name in kept] == [True, True, False, False] and small.dropped == {"max_bytes": 2}
    full = EvidenceStore(tmp_path / "full", 100, 10**6, min_free_bytes=2**62)
    assert full.keep("S1", 1, noise()) is None and full.dropped == {"min_free_bytes": 1}


def test_the_caps_are_of_the_batch_not_of_the_process(tmp_path: Path) -> None:
    first = EvidenceStore(tmp_path / "images", 3, 10**6, 0)
    first.keep("S1", 1, noise())
    first.keep("S1", 2, noise())
    second = EvidenceStore(tmp_path / "images", 3, 10**6, 0)
    assert (second.kept_count, second.kept_bytes) == (2, first.kept_bytes)
    assert second.keep("S1", 2, noise()) is None and second.dropped == {"repeated": 1}
    assert second.keep("S1", 3, noise()) and second.keep("S1", 4, noise()) is None
    BatchWriter(tmp_path, {}).close()
    assert verify(tmp_path) == []


def test_a_lost_folder_stops_nothing(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path / "images", 10, 10**6, 0)
    shutil.rmtree(tmp_path / "images")
    assert store.keep("S1", 1, noise()) is None and store.dropped == {"disk": 1}
    (tmp_path / "file").write_bytes(b"")
    nowhere = EvidenceStore(tmp_path / "file", 10, 10**6, 0)
    assert nowhere.keep("S1", 1, noise()) is None and sum(nowhere.dropped.values()) == 1


def test_pixels_that_are_no_image_are_dropped(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path / "images", 10, 10**6, 0)
    assert store.keep("S1", 1, np.empty((0, 0), np.uint8)) is None
    assert store.dropped == {"not_encoded": 1}
    assert [path.name for path in (tmp_path / "images").iterdir()] == []


def test_a_station_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path / "images", 10, 10**6, 0)
    name = store.keep("../../S1", 1, noise())
    assert name is not None and (tmp_path / name).resolve().parent == (tmp_path / "images").resolve()


def test_recovery_finishes_what_was_listed_and_removes_the_rest(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    store = EvidenceStore(folder, 10, 10**6, 0)
    for trigger in (1, 2):
        store.keep("S1", trigger, noise())
    (folder / "S1-000000002.bmp").rename(folder / ".S1-000000002.bmp.tmp")
    (folder / ".S1-000000003.bmp.tmp").write_bytes(b"half")
    with open(folder / "images.jsonl", "ab") as file:
        file.write(b'{"name":"S1-00')
    assert len(recover_images(folder)) == 3
    assert sorted(path.name for path in folder.iterdir()) == ["S1-000000001.bmp", "S1-000000002.bmp", "images.jsonl"]
    assert recover_images(folder) == []
    assert [json.loads(line)["trigger"] for line in (folder / "images.jsonl").read_text().splitlines()] == [1, 2]


@pytest.mark.parametrize("content", [b"null\n", b"{}\n", b"\xff\n"])
def test_a_list_that_is_none_keeps_no_evidence_and_stops_nothing(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "images.jsonl").write_bytes(content)
    store = EvidenceStore(tmp_path / "images", 10, 10**6, 0)
    assert store.keep("S1", 1, noise()) is None and store.dropped == {"max_count": 1}


def crashed(folder: Path) -> Path:
    """A batch whose machine lost its power: images 1 and 2 are under a seal, 3 to 6 are not."""
    writer = BatchWriter(folder, {})
    store = EvidenceStore(folder / "images", 10, 10**6, 0)
    for trigger in range(1, 7):
        if trigger == 3:
            writer.close(last=False)
        writer.append([record(trigger)])
        writer.commit()
        store.keep("S1", trigger, noise())
    writer.abandon()
    return folder


def image(folder: Path, trigger: int) -> Path:
    return folder / "images" / f"S1-{trigger:09d}.bmp"


def test_what_a_power_failure_took_is_told_and_is_no_fault(tmp_path: Path) -> None:
    folder = crashed(tmp_path)
    image(folder, 4).unlink()
    image(folder, 5).write_bytes(b"half of it")
    path = folder / "images" / "images.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))  # the line of 6
    assert verify(folder) == []
    assert len([note for note in examine(folder).notes if "no seal covers it" in note]) == 3
    BatchWriter(folder, {}).close()
    found = examine(folder)
    assert found.problems == [] and found.closed
    assert any(note.startswith("2 images were lost in a crash") for note in found.notes)
    assert any(note.startswith("1 images lost their line") for note in found.notes)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line.get("lost", line.get("name")) for line in lines[5:]] == [image(folder, n).name for n in (4, 5, 6)]


@pytest.mark.parametrize("trigger", [1, 3, 4, 5, 6])
def test_what_is_changed_later_is_not_taken_for_lost(trigger: int, tmp_path: Path) -> None:
    folder = crashed(tmp_path)
    image(folder, 4).unlink()
    image(folder, 5).write_bytes(b"half of it")
    BatchWriter(folder, {}).close(last=False)
    before = image(folder, trigger).read_bytes() if trigger != 4 else None
    image(folder, trigger).write_bytes(b"changed")
    assert any(problem.endswith(f"{image(folder, trigger).name}: changed") for problem in verify(folder))
    if before is not None:
        image(folder, trigger).unlink()
        assert any(problem.endswith(f"{image(folder, trigger).name}: missing") for problem in verify(folder))


def test_an_image_under_a_seal_cannot_be_called_lost(tmp_path: Path) -> None:
    folder = crashed(tmp_path)
    image(folder, 1).write_bytes(b"changed")
    path = folder / "images" / "images.jsonl"
    last = sha256(path.read_bytes().splitlines(keepends=True)[-1])
    with open(path, "ab") as file:
        file.write(link({"lost": image(folder, 1).name, "left": sha256(b"changed")}, last))
    assert any("which a seal covered by then" in problem for problem in verify(folder))
    BatchWriter(folder, {}).close()
    assert any("which a seal covered by then" in problem for problem in verify(folder))
    assert f"images/{image(folder, 1).name}: changed" in verify(folder)
