"""Folders of frames for the audit's tests: symbols of a foreign encoder, drawn small so that an audit of many is quick."""

from __future__ import annotations

from pathlib import Path

import cv2

from tests.decode.rendering import draw, modules
from vision.audit.plan import Brief
from vision.audit.sources import open_source
from vision.decode.search import Search
from vision.grade.setup import Setup
from vision.verdict.recipe import Recipe

RECIPE = Recipe(Search(symbol_count=1), Setup())


def text_of(number: int) -> str:
    return f"(01)04150012345678(21)S{number:04d}"


def folder_of_frames(folder: Path, count: int, first: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        picture, _ = draw(modules(text_of(number), "20x20", gs1=True), noise=2.0, seed=number, light=200 - number % 7)
        cv2.imwrite(str(folder / f"{number:05d}.png"), picture)
    return folder


def brief_of(*sources: object, regrade: Recipe | None = None, recipe: Recipe = RECIPE) -> Brief:
    return Brief(tuple(open_source(str(source)) for source in sources), recipe, regrade)


def dataset(folder: Path) -> dict[str, bytes]:
    """The files of a dataset by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}
