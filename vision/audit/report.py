"""The report of an audit as a document: what changed and why, then how the packs are, the worst of them, what was compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from vision.audit import pictures, verifier, worst
from vision.audit.compare import Beside as Difference
from vision.audit.compare import Regrading, beside, regrading
from vision.audit.drift import LEAST_VALUES, course_of
from vision.audit.limits import MEASURES, limit_of
from vision.audit.measures import Symbols, read_symbols
from vision.audit.plan import Brief
from vision.audit.summary import Summary, summarize
from vision.audit.trend import Story, Trend, stories_of, trends_of
from vision.grade.limits import CAUSES
from vision.grade.setup import Setup
from vision.report.document import Beside, Block, Bullets, Callout, Cell, Document, Facts, Figure, Heading, Paragraph, Table, Tone
from vision.results.schema import PARAMETERS
from vision.version import VERSION

CHAPTERS_MOST = 4
"""Sources that get a chapter of their own; with more of them they are only compared."""

UNREADABLE_MOST, CHANGED_MOST, PAIRS_MOST = 200, 100, 12
LETTERS = "ABCDF"
MEASURE_WORDS = (
    "Contrast, reflectance, axial non-uniformity and error correction are shares of 1; grid non-uniformity and print growth are in "
    "modules. Weakest data module: its modulation. Weakest column and row: how far the mean margin of its modules lies below that "
    "of the others."
)


def make_report(brief: Brief, folder: Path, verifier_file: Path | None = None) -> Document:
    """The whole report of a dataset. The same dataset gives the same document. Raises AuditError for a verifier's file."""
    summary = summarize(folder, brief)
    symbols = read_symbols(folder)
    verification = None if verifier_file is None else verifier.compare(folder, verifier_file)
    groups = [symbols.of(index) for index in range(len(brief.sources))]
    blocks: list[Block] = []
    chapters: list[Block] = []
    setup, grade_min = brief.recipe.setup, brief.recipe.grade_min
    headline: list[Block] = []
    for index, (source, group) in enumerate(zip(brief.sources, groups, strict=True)):
        if index >= CHAPTERS_MOST:
            break
        trends = trends_of(group, *_graded_by(folder, setup), grade_min)
        stories = stories_of(folder, index, group, trends)
        name = source.label if len(brief.sources) > 1 else ""
        places = _place_trends(group, grade_min)
        headline += _headline(name, group, stories, places)
        chapters += _chapter(name, group, trends, stories, places, grade_min)
    blocks += headline
    blocks += [_overview(brief, summary), *_letters(summary)]
    if len(groups) > 1:
        blocks += _comparison([source.label for source in brief.sources], groups, setup, grade_min)
    blocks += chapters
    blocks += worst.chapter(brief, folder)
    if brief.regrade is not None:
        blocks += _regrading(brief, regrading(folder))
    if verification is not None:
        blocks += _verification(verification)
    blocks += _unreadable(summary)
    blocks += _basis(brief)
    shown = ", ".join(source.label for source in brief.sources[:3]) + (" ..." if len(brief.sources) > 3 else "")
    return Document(
        "Print quality audit", blocks, subtitle=shown, footer=f"packline-vision {VERSION}, recipe {brief.recipe.hash()[:12]}"
    )


def _graded_by(folder: Path, setup: Setup) -> tuple[str, str]:
    return setup.standard, setup.edition


def _headline(name: str, group: Symbols, stories: Sequence[Story], places: Mapping[int, Trend]) -> Iterator[Block]:
    before = f"{name}: " if name else ""
    alone = {place: trend for place, trend in places.items() if trend.worse and trend.changed}
    if alone:
        fell = tuple(
            f"place {place}: overall grade {trend.course.before:.1f} to {trend.course.after:.1f}" for place, trend in alone.items()
        )
        yield Callout(f"{before}the print got worse at {len(alone)} of {len(places)} places of the tray", fell, Tone.BAD)
    if not stories and not alone:
        few = len(group) < LEAST_VALUES
        verdict = "too few graded symbols to speak of a trend" if few else "steady: no measure steps or drifts"
        yield Callout(f"{before}{verdict}", (), Tone.PLAIN if few else Tone.GOOD)
    for story in stories:
        yield Callout(f"{before}{story.title}", (*story.lines, *_action(story)), Tone.BAD if story.worse else Tone.PLAIN)


def _action(story: Story) -> tuple[str, ...]:
    return (CAUSES[story.cause],) if story.cause in CAUSES else ()


