"""The tables [trace] and [station.recipe.layout]: read whole, and every mistake named with file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.calls import line_text
from vision.config import ConfigError, LevelConfig, load_line

TRACE = """
[trace]
company_prefixes = ["4012345"]
gln = "4012345000009"
time_zone = "Europe/Berlin"
levels = [{ name = "bundle", capacity = 10 }, { name = "case", capacity = 48, mixed_lots = true }]
"""
GRID = """
[station.recipe.layout]
rows = 2
columns = 4
x_px = 100.0
y_px = 100.0
pitch_x_px = 150.0
pitch_y_px = 140.0
tolerance_px = 30.0
shift_px = 20.0
rotation_deg = 3.0
"""
PLACES = "\n[station.recipe.layout]\nplaces = [[10, 20], [200, 20.5]]\ntolerance_px = 30.0\n"


def load(path: Path, text: str):  # type: ignore[no-untyped-def]
    path.write_text(text, "utf-8")
    return load_line(path)


def with_layout(layout: str) -> str:
    return line_text().replace("[station.reject]", layout + "\n[station.reject]")


def test_the_tables_are_read(tmp_path: Path) -> None:
    trace = load(tmp_path / "line.toml", line_text() + TRACE).trace
    assert trace.levels == (LevelConfig("bundle", 10), LevelConfig("case", 48, mixed_lots=True))
    assert (trace.company_prefixes, trace.gln, trace.time_zone) == (("4012345",), "4012345000009", "Europe/Berlin")
    layout = load(tmp_path / "line.toml", with_layout(GRID)).stations[0].recipe.layout
    assert len(layout.places) == 8 and layout.places[5] == (250.0, 240.0) and layout.rotation_deg == 3.0
    recipe = load(tmp_path / "line.toml", with_layout(PLACES)).stations[0].recipe.recipe(None)
    assert recipe.layout.places == ((10.0, 20.0), (200.0, 20.5)) and recipe.symbols_per_frame == recipe.search.symbol_count == 2
    assert load(tmp_path / "line.toml", line_text()).stations[0].recipe.layout is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('["4012345"]', '["401"]', "company_prefixes"),
        ('["4012345"]', '["4012345", "4012345"]', "company_prefixes"),
        ('["4012345"]', '["9912345"]', "gln"),
        ("4012345000009", "4012345000008", "check digit 9"),
        ("4012345000009", "401234500000", "gln"),
        ("Europe/Berlin", "Europe/Atlantis", "time_zone"),
        ("Europe/Berlin", "../../etc/passwd", "time_zone"),
        ('"bundle", capacity = 10', '"bundle", capacity = 0', "capacity"),
        ('"bundle"', '"case"', "another name"),
        ('"bundle"', '"bun dle"', "name"),
        ("mixed_lots = true", 'mixed_lots = "yes"', "mixed_lots"),
        ("mixed_lots = true", "mixed = true", "mixed: unknown key"),
        ("gln =", "gnl =", "gnl: unknown key"),
    ],
)
def test_a_wrong_trace_table_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in TRACE
    with pytest.raises(ConfigError) as error:
        load(tmp_path / "line.toml", line_text() + TRACE.replace(old, new, 1))
    assert "[trace" in str(error.value) and words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        (GRID.replace("rows = 2", "rows = 0"), "rows"),
        (GRID.replace("rows = 2\n", ""), "rows: missing"),
        (GRID.replace("rows = 2", "rows = 20").replace("columns = 4", "columns = 4"), "places 80"),
        (GRID.replace("pitch_x_px = 150.0\n", ""), "pitch_x_px: missing"),
        (GRID.replace("tolerance_px = 30.0", "tolerance_px = 60.0"), "taken for its neighbour"),
        (GRID.replace("tolerance_px = 30.0\n", ""), "tolerance_px: missing"),
        (GRID.replace("rotation_deg = 3.0", "rotation_deg = 45.0"), "rotation_deg"),
        (GRID + "colour = 1\n", "colour: unknown key"),
        (GRID + "places = [[1, 2]]\n", "places are given one by one"),
        (PLACES.replace("[10, 20]", "[10]"), "places"),
        (PLACES.replace("[10, 20]", '["a", 20]'), "places"),
        (PLACES.replace("[10, 20]", "[nan, 20]"), "places"),
        (PLACES.replace("[10, 20]", "[199, 20]"), "taken for its neighbour"),
    ],
)
def test_a_wrong_layout_is_named(tmp_path: Path, layout: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(tmp_path / "line.toml", with_layout(layout))
    assert ".recipe.layout]" in str(error.value) and words in str(error.value) and "\n" not in str(error.value)


def test_what_does_not_go_together_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="position_bits: true, expected a layout"):
        load(tmp_path / "line.toml", line_text(simulate_plc="simulate_plc = true\nposition_bits = true"))
    with pytest.raises(ConfigError, match="symbols_per_frame"):
        load(tmp_path / "line.toml", with_layout("symbols_per_frame = 3\n" + PLACES))
    with pytest.raises(ConfigError, match=r"position_bits.*without effect"):
        text = line_text(output='output = "simulated"', host="", port="", simulate_plc="position_bits = true")
        load(tmp_path / "line.toml", text)
