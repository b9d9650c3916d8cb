"""`vision check`: what a line file means, before anything is started, and every doubt about it."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vision.cameras.profile import Readback
    from vision.config import LineConfig
    from vision.content.order import Order
    from vision.verdict.recipe import Recipe


def check(
    line: Annotated[Path, typer.Argument(metavar="LINE.toml", help="line file")],
    order: Annotated[Path | None, typer.Option(metavar="ORDER.json", help="also check an order")] = None,
    camera: Annotated[bool, typer.Option(help="open each camera, apply its profile and read it back")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON line on stdout")] = False,
) -> int:
    """Says what a line file means, before the line runs. Shows the effective configuration, memory and latency sums, and each
    camera's read-back; exit code 2 on any doubt.

    Example: vision check line.toml --order PO-4711.json
    """
    from vision.cameras.camera import CameraError
    from vision.config import ConfigError, describe, load_line
    from vision.content.order import load_order
    from vision.pipeline.sources import prepare_sources, read_back

    config = load_line(line)
    loaded = load_order(order) if order is not None else None
    recipes = [station.recipe.recipe(loaded) for station in config.stations]
    doubts: list[str] = []
    cameras: dict[str, Sequence[Readback]] = {}
    try:
        with prepare_sources(config, purpose="check") as sources:
            sizes = {s.name: (at.shape[1], at.shape[0]) for s, at in zip(config.stations, sources, strict=True)}
            groups = _groups(describe(config, sizes))
            groups |= {
                f"station {s.name} lets a pack through with": _search(r, loaded)
                for s, r in zip(config.stations, recipes, strict=True)
            }
            if not as_json:
                _print_configuration(groups)
            doubts += _doubts(config, sizes)
            for station, source in zip(config.stations, sources, strict=True):
                if camera and station.camera.backend != "recorded":
                    cameras[station.name] = rows = read_back(station.camera, source)
                    if not as_json:
                        _print_camera(station.name, rows)
                    doubts += [f"station {station.name}: {_feature(row)} differs" for row in rows if row.differs]
    except CameraError as error:
        raise ConfigError(f"{line}: {error}") from None
    if as_json:
        read = {name: [dataclasses.asdict(row) for row in rows] for name, rows in cameras.items()}
        print(json.dumps({"line": str(line), "configuration": groups, "cameras": read, "doubts": doubts}))
    if doubts:
        print(f"vision: {line}: {'; '.join(doubts)}", file=sys.stderr)
        return 2
    if not as_json:
        print("\nno doubt: the line can start")
    return 0


def _groups(rows: Sequence[tuple[str, str]]) -> dict[str, dict[str, str]]:
    """Name and value under the headings and keys of the line file, then the sums of time and memory."""
    groups: dict[str, dict[str, str]] = {}
    for name, value in rows:
        heading, key = _place(name)
        groups.setdefault(heading, {})[key] = value
    groups["sums"] = groups.pop("sums", {})
    return groups


def _print_configuration(groups: dict[str, dict[str, str]]) -> None:
    for heading, pairs in groups.items():
        print(f"{heading}")
        for key, value in pairs.items():
            print(f"  {key:<28} {value}")
        print()


def _place(name: str) -> tuple[str, str]:
    """Heading and key of a row of `describe`: "station S1 recipe setup aperture" is aperture in [station S1.recipe]."""
    words = name.split()
    if words[-1] in ("memory", "latency", "travel_ms", "under_way", "longest_gap"):
        return "sums", name
    if words[0] == "keep":
        return "[results]", words[-1]
    if words[0] != "station":
        return "[line]", name
    return f"[{' '.join(words[:2])}{'.' + words[2] if len(words) > 3 else ''}]", words[-1]


def _search(recipe: Recipe, order: Order | None) -> dict[str, str]:
    """What a station then looks for: the recipe under the order."""
    number = "any number of codes" if recipe.symbols_per_frame is None else f"{recipe.symbols_per_frame} code(s)"
    extra = "seen" if recipe.search.symbol_count is None else "not looked for"
    content = "any that follows its scheme (no order given)"
    if order is not None:
        serials = "any serial once" if order.serials is None else f"one of {len(order.serials)} serials, once"
        product = order.gtin or order.ppn
        content = f"order {order.order}: {product}, lot {order.lot}, expiry {order.expiry}, {serials}"
    return {
        "codes": f"{number}, one too many is {extra}",
        "print": f"grade {recipe.grade_min:.1f} or better, ISO/IEC {recipe.setup.standard}:{recipe.setup.edition}",
        "content": content,
    }


def _doubts(config: LineConfig, sizes: dict[str, tuple[int, int]]) -> Iterator[str]:
    """What would keep the line from starting here and now, or from running well."""
    import psutil

    from vision.config import memory_bytes

    needed, free = memory_bytes(config, sizes), psutil.virtual_memory().available
    if needed > free / 2:
        yield f"[line] slots: the frames take {needed / 1e6:.0f} MB of {free / 1e6:.0f} MB that are free, expected at most half"
    folder = config.results / config.name
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        yield f"[line] results: {folder} is no folder"
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield f"[line] results: {folder} is not writable"
    for station in config.stations:
        reject = station.reject
        if station.recipe.setup.calibration_expired:
            yield f"[station {station.name}.recipe] calibration: has expired, expected one that holds (vision calibrate)"
        if reject.output == "modbus" and (reject.port or not reject.simulate_plc):
            trouble = _plc_trouble(reject.host, reject.port, reject.simulate_plc)
            if trouble:
                yield f"[station {station.name}.reject] port: {reject.host}:{reject.port}: {trouble}"


def _plc_trouble(host: str, port: int, simulated: bool) -> str:
    """Why a PLC cannot be spoken to, or one simulated, at an address; "" where it can."""
    import socket

    try:
        if simulated:
            socket.create_server((host, port)).close()
        else:
            socket.create_connection((host, port), 2.0).close()
    except OSError as error:
        return f"{(error.strerror or str(error)).lower()}, expected {'a free port' if simulated else 'a PLC that answers'}"
    return ""


def _feature(row: Readback) -> str:
    return f"{row.feature}[{row.selected}]" if row.selected else row.feature


def _print_camera(station: str, rows: Sequence[Readback]) -> None:
    """The profile feature by feature: asked, and what the camera has."""
    width = max((len(_feature(row)) for row in rows), default=0)
    print(f"\ncamera of station {station}\n  {'feature':<{width}}  {'asked':>14}  {'camera has':>14}")
    for row in rows:
        got = "absent" if row.got is None else str(row.got)
        print(f"  {_feature(row):<{width}}  {row.asked!s:>14}  {got:>14}{'  <- differs' if row.differs else ''}")
