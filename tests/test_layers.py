"""The house's layers: whoever stands higher may import what is below, never the other way round."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Lowest first. A module belongs to the first layer whose name it begins with.
LAYERS = [
    ("vision.types", "vision.version", "vision.report"),
    ("kernels",),
    ("vision.decode",),
    ("vision.content", "vision.grade"),
    ("vision.verdict",),
    ("vision.inspection", "vision.image", "vision.inspection_report"),
    ("vision.cameras", "vision.reject", "vision.results", "vision.serials"),
    ("vision.config",),
    ("vision.batch",),
    ("vision.audit", "vision.trace"),
    ("vision.pipeline",),
    ("vision.cli",),
]
ALONE = [
    {"vision.cameras", "vision.reject", "vision.results", "vision.serials"},
    {"vision.content", "vision.grade"},
    {"vision.audit", "vision.trace"},
]
"""Packages of one layer that know nothing of each other."""


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(module: str) -> int | None:
    for level, names in enumerate(LAYERS):
        if any(module == name or module.startswith(name + ".") for name in names):
            return level
    return None


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


SOURCES = sorted([*ROOT.glob("vision/**/*.py"), *ROOT.glob("kernels/**/*.py")])


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_from_below(path: Path) -> None:
    module = module_of(path)
    level = layer_of(module)
    assert level is not None or module == "vision", f"{module} stands in no layer"
    for imported in imports_of(path):
        target = layer_of(imported)
        if target is None:
            assert not imported.startswith(("bench", "tests")), f"{module} imports {imported}, which is not shipped"
            continue
        if level is None:
            continue
        assert target <= level, f"{module} imports {imported}, which stands above it"
        if module.startswith("kernels"):
            assert imported.startswith("kernels"), f"{module} imports {imported}: kernels know nothing of vision"
        for apart in ALONE:
            mine = {name for name in apart if module.startswith(name)}
            theirs = {name for name in apart if imported.startswith(name)}
            # One type crosses: RecordingError and the like are of one family, frames of the other are not.
            assert not (mine and theirs and mine != theirs), f"{module} imports {imported}: neighbours of one layer"


def test_the_layers_name_every_package() -> None:
    packages = {module_of(path / "__init__.py") for path in ROOT.glob("vision/*") if (path / "__init__.py").exists()}
    named = {name for names in LAYERS for name in names}
    assert packages <= named, packages - named


def test_only_one_file_imports_harvesters() -> None:
    importers = {module_of(path) for path in SOURCES if any(i.split(".")[0] in ("harvesters", "genicam") for i in imports_of(path))}
    assert importers <= {"vision.cameras.genicam"}, importers
