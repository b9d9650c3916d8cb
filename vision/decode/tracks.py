"""Clock tracks along curved sides: where, along each dashed side, columns and rows begin and end, whatever their pitch."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vision.types import Pixels

LINES = 6
"""Lines along a dashed side whose mean is taken, in the middle of its depth."""

END_APART = 0.25
"""Logarithm of the ratio by which the last module of a track may be longer or shorter than those before it foretell."""

SWING = 0.3
"""Share of a track's swing of grey (5 to 95 % quantile) that each of its modules must show against its neighbours."""

RUNS_APART = 2.4
"""Ratio of the lengths of neighbouring modules of a track above which it is none."""

FARTHEST = 1e6
"""Pixels from a picture's origin beyond which a module corner is nonsense."""

SMOOTH = 1.0
"""Standard deviation of the smoothing of a track, in its samples."""

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Bowed = Callable[[Floats, Floats], Floats]
"""Places (..., 2) of a patch from two coordinates in the unit square, from the upper left."""


@dataclass(frozen=True, slots=True, eq=False)
class SidesView:
    """A picture seen through the map of a symbol's curved sides. bowed: from the unit square into the patch. matrix: from there to
    the picture. samples: along a side.
    """

    picture: Pixels
    bowed: Bowed
    matrix: Floats
    inverted: bool
    samples: int

    def profile(self, right: bool, begin: float, end: float) -> Singles | None:
        """Mean greys along the upper side, or the right one, from its dark end, at depths of `begin` to `end` shares of the other
        side; None where they lie out of all bounds.
        """
        count = self.samples
        along, inward = np.meshgrid((np.arange(count) + 0.5) / count, np.linspace(begin, end, LINES))
        places = self.bowed(1 - inward, 1 - along) if right else self.bowed(along, inward)
        seen = cv2.perspectiveTransform(places.reshape(1, -1, 2), self.matrix).reshape(places.shape)
        if not np.abs(seen).max() < FARTHEST:
            return None
        x, y = seen.astype(np.float32).transpose(2, 0, 1)
        greys = cv2.remap(self.picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32).mean(axis=0)
        return np.asarray(cv2.GaussianBlur(255 - greys if self.inverted else greys, (1, 0), 0, sigmaY=SMOOTH).ravel(), np.float32)


def module_edges(view: SidesView, wide: float, tall: float) -> tuple[Floats, Floats] | None:
    """Where the columns begin and end along the upper side, and the rows up the right one, as shares of it; None where these do
    not alternate.

    wide, tall: of a module in the upper right corner, about, as shares.
    """
    spans, edges = [(0.0, tall), (0.0, wide)], [np.zeros(0), np.zeros(0)]
    for _ in range(3):
        for k in range(2):
            # The track is as deep as the last module of the other one is long.
            begin, end = spans[k]
            profile = view.profile(k == 1, begin + 0.3 * (end - begin), begin + 0.7 * (end - begin))
            found = _track(profile) if profile is not None else None
            if profile is None or found is None:
                return None
            edges[k] = found / profile.size
            spans[1 - k] = 1.0 - float(edges[k][-1]), 1.0 - float(edges[k][-2])
    return edges[0], edges[1]


def _track(profile: Singles) -> Floats | None:
    """Where the modules of a clock track begin and end: from its dark end to its light one; None where it does not alternate.

    profile: (SIDE,) its greys. The ends are those of the profile; what printed dots have grown is taken out.
    """
    low, high = np.percentile(profile, (5, 95))
    least = SWING * float(high - low)
    turns: list[int] = []  # the darkest and the lightest places, by turns
    best, sign = 0, 1.0
    for place in range(profile.size):
        change = sign * float(profile[place] - profile[best])
        if change < 0:
            best = place
        elif change > least:
            turns.append(best)
            best, sign = place, -sign
    turns.append(best)
    if len(turns) % 2 or len(turns) < 8:
        return None
    edges = [0.0]
    for before, after in itertools.pairwise(turns):
        level = 0.5 * float(profile[before] + profile[after])
        there = (profile[before : after + 1] - level) * np.sign(profile[after] - level)
        k = int((there >= 0).argmax())
        edges.append(before + k - float(there[k] / (there[k] - there[k - 1])) + 0.5)
    edges.append(float(profile.size))
    places = np.array(edges)
    # The inner edges stand to either side of where they should, by turns.
    middle = (places[:-2] + places[2:]) / 2 - places[1:-1]
    growth = float(np.median(middle * (1 - 2 * (np.arange(middle.size) % 2)))) / 2
    places[1:-1] += growth * (1 - 2 * (np.arange(middle.size) % 2))
    lengths = np.diff(places)
    if lengths[:-1].min() <= 1:
        return None
    # The far end is less sure than the edges within: half of it is light.
    length = min(max(2 * lengths[-2] - lengths[-3], lengths[-2] / 2), 2 * lengths[-2])
    if abs(np.log(max(lengths[-1], 0.1) / length)) > END_APART:
        places[-1] = places[-2] + length
        lengths[-1] = length
    if (np.abs(np.log(lengths[1:] / lengths[:-1])) > np.log(RUNS_APART)).any():
        return None
    return places
