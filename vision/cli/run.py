"""`vision run`: runs a line until stopped, with its status on the terminal."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer


def run(
    line: Annotated[Path | None, typer.Argument(metavar="LINE.toml", help="line file; the demonstration line without one")] = None,
    order: Annotated[Path | None, typer.Option(metavar="ORDER.json", help="what must be on the packs")] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="stop after so many triggers of each station")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="stop after so many seconds")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the last line on stdout is the summary as JSON")] = False,
) -> int:
    """Runs a line until it is stopped (Ctrl-C), its recording ends, or --frames or --seconds are reached.

    Exit code 1 when the line ended in FAULT.

    Example: vision run line.toml --order PO-4711.json --seconds 60
    """
    from vision.config import load_line
    from vision.content.order import load_order
    from vision.pipeline.crew import start_fork_server

    if line is None:
        demo = Path(str(resources.files("vision"))) / "demo"
        line = demo / "line.toml"
        order = order or demo / "order.json"
    config = load_line(line)
    loaded = load_order(order) if order is not None else None
    start_fork_server()  # it loads the kernels while the rest is imported here; not for a call that is wrong anyway
    from vision.cli.live import LiveStatus, print_summary
    from vision.pipeline.run import run_line

    with LiveStatus(config.name, config.inspectors, to_stderr=as_json) as show:
        summary = run_line(config, loaded, frames=frames, seconds=seconds, on_status=show.update)
    if as_json:
        print(json.dumps(summary.as_json()), flush=True)
    else:
        print_summary(summary)
    return 1 if summary.state == "FAULT" else 0
