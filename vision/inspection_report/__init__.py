"""The report of inspected images: what a verifier prints, and what limits the grade. Made as a document of vision.report."""
