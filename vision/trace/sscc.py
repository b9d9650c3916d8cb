"""SSCC ranges: from a file, checked whole, and the numbers they hold. Which are used up is the aggregation journal's to know."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from vision.content.gs1_rules import check_digit
from vision.trace.identifiers import prefix_holds

COLUMNS = ("company_prefix", "extension", "first", "last")
_EXPECTED = "company_prefix,extension,first,last"


class RangeError(Exception):
    """One line: which file, which row, and which rule it breaks."""


class SsccRange(NamedTuple):
    """Serial references first to last, both included, behind an extension digit and a company prefix.

    The reference fills the SSCC up to 17 digits; the check digit follows (GS1 General Specifications 3.2).
    """

    company_prefix: str
    extension: int
    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1

    def sscc(self, index: int) -> str:
        """The SSCC of the index-th number of the range, 18 digits."""
        reference = f"{self.first + index:0{16 - len(self.company_prefix)}d}"
        digits = f"{self.extension}{self.company_prefix}{reference}"
        return digits + check_digit(digits)

    def span(self) -> tuple[int, int]:
        """First and last of its SSCCs without check digit, as numbers: ranges of any prefixes overlap where these do."""
        return int(self.sscc(0)[:-1]), int(self.sscc(self.size - 1)[:-1])


def overlaps(one: SsccRange, other: SsccRange) -> bool:
    (first, last), (other_first, other_last) = one.span(), other.span()
    return first <= other_last and other_first <= last


def load_ranges(path: str | Path, company_prefixes: Sequence[str], loaded: Sequence[SsccRange] = ()) -> list[SsccRange]:
    """Reads a CSV file with a heading `company_prefix,extension,first,last` and one range per row.

    company_prefixes: those of the line file; no other may be used. loaded: ranges known before; each number is given once in its
    life. Raises RangeError in one line that names file, row and rule; nothing counts then.
    """
    path = Path(path)
    ranges: list[SsccRange] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            for number, row in enumerate(csv.reader(stream, strict=True), start=1):
                if number == 1:
                    if tuple(cell.strip() for cell in row) != COLUMNS:
                        raise RangeError(f"{path}: row 1: {_shown(','.join(row))}, expected the heading {_EXPECTED}")
                elif row:
                    try:
                        ranges.append(_range(row, company_prefixes, [*loaded, *ranges]))
                    except ValueError as error:
                        raise RangeError(f"{path}: row {number}: {error}") from None
    except OSError as error:
        raise RangeError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise RangeError(f"{path}: is not UTF-8 text") from None
    except csv.Error as error:
        raise RangeError(f"{path}: is not CSV: {error}") from None
    if not ranges:
        raise RangeError(f"{path}: has no range, expected one per row below {_EXPECTED}")
    return ranges


def _range(row: Sequence[str], company_prefixes: Sequence[str], former: Sequence[SsccRange]) -> SsccRange:
    if len(row) != len(COLUMNS):
        raise ValueError(f"{len(row)} columns, expected {len(COLUMNS)}: {_EXPECTED}")
    prefix, extension, first, last = (cell.strip() for cell in row)
    if not prefix_holds(prefix):
        raise ValueError(f"company_prefix: {_shown(prefix)}, expected 6 to 12 digits")
    if prefix not in company_prefixes:
        known = ", ".join(company_prefixes) or "none"
        raise ValueError(f"company_prefix: {prefix}, expected one of the line file's [trace] company_prefixes ({known})")
    if re.fullmatch("[0-9]", extension) is None:
        raise ValueError(f"extension: {_shown(extension)}, expected one digit")
    digits = 16 - len(prefix)
    for name, value in (("first", first), ("last", last)):
        if re.fullmatch(f"[0-9]{{1,{digits}}}", value) is None:
            raise ValueError(f"{name}: {_shown(value)}, expected a serial reference of at most {digits} digits")
    found = SsccRange(prefix, int(extension), int(first), int(last))
    if found.last < found.first:
        raise ValueError(f"last: {last}, expected {first} or more")
    for other in former:
        if overlaps(found, other):
            raise ValueError(
                f"{first} to {last}: overlaps the range {other.first} to {other.last} of prefix {other.company_prefix}; "
                "an SSCC is used once"
            )
    return found


def _shown(text: str) -> str:
    quoted = ascii(text)
    return quoted if len(quoted) <= 48 else quoted[:45] + "..."
