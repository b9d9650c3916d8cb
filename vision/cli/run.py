"""`vision run`: runs a line until stopped, with its status on the terminal."""

from __future__ import annotations

import dataclasses
import json
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vision.config import LineConfig
    from vision.content.order import Order
    from vision.pipeline.stats import Summary


def run(
    line: Annotated[Path | None, typer.Argument(metavar="LINE.toml", help="line file; the demonstration line without one")] = None,
    order: Annotated[Path | None, typer.Option(metavar="ORDER.json", help="what must be on the packs")] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="stop after so many triggers of each station")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="stop after so many seconds")] = None,
    replay: Annotated[Path | None, typer.Option(metavar="BATCH_OR_RECORDING", help="in place of cameras; no output moves")] = None,
    against: Annotated[Path | None, typer.Option(metavar="BATCH", help="compare the replay of a recording with it")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the last line on stdout is the summary as JSON")] = False,
) -> int:
    """Runs a line until it is stopped or its recording ends. Ctrl-C, --frames and --seconds stop it.

    With --replay the recorded frames of a batch pass the whole line at its pace, and each field that comes out otherwise than in
    the batch is printed. Exit code 1 when the line ended in FAULT, or a replay differs.

    Example: vision run line.toml --order PO-4711.json --seconds 60
    """
    from vision.config import ConfigError, load_line
    from vision.content.order import load_order
    from vision.pipeline.crew import start_fork_server

    if line is None:
        demo = Path(str(resources.files("vision"))) / "demo"
        line = demo / "line.toml"
        order = order or demo / "order.json"
    config = load_line(line)
    loaded = load_order(order) if order is not None else None
    start_fork_server()  # it loads the kernels while the rest is imported here; not for a call that is wrong anyway
    if replay is not None:
        return _replay(config, loaded, replay, against, frames, seconds, as_json)
    if against is not None:
        raise ConfigError("the call: --against goes with --replay")
    summary = _run(config, loaded, frames, seconds, as_json)
    if as_json:
        print(json.dumps(summary.as_json()), flush=True)
    else:
        _print_summary(summary)
    return 1 if summary.state == "FAULT" else 0


def _run(config: LineConfig, order: Order | None, frames: int | None, seconds: float | None, as_json: bool) -> Summary:
    from vision.cli.live import LiveStatus
    from vision.pipeline.run import run_line

    with LiveStatus(config.name, config.inspectors, to_stderr=as_json) as show:
        return run_line(config, order, frames=frames, seconds=seconds, on_status=show.update)


def _print_summary(summary: Summary) -> None:
    from vision.cli.live import print_summary

    print_summary(summary)


def _replay(
    config: LineConfig,
    order: Order | None,
    given: Path,
    against: Path | None,
    frames: int | None,
    seconds: float | None,
    as_json: bool,
) -> int:
    """Runs the line on recorded frames and prints what comes out otherwise than it was."""
    from vision.pipeline.replay import differences, prepare_replay
    from vision.results.export import printable

    with prepare_replay(config, given, against) as replay:
        summary = _run(replay.config, order, frames, seconds, as_json)
        found = differences(replay, Path(summary.results), whole=frames is None and seconds is None)
    compared = 0 if replay.reference is None else summary.counts.triggered
    if as_json:
        fields = [{**dataclasses.asdict(one), "before": repr(one.before), "after": repr(one.after)} for one in found]
        about = {"compared": compared, "without_image": replay.missing, "differences": fields}
        print(json.dumps({**summary.as_json(), "replay": about}), flush=True)
    else:
        for one in found:
            print(f"{one.station} {one.trigger}: {one.field}: {printable(repr(one.before))} -> {printable(repr(one.after))}")
        _print_summary(summary)
        without = f"; {replay.missing} triggers have no image" if replay.missing else ""
        print(f"replay: {compared} triggers compared, {len(found)} fields differ{without}")
    return 1 if summary.state == "FAULT" or found else 0
