"""Aggregation: against its plain twin over seeded random deeds, each rule by name, and a whole line of bundles, cases, pallets."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.reference.aggregation import Twin
from tests.trace.event_samples import GTIN, gtin, sscc
from vision.config import LevelConfig
from vision.trace.aggregate import Aggregation, AggregationError, Entry
from vision.trace.events import Happening
from vision.trace.identifiers import item_epc, sscc_epc
from vision.trace.journal import journal_events
from vision.trace.sscc import RangeError, SsccRange, load_ranges

LEVELS = (LevelConfig("bundle", 3), LevelConfig("case", 4, mixed_lots=True), LevelConfig("pallet", 3, mixed_lots=True))
RANGE = SsccRange("4012345", 3, 0, 999)


def packs(count: int, item: int = 0) -> list[str]:
    return [item_epc(gtin(item), f"S{number}") for number in range(count)]


def aggregation(lot_of: dict[str, str], levels: tuple[LevelConfig, ...] = LEVELS) -> Aggregation:
    state = Aggregation(levels, lot_of.get)
    state.apply(state.add_ranges([RANGE]))
    return state


def do(state: Aggregation, entry: Entry) -> str:
    state.apply(entry)
    state.check()
    return str(entry["parent"])


@pytest.mark.parametrize("seed", range(100))
def test_random_deeds_end_as_the_plain_twin_says(seed: int) -> None:
    """Allowed or not, and what is where: the same after each of 200 deeds; the entries applied again give the same state."""
    draw = random.Random(seed)
    lot_of = {epc: f"L{draw.randrange(2)}" for item in (0, 1) for epc in packs(12, item)}
    everything = [*lot_of, item_epc(GTIN, "unknown")]
    size = draw.choice([3, 12, 60])
    state = Aggregation(LEVELS, lot_of.get)
    entries = [state.add_ranges([SsccRange("4012345", 3, 0, size - 1)])]
    state.apply(entries[0])
    ssccs = [sscc_epc(sscc(number)) for number in range(size)]
    known = {epc: f"{epc[3:17]}/{lot}" for epc, lot in lot_of.items()}
    twin = Twin([(level.name, level.capacity, level.mixed_lots) for level in LEVELS], known.get, ssccs)
    done = 0
    for _ in range(200):
        if draw.random() < 0.02:  # a pack is decommissioned: it is not packed any more
            gone = draw.choice(list(lot_of))
            lot_of.pop(gone), known.pop(gone)
        things = everything + [epc for epc in ssccs if epc in state.containers or draw.random() < 0.05]
        children = [draw.choice(things) for _ in range(draw.randint(1, 3))]
        if draw.random() < 0.6:
            children = list(dict.fromkeys(child for child in children if child not in state.parents)) or children
        level, close = draw.choice(["bundle", "case", "pallet", "box"]), draw.random() < 0.4
        parent = draw.choice([None, None, draw.choice(ssccs), draw.choice(list(state.containers) or ssccs)])
        deed = draw.choice(["pack", "pack", "pack", "unpack", "repack", "close", "dissolve"])
        target = parent or draw.choice(ssccs)
        try:
            match deed:
                case "pack":
                    entry = state.pack(level, children, parent, close)
                case "repack":
                    entry = state.repack(level, children, parent, close)
                case "unpack":
                    entry = state.unpack(children)
                case "close":
                    entry = state.close(target)
                case _:
                    entry = state.dissolve(target)
        except AggregationError:
            entry = None
        match deed:
            case "pack" | "repack":
                allowed = twin.pack(level, children, parent, close, moving=deed == "repack")
            case "unpack":
                allowed = twin.unpack(children)
            case "close":
                allowed = twin.close(target)
            case _:
                allowed = twin.dissolve(target)
        assert (entry is not None) == allowed, (seed, deed, level, children, parent)
        if entry is not None:
            entries.append(entry)
            state.apply(entry)
            state.check()
            done += 1
        assert state.parents == dict(twin.pairs), (seed, deed)
        assert {epc for epc, container in state.containers.items() if container.closed} == twin.closed
        assert {epc for epc, container in state.containers.items() if container.dissolved} == twin.gone
    assert done > 5, "the deeds of this seed say nothing"
    again = Aggregation(LEVELS, lambda epc: None)
    for entry in entries:
        again.apply(entry)
    assert (again.containers, again.parents, again.packed_lots) == (state.containers, state.parents, state.packed_lots)
    packed: dict[str, str] = {}
    for event in journal_events([{**entry, "utc_ns": number} for number, entry in enumerate(entries)]):
        for child in event.epcs:
            if event.happening is Happening.PACKED:
                assert child not in packed, "the events put a pack into two containers"
                packed[child] = event.parent
            else:
                assert packed.pop(child) == event.parent
    assert packed == state.parents, "who reads the events alone knows what is where"


def test_a_line_of_bundles_cases_and_a_pallet() -> None:
    lot_of = dict.fromkeys(packs(14), "A")
    state = aggregation(lot_of)
    bundles = [do(state, state.pack("bundle", packs(14)[start : start + 3], close=True)) for start in range(0, 14, 3)]
    case = do(state, state.pack("case", bundles[:4]))
    partial = do(state, state.pack("case", bundles[4:]))
    with pytest.raises(AggregationError, match="is not closed"):
        state.pack("pallet", [case, partial])
    state.apply(state.close(partial))
    pallet = do(state, state.pack("pallet", [case, partial]))
    assert [state.parents.get(one) for one in (packs(1)[0], bundles[0], case, pallet)] == [bundles[0], case, pallet, None]
    assert state.packs(pallet) == packs(14)
    assert bundles[0] == sscc_epc(sscc(0)) and state.next_sscc() == sscc_epc(sscc(8))
    with pytest.raises(AggregationError, match="must be taken out first"):
        state.unpack([bundles[0]])
    do(state, state.unpack([case]))
    do(state, state.unpack([bundles[0]]))
    do(state, state.dissolve(bundles[0]))
    assert packs(1)[0] not in state.parents
    with pytest.raises(AggregationError, match="was dissolved"):
        state.pack("bundle", packs(1), bundles[0])


def test_a_case_layer_of_48_in_one_frame_or_one_at_a_time() -> None:
    levels = (LevelConfig("case", 48),)
    together, singly = (aggregation(dict.fromkeys(packs(48), "A"), levels) for _ in range(2))
    case = do(together, together.pack("case", packs(48)))
    parent = None
    for pack in packs(48):
        parent = do(singly, singly.pack("case", [pack], parent))
    assert together.containers == singly.containers and together.containers[case].closed
    with pytest.raises(AggregationError, match="would hold 49"):
        aggregation(dict.fromkeys(packs(49), "A"), levels).pack("case", packs(49))


def refused(state: Aggregation, words: str, level: str, children: list[str], parent: str | None = None) -> None:
    before = (dict(state.parents), state.next_sscc())
    with pytest.raises(AggregationError, match=words):
        state.pack(level, children, parent)
    assert before == (state.parents, state.next_sscc())


def test_each_rule_by_name() -> None:
    a, b = packs(3), packs(3, item=1)
    state = aggregation(dict.fromkeys(a, "A") | dict.fromkeys(b, "A"))
    bundle = do(state, state.pack("bundle", a[:2]))
    refused(state, "is in 00/", "bundle", [a[0]])
    refused(state, "is given twice", "bundle", [a[2], a[2]])
    refused(state, "not a commissioned pack", "bundle", [item_epc(GTIN, "X")])
    refused(state, "one lot of one product", "bundle", [a[2], b[0]])
    refused(state, "one lot of one product", "bundle", [b[0]], bundle)
    refused(state, "no such container", "bundle", [a[2]], "00/x")
    refused(state, "not a case", "case", [a[2]], bundle)
    refused(state, "expected one of bundle, case, pallet", "crate", [a[2]])
    refused(state, "expected 00/SSCC or 01/GTIN", "bundle", ["'; DROP TABLE packs; --"])
    refused(state, "nothing is given", "bundle", [])
    refused(state, "is not closed", "case", [bundle])
    refused(state, "does not go into", "bundle", [bundle])
    mixed = do(state, state.pack("case", [a[2], b[0]]))
    assert sorted(state.containers[mixed].lots) == [f"{gtin(0)}/A", f"{gtin(1)}/A"]


def test_ssccs_run_out_and_are_never_given_twice() -> None:
    state = Aggregation(LEVELS, dict.fromkeys(packs(9), "A").get)
    state.apply(state.add_ranges([SsccRange("4012345", 3, 7, 7), SsccRange("401234567", 0, 1, 1)]))
    parents = [do(state, state.pack("bundle", [pack])) for pack in packs(2)]
    assert parents == ["00/" + SsccRange("4012345", 3, 7, 7).sscc(0), "00/" + SsccRange("401234567", 0, 1, 1).sscc(0)]
    with pytest.raises(AggregationError, match="no SSCC is left"):
        state.pack("bundle", packs(3)[2:])
    with pytest.raises(AggregationError, match="used once"):
        state.add_ranges([SsccRange("401234500", 3, 0, 9)])  # the same digits under a longer prefix


GOOD = "company_prefix,extension,first,last\n4012345,3,0,99\n"


@pytest.mark.parametrize(
    ("text", "place", "rule"),
    [
        ("", "", "has no range"),
        ("company_prefix,extension,first,last\n", "", "has no range"),
        ("prefix,extension,first,last\n4012345,3,0,99\n", "row 1", "expected the heading"),
        (GOOD + "4012345,3,100\n", "row 3", "3 columns"),
        (GOOD + "401234x,3,100,101\n", "row 3", "company_prefix"),
        (GOOD + "9999999,3,100,101\n", "row 3", "company_prefixes"),
        (GOOD + "4012345,33,100,101\n", "row 3", "extension"),
        (GOOD + "4012345,3,-1,101\n", "row 3", "first"),
        (GOOD + "4012345,3,100,1000000000\n", "row 3", "last"),
        (GOOD + "4012345,3,101,100\n", "row 3", "expected 101 or more"),
        (GOOD + "4012345,3,99,200\n", "row 3", "overlaps"),
        (GOOD + '4012345,3,"100,200\n', "", "is not CSV"),
        (GOOD + "4012345,3,\u0661,200\n", "row 3", "first"),
        (GOOD + '4012345,3,"=cmd|\x1b[2J",200\n', "row 3", "first"),
    ],
)
def test_a_wrong_range_file_is_named_with_row_and_rule(tmp_path: Path, text: str, place: str, rule: str) -> None:
    path = tmp_path / "ranges.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(RangeError) as error:
        load_ranges(path, ["4012345"])
    words = str(error.value)
    assert words.startswith(f"{path}: {place}") and rule in words and words.isprintable()


def test_a_good_range_file(tmp_path: Path) -> None:
    path = tmp_path / "ranges.csv"
    path.write_text("\ufeff" + GOOD + "\n4012345,4,0,99\n", "utf-8")
    ranges = load_ranges(path, ["4012345"])
    assert [one.sscc(1) for one in ranges] == [sscc(1), "440123450000000014"]
    with pytest.raises(RangeError, match="row 2"):
        load_ranges(path, ["4012345"], ranges[:1])
    with pytest.raises(RangeError, match="cannot be read"):
        load_ranges(tmp_path / "absent.csv", ["4012345"])
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RangeError, match="UTF-8"):
        load_ranges(path, ["4012345"])
