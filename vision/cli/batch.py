"""`vision batch`: the life of a batch, from its order to its signed report."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vision.results.folder import batch_in

if TYPE_CHECKING:
    from vision.batch.life import OrderedBatch
    from vision.batch.reconcile import Reconciliation
    from vision.serials.pool import Pool

app = typer.Typer(
    help="""Life of a batch: start, runs of its line (`vision run`), samples, rework, challenge tests, reconciliation, end, report.

    Example: vision batch start line.toml PO-4711.json --who "A. Operator"
    """,
    rich_markup_mode=None,
)
LineFile = Annotated[Path, typer.Argument(metavar="LINE.toml", help="line file")]
Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="a batch, results/LINE/BATCH; results/LINE is its newest one", callback=batch_in)
]
Serials = Annotated[list[str] | None, typer.Argument(metavar="SERIAL...", help="serials of the batch")]
SerialFile = Annotated[Path | None, typer.Option("--file", metavar="FILE.csv", help="serials, one in each row")]
Who = Annotated[str | None, typer.Option("--who", help="the person who does it; the one logged in where it is not said")]
Why = Annotated[str, typer.Option("--why", help="in words")]
Counted = Annotated[int | None, typer.Option("--rejects-counted", min=0, help="packs found in the reject bin")]
AsJson = Annotated[bool, typer.Option("--json", help="machine-readable lines on stdout")]


@app.command()
def start(
    line: LineFile,
    order: Annotated[Path, typer.Argument(metavar="ORDER.json", help="what must be on the packs")],
    who: Who = None,
    why: Why = "",
    as_json: AsJson = False,
) -> int:
    """Starts a batch: takes the order's serials from the pool; runs of the line go on in it until its end.

    Example: vision batch start line.toml PO-4711.json --who "A. Operator"
    """
    from vision.batch.life import start as begin
    from vision.config import load_line
    from vision.content.order import load_order
    from vision.pipeline.batch import mend_line
    from vision.results.folder import line_folder, lock_line

    config, ordered = load_line(line), load_order(order)
    recipes = [station.recipe.recipe(ordered) for station in config.stations]
    with lock_line(config.results, config.name):
        mend_line(line_folder(config.results, config.name))
        batch = begin(config, ordered, recipes, _name(who), why)
    count = None if ordered.serials is None else len(ordered.serials)
    _say(as_json, {"batch": str(batch.folder), "pool": batch.info.pool, "allocated": count}, str(batch.folder))
    return 0


@app.command()
def end(
    folder: Folder,
    who: Who = None,
    why: Why = "",
    counted: Counted = None,
    deviation: Annotated[str, typer.Option("--deviation", help="why it ends although it does not add up; signed by --who")] = "",
    as_json: AsJson = False,
) -> int:
    """Ends a batch where every serial and trigger adds up (exit code 1 and still open where not), and seals it.

    Example: vision batch end results/L1/2026-11-26T120000Z --who "A. Operator" --rejects-counted 12
    """
    from vision.batch.operate import clear
    from vision.batch.operate import end as finish
    from vision.results.operations import is_open

    with _batch(folder) as (batch, pool):
        if counted is not None and is_open(folder):
            clear(batch, pool, _name(who), why or "at the end of the batch", counted)
        result = finish(batch, pool, _name(who), why, deviation)
    _say_reconciliation(as_json, folder, result)
    return 1 if is_open(folder) else 0


@app.command()
def reconcile(folder: Folder, as_json: AsJson = False) -> int:
    """Counts both equations of a batch; exit code 1 where they do not close. The line must stand.

    Example: vision batch reconcile results/L1/2026-11-26T120000Z
    """
    from vision.batch.reconcile import reconcile as count

    with _batch(folder) as (batch, pool):
        result = count(batch, pool)
    _say_reconciliation(as_json, folder, result)
    return 1 if result.open_points else 0


@app.command()
def report(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option("--report", metavar="FILE.pdf|.html", help="reports/batch.pdf of the batch without it")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Writes the batch report, and the same as an Arrow file beside it.

    Example: vision batch report results/L1/2026-11-26T120000Z --report PO-4711.pdf
    """
    import pyarrow as pa

    from vision.batch.reconcile import reconcile as count
    from vision.batch.report import batch_document, batch_table
    from vision.report.writer import check_path, write
    from vision.results.signatures import REPORTS

    path = out or folder / REPORTS / "batch.pdf"
    with _batch(folder) as (batch, pool):
        path.parent.mkdir(exist_ok=True) if out is None else check_path(path)
        result = count(batch, pool)
        write(batch_document(batch, result), path)
        table = path.with_suffix(".arrow")
        with pa.ipc.new_file(str(table), (rows := batch_table(batch, result)).schema) as file:
            file.write_table(rows)
    _say(as_json, {"report": str(path), "table": str(table), "closed": not result.open_points}, f"{path}\n{table}")
    return 0