def _overview(brief: Brief, summary: Summary) -> Block:
    share = f" ({summary.read / summary.symbols:.1%})" if summary.symbols else ""
    pairs = [
        ("frames", f"{summary.frames} from {len(brief.sources)} source{'s' if len(brief.sources) > 1 else ''}"),
        ("symbols found", f"{summary.symbols}, read {summary.read}{share}"),
        ("verdict", f"{summary.accepted} good, {summary.rejected} rejected at a limit of {brief.recipe.grade_min:g}"),
    ]
    if summary.reasons:
        pairs.append(("reasons", ", ".join(f"{reason} {count}" for reason, count in summary.reasons.most_common())))
    if summary.unreadable:
        pairs.append(("could not be read", f"{len(summary.unreadable)} frames, listed below"))
    return Facts(tuple(pairs))


def _letters(summary: Summary) -> Iterator[Block]:
    total = sum(summary.letters.values())
    if total:
        shares = tuple(f"{summary.letters[letter]} ({summary.letters[letter] / total:.1%})" for letter in LETTERS)
        yield Table(tuple(f"grade {letter}" for letter in LETTERS), (shares,))


def _chapter(
    name: str, group: Symbols, trends: Sequence[Trend], stories: Sequence[Story], places: Mapping[int, Trend], grade_min: float
) -> Iterator[Block]:
    yield Heading(f"How the packs are{f': {name}' if name else ''}")
    if not len(group):
        yield Paragraph("No symbol was graded.", Tone.MUTED)
        return
    graded = [(key, group.grades[key]) for key in ("overall", *PARAMETERS) if not np.isnan(group.grades[key]).all()]
    yield Figure(pictures.grade_bars(graded, grade_min), "Share of symbols at each grade, per parameter")
    yield Heading("Over time", 2)
    yield Figure(pictures.over_time(group, grade_min), "Overall grade over the symbols in order, and the share below the limit")
    if np.isfinite(group.x).any():
        yield Heading("Over the frame", 2)
        yield Figure(pictures.over_position(group), "Mean overall grade by position in the frame", width=0.62)
    yield from _places(group, places, grade_min)
    shown = [trend for trend in trends if trend.course.kind != "few"]
    if not shown:
        yield Paragraph(f"Fewer than {LEAST_VALUES} graded symbols: no trends.", Tone.MUTED)
        return
    yield Heading("Trends", 2)
    yield _trend_table(shown)
    for story in stories:
        if story.where is not None:
            yield Figure(
                pictures.profile(story.where),
                story.title,
                f"{story.title}. Margin: modulation, negative where the colour is wrong.",
            )
    yield Paragraph(MEASURE_WORDS, Tone.MUTED)
    yield Paragraph(pictures.CHART_WORDS, Tone.MUTED)
    charts = [Figure(pictures.control_chart(trend), f"{trend.measure.label}: {_course_words(trend)}") for trend in shown]
    for first in range(0, len(charts), 2):
        pair = charts[first : first + 2]
        yield Beside((*pair, *([Paragraph("")] if len(pair) == 1 else [])), (1.0, 1.0))


def _trend_table(trends: Sequence[Trend]) -> Table:
    rows: list[tuple[Cell | str, ...]] = []
    for trend in trends:
        course, digits = trend.course, trend.measure.digits
        tone = Tone.BAD if trend.worse else Tone.GOOD if trend.changed else Tone.MUTED
        limit = "" if trend.limit is None else f"{trend.limit:g}"
        level = f"{course.before:.{digits}f}" if not trend.changed else f"{course.before:.{digits}f} to {course.after:.{digits}f}"
        beyond = f"{course.outside} of {len(course.mean)}"
        rows.append((trend.measure.label, level, Cell(_course_words(trend), tone), limit, beyond))
    columns = ("measure", "level", "course", "limit", "means beyond control limits")
    return Table(columns, tuple(rows), right=(3, 4), shares=(0, 0, 1, 0, 0))


def _course_words(trend: Trend) -> str:
    course = trend.course
    if course.kind == "step":
        more = f" and {len(course.steps) - 1} more" if len(course.steps) > 1 else ""
        return f"steps at symbol {course.at}{more}"
    if course.kind == "drift":
        words = f"drifts {_since(course.at)}, {course.slope * 1000:+.{trend.measure.digits + 1}f} per 1000"
        return words + (f"; limit after {course.crosses[0]:.0f}" if course.crosses else "")
    return "steady"


