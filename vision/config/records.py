"""What a line file says, checked: one frozen record per table, and what follows from it by arithmetic alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vision.content.order import Order
from vision.decode.search import Search
from vision.grade.setup import Setup
from vision.reject.belt import EncoderTravel, TimeTravel
from vision.verdict.layout import Layout
from vision.verdict.recipe import EXTRA_EFFORT, Recipe, recipe_for

RING_ENTRY_COUNT = 120
"""Packs that may be under way to the ejector with output = "modbus": the ring of verdicts that the PLC holds."""

SCHEDULE_LIMIT_COUNT = 4096
"""The same with any other output: what the rejector's schedule holds."""


@dataclass(frozen=True, slots=True)
class ResultsConfig:
    """rows_per_file: rows after which a file is sealed. evidence_*: most images, and MB of them, of one batch; free_mb_min: below
    it images are dropped."""

    rows_per_file: int
    evidence_images: int
    evidence_mb: int
    free_mb_min: int


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """Where frames come from. Fields that a backend does not use keep their defaults.

    profile: the file in camera_profiles/ or elsewhere, frame_size: its (width, height) in pixels (genicam, simulator).
    source: the recording (recorded, simulator).
    producers: GenTL producers, empty = GENICAM_GENTL64_PATH. rate_hz: 0 = as fast as it goes.
    frame_timeout_ms: silence after which the camera counts as lost, 0 = wait for ever.
    """

    backend: Literal["genicam", "simulator", "recorded"]
    profile: Path | None
    frame_size: tuple[int, int] | None
    producers: tuple[Path, ...]
    serial_number: str | None
    user_id: str | None
    source: Path | None
    rate_hz: float
    loop: bool
    seed: int
    faults: tuple[Mapping[str, Any], ...]
    encoder_counts_per_pack: float
    frame_timeout_ms: float


@dataclass(frozen=True, slots=True)
class RecipeConfig:
    """What a station looks for; the order adds what must be found.

    grade_min: least grade, None = that of the order (1.5 without one); it can raise the order's, never lower it.
    symbols_per_frame: used without an order only. count_extra: look on when that many were read. layout: the places of a tray.
    """

    search: Search
    setup: Setup
    grade_min: float | None
    symbols_per_frame: int | None
    count_extra: bool
    layout: Layout | None = None

    def recipe(self, order: Order | None) -> Recipe:
        """The recipe of the station under an order, or without one."""
        if order is not None:
            return recipe_for(order, self.search, self.setup, self.grade_min or 0.0, self.count_extra, self.layout)
        extra = self.search.extra_effort or (EXTRA_EFFORT if self.count_extra else 0)
        count = self.symbols_per_frame if self.layout is None else len(self.layout.places)
        search = dataclasses.replace(self.search, symbol_count=count, extra_effort=extra)
        grade_min = 1.5 if self.grade_min is None else self.grade_min
        return Recipe(search, self.setup, grade_min=grade_min, symbols_per_frame=count, layout=self.layout)


@dataclass(frozen=True, slots=True)
class RejectConfig:
    """How far the ejector is and how it is told. Exactly one of speed_mm_per_s and encoder_counts_per_mm is set.

    speed_max_mm_per_s: fastest belt, with encoder_counts_per_mm only. encoder_lost_ms: silence of the encoder that rejects all.
    confirm_ms: how long after its due time the machine may take to confirm a reject, 0 = it confirms none.
    consecutive_rejects_stop: rejects in a row that stop the line, 0 = off. position_bits: the PLC is told a tray's bad places.
    """

    output: Literal["modbus", "camera_line", "simulated"]
    distance_mm: float
    speed_mm_per_s: float | None
    encoder_counts_per_mm: float | None
    speed_max_mm_per_s: float | None
    encoder_lost_ms: float
    host: str
    port: int
    unit_id: int
    simulate_plc: bool
    allow_insecure_network: bool
    heartbeat_ms: float
    confirm_ms: float
    user_output: str
    pulse_ms: float
    consecutive_rejects_stop: int
    position_bits: bool = False

    @property
    def travel_ms(self) -> float:
        """Shortest time from the trigger to the ejector."""
        return self.distance_mm / (self.speed_mm_per_s or self.speed_max_mm_per_s or 1.0) * 1000.0

    def travel(self) -> TimeTravel | EncoderTravel:
        """The way to the ejector as the rejector's schedule wants it."""
        if self.encoder_counts_per_mm is None:
            return TimeTravel.of(self.distance_mm, self.speed_mm_per_s or 0.0)
        return EncoderTravel(
            distance_count=round(self.distance_mm * self.encoder_counts_per_mm),
            rate_max_count_per_s=max(1, round((self.speed_max_mm_per_s or 0.0) * self.encoder_counts_per_mm)),
            lost_ns=round(self.encoder_lost_ms * 1e6),
        )


@dataclass(frozen=True, slots=True)
class StationConfig:
    name: str
    camera: CameraConfig
    recipe: RecipeConfig
    reject: RejectConfig

    @property
    def travel_ms(self) -> float:
        """Shortest time from the trigger to the ejector."""
        return self.reject.travel_ms

    @property
    def under_way_count(self) -> float | None:
        """Packs between the trigger and the ejector at the camera's own rate; None where only the belt knows it."""
        camera, counts_per_mm = self.camera, self.reject.encoder_counts_per_mm
        if camera.backend == "genicam" or camera.rate_hz == 0:
            return None
        if counts_per_mm is None:
            return self.travel_ms / 1e3 * camera.rate_hz
        return self.reject.distance_mm * counts_per_mm / camera.encoder_counts_per_pack

    @property
    def under_way_limit(self) -> int:
        """Packs that can be told apart on the way to the ejector; any beyond it is rejected."""
        return RING_ENTRY_COUNT if self.reject.output == "modbus" else SCHEDULE_LIMIT_COUNT


@dataclass(frozen=True, slots=True)
class LevelConfig:
    """A kind of container. capacity: most packs or containers directly in it. mixed_lots: whether packs of several lots or products
    may be in it, at any depth."""

    name: str
    capacity: int
    mixed_lots: bool = False


@dataclass(frozen=True, slots=True)
class TraceConfig:
    """company_prefixes: of our GTINs, SSCCs and the GLN, for URNs. gln: of the site, "" = not said. time_zone: its name, for the
    offset in events. levels: containers, the smallest first."""

    company_prefixes: tuple[str, ...] = ()
    gln: str = ""
    time_zone: str = "UTC"
    levels: tuple[LevelConfig, ...] = ()


@dataclass(frozen=True, slots=True)
class LineConfig:
    """A line file, checked. results: folder, relative to the working directory. slots: frames in memory over all stations.

    deadline_ms: from the trigger to the verdict with its record durable. restart_count: restarts of one role within
    restart_window_s before FAULT. unique_within: which earlier records make a serial a duplicate. serial_pool: address of the
    pool that batches draw serials from, "" = one file in the results folder. challenge_minutes: longest time between two
    challenge tests of an open batch, 0 = none is asked for.
    """

    path: Path
    name: str
    results: Path
    inspectors: int
    slots: int
    deadline_ms: float
    restart_count: int
    restart_window_s: float
    unique_within: Literal["order", "batch"]
    keep: ResultsConfig
    stations: tuple[StationConfig, ...]
    serial_pool: str = ""
    challenge_minutes: float = 0.0
    trace: TraceConfig = TraceConfig()