@app.command()
def sign(
    folder: Folder,
    meaning: Annotated[str, typer.Option("--meaning", help="what the signature says")],
    who: Who = None,
    as_json: AsJson = False,
) -> int:
    """Signs a batch that ended: name, time and meaning, bound to the head of its chain and to its reports.

    Example: vision batch sign results/L1/2026-11-26T120000Z --who "Q. Person" --meaning "batch record reviewed"
    """
    from vision.results.signatures import REPORTS
    from vision.results.signatures import sign as put

    files = sorted(f"{REPORTS}/{path.name}" for path in (folder / REPORTS).iterdir()) if (folder / REPORTS).is_dir() else []
    entry = put(folder, _name(who), meaning, files)
    _say(as_json, entry, f"signed by {entry['name']} for head {entry['head']}")
    return 0


@app.command()
def release(folder: Folder, who: Who = None, why: Why = "", as_json: AsJson = False) -> int:
    """Releases an ended batch; its record is kept for the longer of five years from now and one year from its expiry.

    Example: vision batch release results/L1/2026-11-26T120000Z --who "Q. Person" --why "certified"
    """
    from vision.batch.operate import release as let_go

    with _batch(folder) as (batch, pool):
        entry = let_go(batch, pool, _name(who), why)
    _say(as_json, entry, f"released; the record is kept until {entry['retain_until']}")
    return 0


@app.command()
def clearance(folder: Folder, who: Who = None, why: Why = "", counted: Counted = None, as_json: AsJson = False) -> int:
    """Line clearance: nothing of the batch is left on the line; where the reject bin holds what it must, its serials are scrapped.

    Example: vision batch clearance results/L1/2026-11-26T120000Z --who "A. Operator" --rejects-counted 12
    """
    from vision.batch.operate import clear

    with _batch(folder) as (batch, pool):
        result = clear(batch, pool, _name(who), why, counted)
    _say_reconciliation(as_json, folder, result)
    return 0


def _change(what: str, folder: Path, serials: list[str] | None, file: Path | None, who: str | None, why: str, as_json: bool) -> int:
    from vision.batch.operate import change

    chosen = _serials(serials, file)
    with _batch(folder, may_run=True) as (batch, pool):
        done = change(batch, pool, what, chosen, _name(who), why)
    for operation in done:
        _say(as_json, operation, f"{len(operation['serials'])} serials: {operation['from']} -> {operation['to']}")
    return 0


@app.command()
def sample(
    folder: Folder, serials: Serials = None, file: SerialFile = None, who: Who = None, why: Why = "", as_json: AsJson = False
) -> int:
    """Packs taken as samples, from the good ones or from the reject bin.

    Example: vision batch sample results/L1/2026-11-26T120000Z SN1 SN2 --who "A. Operator" --why "retention sample"
    """
    return _change("sample", folder, serials, file, who, why, as_json)


