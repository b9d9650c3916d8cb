"""`python -m bench.render`: renders a recording of a packaging line."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from bench.render.recording import pack_recording, render_recording
from bench.render.scenario import Batch

DEMO = Path(__file__).resolve().parents[2] / "vision" / "demo"
DEMO_PACKS, DEMO_SEED, DEMO_BAD_SHARE = 320, 20261123, 0.18


def render_demo(folder: Path) -> None:
    """The shipped recording into `folder`: packs.zip to replay, truth.csv and order.json beside it."""
    with tempfile.TemporaryDirectory() as scratch:
        render_recording(scratch, DEMO_PACKS, DEMO_SEED, DEMO_BAD_SHARE)
        pack_recording(Path(scratch), folder / "packs.zip")
        for name in ("truth.csv", "order.json"):
            shutil.copyfile(Path(scratch) / name, folder / name)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.render", description="Renders a recording of a packaging line.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--out", type=Path, metavar="FOLDER", help="folder to fill")
    where.add_argument("--demo", action="store_true", help="renders the shipped recording, vision/demo, anew")
    parser.add_argument("--packs", type=int, default=320, metavar="N", help="how many packs (320)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="same seed, same frames (1)")
    parser.add_argument("--bad", type=float, default=0.1, metavar="SHARE", help="share of bad packs (0.1)")
    parser.add_argument("--order", type=Path, metavar="ORDER.json", help="print this order's product, lot, expiry and serials")
    given = parser.parse_args(arguments)
    if given.packs < 1 or not 0 <= given.bad <= 1:
        print("bench.render: --packs must be 1 or more, --bad from 0 to 1", file=sys.stderr)
        return 2
    if given.demo:
        render_demo(DEMO)
        return 0
    batch, pool = Batch(), None
    if given.order is not None:
        try:
            raw = json.loads(given.order.read_text(encoding="utf-8"))
            fields = {name: raw[name] for name in ("order", "product", "gtin", "lot", "expiry")}
            batch, pool = replace(batch, **fields), raw["serials"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            print(f"bench.render: {given.order}: {error}", file=sys.stderr)
            return 2
    try:
        render_recording(given.out, given.packs, given.seed, given.bad, batch=batch, pool=pool)
    except (OSError, ValueError) as error:
        print(f"bench.render: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
