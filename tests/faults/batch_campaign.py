"""Faults at random moments of batches that go on: after each, every pack and serial must still add up.

The suite runs a few (test_batch_faults.py); the long form is `make faults`, or

    python -m tests.faults.batch_campaign --runs 200 --seed 1
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.faults.line_starter import LineStarter
from tests.faults.power import build_shim, drop_unsynced, shim_environment, sizes
from tests.faults.rig import DEMO, await_gone, fates, line_file
from vision.batch.life import OrderedBatch, start
from vision.batch.operate import clear, end, remove
from vision.batch.reconcile import reconcile
from vision.config import LineConfig, load_line
from vision.content.order import load_order
from vision.pipeline.batch import mend_line
from vision.results.folder import lock_line
from vision.results.reader import open_batch
from vision.results.verify import verify
from vision.serials.states import State

FAULTS = ("line", "recorder", "everything", "power")
PARTS = 4


class Campaign:
    """Batches of up to PARTS runs, each ended by a fault; checked after every one."""

    def __init__(self, folder: Path, seed: int, kinds: tuple[str, ...] = FAULTS) -> None:
        self.folder = folder
        self.chance = random.Random(seed)
        self.config_path = line_file(folder, rate_hz=30.0, loop=False, slots=64)
        text = self.config_path.read_text().replace(str(DEMO / "packs.zip"), str(folder / "now.zip"))
        self.config_path.write_text(text)
        split_packs(folder)
        shutil.copy(folder / "part0.zip", folder / "now.zip")
        self.config: LineConfig = load_line(self.config_path)
        self.order = load_order(DEMO / "order.json")
        self.shim = build_shim(folder)
        self.log = folder / "synced.log"
        self.kinds = kinds if self.shim is not None else tuple(kind for kind in kinds if kind != "power")
        self.counts: Counter[str] = Counter()
        self.lines = LineStarter(shim_environment(self.shim, self.log) if self.shim is not None else {})

    def __enter__(self) -> Campaign:
        return self

    def __exit__(self, *exception: object) -> None:
        self.lines.close()

    def faults(self, count: int) -> Iterator[str]:
        """Does so many; yields what was done, in words."""
        while count > 0:
            batch = self.begin()
            for part in range(min(PARTS, count)):
                shutil.copy(self.folder / f"part{part}.zip", self.folder / "now.zip")
                kind = self.kinds[sum(self.counts.values()) % len(self.kinds)]
                words = self.one(batch, kind)
                count -= 1
                self.counts[kind] += 1
                yield f"{kind}: {words}"
            self.finish(batch)

    def begin(self) -> OrderedBatch:
        # Serials come back in each batch as the recording does: each has a pool of its own.
        for path in self.config.results.glob("serials.db*"):
            path.unlink()
        self.config.results.mkdir(exist_ok=True)
        recipes = [station.recipe.recipe(self.order) for station in self.config.stations]
        with lock_line(self.config.results, self.config.name):
            return start(self.config, self.order, recipes, "Campaign")

    def one(self, batch: OrderedBatch, kind: str) -> str:
        self.log.unlink(missing_ok=True)
        lines, before = self.lines, sizes(self.config.results)
        lines.start(self.config_path)
        wanted = self.chance.randint(1, 45)
        lines.await_decided(wanted)
        time.sleep(self.chance.uniform(0.0, 0.05))  # the moment is what the campaign is about: anywhere between two rows
        children = lines.children()
        lost: list[str] = []
        if kind == "recorder":
            next(child for child in children if child.name() == "vision:recorder").kill()
            summary = lines.finish()
            assert summary is not None, "the line died with its recorder"
            if summary["records"] != summary["triggered"]:
                lost = [f"{summary['records']} records of {summary['triggered']} triggers, {summary['trouble'] or 'no trouble'}"]
        else:
            for victim in [lines.line] if kind == "line" else [lines.line, *children]:
                with contextlib.suppress(psutil.Error):
                    victim.kill()
            await_gone(children)
            lines.finish()
            if kind == "power":
                assert self.log.stat().st_size > 0, "the shim saw no sync"
                lost = drop_unsynced(self.config.results, self.log, before, self.chance)
        self.check(batch)
        return f"after {wanted} rows" + (f", lost {', '.join(lost)}" if lost else "")

    def check(self, batch: OrderedBatch) -> None:
        """What must hold after a fault, before and after the batch is mended."""
        with lock_line(self.config.results, self.config.name):
            mend_line(batch.folder.parent)
            rows = open_batch(batch.folder, ["trigger", "accept", "symbols"]).to_pylist()
            accepted = {row["trigger"]: [s["serial"] for s in row["symbols"]] for row in rows if row["accept"]}
            through = {trigger for trigger, accept in fates(batch.folder) if accept}
            assert through <= set(accepted), f"let through without a durable row that accepts: {sorted(through - set(accepted))}"
            with batch.pool() as pool:
                result = reconcile(batch, pool)
                states = dict(pool.of_batch(batch.product, batch.name))
        assert result.contradictions == []
        borne = [serial for serials in accepted.values() for serial in serials]
        assert len(set(borne)) == len(borne), "a serial was used twice"
        for serial in borne:
            assert states[serial] in (State.COMMISSIONED, State.INACTIVE), f"{serial} of an accepted pack is {states[serial].label}"
        commissioned = {serial for serial, state in states.items() if state is State.COMMISSIONED}
        assert commissioned <= set(borne), "a serial is commissioned and on no accepted pack"
        triggers = sorted(row["trigger"] for row in rows)
        missing = sorted(set(range(1, max(triggers, default=0) + 1)) - set(triggers))
        left = sorted(path.name for path in batch.folder.rglob("*") if path.suffix != ".bmp")
        assert not missing, f"triggers {missing} of {len(triggers)} have no row; {left}"
        assert result.triggers == result.accepted + result.rejected + result.removed
        assert verify(batch.folder) == []

    def finish(self, batch: OrderedBatch) -> None:
        """A person clears the line: packs whose pass never came lie in the bin, are taken out; the rest is counted."""
        with lock_line(self.config.results, self.config.name), batch.pool() as pool:
            mend_line(batch.folder.parent)
            rows = open_batch(batch.folder, ["trigger", "accept"]).to_pylist()
            through = {trigger for trigger, accept in fates(batch.folder) if accept}
            stranded = [row["trigger"] for row in rows if row["accept"] and row["trigger"] not in through]
            if stranded:
                remove(batch, pool, "S1", stranded, "Campaign", "found in the reject bin after a fault")
            clear(batch, pool, "Campaign", "line cleared", sum(not row["accept"] for row in rows))
            result = end(batch, pool, "Campaign", "end of the test")
        assert result.open_points == []
        assert result.unexplained == 0
        assert result.allocated == len(self.order.serials or ())
        assert verify(batch.folder) == []


def split_packs(folder: Path) -> None:
    """The demonstration's packs in PARTS archives, so that each run of a batch brings packs of its own."""
    with zipfile.ZipFile(DEMO / "packs.zip") as whole:
        head, *rows = whole.read("index.csv").decode().splitlines()
        size = -(-len(rows) // PARTS)
        for part in range(PARTS):
            mine = rows[part * size : (part + 1) * size]
            with zipfile.ZipFile(folder / f"part{part}.zip", "w") as piece:
                piece.writestr("index.csv", "\n".join([head, *mine]) + "\n")
                for name in sorted({name for row in mine for name in row.split(",")[:2] if name}):
                    piece.writestr(name, whole.read(name))


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Random faults; example: python -m tests.faults.batch_campaign --runs 200 --seed 1"
    )
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--kind", action="append", choices=FAULTS)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        with Campaign(Path(folder), options.seed, tuple(options.kind or FAULTS)) as campaign:
            for number, words in enumerate(campaign.faults(options.runs), 1):
                print(f"{number:4d} {words}", flush=True)
        print(f"{options.runs} faults, all add up: {dict(campaign.counts)}")


if __name__ == "__main__":
    main()
