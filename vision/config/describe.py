"""The effective configuration in words, with the sums an engineer asks for, and its hash."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vision.config.records import LineConfig, StationConfig

_MB = 1e6


def memory_bytes(config: LineConfig, frame_sizes: Mapping[str, tuple[int, int]] | None = None) -> int:
    """Shared memory for the pool: every slot holds the largest frame of any station.

    frame_sizes: (width, height) in pixels by station name, Mono8, where no profile says it (a recording).
    """
    known = {station.name: station.camera.frame_size for station in config.stations if station.camera.frame_size is not None}
    sizes = {**known, **(frame_sizes or {})}
    return config.slots * max((width * height for width, height in sizes.values()), default=0)


def describe(config: LineConfig, frame_sizes: Mapping[str, tuple[int, int]] | None = None) -> list[tuple[str, str]]:
    """Name and value of everything in effect, defaults included, then the sums of time and memory.

    frame_sizes: as in memory_bytes.
    """
    fields = _plain(config)
    del fields["stations"]
    lines = list(_flat("", fields))
    for station in config.stations:
        lines += _flat(f"station {station.name}", _plain(station))
    lines += [line for station in config.stations for line in _times(config, station)]
    total = memory_bytes(config, frame_sizes)
    if total:
        lines.append(("memory", f"{config.slots} slots x {total / config.slots / _MB:.2f} MB = {total / _MB:.1f} MB"))
    else:
        lines.append(("memory", f"{config.slots} slots x the frame of the recording"))
    return lines


def _times(config: LineConfig, station: StationConfig) -> Iterator[tuple[str, str]]:
    travel, deadline = station.travel_ms, config.deadline_ms
    yield f"station {station.name} travel_ms", f"{travel:.1f}"
    yield (
        f"station {station.name} latency",
        f"{deadline:g} ms deadline + {travel - deadline:.1f} ms to spare = {travel:.1f} ms travel",
    )
    yield f"station {station.name} under_way", _under_way(station)
    if station.reject.encoder_counts_per_mm is not None:
        yield (
            f"station {station.name} longest_gap",
            f"{station.reject.encoder_lost_ms:g} ms from pack to pack; a longer one rejects those that are still on the way",
        )


def _under_way(station: StationConfig) -> str:
    limit, count, reject = station.under_way_limit - 1, station.under_way_count, station.reject
    words = f"at most {limit} packs on the way to the ejector"
    if count is not None:
        return f"{count:.1f} of {words}"
    if reject.encoder_counts_per_mm is not None:
        return f"{words}: {reject.distance_mm / limit:.1f} mm or more from pack to pack"
    return f"{words}: {limit / station.travel_ms * 1e3:.0f} packs/s"


def config_hash(config: LineConfig) -> str:
    """SHA-256 of the canonical JSON of everything in effect, but for where the line file lies."""
    fields = _plain(config)
    del fields["path"]
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _plain(record: Any) -> dict[str, Any]:
    """A record as JSON knows it: paths as texts, tuples as lists."""

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return str(value)
        if isinstance(value, Mapping):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return value if value is None or isinstance(value, bool | int | float | str) else str(value)

    result: dict[str, Any] = plain(dataclasses.asdict(record))
    return result


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flat(f"{name} {key}".strip(), item)
    elif isinstance(value, list):
        yield name, json.dumps(value) if value else "none"
    else:
        yield name, "not set" if value is None else json.dumps(value)
