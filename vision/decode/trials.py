"""What was tried in a frame and why it failed, so that a bad set-up can be mended: noted on the way, sorted out where asked."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kernels.quads import overlapping
from vision.decode.finders import Candidate
from vision.decode.regions import Region, quads_of
from vision.decode.views import View
from vision.types import Failure, Symbol, Trial

TOLD = 8
"""Places of a frame that are told at most."""

Quad = npt.NDArray[np.float64]


class Trials:
    """The notes of one frame: regions looked into and candidates that were not read, each with the view it was seen in.

    looks: (view, regions) in the order searched. failed: (view, candidate, its symbol where a grid was fitted, why).
    """

    def __init__(self) -> None:
        self.looks: list[tuple[View, list[Region]]] = []
        self.failed: list[tuple[View, Candidate, Symbol | None, Failure]] = []

    def looking(self, view: View) -> list[Region]:
        """A list for the regions of a view that is searched now."""
        regions: list[Region] = []
        self.looks.append((view, regions))
        return regions

    def told(self, shape: tuple[int, ...], read: Sequence[Quad], most: int = TOLD) -> tuple[Trial, ...]:
        """The places where nothing was read, each with the trial that came farthest, these first; where no L was found last.

        shape: (height, width) of the frame. read: corners (4, 2) of the symbols that were read: what lies on them is not told.
        """
        order = sorted(self.failed, key=lambda entry: (-_STEP[entry[3]], -entry[1].score))
        kept: list[Trial] = []
        for view, candidate, symbol, failure in order:
            if len(kept) == most:
                return tuple(kept)
            corners = view.to_picture(candidate.quad if symbol is None else symbol.corners[[0, 3, 2, 1]])
            if not _known(corners, kept, read):
                size = (candidate.rows, candidate.columns) if symbol is None else (symbol.rows, symbol.columns)
                kept.append(Trial(failure, corners, *size, candidate.inverted, candidate.score, view.name))
        for view, regions in self.looks:
            for region in regions if not view.name else []:  # other views show the same places once more
                if len(kept) == most:
                    return tuple(kept)
                corners = view.to_picture(region_corners(region))
                if not _known(corners, kept, read):
                    kept.append(Trial(Failure.NO_L, corners))
        if not kept and not read:
            height, width = shape
            kept.append(
                Trial(Failure.NO_L, np.array(((0, height - 1), (width - 1, height - 1), (width - 1, 0), (0, 0)), np.float64))
            )
        return tuple(kept)


_STEP = {failure: step for step, failure in enumerate(Failure)}


def region_corners(region: Region) -> Quad:
    """The corners (4, 2) of a region, in order around."""
    cosine, sine = math.cos(region.angle), math.sin(region.angle)
    along = np.array((cosine, sine)) * region.width / 2
    across = np.array((-sine, cosine)) * region.height / 2
    return np.array((region.x, region.y)) + np.array((across - along, along + across, along - across, -along - across))


def _known(corners: Quad, kept: Sequence[Trial], read: Sequence[Quad]) -> bool:
    """Whether a place lies on one of those kept or read, or the other way round."""
    return bool(overlapping(quads_of([corners]), quads_of([*(trial.corners for trial in kept), *read])))
