"""Read rates and times of the decoder over image sets, beside zxing-cpp: `python -m bench.decode_sets [../shared/data]`.

The sets are described in the data folder's README; truth is in line/truth.csv and photo/manifest.csv. A read counts when
its text is expected; where nothing is expected by name, when a peer read the same; a text that contradicts
what is expected is a misread.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from vision.decode.decode import decode
from vision.decode.search import Search, Workspace
from vision.types import Pixels


@dataclass(frozen=True, slots=True)
class Picture:
    """One image of a set: expected None = unknown; peers: what other readers got from it; count: symbols in it, None = unknown."""

    path: Path
    group: str
    expected: list[str] | None
    peers: list[str]
    count: int | None


@dataclass(slots=True)
class Tally:
    """What one reader made of one set. cpu_ms: CPU time of each image."""

    images: int = 0
    symbols: int = 0
    read: int = 0
    misread: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    unread: int = 0
    cpu_ms: list[float] = field(default_factory=list)


def pictures(root: Path) -> Iterator[Picture]:
    """All images below the data folder with what is known of them."""
    with (root / "line" / "truth.csv").open(newline="") as lines:
        for row in csv.DictReader(lines):
            texts = json.loads(row["expected"]) if row["expected"] else []
            yield Picture(root / "line" / row["file"], row["file"].split("_")[0], texts, [], len(texts))
    with (root / "photo" / "manifest.csv").open(newline="") as lines:
        for row in csv.DictReader(lines):
            negative = row["set"].startswith("neg_")
            expected = json.loads(row["expected"]) if row["expected"] else None
            peers = json.loads(row["read_by_peers"]) if row["read_by_peers"] else []
            count = int(row["symbols"]) if row["symbols"] else None
            yield Picture(root / "photo" / row["file"], row["set"], [] if negative else expected, peers, 0 if negative else count)


Code = tuple[bytes, str]
"""Payload and symbology identifier."""


def plain(text: str) -> str:
    """A text as it is compared: line ends and the sign for FNC1 may differ between readers."""
    return text.replace("\r\n", "\n").replace("<GS>", "\x1d").strip("\x1d")


def texts_of(payload: bytes) -> set[str]:
    """The texts a payload can stand for: the symbol does not say which character set was meant."""
    texts = {payload.decode("latin-1")}
    with suppress(UnicodeDecodeError):
        texts.add(payload.decode("utf-8"))
    return texts


def count(tally: Tally, picture: Picture, payloads: list[Code], unread: int, cpu_ms: float) -> None:
    """Adds one image to a tally."""
    tally.images += 1
    tally.unread += unread
    tally.cpu_ms.append(cpu_ms)
    known = Counter(plain(text) for text in (picture.expected if picture.expected else picture.peers))
    others = {plain(text) for text in picture.peers}
    tally.symbols += sum(known.values()) if known else (picture.count or 0)
    for payload, identifier in payloads:
        hit = next((text for text in map(plain, texts_of(payload)) if known[text]), None)
        if hit is None and texts_of(payload) & others:
            # The source's truth is wrong where peers agree on another text: some expected one is this one.
            hit = next((text for text, left in known.items() if left), None)
        if hit is not None:
            known[hit] -= 1
            tally.read += 1
        elif identifier[-1:] not in "456" and picture.expected is not None and (picture.expected or picture.count == 0):
            # Under an extended channel interpretation the bytes alone are no text to compare.
            tally.misread.append(f"{picture.path.name}: {payload!r}")
        else:
            tally.unknown.append(f"{picture.path.name}: {payload!r}")
    if known.total():
        tally.missed.append(picture.path.name)


Reader = Callable[[Pixels, Picture], tuple[list[Code], int]]


LINE_EFFORT = 64
"""Work units per expected symbol on the line's frames, as a station has them; the other sets are searched as `inspect` does."""


def vision_reader(effort: int | None = None, second_opinion_ms: float = 0.0) -> Reader:
    """Our decoder, told how many symbols to expect on the line's frames; elsewhere it looks for all there are, with rescues."""
    work = Workspace()

    def read(pixels: Pixels, picture: Picture) -> tuple[list[Code], int]:
        if picture.path.parent.name == "line":
            search = Search(symbol_count=max(1, picture.count or 1), effort=effort or LINE_EFFORT)
        else:
            search = Search(effort=effort or Search().effort, rescues=True)
        found = decode(pixels, replace(search, second_opinion_ms=second_opinion_ms), work)
        codes = [(reading.payload, reading.symbology_identifier) for _, _, reading in found if reading is not None]
        return codes, sum(entry[2] is None for entry in found)

    return read


def zxing_reader() -> Reader:
    """zxing-cpp with its defaults, Data Matrix only."""
    import zxingcpp  # noqa: PLC0415  (a peer, only for this table)

    def read(pixels: Pixels, picture: Picture) -> tuple[list[Code], int]:
        found = zxingcpp.read_barcodes(pixels, formats=zxingcpp.BarcodeFormat.DataMatrix)
        return [(code.bytes, code.symbology_identifier) for code in found if code.valid], 0

    return read


def measure(readers: dict[str, Reader], images: list[Picture]) -> dict[str, Tally]:
    """Reader -> tally of one set; every image goes through every reader before the next is loaded."""
    tallies = {name: Tally() for name in readers}
    for picture in images:
        pixels = cv2.imread(str(picture.path), cv2.IMREAD_GRAYSCALE)
        if pixels is None:
            continue
        for name, read in readers.items():
            start = time.process_time()
            payloads, unread = read(pixels, picture)
            count(tallies[name], picture, payloads, unread, (time.process_time() - start) * 1e3)
    return tallies


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--sets", help="comma-separated names of sets; default all")
    parser.add_argument("--no-peers", action="store_true", help="our decoder alone")
    parser.add_argument("--effort", type=int, help="work units per expected symbol")
    parser.add_argument("--second-opinion-ms", type=float, default=0.0)
    parser.add_argument("--list", action="store_true", help="name the images missed, misread and unexplained")
    args = parser.parse_args(arguments)
    wanted = set(args.sets.split(",")) if args.sets else None
    images = [picture for picture in pictures(args.data) if wanted is None or picture.group in wanted]
    readers: dict[str, Reader] = {"vision": vision_reader(args.effort, args.second_opinion_ms)}
    if not args.no_peers:
        readers["zxing-cpp"] = zxing_reader()
    print("| set | images | symbols | reader | read | misread | unexplained | found unread | CPU ms median | p95 |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for group in dict.fromkeys(picture.group for picture in images):
        for name, tally in measure(readers, [picture for picture in images if picture.group == group]).items():
            middle, high = np.percentile(tally.cpu_ms, (50, 95))
            cells = (group, tally.images, tally.symbols, name, tally.read, len(tally.misread), len(tally.unknown), tally.unread)
            print("| " + " | ".join(map(str, cells)) + f" | {middle:.1f} | {high:.1f} |", flush=True)
            if args.list:
                for label, names in (("missed", tally.missed), ("misread", tally.misread), ("unexplained", tally.unknown)):
                    print(f"    {name} {label}: {names}")


if __name__ == "__main__":
    main()
