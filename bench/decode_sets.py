"""Read rates and times of the decoder over image sets, beside its peers: `python -m bench.decode_sets [../shared/data]`.

The sets are described in the data folder's README; truth is in line/truth.csv and photo/manifest.csv. A read counts when
its text is expected; where nothing is expected by name, every read counts, and one that no other reader made is listed to be looked
at. A text that contradicts what is expected is a misread; so is one that another reader read otherwise at the same place, unless
it is known for another reader's; and that, too, where two libraries read one and the same other text there. A text of no
characters is a misread: a finder around an empty field, or one that was all taken for light, gives codewords of 0, which pass
error correction and stand for nothing.
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
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np

from bench.render.tray import render_tray
from vision.decode.decode import decode
from vision.decode.search import Search, Workspace
from vision.decode.trials import Trials
from vision.types import Failure, Pixels

PHOTOS = ("zxingcpp_dm1", "zxingcpp_dm2", "zxing_java", "libdmtx_siemens", "slamy", "dls_blue", "rf_dtmx", "rf_san")
NEGATIVES = ("neg_falsepositives", "neg_othersym")
FAMILIES = {
    "line": ("L0", "L1", "L2", "L3", "N"),
    "trays": ("ML0", "ML1", "ML2", "tray48"),
    "photo": PHOTOS,
    "web": ("rf_dtmx", "rf_san"),
    "negative": NEGATIVES,
}
"""Names that stand for several sets."""

TRAYS = (1, 2, 3)
"""Seeds of the rendered trays of 6 rows of 8."""

OTHER_PRINT = "the source's truth is of another picture: every reader that reads it reads one and the same other text"
WRONG_TRUTH = {f"libdmtx_siemens/siemens_013_{kind}.png": OTHER_PRINT for kind in "8acf"} | {
    "dls_blue/puck1_02.png": "ten texts of another puck: no reader reads any of them, and the readers agree on what they read",
}
"""Pictures whose texts in the manifest are wrong, and why: what their peers read stands for them, and the count of symbols."""

LIBDMTX_MS = 2000
"""Time libdmtx is given for a picture, in milliseconds."""

CHARACTER_SETS = (*(f"iso8859-{part}" for part in (*range(1, 12), *range(13, 17))), "utf-8", "shift_jis", "cp1251", "cp1252")
"""What an extended channel interpretation can switch to, as far as the sets have it."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One image of a set: expected None = unknown; peers: what other readers got from it; count: symbols in it, None = unknown.

    pixels: of a picture that was rendered here; None where it lies in the file.
    """

    path: Path
    group: str
    expected: list[str] | None
    peers: list[str]
    count: int | None
    pixels: Pixels | None = None


@dataclass(frozen=True, slots=True)
class Code:
    """What a reader read: payload, symbology identifier, centre in pixels, by which library, which rescue it took, the reader's own
    text and evidence if any.
    """

    payload: bytes
    identifier: str
    x: float
    y: float
    library: str = "vision"
    rescue: str = ""
    text: str = ""
    evidence_bits: float = float("inf")


@dataclass(slots=True)
class Tally:
    """What one reader made of one set. cpu_ms: CPU time of each image; rescued: reads by the rescue they took.
    least_bits: evidence of the read that has least."""

    images: int = 0
    symbols: int = 0
    read: int = 0
    misread: list[str] = field(default_factory=list)
    unconfirmed: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    unread: int = 0
    cpu_ms: list[float] = field(default_factory=list)
    rescued: Counter[str] = field(default_factory=Counter)
    least_bits: float = float("inf")
    texts: dict[str, Counter[str]] = field(default_factory=dict)
    steps: Counter[str] = field(default_factory=Counter)


def pictures(root: Path) -> Iterator[Picture]:
    """All images below the data folder with what is known of them."""
    with (root / "line" / "truth.csv").open(newline="") as lines:
        for row in csv.DictReader(lines):
            texts = json.loads(row["expected"]) if row["expected"] else []
            yield Picture(root / "line" / row["file"], row["file"].split("_")[0], texts, [], len(texts))
    with (root / "photo" / "manifest.csv").open(newline="") as lines:
        for row in csv.DictReader(lines):
            expected = json.loads(row["expected"]) if row["expected"] else None
            peers = json.loads(row["read_by_peers"]) if row["read_by_peers"] else []
            count = int(row["symbols"]) if row["symbols"] else None
            if row["set"] in NEGATIVES:
                expected, count = [], 0
            elif row["file"] in WRONG_TRUTH:
                # Where the peers read all there is, they are the truth; else what they did not read stays unknown.
                expected = peers if len(peers) == count else None
            yield Picture(root / "photo" / row["file"], row["set"], expected, peers, count)


def trays() -> Iterator[Picture]:
    """Rendered trays of 48 packs, seen by a camera of a line."""
    for seed in TRAYS:
        tray = render_tray(6, 8, seed)
        yield Picture(Path("line", f"tray_{seed}"), "tray48", list(tray.texts), [], len(tray.texts), tray.pixels)


def load(picture: Picture) -> Pixels:
    """The grey levels of a picture. Raises ValueError where its file is not an image."""
    if picture.pixels is not None:
        return picture.pixels
    # OpenCV wants 32 bytes of any file, and a WebP of one pixel has 30. Transparent pictures are taken as if they were not.
    data = np.frombuffer(picture.path.read_bytes().ljust(32, b"\0"), np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        raise ValueError(f"{picture.path}: is not an image that can be read")
    return np.asarray(pixels, np.uint8)


def plain(text: str) -> str:
    """A text as it is compared: line ends and the sign for FNC1 may differ between readers."""
    return text.replace("\r\n", "\n").replace("<GS>", "\x1d").strip("\x1d")


def bare(text: str) -> str:
    """A text without control characters: some readers leave separators out, and the manifest has what they gave."""
    return "".join(character for character in text if character >= " ")


def texts_of(payload: bytes) -> set[str]:
    """The texts a payload can stand for: the symbol does not say which character set was meant."""
    texts = {plain(payload.decode("latin-1"))}
    with suppress(UnicodeDecodeError):
        texts.add(plain(payload.decode("utf-8")))
    return texts


def says(code: Code, text: str) -> bool:
    """Whether a code can stand for a text; one with extended channel interpretations may change its character set anywhere."""
    if text in texts_of(code.payload) or text == plain(code.text):
        return True
    if code.identifier[-1:] not in "456":
        return False
    ends = {0}
    for character in text:
        after = set()
        for name in CHARACTER_SETS:
            with suppress(UnicodeEncodeError):
                coded = character.encode(name)
                after |= {end + len(coded) for end in ends if code.payload.startswith(coded, end)}
        ends = after
    return len(code.payload) in ends


def near(one: Code, other: Code) -> bool:
    """Whether two readers' codes are one symbol: their centres are within 8 pixels of each other."""
    return abs(other.x - one.x) + abs(other.y - one.y) < 8.0


