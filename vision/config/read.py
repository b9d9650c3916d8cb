"""From a line file to its records: bounds, companions, and what must hold between tables.

A key that is unknown, missing, of the wrong type, out of bounds or without effect is an error of one line that names the file and
the key. Nothing here opens a camera or imports its software.
"""

from __future__ import annotations

import dataclasses
import math
import re
import tomllib
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

from vision.cameras.camera import CameraError
from vision.cameras.profile import Profile, find_profile, load_profile
from vision.config.calibration import load_calibration
from vision.config.layout import layout_config
from vision.config.records import CameraConfig, LineConfig, RecipeConfig, RejectConfig, ResultsConfig, StationConfig, TraceConfig
from vision.config.section import NAME, ConfigError, Section, bare, printable, shown
from vision.config.trace import trace_config
from vision.decode.search import Search
from vision.grade.setup import Setup
from vision.reject.registers import PLACES_MAX

_Record = TypeVar("_Record")

MARGIN_MS = 20.0
"""Least time between the deadline and the ejector: the pass message, the rejector's wake-up and one cycle of a PLC."""


def load_line(path: str | Path) -> LineConfig:
    """Reads a line file; ConfigError with one line naming file and key. Relative paths in it start at its folder (results: at the
    working directory)."""
    path = Path(path)
    try:
        raw = tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: is not TOML: {' '.join(str(error).split())}") from None
    for key in raw:
        if key not in ("line", "results", "station", "trace"):
            raise ConfigError(f"{path}: [{bare(key)}]: unknown table, expected [line], [results], [trace], [[station]]")
    if "line" not in raw:
        raise ConfigError(f"{path}: [line]: missing, expected a table")
    tables = raw.get("station")
    if not isinstance(tables, list) or not tables:
        raise ConfigError(f"{path}: [[station]]: missing, expected one table for each station")
    stations = tuple(_station(Section(path, f"[station {number}]", table)) for number, table in enumerate(tables, start=1))
    keep = _results(Section(path, "[results]", raw.get("results", {})))
    trace = trace_config(Section(path, "[trace]", raw.get("trace", {})))
    config = _line(Section(path, "[line]", raw["line"]), keep, stations, trace)
    _check_together(config)
    return config


def _line(section: Section, keep: ResultsConfig, stations: tuple[StationConfig, ...], trace: TraceConfig) -> LineConfig:
    config = LineConfig(
        path=section.path,
        name=section.text("name", "1 to 40 letters, digits, - or _", NAME.pattern),
        results=Path(section.text("results", "a folder", default="results")),
        inspectors=section.count("inspectors", 1, 64, 2),
        slots=section.count("slots", 2, 4096, 32),
        deadline_ms=section.number("deadline_ms", 1.0, 60_000.0, 150.0),
        restart_count=section.count("restart_count", 0, 1000, 5),
        restart_window_s=section.number("restart_window_s", 1.0, 86_400.0, 60.0),
        unique_within=section.choice("unique_within", ("order", "batch"), "order"),
        keep=keep,
        stations=stations,
        serial_pool=section.text("serial_pool", "sqlite:PATH or postgresql://USER@HOST:PORT/DATABASE", default=""),
        challenge_minutes=section.number("challenge_minutes", 0.0, 10_080.0, 0.0),
        trace=trace,
    )
    section.finish()
    return config


def _results(section: Section) -> ResultsConfig:
    config = ResultsConfig(
        rows_per_file=section.count("rows_per_file", 1, 10_000_000, 10_000),
        evidence_images=section.count("evidence_images", 0, 1_000_000, 200),
        evidence_mb=section.count("evidence_mb", 0, 1_000_000, 200),
        free_mb_min=section.count("free_mb_min", 0, 1_000_000, 100),
    )
    section.finish()
    return config


def _station(section: Section) -> StationConfig:
    name = section.text("name", "1 to 40 letters, digits, - or _", NAME.pattern)
    section.name = f"[station {name}]"
    reject = _reject(section.table("reject", required=True))
    camera = _camera(section.table("camera", required=True))
    config = StationConfig(name, camera, _recipe(section.table("recipe"), camera), reject)
    section.finish()
    return config


