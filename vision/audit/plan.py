"""What an audit does: its sources, under which recipe, cut into chunks; the same on one core, on many, and on a cluster."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from vision.audit.sources import Source
from vision.verdict.recipe import Recipe
from vision.version import VERSION

CHUNK_FRAMES = 64
"""Frames a worker does at a time, and that an interruption can cost it. A chunk becomes one file of the dataset."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Frames [first, first + len(names)) of one source. number: of its file in the dataset. skip: frames that kill workers."""

    number: int
    source: int
    first: int
    names: tuple[str, ...]
    skip: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Brief:
    """What every worker must know. regrade: the other recipe to grade by, None = none."""

    sources: tuple[Source, ...]
    recipe: Recipe
    regrade: Recipe | None = None

    def for_workers(self) -> Brief:
        """The same without the frames' names: they come with each chunk."""
        return dataclasses.replace(self, sources=tuple(dataclasses.replace(source, names=()) for source in self.sources))

    @property
    def frame_count(self) -> int:
        return sum(len(source.names) for source in self.sources)

    def chunks(self) -> Iterator[Chunk]:
        """All frames, in order."""
        number = 0
        for index, source in enumerate(self.sources):
            for first in range(0, len(source.names), CHUNK_FRAMES):
                yield Chunk(number, index, first, source.names[first : first + CHUNK_FRAMES])
                number += 1

    def provenance(self) -> dict[str, str]:
        """What every file of the dataset rests on; no time, no machine, no number of workers."""
        hashes = {"recipe": self.recipe.hash()}
        if self.regrade is not None:
            hashes["regrade"] = self.regrade.hash()
        return {"software": VERSION, **hashes}

    def as_json(self) -> str:
        """audit.json: what the audit is, to know it again when it goes on; without credentials."""
        sources = [
            {"kind": source.kind, "source": source.label, "frames": len(source.names), "names_sha256": source.digest()}
            for source in self.sources
        ]
        setups = {"setup": dataclasses.asdict(self.recipe.setup), "grade_min": self.recipe.grade_min}
        if self.regrade is not None:
            setups["regrade"] = {"setup": dataclasses.asdict(self.regrade.setup), "grade_min": self.regrade.grade_min}
        whole = {**self.provenance(), **setups, "chunk_frames": CHUNK_FRAMES, "sources": sources}
        return json.dumps(whole, indent=1, sort_keys=True) + "\n"

    def digest(self) -> str:
        return hashlib.sha256(self.as_json().encode()).hexdigest()
