"""Pictures of symbols with one harm each, for the reader to get over; from a foreign encoder, no code shared with vision/decode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from tests.decode.rendering import modules

FINE = 12
"""Samples of the print per module."""

QUIET = 6
"""Modules of print around the symbol that are drawn."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pose:
    """How the print is seen.

    px: pixels per module. turn_deg: in the picture. tilt_deg: of the surface away from the camera, about an axis at
    tilt_axis_deg in it. radius: of the cylinder it lies on, in symbol widths, 0 = flat. blur: in modules. distance: of the
    camera, in symbol widths.
    """

    px: float = 7.0
    turn_deg: float = 0.0
    tilt_deg: float = 0.0
    tilt_axis_deg: float = 0.0
    radius: float = 0.0
    blur: float = 0.12
    noise: float = 2.0
    light: float = 200.0
    dark: float = 45.0
    slope: float = 0.0
    distance: float = 5.0
    frame: tuple[int, int] = (400, 480)


def ink_of(bits: npt.NDArray[np.uint8], dot: float = 0.0, growth: float = 0.0) -> Array:
    """The print, 1 = ink, (rows + 2 QUIET) * FINE samples high.

    dot: diameter of round dots in modules, 0 = full modules. growth: of the ink, in modules.
    """
    big = np.kron(np.pad(bits, QUIET), np.ones((FINE, FINE), np.uint8)).astype(np.float32)
    if dot:
        at = (np.arange(FINE) + 0.5) / FINE - 0.5
        inside = (at[:, None] ** 2 + at[None, :] ** 2 <= (dot / 2) ** 2).astype(np.float32)
        big *= np.tile(inside, np.array(bits.shape) + 2 * QUIET)
    if growth:
        side = 2 * round(abs(growth) * FINE / 2) + 1
        big = (cv2.dilate if growth > 0 else cv2.erode)(big, np.ones((side, side), np.uint8))
    return np.asarray(big, np.float64)