def _place_trends(group: Symbols, grade_min: float) -> dict[int, Trend]:
    """The course of the overall grade at each place of a tray; none where no line recorded places."""
    measure, grades = MEASURES["overall"], group.values["overall"]
    return {
        int(place): Trend(measure, course_of(grades[group.place == place], measure.least, grade_min, measure.worse), grade_min)
        for place in np.unique(group.place)
        if place
    }


def _places(group: Symbols, trends: Mapping[int, Trend], grade_min: float) -> Iterator[Block]:
    """The overall grade at each place of a tray, and its course: a cavity or nozzle of its own may drift alone."""
    if not trends:
        return
    rows: list[tuple[Cell | str, ...]] = []
    for place, trend in trends.items():
        grades = group.values["overall"][group.place == place]
        below = int((np.round(grades, 1) < grade_min).sum())
        tone = Tone.BAD if trend.worse else Tone.GOOD if trend.changed else Tone.MUTED
        level = f"{grades.mean():.1f}"
        if trend.changed:
            level = f"{trend.course.before:.1f} to {trend.course.after:.1f}"
        words = _course_words(trend) if trend.course.kind != "few" else "too few to tell"
        rows.append((str(place), str(len(grades)), level, str(below), Cell(words, tone)))
    yield Heading("By place of the tray", 2)
    columns = ("place", "symbols", "overall grade", f"below {grade_min:g}", "course, in trays with a symbol there")
    yield Table(columns, tuple(rows), right=(0, 1, 2, 3), shares=(0, 0, 0, 0, 1))


def _since(at: int) -> str:
    return f"from symbol {at} on" if at else "from the first symbol on"


def _comparison(names: Sequence[str], groups: Sequence[Symbols], setup: Setup, grade_min: float) -> Iterator[Block]:
    found = beside(groups)
    yield Heading("The sources beside each other")
    differing = [row for row in found if row.differs]
    if differing:
        yield Callout("They differ", tuple(_difference(row, names) for row in differing), Tone.WARN)
    elif found:
        yield Callout("No difference worth a word", (), Tone.GOOD)
    columns = ("measure", *names)
    rows: list[tuple[Cell | str, ...]] = []
    for row in found:
        digits = row.measure.digits
        cells = [f"{mean:.{digits}f} ± {deviation:.{digits}f}" for mean, deviation in zip(row.means, row.deviations, strict=True)]
        rows.append((Cell(row.measure.label, Tone.WARN if row.differs else Tone.PLAIN), *cells))
    yield Table(columns, tuple(rows), caption="mean ± standard deviation of single symbols")
    for first in range(0, len(differing), 2):
        pair: list[Block] = []
        for row in differing[first : first + 2]:
            limit = limit_of(row.measure, setup.standard, setup.edition, grade_min)
            series = [(_short(name), group.values[row.measure.name]) for name, group in zip(names, groups, strict=True)]
            pair.append(Figure(pictures.side_by_side(series, row.measure.label, limit), _difference(row, names)))
        yield Beside((*pair, *([Paragraph("")] if len(pair) == 1 else [])), (1.0, 1.0))


def _difference(row: Difference, names: Sequence[str]) -> str:
    low, high = int(np.argmin(row.means)), int(np.argmax(row.means))
    gap = f"{row.means[high] - row.means[low]:.{row.measure.digits}f}"
    return f"{row.measure.label}: {_short(names[high])} is {gap} higher than {_short(names[low])}"


def _short(label: str) -> str:
    return label if len(label) <= 24 else f"...{label[-21:]}"


def _setup_words(setup: Setup) -> str:
    return f"ISO/IEC {setup.standard}:{setup.edition}, aperture {setup.aperture}"


