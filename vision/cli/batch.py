"""`vision batch`: the life of a batch, from its order to its signed report."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vision.cli import batch_packs
from vision.cli.batch_call import Counted, LineFile, Who, Why, name_of, opened_batch, say
from vision.cli.options import AsJson, Folder

if TYPE_CHECKING:
    from vision.batch.reconcile import Reconciliation

app = typer.Typer(
    help="""Life of a batch, from its order to its signed report. Between start and end lie the runs of its line (`vision run`),
    samples, rework, challenge tests and reconciliation.

    Example: vision batch start line.toml PO-4711.json --who "A. Operator"
    """,
    rich_markup_mode=None,
)
app.add_typer(batch_packs.app)


@app.command()
def start(
    line: LineFile,
    order: Annotated[Path, typer.Argument(metavar="ORDER.json", help="what must be on the packs")],
    who: Who = None,
    why: Why = "",
    as_json: AsJson = False,
) -> int:
    """Starts a batch: takes the order's serials from the pool. Runs of the line go on in it until its end.

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
        batch = begin(config, ordered, recipes, name_of(who), why)
    count = None if ordered.serials is None else len(ordered.serials)
    say(as_json, {"batch": str(batch.folder), "pool": batch.info.pool, "allocated": count}, str(batch.folder))
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
    """Ends and seals a batch whose sums close. Where a serial or trigger does not add up it stays open: exit code 1.

    Example: vision batch end results/L1/2026-11-26T120000Z --who "A. Operator" --rejects-counted 12
    """
    from vision.batch.operate import clear
    from vision.batch.operate import end as finish
    from vision.results.operations import is_open

    with opened_batch(folder) as (batch, pool):
        if counted is not None and is_open(folder):
            clear(batch, pool, name_of(who), why if counted < 0 else why or "at the end of the batch", counted)
            why = "" if counted < 0 else why  # it was the reason of the correction, not of the end
        result = finish(batch, pool, name_of(who), why, deviation)
    _say_reconciliation(as_json, folder, result)
    return 1 if is_open(folder) else 0


@app.command()
def reconcile(folder: Folder, as_json: AsJson = False) -> int:
    """Says whether serials and packs of a batch add up. Exit code 1 where one of the equations does not close; the line must stand.

    Example: vision batch reconcile results/L1/2026-11-26T120000Z
    """
    from vision.batch.reconcile import reconcile as count

    with opened_batch(folder) as (batch, pool):
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
    """Writes the batch report. The same stands in an Arrow file beside it.

    Example: vision batch report results/L1/2026-11-26T120000Z --report PO-4711.pdf
    """
    import pyarrow as pa

    from vision.batch.reconcile import reconcile as count
    from vision.batch.report import batch_document, batch_table
    from vision.report.writer import check_path, write
    from vision.results.signatures import REPORTS

    path = out or folder / REPORTS / "batch.pdf"
    with opened_batch(folder) as (batch, pool):
        path.parent.mkdir(exist_ok=True) if out is None else check_path(path)
        result = count(batch, pool)
        write(batch_document(batch, result), path)
        table = path.with_suffix(".arrow")
        with pa.ipc.new_file(str(table), (rows := batch_table(batch, result)).schema) as file:
            file.write_table(rows)
    say(as_json, {"report": str(path), "table": str(table), "closed": not result.open_points}, f"{path}\n{table}")
    return 0


@app.command()
def sign(
    folder: Folder,
    meaning: Annotated[str, typer.Option("--meaning", help="what the signature says")],
    who: Who = None,
    as_json: AsJson = False,
) -> int:
    """Signs a batch that ended. Name, time and meaning are bound to the head of its chain and to its reports.

    Example: vision batch sign results/L1/2026-11-26T120000Z --who "Q. Person" --meaning "batch record reviewed"
    """
    from vision.results.signatures import REPORTS
    from vision.results.signatures import sign as put

    files = sorted(f"{REPORTS}/{path.name}" for path in (folder / REPORTS).iterdir()) if (folder / REPORTS).is_dir() else []
    entry = put(folder, name_of(who), meaning, files)
    say(as_json, entry, f"signed by {entry['name']} for head {entry['head']}")
    return 0


@app.command()
def release(folder: Folder, who: Who = None, why: Why = "", as_json: AsJson = False) -> int:
    """Releases a batch that ended. Its record is kept for the longer of five years from now and one year from its expiry.

    Example: vision batch release results/L1/2026-11-26T120000Z --who "Q. Person" --why "certified"
    """
    from vision.batch.operate import release as let_go

    with opened_batch(folder) as (batch, pool):
        entry = let_go(batch, pool, name_of(who), why)
    say(as_json, entry, f"released; the record is kept until {entry['retain_until']}")
    return 0


@app.command()
def clearance(folder: Folder, who: Who = None, why: Why = "", counted: Counted = None, as_json: AsJson = False) -> int:
    """Line clearance: nothing of the batch is left on the line. Where the reject bin holds what it must, its serials are scrapped.

    Example: vision batch clearance results/L1/2026-11-26T120000Z --who "A. Operator" --rejects-counted 12
    """
    from vision.batch.operate import clear

    with opened_batch(folder) as (batch, pool):
        result = clear(batch, pool, name_of(who), why, counted)
    _say_reconciliation(as_json, folder, result)
    return 0


@app.command()
def pool(
    line: LineFile,
    product: Annotated[str, typer.Argument(metavar="PRODUCT", help="GTIN or PPN")],
    file: Annotated[
        Path | None, typer.Option("--load", metavar="FILE.csv", help="new serials, one in each row; all of them or none")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Counts a product's serials in a line's pool, by state. --load puts new ones in, free for any batch.

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
    say(as_json, {"pool": opened.name, "product": product, "serials": counts}, words)
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
    """Challenge test: known-bad packs on the running line. Says which pack to put on the belt next; exit code 1 where it fails.

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
        say(as_json, {"put": known.kind, "words": known.words, "expect": expect}, f"put on the belt: {known.words}")
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
                say(as_json, step.as_json(), words)
        except NoPack as error:
            missing = str(error)
    if any(step.passed_through for step in steps):
        place = folder.resolve().parent
        holder = line_holder(place.parent, place.name)
        if holder is not None:
            os.kill(holder, signal.SIGINT)
    with batch.pool() as pool:
        passed = record_challenge(batch, pool, station, steps, name_of(who), why or missing)
    say(as_json, {"passed": passed, "steps": len(steps), "why": missing}, f"{'passed' if passed else 'FAILED'} {missing}".strip())
    return 0 if passed else 1


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
    counts = f" (bin {' '.join(f'{n:+d}' for n in r.bin_counts)})" if len(r.bin_counts) > 1 else ""
    print(f"rejects   signalled {r.rejects_signalled}, confirmed {confirmed}{counts}{machine}")
    for point in r.open_points:
        print(f"OPEN      {printable(point)}", file=sys.stderr)
    print("closed" if not r.open_points else "does not close")
