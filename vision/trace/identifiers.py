"""What a pack, a case or a place is called outside: EPCs as GS1 Digital Link paths, Digital Link URIs and URNs.

An **EPC** is the path of its canonical GS1 Digital Link: `01/04012345678901/21/SN%2F1` for a pack, `00/340123450000000018` for a
container. It is plain ASCII without blanks, the same for the same thing, and goes into journals, events and tables as it is.
Nothing is known here of what happened to a thing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import quote, unquote

from vision.content.gs1_rules import SET_82, check_digit

STEM = "https://id.gs1.org/"
"""Of a canonical GS1 Digital Link URI (GS1 Digital Link: URI Syntax, 4.12)."""

_SERIAL = re.compile("[" + re.escape(SET_82) + "]{1,20}")
_EPC = re.compile(r"00/([0-9]{18})|01/([0-9]{14})/21/((?:[A-Za-z0-9._~-]|%[0-9A-F]{2}){1,60})")
_URN_ESCAPED = {character: f"%{ord(character):02X}" for character in '"%&/<>?#'}
"""Characters of set 82 that a URN of an EPC holds escaped (EPC Tag Data Standard, table A-1); all others stand as they are."""
_PREFIX_DIGITS = range(6, 13)


class IdentifierError(ValueError):
    """One line: which identifier, and which rule it breaks."""


@lru_cache(maxsize=256)
def gtin_of(product: str) -> str:
    """The GTIN of a product code: itself, or the NTIN of a PPN that holds a PZN (4150, PZN, check digit; IFA, PPN code 3.2).

    Raises IdentifierError where there is none, or its check digit is wrong.
    """
    if re.fullmatch("[0-9]{14}", product):
        if check_digit(product[:-1]) != product[-1]:
            raise IdentifierError(f"GTIN {product}: wrong check digit, expected {check_digit(product[:-1])}")
        return product
    if re.fullmatch("11[0-9]{10}", product):
        digits = "04150" + product[2:10]
        return digits + check_digit(digits)
    raise IdentifierError(f"product {product!a}: neither a GTIN nor a PPN with a PZN: it has no EPC")


def item_epc(product: str, serial: str) -> str:
    """The EPC of a pack. product: GTIN of 14 digits, or PPN. Raises IdentifierError."""
    if _SERIAL.fullmatch(serial) is None:
        raise IdentifierError(f"serial {serial!a}: expected 1 to 20 characters of GS1 set 82")
    # Most serials are letters and digits, and quote() takes ten times as long to see it.
    return f"01/{gtin_of(product)}/21/{serial if serial.isalnum() else quote(serial, safe='')}"


def sscc_epc(sscc: str) -> str:
    """The EPC of a container. sscc: 18 digits. Raises IdentifierError."""
    if re.fullmatch("[0-9]{18}", sscc) is None:
        raise IdentifierError(f"SSCC {sscc!a}: expected 18 digits")
    if check_digit(sscc[:-1]) != sscc[-1]:
        raise IdentifierError(f"SSCC {sscc}: wrong check digit, expected {check_digit(sscc[:-1])}")
    return f"00/{sscc}"


def check_epc(epc: str) -> str:
    """The EPC itself if it is one, canonical to the character; IdentifierError else."""
    found = _EPC.fullmatch(epc)
    if found is None:
        raise IdentifierError(f"{epc!a}: expected 00/SSCC or 01/GTIN/21/SERIAL")
    sscc, gtin, serial = found.groups()
    canonical = sscc_epc(sscc) if sscc else item_epc(gtin, unquote(serial))
    if canonical != epc:
        raise IdentifierError(f"{epc!a}: expected {canonical}")
    return epc


def is_container(epc: str) -> bool:
    return epc.startswith("00/")


def sscc_of(epc: str) -> str:
    return epc[3:]


def item_of(epc: str) -> tuple[str, str]:
    """(GTIN, serial) of a pack's EPC."""
    return epc[3:17], unquote(epc[21:])


