"""Card descriptions and calibrations as TOML files: what `vision calibrate` reads and writes, and what a line and `inspect` use.

A calibration lies beside the camera profile it belongs to and names the profile's hash: with another exposure or gain it is void.
Its own hash stands in the set-up of every grade made with it; it covers the flat field, a PNG of gains beside it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import tempfile
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vision.config.section import ConfigError, Section
from vision.grade.calibration import Calibration, FlatField, Patch
from vision.grade.setup import Setup

ENDING = ".calibration.toml"


def _toml(path: Path) -> tuple[bytes, dict[str, Any]]:
    try:
        data = path.read_bytes()
        return data, tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: is not TOML: {' '.join(str(error).split())}") from None


@dataclass(frozen=True, slots=True)
class Card:
    """A conformance card as described: its name, its patches, and the day its own certificate ends (None = not said)."""

    name: str
    patches: tuple[Patch, ...]
    expires: date | None


def load_card(path: Path) -> Card:
    """Reads a card description: name, expires (a date, may be missing), [[patch]] tables of x, y, width, height, reflectance."""
    _, raw = _toml(path)
    section = Section(path, "[card]", {key: value for key, value in raw.items() if key != "patch"})
    expires = section.value("expires", "a date like 2027-05-01", None)
    if expires is not None and (isinstance(expires, datetime) or not isinstance(expires, date)):
        raise section.wrong("expires", "a date like 2027-05-01")
    name = section.text("name")
    section.finish()
    tables = raw.get("patch")
    if not isinstance(tables, list):
        raise ConfigError(f"{path}: [[patch]]: missing, expected a table for each of two or more patches")
    return Card(name, tuple(_patch(Section(path, f"[patch {number}]", table)) for number, table in enumerate(tables, 1)), expires)


def _patch(section: Section) -> Patch:
    x, y, width, height = (section.count(key, 0, 1_000_000) for key in ("x", "y", "width", "height"))
    patch = Patch(x, y, width, height, section.number("reflectance", 0.0, 1.2))
    section.finish()
    return patch


def save_calibration(path: Path, made: Calibration, about: dict[str, str | float], profile: Path, valid_days: int) -> str:
    """Writes a calibration, and its flat field beside it, whole or not at all; gives the SHA-256 of the file.

    about: image and card names and hashes, taken_utc, software. The file that stood there before is replaced.
    """
    today = datetime.now(UTC)
    lines = [
        "# A calibration of reflectance, written by `vision calibrate`. A changed byte makes it another calibration.",
        f"taken_utc = {today.isoformat(timespec='seconds').replace('+00:00', 'Z')}",
        f"expires = {(today + timedelta(days=valid_days)).date().isoformat()}",
        f"white = {made.white:.6f}",
        f"black = {made.black:.6f}",
        f"linearity = {made.linearity:.6f}",
        f"profile = {_quoted(profile.name)}",
        f"profile_sha256 = {_quoted(_sha256(profile.read_bytes()))}",
        *(f"{key} = {_quoted(value) if isinstance(value, str) else value}" for key, value in about.items()),
    ]
    if made.flat_field is not None:
        gains = path.with_name(path.name.removesuffix(ENDING) + ".flat.png")
        ok, data = cv2.imencode(".png", made.flat_field.gains)
        assert ok
        _write(gains, data.tobytes())
        lines += [f"flat_field = {_quoted(gains.name)}", f"flat_field_sha256 = {_quoted(made.flat_field.sha256)}"]
    for measured in made.patches:
        patch = measured.patch
        lines += [
            "",
            "[[patch]]",
            f"x = {patch.x}",
            f"y = {patch.y}",
            f"width = {patch.width}",
            f"height = {patch.height}",
            f"reflectance = {patch.reflectance:.6f}",
            f"grey = {measured.grey:.6f}",
            f"noise = {measured.noise:.6f}",
            f"error = {measured.error:.6f}",
        ]
    body = ("\n".join(lines) + "\n").encode()
    _write(path, body)
    return _sha256(body)


def _quoted(text: str) -> str:
    """A TOML basic string."""
    escaped = "".join(
        f"\\u{ord(character):04x}" if ord(character) < 32 or ord(character) == 127 else "\\" * (character in '"\\') + character
        for character in text
    )
    return f'"{escaped}"'


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _write(path: Path, body: bytes) -> None:
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


@dataclass(frozen=True, slots=True)
class StoredCalibration:
    """A calibration as read from its file. sha256: of the file. profile_sha256: of the camera profile it was made with.

    expires: the last day on which it holds (UTC).
    """

    path: Path
    sha256: str
    white: float
    black: float
    linearity: float
    expires: date
    profile: str
    profile_sha256: str
    flat_field: FlatField | None

    def is_expired(self, today: date | None = None) -> bool:
        """Whether it has expired on a day; None = today (UTC)."""
        return (today or datetime.now(UTC).date()) > self.expires

    def require_profile(self, profile: Path | None) -> None:
        """ConfigError where a camera is set by another profile than the one it was made with, or by that one changed since.

        A recording has no profile (None): what it was taken with, only who names the calibration knows.
        """
        if profile is not None and _sha256(profile.read_bytes()) != self.profile_sha256:
            raise ConfigError(f"{self.path}: was made with another state of the camera profile than {profile}: calibrate again")

    def require_size(self, size: tuple[int, int] | None) -> None:
        """ConfigError where frames of that (width, height) do not fit its flat field."""
        if self.flat_field is None or size is None:
            return
        height, width = self.flat_field.gains.shape
        if (width, height) != tuple(size):
            raise ConfigError(f"{self.path}: its flat field is {width}x{height}, the image {size[0]}x{size[1]}")

    def applied(self, setup: Setup, today: date | None = None) -> Setup:
        """The set-up with reflectance by this calibration; expired, it counts as not calibrated, and reports say so."""
        expired = self.is_expired(today)
        return dataclasses.replace(
            setup,
            white=self.white,
            black=self.black,
            calibrated=not expired,
            calibration=self.sha256,
            calibration_expired=expired,
            flat_field=self.flat_field,
        )


def load_calibration(path: Path) -> StoredCalibration:
    """Reads a calibration and its flat field; ConfigError in one line names file and key."""
    data, raw = _toml(path)
    section = Section(path, "[calibration]", {key: value for key, value in raw.items() if key != "patch"})
    expires = section.value("expires", "a date", None)
    if isinstance(expires, datetime) or not isinstance(expires, date):
        raise section.wrong("expires", "a date: the file that vision calibrate wrote")
    for key in ("taken_utc", "image", "image_sha256", "card", "card_sha256", "software"):
        section.value(key, "", None)
    hexadecimal = "[0-9a-f]{64}"
    stored = StoredCalibration(
        path=path,
        sha256=_sha256(data),
        white=section.number("white", -10_000.0, 10_000.0),
        black=section.number("black", -10_000.0, 10_000.0),
        linearity=section.number("linearity", 0.0, 1.0),
        expires=expires,
        profile=section.text("profile"),
        profile_sha256=section.text("profile_sha256", "a SHA-256", hexadecimal),
        flat_field=_flat_field(section, path, hexadecimal),
    )
    section.finish()
    if stored.white - stored.black < 1.0:
        raise section.wrong("white", "a grey at least one level above black")
    return stored


def _flat_field(section: Section, path: Path, hexadecimal: str) -> FlatField | None:
    name = section.text("flat_field", "a file beside this one", r"[^/\x00-\x1f]+", None)
    digest = section.text("flat_field_sha256", "a SHA-256", hexadecimal, None)
    if name is None and digest is None:
        return None
    if name is None or digest is None:
        raise section.wrong("flat_field" if name is None else "flat_field_sha256", "both flat_field and flat_field_sha256")
    place = path.parent / name
    gains = cv2.imread(str(place), cv2.IMREAD_UNCHANGED) if place.is_file() else None
    if gains is None or gains.dtype != np.uint16 or gains.ndim != 2:
        raise section.wrong("flat_field", f"the PNG of gains that was written beside it; {place} is none")
    flat = FlatField(gains)
    if flat.sha256 != digest:
        raise section.wrong("flat_field_sha256", f"{flat.sha256}, the hash of {place}: one of the two was changed")
    return flat
