"""Whatever is changed in a sealed batch is named; a stranger finds the same with sha256sum."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.results.samples import record
from vision.results.chain import link, sha256
from vision.results.folder import BatchInfo, ResultsError, write_batch_info
from vision.results.images import EvidenceStore
from vision.results.seal import head, head_text
from vision.results.verify import examine, verify
from vision.results.writer import BatchWriter
from vision.types import Reason

SEED = 20261123


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A batch of four files and three images, ended in order."""
    folder = tmp_path_factory.mktemp("sealed") / "batch"
    folder.mkdir()
    info = BatchInfo("L1", "PO-1", "1.0", "2026-11-23T00:00:00+00:00", hashes={"recipe": "ab" * 32, "calibration": "cd" * 32})
    write_batch_info(folder, info)
    writer = BatchWriter(folder, info.provenance(), rows_per_file=5)
    store = EvidenceStore(folder / "images", 3, 10**6, 0)
    for trigger in range(1, 21):
        reject = trigger % 4 == 0
        writer.append([record(trigger, *[Reason.LOW_GRADE] * reject, evidence=reject)])
        writer.commit()
        if reject:
            store.keep("S1", trigger, np.full((16, 16), trigger, np.uint8))
        while writer.roll(settled=True):
            pass
    writer.close()
    return folder


@pytest.fixture
def batch(sealed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sealed, tmp_path / "batch"))


def test_a_sound_batch_has_no_problems(batch: Path) -> None:
    found = examine(batch)
    assert found.problems == [] and found.closed and (found.rows, found.accepted) == (20, 15)
    assert found.head == head(batch)
    assert found.notes == ["2 images were asked for and not kept (caps, disk space)"]


def test_each_seal_names_what_the_rows_rest_on(batch: Path) -> None:
    seals = [json.loads(line) for line in (batch / "seal.jsonl").read_text().splitlines()]
    assert [seal["name"] for seal in seals] == [f"{number:06d}.arrow" for number in range(1, 6)]
    assert {(seal["software"], seal["recipe"], seal["calibration"]) for seal in seals} == {("1.0", "ab" * 32, "cd" * 32)}
    assert [seal["stations"].get("S1") for seal in seals[:2]] == [{"first": 1, "last": 5}, {"first": 6, "last": 10}]
    assert [seal["last"] for seal in seals] == [False] * 4 + [True]


def test_a_stranger_can_check_the_chain_with_sha256sum(batch: Path) -> None:
    script = r"""set -eu
    sha256sum --check --strict --quiet seal.sha256
    previous=$(sha256sum < batch.json | cut -d' ' -f1)
    count=$(wc -l < seal.jsonl)
    for n in $(seq 1 "$count"); do
        line=$(sed -n "${n}p" seal.jsonl)
        case "$line" in *"\"previous\":\"$previous\""*) ;; *) echo "line $n"; exit 1;; esac
        name=$(printf %s "$line" | sed 's/.*"name":"\([^"]*\)".*/\1/')
        hash=$(printf %s "$line" | sed 's/.*"sha256":"\([0-9a-f]*\)","calibration.*/\1/')
        echo "$hash  $name" | sha256sum --check --strict --quiet
        hash=$(printf %s "$line" | sed 's/.*"packs":"\([0-9a-f]*\)".*/\1/')
        echo "$hash  ${name%.arrow}.packs" | sha256sum --check --strict --quiet
        previous=$(sed -n "${n}p" seal.jsonl | sha256sum | cut -d' ' -f1)
    done
    sed 's/.*"name":"\([^"]*\)","sha256":"\([0-9a-f]*\)".*/\2  \1/' images/images.jsonl > images/sums
    cd images && sha256sum --check --strict --quiet sums"""
    subprocess.run(["sh", "-c", script], cwd=batch, check=True)


def test_any_changed_byte_of_any_file_is_found(batch: Path) -> None:
    chance = random.Random(SEED)
    files = sorted(path for path in batch.rglob("*") if path.is_file())
    assert len(files) == 5 + 5 + 3 + 4
    for path in files:
        content = path.read_bytes()
        places = {0, len(content) - 1, *(chance.randrange(len(content)) for _ in range(20))}
        for place in sorted(places):
            changed = bytearray(content)
            changed[place] ^= chance.randint(1, 255)
            path.write_bytes(changed)
            assert verify(batch), f"{path.name}: byte {place} from {content[place]} to {changed[place]} was not noticed"
        for resized in (content[:-1], content + b"\n", b""):
            path.write_bytes(resized)
            assert verify(batch), f"{path.name}: {len(content)} bytes cut or grown to {len(resized)} was not noticed"
        path.write_bytes(content)
    assert verify(batch) == []


def test_any_removed_file_is_found(batch: Path) -> None:
    for path in sorted(path for path in batch.rglob("*") if path.is_file()):
        content = path.read_bytes()
        path.unlink()
        assert verify(batch), f"{path.name} removed"
        path.write_bytes(content)
    assert verify(batch) == []


