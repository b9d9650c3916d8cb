"""`vision run`: runs a line until stopped, with its status on the terminal."""

from __future__ import annotations

import json
import sys
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Group, RenderableType

    from vision.pipeline.stats import Status, Summary


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
    from vision.pipeline.run import run_line

    if line is None:
        demo = Path(str(resources.files("vision"))) / "demo"
        line = demo / "line.toml"
        order = order or demo / "order.json"
    config = load_line(line)
    loaded = load_order(order) if order is not None else None
    with _display(as_json) as show:
        summary = run_line(config, loaded, frames=frames, seconds=seconds, on_status=show.update)
    if as_json:
        print(json.dumps(summary.as_json()), flush=True)
    else:
        _print_summary(summary)
    return 1 if summary.state == "FAULT" else 0


def _display(as_json: bool) -> LiveStatus:
    return LiveStatus(to_stderr=as_json)


class LiveStatus:
    """The status of a running line: a live table on a terminal, a line every few seconds elsewhere."""

    _PLAIN_PERIOD_S = 5.0

    def __init__(self, to_stderr: bool) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(stderr=to_stderr, highlight=False)
        self._live = Live(console=self._console, refresh_per_second=5, transient=True) if self._console.is_terminal else None
        self._next_plain_s = 0.0
        self._state = ""

    def __enter__(self) -> LiveStatus:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, status: Status) -> None:
        if self._live is not None:
            self._live.update(_table(status))
        elif status.seconds >= self._next_plain_s or status.state != self._state:
            self._next_plain_s = status.seconds + self._PLAIN_PERIOD_S
            self._state = status.state
            p99 = status.latency_ms["p99"]
            print(
                f"{status.seconds:6.1f} s  {status.state:<9} {status.rate_hz:6.1f}/s  good {status.counts.accepted}"
                f"  rejected {status.counts.rejected}  late {status.counts.late}  p99 {p99 if p99 is not None else '-'} ms"
                + (f"  {status.trouble}" if status.trouble else ""),
                file=sys.stderr if self._console.stderr else sys.stdout,
                flush=True,
            )


def _table(status: Status) -> Group:
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    counts, latency = status.counts, status.latency_ms
    colour = {"RUNNING": "green", "DEGRADED": "yellow", "FAULT": "red"}.get(status.state, "cyan")
    head = Text.assemble(
        (f" {status.state} ", f"bold white on {colour}"),
        f"  {status.seconds:.0f} s   {status.rate_hz:.1f} packs/s   inspectors {status.inspectors_ready}"
        f"   slots free {status.slots_free}/{status.slots}   restarts {status.restarts}",
    )
    table = Table(box=box.SIMPLE, show_header=True, header_style="bold", pad_edge=False)
    for name in ("triggered", "good", "rejected", "under way", "late"):
        table.add_column(name, justify="right")
    for name in ("p50 ms", "p99 ms", "max ms"):
        table.add_column(name, justify="right")
    pending = counts.triggered - counts.accepted - counts.rejected
    table.add_row(
        str(counts.triggered),
        f"[green]{counts.accepted}[/]",
        f"[red]{counts.rejected}[/]",
        str(pending),
        str(counts.late),
        *("-" if latency[q] is None else f"{latency[q]:.1f}" for q in ("p50", "p99", "max")),
    )
    reasons = Text("  ".join(f"{reason} {n}" for reason, n in counts.reasons.most_common()) or "no rejects yet", style="red")
    parts: list[RenderableType] = [head, table, reasons]
    if status.trouble:
        parts.append(Text(status.trouble, style="bold yellow"))
    return Group(*parts)


def _print_summary(summary: Summary) -> None:
    from vision.verdict.reasons import WORDS

    counts, latency = summary.counts, summary.latency_ms
    print(f"\n{counts.triggered} packs, {counts.accepted} good, {counts.rejected} rejected, at {summary.rate_hz:.1f} packs/s")
    for reason, n in counts.reasons.most_common():
        print(f"  {n:5d}  {reason:<22} {WORDS[reason]}")
    if latency["p50"] is not None:
        p50, p99, longest = (latency[name] for name in ("p50", "p99", "max"))
        print(f"trigger to durable verdict: median {p50} ms, p99 {p99} ms, longest {longest} ms; late {counts.late}")
    for station, account in (summary.plc or {}).items():
        if account:
            print(f"PLC of {station}: told pass {account.get('told_pass')}, told reject {account.get('told_reject')}")
    if summary.trouble:
        print(f"{summary.state}: {summary.trouble}")
    print(f"results: {summary.results}")
