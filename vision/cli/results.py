"""`vision results`: the records of a batch: verify, show, export, query."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from vision.cli.options import AsJson, Folder

app = typer.Typer(
    help="""The records of a batch: integrity, table, export, SQL, archive.

    Example: vision results verify results/DEMO/2026-11-23T120000Z
    """,
    rich_markup_mode=None,
)


@app.command()
def verify(folder: Folder, as_json: AsJson = False) -> int:
    """Checks every file of a batch against seals and chain. Exit code 1 when anything is not as sealed.

    Example: vision results verify results/DEMO/2026-11-23T120000Z
    """
    from vision.results.verify import examine

    _require_batch(folder)
    found = examine(folder)
    if as_json:
        print(
            json.dumps(
                {
                    "folder": str(folder),
                    "sound": not found.problems,
                    "problems": found.problems,
                    "notes": found.notes,
                    "rows": found.rows,
                    "accepted": found.accepted,
                    "missing": found.missing,
                    "closed": found.closed,
                    "head": found.head,
                }
            )
        )
    else:
        for problem in found.problems:
            print(f"PROBLEM  {problem}")
        for note in found.notes:
            print(f"note     {note}")
        sound = "sound" if not found.problems else f"{len(found.problems)} problems"
        print(f"{folder}: {sound}; {found.rows} rows, {found.accepted} accepted; head {found.head or 'none'}")
    return 1 if found.problems else 0


@app.command()
def show(
    folder: Folder,
    last: Annotated[int, typer.Option(min=1, help="so many last rows")] = 20,
    as_json: AsJson = False,
) -> int:
    """Shows the last rows of a batch, also while its line runs.

    Example: vision results show results/DEMO/2026-11-23T120000Z --last 50
    """
    from vision.results.export import json_rows
    from vision.results.export import show as rows_for
    from vision.results.reader import open_batch

    _require_batch(folder)
    table = open_batch(folder)
    if as_json:
        for row in json_rows(table.slice(max(0, table.num_rows - last))):
            print(json.dumps(row))
        return 0
    rows = rows_for(table, last)
    _print_table(list(rows[0]) if rows else [], rows)
    return 0


@app.command()
def export(
    folder: Folder,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="its ending says the format: .csv, .parquet or .json; stdout without it"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on stdout; CSV without it")] = False,
) -> int:
    """Writes the rows of a batch as CSV, Parquet or JSON lines. Hostile content is made harmless on the way.

    Example: vision results export results/DEMO/2026-11-23T120000Z --out batch.csv
    """
    from vision.results.export import export as write
    from vision.results.export import text_of
    from vision.results.folder import ResultsError
    from vision.results.reader import open_batch

    _require_batch(folder)
    if out is None:
        sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
        sys.stdout.writelines(text_of(open_batch(folder), "json" if as_json else "csv"))
        return 0
    form = out.suffix.lstrip(".").lower()
    if form not in ("csv", "parquet", "json"):
        raise ResultsError(f"--out {out}: its ending must be .csv, .parquet or .json")
    count = write(open_batch(folder), out, form)  # type: ignore[arg-type]
    print(f"{out}: {count} rows", file=sys.stderr)
    if as_json:
        print(json.dumps({"file": str(out), "rows": count}))
    return 0


@app.command()
def archive(
    folder: Folder,
    to: Annotated[str, typer.Option("--to", metavar="URI", help="a folder, file:///..., s3://bucket/path?region=...")],
    as_json: AsJson = False,
) -> int:
    """Copies a sound batch that ended to another file system. Every file is read back and compared.

    Example: vision results archive results/L1/2026-11-26T120000Z --to s3://archive/results?region=eu-central-1
    """
    from vision.results.archive import archive as put

    _require_batch(folder)
    done = put(folder, to)
    print(
        json.dumps({"path": done.path, "files": done.files, "bytes": done.bytes})
        if as_json
        else f"{done.path}: {done.files} files, {done.bytes} bytes, read back"
    )
    return 0


@app.command()
def restore(
    uri: Annotated[str, typer.Argument(metavar="URI", help="an archived batch, URI/LINE/BATCH")],
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="a new folder")],
    as_json: AsJson = False,
) -> int:
    """Fetches an archived batch and compares it with what was archived.

    Example: vision results restore "s3://archive/results/L1/2026-11-26T120000Z?region=eu-central-1" --to restored
    """
    from vision.results.archive import restore as fetch

    count = fetch(uri, to)
    print(json.dumps({"folder": str(to), "files": count}) if as_json else f"{to}: {count} files, as archived")
    return 0


@app.command()
def query(
    folder: Folder,
    sql: Annotated[str, typer.Argument(help="a statement over the table `results`")],
    as_json: AsJson = False,
) -> int:
    """Asks the rows of a batch with SQL (DuckDB). Reads nothing else and writes nothing.

    Example: vision results query results/DEMO/2026-11-23T120000Z "select accept, count(*) from results group by 1"
    """
    from vision.results.export import plain_rows
    from vision.results.reader import query as ask

    _require_batch(folder)
    answer = ask(folder, sql)
    if as_json:
        for row in plain_rows(answer):
            print(json.dumps(row, allow_nan=False))
        return 0
    names = list(dict.fromkeys(answer.column_names))
    _print_table(names, [{name: str(value) for name, value in row.items()} for row in plain_rows(answer)])
    return 0


def _print_table(names: list[str], rows: list[dict[str, str]]) -> None:
    """Rows under their names; wrapped to a terminal, and whole for a pipe or a file."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from vision.results.export import printable

    shown = Table(box=None, pad_edge=False)
    for name in names:
        shown.add_column(Text(printable(name)), overflow="fold", no_wrap=not sys.stdout.isatty())
    for row in rows:
        shown.add_row(*(Text(printable(cell)) for cell in row.values()))
    console = Console(highlight=False)
    if not sys.stdout.isatty():
        console.width = max(1, console.measure(shown, options=console.options.update(max_width=1_000_000)).maximum)
    console.print(shown)


def _require_batch(folder: Path) -> None:
    """Raises ResultsError in one line where a folder holds nothing of a batch: an empty answer would say that all is well."""
    from vision.results.folder import BATCH_INFO, ResultsError
    from vision.results.seal import SEALS

    if not folder.is_dir():
        raise ResultsError(f"{folder}: no such batch folder, expected results/LINE/BATCH")
    if not any((folder / name).exists() for name in (BATCH_INFO, SEALS)) and not any(folder.glob("*.arrow*")):
        raise ResultsError(f"{folder}: no batch lies here, expected results/LINE/BATCH")