def _swap(first: Path, second: Path) -> None:
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)


def _change_lines(batch: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Changes seal.jsonl and renews seal.sha256, as somebody who knows this page would."""
    lines = change((batch / "seal.jsonl").read_bytes().splitlines(keepends=True))
    (batch / "seal.jsonl").write_bytes(b"".join(lines))
    (batch / "seal.sha256").write_bytes(head_text(b"".join(lines)))


def _make_accepted(batch: Path) -> None:
    """Turns the rejects of the second file into accepts, and renews its hash in its seal."""
    path = batch / "000002.arrow"
    table = pa.ipc.open_file(path.read_bytes()).read_all()
    index = table.schema.get_field_index("accept")
    table = table.set_column(index, table.schema.field(index), pc.or_(table["accept"], True))
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)
    entry = json.loads((batch / "seal.jsonl").read_bytes().splitlines()[1])
    entry["sha256"] = sha256(path.read_bytes())
    previous = entry.pop("previous")
    _change_lines(batch, lambda lines: [lines[0], link(entry, previous), *lines[2:]])


@pytest.mark.parametrize(
    ("tamper", "word"),
    [
        (lambda batch: _swap(batch / "000001.arrow", batch / "000002.arrow"), "000001.arrow: changed"),
        (lambda batch: shutil.copy(batch / "000001.arrow", batch / "000006.arrow"), "000006.arrow: has no seal"),
        (lambda batch: _swap(batch / "images/S1-000000004.bmp", batch / "images/S1-000000008.bmp"), "S1-000000004.bmp: changed"),
        (lambda batch: (batch / "images/S1-000000005.bmp").write_bytes(b"x"), "S1-000000005.bmp: not in the list"),
        (lambda batch: _change_lines(batch, lambda lines: [lines[1], lines[0], *lines[2:]]), "reordered"),
        (lambda batch: _change_lines(batch, lambda lines: [*lines[:2], *lines[3:]]), "the chain is cut"),
        (lambda batch: _change_lines(batch, lambda lines: lines[1:]), "the chain is cut"),
        (lambda batch: _change_lines(batch, lambda lines: [*lines, lines[-1]]), "the chain is cut"),
        (lambda batch: _change_lines(batch, lambda lines: [b"null\n", *lines[1:]]), "not a link"),
        (_make_accepted, "the chain is cut"),
        (_make_accepted, "verdict and reasons contradict"),
    ],
)
def test_tampering_is_named(batch: Path, tamper: Callable[[Path], object], word: str) -> None:
    tamper(batch)
    assert any(word in problem for problem in verify(batch)), verify(batch)


def test_the_head_tells_a_batch_from_one_whose_end_was_taken_off(batch: Path) -> None:
    before = head(batch)
    (batch / "000005.arrow").unlink()
    _change_lines(batch, lambda lines: lines[:-1])
    found = examine(batch)
    assert found.head != before and not found.closed


def _seal(folder: Path, *parts: list[object]) -> None:
    """Batches written by writers that know nothing of each other."""
    for part in parts:
        writer = BatchWriter(folder, {}, rows_per_file=1)
        writer._former.clear()
        writer.append(part)  # type: ignore[arg-type]
        writer.commit()
        while writer.roll(settled=True):
            pass


def test_doubled_rows_are_found(tmp_path: Path) -> None:
    _seal(tmp_path, [record(1), record(2)], [record(2), record(3)])
    assert verify(tmp_path) == ["1 rows stand twice, the first is S1 2"]


def test_missing_triggers_are_counted_by_station(tmp_path: Path) -> None:
    writer = BatchWriter(tmp_path, {})
    writer.append([record(5), record(9), record(1, station="S2"), record(2, station="S2"), record(4, station="S2")])
    writer.commit()
    open_found = examine(tmp_path)
    assert open_found.missing == {"S1": 3, "S2": 1} and open_found.problems == []  # they may still come
    writer.close()
    found = examine(tmp_path)
    assert found.missing == {"S1": 3, "S2": 1}
    assert found.problems == ["S1: 3 of the triggers 5 to 9 have no row", "S2: 1 of the triggers 1 to 4 have no row"]


def test_an_open_file_is_told_apart(tmp_path: Path) -> None:
    writer = BatchWriter(tmp_path, {})
    writer.append([record(1)])
    writer.commit()
    with open(tmp_path / "000001.arrows", "ab") as stream:
        stream.write(b"\xff\xff\xff\xff")
    found = examine(tmp_path)
    assert found.problems == [] and found.rows == 1
    assert "000001.arrows: open, 1 rows not sealed yet, 4 bytes of an unfinished write behind them" in found.notes
    writer.abandon()


def test_what_is_not_ours_is_noted(batch: Path) -> None:
    (batch / "report.html").write_text("x")
    found = examine(batch)
    assert found.problems == [] and "report.html: not part of the results, not covered by a seal" in found.notes


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="no such batch folder"):
        verify(tmp_path / "none")
