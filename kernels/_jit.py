"""The only place with numba options: how kernels are compiled, cached and counted.

A kernel is declared with its full signature, so that it is compiled (or taken from the cache) when its module is
imported and never in the middle of a frame. Pixels are declared read-only: a kernel that writes to a frame does not
compile. `fastmath` is never used: it makes isnan false.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import llvmlite
import llvmlite.binding as llvm
import numba
from numba import njit, types

F = TypeVar("F", bound=Callable[..., Any])

_FOLDER = Path(__file__).resolve().parent


def _cache_key() -> str:
    """Names the cache after all that a compiled kernel depends on.

    Numba's own key is the kernel's file alone: with a callee in another file changed it returns stale code.
    """
    digest = hashlib.sha256()
    for source in sorted(_FOLDER.glob("*.py")):
        digest.update(source.name.encode())
        digest.update(source.read_bytes())
    digest.update(repr((numba.__version__, llvmlite.__version__, sys.version, platform.machine())).encode())
    digest.update(_cpu_name().encode())
    flags = sorted((k, v) for k, v in os.environ.items() if k.startswith("NUMBA_") or k == "VISION_BOUNDSCHECK")
    digest.update(repr(flags).encode())
    return digest.hexdigest()[:16]


def _cpu_name() -> str:
    features = llvm.get_host_cpu_features()
    return str(llvm.get_host_cpu_name()) + str(features.flatten())


def _cache_root() -> Path:
    """Where caches lie: the user's cache folder, or the temporary one where that cannot be written (a service without a home)."""
    base = os.environ.get("VISION_CACHE") or os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    root = Path(base) / "vision-kernels"
    try:
        root.mkdir(parents=True, exist_ok=True)
        if os.access(root, os.W_OK):
            return root
    except OSError:
        pass
    return Path(tempfile.gettempdir()) / f"vision-kernels-{os.getuid() if hasattr(os, 'getuid') else 0}"


numba.config.CACHE_DIR = str(_cache_root() / _cache_key())


def touch_cache() -> None:
    """Marks the cache in use as used now."""
    folder = _cache_root() / _cache_key()
    if folder.is_dir():
        os.utime(folder)


def is_cached() -> bool:
    """Whether every kernel of these sources was compiled before."""
    return (_cache_root() / _cache_key() / "complete").exists()


def mark_cached() -> None:
    """Says for the next time that every kernel is in the cache."""
    (_cache_root() / _cache_key() / "complete").touch()


def other_caches() -> list[Path]:
    """Caches of other sources, versions or CPUs."""
    root = _cache_root()
    return [f for f in root.iterdir() if f.is_dir() and f.name != _cache_key()] if root.is_dir() else []


u8 = types.uint8
i32 = types.int32
i64 = types.int64
u32 = types.uint32
u64 = types.uint64
f32 = types.float32
f64 = types.float64
boolean = types.boolean

pixels = types.Array(types.uint8, 2, "C", readonly=True)
"""A frame: (height, width) uint8, C-contiguous, read-only. Writable arrays are accepted too."""


def array(dtype: Any, ndim: int, readonly: bool = False) -> Any:
    """The numba type of a C-contiguous array."""
    return types.Array(dtype, ndim, "C", readonly=readonly)


def tuple_of(*kinds: Any) -> Any:
    """The numba type of a returned tuple."""
    return types.Tuple(kinds) if len(set(kinds)) > 1 else types.UniTuple(kinds[0], len(kinds))


compiled: list[str] = []
"""Names of the kernels declared so far, in order."""


def kernel(signature: Any, **options: Any) -> Callable[[F], F]:
    """Compiles a function for one signature, cached, without the GIL; `boundscheck=True` only through VISION_BOUNDSCHECK=1.

    VISION_BOUNDSCHECK=1 compiles every kernel with bounds checks into a cache of its own (NUMBA_BOUNDSCHECK does
    nothing on cached code).
    """
    checked = os.environ.get("VISION_BOUNDSCHECK") == "1"

    def declare(function: F) -> F:
        compiled.append(function.__name__)
        dispatcher = njit(
            signature, cache=True, nogil=True, boundscheck=checked, error_model="numpy", no_cfunc_wrapper=True, **options
        )
        return dispatcher(function)  # type: ignore[no-any-return]

    return declare


def helper(function: F) -> F:
    """A small function called by kernels only: inlined by LLVM into its callers, compiled with them.

    Without the wrappers by which Python and C would call it: they are 5 % of all that is compiled.
    """
    checked = os.environ.get("VISION_BOUNDSCHECK") == "1"
    dispatcher = njit(nogil=True, boundscheck=checked, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
    return dispatcher(function)  # type: ignore[no-any-return]
