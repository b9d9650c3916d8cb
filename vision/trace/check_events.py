"""What the official schemas let through and must not leave the house: `eventTime: "yesterday"`, offsets of nowhere, keys with wrong
check digits, words of no vocabulary, an action that does not go with its business step, an id that is not the event's own.

Both forms are read back from their text, as a stranger would, into one shape, and held against the same rules.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

from vision.content.gs1_rules import SET_82, check_digit
from vision.trace.epcis_xml import business_step_urn, disposition_urn
from vision.trace.events import CONTEXT, KINDS, event_id
from vision.trace.identifiers import STEM, IdentifierError, is_container, of_digital_link, of_urn

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_OFFSET = re.compile(r"[+-](?:0[0-9]|1[0-3]):(?:00|15|30|45)|[+-]14:00")
_LOT = re.compile("[" + re.escape(SET_82) + "]{1,20}")
_NI = re.compile(r"ni:///sha-256;[0-9a-f]{64}\?ver=CBV2\.0")
_WORDS = {(kind.type, kind.action, kind.business_step, kind.disposition) for kind in KINDS.values()}
_MDA = "{urn:epcglobal:cbv:mda}"
_BUSINESS_STEPS = {business_step_urn(kind.business_step): kind.business_step for kind in KINDS.values()}
_DISPOSITIONS = {disposition_urn(kind.disposition): kind.disposition for kind in KINDS.values() if kind.disposition}
_KEYS = {"type", "eventTime", "eventTimeZoneOffset", "eventID", "parentID", "childEPCs", "epcList", "action", "bizStep"}
_KEYS |= {"disposition", "readPoint", "bizLocation", "ilmd"}


def check_json(text: str) -> list[str]:
    """What is wrong with an EPCIS 2.0 document of ours, a line each; empty = nothing."""
    try:
        document = json.loads(text)
        events = document["epcisBody"]["eventList"]
        head = {key: document[key] for key in ("@context", "type", "schemaVersion", "creationDate")}
    except (ValueError, KeyError, TypeError) as error:
        return [f"not an EPCIS document: {error!r}"]
    problems = (
        [] if (head["type"], head["schemaVersion"], head["@context"]) == ("EPCISDocument", "2.0", CONTEXT) else ["head: not ours"]
    )
    problems += [f"creationDate: {problem}" for problem in _time_problems(head["creationDate"])]
    seen: set[str] = set()
    for number, event in enumerate(events, 1):
        found = [*_problems(event, of_digital_link, f"{STEM}414/", True)]
        if not found and event_id(event) != event["eventID"]:
            found = ["eventID: is not the hash of this event"]
        if event.get("eventID") in seen:
            found.append("eventID: stands twice")
        seen.add(str(event.get("eventID")))
        problems += [f"event {number}: {problem}" for problem in found]
    return problems


def check_xml(text: str) -> list[str]:
    """What is wrong with an EPCIS 1.2 document of ours, a line each; empty = nothing.

    The ids are checked for their form only: they are those of the JSON form, whose links are not here.
    """
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        return [f"not XML: {error}"]
    events = root.find("EPCISBody/EventList")
    if root.tag != "{urn:epcglobal:epcis:xsd:1}EPCISDocument" or events is None or root.get("schemaVersion") != "1.2":
        return ["not an EPCIS 1.2 document"]
    problems = [f"creationDate: {problem}" for problem in _time_problems(root.get("creationDate"))]
    for number, element in enumerate(events, 1):
        try:
            event = _of_element(element)
        except KeyError as error:
            problems.append(f"event {number}: {error.args[0]} is no word of the vocabulary")
            continue
        problems += [f"event {number}: {problem}" for problem in _problems(event, of_urn, "urn:epc:id:sgln:", False)]
    return problems


def _of_element(element: ElementTree.Element) -> dict[str, Any]:
    """An event of 1.2 in the shape that it has in JSON, its URNs as they are."""
    event: dict[str, Any] = {"type": element.tag}
    for child in element:
        match child.tag:
            case "baseExtension":
                event["eventID"] = child.findtext("eventID")
            case "childEPCs" | "epcList":
                event[child.tag] = [epc.text or "" for epc in child]
            case "bizStep":
                event["bizStep"] = _BUSINESS_STEPS[child.text or ""]
            case "disposition":
                event["disposition"] = _DISPOSITIONS[child.text or ""]
            case "readPoint" | "bizLocation":
                event[child.tag] = {"id": child.findtext("id")}
            case "extension":
                event["ilmd"] = {v.tag.replace(_MDA, "cbvmda:"): v.text or "" for v in child.findall("ilmd/*")}
            case _:
                event[child.tag] = child.text or ""
    return event


def _problems(event: Mapping[str, Any], epc_of: Any, place: str, linked: bool) -> Iterator[str]:
    if not isinstance(event, Mapping) or not _KEYS.issuperset(event):
        yield f"keys: {sorted(set(event) - _KEYS)} are not ours"
        return
    yield from (f"eventTime: {problem}" for problem in _time_problems(event.get("eventTime")))
    offset = event.get("eventTimeZoneOffset")
    if not isinstance(offset, str) or _OFFSET.fullmatch(offset) is None:
        yield f"eventTimeZoneOffset: {offset!a}, expected hours and quarters from -14:00 to +14:00"
    if not isinstance(event.get("eventID"), str) or _NI.fullmatch(event["eventID"]) is None:
        yield f"eventID: {event.get('eventID')!a}, expected an ni URI of SHA-256"
    words = (event.get("type"), event.get("action"), event.get("bizStep"), event.get("disposition", ""))
    if words not in _WORDS:
        yield f"{' / '.join(map(str, words))}: no such event in our table"
    yield from _key_problems(event, epc_of)
    for name in ("readPoint", "bizLocation"):
        if name in event:
            yield from (f"{name}: {problem}" for problem in _place_problems(event[name], place, linked))
    if ("ilmd" in event) != (words[2] == "commissioning"):
        yield "ilmd: goes with commissioning, and only with it"
    elif "ilmd" in event:
        yield from _ilmd_problems(event["ilmd"])


def _key_problems(event: Mapping[str, Any], epc_of: Any) -> Iterator[str]:
    packing = event.get("type") == "AggregationEvent"
    name = "childEPCs" if packing else "epcList"
    listed = event.get(name)
    if not isinstance(listed, list) or not listed:
        yield f"{name}: empty"
        return
    if len(set(map(str, listed))) < len(listed):
        yield f"{name}: one stands twice"
    try:
        for uri in listed:
            epc_of(uri)
        if packing and not is_container(epc_of(event.get("parentID", ""))):
            yield "parentID: is not a container"
        if packing and event["parentID"] in listed:
            yield "parentID: is among its own children"
    except (IdentifierError, AttributeError, TypeError) as error:
        yield f"{name}: {error}"


def _place_problems(value: Any, place: str, linked: bool) -> Iterator[str]:
    uri = str(value.get("id")) if isinstance(value, Mapping) else ""
    digits = uri.removeprefix(place)
    if not uri.startswith(place):
        yield f"{uri!a}, expected {place}..."
    elif linked and not (re.fullmatch("[0-9]{13}", digits) and check_digit(digits[:-1]) == digits[-1]):
        yield f"{uri!a}: not a GLN with its check digit"
    elif not linked and not (re.fullmatch(r"[0-9]{6,12}\.[0-9]*\.0", digits) and len(digits) == 15):
        yield f"{uri!a}: not a GLN of 12 digits without its check digit, and extension 0"


def _ilmd_problems(ilmd: Any) -> Iterator[str]:
    if not isinstance(ilmd, Mapping) or set(ilmd) != {"cbvmda:lotNumber", "cbvmda:itemExpirationDate"}:
        yield "ilmd: expected lotNumber and itemExpirationDate"
        return
    if _LOT.fullmatch(str(ilmd["cbvmda:lotNumber"])) is None:
        yield "lotNumber: expected 1 to 20 characters of GS1 set 82"
    try:
        datetime.strptime(str(ilmd["cbvmda:itemExpirationDate"]), "%Y-%m-%d")
    except ValueError:
        yield f"itemExpirationDate: {ilmd['cbvmda:itemExpirationDate']!a}, expected a date YYYY-MM-DD"


def _time_problems(value: Any) -> Iterator[str]:
    if not isinstance(value, str) or _TIME.fullmatch(value) is None:
        yield f"{value!a}, expected UTC to the millisecond, YYYY-MM-DDThh:mm:ss.mmmZ"
        return
    try:
        datetime.fromisoformat(value)
    except ValueError:
        yield f"{value!a}: no such time"
