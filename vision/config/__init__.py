"""The line file: the only reader of TOML of a line, with units, bounds and companions checked before anything starts."""

from vision.config.describe import config_hash, describe, memory_bytes
from vision.config.read import load_line
from vision.config.records import (
    CameraConfig,
    LevelConfig,
    LineConfig,
    RecipeConfig,
    RejectConfig,
    ResultsConfig,
    StationConfig,
    TraceConfig,
)
from vision.config.section import ConfigError

__all__ = [
    "CameraConfig",
    "ConfigError",
    "LevelConfig",
    "LineConfig",
    "RecipeConfig",
    "RejectConfig",
    "ResultsConfig",
    "StationConfig",
    "TraceConfig",
    "config_hash",
    "describe",
    "load_line",
    "memory_bytes",
]
