"""Line, recorder, everything, or the power goes at a random moment: every accepted pack has its row and its serial, none is
used twice.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.batch_campaign import Campaign


@pytest.mark.parametrize(("kind", "seed"), [("recorder", 20261126), ("power", 20261127)])
def test_every_serial_adds_up_after_a_fault(kind: str, seed: int, tmp_path: Path) -> None:
    with Campaign(tmp_path, seed, kinds=(kind,)) as campaign:
        if kind == "power" and campaign.shim is None:
            pytest.skip("the power failure needs a C compiler")
        print(*campaign.faults(1), sep="\n")
    assert campaign.counts == {kind: 1}