def _camera(section: Section) -> CameraConfig:
    backend = section.choice("backend", ("genicam", "simulator", "recorded"))
    live = backend == "genicam"
    device = backend in ("genicam", "simulator")
    only = f'without effect with backend = "{backend}"'
    section.refuse(() if live else ("producers",), only)
    section.refuse(() if device else ("profile", "serial_number", "user_id"), only)
    section.refuse(("source", "rate_hz", "loop", "encoder_counts_per_pack") if live else (), only)
    section.refuse(() if backend == "simulator" else ("seed", "faults"), only)
    if section.has("serial_number") and section.has("user_id"):
        raise section.wrong("user_id", "either serial_number or user_id")
    profile = _profile(section) if device else None
    config = CameraConfig(
        backend=backend,
        profile=None if profile is None else profile.path,
        frame_size=None if profile is None else (profile.width, profile.height),
        producers=_producers(section) if live else (),
        serial_number=section.text("serial_number", default=None) if device else None,
        user_id=section.text("user_id", default=None) if device else None,
        source=None if live else _existing(section, "source", "a recording: a folder or an archive of frames"),
        rate_hz=0.0 if live else section.number("rate_hz", 0.1 if device else 0.0, 10_000.0, 10.0),
        loop=False if live else section.flag("loop", True),
        seed=section.count("seed", 0, 2**63 - 1, 1) if backend == "simulator" else 1,
        faults=_faults(section) if backend == "simulator" else (),
        encoder_counts_per_pack=_encoder_counts(section, backend),
        frame_timeout_ms=section.number("frame_timeout_ms", 0.0, 86_400_000.0, 0.0),
    )
    section.finish()
    return config


def _encoder_counts(section: Section, backend: str) -> float:
    """The simulated camera always has an encoder, a recording only where it is asked for."""
    if backend == "genicam":
        return 0.0
    simulated = backend == "simulator"
    return section.number("encoder_counts_per_pack", 1.0 if simulated else 0.0, 1e6, 1000.0 if simulated else 0.0)


def _existing(section: Section, key: str, expected: str) -> Path:
    """A path relative to the line file that must be there."""
    text = section.text(key, expected)
    found = section.path.parent / text
    if not found.exists():
        raise section.wrong(key, f"{expected}; nothing is at {found}")
    return found


def _profile(section: Section) -> Profile:
    text = section.text("profile", "the name of a camera profile, or a path to one")
    try:
        return load_profile(find_profile(text, section.path.parent))
    except CameraError as error:
        raise section.wrong("profile", f"a camera profile: {printable(str(error))}") from None


def _producers(section: Section) -> tuple[Path, ...]:
    expected = "a list of paths of GenTL producers (.cti)"
    given = section.value("producers", expected, [])
    if not isinstance(given, list) or not all(isinstance(item, str) and item.endswith(".cti") for item in given):
        raise section.wrong("producers", expected)
    paths = tuple(section.path.parent / item for item in given)
    for path in paths:
        if not path.is_file():
            raise section.wrong("producers", f"{expected}; there is no file {path}")
    return paths


def _faults(section: Section) -> tuple[dict[str, Any], ...]:
    """Shape only: what kinds there are is the simulator's business."""
    expected = 'a list of tables with kind = "..." and plain values'
    given = section.value("faults", expected, [])
    if not isinstance(given, list):
        raise section.wrong("faults", expected)
    for fault in given:
        if not isinstance(fault, dict) or not isinstance(fault.get("kind"), str):
            raise section.wrong("faults", expected)
        if not all(isinstance(value, str | int | float | bool) for value in fault.values()):
            raise section.wrong("faults", expected)
    return tuple(dict(fault) for fault in given)


LINE_EFFORT = 64
"""Default of a line: a frame without a code costs about 8 ms (`bench.decode_sets`, N); offline there is time for more."""


def _recipe(section: Section, camera: CameraConfig) -> RecipeConfig:
    # The symbols expected follow from symbols_per_frame, and the look for one more from count_extra.
    search = _record(section, Search, without=("symbol_count", "extra_effort"))
    if not section.has("effort"):
        search = dataclasses.replace(search, effort=LINE_EFFORT)
    config = RecipeConfig(
        search=search,
        setup=_setup(section, camera),
        grade_min=section.number("grade_min", 0.0, 4.0, None),
        symbols_per_frame=section.count("symbols_per_frame", 1, 1000, None),
        count_extra=section.flag("count_extra", True),
        layout=layout_config(section.table("layout")) if section.has("layout") else None,
    )
    section.value("layout", "a table", None)
    section.refuse(() if config.layout is None else ("symbols_per_frame",), "the layout has a symbol for each of its places")
    section.finish()
    return config


