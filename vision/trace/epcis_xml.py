"""Events as EPCIS 1.2 XML, as DSCSA partners exchange them: URNs instead of links, and the vocabulary of CBV 1.2.

What CBV 1.2 has no word for (sampling, non_conformant) bears the web vocabulary's URI, which 1.2 takes as a user's own word.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import IO, Any
from xml.sax.saxutils import escape

from vision.trace.identifiers import STEM, place_urn, urn

_SINCE_2 = {"sampling": "https://ref.gs1.org/cbv/BizStep-sampling", "non_conformant": "https://ref.gs1.org/cbv/Disp-non_conformant"}


def business_step_urn(word: str) -> str:
    return _SINCE_2.get(word) or f"urn:epcglobal:cbv:bizstep:{word}"


def disposition_urn(word: str) -> str:
    return _SINCE_2.get(word) or f"urn:epcglobal:cbv:disp:{word}"


def write_xml(objects: Iterable[dict[str, Any]], stream: IO[str], created: str, prefixes: Sequence[str]) -> int:
    """Writes an EPCIS 1.2 document, one event per line; how many events.

    objects: as events.event_objects gives them; the eventID stays that of the JSON form. prefixes: company prefixes of the GTINs,
    SSCCs and GLNs. Raises IdentifierError for a key that begins with none of them.
    """
    stream.write(
        '<?xml version="1.0" encoding="UTF-8"?>\n<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" '
        f'xmlns:cbvmda="urn:epcglobal:cbv:mda" schemaVersion="1.2" creationDate="{created}"><EPCISBody><EventList>\n'
    )
    prefixes = tuple(prefixes)
    count = 0
    for found in objects:
        stream.write(_event(found, prefixes) + "\n")
        count += 1
    stream.write("</EventList></EPCISBody></epcis:EPCISDocument>\n")
    return count


def _event(found: dict[str, Any], prefixes: tuple[str, ...]) -> str:
    name = found["type"]
    parts = [
        f"<{name}><eventTime>{found['eventTime']}</eventTime><eventTimeZoneOffset>{found['eventTimeZoneOffset']}</eventTimeZoneOffset>"
        f"<baseExtension><eventID>{escape(found['eventID'])}</eventID></baseExtension>"
    ]
    if name == "AggregationEvent":
        parts.append(f"<parentID>{_urn(found['parentID'], prefixes)}</parentID>")
    listed = "childEPCs" if name == "AggregationEvent" else "epcList"
    epcs = "".join([f"<epc>{_urn(link, prefixes)}</epc>" for link in found[listed]])
    parts.append(f"<{listed}>{epcs}</{listed}>")
    parts.append(f"<action>{found['action']}</action><bizStep>{business_step_urn(found['bizStep'])}</bizStep>")
    if "disposition" in found:
        parts.append(f"<disposition>{disposition_urn(found['disposition'])}</disposition>")
    for place in ("readPoint", "bizLocation"):
        if place in found:
            parts.append(f"<{place}><id>{place_urn(found[place]['id'].removeprefix(STEM + '414/'), prefixes)}</id></{place}>")
    if "ilmd" in found:
        values = "".join([f"<{key}>{escape(value)}</{key}>" for key, value in found["ilmd"].items()])
        parts.append(f"<extension><ilmd>{values}</ilmd></extension>")
    parts.append(f"</{name}>")
    return "".join(parts)


def _urn(link: str, prefixes: tuple[str, ...]) -> str:
    return escape(urn(link.removeprefix(STEM), prefixes))


__all__ = ["business_step_urn", "disposition_urn", "write_xml"]
