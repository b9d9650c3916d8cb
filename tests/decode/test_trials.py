"""What was tried and why it failed: told by place, from a closed list, and without a word in what is found."""

from __future__ import annotations

import numpy as np

from tests.decode.rendering import draw, modules
from vision.decode.decode import decode
from vision.decode.search import Search, Workspace
from vision.decode.trials import TOLD, Trials
from vision.types import Failure, Trial

WORK = Workspace()


def told(picture: np.ndarray, search: Search) -> tuple[Trial, ...]:
    trials = Trials()
    found = decode(picture, search, WORK, trials)
    silent = decode(picture, search, WORK)
    assert [entry[0].corners.tolist() for entry in silent] == [entry[0].corners.tolist() for entry in found]
    return trials.told(picture.shape, [symbol.corners for symbol, _, reading in found if reading])


def test_a_blank_frame_says_that_there_is_no_l_in_it() -> None:
    (only,) = told(np.full((300, 400), 180, np.uint8), Search())
    assert (only.failure, only.rows, only.view) == (Failure.NO_L, 0, "")
    assert only.corners.min(axis=0).tolist() == [0, 0] and only.corners.max(axis=0).tolist() == [399, 299]


def test_data_destroyed_says_too_many_errors_and_where() -> None:
    bits = modules("DESTROYED", "24x24")
    bits[2:-2, 2:-2] = np.random.default_rng(3).integers(0, 2, (20, 20))
    picture, corners = draw(bits, 6.0, 20.0)
    first = told(picture, Search(symbol_count=1))[0]
    assert (first.failure, first.rows, first.columns) == (Failure.TOO_MANY_ERRORS, 24, 24)
    assert np.abs(first.corners.mean(axis=0) - corners.mean(axis=0)).max() < 3


def test_a_grid_of_lines_says_how_far_it_came_and_no_place_twice() -> None:
    picture = np.full((500, 500), 200, np.uint8)
    picture[60:440, 60:66] = picture[434:440, 60:440] = 30  # an L with nothing in it
    places = told(picture, Search(rescues=True))
    assert places and all(place.failure in (Failure.NO_L, Failure.NO_GRID, Failure.NO_FINDER) for place in places)
    order = list(Failure)
    assert [order.index(place.failure) for place in places] == sorted((order.index(p.failure) for p in places), reverse=True)
    assert len(places) <= TOLD


def test_what_was_read_is_not_told() -> None:
    picture, _ = draw(modules("READ", "18x18"), 6.0, 12.0, frame=(300, 300))
    trials = Trials()
    ((symbol, _, reading),) = decode(picture, Search(), WORK, trials)
    assert reading is not None
    x, y = symbol.corners.mean(axis=0)
    for place in trials.told(picture.shape, [symbol.corners]):
        assert np.hypot(*(place.corners.mean(axis=0) - (x, y))) > 18


def test_a_perforated_plate_is_no_finder() -> None:
    """Every row of a lattice of holes looks like dashes, and two of its edges like an L."""
    holes = np.zeros((26, 26), np.uint8)
    holes[1::2, ::2] = 1
    holes[:, 0] = holes[-1] = 1
    holes[0, ::2] = holes[1::2, -1] = 1
    picture, _ = draw(holes, 7.0, 9.0)
    assert decode(picture, Search(), WORK) == []
