"""The same audit on many machines: a Ray cluster looks at chunks, and this process writes what comes back.

Frames stay in the object store: a task gets names and gives back the file of its chunk. What a worker does is look.py's, as on one
machine, so the dataset is the same to the byte; a task whose worker or machine dies is given out again by run.py.
"""

from __future__ import annotations

from typing import Any

from vision.audit.crew import Done
from vision.audit.look import Worker
from vision.audit.plan import Brief, Chunk
from vision.audit.sources import AuditError
from vision.version import VERSION

_TASKS_PER_CORE = 2
"""One that is looked at and one that waits behind it."""

_workers: dict[str, Worker] = {}


class Fleet:
    """A crew of tasks on a cluster. address: of its head ("10.0.0.1:6379", "ray://..." or "auto"). Raises AuditError."""

    def __init__(self, brief: Brief, address: str) -> None:
        try:
            import ray  # noqa: PLC0415 - an optional extra
        except ImportError:
            raise AuditError("--cluster: Ray is not installed, expected pip install packline-vision[cluster]") from None
        self._ray = ray
        try:
            ray.init(address=address, log_to_driver=False, configure_logging=False, include_dashboard=False, logging_level="ERROR")
        except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
            ray.shutdown()  # half a connection would spoil the next one
            raise AuditError(f"--cluster {address}: no cluster answers ({' '.join(str(error).split())[:200]})") from None
        cores = int(ray.cluster_resources().get("CPU", 0))
        if cores < 1:
            self.close()
            raise AuditError(f"--cluster {address}: the cluster has no cores")
        self.capacity = _TASKS_PER_CORE * cores
        self._brief = ray.put(brief.for_workers())
        # A task that dies is not tried again by Ray: run.py counts deaths and finds the frame that causes them.
        self._task = ray.remote(look_on_cluster).options(num_cpus=1, max_retries=0)
        self._under_way: dict[Any, Chunk] = {}

    def give(self, chunk: Chunk) -> None:
        self._under_way[self._task.remote(self._brief, chunk)] = chunk

    def collect(self) -> list[Done]:
        errors = self._ray.exceptions
        ready, _ = self._ray.wait(list(self._under_way), num_returns=1)
        found = []
        for reference in ready:
            chunk = self._under_way.pop(reference)
            try:
                version, part, cpu_ns = self._ray.get(reference)
            except (errors.WorkerCrashedError, errors.NodeDiedError, errors.ObjectLostError, errors.OutOfMemoryError):
                found.append(Done(chunk, None))
                continue
            except errors.RayTaskError as error:
                raise AuditError(f"the cluster: {' '.join(str(error.cause).split())[:300]}") from None
            if version != VERSION:
                raise AuditError(f"the cluster runs packline-vision {version}, expected {VERSION} on all machines")
            found.append(Done(chunk, part, cpu_ns))
        return found

    def close(self) -> None:
        self._ray.shutdown()


def look_on_cluster(brief: Brief, chunk: Chunk) -> tuple[str, bytes, int]:
    """The task: software version, file of the chunk, CPU time. What it opens stays open for the next chunk of the same audit."""
    import time  # noqa: PLC0415

    import cv2  # noqa: PLC0415

    key = brief.digest()
    if key not in _workers:
        cv2.setNumThreads(1)
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        for other in list(_workers):
            _workers.pop(other).close()
        _workers[key] = Worker(brief)
    begin_ns = time.process_time_ns()
    return VERSION, _workers[key].part(chunk), time.process_time_ns() - begin_ns
