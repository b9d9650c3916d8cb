"""The ECC 200 symbol sizes as data: ISO/IEC 16022 (24 square, 6 rectangular) and ISO/IEC 21471 (18 rectangular extensions).

Where the bits of the codewords lie inside a size is in placement.py.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SymbolSize:
    """One row of the table.

    rows, columns: modules, finder included. region_rows, region_columns: how many data regions there are, down and across.
    data, check: codewords of the whole symbol. blocks: interleaved Reed-Solomon blocks.
    """

    rows: int
    columns: int
    region_rows: int
    region_columns: int
    data: int
    check: int
    blocks: int

    @property
    def total(self) -> int:
        """Codewords of the whole symbol."""
        return self.data + self.check

    @property
    def check_per_block(self) -> int:
        return self.check // self.blocks

    @property
    def mapping_rows(self) -> int:
        """Rows of the mapping matrix: the symbol without finders and clock tracks."""
        return self.rows - 2 * self.region_rows

    @property
    def mapping_columns(self) -> int:
        return self.columns - 2 * self.region_columns

    @property
    def name(self) -> str:
        return f"{self.rows}x{self.columns}"


SQUARE = tuple(
    SymbolSize(side, side, regions, regions, data, check, blocks)
    for side, regions, data, check, blocks in (
        (10, 1, 3, 5, 1),
        (12, 1, 5, 7, 1),
        (14, 1, 8, 10, 1),
        (16, 1, 12, 12, 1),
        (18, 1, 18, 14, 1),
        (20, 1, 22, 18, 1),
        (22, 1, 30, 20, 1),
        (24, 1, 36, 24, 1),
        (26, 1, 44, 28, 1),
        (32, 2, 62, 36, 1),
        (36, 2, 86, 42, 1),
        (40, 2, 114, 48, 1),
        (44, 2, 144, 56, 1),
        (48, 2, 174, 68, 1),
        (52, 2, 204, 84, 2),
        (64, 4, 280, 112, 2),
        (72, 4, 368, 144, 4),
        (80, 4, 456, 192, 4),
        (88, 4, 576, 224, 4),
        (96, 4, 696, 272, 4),
        (104, 4, 816, 336, 6),
        (120, 6, 1050, 408, 6),
        (132, 6, 1304, 496, 8),
        (144, 6, 1558, 620, 10),
    )
)

RECTANGULAR = tuple(
    SymbolSize(rows, columns, 1, regions, data, check, 1)
    for rows, columns, regions, data, check in (
        (8, 18, 1, 5, 7),
        (8, 32, 2, 10, 11),
        (12, 26, 1, 16, 14),
        (12, 36, 2, 22, 18),
        (16, 36, 2, 32, 24),
        (16, 48, 2, 49, 28),
    )
)

EXTENDED = tuple(
    SymbolSize(rows, columns, 1, regions, data, check, 1)
    for rows, columns, regions, data, check in (
        (8, 48, 2, 18, 15),
        (8, 64, 4, 24, 18),
        (8, 80, 4, 32, 22),
        (8, 96, 4, 38, 28),
        (8, 120, 6, 49, 32),
        (8, 144, 6, 63, 36),
        (12, 64, 4, 43, 27),
        (12, 88, 4, 64, 36),
        (16, 64, 4, 62, 36),
        (20, 36, 2, 44, 28),
        (20, 44, 2, 56, 34),
        (20, 64, 4, 84, 42),
        (22, 48, 2, 72, 38),
        (24, 48, 2, 80, 41),
        (24, 64, 4, 108, 46),
        (26, 40, 2, 70, 38),
        (26, 48, 2, 90, 42),
        (26, 64, 4, 118, 50),
    )
)

SIZES = SQUARE + RECTANGULAR + EXTENDED

_BY_SHAPE = {(size.rows, size.columns): size for size in SIZES}


def size_of(rows: int, columns: int) -> SymbolSize | None:
    """The symbol size with these modules, or None where the standards know none."""
    return _BY_SHAPE.get((rows, columns))
