"""Places on a tray: found again under shift, rotation, missing and stray symbols; impossible layouts are refused."""

from __future__ import annotations

import math
import random

import pytest

from vision.verdict.layout import Layout, grid_places

GRID = Layout(grid_places(5, 8, 200.0, 150.0, 150.0, 140.0), tolerance_px=30.0, shift_px=35.0, rotation_deg=6.0)


def moved(layout: Layout, shift: tuple[float, float], degrees: float) -> list[tuple[float, float]]:
    """The places of a tray that lies shifted, and turned about the middle of its places."""
    middle_x = sum(x for x, _ in layout.places) / len(layout.places)
    middle_y = sum(y for _, y in layout.places) / len(layout.places)
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [
        (
            middle_x + (x - middle_x) * cosine - (y - middle_y) * sine + shift[0],
            middle_y + (x - middle_x) * sine + (y - middle_y) * cosine + shift[1],
        )
        for x, y in layout.places
    ]


@pytest.mark.parametrize("seed", range(150))
def test_every_symbol_is_at_its_own_place(seed: int) -> None:
    """Within the bounds, with noise of 5 px, up to 25 of 40 missing, in any order of reading."""
    draw = random.Random(seed)
    angle, length = draw.uniform(0, 2 * math.pi), draw.uniform(0, 34)
    truth = moved(GRID, (length * math.cos(angle), length * math.sin(angle)), draw.uniform(-6, 6))
    chosen = draw.sample(range(40), draw.randint(15, 40))
    found = [(truth[place][0] + draw.uniform(-5, 5), truth[place][1] + draw.uniform(-5, 5)) for place in chosen]
    assert GRID.assign(found) == chosen


@pytest.mark.parametrize("seed", range(50))
def test_a_stray_symbol_has_no_place_and_moves_no_other(seed: int) -> None:
    draw = random.Random(seed)
    truth = moved(GRID, (draw.uniform(-20, 20), draw.uniform(-20, 20)), draw.uniform(-4, 4))
    chosen = draw.sample(range(40), 30)
    between = truth[0][0] / 2 + truth[9][0] / 2, truth[0][1] / 2 + truth[9][1] / 2  # the middle of four places
    assert GRID.assign([between, *(truth[place] for place in chosen)]) == [None, *chosen]


@pytest.mark.parametrize("seed", range(100))
def test_a_few_symbols_have_their_own_place_or_none(seed: int) -> None:
    """One to six symbols may not tell how the tray lies: then nothing is said, and never a wrong place."""
    draw = random.Random(seed)
    truth = moved(GRID, (draw.uniform(-24, 24), draw.uniform(-24, 24)), draw.uniform(-6, 6))
    chosen = draw.sample(range(40), draw.randint(1, 6))
    said = GRID.assign([truth[place] for place in chosen])
    assert all(place in (None, right) for place, right in zip(said, chosen, strict=True)), (said, chosen)


def test_reading_order_alone_would_be_wrong() -> None:
    """A whole missing row and a turned tray: the n-th symbol read is not the n-th place."""
    truth = moved(GRID, (0.0, 0.0), 5.0)
    chosen = list(range(8, 40))
    found = sorted((truth[place] for place in chosen), key=lambda point: (round(point[1] / 40), point[0]))
    assert sorted(place for place in GRID.assign(found) if place is not None) == chosen
    assert [truth[place or 0] for place in GRID.assign(found)] == found


def test_of_two_symbols_at_one_place_the_nearer_has_it() -> None:
    x, y = GRID.places[3]
    assert GRID.assign([(x + 20, y), (x + 2, y)]) == [None, 3]


def test_a_list_of_places_without_any_order() -> None:
    layout = Layout(((300.0, 80.0), (90.0, 400.0), (310.0, 300.0)), tolerance_px=20.0)
    assert layout.assign([(315.0, 290.0), (88.0, 402.0)]) == [2, 1]
    assert layout.assign([]) == []
    assert layout.assign([(200.0, 200.0)]) == [None]


def test_a_tray_beyond_its_bounds_is_not_taken_for_another_place() -> None:
    """Shifted by a whole pitch no symbol may be told to stand at its neighbour's place while all seem to fit: bounds hold."""
    layout = Layout(grid_places(1, 4, 100.0, 100.0, 100.0, 100.0), tolerance_px=20.0, shift_px=25.0)
    assert layout.assign([(x + 48.0, y) for x, y in layout.places]) == [None] * 4


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tolerance_px": 0.0}, "tolerance_px"),
        ({"tolerance_px": math.nan}, "tolerance_px"),
        ({"tolerance_px": 50.0}, "taken for its neighbour"),
        ({"shift_px": 55.0}, "taken for its neighbour"),
        ({"shift_px": -1.0}, "shift_px"),
        ({"rotation_deg": 31.0}, "rotation_deg"),
        ({"places": ()}, "places 0"),
        ({"places": ((1.0, 1.0), (1.0, 1.0))}, "taken for its neighbour"),
        ({"places": ((1.0, -1.0),)}, "places"),
        ({"places": tuple((100.0 * n, 0.0) for n in range(65))}, "places 65"),
    ],
)
def test_an_impossible_layout_is_refused(changes: dict[str, object], words: str) -> None:
    plain = {"places": GRID.places, "tolerance_px": 20.0, "shift_px": 20.0, "rotation_deg": 2.0}
    with pytest.raises(ValueError, match=words):
        Layout(**{**plain, **changes})  # type: ignore[arg-type]