def agreed(codes: list[Code]) -> bool:
    """Whether two libraries read one and the same text."""
    return any(
        one.library != other.library and set(map(bare, texts_of(one.payload))) & set(map(bare, texts_of(other.payload)))
        for one, other in combinations(codes, 2)
    )


def count(tally: Tally, picture: Picture, codes: list[Code], others: list[Code], unread: int, cpu_ms: list[float]) -> None:
    """Adds one image to a tally; others: what the other readers read in it in the same run."""
    tally.images += 1
    tally.unread += unread
    tally.least_bits = min([tally.least_bits, *(code.evidence_bits for code in codes)])
    tally.cpu_ms += cpu_ms
    name = picture.path.name
    tally.misread += [f"{name}: a text of no characters" for code in codes if not code.payload]
    codes, others = ([code for code in some if code.payload] for some in (codes, others))
    # Texts are compared as what they are known by: the truth's, or the plain one of the payload.
    seen = Counter(bare(min(texts_of(code.payload))) for code in codes)
    if picture.expected is not None:
        left = Counter(map(plain, picture.expected))
        tally.symbols += left.total()
        seen = Counter()
        for code in codes:
            hit = next((text for text in left if left[text] and says(code, text)), None)
            if hit is None:
                tally.misread.append(f"{name}: {code.payload!r}")
                continue
            left[hit] -= 1
            seen[bare(hit)] += 1
            tally.rescued[code.rescue] += 1
        if left.total():
            tally.missed.append(name)
    else:
        known = {bare(text) for text in picture.peers if text} | {bare(text) for code in others for text in texts_of(code.payload)}
        for code in codes:
            own = set(map(bare, texts_of(code.payload)))
            against = [other for other in others if near(code, other) and not set(map(bare, texts_of(other.payload))) & own]
            what = f"{name}: {code.payload!r}"
            if against and (agreed(against) or not own & known):
                tally.misread.append(f"{what} where another reads {against[0].payload!r}")
                seen -= Counter([bare(min(texts_of(code.payload)))])
                continue
            tally.rescued[code.rescue] += 1
            if not own & known:
                tally.unconfirmed.append(what)
        own = {bare(text) for code in codes for text in texts_of(code.payload)}
        if known - own or len(codes) < (picture.count or 0):
            tally.missed.append(name)
        tally.symbols += max(picture.count or 0, len(codes))
    tally.read += seen.total()
    tally.texts[name] = seen


