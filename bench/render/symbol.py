"""Content to module matrix, by a foreign encoder (zint). What lives here says nothing about ink or pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import zint

Modules = npt.NDArray[np.uint8]
"""(rows, columns), 1 = dark, without quiet zone."""

GS = "\x1d"
_FIXED_LENGTH = {"01", "11", "15", "17"}
"""Elements that need no separator behind them (GS1 General Specifications, predefined length)."""

_SQUARES = (10, 12, 14, 16, 18, 20, 22, 24, 26, 32, 36, 40, 44, 48, 52, 64, 72, 80, 88, 96, 104, 120, 132, 144)
_RECTANGLES = ("8x18", "8x32", "12x26", "12x36", "16x36", "16x48")
SIZES = tuple(f"{side}x{side}" for side in _SQUARES) + _RECTANGLES
"""Rows x columns of ECC 200, in the order of zint's size numbers (1-30)."""


class SymbolError(Exception):
    """The content does not go into a symbol of the size asked for."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a symbol says: elements as printed, or plain text without FNC1 where `plain` is set."""

    elements: tuple[tuple[str, str], ...]
    plain: bool = False

    @property
    def text(self) -> str:
        """The payload as a reader gives it: element strings one behind the other, 0x1D after those of variable length."""
        parts = []
        for position, (identifier, value) in enumerate(self.elements):
            last = position == len(self.elements) - 1
            parts.append(identifier + value + ("" if last or identifier in _FIXED_LENGTH else GS))
        return "".join(parts)


def module_matrix(content: Content, size: str) -> Modules:
    """The modules of one symbol, (rows, columns) uint8, 1 = dark; `size` is one of SIZES. SymbolError where it is too small."""
    symbol = zint.Symbol()
    symbol.symbology = zint.Symbology.DATAMATRIX
    symbol.option_2 = SIZES.index(size) + 1
    data = content.text
    if not content.plain:
        symbol.input_mode = zint.InputMode.GS1 | zint.InputMode.GS1NOCHECK | zint.InputMode.GS1PARENS
        data = "".join(f"({identifier}){value}" for identifier, value in content.elements)
    return _encode(symbol, data)


def linear_bars(digits: str) -> Modules:
    """An EAN-13 as one row of modules, (1, modules) uint8, for the artwork around the code; 12 digits, check digit added."""
    symbol = zint.Symbol()
    symbol.symbology = zint.Symbology.EANX
    return _encode(symbol, digits)[:1]


def _encode(symbol: zint.Symbol, data: str) -> Modules:
    try:
        symbol.encode(data)
    except Exception as error:
        raise SymbolError(f"{data!r}: {error}") from None
    packed = np.asarray(symbol.encoded_data)
    return np.ascontiguousarray(np.unpackbits(packed, axis=1, bitorder="little")[: symbol.rows, : symbol.width])


def check_digit(digits: str) -> str:
    """The modulo 10 check digit behind `digits` (weights 3, 1 from the right; GS1 General Specifications)."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)
