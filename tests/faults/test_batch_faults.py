"""The recorder or the power goes at a random moment of a batch: every accepted pack has its row and its serial, none is used twice.

The long form, with the line and everything at once as well, is `make faults`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.batch_campaign import Campaign


def test_every_serial_adds_up_after_faults(tmp_path: Path) -> None:
    with Campaign(tmp_path, 20261126, kinds=("recorder", "power")) as campaign:
        print(*campaign.faults(2), sep="\n")
    if campaign.shim is None:
        pytest.skip("the power failure needs a C compiler")
    assert campaign.counts == {"recorder": 1, "power": 1}
