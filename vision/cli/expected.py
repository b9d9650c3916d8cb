"""Errors that are the user's to mend: each says in one line which file, key or device, and what was expected."""

from vision.cameras.camera import CameraError
from vision.config import ConfigError
from vision.content.order import OrderError
from vision.pipeline.line import StartError
from vision.results.folder import ResultsError
from vision.serials.pool import PoolError
from vision.trace.components import ComponentsError
from vision.trace.sscc import RangeError

EXPECTED = (CameraError, ComponentsError, ConfigError, OrderError, PoolError, RangeError, ResultsError, StartError)
