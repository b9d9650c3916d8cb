"""The table [station.recipe.layout] of a line file: the places of a tray, as a grid or one by one."""

from __future__ import annotations

from vision.config.section import ConfigError, Section, printable
from vision.verdict.layout import Layout, grid_places

_GRID = ("rows", "columns", "x_px", "y_px", "pitch_x_px", "pitch_y_px")
_PLACES = "a list of pairs [x, y] in pixels"


def layout_config(section: Section) -> Layout:
    """The layout, checked. Raises ConfigError naming file and key."""
    if section.has("places"):
        section.refuse(_GRID, "the places are given one by one")
        given = section.value("places", _PLACES, [])
        if not isinstance(given, list) or not all(map(_is_place, given)):
            raise section.wrong("places", _PLACES)
        places = tuple((float(x), float(y)) for x, y in given)
    else:
        rows, columns = section.count("rows", 1, 64), section.count("columns", 1, 64)
        corner = section.number("x_px", 0.0, 1e5), section.number("y_px", 0.0, 1e5)
        pitch = tuple(
            section.number(key, 1.0, 1e5) if count > 1 or section.has(key) else 0.0
            for key, count in (("pitch_x_px", columns), ("pitch_y_px", rows))
        )
        places = grid_places(rows, columns, *corner, *pitch)
    tolerance = section.number("tolerance_px", 0.1, 1e5)
    shift, rotation = section.number("shift_px", 0.0, 1e5, 0.0), section.number("rotation_deg", 0.0, 30.0, 0.0)
    section.finish()
    try:
        return Layout(places, tolerance, shift, rotation)
    except ValueError as error:
        raise ConfigError(f"{section.path}: {section.name} {printable(str(error))}") from None


def _is_place(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(number) in (int, float) for number in value)
