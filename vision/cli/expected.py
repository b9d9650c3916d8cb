"""Errors that are the user's to mend: each says in one line which file, key or device, and what was expected."""

from vision.audit.sources import AuditError
from vision.cameras.camera import CameraError
from vision.config import ConfigError
from vision.content.order import OrderError
from vision.pipeline.line import StartError
from vision.report.writer import ReportError
from vision.results.folder import ResultsError
from vision.serials.pool import PoolError
from vision.trace.components import ComponentsError
from vision.trace.sscc import RangeError

EXPECTED = (
    AuditError,
    CameraError,
    ComponentsError,
    ConfigError,
    OrderError,
    PoolError,
    RangeError,
    ReportError,
    ResultsError,
    StartError,
)
