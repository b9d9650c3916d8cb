"""A recipe's hash follows everything that decides a verdict."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from vision.content.order import Order, OrderError
from vision.decode.search import Search
from vision.grade.setup import Setup
from vision.verdict.layout import Layout
from vision.verdict.recipe import Recipe, recipe_for

ORDER = Order("PO", "x", "GS1", "L", "271231", 1, gtin="04012345678901", serials=frozenset({"A", "B"}), grade_min=2.5)


def test_the_hash_follows_every_field() -> None:
    plain = Recipe(Search(), Setup())
    others = [
        Recipe(Search(polarity="dark"), Setup()),
        Recipe(Search(), Setup(white=240.0)),
        Recipe(Search(), Setup(), order=ORDER),
        Recipe(Search(), Setup(), order=dataclasses.replace(ORDER, serials=frozenset({"A"}))),
        Recipe(Search(), Setup(), grade_min=2.0),
        Recipe(Search(), Setup(), symbols_per_frame=1),
        Recipe(Search(), Setup(), decode_only=True),
        Recipe(Search(), Setup(), symbols_per_frame=1, layout=Layout(((100.0, 100.0),), 10.0)),
        Recipe(Search(), Setup(), symbols_per_frame=1, layout=Layout(((100.0, 101.0),), 10.0)),
    ]
    hashes = {recipe.hash() for recipe in [plain, *others]}
    assert len(hashes) == len(others) + 1
    assert plain.hash() == Recipe(Search(), Setup()).hash()
    assert len({field.name for field in dataclasses.fields(Recipe)}) == 7  # a field more wants a line above


def test_the_hash_is_the_same_in_every_process() -> None:
    """The digest of an order is pinned: neither the order of a set nor the hash seed may enter."""
    serials = [f"SN{number}" for number in range(100)]
    orders = [dataclasses.replace(ORDER, serials=frozenset(some)) for some in (serials, serials[::-1])]
    assert len({Recipe(Search(), Setup(), order=order).hash() for order in orders}) == 1
    assert orders[0].digest() == "a8a7245fad946f96713d3c56448c2835438580e4b8416375fd47c063bb19e11a"


@pytest.mark.parametrize("change", [{"grade_min": -0.1}, {"grade_min": 4.1}, {"grade_min": float("nan")}, {"symbols_per_frame": 0}])
def test_bounds(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        Recipe(Search(), Setup(), **change)


def test_the_order_decides() -> None:
    recipe = recipe_for(ORDER, Search(polarity="dark"), Setup(), grade_min=1.0)
    assert recipe.search == Search(polarity="dark", symbol_count=1)
    assert recipe.setup == Setup(edition="2011")
    assert (recipe.grade_min, recipe.symbols_per_frame, recipe.order) == (2.5, 1, ORDER)


def test_a_station_can_ask_for_more_than_the_order() -> None:
    recipe = recipe_for(ORDER, Search(), Setup(), grade_min=3.0, count_extra=True)
    assert recipe.grade_min == 3.0
    assert recipe.search.symbol_count == ORDER.symbols_per_frame and recipe.search.extra_effort > 0
    assert recipe_for(ORDER, Search(), Setup()).search.extra_effort == 0


def test_an_edition_that_cannot_be_graded_is_one_line() -> None:
    order = dataclasses.replace(ORDER, edition="2042")  # type: ignore[arg-type]
    with pytest.raises(OrderError, match=r"'PO'.*'edition'.*2042") as raised:
        recipe_for(order, Search(), Setup())
    assert "\n" not in str(raised.value)


def test_a_tray_of_another_size_than_ordered_is_one_line() -> None:
    layout = Layout(((100.0, 100.0), (200.0, 100.0)), 10.0)
    with pytest.raises(OrderError, match=r"'PO'.*'symbols_per_frame': 1, expected 2"):
        recipe_for(ORDER, Search(), Setup(), layout=layout)
    assert recipe_for(dataclasses.replace(ORDER, symbols_per_frame=2), Search(), Setup(), layout=layout).layout == layout
    with pytest.raises(ValueError, match="symbols_per_frame None: expected 2"):
        Recipe(Search(), Setup(), layout=layout)