def digital_link(epc: str) -> str:
    """The canonical Digital Link URI of an EPC."""
    return STEM + epc


def of_digital_link(uri: str) -> str:
    """The EPC of a canonical Digital Link URI; IdentifierError else."""
    if not uri.startswith(STEM):
        raise IdentifierError(f"{uri!a}: expected {STEM}...")
    return check_epc(uri.removeprefix(STEM))


def urn(epc: str, prefixes: Sequence[str]) -> str:
    """The EPC as a pure identity URI (EPC Tag Data Standard 6.3.1, 6.3.2).

    prefixes: GS1 company prefixes; the number of their digits cannot be seen from a GTIN or SSCC. Raises IdentifierError
    where none of them begins the key.
    """
    if is_container(epc):
        sscc = sscc_of(epc)
        size = _prefix_size(sscc[1:17], tuple(prefixes), epc)
        return f"urn:epc:id:sscc:{sscc[1 : 1 + size]}.{sscc[0]}{sscc[1 + size : 17]}"
    gtin, serial = epc[3:17], epc[21:]
    size = _prefix_size(gtin[1:13], tuple(prefixes), epc[:17])
    text = serial if "%" not in serial else "".join(_URN_ESCAPED.get(c, c) for c in unquote(serial))
    return f"urn:epc:id:sgtin:{gtin[1 : 1 + size]}.{gtin[0]}{gtin[1 + size : 13]}.{text}"


def of_urn(uri: str) -> str:
    """The EPC of a pure identity URI of a pack or container; IdentifierError else."""
    sgtin = re.fullmatch(r"urn:epc:id:sgtin:([0-9]{6,12})\.([0-9])([0-9]*)\.((?:[A-Za-z0-9!'()*+,.:;=_-]|%[0-9A-F]{2}){1,60})", uri)
    sscc = re.fullmatch(r"urn:epc:id:sscc:([0-9]{6,12})\.([0-9])([0-9]*)", uri)
    if sgtin and len(sgtin[1] + sgtin[2] + sgtin[3]) == 13:
        digits = sgtin[2] + sgtin[1] + sgtin[3]
        serial = unquote(sgtin[4])
        if "".join(_URN_ESCAPED.get(c, c) for c in serial) != sgtin[4]:
            raise IdentifierError(f"{uri!a}: its serial is escaped where it need not be")
        return item_epc(digits + check_digit(digits), serial)
    if sscc and len(sscc[1] + sscc[2] + sscc[3]) == 17:
        digits = sscc[2] + sscc[1] + sscc[3]
        return sscc_epc(digits + check_digit(digits))
    raise IdentifierError(f"{uri!a}: expected a URN urn:epc:id:sgtin or urn:epc:id:sscc of the right number of digits")


def place_link(gln: str) -> str:
    """A place as a Digital Link. gln: 13 digits, checked by the line file."""
    return f"{STEM}414/{gln}"


def place_urn(gln: str, prefixes: Sequence[str]) -> str:
    """A place as a URN (EPC Tag Data Standard 6.3.3); extension 0 = the place as a whole."""
    size = _prefix_size(gln[:12], tuple(prefixes), f"GLN {gln}")
    return f"urn:epc:id:sgln:{gln[:size]}.{gln[size:12]}.0"


def prefix_holds(prefix: str) -> bool:
    """Whether this is a company prefix as EPCs know them: 6 to 12 digits."""
    return prefix.isascii() and prefix.isdigit() and len(prefix) in _PREFIX_DIGITS


@lru_cache(maxsize=4096)
def _prefix_size(digits: str, prefixes: tuple[str, ...], name: str) -> int:
    size = max((len(prefix) for prefix in prefixes if digits.startswith(prefix)), default=0)
    if not size:
        raise IdentifierError(f"{name}: begins with none of the company prefixes {', '.join(prefixes) or '(none given)'}")
    return size
