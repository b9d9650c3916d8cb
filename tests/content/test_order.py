"""The order file: what is read from it, and one line for each way in which it can be wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vision.content.gs1_rules import SET_82
from vision.content.order import OrderError, load_order

ORDER: dict[str, Any] = {
    "order": "PO-4711",
    "product": "Examplol 10 mg",
    "scheme": "GS1",
    "gtin": "04012345678901",
    "lot": "ABC123",
    "expiry": "271231",
    "national_number": None,
    "serials": ["SN1", "SN2"],
    "quantity": 2,
    "grade_min": 1.5,
    "edition": "2011",
    "symbols_per_frame": 1,
}
IFA_ORDER = {key: value for key, value in ORDER.items() if key != "gtin"} | {"scheme": "IFA", "ppn": "110375286414"}


def write(folder: Path, content: object) -> Path:
    path = folder / "order.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_the_order_of_the_contract(tmp_path: Path) -> None:
    order = load_order(write(tmp_path, ORDER))
    assert (order.order, order.gtin, order.ppn, order.lot, order.expiry) == ("PO-4711", "04012345678901", None, "ABC123", "271231")
    assert order.serials == {"SN1", "SN2"}
    assert (order.quantity, order.grade_min, order.edition, order.symbols_per_frame) == (2, 1.5, "2011", 1)


def test_an_ifa_order(tmp_path: Path) -> None:
    order = load_order(write(tmp_path, IFA_ORDER | {"national_number": "03752864"}))
    assert (order.scheme, order.ppn, order.gtin, order.national_number) == ("IFA", "110375286414", None, "03752864")


def test_any_serial(tmp_path: Path) -> None:
    assert load_order(write(tmp_path, ORDER | {"serials": None})).serials is None


@pytest.mark.parametrize(
    "content",
    ["SN1\nSN2\n", "serial\r\nSN1\r\nSN2\r\n", "\ufeffSN1\nSN2", 'SN1\n\n"SN2"\n'],
)
def test_serials_in_a_file_beside_the_order(tmp_path: Path, content: str) -> None:
    (tmp_path / "serials.csv").write_text(content, encoding="utf-8", newline="")
    assert load_order(write(tmp_path, ORDER | {"serials": {"file": "serials.csv"}})).serials == {"SN1", "SN2"}


def test_hostile_serials_are_legal(tmp_path: Path) -> None:
    serials = ["=1+1", "../../etc/passwd", "<script>", "';DROP--", '"quoted",comma', "%00", "-A", "serial"]
    rows = ["serial", *('"' + serial.replace('"', '""') + '"' for serial in serials)]
    (tmp_path / "serials.csv").write_text("\n".join(rows), encoding="utf-8")
    order = load_order(write(tmp_path, ORDER | {"serials": {"file": "serials.csv"}}))
    assert order.serials == set(serials)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"gtin": "04012345678902"}, "'gtin'"),
        ({"gtin": "4012345678901"}, "'gtin'"),
        ({"gtin": 4012345678901}, "'gtin'"),
        ({"gtin": "٠4012345678901"}, "'gtin'"),
        ({"scheme": "HIBC"}, "'scheme'"),
        ({"lot": ""}, "'lot'"),
        ({"lot": "A" * 21}, "'lot'"),
        ({"lot": "A B"}, "'lot'"),
        ({"lot": "ABC\n"}, "'lot'"),
        ({"lot": None}, "'lot'"),
        ({"expiry": "271301"}, "'expiry'"),
        ({"expiry": "20271231"}, "'expiry'"),
        ({"expiry": "270229"}, "'expiry'"),
        ({"expiry": 271231}, "'expiry'"),
        ({"national_number": ""}, "'national_number'"),
        ({"national_number": 3}, "'national_number'"),
        ({"quantity": 0}, "'quantity'"),
        ({"quantity": True}, "'quantity'"),
        ({"quantity": 1.0}, "'quantity'"),
        ({"quantity": 3}, "'quantity'"),
        ({"grade_min": 4.1}, "'grade_min'"),
        ({"grade_min": "1.5"}, "'grade_min'"),
        ({"edition": 2011}, "'edition'"),
        ({"edition": "2015"}, "'edition'"),
        ({"symbols_per_frame": 0}, "'symbols_per_frame'"),
        ({"symbols_per_frame": None}, "'symbols_per_frame'"),
        ({"order": ""}, "'order'"),
        ({"order": "a\x1b[2J"}, "'order'"),
        ({"product": 5}, "'product'"),
        ({"serials": "SN1"}, "'serials'"),
        ({"serials": {"file": ""}}, "'serials'"),
        ({"serials": {"file": "a.csv", "column": 1}}, "'serials'"),
        ({"serials": {"file": "missing.csv"}}, "missing.csv"),
        ({"serials": ["SN1", "SN1"]}, "row 2"),
        ({"serials": ["SN1", 2]}, "row 2"),
        ({"serials": ["SN1", ""]}, "row 2"),
        ({"serials": ["SN1", "SN 2"]}, "row 2"),
        ({"colour": "red"}, "'colour'"),
        ({"ppn": "110375286414"}, "'ppn'"),
    ],
)
def test_a_wrong_order_is_one_line_that_names_file_and_key(tmp_path: Path, change: dict[str, Any], named: str) -> None:
    path = write(tmp_path, ORDER | change)
    with pytest.raises(OrderError) as raised:
        load_order(path)
    _one_line(str(raised.value), str(path), named)


@pytest.mark.parametrize("key", sorted(ORDER))
def test_every_key_must_be_there(tmp_path: Path, key: str) -> None:
    path = write(tmp_path, {name: value for name, value in ORDER.items() if name != key})
    with pytest.raises(OrderError) as raised:
        load_order(path)
    _one_line(str(raised.value), str(path), f"'{key}'")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"ppn": "110375286415"}, "'ppn'"),
        ({"ppn": "1103752864"}, "'ppn'"),
        ({"ppn": None}, "'ppn'"),
        ({"national_number": "03752865"}, "'national_number'"),
        ({"gtin": "04012345678901"}, "'gtin'"),
    ],
)
def test_a_wrong_ifa_order(tmp_path: Path, change: dict[str, Any], named: str) -> None:
    path = write(tmp_path, IFA_ORDER | change)
    with pytest.raises(OrderError) as raised:
        load_order(path)
    _one_line(str(raised.value), str(path), named)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("SN1\nSN2\nSN1\n", "row 3"),
        ("serial\nSN1\nSN 2\n", "row 3"),
        ("SN1,2\n", "row 1"),
        ("SN1\nSN2;\x07\n", "row 2"),
        ('SN1\n"SN2\n', "CSV"),
        ("SN1\n\udcff\n", "UTF-8"),
    ],
)
def test_a_wrong_serial_file_is_one_line_that_names_file_and_row(tmp_path: Path, content: str, named: str) -> None:
    (tmp_path / "serials.csv").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(OrderError) as raised:
        load_order(write(tmp_path, ORDER | {"serials": {"file": "serials.csv"}}))
    _one_line(str(raised.value), "serials.csv", named)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "JSON"),
        ("[]", "object"),
        ("{", "line 1"),
        ('{"lot": "A", "lot": "B"}', "'lot'"),
        ('{"lot": NaN}', "NaN"),
        ("[" * 100_000, "order"),
    ],
)
def test_what_is_no_order(tmp_path: Path, text: str, named: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(OrderError) as raised:
        load_order(path)
    _one_line(str(raised.value), str(path), named)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(OrderError, match="cannot be read"):
        load_order(tmp_path / "missing.json")
    with pytest.raises(OrderError, match="cannot be read"):
        load_order(tmp_path)
    (tmp_path / "latin.json").write_bytes(b'{"product": "\xe9"}')
    with pytest.raises(OrderError, match="UTF-8"):
        load_order(tmp_path / "latin.json")


def test_the_digest_follows_every_field_and_not_the_order_of_serials(tmp_path: Path) -> None:
    def digest(change: dict[str, Any]) -> str:
        return load_order(write(tmp_path, ORDER | change)).digest()

    same = digest({})
    assert digest({"serials": ["SN2", "SN1"]}) == same
    changes: list[dict[str, Any]] = [
        {"order": "PO-4712"},
        {"product": "Other"},
        {"gtin": "04012345678918"},
        {"lot": "ABC124"},
        {"expiry": "271200"},
        {"national_number": "1"},
        {"serials": ["SN1", "SN3"]},
        {"serials": ["SN1", "SN2", "SN3"]},
        {"serials": None},
        {"quantity": 1},
        {"grade_min": 2.5},
        {"edition": "2024"},
        {"symbols_per_frame": 2},
    ]
    digests = [digest(change) for change in changes]
    assert len({same, *digests}) == len(changes) + 1


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=30),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*ORDER, "x"]), inner, max_size=13),
        max_leaves=20,
    ),
    st.sampled_from([*ORDER]),
)
def test_any_json_gives_an_order_or_one_line(tmp_path_factory: pytest.TempPathFactory, value: Any, key: str) -> None:
    path = write(tmp_path_factory.mktemp("order"), ORDER | {key: value})
    try:
        order = load_order(path)
    except OrderError as error:
        assert "\n" not in str(error)
        assert str(path) in str(error)
    else:
        assert getattr(order, key) == (value if key != "serials" or value is None else frozenset(value))
        assert set(order.lot) <= set(SET_82)


def _one_line(text: str, *parts: str) -> None:
    assert "\n" not in text
    assert text.isprintable()
    for part in parts:
        assert part in text
