"""Symbols made by a foreign encoder (zint) and drawn with known corners; shares nothing with vision/decode."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import zint

SIZES = [
    "10x10",
    "12x12",
    "14x14",
    "16x16",
    "18x18",
    "20x20",
    "22x22",
    "24x24",
    "26x26",
    "32x32",
    "36x36",
    "40x40",
    "44x44",
    "48x48",
    "52x52",
    "64x64",
    "72x72",
    "80x80",
    "88x88",
    "96x96",
    "104x104",
    "120x120",
    "132x132",
    "144x144",
    "8x18",
    "8x32",
    "12x26",
    "12x36",
    "16x36",
    "16x48",
    "8x48",
    "8x64",
    "8x80",
    "8x96",
    "8x120",
    "8x144",
    "12x64",
    "12x88",
    "16x64",
    "20x36",
    "20x44",
    "20x64",
    "22x48",
    "24x48",
    "24x64",
    "26x40",
    "26x48",
    "26x64",
]
"""Sizes, rows x columns, in the encoder's order: number k + 1 asks for entry k."""


def modules(
    text: str | bytes,
    size: str | None = None,
    *,
    gs1: bool = False,
    unskewed_144: bool = False,
    eci: int = 0,
    part: tuple[int, int, bytes] | None = None,
    programming: bool = False,
) -> npt.NDArray[np.uint8]:
    """The module matrix, 1 = dark, of a text; the smallest size that holds it unless one is asked for.

    text: bytes are taken as they are. eci: designator set before the text. part: position, total and file of a structured
    append. Raises RuntimeError where the encoder refuses it.
    """
    symbol = zint.Symbol()
    symbol.symbology = zint.Symbology.DATAMATRIX
    symbol.input_mode = zint.InputMode.UNICODE if isinstance(text, str) else zint.InputMode.DATA
    if gs1:
        symbol.input_mode = zint.InputMode.GS1 | zint.InputMode.GS1PARENS
    if size is not None:
        symbol.option_2 = SIZES.index(size) + 1
    if unskewed_144:
        symbol.option_3 = zint.DataMatrixOptions.ISO_144
    symbol.eci = eci
    if part is not None:
        symbol.structapp = zint.StructApp(*part)
    if programming:
        symbol.output_options = zint.OutputOptions.READER_INIT
    symbol.encode(text)
    bits = np.unpackbits(np.array(symbol.encoded_data), axis=1, bitorder="little")
    return np.ascontiguousarray(bits[: symbol.rows, : symbol.width])


def draw(
    bits: npt.NDArray[np.uint8],
    px: float = 6.0,
    angle_deg: float = 0.0,
    *,
    inverse: bool = False,
    mirrored: bool = False,
    tilt: float = 0.0,
    noise: float = 0.0,
    blur: float = 0.5,
    light: int = 215,
    dark: int = 40,
    frame: tuple[int, int] | None = None,
    seed: int = 1,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64]]:
    """A picture of one symbol and its corners (4, 2): corner of the L, then clockwise as printed.

    tilt: how much shorter the upper side is drawn than the lower, as a share (perspective).
    """
    rows, columns = bits.shape
    fine = 8
    quiet = 3
    big = np.kron(np.pad(bits, quiet), np.ones((fine, fine), np.uint8))
    reach = float(np.hypot(rows, columns)) * px + 8 * px
    height, width = frame or (int(reach), int(reach))
    turn = np.deg2rad(angle_deg)
    half_w, half_h = columns * px / 2, rows * px / 2
    upper = half_w * (1 - tilt)
    box = np.array(((-half_w, half_h), (-upper, -half_h), (upper, -half_h), (half_w, half_h)))
    if mirrored:
        box[:, 0] *= -1
    turned = box @ np.array(((np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))))
    corners = turned + np.array(((width - 1) / 2, (height - 1) / 2))
    low = quiet * fine - 0.5
    source = np.array(
        ((low, rows * fine + low), (low, low), (columns * fine + low, low), (columns * fine + low, rows * fine + low))
    )
    scale = 4
    target = (corners + 0.5) * scale - 0.5
    matrix = cv2.getPerspectiveTransform(source.astype(np.float32), target.astype(np.float32))
    ink = cv2.warpPerspective(big * 255, matrix, (width * scale, height * scale), flags=cv2.INTER_LINEAR)
    ink = cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA).astype(np.float64) / 255
    if inverse:
        light, dark = dark, light
    picture = cv2.GaussianBlur(light + (dark - light) * ink, (0, 0), blur)
    picture += np.random.default_rng(seed).normal(0, noise, picture.shape) if noise else 0.0
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8), corners
