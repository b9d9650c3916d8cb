"""Read rate, misreads, repeat consistency and times of our reader beside its peers, on any frames: what `vision bench` measures.

Times are CPU times of one core, as others may use the machine; rates of many workers are wall time, and say so. Truth, where there
is any, lies beside the frames: `truth.csv` with `file` (or `index` of a recording) and `expected` (a JSON list of texts) or `text`
(several with a bar between them).
"""

from __future__ import annotations

import csv
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from vision.audit.crew import Processes
from vision.audit.look import picture_of
from vision.audit.plan import CHUNK_FRAMES, Brief
from vision.audit.run import run_audit
from vision.audit.sources import AuditError, Opened
from vision.inspection import Workspace, inspect
from vision.results.schema import symbol_rows
from vision.types import Frame, Pixels
from vision.verdict.recipe import Recipe

PEERS = ("zxing-cpp", "libdmtx")
LIBDMTX_MS = 2000
_WARM_FRAMES = 2

Reader = Callable[[Pixels], list[bytes]]
"""A picture to the payloads read in it."""


@dataclass(slots=True)
class Tally:
    """What one reader made of the frames. expected: symbols that the truth names, in the frames it knows; read: of them.

    misread: frames with a text that the truth contradicts. confirmed: of codes of ours without truth, those a peer reads as well.
    repeated: frames whose second look gave the same; cpu_ms: of each frame's first look.
    """

    name: str
    frames: int = 0
    codes: int = 0
    expected: int = 0
    read: int = 0
    misread: list[str] = field(default_factory=list)
    repeated: int = 0
    cpu_ms: list[float] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        percentiles = np.percentile(self.cpu_ms, (50, 99, 99.9))
        return {
            "reader": self.name,
            "frames": self.frames,
            "codes": self.codes,
            "expected": self.expected,
            "read": self.read,
            "read_rate": round(self.read / self.expected, 4) if self.expected else None,
            "misreads": len(self.misread),
            "misread_frames": self.misread,
            "repeat_consistency": round(self.repeated / self.frames, 4),
            "cpu_ms": {name: round(float(v), 3) for name, v in zip(("p50", "p99", "p999"), percentiles, strict=True)},
            "frames_per_s_per_core": round(1e3 / float(np.mean(self.cpu_ms)), 1),
        }


@dataclass(slots=True)
class Bench:
    """All of a measurement. stages: CPU ms per frame of our own steps, mean. scaling: wall frames/s by number of workers.

    overhead_ms: CPU of an audit on all workers per frame, all its processes, beyond what load and inspect cost alone (of the same
    frames). efficiency: their share of it. Both are CPU time: what a busy machine takes from the rates does not enter.
    """

    source: str
    tallies: list[Tally]
    stages: dict[str, float]
    scaling: dict[int, float]
    overhead_ms: float
    efficiency: float

    def as_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "readers": [tally.as_json() for tally in self.tallies],
            "stages_cpu_ms": {name: round(value, 3) for name, value in self.stages.items()},
            "scaling_frames_per_s": {str(count): round(rate, 1) for count, rate in self.scaling.items()},
            "audit_overhead_cpu_ms": round(self.overhead_ms, 3),
            "audit_efficiency": round(self.efficiency, 3),
        }

    def lines(self) -> list[str]:
        """The same as a table for a terminal."""
        found = [f"{self.source}: {self.tallies[0].frames} frames; CPU ms of one core", ""]
        found.append(
            f"{'reader':<12} {'read':>14} {'misreads':>9} {'repeats':>8} {'p50':>8} {'p99':>8} {'p99.9':>8} {'frames/s':>9}"
        )
        for tally in self.tallies:
            values = tally.as_json()
            share = "-" if not tally.expected else f"{tally.read}/{tally.expected} {tally.read / tally.expected:.1%}"
            ms = values["cpu_ms"]
            found.append(
                f"{tally.name:<12} {share if tally.expected else f'{tally.codes} codes':>14} {len(tally.misread):>9}"
                f" {values['repeat_consistency']:>8.1%} {ms['p50']:>8.2f} {ms['p99']:>8.2f} {ms['p999']:>8.2f}"
                f" {values['frames_per_s_per_core']:>9.1f}"
            )
        found += ["", "our stages, mean ms: " + ", ".join(f"{name} {value:.2f}" for name, value in self.stages.items())]
        rates = ", ".join(f"{count}: {rate:.0f}" for count, rate in self.scaling.items())
        few = self.scaling and self.tallies[0].frames < 2 * CHUNK_FRAMES * max(self.scaling)
        doubt = f"; they say little below {2 * CHUNK_FRAMES} frames for each worker, who gets {CHUNK_FRAMES} at a time"
        found.append(f"audit, frames/s by workers: {rates or 'not measured'}{doubt if few else ''}")
        found.append(f"audit on all workers: {self.overhead_words}")
        return found

    @property
    def overhead_words(self) -> str:
        """How much of an audit's CPU is not load and inspect; below nothing is a measurement's noise."""
        if self.overhead_ms <= 0:
            return "its CPU is load and inspect, nothing else can be measured"
        return f"{self.efficiency:.1%} of its CPU is load and inspect, {self.overhead_ms:.2f} ms a frame are not"


