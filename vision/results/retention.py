"""Until when the record of a batch must be kept (EU 2016/161): the longer of expiry + 1 year and release + 5 years."""

from __future__ import annotations

import calendar
from datetime import date


def expiry_date(yymmdd: str, today: date) -> date:
    """The day of an expiry as printed; day 00 is the last of its month. The century is the nearest (GS1 General Specifications
    7.12).

    Raises ValueError for what is no date.
    """
    if len(yymmdd) != 6 or not (yymmdd.isascii() and yymmdd.isdigit()):
        raise ValueError(f"{yymmdd!a} is no date YYMMDD")
    difference = int(yymmdd[:2]) - today.year % 100
    century = today.year // 100 + (1 if difference <= -50 else -1 if difference >= 51 else 0)
    year, month = century * 100 + int(yymmdd[:2]), int(yymmdd[2:4])
    return date(year, month, int(yymmdd[4:]) or calendar.monthrange(year, month)[1])


def retain_until(expiry: str, released: date) -> date:
    """The last day on which the record must be there. expiry: YYMMDD as printed. released: the day of release, or of the end."""
    return max(_years_after(expiry_date(expiry, released), 1), _years_after(released, 5))


def _years_after(day: date, years: int) -> date:
    last = calendar.monthrange(day.year + years, day.month)[1]
    return day.replace(year=day.year + years, day=min(day.day, last))
