"""Runs a real line with real processes and checks what must hold after any fault. Used by the fault tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from vision.config import load_line
from vision.content.order import load_order
from vision.pipeline.line import Line
from vision.pipeline.run import run_line
from vision.pipeline.stats import Status, Summary
from vision.results.reader import open_batch

ROOT = Path(__file__).resolve().parent.parent.parent
DEMO = ROOT / "vision" / "demo"
LINE_REASONS = {
    "NO_SLOT",
    "INCOMPLETE_FRAME",
    "MISSED_FRAME",
    "CAMERA_LOST",
    "INSPECTOR_LOST",
    "MISSED_DEADLINE",
    "NOT_RECORDED",
    "LINE_LOST",
}


def line_file(
    folder: Path,
    *,
    rate_hz: float = 20.0,
    inspectors: int = 2,
    slots: int = 24,
    deadline_ms: float = 1000.0,
    travel_ms: float = 1200.0,
    restart_count: int = 20,
    backend: str = "recorded",
    faults: str = "",
    loop: bool = True,
    results: Path | None = None,
    more: str = "",
) -> Path:
    """A line file for the demonstration's frames and a simulated output."""
    profile = 'profile = "simulator_1280x1024_line0"\n' if backend == "simulator" else ""
    path = folder / "line.toml"
    path.write_text(
        f"""
[line]
name = "T1"
results = "{results or folder / "results"}"
inspectors = {inspectors}
slots = {slots}
deadline_ms = {deadline_ms}
restart_count = {restart_count}
restart_window_s = 60.0
unique_within = "batch"
{more}
[[station]]
name = "S1"
[station.camera]
backend = "{backend}"
{profile}source = "{DEMO / "packs.zip"}"
rate_hz = {rate_hz}
loop = {str(loop).lower()}
encoder_counts_per_pack = 100.0
{faults}
[station.reject]
output = "simulated"
distance_mm = {travel_ms}
speed_mm_per_s = 1000.0
""",
        encoding="utf-8",
    )
    return path


@dataclass
class Run:
    """A finished run and everything it left."""

    folder: Path
    summary: Summary | None
    rows: list[dict[str, Any]]
    status: list[Status] = field(default_factory=list)

    @property
    def accepted(self) -> set[int]:
        return {row["trigger"] for row in self.rows if row["accept"]}

    @property
    def reasons(self) -> Counter[str]:
        return Counter(row["reasons"][0] for row in self.rows if not row["accept"])

    def let_through(self) -> set[int]:
        """Triggers that the machine was told to let through."""
        return {trigger for trigger, accept in fates(self.folder) if accept}


def fates(batch: Path, pattern: str = "output.*.csv") -> list[tuple[int, bool]]:
    """What the simulated output was told for each pack, in order, by its own log."""
    told = []
    for log in sorted((batch / "logs").glob(pattern)):
        for line in log.read_text(encoding="utf-8").splitlines()[1:]:
            if line.count(",") == 3:
                values = line.split(",")
                told.append((int(values[2]), values[3] == "1"))
    return told


class Script:
    """Actions at counts of triggers: the fault happens when so many packs went by, not when a clock says so."""

    def __init__(self, *steps: tuple[int, Callable[[Line], None]], frames: int) -> None:
        self.steps = list(steps)
        self.frames = frames
        self.line: Line | None = None
        self.status: list[Status] = []

    def begin(self, line: Line) -> None:
        self.line = line

    def watch(self, status: Status) -> None:
        self.status.append(status)
        assert self.line is not None
        while self.steps and status.counts.triggered >= self.steps[0][0]:
            _, action = self.steps.pop(0)
            action(self.line)


def run(path: Path, script: Script, *, exact: bool = True) -> Run:
    """Runs a line in this process (its children are real) until the script's number of triggers, then checks it.

    exact: what was let through is just what the rows accept; else it may be less.
    """
    loaded = load_order(DEMO / "order.json")
    summary = run_line(
        load_line(path),
        loaded,
        frames=script.frames,
        seconds=60.0,
        on_start=script.begin,
        on_status=script.watch,
        status_period_s=0.02,
    )
    assert not script.steps, "the run ended before its script"
    result = Run(Path(summary.results), summary, read(Path(summary.results)), script.status)
    check(result, exact=exact)
    assert summary.counts.triggered == len(result.rows)
    assert summary.counts.accepted == len(result.accepted)
    assert left_behind() == []
    return result


def read(batch: Path) -> list[dict[str, Any]]:
    table = open_batch(batch)
    return list(
        table.select(
            ["station", "trigger", "revision", "accept", "reasons", "detail", "symbols", "frame_id", "evidence"]
        ).to_pylist()
    )


def check(result: Run, *, exact: bool = True) -> None:
    """One row for each trigger; what went through is what the record says; nothing bad by its truth was accepted."""
    triggers = sorted(row["trigger"] for row in result.rows)
    assert triggers == list(range(1, len(triggers) + 1)), "not exactly one row for each trigger"
    told = fates(result.folder)
    assert len({trigger for trigger, _ in told}) == len(told), "a pack was settled twice"
    through = result.let_through()
    assert through <= result.accepted, f"let through without a row that accepts: {sorted(through - result.accepted)}"
    if exact:
        assert through == result.accepted, f"accepted and not let through: {sorted(result.accepted - through)}"
    bad = bad_payloads()
    for row in result.rows:
        assert row["accept"] == (not row["reasons"])
        if row["accept"]:
            texts = {symbol["payload"] for symbol in row["symbols"]}
            assert texts and not texts & bad, f"trigger {row['trigger']}: a pack its truth calls bad was accepted"


def bad_payloads() -> set[bytes]:
    """Payloads that only bad packs of the demonstration bear."""
    import csv

    good, bad = set(), set()
    with open(DEMO / "truth.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            payload = row["text"].replace("<GS>", "\x1d").encode()
            (good if row["kind"] == "good" else bad).add(payload)
    return bad - good


def left_behind() -> list[str]:
    """Processes of a line that are still there (the fork server stays for the next run and is none)."""
    left = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.name().startswith("vision:") and process.status() != psutil.STATUS_ZOMBIE:
                left.append(f"{process.pid} {process.name()}")
        except psutil.Error:
            continue
    return left


class Apart:
    """A line in a process of its own, for faults of the line itself."""

    def __init__(self, path: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "vision.cli", "run", str(path), "--order", str(DEMO / "order.json"), "--json", *arguments]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=path.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.me = psutil.Process(self.process.pid)

    def await_rows(self, results: Path, count: int) -> Path:
        """Reads its log until so many rows are durable; the batch folder."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            done = [int(word) for word in line.replace(",", " ").split() if word.isdigit()]
            if "good" in line and sum(done[:2]) >= count:
                return next(iter(sorted((results / "T1").glob("20*"))))
        raise AssertionError(f"the line ended early with exit code {self.process.wait()}")

    def family(self) -> list[psutil.Process]:
        return [self.me, *self.me.children(recursive=True)]

    def finish(self) -> dict[str, Any]:
        out, err = self.process.communicate(timeout=60)
        assert out, err
        return dict(json.loads(out.splitlines()[-1]))


def await_gone(family: list[psutil.Process]) -> None:
    """Every process of a line leaves by itself."""
    _, alive = psutil.wait_procs(family, timeout=10.0)
    alive = [p for p in alive if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert not alive, f"still there: {[(p.pid, p.name()) for p in alive]}"
