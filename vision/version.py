"""The version of this software, as it stands in every record."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("packline-vision")
except PackageNotFoundError:  # run from a source tree that was never installed
    VERSION = "0+source"
