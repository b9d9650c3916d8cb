"""Two stations on one line: each counts its own triggers, and neither gets the other's verdicts."""

from __future__ import annotations

from pathlib import Path

from tests.faults.rig import fates, left_behind, line_file, read
from vision.config import load_line
from vision.pipeline.run import run_line


def test_two_stations_share_a_line(tmp_path: Path) -> None:
    path = line_file(tmp_path, rate_hz=12)
    text = path.read_text()
    head, station = text.split("[[station]]")
    path.write_text(f"{head}[[station]]{station}[[station]]{station.replace('S1', 'S2').replace('rate_hz = 12', 'rate_hz = 9')}")
    summary = run_line(load_line(path), None, frames=25, seconds=60.0)
    folder = Path(summary.results)
    rows = read(folder)
    for station in ("S1", "S2"):
        mine = {row["trigger"]: row for row in rows if row["station"] == station}
        assert sorted(mine) == list(range(1, 26))
        (log,) = (folder / "logs").glob(f"output.{station}.*.csv")
        told = dict(fates(log.parent.parent, f"output.{station}.*.csv"))
        assert told == {trigger: row["accept"] for trigger, row in mine.items()}
    first = {row["trigger"]: row["symbols"][0]["payload"] for row in rows if row["station"] == "S1" and row["symbols"]}
    second = {row["trigger"]: row["symbols"][0]["payload"] for row in rows if row["station"] == "S2" and row["symbols"]}
    both = first.keys() & second.keys()
    assert len(both) > 10 and all(first[trigger] == second[trigger] for trigger in both), "both saw the same recording"
    assert summary.counts.triggered == 50
    assert left_behind() == []
