"""A measurement of `vision bench` as pictures."""

from __future__ import annotations

import numpy as np

from vision.audit.benchmark import Bench
from vision.report.charts import INK, SERIES, SOFT, new_figure, style, to_svg
from vision.report.document import Beside, Block, Document, Figure, Heading, Paragraph, Table, Tone
from vision.version import VERSION


def make_report(found: Bench) -> Document:
    """Readers beside each other, where our time goes, and what more workers bring."""
    rows = []
    for tally in found.tallies:
        values = tally.as_json()
        rate = f"{tally.codes} codes" if values["read_rate"] is None else f"{values['read_rate']:.1%}"
        ms = values["cpu_ms"]
        cells = (rate, str(len(tally.misread)), f"{values['repeat_consistency']:.1%}")
        times = (f"{ms['p50']:.2f}", f"{ms['p99']:.2f}", f"{ms['p999']:.2f}", f"{values['frames_per_s_per_core']:.0f}")
        rows.append((tally.name, *cells, *times))
    columns = ("reader", "read", "misreads", "repeats alike", "ms p50", "ms p99", "ms p99.9", "frames/s per core")
    blocks: list[Block] = [
        Table(columns, tuple(rows), right=tuple(range(1, 8)), caption="CPU time of one core"),
        Figure(_times(found), "Distribution of CPU time per frame of each reader"),
        Heading("Where the time goes", 2),
        Beside((Figure(_stages(found), "Mean CPU time by stage"), Figure(_scaling(found), "Frames per second by workers"))),
        Paragraph(f"Floor: every pixel of a frame read once. An audit on all workers: {found.overhead_words}.", Tone.MUTED),
    ]
    return Document(
        "Bench", blocks, subtitle=f"{found.source}: {found.tallies[0].frames} frames", footer=f"packline-vision {VERSION}"
    )


def _times(found: Bench) -> str:
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator  # noqa: PLC0415 - drawn when a report is written

    figure = new_figure(170, 55)
    with style():
        axes = figure.subplots()
        for colour, tally in zip(SERIES, found.tallies, strict=False):
            times = np.sort(tally.cpu_ms)
            axes.step(times, np.arange(1, len(times) + 1) / len(times) * 100, color=colour, label=tally.name, where="post")
        axes.set_xscale("log")
        # Plain numbers, 1 2 5 10 ... or closer ones: the log scale's own labels are formulas, which reports do not set.
        every = np.concatenate([tally.cpu_ms for tally in found.tallies])
        wide = every.max() > 8 * every.min()
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)) if wide else MaxNLocator(6))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("CPU ms per frame")
        axes.set_ylabel("share of frames done, %")
        axes.grid(True, which="both", alpha=0.6)
        axes.legend(loc="lower right")
    return to_svg(figure)


def _stages(found: Bench) -> str:
    figure = new_figure(83, 45)
    with style():
        axes = figure.subplots()
        names = list(found.stages)[::-1]
        values = [found.stages[name] for name in names]
        axes.barh(names, values, color=SERIES[0], height=0.6)
        for row, value in enumerate(values):
            axes.text(value, row, f" {value:.2f}", va="center", fontsize=7)
        axes.set_xlabel("mean CPU ms")
        axes.set_xlim(0, max(values) * 1.2)
    return to_svg(figure)


def _scaling(found: Bench) -> str:
    figure = new_figure(83, 45)
    with style():
        axes = figure.subplots()
        counts = np.array(list(found.scaling))
        rates = np.array(list(found.scaling.values()))
        axes.plot(counts, counts * rates[0], color=SOFT, linestyle=(0, (4, 3)), label="in proportion")
        axes.plot(counts, rates, color=INK, marker="o", markersize=4, label="audit")
        axes.set_xticks(counts)
        axes.set_xlabel("workers")
        axes.set_ylabel("frames/s (wall)")
        axes.set_ylim(0, None)
        axes.legend(loc="upper left")
    return to_svg(figure)
