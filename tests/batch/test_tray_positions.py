"""Trays: what stands at their places in report and sums; containers of a rejected tray are scanned again one by one."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from tests.batch.packing import Packing, line_file, order_file, vision
from tests.decode.rendering import draw, modules
from tests.results.samples import GTIN, finding, record, report
from vision.batch.life import OrderedBatch, ordered_batch
from vision.batch.places import place_accounts
from vision.batch.reconcile import reconcile
from vision.results.schema import symbol_rows
from vision.types import Place, Reason, Record

LAYOUT = """
[station.recipe.layout]
places = [[100, 100], [300, 100], [500, 100], [700, 100]]
tolerance_px = 40.0
"""
PLACES = 4


@pytest.fixture
def batch(tmp_path: Path) -> OrderedBatch:
    line = line_file(tmp_path)
    line.write_text(line.read_text("utf-8").replace("[station.reject]", LAYOUT + "[station.reject]"), "utf-8")
    serials = [serial_of(tray, position) for tray in range(1, 41) for position in range(1, PLACES + 1)]
    order = order_file(tmp_path, serials, lot="L1", expiry="281231", grade_min=0.0, symbols_per_frame=PLACES)
    assert vision("batch", "start", line, order, "--who", "A. Operator") == 0
    return ordered_batch(max((tmp_path / "results" / "L1").iterdir(), key=lambda path: (path.is_dir(), path.name)))


def serial_of(tray: int, position: int) -> str:
    return f"T{tray}P{position}"


def pack_tray(run: Packing, tray: int, faults: dict[int, Reason] | None = None, grades: dict[int, float] | None = None) -> Record:
    """A tray as the line records it: a fault at some of its places, an empty place for NO_SYMBOL."""
    faults, grades = faults or {}, grades or {}
    findings, places = [], []
    for position in range(1, PLACES + 1):
        reasons = (faults[position],) if position in faults else ()
        if reasons == (Reason.NO_SYMBOL,):
            places.append(Place(position, None, reasons))
            continue
        places.append(Place(position, len(findings), reasons))
        findings.append(replace(finding(serial_of(tray, position)), report=report(overall=grades.get(position, 4.0))))
    reasons = tuple(dict.fromkeys(faults.values()))
    serials = tuple(serial_of(tray, place.position) for place in places if place.finding is not None)
    row = record(tray, *reasons, symbols=symbol_rows(findings, places))
    row = replace(row, serials=serials)
    run.claims.claim([row])
    run.writer.append([row])
    run.writer.commit()
    return row


def test_places_that_differ_are_named_with_their_cavity(batch: OrderedBatch, tmp_path: Path) -> None:
    run = Packing(batch)
    for tray in range(1, 41):
        faults = {}
        if tray % 4 == 0:
            faults[2] = Reason.NO_SYMBOL if tray % 8 else Reason.LOW_GRADE
        if tray == 13:
            faults[1] = Reason.LOW_GRADE
        assert pack_tray(run, tray, faults, {3: 4.0 - tray / 20}).accept == (not faults)
    run.close()
    mes = {"components": [{"kind": "mould_cavity", "id": f"M7/{place}", "positions": [place]} for place in range(1, PLACES + 1)]}
    (tmp_path / "mes.json").write_text(json.dumps(mes), "utf-8")
    assert vision("batch", "components", batch.folder, tmp_path / "mes.json") == 0
    accounts = {account.position: account for account in place_accounts(batch.folder)}
    assert {p: (a.seen, a.good, a.empty, dict(a.reasons)) for p, a in accounts.items()} == {
        1: (40, 39, 0, {"LOW_GRADE": 1}),
        2: (40, 30, 5, {"LOW_GRADE": 5}),
        3: (40, 40, 0, {}),
        4: (40, 40, 0, {}),
    }
    assert [p for p, a in accounts.items() if a.many_bad] == [2] and [p for p, a in accounts.items() if a.falls] == [3]
    assert (accounts[3].begin, accounts[3].end) == pytest.approx((3.725, 2.225))
    assert accounts[2].cavities == ("M7/2",)
    assert vision("batch", "report", batch.folder, "--report", tmp_path / "r.html") == 0
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "place 2 of S1 (cavity M7/2): 10 of 40 are bad or missing, more than at the others" in page
    assert "place 3 of S1 (cavity M7/3): its mean grade fell from 3.7 to 2.2" in page
    assert "place 1 of S1" not in page and "place 4 of S1" not in page


def test_rejects_are_counted_in_trays(batch: OrderedBatch) -> None:
    run = Packing(batch)
    assert pack_tray(run, 1).accept and not pack_tray(run, 2, {3: Reason.LOW_GRADE}).accept
    run.close()
    with batch.pool() as pool:
        before = reconcile(batch, pool)
    assert before.trays and (before.triggers, before.rejects_signalled, before.commissioned) == (2, 1, PLACES)
    assert before.unexplained == PLACES, "printed on the containers of the rejected tray"
    assert vision("batch", "sample", batch.folder, serial_of(2, 3), "--why", "laboratory") == 0
    assert vision("batch", "end", batch.folder, "--rejects-counted", 1) == 0, "the tray lies in the bin, one container short"


def test_containers_of_a_rejected_tray_are_scanned_one_by_one(
    batch: OrderedBatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Packing(batch)
    assert not pack_tray(run, 1, {3: Reason.NO_SYMBOL}).accept
    run.close()
    images = []
    for position in (1, 2):
        text = f"(01){GTIN}(17)281231(10)L1(21){serial_of(1, position)}"
        picture, _ = draw(modules(text, "20x20", gs1=True), px=6.0, seed=position, frame=(240, 240))
        images.append(tmp_path / f"{position}.png")
        cv2.imwrite(str(images[-1]), picture)
    both = tmp_path / "both.png"
    cv2.imwrite(str(both), cv2.hconcat([cv2.imread(str(path)) for path in images]))
    line = tmp_path / "L1.toml"
    capsys.readouterr()
    assert vision("batch", "rework", line, both, "--json") == 1, "one container to an image"
    assert json.loads(capsys.readouterr().out)["verdict"]["reasons"] == ["WRONG_SYMBOL_COUNT"]
    assert vision("batch", "rework", line, *images, "--why", "of tray 1") == 0
    with batch.pool() as pool:
        result = reconcile(batch, pool)
    assert (result.commissioned, result.unexplained, result.rejects_signalled) == (2, 1, 1)
    assert vision("batch", "end", batch.folder, "--rejects-counted", 1) == 0


def test_an_audit_of_the_batch_tells_the_grade_of_each_place(
    batch: OrderedBatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Packing(batch)
    for tray in range(1, 41):
        pack_tray(run, tray, {2: Reason.NO_SYMBOL} if tray == 7 else None, {3: 4.0 - tray / 20})
    run.close()
    report_file = tmp_path / "audit.html"
    capsys.readouterr()
    assert vision("audit", batch.folder, "--report", report_file, "--results", tmp_path / "audit", "--workers", 1, "--json") == 0
    assert json.loads(capsys.readouterr().out)["symbols"] == 159, "an empty place is no symbol"
    headline, _, chapter = report_file.read_text("utf-8").partition("By place of the tray")
    assert "the print got worse at 1 of 4 places of the tray" in headline and "place 3: overall grade" in headline
    rows = [" ".join(re.sub("<[^>]*>", " ", row).split()) for row in chapter.partition("</table>")[0].split("<tr>")[2:]]
    assert [row.split()[:2] for row in rows] == [["1", "40"], ["2", "39"], ["3", "40"], ["4", "40"]]
    assert ["drifts" in row for row in rows] == [False, False, True, False], "the one cavity whose print fades, and it alone"
    assert "too few to tell" in rows[1] and "steady" in rows[0]
