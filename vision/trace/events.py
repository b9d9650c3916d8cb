"""Events: what happened to packs and containers, as EPCIS knows it, and as EPCIS 2.0 JSON-LD.

One table (`KINDS`) says which happening becomes which event. An event is made from records alone (results, serial states,
aggregation journal), so the same records give the same bytes. A reject before commissioning is no event: such a pack is no
EPCIS object, its serial goes back to the pool. The form for EPCIS 1.2 is in epcis_xml.py, the checks are in check_events.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import Enum
from typing import IO, Any, NamedTuple

from vision.trace.identifiers import digital_link, place_link

CONTEXT = ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld", {"cbvmda": "urn:epcglobal:cbv:mda:"}]
"""The second part says again what the first says of the prefix: readers that do not load contexts find it."""
_CBV = "https://ref.gs1.org/cbv/"


class Happening(Enum):
    """What can happen to a pack or container."""

    ACCEPTED = "accepted"
    PACKED = "packed"
    UNPACKED = "unpacked"
    DECOMMISSIONED = "decommissioned"
    DESTROYED = "destroyed"
    SAMPLED = "sampled"
    FAILED = "failed"


class Kind(NamedTuple):
    """The event of a happening, in the words of EPCIS and CBV 2.0; disposition "" where there is none."""

    type: str
    action: str
    business_step: str
    disposition: str


KINDS = {
    Happening.ACCEPTED: Kind("ObjectEvent", "ADD", "commissioning", "active"),
    Happening.PACKED: Kind("AggregationEvent", "ADD", "packing", "in_progress"),
    Happening.UNPACKED: Kind("AggregationEvent", "DELETE", "unpacking", ""),
    Happening.DECOMMISSIONED: Kind("ObjectEvent", "DELETE", "decommissioning", "inactive"),
    Happening.DESTROYED: Kind("ObjectEvent", "DELETE", "destroying", "destroyed"),
    Happening.SAMPLED: Kind("ObjectEvent", "OBSERVE", "sampling", "inactive"),
    Happening.FAILED: Kind("ObjectEvent", "OBSERVE", "inspecting", "non_conformant"),
}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. epcs: of the packs (of the children, when packed or unpacked), at least one, none twice.

    utc_ns: when, since the epoch. parent: EPC of the container. lot, expiry (YYMMDD as printed): of accepted packs.
    """

    happening: Happening
    utc_ns: int
    epcs: tuple[str, ...]
    parent: str = ""
    lot: str = ""
    expiry: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where and by whose clock: gln of the site, "" = not said. time_zone: for the offset that each event bears."""

    gln: str = ""
    time_zone: tzinfo = UTC


def expiry_date(expiry: str) -> str:
    """YYMMDD as a date; day 00 = the last day of the month; YY is of this century (GS1 General Specifications 7.12)."""
    year, month, day = 2000 + int(expiry[:2]), int(expiry[2:4]), int(expiry[4:])
    if day:
        return f"{year:04d}-{month:02d}-{day:02d}"
    following = datetime(year + month // 12, month % 12 + 1, 1)
    return (following - timedelta(days=1)).strftime("%Y-%m-%d")


class Clock:
    """Times as events bear them: UTC to the millisecond, and the offset of the place then."""

    def __init__(self, time_zone: tzinfo) -> None:
        self._zone = time_zone
        self._quarter = -1
        self._offset = ""

    def __call__(self, utc_ns: int) -> tuple[str, str]:
        """(eventTime, eventTimeZoneOffset), the time cut to the millisecond."""
        seconds, rest_ns = divmod(utc_ns, 1_000_000_000)
        moment = datetime.fromtimestamp(seconds, UTC)
        if seconds // 900 != self._quarter:  # no zone changes within a quarter of an hour that begins at one
            self._quarter = seconds // 900
            offset = moment.astimezone(self._zone).utcoffset() or timedelta()
            minutes = int(offset.total_seconds() // 60)
            self._offset = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest_ns // 1_000_000:03d}Z", self._offset


def event_objects(events: Iterable[Event], place: Place) -> Iterator[dict[str, Any]]:
    """Events as EPCIS 2.0 JSON-LD has them, eventID included, in their order."""
    clock = Clock(place.time_zone)
    for event in events:
        kind = KINDS[event.happening]
        moment, offset = clock(event.utc_ns)
        links = [digital_link(epc) for epc in event.epcs]
        found: dict[str, Any] = {"type": kind.type, "eventTime": moment, "eventTimeZoneOffset": offset, "eventID": ""}
        if kind.type == "AggregationEvent":
            found["parentID"] = digital_link(event.parent)
            found["childEPCs"] = links
        else:
            found["epcList"] = links
        found["action"] = kind.action
        found["bizStep"] = kind.business_step
        if kind.disposition:
            found["disposition"] = kind.disposition
        if place.gln:
            found["readPoint"] = {"id": place_link(place.gln)}
            found["bizLocation"] = {"id": place_link(place.gln)}
        if event.happening is Happening.ACCEPTED:
            found["ilmd"] = {"cbvmda:lotNumber": event.lot, "cbvmda:itemExpirationDate": expiry_date(event.expiry)}
        found["eventID"] = event_id(found)
        yield found


def event_id(event: dict[str, Any]) -> str:
    """The canonical hash id of an event of ours (CBV 2.0, 8.9.1), as an ni URI: over all but recordTime and eventID.

    event: as made by event_objects, with full Digital Link URIs. Equal to what epcis-event-hash-generator says of it, but for a
    lot such as `inf`, at which that stops.
    """
    parts = [f"eventType={event['type']}eventTime={event['eventTime']}eventTimeZoneOffset={event['eventTimeZoneOffset']}"]
    if "parentID" in event:
        parts.append(f"parentID={event['parentID']}childEPCs")
        parts += sorted([f"epc={epc}" for epc in event["childEPCs"]])
    else:
        parts.append("epcList")
        parts += sorted([f"epc={epc}" for epc in event["epcList"]])
    parts.append(f"action={event['action']}bizStep={_CBV}BizStep-{event['bizStep']}")
    if "disposition" in event:
        parts.append(f"disposition={_CBV}Disp-{event['disposition']}")
    for name in ("readPoint", "bizLocation"):
        if name in event:
            parts.append(f"{name}id={event[name]['id']}")
    if "ilmd" in event:
        spelled = (f"{key.replace('cbvmda:', '{urn:epcglobal:cbv:mda:}')}={_plain_number(v)}" for key, v in event["ilmd"].items())
        parts += ["ilmd", *sorted(spelled)]
    return f"ni:///sha-256;{hashlib.sha256(''.join(parts).encode()).hexdigest()}?ver=CBV2.0"


def _plain_number(text: str) -> str:
    """A value that reads as a number without leading or trailing zeros, as the canonical form wants it of every value."""
    try:
        number = float(text)
        return str(int(number) if int(number) == number else number)
    except (ValueError, OverflowError):
        return text


def write_json(objects: Iterable[dict[str, Any]], stream: IO[str], created: str) -> int:
    """Writes an EPCIS 2.0 document, one event per line; how many events. created: its date, a time of the records."""
    head = {"@context": CONTEXT, "type": "EPCISDocument", "schemaVersion": "2.0", "creationDate": created}
    stream.write(json.dumps(head, separators=(",", ":"))[:-1] + ',"epcisBody":{"eventList":[\n')
    encode = json.JSONEncoder(separators=(",", ":")).encode
    count = 0
    for found in objects:
        stream.write((",\n" if count else "") + encode(found))
        count += 1
    stream.write("\n]}}\n")
    return count


def grouped(events: Iterable[Event], size: int) -> Iterator[Event]:
    """Neighbouring events that say the same of other packs, up to size packs in one; the time is the last one's.

    Accepted packs only: each packing is one act already.
    """
    held: list[Event] = []
    for event in events:
        if held and not (_alike(held[0], event) and sum(len(e.epcs) for e in held) + len(event.epcs) <= size):
            yield _joined(held)
            held = []
        held.append(event)
    if held:
        yield _joined(held)


def _alike(one: Event, other: Event) -> bool:
    return one.happening is other.happening is Happening.ACCEPTED and (one.lot, one.expiry) == (other.lot, other.expiry)


def _joined(held: Sequence[Event]) -> Event:
    if len(held) == 1:
        return held[0]
    first = held[0]
    epcs = tuple(dict.fromkeys(epc for event in held for epc in event.epcs))
    return Event(first.happening, max(event.utc_ns for event in held), epcs, lot=first.lot, expiry=first.expiry)
