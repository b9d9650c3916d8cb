"""Recorded camera input of a batch through the whole line once more: does it still give the same verdicts?

A replay drives no rejector and touches no results of the line: outputs are simulated, its own results go to a folder of their own,
and serials count as used within the replay alone.
"""

from __future__ import annotations

import csv
import dataclasses
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from vision.cameras.recorded import COLUMNS, INDEX, Recording
from vision.config import LineConfig
from vision.pipeline.line import StartError
from vision.results.folder import BATCH_INFO, IMAGES
from vision.results.reader import open_batch
from vision.results.schema import image_name
from vision.types import LINE_REASONS

REPLAYS = "replays"
"""Folder of the results under which each replay has one of its own."""

COMPARED = ("accept", "reasons", "symbols")
"""Columns of a row that must come out the same; times and who looked do not."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What is replayed. config: the line with recorded cameras and no output.

    triggers: station -> triggers of the batch, in the order of replay. missing: triggers of the batch without an image.
    reference: the rows to compare with, None = none.
    """

    config: LineConfig
    triggers: Mapping[str, tuple[int, ...]]
    missing: int
    reference: pa.Table | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one row that came out otherwise."""

    station: str
    trigger: int
    field: str
    before: Any
    after: Any


@contextmanager
def prepare_replay(config: LineConfig, given: Path, against: Path | None = None) -> Iterator[Replay]:
    """The line as it replays a batch folder with its evidence, or a recording. Raises StartError or ResultsError in one line.

    against: the batch to compare with, where `given` is a recording (whose frames then are its triggers 1, 2, ...).
    """
    is_batch = given.is_dir() and ((given / BATCH_INFO).exists() or any(given.glob("*.arrow*")))
    if not is_batch:
        Recording.open(given).close()  # what is wrong with it is said before anything is made
        reference = None if against is None else open_batch(against)
        yield Replay(_replayed(config, {station.name: given for station in config.stations}, None), {}, 0, reference)
        return
    if against is not None:
        raise StartError(f"{given}: is a batch, and is compared with itself; --against goes with a recording")
    table = open_batch(given)
    rows = list(zip(table["station"].to_pylist(), table["trigger"].to_pylist(), strict=True))
    with tempfile.TemporaryDirectory(prefix="vision-replay-") as temporary:
        sources, triggers = {}, {}
        for station in config.stations:
            images = [(t, path) for name, t in rows if name == station.name and (path := _image(given, name, t)).is_file()]
            if not images:
                raise StartError(f"{given}: holds no images of station {station.name}, expected evidence to replay")
            folder = Path(temporary) / station.name
            folder.mkdir()
            with (folder / INDEX).open("w", newline="", encoding="utf-8") as file:
                index = csv.writer(file)
                index.writerow(COLUMNS)
                for _, path in images:
                    (folder / path.name).symlink_to(path.resolve())
                    index.writerow((path.name, "", "", ""))
            sources[station.name] = folder
            triggers[station.name] = tuple(trigger for trigger, _ in images)
        missing = len(rows) - sum(map(len, triggers.values()))
        yield Replay(_replayed(config, sources, _rate_hz(table)), triggers, missing, table)


def _image(batch: Path, station: str, trigger: int) -> Path:
    return batch / IMAGES / image_name(station, trigger)


def _rate_hz(table: pa.Table) -> float | None:
    """The pace of a batch: the median distance of its arrivals at one station."""
    stations = table["station"].to_pylist()
    arrivals = table["arrival_ns"].to_numpy()[np.array([station == stations[0] for station in stations])]
    steps = np.diff(np.sort(arrivals))
    return 1e9 / float(np.median(steps)) if len(steps) and np.median(steps) > 0 else None


def _replayed(config: LineConfig, sources: Mapping[str, Path], rate_hz: float | None) -> LineConfig:
    stations = []
    for station in config.stations:
        camera = dataclasses.replace(
            station.camera,
            backend="recorded",
            profile=None,
            frame_size=None,
            source=sources[station.name],
            rate_hz=rate_hz or station.camera.rate_hz,
            loop=False,
            faults=(),
        )
        reject = dataclasses.replace(station.reject, output="simulated", consecutive_rejects_stop=0)
        stations.append(dataclasses.replace(station, camera=camera, reject=reject))
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%S.%fZ")
    results = config.results / REPLAYS / stamp
    return dataclasses.replace(config, stations=tuple(stations), results=results, unique_within="batch")


def differences(replay: Replay, results: Path, whole: bool = True) -> list[Difference]:
    """What came out otherwise, in the order of the reference's rows: its n-th replayed trigger is the replay's trigger n.

    A trigger that the line itself failed then (MISSED_DEADLINE and the like) says nothing of the pack and is not compared; one that
    it fails now is a difference.

    whole: the replay ran to its end: a trigger that only one of both has is a difference ("trigger"). Raises ResultsError.
    """
    if replay.reference is None:
        return []
    new = _rows(open_batch(results))
    old = _rows(replay.reference)
    pairs = [(key, key) for key in old]
    if replay.triggers:
        pairs = [((name, t), (name, number)) for name, ts in replay.triggers.items() for number, t in enumerate(ts, start=1)]
    found = []
    for before, after in pairs:
        if after not in new:
            if not whole:
                continue
            found.append(Difference(*before, "trigger", before[1], None))
            continue
        if LINE_REASONS.intersection(old[before]["reasons"]):
            continue
        found += [Difference(*before, *entry) for entry in _compared(old[before], new[after])]
    known = {after for _, after in pairs}
    found += [Difference(*key, "trigger", None, key[1]) for key in new if key not in known]
    return found


def _rows(table: pa.Table) -> dict[tuple[str, int], dict[str, Any]]:
    wanted = table.select(["station", "trigger", *COMPARED])
    return {(row["station"], row["trigger"]): row for row in wanted.to_pylist(maps_as_pydicts="lossy")}


def _compared(before: Mapping[str, Any], after: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The fields that differ, by their path ("symbols.0.grade.overall"); what only one of both knows is no difference.

    A field that an older file does not have was not known then: fields are added, never changed in meaning.
    """
    for name in before:
        if name not in after or name in ("station", "trigger"):
            continue
        yield from _value(before[name], after[name], f"{path}{name}")


def _value(before: Any, after: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _compared(before, after, f"{path}.")
    elif path == "symbols" or path.endswith(".symbols"):
        before, after = before or [], after or []
        if len(before) != len(after):
            yield f"{path}.count", len(before), len(after)
        for index, pair in enumerate(zip(before, after, strict=False)):
            yield from _value(*pair, f"{path}.{index}")
    elif before != after and not (isinstance(before, float) and isinstance(after, float) and isnan(before) and isnan(after)):
        yield path, before, after
