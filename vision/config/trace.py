"""The table [trace] of a line file: company prefixes, the place, and the levels of packaging."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from vision.config.records import LevelConfig, TraceConfig
from vision.config.section import NAME, Section
from vision.content.gs1_rules import check_digit

_PREFIXES = "a list of GS1 company prefixes, 6 to 12 digits each, none twice"
_LEVELS = "a list of tables with name, capacity and mixed_lots, the smallest container first"


def trace_config(section: Section) -> TraceConfig:
    """The table, checked; every key may be left out. Raises ConfigError naming file and key."""
    prefixes = section.value("company_prefixes", _PREFIXES, [])
    if not isinstance(prefixes, list) or not all(isinstance(p, str) and re.fullmatch("[0-9]{6,12}", p) for p in prefixes):
        raise section.wrong("company_prefixes", _PREFIXES)
    if len(set(prefixes)) < len(prefixes):
        raise section.wrong("company_prefixes", _PREFIXES)
    gln = section.text("gln", "a GLN of 13 digits", "[0-9]{13}", "")
    if gln and check_digit(gln[:-1]) != gln[-1]:
        raise section.wrong("gln", f"check digit {check_digit(gln[:-1])}")
    if gln and not any(gln.startswith(prefix) for prefix in prefixes):
        raise section.wrong("gln", "one that begins with one of company_prefixes")
    time_zone = section.text("time_zone", "a time zone such as Europe/Berlin", default="UTC")
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise section.wrong("time_zone", "a time zone such as Europe/Berlin") from None
    levels = section.value("levels", _LEVELS, [])
    if not isinstance(levels, list) or len(levels) > 8:
        raise section.wrong("levels", _LEVELS)
    config = TraceConfig(tuple(prefixes), gln, time_zone, tuple(_level(section, n, table) for n, table in enumerate(levels, 1)))
    if len({level.name for level in config.levels}) < len(levels):
        raise section.wrong("levels", "another name for each level")
    section.finish()
    return config


def _level(parent: Section, number: int, table: Any) -> LevelConfig:
    section = Section(parent.path, f"[trace.levels {number}]", table)
    level = LevelConfig(
        name=section.text("name", "1 to 40 letters, digits, - or _", NAME.pattern),
        capacity=section.count("capacity", 1, 100_000),
        mixed_lots=section.flag("mixed_lots", False),
    )
    section.finish()
    return level
