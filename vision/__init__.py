"""The station, from Python: `vision.inspect`, `vision.load_line`, `vision.load_order`, `vision.run_line`, `vision.open_batch`.

Names are looked up when first used: `import vision` alone loads nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_NAMES = {
    "inspect": ("vision.image", "inspect"),
    "read_image": ("vision.cameras.image_file", "read_mono8"),
    "explain": ("vision.grade.limits", "explain"),
    "Workspace": ("vision.inspection", "Workspace"),
    "Frame": ("vision.types", "Frame"),
    "Reason": ("vision.types", "Reason"),
    "Recipe": ("vision.verdict.recipe", "Recipe"),
    "Search": ("vision.decode.search", "Search"),
    "Setup": ("vision.grade.setup", "Setup"),
    "load_line": ("vision.config", "load_line"),
    "load_order": ("vision.content.order", "load_order"),
    "run_line": ("vision.pipeline.run", "run_line"),
    "open_batch": ("vision.results.reader", "open_batch"),
    "History": ("vision.trace.recall", "History"),
    "Question": ("vision.trace.records", "Question"),
    "Journal": ("vision.trace.journal", "Journal"),
    "load_ranges": ("vision.trace.sscc", "load_ranges"),
}
__all__ = [*_NAMES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'vision' has no attribute {name!r}")
    module, attribute = _NAMES[name]
    return getattr(import_module(module), attribute)