Reader = Callable[[Pixels, Picture], tuple[list[Code], int]]


LINE_EFFORT = 64
"""Work units per expected symbol on the line's frames, as a station has them; the other sets are searched as `inspect` does."""


def search_of(picture: Picture, effort: int | None = None) -> Search:
    """How a picture is searched: the line's frames for the symbols expected, others for all there are, with rescues."""
    if picture.path.parent.name == "line":
        return Search(symbol_count=max(1, picture.count or 1), effort=effort or LINE_EFFORT)
    return Search(effort=effort or Search().effort, rescues=True)


def vision_reader(effort: int | None = None, second_opinion_ms: float = 0.0) -> Reader:
    """Our decoder, searching as `search_of` says."""
    work = Workspace()

    def read(pixels: Pixels, picture: Picture) -> tuple[list[Code], int]:
        found = decode(pixels, replace(search_of(picture, effort), second_opinion_ms=second_opinion_ms), work)
        codes = []
        for symbol, _, reading in found:
            if reading is not None:
                x, y = symbol.corners.mean(axis=0).tolist()
                codes.append(
                    Code(
                        reading.payload,
                        reading.symbology_identifier,
                        x,
                        y,
                        rescue=reading.rescue,
                        evidence_bits=reading.evidence_bits,
                    )
                )
        return codes, len(found) - len(codes)

    return read


def zxing_reader(fastest: bool = False) -> Reader:
    """zxing-cpp, Data Matrix only, with its defaults or without rotations, smaller copies and inverse codes."""
    import zxingcpp  # noqa: PLC0415  (a peer, only for this table)

    def read(pixels: Pixels, picture: Picture) -> tuple[list[Code], int]:
        every = not fastest
        found = zxingcpp.read_barcodes(
            pixels, formats=zxingcpp.BarcodeFormat.DataMatrix, try_rotate=every, try_downscale=every, try_invert=every
        )
        codes = []
        for code in found:
            place = code.position
            points = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
            x, y = (sum(getattr(point, axis) for point in points) / 4 for axis in "xy")
            codes.append(Code(code.bytes, code.symbology_identifier, x, y, "zxing-cpp", text=code.text))
        return codes, 0

    return read


def libdmtx_reader() -> Reader:
    """libdmtx through pylibdmtx, with a time limit; it ends earlier only where it is told how many symbols there are."""
    from pylibdmtx import pylibdmtx  # noqa: PLC0415  (a peer, only for this table)

    def read(pixels: Pixels, picture: Picture) -> tuple[list[Code], int]:
        if min(pixels.shape) < 8:  # the library aborts the process on the smallest
            return [], 0
        codes = []
        for found in pylibdmtx.decode(pixels, timeout=LIBDMTX_MS, max_count=picture.count or None):
            place = found.rect  # the y axis points up
            x, y = place.left + place.width / 2, pixels.shape[0] - 1 - place.top - place.height / 2
            codes.append(Code(found.data, "]d1", x, y, "libdmtx"))
        return codes, 0

    return read


