"""`vision trace`: what happened to a serial, a lot, a case; events for partners; the recall list, and its block list."""

from __future__ import annotations

import csv
import getpass
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vision.cli.options import AsJson

if TYPE_CHECKING:
    from vision.trace.recall import History
    from vision.trace.records import Question

_LIST = ("product", "serial", "lot", "expiry", "line", "batch", "station", "trigger", "utc", "container", "outermost")


def trace(
    serial: Annotated[str | None, typer.Argument(metavar="[SERIAL]", help="a serial number as read")] = None,
    lot: Annotated[str | None, typer.Option(help="every pack of a lot")] = None,
    case: Annotated[str | None, typer.Option(metavar="SSCC", help="a container: what is in it and around it")] = None,
    expiry: Annotated[str | None, typer.Option(metavar="YYMMDD", help="every pack with this expiry, as printed")] = None,
    product: Annotated[str | None, typer.Option(help="only this GTIN or PPN")] = None,
    begin: Annotated[str | None, typer.Option("--from", metavar="TIME", help="seen from, ISO 8601 (UTC without an offset)")] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="seen before, ISO 8601")] = None,
    results: Annotated[Path, typer.Option(help="folder of the results of all lines")] = Path("results"),
    pool: Annotated[str, typer.Option(metavar="URL", help="pool of serials; default: serials.db in --results")] = "",
    line: Annotated[Path | None, typer.Option(metavar="LINE.toml", help="line file: place and prefixes of events")] = None,
    events: Annotated[Path | None, typer.Option(metavar="FILE", help="writes EPCIS 2.0 (.json) or 1.2 (.xml)")] = None,
    packs_per_event: Annotated[int, typer.Option(min=1, max=100_000, help="packs commissioned in one event")] = 1,
    recall: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="writes the recall list: packs let through")] = None,
    block: Annotated[str | None, typer.Option(metavar="WHY", help="blocks them: suspect, stolen or recalled")] = None,
    who: Annotated[str | None, typer.Option(metavar="NAME", help="who blocks; default: the user's name")] = None,
    why: Annotated[str, typer.Option(metavar="TEXT", help="why they are blocked, in words")] = "",
    as_json: AsJson = False,
) -> int:
    """What happened to a pack, a lot or a case; recall lists. Where packs were seen, with grade and evidence, where they are,
    their events.

    Exit code 1: nothing is known of what was asked for. With --json a serial or a case is one line; else one line per pack, and a
    last one with the sums.

    Example: vision trace --lot ABC123 --recall recall.csv --block recalled --pool sqlite:results/serials.db
    """
    from vision.results.folder import ResultsError
    from vision.serials.open import open_pool
    from vision.trace.commissioned import POOL
    from vision.trace.recall import History
    from vision.trace.records import Question

    selecting = any(value is not None for value in (lot, expiry, begin, end))
    if [serial is not None, case is not None, selecting].count(True) != 1:
        raise ResultsError("trace: expected one of SERIAL, --case, or --lot, --expiry, --from, --to together")
    if not selecting and (events or recall or block):
        raise ResultsError("trace: --events, --recall and --block go with --lot, --expiry, --from or --to")
    if block is not None and block not in ("suspect", "stolen", "recalled"):
        raise ResultsError(f"--block {block!a}: expected suspect, stolen or recalled")
    if expiry is not None and not (len(expiry) == 6 and expiry.isascii() and expiry.isdigit()):
        raise ResultsError(f"--expiry {expiry!a}: expected YYMMDD as printed, day 00 = no day")
    question = Question(lot, expiry, product, _time_ns(begin, "--from"), _time_ns(end, "--to"))
    if not pool and (results / POOL).exists():
        pool = f"sqlite:{results / POOL}"
    if block is not None and not pool:
        raise ResultsError("--block: goes with --pool, in which the block list lives")
    opened = open_pool(pool) if pool else None
    try:
        history = History(results, opened)
        if serial is not None:
            return _tell(history.of_serial(serial, product), as_json, "seen")
        if case is not None:
            return _tell(history.of_case(_case_epc(case)), as_json, "sscc")
        if events is not None:
            _write_events(history, question, events, line, packs_per_event)
        return _tell_packs(history, question, recall, (block, who or getpass.getuser(), why) if block else None, as_json)
    finally:
        if opened is not None:
            opened.close()


