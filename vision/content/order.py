"""The order file: what a batch must say, read once and checked whole before the line starts."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vision.content.gs1_rules import SET_82, check_digit, date_holds
from vision.content.ifa import ppn_check_holds, ppn_shape_holds, pzn_of
from vision.content.serial_set import SerialSet, lines_of

COUNT_MAX = 10_000_000
"""Most packs of one order, so that its serials fit into memory."""

_TEXT_20 = re.compile("[" + re.escape(SET_82) + "]{1,20}")
_KEYS = ("order", "product", "scheme", "lot", "expiry", "national_number", "serials", "quantity", "grade_min", "edition")
_KEYS_ALL = (*_KEYS, "symbols_per_frame")


class OrderError(Exception):
    """One line for the user: which file, which key or row, what was found and what was expected."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a batch must say; fields are the keys of the order file.

    scheme: GS1 (then gtin is set) or IFA (then ppn is set). expiry: YYMMDD as printed, day 00 = no day.
    serials: those allocated, None = any serial. grade_min: lowest overall grade that passes, 0.0-4.0.
    """

    order: str
    product: str
    scheme: Literal["GS1", "IFA"]
    lot: str
    expiry: str
    quantity: int
    gtin: str | None = None
    ppn: str | None = None
    national_number: str | None = None
    serials: Set[str] | None = None
    grade_min: float = 1.5
    edition: Literal["2011", "2024"] = "2011"
    symbols_per_frame: int = 1

    def digest(self) -> str:
        """SHA-256 over all fields, the serials sorted: the same order, the same digest, however its list was given."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "serials"}
        digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode())
        if self.serials is None:
            digest.update(b"any serial")
        else:
            (self.serials if isinstance(self.serials, SerialSet) else SerialSet.of(self.serials)).digest_into(digest)
        return digest.hexdigest()

    @property
    def product_code(self) -> str:
        """GTIN or PPN: what a serial is unique under."""
        return self.gtin or self.ppn or ""

    def as_json(self, serials: object) -> dict[str, Any]:
        """The keys of an order file, with what shall stand for the serials."""
        keys = [key for key in _KEYS_ALL if key != "serials"]
        code = {"gtin": self.gtin} if self.scheme == "GS1" else {"ppn": self.ppn}
        return {**{key: getattr(self, key) for key in keys}, **code, "serials": serials}


def load_order(path: str | Path) -> Order:
    """Reads and checks an order file; OrderError with one line naming the file and the key or row."""
    path = Path(path)
    try:
        raw = json.loads(path.read_bytes().decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_constant)
    except OSError as error:
        raise OrderError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise OrderError(f"{path}: is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise OrderError(f"{path}: line {error.lineno}: is not JSON: {error.msg}") from None
    except RecursionError:
        raise OrderError(f"{path}: is not an order: nested too deeply") from None
    except ValueError as error:
        raise OrderError(f"{path}: {error}") from None
    if not isinstance(raw, dict):
        raise OrderError(f"{path}: is not an order: expected a JSON object with the keys {', '.join(_KEYS_ALL)}")
    return _order_of(path, raw)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"key {_shown(key)}: stands twice")
        result[key] = value
    return result


def _constant(text: str) -> float:
    raise ValueError(f"{text} is not a number of JSON")


def _shown(value: object) -> str:
    """A value of the file in a message: one line, plain ASCII, short."""
    text = ascii(value)
    return text if len(text) <= 48 else text[:45] + "..."


def _order_of(path: Path, raw: dict[str, Any]) -> Order:
    def wrong(key: str, expected: str) -> OrderError:
        return OrderError(f"{path}: key {key!r}: {_shown(raw[key])} is wrong: expected {expected}")

    def text(key: str, holds: Callable[[str], bool], expected: str) -> str:
        if not isinstance(raw[key], str) or not holds(raw[key]):
            raise wrong(key, expected)
        return str(raw[key])

    def number(key: str, lowest: int, highest: int, kinds: type[int] | tuple[type[int], type[float]], expected: str) -> Any:
        value = raw[key]
        if isinstance(value, bool) or not isinstance(value, kinds) or not lowest <= value <= highest:
            raise wrong(key, expected)
        return value

    if "scheme" not in raw:
        raise OrderError(f'{path}: key \'scheme\' is missing: expected "GS1" or "IFA"')
    scheme = text("scheme", lambda value: value in ("GS1", "IFA"), '"GS1" or "IFA"')
    product_key = "gtin" if scheme == "GS1" else "ppn"
    allowed = {*_KEYS_ALL, product_key}
    for key in raw:
        if key not in allowed:
            raise OrderError(
                f"{path}: key {_shown(key)} is unknown in an order of scheme {scheme}: expected {', '.join(sorted(allowed))}"
            )
    for key in (*_KEYS_ALL, product_key):
        if key not in raw:
            raise OrderError(f"{path}: key {key!r} is missing")

    name = text("order", lambda value: 0 < len(value) <= 80 and value.isprintable(), "1 to 80 printable characters")
    product = text("product", lambda value: 0 < len(value) <= 200 and value.isprintable(), "1 to 200 printable characters")
    lot = text("lot", _is_text_20, "1 to 20 characters of GS1 set 82")
    expiry = text("expiry", _is_date, "a date YYMMDD, day 00 where none is printed")
    national = raw["national_number"]
    if national is not None:
        national = text("national_number", _is_text_20, "1 to 20 characters of GS1 set 82, or null")
    code = _gtin(raw, wrong) if scheme == "GS1" else _ppn(raw, wrong, national)
    quantity = number("quantity", 1, COUNT_MAX, int, f"a whole number from 1 to {COUNT_MAX}")
    grade_min = float(number("grade_min", 0, 4, (int, float), "a grade from 0.0 to 4.0"))
    edition = text("edition", lambda value: value in ("2011", "2024"), '"2011" or "2024"')
    symbols = number("symbols_per_frame", 1, 1000, int, "a whole number from 1 to 1000")
    serials = _serials(path, raw["serials"])
    if serials is not None and len(serials) < quantity:
        raise wrong("quantity", f"no more packs than serials: the order has {len(serials)}")
    return Order(
        order=name,
        product=product,
        scheme=scheme,  # type: ignore[arg-type]
        lot=lot,
        expiry=expiry,
        quantity=quantity,
        gtin=code if scheme == "GS1" else None,
        ppn=code if scheme == "IFA" else None,
        national_number=national,
        serials=serials,
        grade_min=grade_min,
        edition=edition,  # type: ignore[arg-type]
        symbols_per_frame=symbols,
    )