def _regrading(brief: Brief, found: Regrading) -> Iterator[Block]:
    assert brief.regrade is not None
    yield Heading("The same frames graded otherwise")
    old, new = brief.recipe, brief.regrade
    yield Facts(
        (
            ("before", f"{_setup_words(old.setup)}, limit {old.grade_min:g}"),
            ("other", f"{_setup_words(new.setup)}, limit {new.grade_min:g}"),
        )
    )
    lost, won = found.counts[True, False], found.counts[False, True]
    tone = Tone.GOOD if not lost + won else Tone.WARN
    yield Callout(f"{lost + won} of {sum(found.counts.values())} frames change their verdict", (), tone)
    words = {True: "good", False: "rejected"}
    rows = [(words[before], *(str(found.counts[before, after]) for after in (True, False))) for before in (True, False)]
    yield Table(("before", "good by the other", "rejected by the other"), tuple(rows), right=(1, 2))
    if found.missing:
        yield Paragraph(f"{found.missing} frames have no image to grade anew.", Tone.MUTED)
    if found.changed:
        names = [source.label for source in brief.sources]
        changes = []
        for change in found.changed[:CHANGED_MOST]:
            where = change.name if len(names) == 1 else f"{_short(names[change.source])}: {change.name}"
            verdict = "good to rejected" if change.accept else "rejected to good"
            grades = " to ".join("-" if grade is None else f"{grade:.1f}" for grade in change.grades)
            changes.append((where, Cell(change.text, code=True), verdict, grades, " ".join(change.reasons)))
        more = f" (the first {CHANGED_MOST} of {len(found.changed)})" if len(found.changed) > CHANGED_MOST else ""
        columns = ("frame", "content", "verdict", "lowest grade", "reasons")
        yield Table(columns, tuple(changes), caption=f"packs that change{more}", shares=(0, 1, 0, 0, 0))


def _verification(found: verifier.Verification) -> Iterator[Block]:
    yield Heading("In-line against the verifier")
    yield Facts((("contents in both", str(found.paired)), ("only at the verifier", str(len(found.unpaired)))))
    rows = []
    for one in found.agreements:
        name = one.name.replace("_", " ")
        cells = (f"{round(one.bias, 3) + 0.0:+.3f}", f"± {one.spread:.3f}", f"{one.largest:.3f}")
        rows.append((name, str(len(one.pairs)), *cells))
    columns = ("number", "pairs", "bias (in-line less verifier)", "95 % of differences", "largest")
    yield Table(columns, tuple(rows), right=(1, 2, 3, 4))
    charts = [
        Figure(pictures.agreement(one.pairs, one.name.replace("_", " "), one.bias, one.spread), f"{one.name}: difference over mean")
        for one in found.agreements[:PAIRS_MOST]
    ]
    for first in range(0, len(charts), 2):
        pair = charts[first : first + 2]
        yield Beside((*pair, *([Paragraph("")] if len(pair) == 1 else [])), (1.0, 1.0))
    yield Paragraph("Red: the bias. Shaded: where 95 % of the differences lie (Bland and Altman).", Tone.MUTED)
    if found.unpaired:
        yield Paragraph(
            f"Only at the verifier: {', '.join(found.unpaired[:20])}{' ...' if len(found.unpaired) > 20 else ''}", Tone.MUTED
        )
    if found.unused:
        yield Paragraph(f"Columns not used: {', '.join(found.unused)}", Tone.MUTED)


def _unreadable(summary: Summary) -> Iterator[Block]:
    if not summary.unreadable:
        return
    yield Heading("Frames that could not be read")
    rows = tuple((name, words) for name, words in summary.unreadable[:UNREADABLE_MOST])
    more = len(summary.unreadable) - len(rows)
    yield Table(("frame", "why"), rows, caption=f"the first {len(rows)}; {more} more are in the dataset" if more else "")


def _basis(brief: Brief) -> Iterator[Block]:
    setup = brief.recipe.setup
    yield Heading("What this rests on")
    scale = "unknown: apertures are shares of the module" if setup.mm_per_px is None else f"{setup.mm_per_px:g} mm per pixel"
    if setup.calibrated:
        reflectance = "calibrated, a conformance card's check is on file"
    elif setup.uncalibrated:
        reflectance = "uncalibrated: grey / 255 stands for reflectance"
    else:
        reflectance = f"grey {setup.white:g} is 100 %, grey {setup.black:g} is 0 %"
    yield Facts(
        (
            ("grading", f"{_setup_words(setup)}; in-line grades of single images, not a verification"),
            ("scale", scale),
            ("reflectance", reflectance),
            ("light", f"{setup.wavelength_nm} nm, {setup.angle_deg} degrees"),
            ("order", "none" if brief.recipe.order is None else brief.recipe.order.order),
            ("software", f"packline-vision {VERSION}"),
            ("recipe", brief.recipe.hash()),
            ("audit", brief.digest()),
        )
    )
    items = []
    for source in brief.sources:
        how = {"images": "images", "recording": "recorded frames", "batch": "rows as the line recorded them"}[source.kind]
        items.append(f"{source.label}: {len(source.names)} {how}")
    yield Bullets(tuple(items))
