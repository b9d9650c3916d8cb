"""The pictures of an audit's report, as SVG: drawn to be read at a glance. What they show is worked out elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vision.audit.drift import EWMA_WEIGHT
from vision.audit.measures import Symbols
from vision.audit.trend import Lines, Trend
from vision.report.charts import INK, RULE, SERIES, SOFT, TONES, new_figure, style, to_svg
from vision.report.document import Tone
from vision.types import Pixels

Floats = npt.NDArray[np.float64]

GRADE_COLOURS = ("#b3261e", "#dd8452", "#e8c35a", "#8fbf7f", "#2f7d5b")
"""Grades 0 to 4."""

_CROP_PX = 220
_TIMELINE_SYMBOLS_PER_BIN = 5


def grade_bars(grades: Sequence[tuple[str, Floats]], grade_min: float) -> str:
    """A bar per parameter, cut by the share of symbols at each grade, the overall grade on top."""
    figure = new_figure(170, 12 + 7.5 * len(grades))
    with style():
        axes = figure.subplots()
        names = [name.replace("_", " ") for name, _ in grades][::-1]
        left = np.zeros(len(grades))
        for grade in (4, 3, 2, 1, 0):
            share = np.array([_share(values, grade) for _, values in grades])[::-1] * 100
            axes.barh(names, share, left=left, color=GRADE_COLOURS[grade], label="FDCBA"[grade], height=0.72)
            for row, (width, start) in enumerate(zip(share, left, strict=True)):
                if width >= 6:
                    ink = INK if grade in (1, 2, 3) else "white"  # the middle colours are light
                    axes.text(start + width / 2, row, f"{width:.0f} %", ha="center", va="center", color=ink, fontsize=7)
            left += share
        axes.set_xlim(0, 100)
        axes.set_xlabel(f"share of symbols in %, by grade; the limit is {grade_min:g}")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=5, handlelength=1, columnspacing=1.5)
    return to_svg(figure)


def _share(values: Floats, grade: int) -> float:
    """The share of values whose letter stands for this grade: A from 3.5, B from 2.5 ..."""
    seen = values[~np.isnan(values)]
    if not len(seen):
        return 0.0
    low = grade - 0.5 if grade else -1.0
    high = grade + 0.5 if grade < 4 else 9.0
    return float(((seen >= low - 1e-9) & (seen < high - 1e-9)).mean())


def over_time(symbols: Symbols, grade_min: float) -> str:
    """Mean overall grade with the middle nine tenths, and below it the share of symbols under the limit."""
    count = len(symbols)
    bins = max(1, min(100, count // _TIMELINE_SYMBOLS_PER_BIN))
    groups = np.array_split(symbols.values["overall"], bins)
    places = np.array([part.mean() for part in np.array_split(np.arange(count), bins)])
    low, mean, high = np.array([(*np.percentile(g, (5, 95)), g.mean()) for g in groups]).T[[0, 2, 1]]
    failing = np.array([(np.round(group, 1) < grade_min).mean() * 100 for group in groups])
    figure = new_figure(170, 70)
    with style():
        upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (3, 1)})
        upper.fill_between(places, low, high, color=SERIES[0], alpha=0.15, linewidth=0, label="middle nine tenths")
        upper.plot(places, mean, color=SERIES[0], label="mean")
        upper.axhline(grade_min, color=TONES[Tone.BAD], linewidth=0.8, linestyle=(0, (4, 3)))
        upper.text(1.0, grade_min, f" {grade_min:g}", color=TONES[Tone.BAD], va="center", transform=upper.get_yaxis_transform())
        upper.set_ylim(-0.1, 4.2)
        upper.set_yticks(range(5))
        upper.set_ylabel("overall grade")
        upper.legend(loc="lower left", ncols=2)
        lower.bar(places, failing, width=count / bins, color=TONES[Tone.BAD], linewidth=0)
        lower.set_ylim(0, max(5.0, float(failing.max()) * 1.1))
        lower.set_ylabel("below, %")
        lower.set_xlabel("symbol, in the order of the frames")
        lower.set_xlim(0, max(count - 1, 1))
    return to_svg(figure)


def over_position(symbols: Symbols) -> str:
    """Mean overall grade by where in the frame the symbol lies; empty places are left white."""
    columns, rows = 8, 6
    seen = np.isfinite(symbols.x) & np.isfinite(symbols.y)
    x = np.clip((symbols.x[seen] * columns).astype(int), 0, columns - 1)
    y = np.clip((symbols.y[seen] * rows).astype(int), 0, rows - 1)
    count = np.zeros((rows, columns))
    total = np.zeros((rows, columns))
    np.add.at(count, (y, x), 1)
    np.add.at(total, (y, x), symbols.values["overall"][seen])
    mean = np.full((rows, columns), np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    figure = new_figure(110, 78)
    with style():
        from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415 - drawn when a report is written

        axes = figure.subplots()
        colours = LinearSegmentedColormap.from_list("grades", GRADE_COLOURS)
        axes.pcolormesh(mean, cmap=colours, vmin=0, vmax=4, edgecolors="white", linewidth=1.5)
        for row, column in np.argwhere(count > 0):
            words = f"{mean[row, column]:.1f}\n{count[row, column]:.0f}"
            ink = INK if 0.5 < mean[row, column] < 3.5 else "white"
            axes.text(column + 0.5, row + 0.5, words, ha="center", va="center", fontsize=6.5, color=ink, linespacing=1.3)
        axes.invert_yaxis()
        axes.set_xticks(())
        axes.set_yticks(())
        axes.set_xlabel("the frame: mean grade above, number of symbols below")
        for spine in axes.spines.values():
            spine.set_visible(True)
    return to_svg(figure)


def control_chart(trend: Trend) -> str:
    """One measure: means of subgroups, control limits, the weighted mean, what was fitted, the grade's limit, a forecast."""
    course, measure = trend.course, trend.measure
    bad = trend.worse and trend.changed
    figure = new_figure(83, 42)
    with style():
        axes = figure.subplots()
        axes.fill_between(course.position, course.low, course.high, color=SOFT, alpha=0.13, linewidth=0)
        axes.axhline(course.centre, color=SOFT, linewidth=0.6)
        axes.plot(course.position, course.mean, color=SERIES[0], linewidth=0, marker=".", markersize=2.6)
        axes.plot(course.position, course.ewma, color=SERIES[0], linewidth=0.8, alpha=0.6)
        if trend.changed:
            axes.plot(course.position, course.fitted, color=TONES[Tone.BAD if bad else Tone.GOOD], linewidth=1.6)
            for at in course.steps or (course.at,):
                if at > 0:
                    axes.axvline(at, color=INK, linewidth=0.6, linestyle=(0, (1, 2)))
        low, high = _span(course.mean, course.low, course.high, measure.least)
        if trend.limit is not None and (low - (high - low) * 0.8 <= trend.limit <= high + (high - low) * 0.8 or trend.changed):
            low, high = min(low, trend.limit), max(high, trend.limit)
            axes.axhline(trend.limit, color=TONES[Tone.BAD], linewidth=0.8, linestyle=(0, (4, 3)))
        margin = (high - low) * 0.06
        axes.set_ylim(low - margin, high + margin)
        axes.set_title(measure.label)
        if course.crosses is not None and trend.limit is not None:
            _forecast(axes, trend)
        axes.locator_params(axis="both", nbins=5)
    return to_svg(figure)


