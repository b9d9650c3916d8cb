"""`vision aggregate`: packs into bundles, cases and pallets; removal, repacking, dissolving; SSCC ranges; the journal's check."""

from __future__ import annotations

import csv
import getpass
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vision.cli.options import AsJson

if TYPE_CHECKING:
    from vision.config import LineConfig
    from vision.trace.aggregate import Aggregation, Entry

app = typer.Typer(
    help="""Packs into bundles, cases and pallets, and out of them. Each deed stands in a journal, which verify checks.

    Example: vision aggregate pack line.toml --level case --image layer.png --count 48
    """,
    rich_markup_mode=None,
)
_FOLLOW_S = 0.5
_LOCK_S = 10.0
"""So long another process may hold the journal: one that follows the line holds it for a moment, again and again."""

LineFile = Annotated[Path, typer.Argument(metavar="LINE.toml", help="the line file; its [trace] has the levels")]
Things = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[THING]...", help="packs (01/GTIN/21/SERIAL, link or URN; SERIAL of the line's newest batch) or SSCCs, digits only"
    ),
]
Items = Annotated[Path | None, typer.Option(metavar="FILE", help="more of them: a CSV file, one per row")]
Images = Annotated[list[Path] | None, typer.Option("--image", metavar="IMAGE", help="every code in a frame, e.g. a case layer")]
LevelName = Annotated[str, typer.Option(metavar="NAME", help="the kind of container")]
Into = Annotated[str | None, typer.Option(metavar="SSCC", help="an open container; without it a new one")]
Close = Annotated[bool, typer.Option("--close", help="close it though it is not full (a partial case)")]


@app.command("range")
def load_range(line: LineFile, file: Annotated[Path, typer.Argument(metavar="FILE.csv")], as_json: AsJson = False) -> int:
    """Loads SSCC ranges; each number is given once, for ever. CSV with the heading company_prefix,extension,first,last.

    Example: vision aggregate range line.toml ssccs.csv
    """
    from vision.trace.sscc import load_ranges

    config = _line(line)
    return _do(config, lambda state: state.add_ranges(load_ranges(file, config.trace.company_prefixes, state.ranges)), as_json)


@app.command()
def pack(
    line: LineFile,
    level: LevelName,
    things: Things = None,
    items: Items = None,
    image: Images = None,
    into: Into = None,
    close: Close = False,
    count: Annotated[int | None, typer.Option(min=1, help="so many must be in the frames, or nothing is packed")] = None,
    as_json: AsJson = False,
) -> int:
    """Puts packs or containers into a container; a full one is closed.

    Example: vision aggregate pack line.toml --level case --image layer.png --count 48
    """
    config = _line(line)
    given = _given(config, things, items, image, count)
    return _do(config, lambda state: state.pack(level, given, _container(into), close), as_json)


@app.command()
def repack(
    line: LineFile,
    level: LevelName,
    things: Things = None,
    items: Items = None,
    into: Into = None,
    close: Close = False,
    as_json: AsJson = False,
) -> int:
    """Moves packs or containers into another container. One deed: what is moved is never in none.

    Example: vision aggregate repack line.toml --level case 01/04012345678901/21/SN1 --into 340123450000000018
    """
    config = _line(line)
    given = _given(config, things, items)
    return _do(config, lambda state: state.repack(level, given, _container(into), close), as_json)


@app.command()
def unpack(line: LineFile, things: Things = None, items: Items = None, as_json: AsJson = False) -> int:
    """Takes packs or containers out of the container they are in.

    Example: vision aggregate unpack line.toml 01/04012345678901/21/SN1
    """
    config = _line(line)
    given = _given(config, things, items)
    return _do(config, lambda state: state.unpack(given), as_json)


@app.command("close")
def close_container(line: LineFile, sscc: Annotated[str, typer.Argument(metavar="SSCC")], as_json: AsJson = False) -> int:
    """Closes a container that is not full: a partial case.

    Example: vision aggregate close line.toml 340123450000000018
    """
    return _do(_line(line), lambda state: state.close(_container(sscc) or ""), as_json)


