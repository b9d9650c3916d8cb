"""Looking back: many frames, inspected anew or as they were recorded, to an Arrow dataset and what it says."""
