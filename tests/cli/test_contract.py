"""The contract's page, command by command, as a stranger's script follows it: from another folder, blanks and umlauts in paths,
stdin and stdout redirected, exit codes, JSON and nothing else on stdout.

`vision inspect` has a page of its own: test_inspect.py.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calls import DEMO, ROOT, command, environment, line_text, refused, vision

PROFILE = "simulator_1280x1024_line0"
REASONS = {
    *("NO_SYMBOL", "NOT_DECODED", "WRONG_SYMBOL_COUNT", "LOW_GRADE", "NOT_GS1", "BAD_SYNTAX", "BAD_CHECK_DIGIT", "WRONG_PRODUCT"),
    *("WRONG_LOT", "WRONG_EXPIRY", "WRONG_NATIONAL_NUMBER", "MISSING_ELEMENT", "UNKNOWN_SERIAL", "DUPLICATE_SERIAL"),
    *("BLOCKED_SERIAL", "NO_SLOT", "INCOMPLETE_FRAME", "MISSED_FRAME", "CAMERA_LOST", "INSPECTOR_LOST", "MISSED_DEADLINE"),
    *("NOT_RECORDED", "LINE_LOST"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("Läufe") / "mit Leerzeichen"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def run(place: Path) -> dict[str, Any]:
    done = vision("run", "--frames", 20, "--json", cwd=place)
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def test_run_ends_with_the_sums_of_the_contract(run: dict[str, Any], place: Path) -> None:
    assert list(run)[:8] == ["triggered", "accepted", "rejected", "reasons", "late", "records", "rate_hz", "latency_ms"]
    assert all(type(run[name]) is int for name in ("triggered", "accepted", "rejected", "late", "records"))
    assert set(run["reasons"]) <= REASONS and sum(run["reasons"].values()) == run["rejected"]
    assert list(run["latency_ms"]) == ["p50", "p99", "p999", "max"]
    assert re.fullmatch(r"results/DEMO/\d{4}-\d\d-\d\dT\d{6}Z", run["results"])
    sealed = [json.loads(line) for line in (place / run["results"] / "seal.jsonl").read_text("utf-8").splitlines()]
    assert {"name", "rows", "sha256", "previous", "software", "recipe", "calibration"} <= set(sealed[0])
    assert sum(seal["rows"] for seal in sealed) == run["records"]


def test_the_reasons_are_the_closed_list() -> None:
    from vision.types import Reason

    assert {str(reason) for reason in Reason} == REASONS


def test_times_of_an_answer_are_whole(run: dict[str, Any], place: Path) -> None:
    """A row's time has nanoseconds, which Python's own has not: `select *` ended in a traceback."""
    folder = run["results"]
    rows = vision("results", "query", folder, "select * from results order by trigger", "--json", cwd=place)
    assert rows.returncode == 0 and rows.stderr == ""
    answers = [json.loads(line) for line in rows.stdout.splitlines()]
    shown = vision("results", "show", folder, "--json", "--last", 20, cwd=place)
    assert [row["utc"] for row in answers] == [json.loads(line)["utc"] for line in shown.stdout.splitlines()]
    assert all(type(symbol["payload"]) is str for row in answers for symbol in row["symbols"]), "bytes are in hex"
    sums = vision(
        "results",
        "query",
        folder,
        "select sum(trigger) s, list(utc) t, max(trigger) / 8.0::decimal(9, 3) d from results",
        "--json",
        cwd=place,
    )
    (answer,) = (json.loads(line) for line in sums.stdout.splitlines())
    assert type(answer["s"]) is int and answer["s"] == 210 and answer["d"] == 2.5
    assert sorted(answer["t"]) == [row["utc"] for row in answers]


def test_a_table_in_a_pipe_is_cut_nowhere(run: dict[str, Any], place: Path) -> None:
    for call in (("show", run["results"]), ("query", run["results"], "select utc, symbols[1].text as text from results")):
        out = vision("results", *call, cwd=place).stdout
        assert "…" not in out and "(01)04150012345678(17)280731(10)KX4031(21)" in out
        assert len(out.splitlines()) == 21


def test_rows_go_to_stdout_or_to_a_file(run: dict[str, Any], place: Path) -> None:
    folder = run["results"]
    lines = vision("results", "export", folder, "--json", cwd=place)
    assert [json.loads(line)["trigger"] for line in lines.stdout.splitlines()] == list(range(1, 21)) and lines.stderr == ""
    table = vision("results", "export", folder, cwd=place).stdout
    assert {row["trigger"] for row in csv.DictReader(io.StringIO(table))} == {str(trigger) for trigger in range(1, 21)}
    for name, told in (("Zeilen ä.csv", table), ("Zeilen ä.json", lines.stdout)):
        done = vision("results", "export", folder, "--out", name, "--json", cwd=place)
        assert json.loads(done.stdout) == {"file": name, "rows": 20}
        assert (place / name).read_text("utf-8") == told
    refused(vision("results", "export", folder, "--out", "rows.txt", cwd=place), "rows.txt", ".csv, .parquet or .json")


@pytest.mark.parametrize("group", [(), ("results",), ("batch",), ("camera",), ("aggregate",)], ids=" ".join)
def test_a_call_without_a_command_is_one_line(tmp_path: Path, group: tuple[str, ...]) -> None:
    refused(vision(*group, cwd=tmp_path), "Missing command", "--help")


def test_camera_commands_need_no_more_than_a_profile(tmp_path: Path) -> None:
    """Without a GenTL producer the simulated camera stands in, and says so."""
    listed = vision("camera", "list", "--json", cwd=tmp_path)
    assert listed.returncode == 0 and json.loads(listed.stdout)["serial_number"] == "SIM0001" and "stands in" in listed.stderr
    shown = vision("camera", "show", PROFILE, "--json", cwd=tmp_path)
    assert shown.returncode == 0 and {"feature", "asked", "got", "differs"} <= set(json.loads(shown.stdout.splitlines()[0]))
    grabbed = vision("camera", "grab", PROFILE, "--json", cwd=tmp_path)
    assert json.loads(grabbed.stdout) == {"file": f"{PROFILE}.png", "width": 1280, "height": 1024, "frame_id": 1}
    recorded = vision("camera", "record", PROFILE, "--frames", 2, "--json", cwd=tmp_path)
    assert json.loads(recorded.stdout) == {"folder": PROFILE, "frames": 2}
    assert sorted(path.name for path in (tmp_path / PROFILE).iterdir()) == ["frame_000001.png", "frame_000002.png", "frames.csv"]


def test_check_as_one_line_of_json(tmp_path: Path) -> None:
    (tmp_path / "Linie 1.toml").write_text(line_text())
    done = vision("check", "Linie 1.toml", "--order", DEMO / "order.json", "--json", cwd=tmp_path)
    (told,) = (json.loads(line) for line in done.stdout.splitlines())
    assert done.returncode == 0 and list(told) == ["line", "configuration", "cameras", "doubts"] and told["doubts"] == []
    assert told["configuration"]["[line]"]["slots"] == "32" and "memory" in told["configuration"]["sums"]
    assert all(row["asked"] == row["got"] for row in told["cameras"]["S1"])
    (tmp_path / "Linie 1.toml").write_text(line_text(port="port = 1", simulate_plc="simulate_plc = false"))
    doubt = vision("check", "Linie 1.toml", "--no-camera", "--json", cwd=tmp_path)
    assert doubt.returncode == 2 and "127.0.0.1:1" in json.loads(doubt.stdout)["doubts"][0] and len(doubt.stderr.splitlines()) == 1


def test_ctrl_c_reaches_a_whole_terminal_and_an_audit_says_one_line(tmp_path: Path) -> None:
    """The workers' own words, while they were still being loaded, stood around it."""
    call = command("audit", DEMO / "packs.zip", "--symbols", 1, "--results", "out")
    process = subprocess.Popen(
        call, cwd=tmp_path, env=environment(tmp_path), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not (tmp_path / "out" / "audit.json").exists() and process.poll() is None:
        os.sched_yield()  # a file of another process: nothing else to wait on
    os.killpg(process.pid, signal.SIGINT)
    _, words = process.communicate(timeout=60)
    assert process.returncode == 1 and words.splitlines() == ["vision: interrupted; what was done is kept"]


def test_the_order_of_the_page_is_taken_as_it_stands(tmp_path: Path) -> None:
    from vision.content.order import load_order

    (tmp_path / "order.json").write_text("""
    {"order": "PO-4711", "product": "Examplol 10 mg", "scheme": "GS1", "gtin": "04012345678901",
     "lot": "ABC123", "expiry": "271231", "national_number": null, "serials": ["SN1", "SN2"],
     "quantity": 2, "grade_min": 1.5, "edition": "2011", "symbols_per_frame": 1}
    """)
    order = load_order(tmp_path / "order.json")
    assert (order.gtin, order.lot, order.expiry, order.quantity, sorted(order.serials or ())) == (
        "04012345678901", "ABC123", "271231", 2, ["SN1", "SN2"],
    )  # fmt: skip


def test_help_needs_no_place_to_write_and_no_home(tmp_path: Path) -> None:
    done = subprocess.run(
        command("inspect", "--help"),
        cwd="/",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and done.stderr == "" and "Example:" in done.stdout
