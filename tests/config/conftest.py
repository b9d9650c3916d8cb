"""A folder with what a line file names: recorded frames, a camera profile, a GenTL producer."""

from __future__ import annotations

from pathlib import Path

import pytest

PROFILE = """
[camera]
model = "any"
[format]
Width = 1280
Height = 1024
PixelFormat = "Mono8"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "frames").mkdir()
    (tmp_path / "camera.toml").write_text(PROFILE, encoding="utf-8")
    (tmp_path / "a.cti").write_bytes(b"")
    return tmp_path
