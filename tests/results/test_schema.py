"""A row says all that was found, in the words of the schema."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from tests.results.samples import GTIN, INFORMATIVE, PARAMETERS_2011, SEGMENTS, finding, record, report, symbol
from vision.results.rows import RowEncoder, rows_to_batch
from vision.results.schema import PARAMETERS, SCHEMA, image_name, provenance_of, schema_with, symbol_row, symbol_rows
from vision.types import Finding, Parameter, Place, Reason, StructuredAppend


def test_every_field_comes_back() -> None:
    sent = record(7, Reason.WRONG_LOT, Reason.LOW_GRADE, device_timestamp_ns=11, encoder_count=-5, evidence=True, detail="a ü")
    batch = rows_to_batch([sent])
    assert batch["utc"].cast(pa.int64())[0].as_py() == sent.utc_ns
    row = batch.drop_columns(["utc"]).to_pylist(maps_as_pydicts="strict")[0]
    found = row.pop("symbols")
    assert row == {
        "station": "S1",
        "trigger": 7,
        "revision": 0,
        "arrival_ns": 7_000_000,
        "decided_ns": 11_000_000,
        "decision_ns": 4_000_000,
        "frame_id": 7,
        "device_timestamp_ns": 11,
        "encoder_count": -5,
        "inspector": 1,
        "inspect_ns": 1_900_000,
        "accept": False,
        "reasons": ["WRONG_LOT", "LOW_GRADE"],
        "detail": "a ü",
        "evidence": "images/S1-000000007.bmp",
    }
    (seen,) = found
    grade = seen.pop("grade")
    assert seen == {
        "symbology_identifier": "]d2",
        "payload": b"01" + GTIN.encode() + b"21SN7\x1d17271231",
        "text": f"(01){GTIN}(21)SN7(17)271231",
        "elements": {"01": GTIN, "21": "SN7", "17": "271231"},
        "serial": "SN7",
        "reasons": ["WRONG_LOT"],
        "rows": 24,
        "columns": 24,
        "inverted": True,
        "mirrored": False,
        "px_per_module": pytest.approx(symbol().px_per_module, rel=1e-12),
        "corners": pytest.approx(symbol().corners.ravel().tolist()),
        "codewords": {"total": 60, "data": 36, "check": 24, "corrected": 1, "erasures": 0},
        "rescue": "libdmtx",
        "eci": None,
        "structured_append": None,
        "reader_programming": False,
        "macro": None,
        "position": None,
        "position_accept": None,
        "position_reasons": None,
    }
    parameters = grade.pop("parameters")
    assert {name: value for name, value in parameters.items() if value is not None} == {
        name: {"value": parameter.value, "grade": parameter.grade} for name, parameter in PARAMETERS_2011.items()
    }
    assert grade == {
        "standard": "ISO/IEC 15415",
        "edition": "2011",
        "overall": 2.0,
        "letter": "C",
        "formal": "2.0/08/660",
        "warnings": ["uncalibrated"],
        "fixed_pattern_segments": SEGMENTS,
        "informative": INFORMATIVE,
    }


def test_a_symbol_alone_says_what_its_row_says() -> None:
    found = finding("SN7")
    (seen,) = rows_to_batch([record(7, serial="SN7")])["symbols"].to_pylist(maps_as_pydicts="strict")[0]
    alone = symbol_row(found)
    assert dict(alone.pop("elements")) == seen.pop("elements") and alone["payload"] == seen["payload"]
    assert alone["codewords"] == seen["codewords"]
    assert alone["grade"]["parameters"] == seen["grade"]["parameters"] and set(alone) == set(seen)


def test_the_forms_of_a_message_are_kept() -> None:
    plain = finding()
    assert plain.reading is not None
    forms = {
        "eci": ((0, 26), (7, 3)),
        "structured_append": StructuredAppend(3, None, (5, 254)),
        "reader_programming": True,
        "macro": 6,
    }
    told = replace(plain, reading=replace(plain.reading, **forms))
    (seen,) = rows_to_batch([record(1, symbols=symbol_rows((told,)))])["symbols"].to_pylist()[0]
    assert seen["eci"] == [{"offset": 0, "designator": 26}, {"offset": 7, "designator": 3}]
    assert seen["structured_append"] == {"position": 3, "total": None, "file_id": [5, 254]}
    assert (seen["reader_programming"], seen["macro"]) == (True, 6)


def test_what_was_not_found_is_null() -> None:
    located = symbol_rows((Finding(symbol(), None, None, None),))
    rows = rows_to_batch(
        [record(1, Reason.NOT_DECODED, symbols=located), record(2, Reason.MISSED_FRAME, symbols=b"", frame_id=None)]
    )
    (seen,), nothing = rows["symbols"].to_pylist()
    nulls = {name for name, value in seen.items() if value is None}
    forms = {"eci", "structured_append", "reader_programming", "macro"}
    placed = {"position", "position_accept", "position_reasons"}
    assert nulls == {"symbology_identifier", "payload", "text", "elements", "serial", "codewords", "grade"} | forms | placed
    assert nothing == [] and rows["frame_id"].to_pylist() == [1, None]
    assert symbol_rows(()) == b""


def test_places_of_a_tray() -> None:
    """Each symbol bears its place, an empty place has a row of its own, a symbol that stands at none has no place."""
    places = [Place(1, 1, ()), Place(2, None, (Reason.NO_SYMBOL,)), Place(3, 0, (Reason.WRONG_LOT, Reason.LOW_GRADE))]
    sent = record(1, Reason.NO_SYMBOL, symbols=symbol_rows((finding("A"), finding("B"), finding("C")), places))
    seen = rows_to_batch([sent])["symbols"].to_pylist()[0]
    assert [(row["serial"], row["position"], row["position_accept"], row["position_reasons"]) for row in seen] == [
        ("A", 3, False, ["WRONG_LOT", "LOW_GRADE"]),
        ("B", 1, True, []),
        ("C", None, None, None),
        (None, 2, False, ["NO_SYMBOL"]),
    ]
    assert {name for name, value in seen[3].items() if value is not None} == {"position", "position_accept", "position_reasons"}
    plain = rows_to_batch([sent]).serialize().to_pybytes()
    encoder = RowEncoder()
    assert [encoder.encode([sent]) for _ in range(4)] == [plain] * 4


def test_every_parameter_of_every_edition_has_its_field() -> None:
    graded = report(parameters={name: Parameter(index / 16, 4.0) for index, name in enumerate(PARAMETERS)})
    found = Finding(symbol(), None, None, graded)
    (seen,) = rows_to_batch([record(1, symbols=symbol_rows((found,)))])["symbols"].to_pylist()[0]
    assert {name: value["value"] for name, value in seen["grade"]["parameters"].items()} == {
        name: index / 16 for index, name in enumerate(PARAMETERS)
    }


def test_a_parameter_without_a_field_is_not_lost_in_silence() -> None:
    found = Finding(symbol(), None, None, report(parameters={"charm": Parameter(None, 4.0)}))
    with pytest.raises(KeyError, match="charm"):
        symbol_rows((found,))


def test_numpy_numbers_and_broken_text_are_stored() -> None:
    graded = report(overall=np.float32(1.5), informative={"reflectance_max": np.float32(0.5)})
    found = finding("\ud800x")
    sent = record(1, symbols=symbol_rows((Finding(found.symbol, found.reading, found.content, graded),)), detail="\udfff")
    batch = rows_to_batch([sent])
    batch.validate(full=True)
    (seen,) = batch["symbols"].to_pylist()[0]
    assert seen["serial"] == "\\ud800x" and seen["grade"]["overall"] == 1.5 and batch["detail"][0].as_py() == "\\udfff"


def _fields(kind: pa.DataType) -> list[pa.Field]:
    if pa.types.is_struct(kind):
        return [inner for field in kind for inner in (field, *_fields(field.type))]
    return _fields(kind.value_type) if pa.types.is_list(kind) else []


def test_every_field_says_what_it_means() -> None:
    fields = _fields(pa.struct(list(SCHEMA)))
    assert len(fields) > 70
    assert [field.name for field in fields if not (field.metadata or {}).get(b"meaning")] == []
    assert SCHEMA.metadata[b"vision.schema_version"] == b"2"
    for field in fields:
        for unit in ("ns", "px"):
            if field.name.endswith(f"_{unit}"):
                assert field.metadata[b"unit"] == unit.encode(), field.name


def test_batches_have_the_types_of_the_schema() -> None:
    batch = rows_to_batch([record(1), record(2, Reason.NO_SLOT, symbols=b"")])
    assert pa.schema([(field.name, field.type) for field in batch.schema]).equals(
        pa.schema([(field.name, field.type) for field in SCHEMA])
    )


def test_provenance_travels_in_the_file() -> None:
    assert provenance_of(schema_with({"software": "1", "recipe": "ab"})) == {"software": "1", "recipe": "ab"}
    assert provenance_of(SCHEMA) == {}


@pytest.mark.parametrize("station", ["S1", "../../etc/passwd", "a/b", "a b", "..", "s~1", "ü", "S1\0"])
def test_image_names_stay_in_their_folder(station: str) -> None:
    name = image_name(station, 12)
    assert name.endswith("-000000012.bmp") and set(name[:-4]) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_%"
    )


def test_image_names_do_not_collide() -> None:
    stations = ["S1", "S1-1", "S1%", "S1%25", "s1", "S.1", "S2E1", "S%2E1"]
    assert len({image_name(station, trigger) for station in stations for trigger in (1, 11)}) == 2 * len(stations)
