"""Renders Data Matrix symbols whose grades are known by construction; shares no code with vision/ or kernels/.

The module matrix comes from a foreign encoder (zint). A picture is drawn by asking, for many points of every pixel, which module
they lie in: area-weighted anti-aliasing for any geometry.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import zint

Matrix = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Warp = Callable[[Floats, Floats], tuple[Floats, Floats]]

GOLDEN = (5**0.5 - 1) / 2
"""Steps of this share of a pixel fill it evenly, whatever their number."""

ZINT_OPTIONS = {
    (10, 10): 1, (12, 12): 2, (14, 14): 3, (16, 16): 4, (18, 18): 5, (20, 20): 6, (22, 22): 7, (24, 24): 8, (26, 26): 9,
    (32, 32): 10, (36, 36): 11, (40, 40): 12, (44, 44): 13, (48, 48): 14, (52, 52): 15, (64, 64): 16, (144, 144): 24,
    (8, 48): 31, (8, 64): 32, (8, 144): 36, (12, 64): 37, (16, 64): 39, (20, 36): 40, (24, 64): 45, (26, 40): 46, (26, 64): 48,
    (8, 18): 25, (8, 32): 26, (12, 26): 27, (12, 36): 28, (16, 36): 29, (16, 48): 30,
}  # fmt: skip
"""zint's number (option 2) of each symbol size, rows x columns."""


def matrix(size: tuple[int, int], text: str = "12345") -> Matrix:
    """The modules of a symbol, (rows, columns) uint8, 1 = dark, drawn by zint in the size asked for."""
    symbol = zint.Symbol()
    symbol.symbology = zint.Symbology.DATAMATRIX
    symbol.option_2 = ZINT_OPTIONS[size]
    symbol.show_text = False
    symbol.scale = 0.5  # one pixel per module
    symbol.encode(text)
    symbol.buffer()
    pixels = np.asarray(symbol.bitmap)
    dark = (pixels.reshape(pixels.shape[0], pixels.shape[1], -1)[..., 0] < 128).astype(np.uint8)
    assert dark.shape == size, (dark.shape, size)
    return dark


