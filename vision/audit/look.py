"""One chunk of frames to one file of the dataset: what a worker does, whatever machine it is on. Pure but for reading frames."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from vision.audit.plan import Brief, Chunk
from vision.audit.schema import PROFILES, part_of
from vision.audit.sources import UNREADABLE, AuditError, Opened, Source
from vision.cameras.image_file import is_lossy, mono8_of
from vision.grade.grade import grade
from vision.inspection import Workspace, inspect
from vision.results.folder import IMAGES
from vision.results.schema import image_name, symbol_row
from vision.types import Finding, Frame, Pixels
from vision.verdict.judge import judge
from vision.verdict.recipe import Recipe

DIED = "every process that looked at this frame died"
LOSSY = "lossy_image"
_READ_AHEAD = 8
"""Files read while a frame is inspected, so that a store's answer is not waited for; 8 of 1.3 MB at most."""

Row = dict[str, Any]


class Worker:
    """Looks at chunks, one after the other; what it keeps open never changes a result."""

    def __init__(self, brief: Brief) -> None:
        self._brief = brief
        self._opened = [Opened(source) for source in brief.sources]
        self._work = Workspace()
        self._readers = ThreadPoolExecutor(_READ_AHEAD // 2)

    def part(self, chunk: Chunk) -> bytes:
        """The file of a chunk. What cannot be read becomes a row that says why. Raises AuditError where a source is gone."""
        rows: list[Row] = []
        kind = self._brief.sources[chunk.source].kind
        frames = self._images(chunk) if kind == "images" else self._others(chunk)
        for offset, name, load in frames:
            about: Row = {"source": chunk.source, "frame": chunk.first + offset, "name": name}
            if offset in chunk.skip:
                rows.append(_trouble(about, DIED))
            elif kind == "batch":
                rows += self._recorded(about, self._opened[chunk.source], name)
            else:
                about["device_timestamp_ns"] = self._opened[chunk.source].time_ns(name)
                rows += self._seen(about, load)
        return part_of(rows, self._brief.provenance())

    def close(self) -> None:
        self._readers.shutdown(cancel_futures=True)
        self._work.close()
        for opened in self._opened:
            opened.close()

    def _images(self, chunk: Chunk) -> Iterator[tuple[int, str, Callable[[], tuple[Pixels, bool]]]]:
        """Each frame with what gives its pixels and whether they went through a lossy compression; files are read ahead."""
        opened = self._opened[chunk.source]
        waiting: deque[tuple[int, str, Future[bytes]]] = deque()
        names = enumerate(chunk.names)
        while True:
            while len(waiting) < _READ_AHEAD and (coming := next(names, None)) is not None:
                waiting.append((*coming, self._readers.submit(opened.read, coming[1])))
            if not waiting:
                return
            offset, name, file = waiting.popleft()

            def load(name: str = name, file: Future[bytes] = file) -> tuple[Pixels, bool]:
                data = file.result()
                return mono8_of(data, name), is_lossy(data)

            yield offset, name, load

    def _others(self, chunk: Chunk) -> Iterator[tuple[int, str, Callable[[], tuple[Pixels, bool]]]]:
        opened = self._opened[chunk.source]
        for offset, name in enumerate(chunk.names):
            yield offset, name, lambda name=name: (opened.recording.frame(int(name)), False)  # type: ignore[misc]

    def _seen(self, about: Row, load: Callable[[], tuple[Pixels, bool]]) -> list[Row]:
        """The rows of a frame inspected now."""
        try:
            pixels, lossy = load()
        except UNREADABLE as error:
            return [_trouble(about, _words(error, about["name"]))]
        warnings = (LOSSY,) if lossy else ()
        inspection = inspect(Frame(pixels), self._brief.recipe, self._work, warnings=warnings)
        about |= {
            "width": inspection.width,
            "height": inspection.height,
            "trouble": "",
            "accept": inspection.verdict.accept,
            "reasons": [str(reason) for reason in inspection.verdict.reasons],
            "symbol_count": len(inspection.findings),
        }
        other = self._regraded(pixels, inspection.findings, warnings)
        if not inspection.findings:
            return [about | {"regrade": other[0] if other else None}]
        rows = []
        for index, finding in enumerate(inspection.findings):
            cells = symbol_row(finding)
            cells["content_reasons"] = cells.pop("reasons")
            rows.append({**about, "symbol_index": index, **cells, **profiles(finding), "regrade": other[index] if other else None})
        return rows

    def _regraded(self, pixels: Pixels, findings: Sequence[Finding], warnings: Sequence[str]) -> list[Row]:
        """Verdict and grade under the other recipe, one per symbol (one for a frame without); empty where there is none."""
        recipe = self._brief.regrade
        if recipe is None:
            return []
        return regraded(pixels, findings, recipe, self._work, warnings)

    def _recorded(self, about: Row, opened: Opened, name: str) -> list[Row]:
        """The rows of a trigger as the line recorded it; its evidence is graded anew where another recipe is asked for."""
        try:
            row = opened.recorded_row(name)
        except UNREADABLE as error:
            return [_trouble(about, _words(error, about["name"]))]
        about |= {key: row[key] for key in ("station", "trigger", "utc", "device_timestamp_ns", "accept", "reasons")}
        symbols = [symbol for symbol in row["symbols"] or [] if symbol["corners"] is not None]  # an empty place of a tray is none
        about |= {"trouble": "", "symbol_count": len(symbols)}
        other: list[Row] = []
        recipe = self._brief.regrade
        image = Path(self._brief.sources[about["source"]].given) / IMAGES / image_name(row["station"], row["trigger"])
        if recipe is not None and image.is_file():
            with contextlib.suppress(*UNREADABLE):  # a picture that is gone or torn is no row's fault
                pixels = mono8_of(image.read_bytes(), image.name)
                findings = inspect(Frame(pixels), recipe, self._work).findings
                other = regraded(pixels, findings, recipe, self._work, ())
        if not symbols:
            return [about | {"regrade": other[0] if other else None}]
        rows = []
        for index, symbol in enumerate(symbols):
            symbol["content_reasons"] = symbol.pop("reasons")
            rows.append({**about, "symbol_index": index, **symbol, "regrade": other[index] if index < len(other) else None})
        return rows


def regraded(pixels: Pixels, findings: Sequence[Finding], recipe: Recipe, work: Workspace, warnings: Sequence[str]) -> list[Row]:
    """Verdict and grade of findings under another recipe: they are measured and judged anew, not searched for."""
    again = [
        dataclasses.replace(
            finding,
            report=grade(pixels, finding.symbol, finding.reading, recipe.setup, work.grading, warnings=warnings),
        )
        for finding in findings
    ]
    verdict = judge(again, recipe)
    common = {"accept": verdict.accept, "reasons": [str(reason) for reason in verdict.reasons]}
    return [{**common, "grade": symbol_row(finding)["grade"]} for finding in again] or [common]


def profiles(finding: Finding) -> Row:
    """Mean margin per column and row, over modules dark and light by design: {} where it was not read or not graded."""
    report, reading = finding.report, finding.reading
    if report is None or reading is None or "modulation" not in report.maps:
        return {}
    modulation = report.maps["modulation"][1:-1, 1:-1]
    reflectance = report.maps["reflectance"][1:-1, 1:-1]
    middle = ((report.informative["reflectance_max"] or 0.0) + (report.informative["reflectance_min"] or 0.0)) / 2
    dark = (reading.bits == 1) != finding.symbol.inverted
    margin = np.where((reflectance <= middle) == dark, modulation, -modulation)
    found: Row = {}
    for name in PROFILES:
        chosen = dark if name.endswith("dark") else ~dark
        axis = 0 if name.startswith("columns") else 1
        count = chosen.sum(axis=axis)
        total = np.where(chosen, margin, 0.0).sum(axis=axis)
        found[name] = np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
    return found


def picture_of(source: Source, opened: Opened, name: str) -> Pixels | None:
    """The pixels of a frame for a report; None where no image was kept or it cannot be read."""
    with contextlib.suppress(*UNREADABLE):
        if source.kind == "recording":
            return opened.recording.frame(int(name))
        if source.kind == "images":
            return mono8_of(opened.read(name), name)
        station, _, trigger = name.rpartition(" ")
        path = Path(source.given) / IMAGES / image_name(station, int(trigger))
        return mono8_of(path.read_bytes(), path.name) if path.is_file() else None
    return None


def _trouble(about: Row, words: str) -> Row:
    return about | {"trouble": words, "accept": False, "reasons": [], "symbol_count": 0}


def _words(error: Exception, name: str) -> str:
    """An error without the frame's name and the caller's path in it, so that the same frames elsewhere give the same rows."""
    words = getattr(error, "strerror", None) or str(error)
    return " ".join(str(words).rpartition(f"{name}: ")[2].split())[:300]


def look(brief: Brief, chunk: Chunk) -> bytes:
    """One chunk by a worker of its own."""
    with closing(Worker(brief)) as worker:
        return worker.part(chunk)


__all__ = ["DIED", "AuditError", "Worker", "look", "picture_of", "profiles", "regraded"]