def peer(name: str) -> Reader:
    """A peer by name. Raises AuditError where it is unknown or not installed."""
    if name not in PEERS:
        raise AuditError(f"--against {name}: no such reader, expected {' or '.join(PEERS)}")
    try:
        return _zxing() if name == "zxing-cpp" else _libdmtx()
    except ImportError as error:
        how = "pip install packline-vision[peers]" if name == "zxing-cpp" else "the library libdmtx"
        raise AuditError(f"--against {name}: is not installed ({error}), expected {how}") from None


def _zxing() -> Reader:
    import zxingcpp  # noqa: PLC0415 - an optional extra

    return lambda pixels: [code.bytes for code in zxingcpp.read_barcodes(pixels, formats=zxingcpp.BarcodeFormat.DataMatrix)]


def _libdmtx() -> Reader:
    from pylibdmtx import pylibdmtx  # noqa: PLC0415 - loads a library that may be missing

    def read(pixels: Pixels) -> list[bytes]:
        if min(pixels.shape) < 8:  # the library aborts the process on the smallest
            return []
        return [code.data for code in pylibdmtx.decode(pixels, timeout=LIBDMTX_MS, max_count=1)]

    return read


def truth_beside(given: str) -> dict[str, list[str]]:
    """Expected texts by the name of the frame, {} where no truth lies beside. Raises AuditError for one that cannot be read."""
    folder = Path(given) if Path(given).is_dir() else Path(given).parent
    path = folder / "truth.csv"
    if "://" in given or not path.is_file():
        return {}
    found = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            columns = rows.fieldnames or ()
            key = next((name for name in ("file", "index") if name in columns), None)
            said = next((name for name in ("expected", "text") if name in columns), None)
            if key is None or said is None:
                raise AuditError(f"{path}: row 1: expected a column file or index, and one of expected or text")
            for row in rows:
                texts = json.loads(row[said] or "[]") if said == "expected" else [t for t in (row[said] or "").split("|") if t]
                found[row[key]] = [_bare(text) for text in texts]
    except (OSError, ValueError, csv.Error) as error:
        raise AuditError(f"{path}: cannot be read as truth ({error})") from None
    return found


def _bare(text: str) -> str:
    """A text without control characters: some readers leave separators out."""
    return "".join(character for character in text.replace("<GS>", "") if character >= " ")


def _said(payload: bytes) -> str:
    try:
        return _bare(payload.decode("utf-8"))
    except UnicodeDecodeError:
        return _bare(payload.decode("latin-1"))


