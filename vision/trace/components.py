"""What a pack is made of besides its print: mould cavity, filling batch, in-process test records, as the MES says it in JSON.

    {"components": [
       {"kind": "filling_batch", "id": "FB-12", "from": "2026-11-26T08:00:00+01:00", "to": "2026-11-26T12:00:00+01:00"},
       {"kind": "mould_cavity", "id": "M7/3", "positions": [3, 11], "station": "TRAY"},
       {"kind": "in_process_test", "id": "IPC-88", "record": "leak test, 20 of 20 tight", "from": "...", "to": "..."}]}

A component belongs to every pack that was seen at its station (any without one), at one of its positions (any without), and from
`from`, before `to` (any time without). The file goes into the operations of its batch, with who brought it, chained and sealed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from vision.config.section import shown
from vision.results.operations import append_operation, read_operations
from vision.verdict.layout import PLACES_MAX

KINDS = ("mould_cavity", "filling_batch", "in_process_test", "component")
OPERATION = "components"
_KEYS = {"kind", "id", "record", "from", "to", "station", "positions"}

Component = Mapping[str, Any]


class ComponentsError(Exception):
    """One line: which file, which component, and which rule it breaks."""


def load_components(path: Path) -> list[dict[str, Any]]:
    """Reads and checks a file, whole. Raises ComponentsError in one line that names file, number and key."""
    try:
        raw = json.loads(path.read_bytes().decode("utf-8-sig"), object_pairs_hook=_object)
    except OSError as error:
        raise ComponentsError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ComponentsError(f"{path}: is not UTF-8 text") from None
    except (ValueError, RecursionError) as error:
        raise ComponentsError(f"{path}: is not JSON: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict) or set(raw) != {"components"} or not isinstance(raw["components"], list):
        raise ComponentsError(f'{path}: expected {{"components": [...]}} and nothing else')
    if not raw["components"]:
        raise ComponentsError(f"{path}: has no component")
    seen: set[str] = set()
    for number, component in enumerate(raw["components"], start=1):
        try:
            _check(component)
        except ValueError as error:
            raise ComponentsError(f"{path}: component {number}: {error}") from None
        key = json.dumps(component, sort_keys=True)
        if key in seen:
            raise ComponentsError(f"{path}: component {number}: stands twice")
        seen.add(key)
    return list(raw["components"])


def link_components(batch: Path, path: Path, who: str, why: str = "") -> int:
    """Takes a file into the operations of a batch; how many components. Raises ComponentsError, ResultsError: then none."""
    if not read_operations(batch):
        raise ComponentsError(f"{batch}: is no batch that a person started (vision batch start), nothing can be linked to it")
    components = load_components(path)
    append_operation(batch, who, OPERATION, why, file=path.name, components=components)
    return len(components)


def components_of(batch: Path) -> list[dict[str, Any]]:
    """All components that were linked to a batch, in their order. Raises ResultsError."""
    return [one for operation in read_operations(batch) if operation["what"] == OPERATION for one in operation["components"]]


def of_pack(components: Sequence[Component], station: str, position: int | None, utc_ns: int) -> list[dict[str, Any]]:
    """The components that belong to a pack seen there and then."""
    return [dict(one) for one in components if _belongs(one, station, position, utc_ns)]


def _belongs(one: Component, station: str, position: int | None, utc_ns: int) -> bool:
    return (
        one.get("station", station) == station
        and ("positions" not in one or position in one["positions"])
        and ("from" not in one or _ns(one["from"]) <= utc_ns)
        and ("to" not in one or utc_ns < _ns(one["to"]))
    )


def _ns(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1_000_000) * 1000


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return dict(pairs)


def _check(component: Any) -> None:
    """Raises ValueError naming the key."""
    if not isinstance(component, dict):
        raise ValueError(f"{shown(component)}: expected an object")
    for key in component:
        if key not in _KEYS:
            raise ValueError(f"key {shown(key)}: unknown, expected {', '.join(sorted(_KEYS))}")
    for key in ("kind", "id"):
        if key not in component:
            raise ValueError(f"key {key!r}: missing")
    if component["kind"] not in KINDS:
        raise ValueError(f"kind: {shown(component['kind'])}, expected one of {', '.join(KINDS)}")
    for key, longest in (("id", 80), ("record", 400), ("station", 40)):
        value = component.get(key, "x")
        if not isinstance(value, str) or not value or len(value) > longest or not value.isprintable():
            raise ValueError(f"{key}: {shown(value)}, expected 1 to {longest} printable characters")
    for key in ("from", "to"):
        if key in component and not _is_time(component[key]):
            raise ValueError(f"{key}: {shown(component[key])}, expected a time with its offset, such as 2026-11-26T08:00:00+01:00")
    if "from" in component and "to" in component and _ns(component["from"]) >= _ns(component["to"]):
        raise ValueError(f"to: {shown(component['to'])}, expected later than from")
    positions = component.get("positions", [1])
    if not isinstance(positions, list) or not positions or not all(type(p) is int and 1 <= p <= PLACES_MAX for p in positions):
        raise ValueError(f"positions: {shown(positions)}, expected a list of whole numbers from 1 to {PLACES_MAX}")
    if len(set(positions)) < len(positions):
        raise ValueError("positions: one stands twice")


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
