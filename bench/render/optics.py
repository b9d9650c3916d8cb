"""How the camera sees the carton: pose, light, blur, motion, sensor noise, quantisation.

A homography maps carton coordinates to pixels (pixel centres at integers). Reflectance is float32, 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]
"""(height, width) float32."""
Homography = npt.NDArray[np.float64]
"""(3, 3) float64."""

_SUPERSAMPLING = 2


@dataclass(frozen=True, slots=True)
class Optics:
    """One camera set-up. blur_px: standard deviation of the lens. motion_px: way of the belt during exposure, along x.

    read_noise, shot_noise: standard deviation in grey values in the dark, and the part at full white that grows with the signal.
    """

    blur_px: float = 0.6
    motion_px: float = 0.0
    read_noise: float = 0.5
    shot_noise: float = 0.7


def translation(x: float, y: float) -> Homography:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def scaling(x: float, y: float) -> Homography:
    return np.diag([x, y, 1.0])


def rotation(angle_deg: float) -> Homography:
    """Clockwise as seen in the image (y down)."""
    angle = np.deg2rad(angle_deg)
    return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])


def tilt(x: float, y: float) -> Homography:
    """Mild perspective: change of scale per pixel along x and y."""
    return np.array([[1, 0, 0], [0, 1, 0], [x, y, 1]], np.float64)


def project(homography: Homography, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """(N, 2) points through a homography."""
    pairs = np.asarray(points, np.float64)
    result = np.column_stack((pairs, np.ones(len(pairs)))) @ homography.T
    return np.asarray(result[:, :2] / result[:, 2:])


def warp(source: Plane, homography: Homography, window: tuple[int, int, int, int], outside: float = 0.0) -> Plane:
    """`source` as seen in a window (x, y, width, height) of the image, each pixel the mean over its area.

    homography: from edge coordinates of the source (sample i covers i to i + 1) to pixels of the image.
    """
    x, y, width, height = window
    fine = _SUPERSAMPLING
    to_fine = translation(-0.5, -0.5) @ scaling(fine, fine) @ translation(0.5 - x, 0.5 - y)
    matrix = to_fine @ homography @ translation(0.5, 0.5)
    seen = cv2.warpPerspective(
        source,
        matrix,
        (width * fine, height * fine),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(outside,),
    )
    return np.asarray(cv2.resize(seen, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def through_lens(plane: Plane, optics: Optics) -> Plane:
    """Blur of the lens and of the belt's motion during exposure."""
    if optics.motion_px >= 1:
        plane = cv2.blur(plane, (round(optics.motion_px) | 1, 1))
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), optics.blur_px), np.float32)


def light_field(width: int, height: int, grey: float, at: tuple[float, float], rng: np.random.Generator) -> Plane:
    """Uneven light: the grey of a perfect white, `grey` at the place of the code, falling off and sloping elsewhere."""
    xs = (np.arange(width, dtype=np.float32) - at[0]) / width
    ys = (np.arange(height, dtype=np.float32) - at[1]) / height
    slope_x, slope_y = rng.uniform(-0.12, 0.12, 2)
    fall = rng.uniform(0.25, 0.55)
    field = 1 + slope_x * xs[None, :] + slope_y * ys[:, None] - fall * (xs[None, :] ** 2 + ys[:, None] ** 2)
    return np.asarray(grey * np.clip(field, 0.2, 1.06), np.float32)


def expose(reflectance: Plane, light: Plane, optics: Optics, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Grey values of the sensor: signal with read and shot noise, rounded and clipped to Mono8."""
    signal = reflectance * light
    sigma = np.sqrt(optics.read_noise**2 + optics.shot_noise**2 * np.maximum(signal, 0) / 255)
    signal += sigma * rng.standard_normal(signal.shape, dtype=np.float32)
    return np.asarray(np.clip(np.rint(signal), 0, 255), np.uint8)
