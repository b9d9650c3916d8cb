"""The recorder's side of a batch dies at any step between claim, row and acknowledgement, and so does the power: all adds up."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.batch.packing import Packing, start_batch
from tests.results.samples import record
from vision.batch.life import OrderedBatch
from vision.batch.operate import clear, end
from vision.batch.reconcile import reconcile
from vision.batch.settle import settle
from vision.pipeline.batch import mend_line
from vision.results.reader import open_batch, revisions, row_files
from vision.results.verify import verify
from vision.serials.pool import Pool
from vision.serials.states import State
from vision.types import Reason

SEED = 20261126
SERIALS = [f"SN{number:03d}" for number in range(200)]


class Crash(BaseException):
    """The process is gone at this step."""


@contextmanager
def crash_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ends at the steps-th call that changes a disk: half of a write is done then, a claim either counts or does not."""
    left = [steps]

    def breaking(call: Callable[..., Any], half: bool = False, after: bool = False) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                if half:
                    call(arguments[0], arguments[1][: len(arguments[1]) // 2])
                if after:
                    call(*arguments, **options)
                raise Crash
            return call(*arguments, **options)

        return wrapper

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", breaking(os.write, half=True))
        for name in ("fsync", "fdatasync"):
            patch.setattr(os, name, breaking(getattr(os, name)))
        patch.setattr(Pool, "claim", breaking(Pool.claim, after=steps % 2 == 0))
        patch.setattr(Pool, "set_back", breaking(Pool.set_back, after=steps % 2 == 0))
        yield


def pack_until_crash(batch: OrderedBatch, chance: random.Random, passed: dict[int, str]) -> None:
    """Packs as they come: some rejected, some duplicates, some amended; passed: those acknowledged and not taken back."""
    run = Packing(batch, rows_per_file=7)
    last = max((trigger for _, trigger in revisions(row_files(batch.folder))), default=0)
    used = {serial for serial, state in run.pool.of_batch(batch.product, batch.name) if state is State.COMMISSIONED}
    try:
        for trigger in range(last + 1, last + 60):
            serial = chance.choice(SERIALS)
            reasons = (Reason.LOW_GRADE,) if chance.random() < 0.15 else (Reason.DUPLICATE_SERIAL,) if serial in used else ()
            row = replace(record(trigger, *reasons, serial=serial), serials=(serial,))
            run.claims.claim([row])
            run.writer.append([row])
            run.writer.commit()
            if row.accept:
                used.add(serial)  # as the line's index: a serial is let in once
                if chance.random() < 0.1:
                    run.amend(row, Reason.NOT_RECORDED)
                else:
                    passed[trigger] = serial
            run.writer.roll(settled=True, budget_ns=100_000)
    finally:
        run.writer.abandon()
        run.pool.close()


def check(batch: OrderedBatch, passed: dict[int, str]) -> None:
    with batch.pool() as pool:
        settle(batch, pool)
        assert settle(batch, pool) == settle(batch, pool), "to settle twice is harmless"
        result = reconcile(batch, pool)
        states = dict(pool.of_batch(batch.product, batch.name))
    rows = open_batch(batch.folder, ["trigger", "accept", "symbols"]).to_pylist()
    accepted = {row["trigger"]: row["symbols"][0]["serial"] for row in rows if row["accept"]}
    assert passed.items() <= accepted.items(), "a pack was passed without its durable row"
    assert len(set(accepted.values())) == len(accepted), "a serial was used twice"
    assert {serial for serial, state in states.items() if state is State.COMMISSIONED} == set(accepted.values())
    assert result.contradictions == []
    assert result.allocated == result.commissioned + result.returned + result.unexplained == len(SERIALS)
    assert result.triggers == result.accepted + result.rejected
    assert verify(batch.folder) == []


@pytest.mark.parametrize("attempt", range(3))
def test_all_adds_up_after_crashes_at_any_step(attempt: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(SEED + attempt)
    batch = start_batch(tmp_path, SERIALS)
    passed: dict[int, str] = {}
    for _ in range(5):
        with crash_after(chance.randint(1, 120), monkeypatch), pytest.raises(Crash):
            pack_until_crash(batch, chance, passed)
        mend_line(batch.folder.parent)
        check(batch, passed)
    with batch.pool() as pool:
        rejected = reconcile(batch, pool).rejected
        clear(batch, pool, "A. Operator", "", rejected)
        assert end(batch, pool, "A. Operator", "").open_points == []
    assert verify(batch.folder) == []