@dataclass
class Picture:
    """What to draw; build() gives the pixels.

    values: (rows + 2, columns + 2) grey of every module, the quiet-zone ring included; colours are decided before drawing.
    px_per_module: along x and y of the symbol. angle_deg: clockwise in the image. growth: finder colour is wider, in modules.
    printed: (rows, columns) 1 = printed in the finder's colour, where that is not `dark`: a wrong module grows as it was printed.
    lattice: the points of a pixel lie on a lattice of which no two share a row or column, so that an edge along the pixels comes
        out to 1 / samples^2 of a pixel and not to 1 / samples (0.02 X of grid nonuniformity at 0 and 90 degrees).
    warp: where a point of the ideal grid (u, v in modules) is printed, given as the inverse: printed -> ideal, in modules.
    """

    dark: Matrix
    values: Floats
    px_per_module: tuple[float, float] = (8.0, 8.0)
    angle_deg: float = 0.0
    mirrored: bool = False
    growth: tuple[float, float] = (0.0, 0.0)
    background: float = 230.0
    warp: Warp | None = None
    margin: float = 3.0
    shift: tuple[float, float] = (0.37, 0.19)
    blur_px: float = 0.0
    noise: float = 0.0
    seed: int = 1
    samples: int = 6
    printed: Matrix | None = None
    lattice: bool = False
    extra: list[tuple[float, float, float, float]] = field(default_factory=list)

    def _frame(self) -> tuple[int, Floats, Floats]:
        rows, columns = self.dark.shape
        reach = np.hypot((columns / 2 + self.margin) * self.px_per_module[0], (rows / 2 + self.margin) * self.px_per_module[1])
        side = int(np.ceil(2 * reach)) + 1
        angle = np.radians(self.angle_deg)
        axes = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        if self.mirrored:
            axes = axes @ np.array([[-1.0, 0.0], [0.0, 1.0]])
        centre = np.array([side / 2 + self.shift[0], side / 2 + self.shift[1]])
        return side, axes, centre

    def place(self, u: Floats, v: Floats) -> Floats:
        """Image x, y of printed points given in modules from the symbol's top-left corner."""
        rows, columns = self.dark.shape
        _, axes, centre = self._frame()
        local = np.stack(((u - columns / 2) * self.px_per_module[0], (v - rows / 2) * self.px_per_module[1]), axis=-1)
        return np.asarray(local @ axes.T + centre)

    def grid(self) -> Floats:
        """(rows + 1, columns + 1, 2): the ideal grid in the image, the warp left out, as a decoder's global fit would give it."""
        rows, columns = self.dark.shape
        v, u = np.mgrid[0 : rows + 1, 0 : columns + 1].astype(np.float64)
        return self.place(u, v)

    def build(self) -> npt.NDArray[np.uint8]:
        """The picture as a camera of 8 bits gives it."""
        return np.clip(np.floor(self.exact() + 0.5), 0, 255).astype(np.uint8)

    def exact(self) -> Floats:
        """The picture before it is rounded to grey levels."""
        rows, columns = self.dark.shape
        side, axes, centre = self._frame()
        points = [(dx, dy) for dy, dx in itertools.product((np.arange(self.samples) + 0.5) / self.samples - 0.5, repeat=2)]
        if self.lattice:
            count = self.samples**2
            points = [((k + 0.5) / count - 0.5, (k * GOLDEN % 1.0) - 0.5) for k in range(count)]
        picture = np.zeros((side, side))
        y, x = np.mgrid[0:side, 0:side].astype(np.float64)
        for dx, dy in points:
            # The inverse of a rotation (and mirror) is its transpose.
            local = (np.stack((x + dx, y + dy), axis=-1) - centre) @ axes
            u = local[..., 0] / self.px_per_module[0] + columns / 2
            v = local[..., 1] / self.px_per_module[1] + rows / 2
            picture += self._grey(u, v)
        picture /= self.samples**2
        if self.blur_px > 0:
            picture = gaussian(picture, self.blur_px)
        if self.noise > 0:
            picture += np.random.default_rng(self.seed).normal(0.0, self.noise, picture.shape)
        return picture

    def _grey(self, u: Floats, v: Floats) -> Floats:
        if self.warp is not None:
            u, v = self.warp(u, v)
        if self.growth != (0.0, 0.0):
            u, v = self._grown(u, v)
        rows, columns = self.dark.shape
        inside = (u >= -1) & (u < columns + 1) & (v >= -1) & (v < rows + 1)
        column = np.clip(np.floor(u).astype(int) + 1, 0, columns + 1)
        row = np.clip(np.floor(v).astype(int) + 1, 0, rows + 1)
        grey = np.where(inside, self.values[row, column], self.background)
        for cu, cv, radius, value in self.extra:
            grey = np.where((u - cu) ** 2 + (v - cv) ** 2 <= radius**2, value, grey)
        return np.asarray(grey)

    def _grown(self, u: Floats, v: Floats) -> tuple[Floats, Floats]:
        """Points within half the growth of a dark neighbour belong to it: moved over the boundary."""
        rows, columns = self.dark.shape
        ring = np.zeros((rows + 4, columns + 4), bool)
        ring[2:-2, 2:-2] = (self.dark if self.printed is None else self.printed).astype(bool)
        out = []
        for axis, (along, half) in enumerate(((u, self.growth[0] / 2), (v, self.growth[1] / 2))):
            column = np.clip(np.floor(u).astype(int) + 2, 1, columns + 2)
            row = np.clip(np.floor(v).astype(int) + 2, 1, rows + 2)
            mine = ring[row, column]
            part = along - np.floor(along)
            before = ring[row, column - 1] if axis == 0 else ring[row - 1, column]
            after = ring[row, column + 1] if axis == 0 else ring[row + 1, column]
            moved = along.copy()
            if half > 0:
                moved = np.where(~mine & before & (part < half), along - half, moved)
                moved = np.where(~mine & after & (part > 1 - half), along + half, moved)
            else:
                moved = np.where(mine & ~before & (part < -half), along + half, moved)
                moved = np.where(mine & ~after & (part > 1 + half), along - half, moved)
            out.append(moved)
        return out[0], out[1]


def gaussian(picture: Floats, sigma: float) -> Floats:
    """A Gaussian blur, edges repeated."""
    reach = int(np.ceil(4 * sigma))
    kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    kernel /= kernel.sum()
    padded = np.pad(picture, reach, mode="edge")
    padded = np.apply_along_axis(np.convolve, 0, padded, kernel, "valid")
    return np.asarray(np.apply_along_axis(np.convolve, 1, padded, kernel, "valid"))


def picture(dark: Matrix, light: float = 230.0, ink: float = 25.0, **options: object) -> Picture:
    """A picture of a symbol with one grey for light and one for dark; options as the fields of Picture."""
    values = np.full((dark.shape[0] + 2, dark.shape[1] + 2), light)
    values[1:-1, 1:-1] = np.where(dark == 1, ink, light)
    options.setdefault("background", light)
    return Picture(dark, values, **options)  # type: ignore[arg-type]
