"""Camera profiles: what a camera is set to, in SFNC names, from camera_profiles/*.toml.

Reading a profile is pure: no camera and no genicam are needed. Applying works on anything that gives named features
(vision.cameras.genicam), section by section in the order below, whatever the order in the file; each value is read back.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from vision.cameras.camera import CameraError

Value = bool | int | float | str

SECTIONS = ("user_set", "format", "exposure", "acquisition", "trigger", "io", "timers", "counters", "encoder", "chunks", "events")
"""The order of application; a section is a table, or an array of tables where a selector is set more than once."""

_ORDER = {
    "format": ("BinningHorizontal", "BinningVertical", "Width", "Height", "OffsetX", "OffsetY", "PixelFormat"),
    "exposure": ("ExposureAuto", "ExposureMode", "ExposureTime", "GainAuto", "Gain", "BlackLevel", "Gamma"),
    "acquisition": ("AcquisitionMode", "AcquisitionFrameRateEnable", "AcquisitionFrameRate"),
}
"""Features whose order matters: a region shrinks before it moves, automatic modes go off before the value is set."""

_TYPES: dict[str, type] = {
    **dict.fromkeys(("Width", "Height", "OffsetX", "OffsetY", "TriggerDivider", "EncoderDivider"), int),
    **dict.fromkeys(("ExposureTime", "Gain", "Gamma", "BlackLevel", "AcquisitionFrameRate", "TriggerDelay"), float),
    **dict.fromkeys(("TimerDuration", "TimerDelay"), float),
    **dict.fromkeys(("AcquisitionFrameRateEnable", "LineInverter", "UserOutputValue", "ChunkModeActive", "UserSetLoad"), bool),
}
_TEXT_ENDINGS = ("Selector", "Source", "SourceA", "SourceB", "Mode", "Auto", "Activation", "PixelFormat")
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", list: "a list of texts"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One feature to set. aliases: names other makers give it. exact: rounding is refused. optional: may be missing."""

    section: str
    feature: str
    value: Value
    aliases: tuple[str, ...] = ()
    exact: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile as read; settings in the order of application.

    buffer_count: frames the transport layer may fill ahead. frame_id_bits: width of the camera's frame ids; 16 skips 0.
    """

    path: Path
    settings: tuple[Setting, ...]
    width: int
    height: int
    model: str = ""
    note: str = ""
    buffer_count: int = 16
    frame_id_bits: int = 64

    def value(self, feature: str) -> Value | None:
        """What the profile last sets a feature to, None where it does not."""
        return next((setting.value for setting in reversed(self.settings) if setting.feature == feature), None)


@dataclass(frozen=True, slots=True)
class Readback:
    """What was asked of a feature and what the camera has; got None = the camera has no such feature."""

    section: str
    feature: str
    asked: Value
    got: Value | None
    exact: bool = False
    selected: str = ""  # the selector's value it was read under, "ChunkSelector=FrameID"

    @property
    def differs(self) -> bool:
        if isinstance(self.asked, float) and isinstance(self.got, int | float):
            return not math.isclose(self.asked, self.got, rel_tol=1e-6, abs_tol=1e-9)
        return self.asked != self.got


class Features(Protocol):
    """Named features of an open camera; errors are CameraError."""

    def has(self, name: str) -> bool: ...

    def offers(self, name: str, value: Value) -> bool:
        """The feature can take this value (of an enumeration: has the entry)."""

    def selected(self, name: str) -> bool:
        """The feature exists once per value of a selector."""

    def get(self, name: str) -> Value | None:
        """The value; None for a command."""

    def set(self, name: str, value: Value) -> None:
        """Sets a value; executes a command given True."""


def find_profile(name_or_path: str, relative_to: Path | None = None) -> Path:
    """The file of a profile: a path (has .toml or a separator), relative to a folder, or a name in camera_profiles/."""
    if name_or_path.endswith(".toml") or "/" in name_or_path:
        path = (relative_to or Path()) / name_or_path
        if not path.is_file():
            raise CameraError(f"{path}: no such camera profile")
        return path
    here = Path(__file__).resolve()
    folders = [folder for folder in (here.parents[2] / "camera_profiles", here.parents[1] / "camera_profiles") if folder.is_dir()]
    for folder in folders:
        if (folder / f"{name_or_path}.toml").is_file():
            return folder / f"{name_or_path}.toml"
    known = ", ".join(sorted(path.stem for folder in folders for path in folder.glob("*.toml"))) or "none"
    raise CameraError(f"camera profile {name_or_path!r}: not found (there are: {known})")


def load_profile(path: Path) -> Profile:
    """Reads a profile; CameraError names the file and the key that is wrong."""
    try:
        with path.open("rb") as file:
            data = tomllib.load(file)
    except OSError as error:
        raise CameraError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CameraError(f"{path}: {error}") from None
    for key in data:
        if key not in SECTIONS and key != "camera":
            raise CameraError(f"{path}: {key}: unknown section, one of camera, {', '.join(SECTIONS)} expected")
    settings = tuple(setting for section in SECTIONS for setting in _section(path, section, data.get(section, {})))
    values = {setting.feature: setting.value for setting in settings}
    size = []
    for feature in ("Width", "Height"):
        value = values.get(feature)
        if not isinstance(value, int) or value < 1:
            raise CameraError(f"{path}: format.{feature}: a size in pixels expected; frames need one before the camera is open")
        size.append(value)
    if values.get("PixelFormat", "Mono8") != "Mono8":
        raise CameraError(f"{path}: format.PixelFormat: Mono8 expected")
    return Profile(path, settings, size[0], size[1], **_camera(path, data.get("camera", {})))


def _camera(path: Path, table: object) -> dict[str, Any]:
    """The keys of [camera]: about the camera, not set in it."""
    bounds = {"buffer_count": range(8, 33), "frame_id_bits": (16, 32, 64)}
    if not isinstance(table, dict):
        raise CameraError(f"{path}: camera: a table expected")
    for key, value in table.items():
        if key in ("model", "note"):
            if not isinstance(value, str):
                raise CameraError(f"{path}: camera.{key}: a text expected, got {value!r}")
        elif key not in bounds:
            raise CameraError(f"{path}: camera.{key}: unknown key, one of model, note, buffer_count, frame_id_bits expected")
        elif type(value) is not int or value not in bounds[key]:
            wanted = "8 to 32" if key == "buffer_count" else "16, 32 or 64"
            raise CameraError(f"{path}: camera.{key}: {wanted} expected, got {value!r}")
    return dict(table)


def _section(path: Path, section: str, content: object) -> list[Setting]:
    tables = content if isinstance(content, list) else [content]
    settings: list[Setting] = []
    for table in tables:
        if not isinstance(table, dict):
            raise CameraError(f"{path}: {section}: a table, or an array of tables, expected")
        found = [setting for key, value in table.items() for setting in _settings(path, section, key, value)]
        order = _ORDER.get(section, ())
        if order:
            found.sort(key=lambda setting: order.index(setting.feature) if setting.feature in order else len(order))
        settings += _trigger_off_first(found) if section == "trigger" else found
    if section == "format":  # a region may grow only where it stands at the corner
        settings[:0] = [Setting(section, name, 0, optional=True) for name in ("OffsetX", "OffsetY")]
    return settings


def _trigger_off_first(table: list[Setting]) -> list[Setting]:
    """A trigger is changed while it is off: its selector, TriggerMode Off, the rest, and TriggerMode as asked as the last."""
    selectors = [setting for setting in table if setting.feature == "TriggerSelector"]
    modes = [setting for setting in table if setting.feature == "TriggerMode"]
    rest = [setting for setting in table if setting.feature not in ("TriggerSelector", "TriggerMode")]
    off = [Setting("trigger", "TriggerMode", "Off", modes[0].aliases if modes else (), optional=not modes)] if table else []
    return [*selectors, *off, *rest, *modes]


def _settings(path: Path, section: str, feature: str, content: object) -> Iterator[Setting]:
    """One entry of a table: a value, or a table with value, alias, exact, optional; ChunkEnable may be a list of chunks."""
    where = f"{path}: {section}.{feature}"
    options: dict[str, Any] = content if isinstance(content, dict) else {"value": content}
    for key in options:
        if key not in ("value", "alias", "exact", "optional"):
            raise CameraError(f"{where}.{key}: unknown key, one of value, alias, exact, optional expected")
    if "value" not in options:
        raise CameraError(f"{where}.value: missing")
    for key in ("exact", "optional"):
        if not isinstance(options.get(key, False), bool):
            raise CameraError(f"{where}.{key}: true or false expected, got {options[key]!r}")
    aliases = options.get("alias", [])
    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
        raise CameraError(f"{where}.alias: a list of texts expected, got {aliases!r}")
    value, flags = options["value"], {"exact": options.get("exact", False), "optional": options.get("optional", False)}
    if feature == "ChunkEnable" and isinstance(value, list):
        for chunk in value:
            if not isinstance(chunk, str):
                raise CameraError(f"{where}: a list of texts expected, got {chunk!r}")
            yield Setting(section, "ChunkSelector", chunk, (), **flags)
            yield Setting(section, "ChunkEnable", True, tuple(aliases), **flags)
        return
    yield Setting(section, feature, _typed(where, feature, value), tuple(aliases), **flags)


def _typed(where: str, feature: str, value: object) -> Value:
    """The value in the type the feature has; a whole number will do where a number is asked."""
    wanted = _TYPES.get(feature) or (str if feature.endswith(_TEXT_ENDINGS) else None)
    if wanted is float and type(value) is int:
        value = float(value)
    if not isinstance(value, bool | int | float | str):
        raise CameraError(f"{where}: {_WORDS[wanted] if wanted else 'a number, a text, true or false'} expected, got {value!r}")
    if wanted and type(value) is not wanted:
        raise CameraError(f"{where}: {_WORDS[wanted]} expected, got {value!r}")
    return value


def apply_profile(profile: Profile, features: Features) -> tuple[Readback, ...]:
    """Sets every feature in order, then reads all back: what was set last may have changed what was set first.

    CameraError when a feature is missing (and not optional), refused, or exact and rounded. Anything else that differs is
    told by the result.
    """
    written = [(setting, _write(profile, setting, features)) for setting in _applicable(profile, features)]
    rows: dict[tuple[str, str], Readback] = {}
    chosen = ""
    for setting, name in written:
        if name is not None and setting.feature.endswith("Selector"):
            features.set(name, setting.value)
            chosen = f"{name}={setting.value}"
        got = None if name is None else features.get(name)
        if name is not None and got is None:
            continue  # a command was executed: nothing to read
        selected = chosen if chosen and name is not None and features.selected(name) else ""
        rows[(selected, setting.feature)] = Readback(
            setting.section, name or setting.feature, setting.value, got, setting.exact, selected
        )
    for row in rows.values():
        if row.exact and row.differs:
            raise CameraError(
                f"{profile.path}: {row.section}.{row.feature}: {row.asked!r} asked exactly, the camera has {row.got!r}"
            )
    return tuple(rows.values())


def _applicable(profile: Profile, features: Features) -> Iterator[Setting]:
    """The settings without those under an optional selector value that this camera does not have."""
    skipping = False
    for setting in profile.settings:
        if setting.feature.endswith("Selector"):
            name = _name(setting, features)
            skipping = setting.optional and (name is None or not features.offers(name, setting.value))
        if not skipping or setting.feature.endswith("Selector"):
            yield setting


def _name(setting: Setting, features: Features) -> str | None:
    return next((name for name in (setting.feature, *setting.aliases) if features.has(name)), None)


def _write(profile: Profile, setting: Setting, features: Features) -> str | None:
    """Sets one feature and gives the name it has in this camera; None where an optional one is not there."""
    name = _name(setting, features)
    where = f"{profile.path}: {setting.section}.{setting.feature}"
    if name is None:
        if setting.optional:
            return None
        raise CameraError(f"{where}: the camera has no {' or '.join((setting.feature, *setting.aliases))}")
    if setting.optional and not features.offers(name, setting.value):
        return None
    try:
        features.set(name, setting.value)
    except CameraError as error:
        raise CameraError(f"{where}: {error}") from None
    return name


def differences(rows: tuple[Readback, ...]) -> str:
    """The features that came out otherwise than asked, as a table (feature, asked, got); empty when there are none."""
    table = [
        (
            f"{row.feature}[{row.selected}]" if row.selected else row.feature,
            str(row.asked),
            "absent" if row.got is None else str(row.got),
        )
        for row in rows
        if row.differs
    ]
    if not table:
        return ""
    table.insert(0, ("feature", "asked", "got"))
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table)