PEERS: dict[str, Callable[[], Reader]] = {
    "zxing default": zxing_reader,
    "zxing fastest": lambda: zxing_reader(fastest=True),
    "libdmtx": libdmtx_reader,
}


Answer = tuple[list[Code], int, list[float]]
"""What a reader said of an image: its codes, finders found but not read, CPU ms of each time that it was asked."""


def asked(readers: dict[str, Reader], images: list[Picture], rounds: int) -> Iterator[tuple[Picture, Pixels, dict[str, Answer]]]:
    """Every image with the answers of all readers, each asked `rounds` times.

    Once: every image goes through every reader before the next is loaded, so a reader finds caches full of the others' work. More
    often, as on a line, where one reader does nothing else: each goes through all images before the next reader does, once more
    than counts.
    """

    def ask(name: str, pixels: Pixels, picture: Picture) -> Answer:
        start = time.process_time()
        codes, unread = readers[name](pixels, picture)
        return codes, unread, [(time.process_time() - start) * 1e3]

    if rounds == 1:
        for picture in images:
            pixels = load(picture)
            yield picture, pixels, {name: ask(name, pixels, picture) for name in readers}
        return
    loaded = [(picture, load(picture)) for picture in images]
    answers: list[dict[str, Answer]] = [{} for _ in loaded]
    for name in readers:
        for told, (picture, pixels) in zip(answers, loaded, strict=True):
            codes, unread, _ = ask(name, pixels, picture)
            told[name] = codes, unread, []
        for _ in range(rounds):
            for told, (picture, pixels) in zip(answers, loaded, strict=True):
                told[name][2].extend(ask(name, pixels, picture)[2])
    for (picture, pixels), told in zip(loaded, answers, strict=True):
        yield picture, pixels, told


def measure(readers: dict[str, Reader], images: list[Picture], steps: bool = False, rounds: int = 1) -> dict[str, Tally]:
    """Reader -> tally of one set. rounds: as of `asked`.

    steps: whether the first reader, ours, is asked for the step that failed where it missed something.
    """
    tallies = {name: Tally() for name in readers}
    work = Workspace()
    for picture, pixels, answers in asked(readers, images, rounds):
        for name, (codes, unread, cpu_ms) in answers.items():
            others = [code for other, answer in answers.items() if other != name for code in answer[0]]
            count(tallies[name], picture, codes, others, unread, cpu_ms)
        first = next(iter(readers))
        mine = tallies[first]
        if steps and picture.count != 0 and (picture.path.name in mine.missed or not answers[first][0]):
            mine.steps[step_failed(pixels, search_of(picture), work)] += 1
    return tallies


def step_failed(pixels: Pixels, search: Search, work: Workspace) -> str:
    """The step that stopped the place that came farthest of those where nothing was read, in the picture and its rescues."""
    trials = Trials()
    found = decode(pixels, search, work, trials)
    told = trials.told(pixels.shape, [symbol.corners for symbol, _, reading in found if reading])
    return str(told[0].failure if told else Failure.NO_L)


def chosen(names: str | None, images: list[Picture]) -> list[Picture]:
    """The pictures of these sets (comma-separated names of sets or families), all where None.

    Raises ValueError where there is no such set.
    """
    if names is None:
        return images
    wanted = [group for name in names.split(",") for group in FAMILIES.get(name, (name,))]
    there = {picture.group for picture in images}
    if strange := [name for name in wanted if name not in there]:
        raise ValueError(f"no set {', '.join(strange)}: there are {', '.join([*sorted(there), *FAMILIES])}")
    return [picture for group in wanted for picture in images if picture.group == group]


