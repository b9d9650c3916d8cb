"""Imported once by the fork server: every inspector starts with the kernels loaded, in tens of milliseconds.

Nothing here may start a thread or import a camera SDK: GenTL threads must never be forked.
"""

import vision.inspection
import vision.pipeline.inspector
import vision.pipeline.recorder
import vision.pipeline.rejector  # noqa: F401
