"""`vision run` that cannot start: one line that says what to mend, exit code 2, and nothing half-started that stays."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calls import DEMO, command, environment, files, line_text, processes, refused, vision

GENICAM = {"backend": 'backend = "genicam"', "source": "", "rate_hz": "", "loop": "", "encoder_counts_per_pack": ""}
NO_PLC = {"port": "port = 1", "simulate_plc": "simulate_plc = false"}


@pytest.fixture
def listener() -> Iterator[int]:
    """A port that is taken, by somebody who never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def start_in_vain(folder: Path, text: str, *words: str, more: tuple[object, ...] = (), within: tuple[str, ...] = ()) -> None:
    """The call is refused with these words; no process, no file for a simulated camera and no batch is left."""
    (folder / "line.toml").write_text(text, encoding="utf-8")
    before = files(folder)
    refused(vision("run", "line.toml", "--frames", 5, *more, cwd=folder, within=within), *words)
    # A start that came as far as its lock has made the line's folder; the lock file stays, for its removal could be a race.
    assert files(folder) - before <= {"results", "results/DEMO", "results/DEMO/.lock"}
    assert not processes(folder)


def checked_in_vain(folder: Path, *words: str) -> None:
    """`vision check` doubts the line file that is there: exit code 2 and one line with these words (what the file means may stand
    on stdout), and leaves nothing."""
    before = files(folder)
    done = vision("check", "line.toml", cwd=folder, mark="check")
    assert done.returncode == 2 and "no doubt" not in done.stdout
    assert len(done.stderr.splitlines()) == 1 and all(word in done.stderr for word in words), done.stderr
    assert files(folder) == before and not processes(folder, "check")


WRONG_FILES = {
    "unknown key": ({"slots": "slots = 32\nspeed = 1"}, ["line.toml: [line] speed: "]),
    "out of range": ({"slots": "slots = 0"}, ["line.toml: [line] slots: 0"]),
    "wrong unit": ({"deadline_ms": "deadline_s = 0.4"}, ["line.toml: [line] deadline_s: "]),
    "wrong type": ({"deadline_ms": 'deadline_ms = "400 ms"'}, ["line.toml: [line] deadline_ms: "]),
    "missing profile": ({"profile": 'profile = "absent"'}, ["line.toml: [station S1.camera] profile: ", "absent"]),
    "missing source": ({"source": 'source = "absent.zip"'}, ["line.toml: [station S1.camera] source: ", "absent.zip"]),
    "more packs than the PLC's ring": ({"rate_hz": "rate_hz = 250.0"}, ["line.toml: [station S1.reject] distance_mm: "]),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_wrong_line_file_is_refused_before_anything_is_made(name: str, tmp_path: Path) -> None:
    replaced, words = WRONG_FILES[name]
    start_in_vain(tmp_path, line_text(**replaced), *words)
    checked_in_vain(tmp_path, *words)
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gtin": "04150012345670"}, ["order.json: ", "'gtin'", "check digit"]),
        ({"colour": "red"}, ["order.json: ", "'colour'"]),
        ({"serials": {"file": "absent.csv"}}, ["order.json: ", "'serials'", "absent.csv"]),
        ({"serials": ["S1", "S1"]}, ["order.json: ", "'serials', row 2", "'S1'"]),
    ],
    ids=["check digit", "unknown key", "serials file", "duplicate serial"],
)
def test_a_wrong_order_is_refused_before_anything_is_made(changes: dict[str, Any], words: list[str], tmp_path: Path) -> None:
    order = json.loads((DEMO / "order.json").read_text("utf-8"))
    (tmp_path / "order.json").write_text(json.dumps({**order, **changes}), encoding="utf-8")
    start_in_vain(tmp_path, line_text(), *words, more=("--order", "order.json"))
    assert not (tmp_path / "results").exists()


def test_a_file_in_place_of_the_results_folder(tmp_path: Path) -> None:
    (tmp_path / "wall").write_text("no folder")
    start_in_vain(tmp_path, line_text(results='results = "wall"'), "wall", "not writable")
    checked_in_vain(tmp_path, "line.toml: [line] results: ", "wall", "no folder")
    assert (tmp_path / "wall").read_text() == "no folder"


