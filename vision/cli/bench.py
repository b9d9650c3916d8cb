"""`vision bench`: read rate, misreads and times beside peers, on any frames."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer


def bench(
    source: Annotated[str | None, typer.Argument(metavar="[SOURCE]", help="folder, recording or URL; the demonstration's")] = None,
    against: Annotated[str, typer.Option(metavar="NAMES", help="peers: zxing-cpp,libdmtx")] = "",
    symbols: Annotated[int | None, typer.Option(min=1, help="symbols in each frame; as `vision inspect` looks without it")] = 1,
    frames: Annotated[int | None, typer.Option(min=1, help="only so many frames")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="most processes of the scaling; all cores without it")] = None,
    picture: Annotated[Path | None, typer.Option(metavar="FILE.html|.pdf", help="the same as pictures")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on stdout")] = False,
) -> int:
    """Measures our reader beside others over many frames. Read rate, misreads, repeat consistency, ms per frame, frames/s.

    Truth, where there is any, is truth.csv beside the frames. Exit code 1 when our reader misread a frame or did not repeat itself.

    Example: vision bench packs/ --against zxing-cpp,libdmtx --json
    """
    import dataclasses

    from vision.audit.benchmark import measure
    from vision.audit.plan import Brief
    from vision.audit.sources import open_source
    from vision.cli.audit import recipe_of
    from vision.report.writer import check_path, write

    if picture is not None:
        check_path(picture)
    opened = open_source(source or str(Path(str(resources.files("vision"))) / "demo" / "packs.zip"))
    if frames is not None:
        opened = dataclasses.replace(opened, names=opened.names[:frames])
    setup = {"standard": "15415", "edition": "2011", "aperture": "80%", "mm_per_px": None, "white": 255.0, "black": 0.0}
    brief = Brief((opened,), recipe_of(setup, None, symbols, 1.5))
    peers = [name for name in against.split(",") if name]
    with _bar() as show:
        found = measure(brief, peers, workers or len(os.sched_getaffinity(0)), show)
    if as_json:
        print(json.dumps(found.as_json()))
    else:
        print("\n".join(found.lines()))
    if picture is not None:
        from vision.audit.bench_report import make_report

        write(make_report(found), picture)
    ours = found.tallies[0]
    if ours.misread or ours.repeated < ours.frames:
        print(f"vision: {len(ours.misread)} misread, {ours.frames - ours.repeated} not the same when repeated", file=sys.stderr)
        return 1
    return 0


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("measuring", total=None)
        yield lambda done, total: bar.update(task, total=total, completed=done)