def seen(ink: Array, shape: tuple[int, int], pose: Pose, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A picture of a print of so many (rows, columns), its centre in the middle: by rays from the camera to its surface."""
    rows, columns = shape
    over = 3
    height, width = pose.frame
    ys, xs = np.mgrid[0 : height * over, 0 : width * over]
    across = max(rows, columns)  # the unit of distance and radius
    focal = pose.px * pose.distance * across
    ray = np.stack((((xs + 0.5) / over - width / 2) / focal, ((ys + 0.5) / over - height / 2) / focal, np.ones(xs.shape)), axis=-1)
    turn, tilt, axis = np.deg2rad((pose.turn_deg, pose.tilt_deg, pose.tilt_axis_deg))
    spin = np.array(((np.cos(turn), -np.sin(turn), 0), (np.sin(turn), np.cos(turn), 0), (0, 0, 1)))
    k = np.array((np.cos(axis), np.sin(axis), 0.0))
    cross = np.array(((0, -k[2], k[1]), (k[2], 0, -k[0]), (-k[1], k[0], 0)))
    lean = np.eye(3) + np.sin(tilt) * cross + (1 - np.cos(tilt)) * cross @ cross
    world = spin @ lean  # columns: axes of the surface as the camera has them
    direction = ray @ world
    origin = np.array((0.0, 0.0, -pose.distance * across)) @ world
    if pose.radius:
        radius = pose.radius * across
        # A cylinder along y through (0, y, radius): the nearer crossing.
        ox, oz, dx, dz = origin[0], origin[2] - radius, direction[..., 0], direction[..., 2]
        a, b, c = dx**2 + dz**2, ox * dx + oz * dz, ox**2 + oz**2 - radius**2
        root = b**2 - a * c
        way = (-b - np.sqrt(np.maximum(root, 0))) / a
        place = origin + way[..., None] * direction
        u = radius * np.arctan2(place[..., 0], radius - place[..., 2])
        u[root < 0] = 1e6
    else:
        way = -origin[2] / direction[..., 2]
        place = origin + way[..., None] * direction
        u = place[..., 0]
    v = place[..., 1]
    at_x = ((u + columns / 2 + QUIET) * FINE - 0.5).astype(np.float32)
    at_y = ((v + rows / 2 + QUIET) * FINE - 0.5).astype(np.float32)
    fine = cv2.remap(ink.astype(np.float32), at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    cover = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA).astype(np.float64)
    shade = 1 + pose.slope * (np.arange(width)[None, :] / width - 0.5)
    picture = (pose.light + (pose.dark - pose.light) * cover) * shade
    picture = cv2.GaussianBlur(picture, (0, 0), max(0.3, pose.blur * pose.px)) + rng.normal(0, pose.noise, picture.shape)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Harmed:
    """A harmed picture and the text of its symbol."""

    picture: npt.NDArray[np.uint8]
    text: str


Change = Callable[[npt.NDArray[np.uint8], Pose, np.random.Generator], tuple[Array, Pose]]


def _flat(bits: npt.NDArray[np.uint8], pose: Pose, rng: np.random.Generator) -> tuple[Array, Pose]:
    return ink_of(bits), pose


def _perspective(bits: npt.NDArray[np.uint8], pose: Pose, rng: np.random.Generator) -> tuple[Array, Pose]:
    tilted = replace(pose, tilt_deg=rng.uniform(20, 30), tilt_axis_deg=rng.uniform(0, 360), distance=rng.uniform(2, 5))
    return ink_of(bits), tilted


def _cylinder(bits: npt.NDArray[np.uint8], pose: Pose, rng: np.random.Generator) -> tuple[Array, Pose]:
    bowed = replace(pose, radius=rng.uniform(0.75, 1.2), tilt_deg=rng.uniform(0, 20), tilt_axis_deg=rng.uniform(-20, 20))
    return ink_of(bits), bowed


def _ampoule(bits: npt.NDArray[np.uint8], pose: Pose, rng: np.random.Generator) -> tuple[Array, Pose]:
    """A cylinder hardly wider than the symbol: at its sides, modules are seen at half to three fourths of their width."""
    bowed = replace(pose, radius=rng.uniform(0.52, 0.75), tilt_deg=rng.uniform(0, 30), tilt_axis_deg=rng.uniform(-20, 20))
    return ink_of(bits), bowed


def _pitch(bits: npt.NDArray[np.uint8], pose: Pose, rng: np.random.Generator) -> tuple[Array, Pose]:
    """The carton was not as fast as the printer took it to be: its speed swung, or from some column on it was another."""
    ink = ink_of(bits)
    count = ink.shape[1]
    at = (np.arange(count) + 0.5) / count
    if rng.random() < 0.5:
        speed = 1 + rng.uniform(0.2, 0.35) * np.sin(2 * np.pi * (rng.uniform(0.8, 1.6) * at + rng.random()))
    else:
        speed = np.where(at < rng.uniform(0.35, 0.65), 1.0, rng.choice((1 / 1.3, 1.3)))
    place = np.concatenate(([0.0], np.cumsum(1 / speed)))
    place *= count / place[-1]
    came = np.interp(np.arange(count) + 0.5, place, np.arange(count + 1)) - 0.5  # the column of the print seen at each column
    rows = np.arange(ink.shape[0], dtype=np.float32)
    x, y = np.meshgrid(came.astype(np.float32), rows)
    slipped = np.asarray(cv2.remap(ink.astype(np.float32), x, y, cv2.INTER_LINEAR), np.float64)
    return slipped, pose


def _dots(bits: npt.NDArray[np.uint8], pose: Pose, rng: np.random.Generator) -> tuple[Array, Pose]:
    return ink_of(bits, dot=rng.uniform(0.65, 0.75)), pose


def _broken_l(bits: npt.NDArray[np.uint8], pose: Pose, rng: np.random.Generator) -> tuple[Array, Pose]:
    broken = bits.copy()
    rows, columns = bits.shape
    for line, length in ((broken[:, 0], rows), (broken[-1], columns)):
        at = rng.integers(1, length - 4)
        line[at : at + 3] = 0
    return ink_of(broken), pose


def _broken_clock(bits: npt.NDArray[np.uint8], pose: Pose, rng: np.random.Generator) -> tuple[Array, Pose]:
    broken = bits.copy()
    rows, columns = bits.shape
    for line, length in ((broken[0], columns), (broken[:, -1], rows)):
        wrong = min(5, length // 3)
        at = rng.integers(1, length - wrong)
        line[at : at + wrong] = rng.integers(2)
    return ink_of(broken), pose


def _quiet_zone(bits: npt.NDArray[np.uint8], pose: Pose, rng: np.random.Generator) -> tuple[Array, Pose]:
    """A carton edge along one side, half a module away, and a stain on another."""
    ink = ink_of(bits)
    edge = int((QUIET - 0.5) * FINE)
    turn = int(rng.integers(4))
    ink = np.rot90(ink, turn).copy()
    ink[:, : edge - FINE // 4] = 1
    at = int(rng.integers(QUIET, QUIET + bits.shape[0] // 2)) * FINE
    ink[at : at + 3 * FINE, -QUIET * FINE : -(QUIET - 1) * FINE] = 1
    return np.rot90(ink, -turn).copy(), pose


def _text(bits: npt.NDArray[np.uint8], pose: Pose, rng: np.random.Generator) -> tuple[Array, Pose]:
    """Lines of text that touch two sides."""
    ink = ink_of(bits)
    height = ink.shape[0]
    words = np.zeros(ink.shape, np.uint8)
    for low in (QUIET * FINE - FINE // 2, height - QUIET * FINE + 3 * FINE + 6):
        cv2.putText(words, "LOT 4711 EXP 2029", (0, low), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (1,), FINE // 2)
    return np.maximum(ink, words), pose


def _blur(bits: npt.NDArray[np.uint8], pose: Pose, rng: np.random.Generator) -> tuple[Array, Pose]:
    return ink_of(bits), replace(pose, blur=rng.uniform(0.5, 0.6), noise=1.0)


def _motion(bits: npt.NDArray[np.uint8], pose: Pose, rng: np.random.Generator) -> tuple[Array, Pose]:
    """The pack moved while the shutter was open, by one and a half modules along its rows or columns."""
    length = int(rng.uniform(1.4, 1.8) * FINE)
    ink = cv2.blur(ink_of(bits), (length, 1) if rng.random() < 0.5 else (1, length))
    return np.asarray(ink, np.float64), replace(pose, noise=1.5)


def _growth(bits: npt.NDArray[np.uint8], pose: Pose, rng: np.random.Generator) -> tuple[Array, Pose]:
    return ink_of(bits, growth=float(rng.choice((-0.4, 0.4)))), pose


def _pale(bits: npt.NDArray[np.uint8], pose: Pose, rng: np.random.Generator) -> tuple[Array, Pose]:
    return ink_of(bits), replace(pose, light=150.0, dark=112.0, noise=2.5)


def _uneven(bits: npt.NDArray[np.uint8], pose: Pose, rng: np.random.Generator) -> tuple[Array, Pose]:
    return ink_of(bits), replace(pose, light=150.0, dark=70.0, slope=1.4)


def _small(bits: npt.NDArray[np.uint8], pose: Pose, rng: np.random.Generator) -> tuple[Array, Pose]:
    return ink_of(bits), replace(pose, px=2.5, blur=0.2)


def _two_inks(bits: npt.NDArray[np.uint8], pose: Pose, rng: np.random.Generator) -> tuple[Array, Pose]:
    """The data in a paler ink than the finder: with a quarter of its contrast, all of them are light beside it."""
    ink = ink_of(bits)
    inner = slice((QUIET + 1) * FINE, -(QUIET + 1) * FINE)
    ink[inner, inner] *= rng.uniform(0.2, 0.4)
    return ink, pose


HARMS: dict[str, Change] = {
    "none": _flat,
    "perspective": _perspective,
    "cylinder": _cylinder,
    "dots": _dots,
    "broken L": _broken_l,
    "broken clock": _broken_clock,
    "quiet zone": _quiet_zone,
    "text": _text,
    "blur": _blur,
    "growth": _growth,
    "pale": _pale,
    "uneven": _uneven,
    "small": _small,
    "ampoule": _ampoule,
    "pitch": _pitch,
    "motion": _motion,
    "two inks": _two_inks,
}


def harmed(harm: str, seed: int) -> Harmed:
    """A picture with this harm; the seed chooses text, size, pose and how it is harmed."""
    rng = np.random.default_rng((seed, list(HARMS).index(harm)))
    text = "".join(rng.choice(list("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"), int(rng.integers(6, 28))))
    bits = modules(text)
    pose = Pose(px=float(rng.uniform(6, 9)), turn_deg=float(rng.uniform(0, 360)))
    ink, pose = HARMS[harm](bits, pose, rng)
    return Harmed(seen(ink, (bits.shape[0], bits.shape[1]), pose, rng), text)
