"""Components from the MES: linked to a batch with who brought them, told with each pack that has them; wrong files are one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.trace.event_samples import START_NS
from tests.trace.result_samples import batch, pack_record
from vision.results.operations import append_operation
from vision.trace.components import ComponentsError, components_of, link_components, load_components, of_pack
from vision.trace.recall import History, utc_text

CAVITY = {"kind": "mould_cavity", "id": "M7/3", "positions": [3, 11], "station": "S1"}
FILLING = {"kind": "filling_batch", "id": "FB-12", "from": "2026-11-26T08:00:00+01:00", "to": "2026-11-26T12:00:00+01:00"}


def write(path: Path, *components: Any) -> Path:
    path.write_text(json.dumps({"components": components}), "utf-8")
    return path


def test_a_component_belongs_by_station_place_and_time() -> None:
    inside = 1_795_000_000 * 10**9  # 2026-11-18T11:06:40Z
    filling = {**FILLING, "from": utc_text(inside), "to": utc_text(inside + 10**9)}
    both = [CAVITY, filling]
    assert of_pack(both, "S1", 3, inside) == both
    assert of_pack(both, "S1", 4, inside + 10**9 - 1) == [filling]
    assert of_pack(both, "S1", None, inside + 10**9) == []
    assert of_pack(both, "S2", 3, inside - 1) == []


def test_components_come_with_the_pack(tmp_path: Path) -> None:
    folder = batch(tmp_path / "results", "2026-11-26T120000Z", [pack_record(1, "A1", "L"), pack_record(2, "A2", "L")], "L")
    with pytest.raises(ComponentsError, match="no batch that a person started"):
        link_components(folder, write(tmp_path / "mes.json", CAVITY), "A. Operator")
    append_operation(folder, "A. Operator", "start")
    test = {"kind": "in_process_test", "id": "IPC-1", "record": "tight", "to": utc_text(START_NS + 2 * 10**9)}
    assert link_components(folder, write(tmp_path / "mes.json", test), "A. Operator") == 1
    assert components_of(folder) == [test]
    assert History(tmp_path / "results").of_serial("A1")["seen"][0]["components"] == [test]
    assert History(tmp_path / "results").of_serial("A2")["seen"][0]["components"] == []


@pytest.mark.parametrize(
    ("component", "words"),
    [
        ("x", "expected an object"),
        ({**CAVITY, "colour": 1}, "key 'colour': unknown"),
        ({"id": "x"}, "key 'kind': missing"),
        ({"kind": "mould_cavity"}, "key 'id': missing"),
        ({**CAVITY, "kind": "soul"}, "kind"),
        ({**CAVITY, "id": ""}, "id"),
        ({**CAVITY, "id": "a\x1b[2J"}, "id"),
        ({**CAVITY, "id": 7}, "id"),
        ({**CAVITY, "record": "x" * 401}, "record"),
        ({**CAVITY, "positions": [0]}, "positions"),
        ({**CAVITY, "positions": [65]}, "positions"),
        ({**CAVITY, "positions": [True]}, "positions"),
        ({**CAVITY, "positions": [3, 3]}, "positions: one stands twice"),
        ({**CAVITY, "positions": []}, "positions"),
        ({**FILLING, "from": "yesterday"}, "from"),
        ({**FILLING, "from": "2026-11-26T08:00:00"}, "from"),
        ({**FILLING, "to": FILLING["from"]}, "expected later than from"),
        (CAVITY, "stands twice"),
    ],
)
def test_a_wrong_component_is_named(tmp_path: Path, component: Any, words: str) -> None:
    path = write(tmp_path / "mes.json", CAVITY, component)
    with pytest.raises(ComponentsError) as error:
        load_components(path)
    said = str(error.value)
    assert said.startswith(f"{path}: component 2: ") and words in said and said.isprintable()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not JSON"),
        (b"\xff", "UTF-8"),
        (b"[]", "expected"),
        (b'{"components": []}', "no component"),
        (b'{"components": [{"kind": "component", "kind": "x", "id": "1"}]}', "stands twice"),
        (b'{"components": [], "more": 1}', "nothing else"),
        (b"[" * 100_000, "is not JSON"),
    ],
)
def test_a_file_that_is_none_is_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "mes.json"
    path.write_bytes(content)
    with pytest.raises(ComponentsError, match=words) as error:
        load_components(path)
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)
    with pytest.raises(ComponentsError, match="cannot be read"):
        load_components(tmp_path / "absent.json")
