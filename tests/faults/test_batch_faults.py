"""Line, recorder, everything, or the power goes at a random moment: every accepted pack has its row and its serial, none is
used twice.
"""

from __future__ import annotations

from pathlib import Path

from tests.faults.batch_campaign import FAULTS, Campaign

SEED = 20261126


def test_every_serial_adds_up_after_every_fault(tmp_path: Path) -> None:
    campaign = Campaign(tmp_path, SEED)
    for words in campaign.faults(len(FAULTS)):
        print(words)
    if campaign.shim is not None:
        assert set(campaign.counts) == set(FAULTS)