def test_a_results_folder_that_is_not_writable(tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    if os.getuid():
        results.chmod(0o555)
        start_in_vain(tmp_path, line_text(), "results/DEMO", "not writable")
        results.chmod(0o755)
    else:  # for root no permission is missing: a folder of a read-only file system, seen by this call alone
        within = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o ro tmpfs results && exec "$@"', "sh")
        if subprocess.run([*within, "true"], cwd=tmp_path, capture_output=True, check=False).returncode:
            pytest.skip("no mount of our own here, and root may write everywhere")
        start_in_vain(tmp_path, line_text(), "results/DEMO", "not writable", "Read-only", within=within)
    assert not files(results)


def test_no_camera(tmp_path: Path) -> None:
    start_in_vain(tmp_path, line_text(**GENICAM), "line.toml: station S1: ", "no camera")
    checked_in_vain(tmp_path, "line.toml", "no camera")


def test_a_wrong_serial_number_names_the_cameras_that_are_seen(tmp_path: Path) -> None:
    spec = importlib.util.find_spec("genicam")
    viky = Path(spec.origin).with_name("viky.cti") if spec and spec.origin else Path()
    if not viky.is_file():
        pytest.skip("genicam has no viky.cti for this platform")
    live = {**GENICAM, "profile": f'profile = "viky"\nproducers = ["{viky}"]\nserial_number = "4711"'}
    start_in_vain(tmp_path, line_text(**live), "line.toml: station S1: ", "serial", "'4711'", "seen: 0 (", "1 (")
    checked_in_vain(tmp_path, "line.toml", "serial", "'4711'", "seen: 0 (", "1 (")


@pytest.mark.parametrize("reject", [NO_PLC, {}], ids=["nobody there", "a port that is taken"])
def test_no_plc(reject: dict[str, str], tmp_path: Path, listener: int) -> None:
    replaced = reject or {"port": f"port = {listener}"}
    start_in_vain(tmp_path, line_text(**replaced), "line.toml: ", "1" if reject else str(listener))


def test_a_mute_plc(tmp_path: Path, listener: int) -> None:
    start_in_vain(tmp_path, line_text(**{**NO_PLC, "port": f"port = {listener}"}), "line.toml: station S1: ", str(listener))


def test_ctrl_c_while_the_line_starts_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "line.toml").write_text(line_text(), encoding="utf-8")
    with subprocess.Popen(
        command("run", "line.toml"),
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a process group of its own, as on a terminal: the signal reaches all of it
    ) as call:
        while not any("forkserver" in process for process in processes(tmp_path)):
            assert call.poll() is None
        os.killpg(call.pid, signal.SIGINT)
        out, words = call.communicate(timeout=60)
    assert (call.returncode, out) == (1, "")
    assert words.split() == ["vision:", "interrupted;", "what", "was", "done", "is", "kept"], words
    assert files(tmp_path) <= {"line.toml", "results", "results/DEMO", "results/DEMO/.lock"}
    assert not processes(tmp_path)


def last_trigger(batch: Path) -> int:
    """The newest pack that a stranger sees in a batch; 0 where no row is durable yet."""
    shown = vision("results", "show", batch, "--last", 1, "--json", cwd=batch, mark="looking on")
    return int(json.loads(shown.stdout)["trigger"]) if shown.stdout else 0


def test_a_second_line_on_one_results_folder_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    (tmp_path / "line.toml").write_text(line_text(), encoding="utf-8")
    call = command("run", "line.toml", "--order", DEMO / "order.json", "--json")
    with subprocess.Popen(
        call, cwd=tmp_path, env=environment(tmp_path, "first"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as first:
        try:
            assert first.stdout is not None and first.stderr is not None
            assert "RUNNING" in first.stderr.readline()
            (batch,) = (path.parent for path in tmp_path.glob("results/DEMO/*/batch.json"))
            while not (before := last_trigger(batch)):
                assert first.poll() is None
            # In the same folder for temporary files: what the first one's simulated camera lives on is not to be touched.
            second = vision("run", "line.toml", "--frames", 5, cwd=tmp_path, mark="second")
            refused(second, "results/DEMO: another line runs on this folder", f"process {first.pid}")
            assert not processes(tmp_path, "second")
            assert [path.name for path in batch.parent.iterdir() if path.is_dir()] == [batch.name]
            assert last_trigger(batch) > before
            first.send_signal(signal.SIGINT)
            out, _ = first.communicate(timeout=60)
        finally:
            first.kill()
    assert first.returncode == 0
    summary = json.loads(out)
    assert summary["records"] == summary["triggered"] == summary["accepted"] + summary["rejected"] > before
    assert summary["accepted"] > 0 and summary["trouble"] == ""
    assert not processes(tmp_path, "first")
    assert vision("results", "verify", batch, cwd=tmp_path).returncode == 0