@app.command()
def dissolve(line: LineFile, sscc: Annotated[str, typer.Argument(metavar="SSCC")], as_json: AsJson = False) -> int:
    """Takes everything out of a container for good. Its SSCC is never used again (disaggregation).

    Example: vision aggregate dissolve line.toml 340123450000000018
    """
    return _do(_line(line), lambda state: state.dissolve(_container(sscc) or ""), as_json)


@app.command()
def verify(line: LineFile, as_json: AsJson = False) -> int:
    """Checks the journal of what was packed. Its chain must be whole and its entries obey the rules; exit code 1 where not.

    Example: vision aggregate verify line.toml
    """
    from vision.config import load_line
    from vision.results.folder import ResultsError
    from vision.trace.aggregate import Aggregation, AggregationError
    from vision.trace.journal import JOURNAL, examine_journal, read_journal

    config = load_line(line)
    path = config.results / config.name / JOURNAL
    if not path.exists():
        raise ResultsError(f"{path}: no such journal: nothing was packed on this line")
    entries, head, problems = examine_journal(path)
    state = Aggregation(config.trace.levels, lambda epc: None)
    if not problems:
        for number, entry in enumerate(read_journal(path), 1):
            try:
                state.apply(entry)
                state.check() if number == entries else None
            except (AggregationError, AssertionError, KeyError, TypeError) as error:
                problems.append(f"{path.name}: line {number}: {error}")
                break
    if as_json:
        print(json.dumps({"journal": str(path), "sound": not problems, "problems": problems, "entries": entries, "head": head}))
    else:
        for problem in problems:
            print(f"PROBLEM  {problem}")
        print(f"{path}: {'sound' if not problems else f'{len(problems)} problems'}; {entries} entries; head {head}")
    return 1 if problems else 0


@app.command()
def follow(
    line: LineFile,
    level: Annotated[
        list[str], typer.Option("--level", metavar="NAME", help="the container that packs go into; once more: what it goes into")
    ],
    station: Annotated[str | None, typer.Option("--station", metavar="NAME", help="whose packs; the first one without it")] = None,
    once: Annotated[bool, typer.Option("--once", help="pack what has passed so far, and stop")] = False,
    as_json: AsJson = False,
) -> int:
    """Packs while the line runs. What passed goes into containers in its order, and each that is full is closed and told.

    Goes on where it was, until the batch ends: then containers that are not full are closed. Ctrl-C leaves them open.

    Example: vision aggregate follow line.toml --station S1 --level bundle --level case --json
    """
    import time

    from vision.batch.life import ordered_batch
    from vision.config import load_line
    from vision.results.folder import ResultsError, batch_in
    from vision.results.operations import is_open
    from vision.trace.aggregate import AggregationError
    from vision.trace.commissioned import commissioned_in
    from vision.trace.follow import Follower
    from vision.trace.journal import JOURNAL, Journal, read_journal

    config = load_line(line)
    names = [known.name for known in config.stations]
    if station is not None and station not in names:
        raise ResultsError(f"{line}: --station {station!a}: expected one of {', '.join(names)}")
    levels = [known.name for known in config.trace.levels]
    if not [name for name in levels if name in level] == level:
        raise ResultsError(
            f"{line}: --level {' '.join(level)}: expected levels of [trace] in their order: {', '.join(levels) or 'none there'}"
        )
    batch = ordered_batch(batch_in(config.results / config.name))
    path = config.results / config.name / JOURNAL
    follower = Follower(batch.folder, station or names[0], level, read_journal(path), lambda words: print(words, file=sys.stderr))
    with batch.pool() as pool:
        lot_of = commissioned_in(batch, pool)
        while True:
            begin_s = time.monotonic()
            ended = not is_open(batch.folder)  # asked before the packs: nothing passes behind it
            news = follower.look()
            if news.passed or news.amended or ended:
                with Journal(path, config.trace.levels, lot_of, by=getpass.getuser(), wait_s=_LOCK_S) as journal:
                    try:
                        entries = follower.step(journal, news)
                        entries += follower.finish(journal) if ended else []
                    except AggregationError as error:
                        raise ResultsError(f"{config.name}: {error}") from None
                    for entry in entries:
                        if entry["do"] == "unpack" or entry["do"] == "close" or entry["closed"]:
                            _tell(entry, journal.state, as_json)
                    sys.stdout.flush()
            if ended or once:
                return 0
            # A long journal takes longer to be read: it may cost a tenth of the time.
            time.sleep(max(_FOLLOW_S, 9 * (time.monotonic() - begin_s)))


