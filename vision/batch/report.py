"""The batch report: what was ordered, what became of every pack and serial, who did what, and the head of the chain it all
hangs on.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from math import isnan
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vision.batch.life import OrderedBatch
from vision.batch.places import PlaceAccount, place_accounts
from vision.batch.reconcile import Reconciliation
from vision.report.document import Beside, Block, Callout, Cell, Document, Facts, Heading, Paragraph, Table, Tone
from vision.results.operations import read_operations
from vision.results.reader import open_batch
from vision.results.seal import head
from vision.results.signatures import read_signatures
from vision.results.verify import Examination, examine
from vision.types import Reason
from vision.verdict.reasons import WORDS

_SERIAL_TERMS = ("allocated", "commissioned", "scrapped", "sampled", "destroyed", "returned", "unexplained")
_TRIGGER_TERMS = ("triggers", "accepted", "rejected", "removed")


def batch_document(batch: OrderedBatch, result: Reconciliation) -> Document:
    """The report as a document for `vision.report`. result: of `reconcile`. Raises ResultsError."""
    operations = read_operations(batch.folder)
    examined = examine(batch.folder)
    blocks: list[Block] = [
        _verdict(result, examined, operations),
        _facts(batch, operations),
        *_equations(result),
        *_reasons(batch, result.trays),
        *_grades(batch),
        *_places(batch),
        *_challenges(operations),
        *_operations(operations),
        *_record(batch, examined),
    ]
    order = batch.order
    return Document(
        title=f"Batch report {order.lot}",
        subtitle=f"{order.product}, order {order.order}, line {batch.info.line}",
        blocks=blocks,
        footer=f"packline-vision {batch.info.software}, head {head(batch.folder) or 'none yet'}",
    )


def _verdict(result: Reconciliation, examined: Examination, operations: list[dict[str, Any]]) -> Callout:
    points = (*result.open_points, *examined.problems)
    deviations = [operation for operation in operations if operation["what"] == "deviation"]
    if not points:
        return Callout("Every serial and every trigger adds up; the record is as it was sealed.", tone=Tone.GOOD)
    if deviations and not examined.problems:
        words = tuple(f"Deviation by {o['who']}, {_time(o['utc'])}: {o['why']}" for o in deviations)
        return Callout("Closed with a signed deviation.", (*points, *words), Tone.WARN)
    return Callout("Does not add up.", tuple(points), Tone.BAD)


def _facts(batch: OrderedBatch, operations: list[dict[str, Any]]) -> Facts:
    order = batch.order
    ends = [operation for operation in operations if operation["what"] == "end"]
    kept = [operation["retain_until"] for operation in operations if "retain_until" in operation]
    code = "GTIN" if order.scheme == "GS1" else "PPN"
    return Facts(
        (
            ("Order", order.order),
            (code, order.product_code),
            ("Lot", order.lot),
            ("Expiry (YYMMDD)", order.expiry),
            ("Quantity ordered", str(order.quantity)),
            ("Least grade, edition", f"{order.grade_min:.1f}, ISO/IEC 15415:{order.edition}"),
            ("Started", f"{_time(batch.info.start_utc)} by {operations[0]['who']}" if operations else _time(batch.info.start_utc)),
            ("Ended", f"{_time(ends[0]['utc'])} by {ends[0]['who']}" if ends else "open"),
            ("Record kept until", kept[-1] if kept else "set at the end"),
            ("Software", batch.info.software),
        )
    )


def _equations(result: Reconciliation) -> list[Block]:
    values = result.as_json()
    serial_rows = tuple((name, str(values[name])) for name in _SERIAL_TERMS)
    trigger_rows = tuple((name.replace("removed", "removed by hand"), str(values[name])) for name in _TRIGGER_TERMS)
    confirmed = "not counted" if result.rejects_confirmed is None else str(result.rejects_confirmed)
    bin_rows: tuple[tuple[str, str], ...] = (("rejects signalled", str(result.rejects_signalled)), ("rejects confirmed", confirmed))
    if result.machine_rejected:
        bin_rows = (*bin_rows, ("confirmed by the machine", f"{result.machine_confirmed} of {result.machine_rejected}"))
    if len(result.bin_counts) > 1:
        bin_rows = (*bin_rows, ("counts of the bin", " ".join(f"{count:+d}" for count in result.bin_counts)))
    what = "trays" if result.trays else "packs"
    blocks: list[Block] = [
        Heading("Reconciliation"),
        Beside(
            (
                Table(("serials", "count"), serial_rows, right=(1,)),
                Table((what, "count"), (*trigger_rows, *bin_rows), right=(1,)),
            )
        ),
        Paragraph(
            "allocated = commissioned + scrapped + sampled + destroyed (or inactive) + returned; none may be unexplained. "
            "triggers = accepted + rejected + removed by hand; rejects signalled = rejects confirmed.",
            Tone.MUTED,
        ),
    ]
    if result.trays:
        words = (
            "A trigger is a tray. It passes as a whole; one that was rejected counts as one reject, whatever was taken out of it."
        )
        blocks.append(Paragraph(words, Tone.MUTED))
    if result.unexplained_serials:
        rows = tuple((Cell(text, code=True),) for text in result.unexplained_serials)
        blocks.append(Table(("unexplained serials",), rows))
    return blocks


def reason_counts(folder: Path) -> Counter[str]:
    """Rejected triggers of a batch by their first reason."""
    table = open_batch(folder, ["accept", "reasons"])
    return Counter(reasons[0] for reasons in table["reasons"].to_pylist() if reasons)


def _reasons(batch: OrderedBatch, trays: bool) -> list[Block]:
    counts = reason_counts(batch.folder)
    if not counts:
        return []
    rows = tuple((Cell(name, code=True), WORDS.get(Reason(name), ""), str(count)) for name, count in counts.most_common())
    columns = ("reason", "in words", "trays" if trays else "packs")
    return [Heading("Rejects by first reason"), Table(columns, rows, right=(2,), shares=(0, 1, 0))]


def grade_counts(folder: Path) -> Counter[str]:
    """Symbols on accepted packs by the letter of their grade. Grades are of frames as taken: in-line, not of a verifier."""
    table = open_batch(folder, ["accept", "symbols"])
    counts: Counter[str] = Counter()
    for chunk in pc.list_flatten(table.filter(table["accept"])["symbols"]).chunks:
        counts.update(chunk.field("grade").field("letter").drop_null().to_pylist())
    return counts


def _grades(batch: OrderedBatch) -> list[Block]:
    counts = grade_counts(batch.folder)
    total = sum(counts.values())
    if not total:
        return []
    rows = tuple((letter, str(counts[letter]), f"{counts[letter] / total:.1%}") for letter in sorted(counts))
    return [Heading("Grades of accepted packs"), Table(("grade", "symbols", "share"), rows, right=(1, 2))]


def _places(batch: OrderedBatch) -> list[Block]:
    accounts = place_accounts(batch.folder)
    if not accounts:
        return []
    stations = len({one.station for one in accounts}) > 1
    blocks: list[Block] = [Heading("Containers by place of the tray")]
    outstanding = tuple(_outstanding(one) for one in accounts if one.many_bad or one.falls)
    if outstanding:
        blocks.append(Callout("Some places differ from the others", outstanding, Tone.WARN))
    rows = []
    for one in accounts:
        faults = ", ".join(f"{name} {count}" for name, count in one.reasons.most_common(2))
        rows.append(
            (
                f"{one.station} {one.position}" if stations else str(one.position),
                ", ".join(one.cavities) or "-",
                str(one.seen),
                str(one.good),
                str(one.empty),
                Cell(str(one.bad - one.empty), Tone.WARN if one.many_bad else Tone.PLAIN),
                Cell(faults, code=True),
                _grade(one.grade),
                Cell(f"{_grade(one.begin)} to {_grade(one.end)}", Tone.WARN if one.falls else Tone.PLAIN),
            )
        )
    columns = ("place", "mould cavity", "trays", "good", "empty", "bad", "bad for", "mean grade", "first to last quarter")
    blocks.append(Table(columns, tuple(rows), right=(0, 2, 3, 4, 5, 7, 8), shares=(0, 0, 0, 0, 0, 0, 1, 0, 0)))
    return blocks


def _grade(grade: float) -> str:
    return "-" if isnan(grade) else f"{grade:.1f}"


def _outstanding(one: PlaceAccount) -> str:
    name = f"place {one.position} of {one.station}" + (f" (cavity {', '.join(one.cavities)})" if one.cavities else "")
    words = [f"{one.bad} of {one.seen} are bad or missing, more than at the others"] if one.many_bad else []
    words += [f"its mean grade fell from {_grade(one.begin)} to {_grade(one.end)}"] if one.falls else []
    return f"{name}: {' and '.join(words)}"


def _time(utc: str) -> str:
    """A time for a reader: to the second, in UTC; the record has the milliseconds."""
    return datetime.fromisoformat(utc).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _challenges(operations: list[dict[str, Any]]) -> list[Block]:
    tests = [operation for operation in operations if operation["what"] == "challenge"]
    if not tests:
        return []
    rows = []
    for test in tests:
        passed = bool(test["passed"])
        steps = ", ".join(f"{s['kind']}: {' '.join(s['reasons']) or 'ACCEPTED'}" for s in test["steps"])
        rows.append(
            (_time(test["utc"]), test["who"], Cell("passed" if passed else "FAILED", Tone.GOOD if passed else Tone.BAD), steps)
        )
    return [Heading("Challenge tests"), Table(("time", "who", "result", "known-bad packs"), tuple(rows), shares=(0, 0, 0, 1))]


def _operations(operations: list[dict[str, Any]]) -> list[Block]:
    rows = []
    for operation in operations:
        serials = operation.get("serials", [])
        about = ", ".join(serials[:8]) + (f" and {len(serials) - 8} more" if len(serials) > 8 else "")
        about = about or ", ".join(
            f"{operation['station']} {t}" for t in operation.get("triggers", [])[:8] if "station" in operation
        )
        if operation["what"] == "components":
            about = ", ".join(f"{one['kind'].replace('_', ' ')} {one['id']}" for one in operation["components"][:4])
            about += f" and {len(operation['components']) - 4} more" if len(operation["components"]) > 4 else ""
        elif operation["what"] == "confirm":
            about = f"{operation['confirmed']} of {operation['rejected']} rejects"
        elif operation["what"] == "clearance" and operation.get("counted") is not None:
            count = operation["counted"]
            about = f"{count} in the bin" if count >= 0 else f"count of the bin corrected by {count}"
        rows.append((_time(operation["utc"]), operation["who"], operation["what"], about, operation["why"]))
    columns = ("time", "who", "what", "about", "why")
    return [Heading("Operations"), Table(columns, tuple(rows), shares=(0, 0, 0, 1, 1))] if rows else []


def _record(batch: OrderedBatch, examined: Examination) -> list[Block]:
    hashes = tuple((Cell(name), Cell(value, code=True)) for name, value in sorted(batch.info.hashes.items()))
    signatures = tuple(
        (_time(entry["utc"]), entry["name"], entry["meaning"], Cell(entry["head"][:16], code=True))
        for entry in read_signatures(batch.folder)
    )
    blocks: list[Block] = [
        Heading("Record"),
        Table(
            ("head of the chain, and what it rests on", "sha256"),
            ((Cell("head (seal.jsonl)"), Cell(head(batch.folder) or "nothing is sealed yet", code=True)), *hashes),
        ),
        Paragraph("Signatures are bound to the head: any change to a row, an image, the order or an operation gives another one."),
        Table(("time", "name", "meaning", "head"), signatures, shares=(0, 0, 1, 0)) if signatures else Paragraph("Not signed yet."),
    ]
    if examined.notes:
        blocks.append(Paragraph("; ".join(examined.notes), Tone.MUTED))
    return blocks


def batch_table(batch: OrderedBatch, result: Reconciliation) -> pa.Table:
    """The report as rows for other programs: section, name, count, text; what the batch is stands in the metadata."""
    rows: list[tuple[str, str, int | None, str | None]] = []
    values = result.as_json()
    rows += [("serials", name, int(values[name]), None) for name in _SERIAL_TERMS]
    rows += [("packs", name, int(values[name]), None) for name in _TRIGGER_TERMS]
    rows += [
        ("packs", "rejects_signalled", result.rejects_signalled, None),
        ("packs", "rejects_confirmed", result.rejects_confirmed, None),
        ("packs", "machine_rejected", result.machine_rejected, None),
        ("packs", "machine_confirmed", result.machine_confirmed, None),
    ]
    rows += [("reasons", name, count, None) for name, count in reason_counts(batch.folder).most_common()]
    rows += [
        (f"places {one.station}", str(one.position), one.good, ", ".join(one.cavities)) for one in place_accounts(batch.folder)
    ]
    rows += [("grades", letter, count, None) for letter, count in sorted(grade_counts(batch.folder).items())]
    rows += [("open_points", str(number), None, text) for number, text in enumerate(result.open_points, 1)]
    for number, operation in enumerate(read_operations(batch.folder), 1):
        rows.append(
            (
                "operations",
                str(number),
                len(operation.get("serials", [])),
                f"{operation['utc']} {operation['who']} {operation['what']}",
            )
        )
    schema = pa.schema(
        [("section", pa.string()), ("name", pa.string()), ("count", pa.int64()), ("text", pa.string())],
        metadata={
            "batch": batch.name,
            "order": batch.order.order,
            "product": batch.product,
            "lot": batch.order.lot,
            "expiry": batch.order.expiry,
            "closed": str(not result.open_points).lower(),
            "head": head(batch.folder),
        },
    )
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema)
