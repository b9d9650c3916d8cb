"""The names of parameters, segments and warnings as a reader sees them."""

from __future__ import annotations

PARAMETERS = {
    "decode": "Decode",
    "symbol_contrast": "Symbol contrast",
    "cell_contrast": "Cell contrast",
    "minimum_reflectance": "Minimum reflectance",
    "modulation": "Modulation",
    "cell_modulation": "Cell modulation",
    "reflectance_margin": "Reflectance margin",
    "fixed_pattern_damage": "Fixed pattern damage",
    "distributed_damage": "Distributed damage",
    "axial_nonuniformity": "Axial nonuniformity",
    "grid_nonuniformity": "Grid nonuniformity",
    "unused_error_correction": "Unused error correction",
    "print_growth": "Print growth",
}

SEGMENTS = {
    "L1": "L1, left bar",
    "L2": "L2, bottom bar",
    "QZL1": "QZL1, quiet zone left",
    "QZL2": "QZL2, quiet zone below",
    "clock_track": "Clock track",
    "solid_area": "Solid area",
}

WARNINGS = {
    "lossy_image": "The image was compressed with loss: its values are not to be trusted.",
    "uncalibrated": "Reflectance was not calibrated: contrast is a share of grey 0 to 255.",
    "calibration_expired": "The calibration of reflectance has expired.",
    "low_resolution": "Fewer than 6 pixels per module: values are less sure.",
    "very_low_resolution": "Fewer than 5 pixels per module: the grade is not meaningful.",
    "outside_frame": "Part of the symbol or its quiet zone lies outside the image.",
    "grid_not_measured": "Too few edges were found to measure the grid.",
}
"""What a warning of a report means, by its name."""

ELEMENTS = {
    "00": "SSCC",
    "01": "GTIN",
    "10": "lot",
    "11": "production date",
    "15": "best before",
    "17": "expiry",
    "21": "serial",
    **dict.fromkeys(("710", "711", "712", "713", "714", "715", "716", "717"), "national number"),
    "9N": "PPN",
    "1T": "lot",
    "D": "expiry",
    "S": "serial",
    "8P": "GTIN",
}
"""What the identifiers of a medicine's code stand for; others go by their number alone."""
