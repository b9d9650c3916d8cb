"""A stranger with a shell, sha256sum and vision/results/README.md alone finds every change of a signed batch."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.batch.packing import Packing, start_batch, vision
from vision.results.verify import verify
from vision.types import Reason

PAGE = Path(__file__).resolve().parents[2] / "vision" / "results" / "README.md"
LINES = [line for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.S) for line in block.splitlines()]
CHAIN = next(line for line in LINES if line.startswith("chain()"))
COMMANDS = [line for line in LINES if line != CHAIN]


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signed")
    batch = start_batch(folder)
    run = Packing(batch, rows_per_file=4)
    for trigger in range(1, 11):
        run.pack(trigger, *((Reason.LOW_GRADE,) if trigger == 5 else ()))
        run.writer.roll(settled=True)
    run.images.keep("S1", 5, np.full((16, 16), 7, np.uint8))
    run.images.keep("S1", 6, np.full((16, 16), 8, np.uint8))
    (batch.folder / "images" / "S1-000000006.bmp").unlink()  # with the power, before a seal covered it
    run.writer.abandon()
    run.pool.close()
    Packing(batch).close()
    assert vision("batch", "end", batch.folder, "--rejects-counted", 1) == 0
    assert vision("batch", "sign", batch.folder, "--who", "Q. Person", "--meaning", "reviewed") == 0
    assert verify(batch.folder) == []
    return batch.folder


def strangers_check(folder: Path) -> bool:
    """Every command of the page, as printed there."""
    done = [
        subprocess.run(["sh", "-c", f"{CHAIN}\n{command}"], cwd=folder, capture_output=True, check=False).returncode
        for command in COMMANDS
    ]
    return not any(done)


def test_the_page_holds_for_a_sound_batch(signed: Path) -> None:
    assert len(COMMANDS) >= 8
    for command in COMMANDS:
        done = subprocess.run(["sh", "-c", f"{CHAIN}\n{command}"], cwd=signed, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stdout, done.stderr)


def changes(folder: Path) -> list[tuple[str, str]]:
    """(what, file) for each way to tamper that is tried."""
    names = ["000001.arrow", "seal.jsonl", "batch.json", "order.json", "serials.csv", "operations.jsonl"]
    names += [f"images/{path.name}" for path in (folder / "images").iterdir() if path.suffix != ".jsonl"]
    return (
        [("byte", name) for name in names]
        + [("gone", name) for name in names]
        + [("reordered", "seal.jsonl"), ("cut", "seal.jsonl")]
    )


def tamper(folder: Path, what: str, name: str) -> None:
    path = folder / name
    if what == "gone":
        path.unlink()
        return
    content = path.read_bytes()
    if what == "byte":
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        return
    lines = content.splitlines(keepends=True)
    lines = [lines[1], lines[0], *lines[2:]] if what == "reordered" else lines[:-1]
    path.write_bytes(b"".join(lines))
    head = subprocess.run(["sha256sum", name], cwd=folder, capture_output=True, check=True).stdout
    (folder / "seal.sha256").write_bytes(head)  # whoever cuts the chain makes its head anew


def test_every_change_is_found_by_the_page_and_by_verify(signed: Path, tmp_path: Path) -> None:
    for number, (what, name) in enumerate(changes(signed)):
        copy = tmp_path / str(number)
        shutil.copytree(signed, copy)
        tamper(copy, what, name)
        assert not strangers_check(copy), f"{what} {name}: the page sees nothing"
        problems = verify(copy)
        where = "has no seal" if what == "cut" else name.rpartition("/")[2]
        assert any(where in problem for problem in problems), (what, name, problems)