def _time_ns(text: str | None, option: str) -> int | None:
    from vision.results.folder import ResultsError
    from vision.trace.recall import utc_ns_of

    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ResultsError(f"{option} {text!a}: expected a time such as 2026-11-23T12:00:00+01:00") from None
    return utc_ns_of(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _case_epc(case: str) -> str:
    from vision.results.folder import ResultsError
    from vision.trace.identifiers import IdentifierError, sscc_epc

    try:
        return sscc_epc(case.removeprefix("(00)") if len(case) == 22 else case[-18:] if case.startswith("00/") else case)
    except IdentifierError as error:
        raise ResultsError(f"--case: {error}") from None


def _tell(found: dict[str, Any] | None, as_json: bool, key: str) -> int:
    """One serial or case. Exit code 1 where nothing is known of it."""
    from vision.results.export import printable

    if as_json:
        print(json.dumps(found))
    elif found is None or not found[key]:
        print("nothing is known of it")
    else:
        for name, value in found.items():
            for item in value if isinstance(value, list) else [value]:
                words = " ".join(f"{k}={_word(v)}" for k, v in item.items()) if isinstance(item, dict) else _word(item)
                print(f"{name:<11} {printable(words)}")
    return 0 if found and found[key] else 1


def _word(value: Any) -> str:
    return "-" if value is None or value in ("", []) else " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _tell_packs(
    history: History, question: Question, recall: Path | None, block: tuple[str, str, str] | None, as_json: bool
) -> int:
    from vision.results.export import printable
    from vision.trace.recall import where_counts

    recalling = recall is not None or block is not None
    rows = history.recall_rows(question) if recalling else history.select(question)
    if recall is not None:
        _write_list(recall, rows)
    summary: dict[str, Any] = {"packs": len(rows), "accepted": sum(row["accept"] for row in rows)}
    summary["where"] = dict(sorted(where_counts(rows).items()))
    if block is not None:
        summary["blocked"] = history.block(rows, *block)  # type: ignore[arg-type]
    if as_json:
        for row in rows:
            print(json.dumps(row))
        print(json.dumps(summary))
    else:
        for row in rows[:20]:
            print(printable(" ".join(f"{name}={_word(row[name])}" for name in ("serial", "lot", "utc", "accept", "container"))))
        if len(rows) > 20:
            print(f"... and {len(rows) - 20} more (all of them with --json, or in --recall FILE.csv)")
        for container, count in summary["where"].items():
            print(f"{count} in {container or 'no container'}")
        print(f"{len(rows)} packs, {summary['accepted']} let through" + (f", {summary['blocked']} newly blocked" if block else ""))
    return 0 if rows else 1


def _write_list(path: Path, rows: list[dict[str, Any]]) -> None:
    """The recall list as CSV, whole or not at all."""
    from vision.results.export import csv_cell

    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_LIST)
            writer.writerows([csv_cell(row[name]) for name in _LIST] for row in rows)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_events(history: History, question: Question, path: Path, line: Path | None, packs_per_event: int) -> None:
    """EPCIS events of the packs asked for, whole or not at all; nothing is written that our own checks do not pass."""
    from vision.config import TraceConfig, load_line
    from vision.results.folder import ResultsError
    from vision.trace.check_events import check_json, check_xml
    from vision.trace.epcis_xml import write_xml
    from vision.trace.events import event_objects, grouped, write_json
    from vision.trace.identifiers import IdentifierError
    from vision.trace.recall import place_of, utc_text

    if path.suffix not in (".json", ".jsonld", ".xml"):
        raise ResultsError(f"--events {path}: its ending must be .json (EPCIS 2.0) or .xml (EPCIS 1.2)")
    config = load_line(line).trace if line is not None else TraceConfig()
    if path.suffix == ".xml" and not config.company_prefixes:
        raise ResultsError(f"--events {path}: EPCIS 1.2 needs the company prefixes in the table [trace] of --line LINE.toml")
    found = list(grouped(history.events(question), packs_per_event))
    created = utc_text(max((event.utc_ns for event in found), default=0))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8", newline="\n") as file:
            objects = event_objects(found, place_of(config))
            if path.suffix == ".xml":
                write_xml(objects, file, created, config.company_prefixes)
            else:
                write_json(objects, file, created)
        problems = (check_xml if path.suffix == ".xml" else check_json)(temporary.read_text("utf-8"))
        if problems:
            raise ResultsError(f"{path}: not written, {problems[0]} ({len(problems)} in all)")
        temporary.replace(path)
    except IdentifierError as error:
        raise ResultsError(f"{path}: not written, {error}") from None
    finally:
        temporary.unlink(missing_ok=True)
