"""Compiles every kernel into the cache, or loads it from there, with a progress line; `python -m kernels` calls it."""

from __future__ import annotations

import ast
import gc
import importlib
import multiprocessing
import os
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from graphlib import TopologicalSorter
from pathlib import Path

from kernels import _jit

_STALE_S = 30 * 86_400
_FOLDER = Path(__file__).parent

_FIRST = "reduce"
"""The module that is compiled before the crew starts: what numba sets up for its first kernel, 1.5 s, each of the crew then has."""

_UNSEEN_OBJECTS = 100_000
"""Objects made between two collections while compiling. Numba makes them by the million and drops few: 700 of them, the default,
cost 12 % of the time; no collection at all would take half as much memory again and save 3 % more."""


def collect_seldom() -> None:
    """Sets how often this process collects garbage."""
    gc.set_threshold(_UNSEEN_OBJECTS, 50, 100)


def compile_module(name: str) -> list[str]:
    """Imports one module of kernels, which compiles what it declares; the kernels declared by then."""
    importlib.import_module(f"kernels.{name}")
    return list(_jit.compiled)


def imports() -> dict[str, set[str]]:
    """Each module of kernels with those it imports: their callees are compiled once, before it."""
    names = {path.stem for path in _FOLDER.glob("*.py") if not path.stem.startswith("_")}
    found = {}
    for name in names:
        tree = ast.parse((_FOLDER / f"{name}.py").read_text(encoding="utf-8"))
        modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        found[name] = {module.removeprefix("kernels.") for module in modules} & names
    return found


def compile_all(crew_count: int, told: Callable[[set[str], str], None]) -> int:
    """Compiles all modules, a module in a process of its own as soon as those it imports are cached; how many kernels there are.

    told: called with the kernels ready so far and the module that was just done.
    """
    order = TopologicalSorter(imports())
    order.prepare()
    waiting = list(order.get_ready())
    collect_seldom()
    ready = set(compile_module(_FIRST))
    # A forked crew has what was imported and set up here; there are no threads yet.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with ProcessPoolExecutor(crew_count, context, collect_seldom) as crew:
        running: dict[Future[list[str]], str] = {}
        while order.is_active():
            waiting.sort(key=lambda name: (_FOLDER / f"{name}.py").stat().st_size)
            while waiting and len(running) < crew_count:
                name = waiting.pop()  # the longest first, so that nobody is left with it at the end
                running[crew.submit(compile_module, name)] = name
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                name = running.pop(done)
                ready |= set(done.result())
                order.done(name)
                told(ready, name)
            waiting += order.get_ready()
    return len(ready)


def main() -> None:
    """Makes the cache; those that no run has used for a month are removed."""
    begin = time.monotonic()
    terminal = sys.stderr.isatty()

    def told(ready: set[str], name: str) -> None:
        if terminal:
            print(f"\rkernels: {len(ready):3d} {name:<32.32}", end="", file=sys.stderr, flush=True)

    if _jit.is_cached():
        for name in sorted(imports()):
            compile_module(name)
            told(set(_jit.compiled), name)
        count = len(set(_jit.compiled))
    else:
        count = compile_all(os.cpu_count() or 1, told)
        _jit.mark_cached()
    took_s = time.monotonic() - begin
    start = "\r" if terminal else ""
    print(f"{start}kernels: {count} ready in {took_s:.1f} s{'':30}".rstrip(), file=sys.stderr)
    _jit.touch_cache()
    for folder in _jit.other_caches():
        if time.time() - folder.stat().st_mtime > _STALE_S:
            shutil.rmtree(folder, ignore_errors=True)
