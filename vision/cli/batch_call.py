"""What all commands of `vision batch` share: their options, the batch that they open, and how they say what was done."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from vision.batch.life import OrderedBatch
    from vision.serials.pool import Pool

LineFile = Annotated[Path, typer.Argument(metavar="LINE.toml", help="line file")]
Serials = Annotated[list[str] | None, typer.Argument(metavar="SERIAL...", help="serials of the batch")]
SerialFile = Annotated[Path | None, typer.Option("--file", metavar="FILE.csv", help="serials, one in each row")]
Who = Annotated[str | None, typer.Option("--who", help="the person who does it; the one logged in where it is not said")]
Why = Annotated[str, typer.Option("--why", help="in words")]
Counted = Annotated[
    int | None,
    typer.Option(
        "--rejects-counted",
        metavar="N",
        help="packs found in the reject bin, besides those counted before; -N takes a wrong count back (with --why)",
    ),
]


def name_of(who: str | None) -> str:
    return who if who is not None else getpass.getuser()


def given_serials(given: list[str] | None, file: Path | None) -> list[str]:
    """Serials from the command line and a file, checked whole. Raises OrderError or ResultsError in one line."""
    from vision.content.order import load_serials
    from vision.results.folder import ResultsError

    chosen = [*(given or []), *(load_serials(file) if file is not None else ())]
    if not chosen:
        raise ResultsError("no serial is given: expected SERIAL... or --file FILE.csv")
    return chosen


@contextmanager
def opened_batch(folder: Path, may_run: bool = False) -> Iterator[tuple[OrderedBatch, Pool]]:
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


def say(as_json: bool, values: dict[str, Any], words: str) -> None:
    from vision.results.export import printable

    print(json.dumps(values) if as_json else "\n".join(printable(line) for line in words.split("\n")))
