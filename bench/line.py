"""The line bench: a whole line at speed, judged by the truth of its frames: `python -m bench.line [--rate 60] [--seconds 60]`.

A simulated GenICam camera through harvesters at 1280x1024, two inspectors, Modbus TCP to a simulated PLC, durable rows. Every
pack is rendered with a serial of its own (bench/render; kept in the cache for the next run). Exit code 1 when a limit is missed.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.render.recording import render_recording
from vision.config import load_line
from vision.content.order import load_order
from vision.pipeline.run import run_line
from vision.pipeline.stats import Summary
from vision.results.reader import open_batch
from vision.types import LINE_REASONS

P99_LIMIT_MS = 50.0
OVERHEAD_LIMIT_MS = 1.0
OUTSIDE = ("inspect", "camera")
"""Not the line's overhead: the inspection itself, and the threads of the (simulated) camera."""

LINE = """
[line]
name = "BENCH"
results = "{results}"
inspectors = {inspectors}
slots = 48
deadline_ms = 400.0
[[station]]
name = "S1"
[station.camera]
backend = "simulator"
profile = "simulator_1280x1024_line0"
source = "{source}"
rate_hz = {rate}
loop = false
encoder_counts_per_pack = 1000.0
[station.reject]
output = "modbus"
distance_mm = 600.0
speed_mm_per_s = 1000.0
port = 0
simulate_plc = true
"""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the truth of the frames says of the rows: numbers of packs."""

    rows: int
    doubled: int
    missing: int
    bad_passed: int
    good_rejected_by_line: int
    good_rejected: int
    other_reason: int
    kinds: Counter[str]


def cache() -> Path:
    """Where rendered recordings are kept between runs."""
    base = os.environ.get("VISION_CACHE") or os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "vision-bench"


def recording(packs: int, seed: int = 60) -> Path:
    """A recording of so many packs, a tenth of them bad; rendered once."""
    folder = cache() / f"line-{packs}-{seed}"
    if not (folder / "order.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        making = folder.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        print(f"rendering {packs} packs into {folder}", file=sys.stderr)
        render_recording(making, packs, seed)
        making.replace(folder)
    return folder


def run(source: Path, rate_hz: float, packs: int, inspectors: int) -> tuple[Summary, Judged]:
    """Runs the line over a recording once."""
    with tempfile.TemporaryDirectory(prefix="vision-bench-") as folder:
        path = Path(folder) / "line.toml"
        path.write_text(
            LINE.format(results=f"{folder}/results", inspectors=inspectors, source=source, rate=rate_hz), encoding="utf-8"
        )
        summary = run_line(load_line(path), load_order(source / "order.json"), frames=packs)
        return summary, judged(Path(summary.results), source)


def judged(batch: Path, source: Path) -> Judged:
    """Rows against the truth; trigger n is pack n - 1. A serial's second pack is good where its first was not let through."""
    with open(source / "truth.csv", newline="", encoding="utf-8") as file:
        packs = list(csv.DictReader(file))
    truth = [row["kind"].split("|") for row in packs]
    rows = open_batch(batch).select(["trigger", "accept", "reasons"]).to_pylist()
    seen = Counter(row["trigger"] for row in rows)
    accepted = Counter(packs[row["trigger"] - 1]["text"] for row in rows if row["accept"])
    bad_passed = good_rejected = by_line = other = 0
    for row in rows:
        kinds = truth[row["trigger"] - 1]
        if kinds == ["good"]:
            good_rejected += not row["accept"]
            by_line += bool(row["reasons"]) and row["reasons"][0] in LINE_REASONS
        elif row["accept"]:
            bad_passed += kinds != ["DUPLICATE_SERIAL"] or accepted[packs[row["trigger"] - 1]["text"]] > 1
        else:
            other += row["reasons"][0] not in kinds
    return Judged(
        rows=len(rows),
        doubled=sum(n > 1 for n in seen.values()),
        missing=sum(n not in seen for n in range(1, len(truth) + 1)),
        bad_passed=bad_passed,
        good_rejected_by_line=by_line,
        good_rejected=good_rejected,
        other_reason=other,
        kinds=Counter(kinds[0] for kinds in truth),
    )


def limits(summary: Summary, found: Judged, packs: int) -> list[str]:
    """What was missed, in words; empty when all holds."""
    overhead_ms = sum(ms for role, ms in summary.cpu_ms_per_frame.items() if role not in OUTSIDE)
    p99 = summary.latency_ms["p99"] or 0.0
    checks = {
        f"rows {found.rows}, {found.doubled} doubled, {found.missing} missing": found.rows == packs and not found.doubled,
        f"{found.bad_passed} bad packs passed": found.bad_passed == 0,
        f"{found.good_rejected_by_line} good packs rejected for a reason of the line": found.good_rejected_by_line == 0,
        f"late {summary.counts.late}": summary.counts.late == 0,
        f"p99 {p99} ms, limit {P99_LIMIT_MS}": p99 <= P99_LIMIT_MS,
        f"overhead {overhead_ms:.2f} ms of CPU per frame, limit {OVERHEAD_LIMIT_MS}": overhead_ms <= OVERHEAD_LIMIT_MS,
    }
    return [words for words, holds in checks.items() if not holds]


def table(summary: Summary, found: Judged, rate_hz: float) -> str:
    """The figures as Markdown."""
    latency, cpu = summary.latency_ms, summary.cpu_ms_per_frame
    overhead = sum(ms for role, ms in cpu.items() if role not in OUTSIDE)
    shares = ", ".join(f"{role} {ms:.2f}" for role, ms in cpu.items() if role not in OUTSIDE)
    plc = next(iter((summary.plc or {}).values()), {}) or {}
    good = found.kinds["good"]
    bad = sum(found.kinds.values()) - good
    p50, p99, p999, longest = (latency[name] for name in ("p50", "p99", "p999", "max"))
    lines = [
        "| line, 1280x1024, two inspectors on two cores | figure |",
        "|---|---|",
        f"| packs | {summary.counts.triggered} at {summary.rate_hz:.1f}/s (asked: {rate_hz:g}/s) |",
        f"| rows | {found.rows}, doubled {found.doubled} |",
        f"| bad packs passed | {found.bad_passed} of {bad} |",
        f"| good packs rejected | {found.good_rejected} of {good}, for a reason of the line {found.good_rejected_by_line} |",
        f"| late | {summary.counts.late} |",
        f"| trigger to durable verdict, ms | median {p50}, p99 {p99}, p99.9 {p999}, max {longest} |",
        f"| CPU in inspect(), ms per frame | {cpu.get('inspect', 0.0):.2f} |",
        f"| CPU outside inspect(), ms per frame | {overhead:.2f} ({shares}) |",
        f"| the PLC was told | pass {plc.get('told_pass')}, reject {plc.get('told_reject')} |",
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.line", description="A whole line at speed, judged by the truth.")
    parser.add_argument("--rate", type=float, default=60.0, help="packs per second (60)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (60)")
    parser.add_argument("--inspectors", type=int, default=2, help="inspectors (2)")
    parser.add_argument("--json", action="store_true", help="the summary as one JSON line")
    options = parser.parse_args(arguments)
    packs = round(options.rate * options.seconds)
    summary, found = run(recording(packs), options.rate, packs, options.inspectors)
    missed = limits(summary, found, packs)
    if options.json:
        print(json.dumps({**summary.as_json(), "missed": missed}))
    else:
        print(table(summary, found, options.rate))
    for words in missed:
        print(f"missed: {words}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