@app.command()
def scrap(
    folder: Folder, serials: Serials = None, file: SerialFile = None, who: Who = None, why: Why = "", as_json: AsJson = False
) -> int:
    """Printed serials whose packs never became good, and are destroyed.

    Example: vision batch scrap results/L1/2026-11-26T120000Z SN3 --who "A. Operator" --why "torn carton"
    """
    return _change("scrap", folder, serials, file, who, why, as_json)


@app.command()
def decommission(
    folder: Folder, serials: Serials = None, file: SerialFile = None, who: Who = None, why: Why = "", as_json: AsJson = False
) -> int:
    """Good packs taken out again: their serials become Inactive.

    Example: vision batch decommission results/L1/2026-11-26T120000Z SN4 --who "A. Operator" --why "damaged in the case packer"
    """
    return _change("decommission", folder, serials, file, who, why, as_json)


@app.command()
def destroy(
    folder: Folder, serials: Serials = None, file: SerialFile = None, who: Who = None, why: Why = "", as_json: AsJson = False
) -> int:
    """Packs that were destroyed.

    Example: vision batch destroy results/L1/2026-11-26T120000Z SN4 --who "A. Operator" --why "witnessed by Q. Person"
    """
    return _change("destroy", folder, serials, file, who, why, as_json)


@app.command()
def remove(
    folder: Folder,
    triggers: Annotated[list[int], typer.Argument(metavar="TRIGGER...", help="numbers of the packs at their station")],
    station: Annotated[str, typer.Option("--station", help="name of the station")],
    who: Who = None,
    why: Why = "",
    as_json: AsJson = False,
) -> int:
    """Packs taken off the belt by hand behind the camera.

    Example: vision batch remove results/L1/2026-11-26T120000Z 118 119 --station S1 --who "A. Operator" --why "jam"
    """
    from vision.batch.operate import remove as take

    with _batch(folder, may_run=True) as (batch, pool):
        entry = take(batch, pool, station, triggers, _name(who), why)
    _say(as_json, entry, f"{len(triggers)} packs of {station} removed by hand")
    return 0


@app.command()
def rework(
    line: LineFile,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="images of rejected packs, scanned again")],
    who: Who = None,
    why: Why = "",
    as_json: AsJson = False,
) -> int:
    """Scans rejected packs again, while the line stands; those that are good now leave the bin. Exit code 1 where one is not.

    Example: vision batch rework line.toml pack1.png pack2.png --who "A. Operator" --why "wiped"
    """
    from vision.batch.life import open_batch_of
    from vision.batch.rework import rework as scan
    from vision.config import load_line
    from vision.results.folder import ResultsError

    config = load_line(line)
    ordered = open_batch_of(config.results, config.name)
    if ordered is None:
        raise ResultsError(f"{config.results / config.name}: no batch is open")
    recipe = config.stations[0].recipe.recipe(ordered.order)
    good = True
    with _batch(ordered.folder) as (batch, opened):
        for path, record in scan(batch, opened, recipe, images, _name(who), why):
            good = good and record.accept
            verdict = {"accept": record.accept, "reasons": [str(reason) for reason in record.reasons]}
            told = {"image": str(path), "trigger": record.trigger, "serials": list(record.serials), "verdict": verdict}
            _say(as_json, told, f"{path}: {'accepted' if record.accept else ' '.join(record.reasons)}")
    return 0 if good else 1


