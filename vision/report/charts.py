"""Pictures of a report: matplotlib figures in one style, as SVG whose letters are outlines and whose bytes repeat.

Nothing here knows what is drawn. A figure is made with `new_figure`, drawn on with matplotlib's own methods under `style()`, and
turned into SVG by `to_svg`. Texts from outside go through `writer.printable` first: matplotlib draws no control characters.
Colours: `INK` for lines and letters, `SOFT` for what stands back, `SERIES` for data in their order, `TONES` by tone.
"""

from __future__ import annotations

import io
from typing import Any

from vision.report.document import Tone

INK, SOFT, RULE = "#1a1d21", "#5c6670", "#d9dee3"
SERIES = ("#1f5fa8", "#c2571a", "#2f7d5b", "#7a4fa3", "#8a6d1d", "#5c6670")
TONES = {Tone.PLAIN: SERIES[0], Tone.GOOD: "#1b7f4b", Tone.WARN: "#c98500", Tone.BAD: "#b3261e", Tone.MUTED: SOFT}

_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 8.0,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.0,
    "axes.titleweight": "bold",
    "grid.color": RULE,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "svg.fonttype": "path",
    "svg.hashsalt": "vision",
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a serial is a dollar sign
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
}


def new_figure(width_mm: float = 170.0, height_mm: float = 60.0) -> Any:
    """An empty matplotlib Figure in the style of the reports; no window and no global state."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        return Figure(figsize=(width_mm / 25.4, height_mm / 25.4), layout="constrained")


def to_svg(figure: Any) -> str:
    """The figure as an SVG document; axes must have been added under `style()`."""
    from matplotlib import rc_context

    out = io.StringIO()
    with rc_context(_STYLE):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = out.getvalue()
    return text[text.index("<svg") :]


def style() -> Any:
    """Context in which axes are made and drawn on: `with style(): axes = figure.subplots()`."""
    from matplotlib import rc_context

    return rc_context(_STYLE)
