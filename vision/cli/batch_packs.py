"""`vision batch`: what people do to the packs and serials of a batch: samples, scrap, removal, rework, block lists, components."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vision.cli.batch_call import LineFile, SerialFile, Serials, Who, Why, given_serials, name_of, opened_batch, say
from vision.cli.options import AsJson, Folder

app = typer.Typer(rich_markup_mode=None)


CHANGES = {
    # command: (what it does, arguments of its example)
    "sample": (
        "Packs taken as samples, good ones or from the reject bin.",
        'SN1 SN2 --who "A. Operator" --why "retention sample"',
    ),
    "scrap": (
        "Printed serials whose packs never became good. They are destroyed.",
        'SN3 --who "A. Operator" --why "torn carton"',
    ),
    "decommission": (
        "Good packs taken out again: their serials become Inactive.",
        'SN4 --who "A. Operator" --why "damaged in the case packer"',
    ),
    "destroy": ("Packs that were destroyed.", 'SN4 --who "A. Operator" --why "witnessed by Q. Person"'),
}
"""Commands that move serials of a batch to another state; which moves there are stands in vision.batch.operate.MOVES."""


def _add_change(what: str, does: str, example: str) -> None:
    @app.command(what, help=f"{does}\n\nExample: vision batch {what} results/L1/2026-11-26T120000Z {example}")
    def change_serials(
        folder: Folder, serials: Serials = None, file: SerialFile = None, who: Who = None, why: Why = "", as_json: AsJson = False
    ) -> int:
        from vision.batch.operate import change

        chosen = given_serials(serials, file)
        with opened_batch(folder, may_run=True) as (batch, pool):
            done = change(batch, pool, what, chosen, name_of(who), why)
        for operation in done:
            say(as_json, operation, f"serials from {operation['from']} to {operation['to']}: {len(operation['serials'])}")
        return 0


for _what, (_does, _example) in CHANGES.items():
    _add_change(_what, _does, _example)


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

    with opened_batch(folder, may_run=True) as (batch, pool):
        entry = take(batch, pool, station, triggers, name_of(who), why)
    say(as_json, entry, f"packs of {station} removed by hand: {len(triggers)}")
    return 0


@app.command()
def rework(
    line: LineFile,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="images of rejected packs, scanned again")],
    who: Who = None,
    why: Why = "",
    as_json: AsJson = False,
) -> int:
    """Scans rejected packs again, while the line stands. Those that are good now leave the bin; exit code 1 where one is not.

    Of a rejected tray, the containers are scanned one by one, out of their places.

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
    if recipe.layout is not None:
        recipe = recipe.of_one_container()
    good = True
    with opened_batch(ordered.folder) as (batch, opened):
        for path, record in scan(batch, opened, recipe, images, name_of(who), why):
            good = good and record.accept
            verdict = {"accept": record.accept, "reasons": [str(reason) for reason in record.reasons]}
            told = {"image": str(path), "trigger": record.trigger, "serials": list(record.serials), "verdict": verdict}
            say(as_json, told, f"{path}: {'accepted' if record.accept else ' '.join(record.reasons)}")
    return 0 if good else 1


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
    """Blocks serials of the batch's product. At once, on every line that draws on its pool, while they run.

    Example: vision batch block results/L1/2026-11-26T120000Z --file stolen.csv --kind stolen --who "Q. Person"
    """
    from vision.batch.life import ordered_batch
    from vision.batch.operate import block as put
    from vision.results.folder import ResultsError
    from vision.serials.pool import BLOCK_KINDS

    chosen = given_serials(serials, file)
    for known in BLOCK_KINDS:
        if kind == known:
            batch = ordered_batch(folder)
            with batch.pool() as pool:
                count = put(batch, pool, chosen, known, name_of(who), why)
            say(as_json, {"blocked": count}, f"serials blocked: {count}")
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

    chosen = given_serials(serials, file)
    batch = ordered_batch(folder)
    with batch.pool() as pool:
        count = take(batch, pool, chosen, name_of(who), why)
    say(as_json, {"unblocked": count}, f"serials unblocked: {count}")
    return 0


@app.command()
def components(
    folder: Folder,
    file: Annotated[Path, typer.Argument(metavar="FILE.json", help="what the MES says of mould, filling and tests")],
    who: Who = None,
    why: Why = "",
    as_json: AsJson = False,
) -> int:
    """Links cavities, filling batches and tests to packs. The mould's cavities and what the MES says of filling and in-process
    tests; `vision trace` tells them.

    Example: vision batch components results/L1/2026-11-26T120000Z mes.json --who "A. Operator"
    """
    from vision.trace.components import link_components

    count = link_components(folder, file, name_of(who), why)
    say(as_json, {"components": count}, f"{count} components linked")
    return 0
