"""How a station is set up for grading: standard, aperture, scale, reflectance, light. Checked once, when it is made."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from functools import cache

from vision.grade.calibration import FlatField
from vision.grade.direct_mark import APERTURES
from vision.grade.scales import DEFAULT_EDITION, scales_of

MM_PER_MIL = 0.0254
"""One thousandth of an inch in mm: the unit of apertures in a formal grade."""

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_MIL = re.compile(r"(\d+(?:\.\d+)?)\s*mil", re.IGNORECASE)


@cache
def parse_aperture(text: str) -> tuple[float, str]:
    """Diameter and its unit ("%" of the module or "mil") from "80%" or "8mil"; ValueError with one line otherwise."""
    for pattern, unit in ((_PERCENT, "%"), (_MIL, "mil")):
        match = pattern.fullmatch(text.strip())
        if match:
            return float(match.group(1)), unit
    raise ValueError(
        f'aperture "{text}" is not understood, expected a share of the module like "80%" or thousandths of an inch like "8mil"'
    )


@dataclass(frozen=True, slots=True)
class Setup:
    """One grading set-up; all the fields are checked, ValueError names the one that is wrong in one line.

    standard, edition: "15415" with "2011" or "2024", "29158" with "2020"; an edition "" is the standard's default.
    aperture: "80%" of the module size X, or "8mil" (thousandths of an inch); a number is a share of X (0.8).
    mm_per_px: scale in the plane of the print, None where unknown; a mil aperture needs it.
    white, black: grey that is 100 % and 0 % reflectance; may lie outside 0-255.
    wavelength_nm, angle_deg, light_sides: the light, as printed in the formal grade; Q, T or S: from four, two sides or one.
    calibrated: white and black come from a conformance-card check that is on file and has not expired.
    calibration: SHA-256 of the file of that check, "" where there is none. calibration_expired: it is too old.
    flat_field: gains that even out the light, applied before anything is measured; the check's hash covers it.
    """

    standard: str = "15415"
    edition: str = ""
    aperture: float | str = "80%"
    mm_per_px: float | None = None
    white: float = 255.0
    black: float = 0.0
    wavelength_nm: int = 660
    angle_deg: int = 45
    calibrated: bool = False
    light_sides: str = "Q"
    calibration: str = ""
    calibration_expired: bool = False
    flat_field: FlatField | None = None

    def __post_init__(self) -> None:
        if not self.edition:
            object.__setattr__(self, "edition", DEFAULT_EDITION.get(self.standard, ""))
        scales_of(self.standard, self.edition)
        size, unit = self._aperture()
        if unit == "%" and not 10.0 <= size <= 150.0:
            raise ValueError(f"aperture {self.aperture} is out of range, expected 10% to 150% of the module")
        if unit == "mil" and not 1.0 <= size <= 100.0:
            raise ValueError(f"aperture {self.aperture} is out of range, expected 1mil to 100mil")
        if self.mm_per_px is not None and not 0.0 < self.mm_per_px <= 10.0:
            raise ValueError(f"mm_per_px {self.mm_per_px} is out of range, expected more than 0 and at most 10")
        if unit == "mil" and self.mm_per_px is None:
            raise ValueError(f"aperture {self.aperture} needs mm_per_px, the size of a pixel in mm")
        if not (math.isfinite(self.white) and math.isfinite(self.black) and self.white - self.black >= 1.0):
            raise ValueError(
                f"white {self.white} and black {self.black} are wrong, expected white at least one grey level above black"
            )
        if not 200 <= self.wavelength_nm <= 2000:
            raise ValueError(f"wavelength_nm {self.wavelength_nm} is out of range, expected 200 to 2000")
        if not 0 <= self.angle_deg <= 90:
            raise ValueError(f"angle_deg {self.angle_deg} is out of range, expected 0 to 90")

        if self.light_sides not in ("Q", "T", "S"):
            raise ValueError(f'light_sides "{self.light_sides}" is unknown, expected "Q", "T" or "S"')

    def _aperture(self) -> tuple[float, str]:
        if isinstance(self.aperture, str):
            return parse_aperture(self.aperture)
        if not math.isfinite(self.aperture):
            raise ValueError(f"aperture {self.aperture} is not a number")
        return self.aperture * 100.0, "%"

    @property
    def uncalibrated(self) -> bool:
        """Reflectance is no more than grey / 255: neither a card nor a white and black were given."""
        return not self.calibrated and (self.white, self.black) == (255.0, 0.0)

    def apertures(self) -> tuple[Setup, ...]:
        """The set-ups to grade with, of which the better grade is kept: direct marks are seen through 80 % and through 50 % of X
        where no other aperture is asked for (ISO/IEC 29158:2020)."""
        if self.standard == "29158" and self._aperture() == (80.0, "%"):
            return tuple(dataclasses.replace(self, aperture=share) for share in APERTURES)
        return (self,)

    def aperture_px(self, px_per_module: float) -> float:
        """Diameter of the aperture in pixels for a symbol of that module size."""
        size, unit = self._aperture()
        if unit == "%":
            return size / 100.0 * px_per_module
        assert self.mm_per_px is not None  # checked when made
        return size * MM_PER_MIL / self.mm_per_px

    def aperture_name(self, px_per_module: float) -> str:
        """Aperture as printed in the formal grade: thousandths of an inch in two digits, or a percentage where mm are unknown."""
        size, unit = self._aperture()
        if unit == "mil":
            return f"{math.floor(size + 0.5):02d}"
        if self.mm_per_px is None:
            return f"{size:g}%"
        module_mil = px_per_module * self.mm_per_px / MM_PER_MIL
        return f"{math.floor(size / 100.0 * module_mil + 0.5):02d}"

    def formal(self, overall: float, px_per_module: float) -> str:
        """The formal grade: grade/aperture/wavelength, and the angle where it is not 45 (ISO/IEC 15415).

        Direct marks: DPM before the grade, the range of apertures tried, and always the light (ISO/IEC 29158:2020).
        """
        names = [setup.aperture_name(px_per_module) for setup in self.apertures()]
        aperture = names[0] if len(names) == 1 else f"{names[-1]}-{names[0]}"
        if self.standard == "29158":
            light = f"{self.angle_deg}" if self.angle_deg == 90 else f"{self.angle_deg}{self.light_sides}"
            return f"DPM{overall:.1f}/{aperture}/{self.wavelength_nm}/{light}"
        parts = [f"{overall:.1f}", aperture, str(self.wavelength_nm)]
        if self.angle_deg != 45 or self.light_sides != "Q":
            parts.append(f"{self.angle_deg}{'' if self.light_sides == 'Q' else self.light_sides}")
        return "/".join(parts)
