"""A cluster of two nodes gives the dataset of one machine, byte for byte, also when a worker is killed; nothing is left behind."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.audit.frames import brief_of, dataset, folder_of_frames
from vision.audit import plan
from vision.audit.crew import Processes
from vision.audit.run import run_audit
from vision.audit.sources import AuditError

ray = pytest.importorskip("ray", reason="Ray is not installed (extra cluster)")

LONG = bool(os.environ.get("VISION_LONG_TESTS"))
"""The long form: more frames, and once without anybody killed."""

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    from ray.cluster_utils import Cluster

    folder = tempfile.mkdtemp(prefix="ray")  # short: sockets have names in it
    kept = os.environ.get("PYTHONPATH")
    root = str(Path(__file__).resolve().parents[2])
    os.environ["PYTHONPATH"] = root
    os.environ["RAY_TMPDIR"] = folder
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    nodes = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}
    )
    nodes.add_node(num_cpus=1, object_store_memory=80 << 20)
    nodes.wait_for_nodes()
    yield nodes.address
    ray.shutdown()
    nodes.shutdown()
    os.environ.pop("RAY_TMPDIR")
    if kept is None:
        os.environ.pop("PYTHONPATH")
    else:
        os.environ["PYTHONPATH"] = kept
    mine = [p for p in psutil.process_iter(["cmdline"]) if folder in " ".join(p.info["cmdline"] or ())]
    _, alive = psutil.wait_procs(mine, timeout=20)
    shutil.rmtree(folder, ignore_errors=True)
    assert not alive, alive


def ray_workers() -> list[psutil.Process]:
    """Processes that look at chunks just now."""
    return [p for p in psutil.process_iter(["cmdline"]) if "ray::look_on_cluster" in " ".join(p.info["cmdline"] or ())]


def test_a_cluster_gives_the_same_dataset_and_a_killed_worker_costs_nothing(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vision.audit.fleet import Fleet

    monkeypatch.setattr(plan, "CHUNK_FRAMES", 6)
    count = 120 if LONG else 36
    frames = folder_of_frames(tmp_path / "frames", count)
    (frames / "00009.png").write_bytes(b"torn")
    brief = brief_of(frames)
    run_audit(brief, tmp_path / "here", lambda brief: Processes(brief, 2))
    if LONG:
        run_audit(brief, tmp_path / "there", lambda brief: Fleet(brief, cluster))
        assert dataset(tmp_path / "there") == dataset(tmp_path / "here")

    killed: list[int] = []
    over = threading.Event()

    def kill_one() -> None:
        while not killed and not over.is_set():
            for busy in ray_workers():
                os.kill(busy.pid, signal.SIGKILL)
                killed.append(busy.pid)
                return

    killer = threading.Thread(target=kill_one)
    killer.start()
    try:
        done = run_audit(brief, tmp_path / "killed", lambda brief: Fleet(brief, cluster))
    finally:
        over.set()
        killer.join()
    assert killed and done.frames == count
    assert dataset(tmp_path / "killed") == dataset(tmp_path / "here")


def test_no_cluster_is_one_line(tmp_path: Path) -> None:
    from vision.audit.fleet import Fleet

    frames = folder_of_frames(tmp_path / "frames", 1)
    with pytest.raises(AuditError, match="no cluster answers") as error:
        run_audit(brief_of(frames), tmp_path / "out", lambda brief: Fleet(brief, "nonsense://127.0.0.1:1"))
    assert "\n" not in str(error.value)