@app.command()
def pool(
    line: LineFile,
    product: Annotated[str, typer.Argument(metavar="PRODUCT", help="GTIN or PPN")],
    file: Annotated[
        Path | None, typer.Option("--load", metavar="FILE.csv", help="new serials, one in each row; all of them or none")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Serials of a product in the pool that a line draws on, by state; --load puts new ones in, free for any batch.

    Example: vision batch pool line.toml 04012345678901 --load serials.csv
    """
    from vision.batch.life import pool_address
    from vision.config import load_line
    from vision.content.order import load_serials, product_problem
    from vision.results.folder import ResultsError
    from vision.serials.open import open_pool

    config = load_line(line)
    if problem := product_problem(product):
        raise ResultsError(f"product {product!a}: {problem}")
    serials = load_serials(file) if file is not None else None
    config.results.mkdir(parents=True, exist_ok=True)
    with open_pool(pool_address(config)) as opened:
        if serials is not None:
            opened.load(product, serials)
        counts = {state.label: count for state, count in opened.counts(product).items()}
    words = "\n".join(f"{name:<14}{count:>10}" for name, count in counts.items()) or "none"
    _say(as_json, {"pool": opened.name, "product": product, "serials": counts}, words)
    return 0


@app.command()
def challenge(
    folder: Folder,
    station: Annotated[str, typer.Option("--station", help="name of the station")],
    who: Who = None,
    why: Why = "",
    timeout_s: Annotated[float, typer.Option("--timeout", min=1.0, help="seconds to wait for each pack")] = 120.0,
    as_json: AsJson = False,
) -> int:
    """Challenge test on the running line: says which known-bad pack to put on the belt next; exit code 1 where it fails.

    The line is stopped when a known-bad pack is accepted.

    Example: vision batch challenge results/L1/2026-11-26T120000Z --station S1 --who "A. Operator"
    """
    import os
    import signal

    from vision.batch.challenge import KnownBad, NoPack, guiding
    from vision.batch.challenge import challenge as guide
    from vision.batch.life import ordered_batch
    from vision.batch.operate import record_challenge
    from vision.results.folder import ResultsError, line_holder
    from vision.results.operations import is_open

    batch = ordered_batch(folder)
    if not is_open(folder):
        raise ResultsError(f"{folder}: the batch has ended")

    def put(known: KnownBad) -> None:
        expect = sorted(known.reasons)
        _say(as_json, {"put": known.kind, "words": known.words, "expect": expect}, f"put on the belt: {known.words}")
        sys.stdout.flush()

    steps = []
    missing = ""
    with guiding(folder):
        try:
            for step in guide(folder, station, put, timeout_s):
                steps.append(step)
                words = (
                    f"  trigger {step.trigger}: {' '.join(step.reasons) or 'ACCEPTED'}: {'caught' if step.caught else 'NOT CAUGHT'}"
                )
                _say(as_json, step.as_json(), words)
        except NoPack as error:
            missing = str(error)
    if any(step.passed_through for step in steps):
        place = folder.resolve().parent
        holder = line_holder(place.parent, place.name)
        if holder is not None:
            os.kill(holder, signal.SIGINT)
    with batch.pool() as pool:
        passed = record_challenge(batch, pool, station, steps, _name(who), why or missing)
    _say(as_json, {"passed": passed, "steps": len(steps), "why": missing}, f"{'passed' if passed else 'FAILED'} {missing}".strip())
    return 0 if passed else 1


@app.command()
def block(
    folder: Folder,
    serials: Serials = None,
    file: SerialFile = None,
    kind: Annotated[str, typer.Option("--kind", help="suspect, stolen or recalled")] = "suspect",
    who: Who = None,
    why: Why = "",
    as_json: AsJson = False,
) -> int:
    """Blocks serials of the batch's product, at once on every line that draws on its pool, while they run.

    Example: vision batch block results/L1/2026-11-26T120000Z --file stolen.csv --kind stolen --who "Q. Person"
    """
    from vision.batch.life import ordered_batch
    from vision.batch.operate import block as put
    from vision.results.folder import ResultsError
    from vision.serials.pool import BLOCK_KINDS

    chosen = _serials(serials, file)
    for known in BLOCK_KINDS:
        if kind == known:
            batch = ordered_batch(folder)
            with batch.pool() as pool:
                count = put(batch, pool, chosen, known, _name(who), why)
            _say(as_json, {"blocked": count}, f"{count} serials blocked")
            return 0
    raise ResultsError(f"--kind {kind!a}: expected {', '.join(BLOCK_KINDS)}")


@app.command()
def unblock(
    folder: Folder, serials: Serials = None, file: SerialFile = None, who: Who = None, why: Why = "", as_json: AsJson = False
) -> int:
    """Takes serials off the block list.

    Example: vision batch unblock results/L1/2026-11-26T120000Z SN7 --who "Q. Person" --why "found"
    """
    from vision.batch.life import ordered_batch
    from vision.batch.operate import unblock as take

    chosen = _serials(serials, file)
    batch = ordered_batch(folder)
    with batch.pool() as pool:
        count = take(batch, pool, chosen, _name(who), why)
    _say(as_json, {"unblocked": count}, f"{count} serials unblocked")
    return 0


@app.command()
def components(
    folder: Folder,
    file: Annotated[Path, typer.Argument(metavar="FILE.json", help="what the MES says of mould, filling and tests")],
    who: Who = None,
    why: Why = "",
    as_json: AsJson = False,
) -> int:
    """Links mould cavities, filling batches and in-process tests to the packs of a batch; `vision trace` tells them.

    Example: vision batch components results/L1/2026-11-26T120000Z mes.json --who "A. Operator"
    """
    from vision.trace.components import link_components

    count = link_components(folder, file, _name(who), why)
    _say(as_json, {"components": count}, f"{count} components linked")
    return 0


def _name(who: str | None) -> str:
    return who if who is not None else getpass.getuser()


def _serials(given: list[str] | None, file: Path | None) -> list[str]:
    """Serials from the command line and a file, checked whole. Raises OrderError or ResultsError in one line."""
    from vision.content.order import load_serials
    from vision.results.folder import ResultsError

    chosen = [*(given or []), *(load_serials(file) if file is not None else ())]
    if not chosen:
        raise ResultsError("no serial is given: expected SERIAL... or --file FILE.csv")
    return chosen


@contextmanager
def _batch(folder: Path, may_run: bool = False) -> Iterator[tuple[OrderedBatch, Pool]]:
    """The batch in a folder with its pool: locked, mended and settled while its line stands.

    may_run: also while it runs, for what does not count anything. Raises ResultsError where the line runs and may not.
    """
    from vision.batch.life import ordered_batch
    from vision.batch.settle import settle
    from vision.pipeline.batch import mend_line
    from vision.results.folder import LineBusy, ResultsError, lock_line

    if not folder.is_dir():
        raise ResultsError(f"{folder}: no such batch folder, expected results/LINE/BATCH")
    batch = ordered_batch(folder)
    place = folder.resolve()
    with ExitStack() as stack:
        pool = stack.enter_context(batch.pool())
        try:
            stack.enter_context(lock_line(place.parent.parent, place.parent.name))
            mend_line(place.parent)
            settle(batch, pool)
        except LineBusy:
            if not may_run:
                raise
        yield batch, pool


def _say(as_json: bool, values: dict[str, Any], words: str) -> None:
    from vision.results.export import printable

    print(json.dumps(values) if as_json else "\n".join(printable(line) for line in words.split("\n")))


def _say_reconciliation(as_json: bool, folder: Path, result: Reconciliation) -> None:
    from vision.results.export import printable

    if as_json:
        print(json.dumps({"batch": str(folder), **result.as_json()}))
        return
    r = result
    print(
        f"serials   allocated {r.allocated} = commissioned {r.commissioned} + scrapped {r.scrapped} + sampled {r.sampled} "
        f"+ destroyed {r.destroyed} + returned {r.returned} + unexplained {r.unexplained}"
    )
    print(f"packs     triggers {r.triggers} = accepted {r.accepted} + rejected {r.rejected} + removed {r.removed}")
    confirmed = "not counted" if r.rejects_confirmed is None else r.rejects_confirmed
    machine = f", by the machine {r.machine_confirmed} of {r.machine_rejected}" if r.machine_rejected else ""
    print(f"rejects   signalled {r.rejects_signalled}, confirmed {confirmed}{machine}")
    for point in r.open_points:
        print(f"OPEN      {printable(point)}", file=sys.stderr)
    print("closed" if not r.open_points else "does not close")