def together(tallies: list[Tally]) -> Counter[str]:
    """What several readers read of a set together: image and text -> how many times the best of them read it."""
    best: Counter[str] = Counter()
    for tally in tallies:
        for name, texts in tally.texts.items():
            best |= Counter({f"{name}: {text}": times for text, times in texts.items()})
    return best


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--sets", help=f"comma-separated names of sets, or of several: {', '.join(FAMILIES)}; default all")
    parser.add_argument("--peers", help=f"comma-separated, of {', '.join(PEERS)}; default all", default=",".join(PEERS))
    parser.add_argument("--no-peers", action="store_true", help="our decoder alone")
    parser.add_argument("--effort", type=int, help="work units per expected symbol")
    parser.add_argument("--second-opinion-ms", type=float, default=0.0)
    parser.add_argument("--rounds", type=int, default=1, help="times that each reader goes through a set, as on a line; default 1")
    parser.add_argument("--list", action="store_true", help="name the images missed, misread and read by nobody else")
    parser.add_argument("--steps", action="store_true", help="count the steps that failed where something was missed (slow)")
    args = parser.parse_args(arguments)
    peers = [] if args.no_peers else args.peers.split(",")
    if strange := [name for name in peers if name not in PEERS]:
        parser.error(f"no peer {', '.join(strange)}")
    if args.rounds < 1:
        parser.error(f"--rounds must be at least 1, not {args.rounds}")
    try:
        images = chosen(args.sets, [*pictures(args.data), *trays()])
    except FileNotFoundError as error:
        parser.error(f"{error.filename}: not there; DATA is a folder of image sets")
    except ValueError as error:
        parser.error(str(error))
    readers: dict[str, Reader] = {"vision": vision_reader(args.effort, args.second_opinion_ms)}
    readers |= {name: PEERS[name]() for name in peers}
    groups = list(dict.fromkeys(picture.group for picture in images))
    results: dict[str, dict[str, Tally]] = {}
    print("Symbols read, misreads in brackets; CPU ms per image, median (p95).")
    print(f"| set | images | symbols | {' | '.join(readers)} |{' peers together | read by a peer alone |' if peers else ''}")
    print("|---" * (3 + len(readers) + (2 if peers else 0)) + "|")
    for group in groups:
        tallies = measure(readers, [picture for picture in images if picture.group == group], args.steps, args.rounds)
        results[group] = tallies
        own = tallies["vision"]
        cells = [group, str(own.images), str(own.symbols)]
        for tally in tallies.values():
            middle, high = np.percentile(tally.cpu_ms, (50, 95))
            digits = 2 if high < 10 else 1
            cells.append(f"{tally.read} ({len(tally.misread)}); {middle:.{digits}f} ({high:.{digits}f})")
        if peers:
            union = together([tally for name, tally in tallies.items() if name != "vision"])
            alone = union - together([own])
            cells += [str(union.total()), str(alone.total())]
        print("| " + " | ".join(cells) + " |", flush=True)
        if args.list:
            if peers:
                print(f"    read by a peer alone: {sorted(alone)}")
            for name, tally in tallies.items():
                for label, names in (("missed", tally.missed), ("misread", tally.misread), ("unconfirmed", tally.unconfirmed)):
                    print(f"    {name} {label}: {names}", flush=True)
    print("\nOurs: reads that no other reader confirms; finders found but not read; reads by the rescue that made them readable.")
    print("Least evidence: -log2 of the chance that wrong codewords pass error correction as those of the least sure read did.")
    print("| set | unconfirmed | found unread | least evidence | plain | rescues |\n|---|---|---|---|---|---|")
    for group, tallies in results.items():
        own = tallies["vision"]
        helped = ", ".join(f"{name} {times}" for name, times in sorted(own.rescued.items()) if name)
        print(f"| {group} | {len(own.unconfirmed)} | {own.unread} | {own.least_bits:.0f} | {own.rescued['']} | {helped} |")
    if args.steps:
        print(f"\nImages with something missed, by the step that stopped the best candidate.\n| set | {' | '.join(Failure)} |")
        print("|---" * (1 + len(Failure)) + "|")
        for group, tallies in results.items():
            print(f"| {group} | {' | '.join(str(tallies['vision'].steps[step]) for step in Failure)} |")
    for name in sorted(WRONG_TRUTH):
        if name.split("/")[0] in results:
            print(f"truth not used: {name}: {WRONG_TRUTH[name]}")


if __name__ == "__main__":
    main()