def _setup(section: Section, camera: CameraConfig) -> Setup:
    """How the station grades; calibrated by a card check on file, for a word in a line file is none."""
    setup = _record(section, Setup, without=("calibrated", "calibration", "calibration_expired", "flat_field"))
    text = section.text("calibration", "the file that vision calibrate wrote", default=None)
    if text is None:
        return setup
    section.refuse(("white", "black"), "they come from the calibration")
    try:
        stored = load_calibration(section.path.parent / text)
        stored.require_profile(camera.profile)
        stored.require_size(camera.frame_size)
    except ConfigError as error:
        raise section.wrong("calibration", f"a calibration of this camera's profile: {printable(str(error))}") from None
    return stored.applied(setup)


def _record(section: Section, kind: type[_Record], without: tuple[str, ...]) -> _Record:
    """A frozen record of another layer from the keys that bear its fields' names; that layer checks the bounds."""
    hints = typing.get_type_hints(kind)
    given: dict[str, Any] = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.name in without:
            continue
        if section.has(field.name):
            value = _tuples(section.value(field.name, "", None))
            if not _fits(value, hints[field.name]):
                raise section.wrong(field.name, _kind_words(hints[field.name]))
            given[field.name] = value
        else:
            section.value(field.name, "", None)
    try:
        return kind(**given)
    except ValueError as error:
        key = next((name for name in given if re.search(rf"\b{name}\b", str(error))), "")
        raise ConfigError(f"{section.path}: {section.name} {key}{': ' if key else ''}{printable(str(error))}") from None


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _fits(value: object, hint: Any) -> bool:
    """Whether a TOML value has the type of a field; whole numbers are numbers, truth values are not."""
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return value in typing.get_args(hint)
    if origin is tuple:
        kinds = typing.get_args(hint)
        if not isinstance(value, tuple):
            return False
        if len(kinds) == 2 and kinds[1] is Ellipsis:
            return all(_fits(item, kinds[0]) for item in value)
        return len(value) == len(kinds) and all(_fits(item, kind) for item, kind in zip(value, kinds, strict=True))
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, kind) for kind in typing.get_args(hint) if kind is not type(None))
    if isinstance(value, bool) or hint is bool:
        return isinstance(value, bool) and hint is bool
    if hint is float:
        return isinstance(value, int | float) and math.isfinite(value)
    return isinstance(hint, type) and isinstance(value, hint)


_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def _kind_words(hint: Any) -> str:
    kinds = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    if typing.get_origin(hint) is typing.Literal:
        return "one of " + ", ".join(shown(choice) for choice in typing.get_args(hint))
    return " or ".join(_WORDS.get(kind, "a list") for kind in kinds if kind is not type(None))


_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_MODBUS = ("host", "port", "unit_id", "simulate_plc", "allow_insecure_network", "position_bits")


def _reject(section: Section) -> RejectConfig:
    output = section.choice("output", ("modbus", "camera_line", "simulated"))
    without = f'without effect with output = "{output}"'
    section.refuse(() if output == "modbus" else _MODBUS, without)
    section.refuse(() if output == "camera_line" else ("user_output", "pulse_ms"), without)
    encoder = section.has("encoder_counts_per_mm")
    if encoder:
        section.refuse(("speed_mm_per_s",), "the distance is counted by the encoder; speed_max_mm_per_s bounds it")
    else:
        section.refuse(("speed_max_mm_per_s", "encoder_lost_ms"), "goes with encoder_counts_per_mm")
    config = RejectConfig(
        output=output,
        distance_mm=section.number("distance_mm", 1.0, 1e6),
        speed_mm_per_s=None if encoder else section.number("speed_mm_per_s", 0.1, 1e5),
        encoder_counts_per_mm=section.number("encoder_counts_per_mm", 0.001, 1e5) if encoder else None,
        speed_max_mm_per_s=section.number("speed_max_mm_per_s", 0.1, 1e5) if encoder else None,
        encoder_lost_ms=section.number("encoder_lost_ms", 1.0, 60_000.0, 500.0) if encoder else 500.0,
        host=section.text("host", "a host name or address", r"[A-Za-z0-9.:_-]+", "127.0.0.1") if output == "modbus" else "",
        port=section.count("port", 0, 65_535, 502) if output == "modbus" else 0,
        unit_id=section.count("unit_id", 0, 255, 1) if output == "modbus" else 0,
        simulate_plc=section.flag("simulate_plc", False) if output == "modbus" else False,
        allow_insecure_network=section.flag("allow_insecure_network", False) if output == "modbus" else False,
        # A PLC gives a silent station up after 500 ms: two beats may be lost before.
        heartbeat_ms=section.number("heartbeat_ms", 10.0, 200.0, 100.0),
        confirm_ms=section.number("confirm_ms", 0.0, 60_000.0, 0.0),
        user_output=section.text("user_output", default="UserOutput1") if output == "camera_line" else "",
        pulse_ms=section.number("pulse_ms", 0.1, 10_000.0, 20.0) if output == "camera_line" else 0.0,
        consecutive_rejects_stop=section.count("consecutive_rejects_stop", 0, 1_000_000, 0),
        position_bits=section.flag("position_bits", False) if output == "modbus" else False,
    )
    if output == "modbus" and config.port == 0 and not config.simulate_plc:
        raise section.wrong("port", "1 to 65535; 0 (a free port) only with simulate_plc = true")
    if config.simulate_plc and config.host not in _LOOPBACK:
        raise section.wrong("simulate_plc", f"false: a simulated PLC listens on this machine only, and host is {config.host}")
    if output == "modbus" and config.host not in _LOOPBACK and not config.allow_insecure_network:
        raise section.wrong("host", "this machine, or allow_insecure_network = true: Modbus TCP has no log-in and no encryption")
    try:
        config.travel()
    except ValueError as error:
        raise section.wrong("distance_mm", f"a way to the ejector that can be followed: {error}") from None
    section.finish()
    return config


