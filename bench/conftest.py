"""Stored results of the kernels say which processor they were measured on, and nothing of whose machine it was."""

from __future__ import annotations

from typing import Any


def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    cpu = machine_info.get("cpu", {})
    keep = {name: machine_info[name] for name in ("machine", "system", "python_version") if name in machine_info}
    machine_info.clear()
    machine_info.update(keep, cpu={name: cpu.get(name) for name in ("brand_raw", "count", "hz_advertised_friendly")})


def pytest_benchmark_update_commit_info(config: Any, commit_info: dict[str, Any]) -> None:
    keep = {name: commit_info[name] for name in ("id", "dirty") if name in commit_info}
    commit_info.clear()
    commit_info.update(keep)