def _span(mean: Floats, low: float, high: float, least: float) -> tuple[float, float]:
    bottom, top = min(float(mean.min()), low), max(float(mean.max()), high)
    middle = (bottom + top) / 2
    half = max((top - bottom) / 2, least)
    return middle - half, middle + half


def _forecast(axes: Any, trend: Trend) -> None:
    """The line on to the limit, where that is not too far to be drawn."""
    course = trend.course
    assert course.crosses is not None
    last = float(course.position[-1])
    end = min(course.crosses[0], last * 2)
    if course.crosses[0] <= last * 4:
        axes.plot((last, end), (course.after, course.after + course.slope * (end - last)), color=TONES[Tone.BAD], linestyle=":")
        axes.set_xlim(-0.02 * last, end * 1.02)


def profile(lines: Lines) -> str:
    """Mean margin of each column or row before and after a change, those that fell marked."""
    figure = new_figure(170, 45)
    with style():
        axes = figure.subplots()
        places = np.arange(len(lines.after))
        for number in lines.numbers:
            axes.axvspan(number - 0.5, number + 0.5, color=TONES[Tone.BAD], alpha=0.12, linewidth=0)
        axes.step(places, lines.before, where="mid", color=SOFT, label="before")
        axes.step(places, lines.after, where="mid", color=SERIES[0], label="after", linewidth=1.6)
        axes.axhline(0, color=RULE, linewidth=0.8)
        axes.set_xlabel(f"{lines.axis.removesuffix('s')} of the symbol, from 0 at the L")
        axes.set_ylabel(f"mean margin of {lines.colour}\nmodules")
        axes.set_xlim(-0.5, len(places) - 0.5)
        axes.legend(loc="lower right", ncols=2)
    return to_svg(figure)