def _check_together(config: LineConfig) -> None:
    """What must hold between tables."""
    names: set[str] = set()
    outputs: set[tuple[str, int, int]] = set()
    for station in config.stations:
        where = f"{config.path}: [station {station.name}]"
        if station.name in names:
            raise ConfigError(f"{where} name: stands twice, expected another name for each station")
        names.add(station.name)
        reject, camera = station.reject, station.camera
        travel_ms = station.travel_ms
        if config.deadline_ms + MARGIN_MS > travel_ms:
            raise ConfigError(
                f"{config.path}: [line] deadline_ms: {config.deadline_ms:g}, expected at most {travel_ms - MARGIN_MS:g}: a pack "
                f"travels {travel_ms:g} ms to the ejector of station {station.name}, and the output needs {MARGIN_MS:g} ms of it"
            )
        if reject.output == "camera_line" and camera.backend == "recorded":
            raise ConfigError(f'{where[:-1]}.reject] output: "camera_line", expected another: a recording has no output lines')
        if reject.encoder_counts_per_mm is not None and camera.backend != "genicam" and camera.encoder_counts_per_pack == 0:
            raise ConfigError(
                f"{where[:-1]}.camera] encoder_counts_per_pack: 0, expected more: the way to the ejector is counted by the encoder"
            )
        _check_way(where[:-1], station)
        places = 0 if station.recipe.layout is None else len(station.recipe.layout.places)
        if reject.position_bits and not 0 < places <= PLACES_MAX:
            raise ConfigError(f"{where[:-1]}.reject] position_bits: true, expected a layout of at most {PLACES_MAX} places with it")
        address = (reject.host, reject.port, reject.unit_id)
        if reject.output == "modbus":
            if address in outputs:
                raise ConfigError(
                    f"{where[:-1]}.reject] unit_id: {reject.unit_id}, expected another: two stations write to one PLC's registers"
                )
            outputs.add(address)


def _check_way(where: str, station: StationConfig) -> None:
    """Whether the packs of a camera whose rate is known can be followed to the ejector."""
    reject, camera, count = station.reject, station.camera, station.under_way_count
    if count is None:
        return
    where = f"{where}.reject]"
    # One more than the average: packs do not stand in step with the ejector.
    if count + 1 > station.under_way_limit:
        raise ConfigError(
            f"{where} distance_mm: {reject.distance_mm:g}, expected less: {count:.0f} packs would be under way to "
            f"the ejector at {camera.rate_hz:g} packs/s, and {station.under_way_limit - 1} can be followed"
        )
    if reject.encoder_counts_per_mm is None:
        return
    speed_mm_per_s = camera.encoder_counts_per_pack * camera.rate_hz / reject.encoder_counts_per_mm
    if speed_mm_per_s > (reject.speed_max_mm_per_s or math.inf):
        raise ConfigError(
            f"{where} speed_max_mm_per_s: {reject.speed_max_mm_per_s:g}, expected at least {speed_mm_per_s:g}: the camera's "
            f"{camera.encoder_counts_per_pack:g} counts per pack at {camera.rate_hz:g} packs/s"
        )
    # Counts come with frames: silence lasts from pack to pack, or to the ejector where that is nearer.
    silence_ms = min(1.0, count) / camera.rate_hz * 1e3
    if reject.encoder_lost_ms <= silence_ms:
        raise ConfigError(
            f"{where} encoder_lost_ms: {reject.encoder_lost_ms:g}, expected more than {silence_ms:g}: so long no count comes "
            f"at {camera.rate_hz:g} packs/s, and a silent encoder rejects all packs under way"
        )