def _line(line: Path) -> LineConfig:
    """The line, with its kinds of containers."""
    from vision.config import load_line
    from vision.results.folder import ResultsError

    config = load_line(line)
    if not config.trace.levels:
        raise ResultsError(f"{line}: [trace] levels: none, expected the kinds of containers")
    return config


def _do(config: LineConfig, deed: Callable[[Aggregation], Entry], as_json: bool) -> int:
    """One deed: decided, durable, done, told."""
    from vision.results.folder import ResultsError
    from vision.trace.aggregate import AggregationError
    from vision.trace.commissioned import Commissioned
    from vision.trace.journal import JOURNAL, Journal

    with (
        Commissioned(config) as commissioned,
        Journal(
            config.results / config.name / JOURNAL, config.trace.levels, commissioned.lot_of, by=getpass.getuser(), wait_s=_LOCK_S
        ) as journal,
    ):
        try:
            entry = journal.do(deed(journal.state))
        except AggregationError as error:
            raise ResultsError(f"{config.name}: {error}") from None
        _tell(entry, journal.state, as_json)
    return 0


def _tell(entry: Entry, state: Aggregation, as_json: bool) -> None:
    from vision.trace.identifiers import sscc_of

    told: dict[str, Any] = {"do": entry["do"], "ssccs_left": state.ssccs_left}
    if "parent" in entry:
        container = state.containers[entry["parent"]]
        told |= {
            "sscc": sscc_of(entry["parent"]),
            "level": state.levels[container.level].name,
            "children": len(container.children),
            "capacity": state.levels[container.level].capacity,
            "closed": container.closed,
            "dissolved": container.dissolved,
        }
    print(json.dumps(told) if as_json else " ".join(f"{name}={value}" for name, value in told.items()))


def _container(text: str | None) -> str | None:
    return None if text is None else _epc(text)


def _given(
    config: LineConfig,
    things: list[str] | None,
    items: Path | None,
    images: list[Path] | None = None,
    count: int | None = None,
) -> list[str]:
    """The EPCs of what is named, in rows of a file, or seen in frames."""
    from vision.results.folder import ResultsError
    from vision.trace.commissioned import epcs_in_frame

    product = _product(config)
    found = [_epc(thing, product=product) for thing in things or []]
    if items is not None:
        try:
            with items.open(encoding="utf-8-sig", newline="") as stream:
                for number, row in enumerate(csv.reader(stream, strict=True), start=1):
                    if len(row) > 1:
                        raise ResultsError(f"{items}: row {number}: {len(row)} columns, expected 1")
                    found += [_epc(cell, f"{items}: row {number}: ", product) for cell in row]
        except (UnicodeDecodeError, csv.Error) as error:
            raise ResultsError(f"{items}: is not CSV in UTF-8: {error}") from None
    for image in images or []:
        found += epcs_in_frame(image)
    if count is not None and len(found) != count:
        raise ResultsError(f"{len(found)} are given or in the frames, expected {count}: nothing was packed")
    return found


def _product(config: LineConfig) -> str:
    """The product of the line's newest batch, "" where there is none."""
    from vision.results.folder import BATCH_INFO, batch_in, read_batch_info

    batch = batch_in(config.results / config.name)
    return read_batch_info(batch).gtin if (batch / BATCH_INFO).exists() else ""


def _epc(text: str, where: str = "", product: str = "") -> str:
    """An EPC from whatever way it is written: path, Digital Link, URN, the digits of an SSCC, or a serial of the product."""
    from vision.results.folder import ResultsError
    from vision.trace.identifiers import IdentifierError, check_epc, item_epc, of_digital_link, of_urn, sscc_epc

    try:
        if text.isascii() and text.isdigit():
            return sscc_epc(text)
        if text.startswith("urn:"):
            return of_urn(text)
        if product and "/" not in text:
            return item_epc(product, text)
        return of_digital_link(text) if text.startswith("https:") else check_epc(text)
    except IdentifierError as error:
        raise ResultsError(f"{where}{error}") from None
