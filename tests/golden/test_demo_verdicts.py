"""Every pack of the shipped recording gets the verdict its truth asks for, under the demonstration line's own recipe and order."""

from __future__ import annotations

import csv
from pathlib import Path

from vision.cameras.recorded import Recording
from vision.config import load_line
from vision.content.order import load_order
from vision.content.serials import SerialIndex
from vision.inspection import Workspace, inspect
from vision.types import Frame, Reason

DEMO = Path(__file__).resolve().parent.parent.parent / "vision" / "demo"


def test_the_demonstration_line_judges_every_pack_as_its_truth() -> None:
    config = load_line(DEMO / "line.toml")
    order = load_order(DEMO / "order.json")
    recipe = config.stations[0].recipe.recipe(order)
    recording = Recording.open(DEMO / "packs.zip")
    serials = SerialIndex(order)
    work = Workspace()
    wrong = []
    with open(DEMO / "truth.csv", newline="", encoding="utf-8") as file:
        truth = list(csv.DictReader(file))
    assert len(truth) == len(recording)
    for index, row in enumerate(truth):
        inspection = inspect(Frame(recording.frame(index)), recipe, work)
        reasons = inspection.verdict.reasons
        if not reasons:
            reasons = serials.claim_all([f.content.serial for f in inspection.findings if f.content and f.content.serial])
        expected = set() if row["kind"] == "good" else {Reason(kind) for kind in row["kind"].split("|")}
        if (reasons[0] if reasons else None) not in (expected or {None}):
            wrong.append(f"pack {index}: {row['kind']}, judged {[str(r) for r in reasons]}")
    work.close()
    assert not wrong, "\n".join(wrong)
