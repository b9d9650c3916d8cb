"""Numba kernels: arrays in, arrays out. Nothing here knows of vision/, files, clocks or thresholds of a standard."""
