"""The status of a running line: a calm live picture on a terminal, a line every few seconds elsewhere, and the summary."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from vision.results.export import printable
from vision.types import LINE_REASONS
from vision.verdict.reasons import WORDS

if TYPE_CHECKING:
    from vision.pipeline.stats import Status, Summary

_PLAIN_PERIOD_S = 5.0
_SHOWN_REASONS = 8
_COLOURS = {"RUNNING": "green", "DEGRADED": "yellow", "FAULT": "red"}
_STATES = {
    "RUNNING": "",
    "DEGRADED": "runs, but something is wrong: packs may be rejected that are good",
    "FAULT": "does not go on by itself",
    "STOPPING": "waits until the last packs are settled",
}


class LiveStatus:
    """What `vision run` shows while it runs.

    inspectors: how many there are to be. to_stderr: stdout is kept for the JSON line. Warnings of the line appear above the
    picture, never through it: on a terminal rich takes them over; elsewhere they stand between the lines.
    """

    def __init__(self, name: str, inspectors: int, to_stderr: bool) -> None:
        self._name = name
        self._inspectors = inspectors
        self._console = Console(stderr=to_stderr, highlight=False)
        self._live: Live | None = None
        if self._console.is_terminal:
            starting = Text(f"{name}: starting (after an update the first start compiles for about half a minute)", "dim")
            self._live = Live(starting, console=self._console, auto_refresh=False, transient=True)
        self._next_plain_s = 0.0
        self._state = ""

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start(refresh=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, status: Status) -> None:
        """Shows the status of now; called some times a second."""
        if self._live is not None:
            self._live.update(picture(self._name, self._inspectors, status), refresh=True)
        elif status.seconds >= self._next_plain_s or status.state != self._state:
            self._next_plain_s = status.seconds + _PLAIN_PERIOD_S
            self._state = status.state
            print(plain(self._inspectors, status), file=sys.stderr if self._console.stderr else sys.stdout, flush=True)


def plain(inspectors: int, status: Status) -> str:
    """The status in one line, for a log or a pipe; what is as it should be is not said."""
    counts, p99 = status.counts, status.latency_ms["p99"]
    few = status.inspectors_ready < inspectors and status.state != "STOPPING"  # then they leave
    words = [
        f"{status.seconds:6.1f} s",
        f"{status.state:<8}",
        f"{status.rate_hz:6.1f} packs/s",
        f"good {counts.accepted}",
        f"rejected {counts.rejected}",
        f"too late {counts.late}",
        f"99 % decided within {p99:.0f} ms" if p99 is not None else "",
        f"{status.inspectors_ready} of {inspectors} inspectors" if few else "",
        f"images not kept {status.images_dropped}" if status.images_dropped else "",
        printable(status.trouble),
        *(f"print drifts: {printable(words)}" for words in status.print_warnings),
    ]
    return "  ".join(word for word in words if word)


def picture(name: str, inspectors: int, status: Status) -> RenderableType:
    """The status as a few lines that keep their place, so that a glance finds each number where it was."""
    counts, latency = status.counts, status.latency_ms
    head = Text.assemble(
        (f" {status.state} ", f"bold white on {_COLOURS.get(status.state, 'blue')}"),
        (f"  line {name}", "bold"),
        f"   {_clock(status.seconds)}   {status.rate_hz:.1f} packs/s",
    )
    numbers = Table.grid(padding=(0, 3))
    for _ in range(3):
        numbers.add_column()
    under_way = counts.triggered - counts.accepted - counts.rejected
    numbers.add_row(
        Text.assemble(("good     ", "dim"), (f"{counts.accepted:>8}", "bold green")),
        Text.assemble(("packs seen ", "dim"), f"{counts.triggered:>8}"),
        Text.assemble(("time to decide, median ", "dim"), _ms(latency, "p50")),
    )
    numbers.add_row(
        Text.assemble(("rejected ", "dim"), (f"{counts.rejected:>8}", "bold red" if counts.rejected else "")),
        Text.assemble(("under way  ", "dim"), f"{under_way:>8}"),
        Text.assemble(("      99 of 100 within ", "dim"), _ms(latency, "p99")),
    )
    numbers.add_row(
        Text.assemble(("too late ", "dim"), (f"{counts.late:>8}", "bold red" if counts.late else "")),
        Text.assemble(("restarts   ", "dim"), (f"{status.restarts:>8}", "yellow" if status.restarts else "")),
        Text.assemble(("             longest   ", "dim"), _ms(latency, "max")),
    )
    ready, free = status.inspectors_ready, status.slots_free
    numbers.add_row(
        Text.assemble(("output   ", "dim"), (" in order", "") if status.output_healthy else (" TROUBLE ", "bold red")),
        Text.assemble(("inspectors ", "dim"), (f"{f'{ready} of {inspectors}':>8}", "yellow" if ready < inspectors else "")),
        Text.assemble(("       slots for frames ", "dim"), (f"{f'{free} of {status.slots} free':>8}", "" if free else "bold red")),
    )
    if status.images_dropped:
        numbers.add_row(Text.assemble(("images not kept ", "dim"), (str(status.images_dropped), "yellow")))
    parts: list[RenderableType] = [head, Text(_STATES.get(status.state, ""), "dim"), numbers]
    if status.trouble:
        parts += [Text(), Text(printable(status.trouble), style="bold yellow")]
    parts += [Text(f"print drifts: {printable(words)}", style="yellow") for words in status.print_warnings]
    parts += [Text(), _reasons(status), Text("Ctrl-C stops the line", style="dim")]
    return Group(*parts)


def _reasons(status: Status) -> RenderableType:
    """Why packs were rejected, most frequent first; what was the station's own doing, and not the pack's, stands out."""
    reasons = status.counts.reasons.most_common()
    if not reasons:
        return Text("no pack rejected yet", style="dim")
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", width=5)
    table.add_column(no_wrap=True, width=max(map(len, WORDS)))
    table.add_column(style="dim", no_wrap=True, overflow="ellipsis")
    for reason, count in reasons[:_SHOWN_REASONS]:
        table.add_row(str(count), Text(reason, style="yellow" if reason in LINE_REASONS else ""), WORDS[reason])
    rest = reasons[_SHOWN_REASONS:]
    if rest:
        table.add_row(str(sum(count for _, count in rest)), "other reasons", ", ".join(reason for reason, _ in rest))
    return table


def _clock(seconds: float) -> str:
    minutes, whole = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{whole:02d}"


def _ms(latency: Mapping[str, float | None], name: str) -> str:
    value = latency[name]
    return "       -" if value is None else f"{value:5.0f} ms"


def print_summary(summary: Summary) -> None:
    """The end of a run in words on stdout."""
    counts, latency = summary.counts, summary.latency_ms
    print(f"{counts.triggered} packs at {summary.rate_hz:.1f} packs/s: {counts.accepted} good, {counts.rejected} rejected")
    for reason, count in counts.reasons.most_common():
        print(f"  {count:6d}  {reason:<22} {WORDS[reason]}")
    if latency["p50"] is not None:
        print(
            f"from trigger to durable verdict: median {latency['p50']} ms, 99 of 100 within {latency['p99']} ms, "
            f"longest {latency['max']} ms; {counts.late} too late"
        )
    for station, account in (summary.plc or {}).items():
        if account:
            print(f"PLC of {station}: was told to pass {account.get('told_pass')}, to reject {account.get('told_reject')}")
    if summary.images_dropped:
        print(f"{summary.images_dropped} images not kept (disk too slow or limit reached)")
    for words in summary.print_warnings:
        print(f"print drifts: {printable(words)}")
    if summary.trouble:
        print(f"{summary.state}: {printable(summary.trouble)}")
    print(f"results: {summary.results}")


__all__ = ["LiveStatus", "picture", "plain", "print_summary"]