def _is_text_20(value: str) -> bool:
    return _TEXT_20.fullmatch(value) is not None


def _is_date(value: str) -> bool:
    return re.fullmatch("[0-9]{6}", value) is not None and date_holds(value, day_zero=True)


def product_problem(code: str) -> str:
    """What is wrong with a GTIN (14 digits) or PPN, in words; "" = nothing."""
    if re.fullmatch("[0-9]{14}", code) is not None:
        return "" if check_digit(code[:-1]) == code[-1] else f"expected check digit {check_digit(code[:-1])}"
    if not ppn_shape_holds(code):
        return "expected a GTIN of 14 digits or a PPN"
    return "" if ppn_check_holds(code) else "expected right check digits (of the PPN modulo 97, of a PZN modulo 11)"


def _gtin(raw: dict[str, Any], wrong: Callable[[str, str], OrderError]) -> str:
    gtin = raw["gtin"]
    if not isinstance(gtin, str) or re.fullmatch("[0-9]{14}", gtin) is None:
        raise wrong("gtin", "14 digits")
    if check_digit(gtin[:-1]) != gtin[-1]:
        raise wrong("gtin", f"check digit {check_digit(gtin[:-1])}")
    return gtin


def _ppn(raw: dict[str, Any], wrong: Callable[[str, str], OrderError], national_number: str | None) -> str:
    ppn = raw["ppn"]
    if not isinstance(ppn, str) or not ppn_shape_holds(ppn):
        raise wrong("ppn", "a registration code of 2, a product code (8 digits after 11) and 2 check digits")
    if not ppn_check_holds(ppn):
        raise wrong("ppn", "right check digits (of the PPN modulo 97, of a PZN modulo 11)")
    if national_number is not None and national_number != pzn_of(ppn):
        raise wrong("national_number", f"the PZN of the PPN ({pzn_of(ppn) or 'none in this one'}), or null")
    return ppn


def _serials(path: Path, given: object) -> SerialSet | None:
    if given is None:
        return None
    if isinstance(given, list):
        return _collect((f"{path}: key 'serials', row {row}", serial) for row, serial in enumerate(given, start=1))
    if isinstance(given, dict) and set(given) == {"file"} and isinstance(given["file"], str) and given["file"]:
        file = path.parent / given["file"]
        try:
            plain = lines_of(file.read_bytes())
        except OSError as error:
            raise OrderError(f"{path}: key 'serials': {file} cannot be read: {error.strerror or error}") from None
        return plain if plain is not None and len(plain) <= COUNT_MAX else _collect(_rows(path, file))
    raise OrderError(
        f'{path}: key \'serials\': {_shown(given)} is wrong: expected a list of serials, {{"file": "serials.csv"}} or null'
    )


def load_serials(file: Path) -> SerialSet:
    """The serials of a CSV file with one column. Raises OrderError naming file, row and rule; then nothing was taken."""
    try:
        plain = lines_of(file.read_bytes())
    except OSError as error:
        raise OrderError(f"{file}: cannot be read: {error.strerror or error}") from None
    if plain is not None and len(plain) <= COUNT_MAX:
        return plain
    serials = _collect(_rows(file, file))
    if not serials:
        raise OrderError(f"{file}: row 1: no serial, expected one in each row")
    return serials


def _rows(path: Path, file: Path) -> Iterator[tuple[str, object]]:
    """Place and serial of each row of a CSV file with one column; a first row `serial` is its heading."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            for number, row in enumerate(csv.reader(stream, strict=True), start=1):
                if not row or (number == 1 and row[0].lower() == "serial" and len(row) == 1):
                    continue
                if len(row) != 1:
                    raise OrderError(
                        f"{file}: row {number}: {len(row)} columns, expected 1 (a serial with a comma stands in quotes)"
                    )
                yield f"{file}: row {number}", row[0]
    except OSError as error:
        raise OrderError(f"{path}: key 'serials': {file} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise OrderError(f"{path}: key 'serials': {file} is not UTF-8 text") from None
    except (csv.Error, ValueError) as error:
        raise OrderError(f"{path}: key 'serials': {file} is not CSV: {error}") from None


def _collect(rows: Iterable[tuple[str, object]]) -> SerialSet:
    serials: set[str] = set()
    for place, serial in rows:
        if not isinstance(serial, str) or not _is_text_20(serial):
            raise OrderError(f"{place}: {_shown(serial)} is wrong: expected a serial, 1 to 20 characters of GS1 set 82")
        if serial in serials:
            raise OrderError(f"{place}: {_shown(serial)} stands twice")
        serials.add(serial)
        if len(serials) > COUNT_MAX:
            raise OrderError(f"{place}: more than {COUNT_MAX} serials")
    return SerialSet.of(serials)
