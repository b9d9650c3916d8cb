"""Symbols whose data are printed paler than their finder: what is dark is told within the greys of the data."""

from __future__ import annotations

import numpy as np

from vision.decode.placement import placement
from vision.decode.sample import Greys, judged
from vision.decode.symbol_sizes import SymbolSize
from vision.types import Modules

ONE_COLOUR = 0.2
"""Share of a symbol's data modules up to which those of one colour are too few: codewords have half of each."""


def two_inks(greys: Greys, size: SymbolSize) -> Modules | None:
    """The modules judged within the greys of the data; None where the data, judged as always, have both colours.

    greys: of the modules with the ring around, (rows + 2, columns + 2) float32. Beside a finder in black, data in light grey are
    all light.
    """
    data = ~placement(size).finder
    if ONE_COLOUR < float(judged(greys, 0.0).bits[data].mean()) < 1 - ONE_COLOUR:
        return None
    low, high = np.percentile(greys[1:-1, 1:-1][data], (1, 99)).astype(np.float32)
    return judged(np.clip(greys, low, high), 0.0)
