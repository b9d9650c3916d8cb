"""Compiles every kernel into the cache, or loads it from there, with a progress line; `python -m kernels` calls it."""

from __future__ import annotations

import ast
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
    ready: set[str] = set()
    with ProcessPoolExecutor(crew_count, multiprocessing.get_context("spawn")) as crew:
        running: dict[Future[list[str]], str] = {}
        while order.is_active():
            running |= {crew.submit(compile_module, name): name for name in sorted(order.get_ready())}
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                name = running.pop(done)
                ready |= set(done.result())
                order.done(name)
                told(ready, name)
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
