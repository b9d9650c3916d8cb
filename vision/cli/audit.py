"""`vision audit`: many frames -> an Arrow dataset and a report."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from vision.audit.crew import Crew
    from vision.audit.plan import Brief
    from vision.audit.run import Progress
    from vision.audit.summary import Summary
    from vision.verdict.recipe import Recipe

_UNREADABLE_SHOWN = 5


def audit(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE...", help="folder, recording, batch folder, or s3://bucket/folder")
    ],
    report: Annotated[Path | None, typer.Option(metavar="FILE.html|.pdf", help="write a report")] = None,
    results: Annotated[Path | None, typer.Option(metavar="FOLDER", help="for the dataset; audits/... without one")] = None,
    order: Annotated[Path | None, typer.Option(metavar="ORDER.json", help="compare the content with an order")] = None,
    edition: Annotated[str, typer.Option(metavar="YEAR", help="edition of the standard")] = "2011",
    standard: Annotated[str, typer.Option(metavar="NUMBER", help="standard to grade by")] = "15415",
    aperture: Annotated[str, typer.Option(metavar="80%|NNmil", help="share of the module, or NNmil with --mm-per-px")] = "80%",
    mm_per_px: Annotated[float | None, typer.Option(help="size of a pixel in the plane of the print")] = None,
    white: Annotated[float, typer.Option(help="grey value of 100 % reflectance")] = 255.0,
    black: Annotated[float, typer.Option(help="grey value of 0 % reflectance")] = 0.0,
    grade_min: Annotated[float, typer.Option(help="lowest grade that passes; trends are measured against it")] = 1.5,
    symbols: Annotated[int | None, typer.Option(min=1, help="in each frame: the search ends there, many times quicker")] = None,
    regrade: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE,...", help="also by another edition, standard, aperture, grade_min: all at once"),
    ] = None,
    verifier: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="a verifier's values, paired by content")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="processes; all cores without it")] = None,
    cluster: Annotated[str | None, typer.Option(metavar="ADDRESS", help="on a Ray cluster (extra [cluster])")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the summary as one JSON line on stdout")] = False,
) -> int:
    """Inspects many frames on all cores: a dataset and a report. One row per symbol, as Arrow; stopped, the same call goes on where
    it was.

    Exit code 1 when frames could not be read; they are rows of the dataset and stand in the report.

    Example: vision audit packs/ --symbols 1 --report audit.html
    """
    from vision.audit.plan import Brief
    from vision.audit.run import run_audit
    from vision.audit.sources import open_source
    from vision.audit.summary import summarize
    from vision.audit.verifier import read_verifier
    from vision.report.writer import check_path

    if report is not None:
        check_path(report)
    if verifier is not None:
        read_verifier(verifier)  # before the work: a wrong file must not show after hours
    base: dict[str, Any] = {"standard": standard, "edition": edition, "aperture": aperture}
    base |= {"mm_per_px": mm_per_px, "white": white, "black": black}
    recipe = recipe_of(base, order, symbols, grade_min)
    other = recipe_of(*_changed(base, grade_min, ",".join(regrade), order, symbols)) if regrade else None
    brief = Brief(tuple(open_source(source) for source in sources), recipe, other)
    folder = results or Path("audits") / brief.digest()[:12]
    with _bar() as show:
        run_audit(brief, folder, _crew(workers, cluster), show)
    summary = summarize(folder, brief)
    if report is not None or verifier is not None:
        _report(brief, folder, report, verifier)
    if as_json:
        print(json.dumps(summary.as_json()), flush=True)
    else:
        for line in summary.lines():
            print(line)
    if summary.unreadable:
        print(f"vision: {_unreadable(summary)}", file=sys.stderr)
        return 1
    return 0


def _unreadable(summary: Summary) -> str:
    """The exit line: which frames could not be read, and why."""
    from vision.results.export import printable

    shown = "; ".join(f"{printable(name)} ({printable(words)})" for name, words in summary.unreadable[:_UNREADABLE_SHOWN])
    more = len(summary.unreadable) - _UNREADABLE_SHOWN
    count = f"{len(summary.unreadable)} of {summary.frames} frames could not be read"
    return f"{count}: {shown}{f'; {more} more, see the report' if more > 0 else ''}"


def recipe_of(setup: dict[str, Any], order: Path | None, symbols: int | None, grade_min: float) -> Recipe:
    """As `vision inspect` looks; but nobody is asked whose answer hangs on time, and a number of symbols ends the search."""
    import dataclasses

    from vision.cli.inspect import require_known
    from vision.config import ConfigError
    from vision.content.order import load_order
    from vision.decode.search import Search
    from vision.grade.setup import Setup
    from vision.verdict.recipe import EXTRA_EFFORT, Recipe, recipe_for

    require_known(setup["standard"], setup["edition"])
    try:
        made = Setup(**setup)
        recipe = Recipe(Search(rescues=True), made, grade_min=grade_min)
    except ValueError as error:
        raise ConfigError(f"the call: --{str(error).replace('mm_per_px', 'mm-per-px').replace('grade_min', 'grade-min')}") from None
    if order is not None:
        recipe = dataclasses.replace(recipe_for(load_order(order), Search(rescues=True), made, grade_min), setup=made)
    wanted = symbols if symbols is not None else recipe.symbols_per_frame
    search = dataclasses.replace(recipe.search, symbol_count=wanted, extra_effort=EXTRA_EFFORT if wanted else 0)
    return dataclasses.replace(recipe, search=search, symbols_per_frame=wanted)


def _changed(
    setup: dict[str, Any], grade_min: float, words: str, order: Path | None, symbols: int | None
) -> tuple[dict[str, Any], Path | None, int | None, float]:
    """The arguments of `recipe_of` with what --regrade changes."""
    from vision.config import ConfigError

    setup, seen = dict(setup), set()
    for pair in words.split(","):
        key, equals, value = pair.strip().partition("=")
        if not equals or key not in ("edition", "standard", "aperture", "grade_min"):
            raise ConfigError(
                f"the call: --regrade {pair!a}: expected edition=, standard=, aperture= or grade_min=, comma between them"
            )
        if key in seen:
            raise ConfigError(f"the call: --regrade {pair!a}: {key} is given twice; the frames are graded by one other recipe")
        seen.add(key)
        if key != "grade_min":
            setup[key] = value
            continue
        try:
            grade_min = float(value)
        except ValueError:
            raise ConfigError(f"the call: --regrade {pair!a}: expected a number from 0 to 4") from None
    return setup, order, symbols, grade_min


def _crew(workers: int | None, cluster: str | None) -> Callable[[Brief], Crew]:
    if cluster is not None:
        from vision.audit.fleet import Fleet

        return lambda brief: Fleet(brief, cluster)
    from vision.audit.crew import Processes

    count = workers or len(os.sched_getaffinity(0))
    return lambda brief: Processes(brief, min(count, sum(1 for _ in brief.chunks())))


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    """A bar with rate and time left on stderr where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda progress: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("auditing"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("auditing", total=None, rate="")

        def show(progress: Progress) -> None:
            speed = bar.tasks[0].speed
            bar.update(task, total=progress.total, completed=progress.frames, rate=f"{speed:.0f} frames/s" if speed else "")

        yield show


def _report(brief: Brief, folder: Path, report: Path | None, verifier: Path | None) -> None:
    from vision.audit.report import make_report
    from vision.report.writer import write

    document = make_report(brief, folder, verifier)
    if report is not None:
        write(document, report)
