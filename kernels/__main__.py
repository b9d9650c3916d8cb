"""`python -m kernels`: compiles every kernel into the cache, or loads it from there, with a progress line."""

from __future__ import annotations

import importlib
import pkgutil
import shutil
import sys
import time

import kernels
from kernels import _jit

_STALE_S = 30 * 86_400


def main() -> None:
    """Imports every kernel module; importing compiles. Caches that no run has used for a month are removed."""
    begin = time.monotonic()
    terminal = sys.stderr.isatty()

    def declared(name: str) -> None:
        if terminal:
            print(f"\rkernels: {len(_jit.compiled):3d} {name:<32.32}", end="", file=sys.stderr, flush=True)

    _jit.on_declare = declared
    for module in sorted(m.name for m in pkgutil.iter_modules(kernels.__path__) if not m.name.startswith("_")):
        importlib.import_module(f"kernels.{module}")
    took_s = time.monotonic() - begin
    start = "\r" if terminal else ""
    print(f"{start}kernels: {len(_jit.compiled)} ready in {took_s:.1f} s{'':30}".rstrip(), file=sys.stderr)
    _jit.touch_cache()
    for folder in _jit.other_caches():
        if time.time() - folder.stat().st_mtime > _STALE_S:
            shutil.rmtree(folder, ignore_errors=True)


main()