def measure(
    brief: Brief, against: Sequence[str] = (), workers: int = 1, on_frame: Callable[[int, int], None] = lambda done, total: None
) -> Bench:
    """Measures our reader and its peers over the frames of one source, then the audit with more and more workers."""
    source = brief.sources[0]
    truth = truth_beside(source.given)
    readers = {name: peer(name) for name in against}
    ours = Tally("vision")
    tallies = [ours, *(Tally(name) for name in readers)]
    spent = {"load": 0.0, "floor": 0.0, "decode": 0.0, "grade": 0.0, "rest": 0.0}
    with closing(Opened(source)) as opened, closing(Workspace()) as work:
        for name in source.names[:_WARM_FRAMES]:
            if (pixels := picture_of(source, opened, name)) is not None:
                inspect(Frame(pixels), brief.recipe, work)
        for number, name in enumerate(source.names):
            begin = time.process_time()
            pixels = picture_of(source, opened, name)
            if pixels is None:
                continue
            loaded = time.process_time()
            pixels.max()
            spent["load"] += loaded - begin
            spent["floor"] += time.process_time() - loaded
            expected = truth.get(name)
            codes, seconds, stages, same = _ours(pixels, brief.recipe, work)
            for stage, value in stages.items():
                spent[stage] += value
            _count(ours, name, expected, codes, seconds, same)
            for tally, read in zip(tallies[1:], readers.values(), strict=True):
                begin = time.process_time()
                codes = read(pixels)
                seconds = time.process_time() - begin
                _count(tally, name, expected, codes, seconds, sorted(read(pixels)) == sorted(codes))
            on_frame(number + 1, len(source.names))
    if not ours.frames:
        raise AuditError(f"{source.label}: none of its {len(source.names)} frames could be read")
    stages = {name: value / ours.frames * 1e3 for name, value in spent.items()}
    audited = {count: _audited(brief, count) for count in sorted({1, *(2**n for n in range(1, 8) if 2**n < workers), workers})}
    scaling = {count: rate for count, (rate, _) in audited.items()}
    alone_ms = stages["load"] + stages["decode"] + stages["grade"] + stages["rest"]
    cpu_ms = audited[workers][1]
    return Bench(source.label, tallies, stages, scaling, cpu_ms - alone_ms, alone_ms / cpu_ms)


def _ours(pixels: Pixels, recipe: Recipe, work: Workspace) -> tuple[list[bytes], float, dict[str, float], bool]:
    """Payloads, CPU seconds, CPU seconds by stage, and whether a second look gives the same rows, byte for byte."""
    begin = time.process_time()
    first = inspect(Frame(pixels), recipe, work)
    seconds = time.process_time() - begin
    total = max(first.stage_ns["total"], 1)
    stages = {name: seconds * first.stage_ns[name] / total for name in ("decode", "grade")}
    stages["rest"] = seconds - sum(stages.values())
    again = inspect(Frame(pixels), recipe, work)
    same = symbol_rows(first.findings) == symbol_rows(again.findings)
    return [finding.reading.payload for finding in first.findings if finding.reading is not None], seconds, stages, same


def _count(tally: Tally, name: str, expected: list[str] | None, codes: list[bytes], seconds: float, same: bool) -> None:
    tally.frames += 1
    tally.codes += len(codes)
    tally.cpu_ms.append(seconds * 1e3)
    tally.repeated += same
    if expected is None:
        return
    left = Counter(expected)
    tally.expected += len(expected)
    for code in codes:
        said = _said(code)
        if left[said] > 0:
            left[said] -= 1
            tally.read += 1
        else:
            tally.misread.append(f"{name}: {said[:80]!a}")


def _audited(brief: Brief, workers: int) -> tuple[float, float]:
    """Frames per second of wall time of an audit with so many workers, once they are up, and CPU ms per frame, ours included."""
    marks: list[tuple[float, int]] = []
    with tempfile.TemporaryDirectory(prefix="vision-bench-") as folder:

        def crew(brief: Brief) -> Processes:
            made = Processes(brief, workers)
            for chunk in list(brief.chunks())[:workers]:  # every worker has its kernels loaded before the clock runs
                made.give(replace(chunk, names=chunk.names[:1]))
            waiting = min(workers, sum(1 for _ in brief.chunks()))
            while waiting:
                waiting -= len(made.collect())
            marks.append((time.perf_counter(), 0))
            return made

        own_s = time.process_time()
        done = run_audit(brief, Path(folder), crew, lambda progress: marks.append((time.perf_counter(), progress.frames)))
        cpu_ms = ((time.process_time() - own_s) * 1e3 + done.cpu_ns / 1e6) / done.frames
    started = next(index for index, (_, frames) in enumerate(marks) if frames == 0 and index > 0)
    return marks[-1][1] / (marks[-1][0] - marks[started][0]), cpu_ms
