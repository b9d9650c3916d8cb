"""`vision check`: what a line file means, before anything is started."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def check(
    line: Annotated[Path, typer.Argument(metavar="LINE.toml", help="line file")],
    order: Annotated[Path | None, typer.Option(metavar="ORDER.json", help="also check an order")] = None,
    camera: Annotated[bool, typer.Option(help="open each camera, apply its profile and read it back")] = True,
) -> int:
    """Shows the effective configuration, memory and latency sums, and each camera's read-back; exit code 2 on any doubt.

    Example: vision check line.toml
    """
    from vision.config import describe, load_line
    from vision.content.order import load_order
    from vision.pipeline.sources import prepare_sources, read_back

    config = load_line(line)
    rows = describe(config)
    if order is not None:
        loaded = load_order(order)
        serials = "any" if loaded.serials is None else f"{len(loaded.serials)} listed"
        rows += [("order", f"{loaded.order}: {loaded.product}, lot {loaded.lot}, expiry {loaded.expiry}, serials {serials}")]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")
    if not camera:
        return 0
    with prepare_sources(config) as sources:
        for station, source in zip(config.stations, sources, strict=True):
            print(f"\ncamera of {station.name}: {source.shape[1]} x {source.shape[0]}")
            for feature, asked, got in read_back(station.camera, source):
                print(f"  {feature:<28} {asked!s:>14}  read back {got}")
    return 0