def symbol_picture(pixels: Pixels, corners: Floats | None) -> str:
    """A symbol with what is around it, its outline drawn; the whole frame, smaller, where there is none."""
    height, width = pixels.shape
    x0, y0, x1, y1 = 0.0, 0.0, float(width), float(height)
    if corners is not None:
        low, high = corners.min(axis=0), corners.max(axis=0)
        margin = 0.18 * float((high - low).max())
        x0, y0 = np.maximum(low - margin, 0.0)
        x1, y1 = np.minimum(high + margin, (width, height))
    left, top, right, bottom = int(x0), int(y0), max(int(x0) + 1, int(np.ceil(x1))), max(int(y0) + 1, int(np.ceil(y1)))
    crop = pixels[top:bottom, left:right]
    scale = _CROP_PX / max(crop.shape)
    size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
    shown = cv2.resize(crop, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
    _, png = cv2.imencode(".png", shown)
    data = base64.b64encode(png.tobytes()).decode()
    outline = ""
    if corners is not None:
        points = " ".join(f"{(x + 0.5 - left) * scale:.1f},{(y + 0.5 - top) * scale:.1f}" for x, y in corners)
        outline = f'<polygon points="{points}" fill="none" stroke="{TONES[Tone.BAD]}" stroke-width="1.5"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_CROP_PX}" height="{_CROP_PX}" viewBox="0 0 {_CROP_PX} {_CROP_PX}">'
        f'<rect width="{_CROP_PX}" height="{_CROP_PX}" fill="{RULE}"/>'
        f'<g transform="translate({(_CROP_PX - size[0]) / 2:.1f} {(_CROP_PX - size[1]) / 2:.1f})">'
        f'<image width="{size[0]}" height="{size[1]}" href="data:image/png;base64,{data}"/>{outline}</g></svg>'
    )


def agreement(pairs: Floats, label: str, bias: float, spread: float) -> str:
    """Bland and Altman: difference of two measurements over their mean; bias, and where 95 % of differences lie."""
    figure = new_figure(83, 55)
    with style():
        axes = figure.subplots()
        axes.axhline(0, color=RULE, linewidth=0.8)
        axes.axhspan(bias - spread, bias + spread, color=SERIES[0], alpha=0.1, linewidth=0)
        axes.axhline(bias, color=TONES[Tone.BAD], linewidth=1.2)
        axes.plot(
            pairs.mean(axis=1), pairs[:, 0] - pairs[:, 1], linewidth=0, marker=".", markersize=3.5, color=SERIES[0], alpha=0.6
        )
        axes.set_title(label)
        axes.set_xlabel("mean of both")
        axes.set_ylabel("in-line less verifier")
        axes.locator_params(axis="both", nbins=5)
    return to_svg(figure)


def side_by_side(groups: Sequence[tuple[str, Floats]], label: str, limit: float | None) -> str:
    """One measure of several sources: box from quarter to quarter, whiskers over nine tenths."""
    figure = new_figure(83, 14 + 8 * len(groups))
    with style():
        axes = figure.subplots()
        for row, (_, values) in enumerate(groups):
            low, quarter, middle, upper, high = np.nanpercentile(values, (5, 25, 50, 75, 95))
            axes.plot((low, high), (row, row), color=SERIES[0], linewidth=0.9)
            axes.barh(row, upper - quarter, left=quarter, height=0.5, color=SERIES[0], alpha=0.35)
            axes.plot(middle, row, marker="|", markersize=10, color=INK)
        if limit is not None:
            low, high = axes.get_xlim()
            if low - (high - low) < limit < high + (high - low):
                axes.axvline(limit, color=TONES[Tone.BAD], linewidth=0.8, linestyle=(0, (4, 3)))
        axes.set_yticks(range(len(groups)), [name for name, _ in groups])
        axes.invert_yaxis()
        figure.suptitle(label, x=0.02, ha="left", fontsize=9, fontweight="bold")
        axes.locator_params(axis="x", nbins=5)
    return to_svg(figure)


CHART_WORDS = (
    "Across: the symbols in the order of their frames. Points are means of neighbouring ones. Grey: three standard errors around "
    f"the level at the beginning. Thin line: weighted mean (EWMA, {EWMA_WEIGHT:g}). Thick line: the change found; dotted: its "
    "forecast. Dashed red: the limit of the lowest passing grade."
)
