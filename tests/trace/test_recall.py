"""From pack to parents, events, grade and evidence; from lot to every pack and where it is; the recall and its block list."""

from __future__ import annotations

import csv
import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.cli.calls import line_text, refused
from tests.trace.event_samples import GLN, START_NS, gtin, serial, sscc
from tests.trace.result_samples import EXPIRY, batch, pack_record
from vision.cli.main import call as call_main
from vision.config import LevelConfig
from vision.results.folder import ResultsError
from vision.results.operations import append_operation
from vision.results.packs import SUFFIX, open_packs, packs_in_memory
from vision.results.reader import read_rows
from vision.serials.open import open_pool
from vision.serials.states import State
from vision.trace.events import Happening
from vision.trace.identifiers import item_epc, sscc_epc
from vision.trace.journal import JOURNAL, Journal, journal_events, read_journal
from vision.trace.recall import History
from vision.trace.records import Question, Records
from vision.trace.sscc import SsccRange
from vision.trace.whereabouts import INDEX, Whereabouts
from vision.types import Reason

Vision = Callable[..., "subprocess.CompletedProcess[str]"]
LEVELS = (LevelConfig("bundle", 4), LevelConfig("case", 3))
TRACE = f"""
[trace]
company_prefixes = ["4012345"]
gln = "{GLN}"
time_zone = "Europe/Berlin"
levels = [{{ name = "bundle", capacity = 4 }}, {{ name = "case", capacity = 3 }}]
"""


def epc(number: int) -> str:
    return item_epc(gtin(0), f"A{number}")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two lots; the second batch is still open. A5 was rejected, A7 passed and amended in a later file, A1 and A2 seen twice."""
    folder = tmp_path / "results"
    first = [pack_record(n, f"A{n}", "LOT-A", *([Reason.LOW_GRADE] if n == 5 else []), evidence=n == 5) for n in range(1, 25)]
    first.append(pack_record(7, "A7", "LOT-A", Reason.NOT_RECORDED, revision=1))
    batch(folder, "2026-11-26T120000Z", first, "LOT-A")
    second = [pack_record(n, f"B{n}", "LOT-B", utc_ns=START_NS + 10**13 + n) for n in range(1, 14)]
    second.append(pack_record(14, "A1", "LOT-A", Reason.DUPLICATE_SERIAL, utc_ns=START_NS + 10**13 + 14))
    second.append(pack_record(15, "A2", "LOT-A", Reason.LOW_GRADE, utc_ns=START_NS + 10**13 + 15))
    batch(folder, "2026-11-27T120000Z", second, "LOT-B", close=False)
    return folder


@pytest.fixture
def packed(results: Path) -> Path:
    """A1 to A4 and A8 to A11 in two bundles of one case, A12 loose."""
    with Journal(results / "L1" / JOURNAL, LEVELS, lambda epc: "LOT-A") as journal:
        state = journal.state
        journal.do(state.add_ranges([SsccRange("4012345", 3, 0, 99)]))
        bundles = [
            journal.do(state.pack("bundle", [epc(n) for n in numbers]))["parent"] for numbers in ((1, 2, 3, 4), (8, 9, 10, 11))
        ]
        journal.do(state.pack("case", bundles, close=True))
    return results


def test_a_pack_list_says_what_the_rows_say(results: Path) -> None:
    path = results / "L1" / "2026-11-26T120000Z" / "000001.arrow"
    mapped, made = open_packs(path.with_suffix(SUFFIX)), packs_in_memory(path, read_rows(path))
    assert mapped.table.to_pylist() == made.table.to_pylist()
    assert mapped.lots == {"LOT-A"} and mapped.expiries == {EXPIRY} and not mapped.revised
    assert mapped.table["serial"].to_pylist() == sorted(mapped.table["serial"].to_pylist())
    for row in mapped.table.to_pylist():
        assert mapped.of_serial(row["serial"]) == [row]
    assert mapped.of_serial("A") == mapped.of_serial("ZZZ") == []


def test_a_lists_summary_leaves_nothing_out(results: Path) -> None:
    records = Records(results)
    assert records.pack_count == 25 + 15
    times = sorted(row["utc_ns"] for row in records.select(Question()).to_pylist())
    for begin, end in ((times[0], times[1]), (times[3], times[20]), (times[-1], times[-1] + 1), (0, times[0])):
        found = records.select(Question(from_ns=begin, to_ns=end))
        assert found.num_rows == sum(begin <= moment < end for moment in times)
    assert records.select(Question(lot="LOT-B")).num_rows == 13
    assert records.select(Question(lot="LOT-A", accepted_only=True)).num_rows == 22
    assert records.select(Question(expiry="999999")).num_rows == 0
    assert records.select(Question(lot="' OR 1=1 --")).num_rows == 0


def test_an_amended_row_counts_as_amended(results: Path) -> None:
    assert [(row["revision"], row["accept"]) for row in Records(results).of_serial("A7")] == [(1, False)]
    assert "A7" not in {row["serial"] for row in History(results).recall_rows(Question(lot="LOT-A"))}


def test_an_amendment_without_its_symbols_still_counts(tmp_path: Path) -> None:
    records = [pack_record(n, f"A{n}", "L") for n in range(1, 13)]
    records.append(pack_record(2, "A2", "L", Reason.LINE_LOST, revision=1, symbols=b""))
    batch(tmp_path, "2026-11-26T120000Z", records, "L")
    found = Records(tmp_path)
    assert found.of_serial("A2") == []
    assert found.select(Question(lot="L")).num_rows == 11


def test_a_pack_with_grade_evidence_containers_and_events(packed: Path) -> None:
    found = History(packed).of_serial("A1")
    assert [(sight["accept"], sight["reasons"]) for sight in found["seen"]] == [(True, []), (False, ["DUPLICATE_SERIAL"])]
    assert found["seen"][0]["grade"] == 2.0 and found["epcs"] == [epc(1)]
    assert [(around["sscc"], around["level"]) for around in found["containers"]] == [(sscc(0), "bundle"), (sscc(2), "case")]
    assert [event["happening"] for event in found["events"]] == ["accepted", "packed"]
    rejected = History(packed).of_serial("A5")["seen"][0]
    assert rejected["reasons"] == ["LOW_GRADE"] and rejected["evidence"] == "L1/2026-11-26T120000Z/images/S1-000000005.bmp"


def test_from_lot_to_every_pack_and_where_it_is(packed: Path) -> None:
    rows = {row["serial"]: row for row in History(packed).select(Question(lot="LOT-A")) if row["accept"]}
    assert len(rows) == 22
    assert (rows["A9"]["container"], rows["A9"]["outermost"]) == (sscc(1), sscc(2))
    assert (rows["A12"]["container"], rows["A12"]["outermost"]) == (None, None)


def test_a_case(packed: Path) -> None:
    found = History(packed).of_case(sscc_epc(sscc(2)))
    assert found is not None
    assert [pack["serial"] for pack in found["packs"]] == ["A1", "A10", "A11", "A2", "A3", "A4", "A8", "A9"]
    assert found["level"] == "case" and len(found["children"]) == 2
    assert History(packed).of_case(sscc_epc(sscc(50))) is None


def test_events_of_a_lot_are_those_of_its_packs(packed: Path) -> None:
    folder = packed / "L1" / "2026-11-26T120000Z"
    append_operation(folder, "Q. Uality", "sample", serials=["A12"], to="Sampled")
    append_operation(folder, "Q. Uality", "decommission", "torn", serials=["A13", "A14"], to="Inactive")
    append_operation(folder, "Q. Uality", "scrap", serials=["A99"], to="LabelScrapped")
    events = History(packed).events(Question(lot="LOT-A"))
    counts = {happening: sum(event.happening is happening for event in events) for happening in Happening}
    assert counts[Happening.ACCEPTED] == 22, "no reject, no amended pass, no pack twice"
    assert counts[Happening.FAILED] == 1, "A2, seen again with a bad print; A1, seen twice, may be a copy"
    assert (counts[Happening.PACKED], counts[Happening.SAMPLED], counts[Happening.DECOMMISSIONED]) == (3, 1, 1)
    assert History(packed).events(Question(lot="LOT-B"))[0].happening is Happening.ACCEPTED
    assert all(event.happening is Happening.ACCEPTED for event in History(packed).events(Question(lot="LOT-B")))


def test_a_damaged_pack_list_is_named(results: Path) -> None:
    path = results / "L1" / "2026-11-26T120000Z" / "000001.packs"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ResultsError, match=r"000001\.packs"):
        Records(results)
    path.unlink()
    assert Records(results).pack_count == 40, "a file from before there were pack lists is read itself"


@pytest.mark.parametrize("seed", range(8))
def test_index_and_tail_know_what_the_whole_journal_knows(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    folder = tmp_path / "L1"
    packs = [item_epc(gtin(0), serial(draw)) for _ in range(60)]
    with Journal(folder / JOURNAL, LEVELS, lambda epc: "A") as journal:
        state = journal.state
        journal.do(state.add_ranges([SsccRange("4012345", 3, 0, 999)]))
        for step in range(60):
            loose = [pack for pack in dict.fromkeys(packs) if pack not in state.parents]
            whole = [one for one, held in state.containers.items() if held.closed and held.level == 0 and one not in state.parents]
            movable = [child for child, parent in state.parents.items() if parent not in state.parents]
            outer = [one for one, held in state.containers.items() if one not in state.parents and not held.dissolved]
            match draw.choice(["pack", "case", "unpack", "dissolve", "repack"]):
                case "pack" if loose:
                    journal.do(state.pack("bundle", loose[:4], close=True))
                case "case" if whole:
                    journal.do(state.pack("case", whole[:3]))
                case "unpack" if movable:
                    journal.do(state.unpack([draw.choice(movable)]))
                case "repack" if packs_in := [child for child in movable if child.startswith("01/")]:
                    journal.do(state.repack("bundle", [draw.choice(packs_in)], close=True))
                case "dissolve" if outer := [
                    one for one, held in state.containers.items() if one not in state.parents and not held.dissolved
                ]:
                    journal.do(state.dissolve(draw.choice(outer)))
            if draw.random() < 0.1:
                Whereabouts(folder).write_index()
            if step % 10 == 9:
                known = Whereabouts(folder)
                for thing in [*packs, *state.containers]:
                    around = known.around(thing)
                    assert [*around, None] == [state.parents.get(one) for one in (thing, *around)]
                assert known.parents_of(pa.array(packs)).to_pylist() == [state.parents.get(pack) for pack in packs]
                for one, held in state.containers.items():
                    assert known.inside(one) == sorted(held.children)
                    assert known.packs(one) == sorted(state.packs(one))
                    assert known.level(one) == state.levels[held.level].name
                chosen = draw.choice(packs)
                about = known.entries_about([chosen])
                assert [e for e in journal_events(about) if chosen in e.epcs] == [
                    e for e in journal_events(read_journal(folder / JOURNAL)) if chosen in e.epcs
                ]
    assert (folder / INDEX).exists()


def test_an_index_of_another_journal_is_not_believed(packed: Path) -> None:
    Whereabouts(packed / "L1").write_index()
    journal = packed / "L1" / JOURNAL
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:2]))
    assert Whereabouts(packed / "L1").parent(epc(9)) == ""
    assert Whereabouts(packed / "L1").parent(epc(1)) == sscc_epc(sscc(0))


@pytest.fixture
def vision(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Vision:
    """A call of the command in this process: what is tested here is what it says, not how it starts."""

    def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(cwd)
        capsys.readouterr()
        code = call_main(list(arguments))
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, said.out, said.err)

    return run


def told(done: Any) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_command_recalls_a_lot_and_blocks_it(packed: Path, vision: Vision) -> None:
    cwd = packed.parent
    with open_pool("sqlite:" + str(packed / "serials.db")) as pool:
        pool.load(gtin(0), [f"A{n}" for n in range(1, 25)], State.ALLOCATED, "L1/2026-11-26T120000Z")
    pool_url = ("--pool", "sqlite:results/serials.db", "--json")
    call = ("trace", "--lot", "LOT-A", "--recall", "recall.csv", "--block", "recalled", *pool_url)
    *rows, summary = told(vision(*call, cwd=cwd))
    assert summary == {"packs": 22, "accepted": 22, "where": {"": 14, sscc(2): 8}, "blocked": 22}
    with open(cwd / "recall.csv", encoding="utf-8", newline="") as stream:
        listed = list(csv.DictReader(stream))
    assert [row["serial"] for row in listed] == [row["serial"] for row in rows]
    with open_pool("sqlite:" + str(packed / "serials.db")) as pool:
        assert set(pool.blocked(gtin(0))) == {row["serial"] for row in rows}
    states = told(vision("trace", "A1", *pool_url, cwd=cwd))[0]["states"]
    assert states[0]["state"] == "Allocated" and states[0]["blocked"] == "recalled"


def test_the_command_writes_events_in_both_forms(packed: Path, vision: Vision) -> None:
    from vision.trace.check_events import check_json, check_xml

    cwd = packed.parent
    (cwd / "line.toml").write_text(line_text() + TRACE, "utf-8")
    for name in ("events.json", "events.xml"):
        call = ("trace", "--lot", "LOT-A", "--events", name, "--line", "line.toml", "--json")
        told(vision(*call, cwd=cwd))
        first = (cwd / name).read_bytes()
        told(vision(*call, cwd=cwd))
        assert (cwd / name).read_bytes() == first, "same records, same bytes"
    assert check_json((cwd / "events.json").read_text("utf-8")) == check_xml((cwd / "events.xml").read_text("utf-8")) == []
    assert len(json.loads((cwd / "events.json").read_text("utf-8"))["epcisBody"]["eventList"]) == 22 + 3 + 1


def test_hostile_serials_are_harmless_on_the_terminal_and_in_the_list(tmp_path: Path, vision: Vision) -> None:
    serials = ["=1+1", "\x1b[2Jx", "<script>", "a\u202eb", "../../x"]
    records = [pack_record(number, text, "L") for number, text in enumerate(serials, 1)]
    batch(tmp_path / "results", "2026-11-26T120000Z", records, "L")
    done = vision("trace", "--lot", "L", "--recall", "r.csv", cwd=tmp_path)
    assert done.returncode == 0 and "<ESC>[2Jx" in done.stdout and "<U+202E>" in done.stdout
    assert all(character.isprintable() or character == "\n" for character in done.stdout)
    assert "'=1+1" in (tmp_path / "r.csv").read_text("utf-8")
    assert told(vision("trace", "\x1b[2Jx", "--json", cwd=tmp_path))[0]["seen"][0]["serial"] == "\x1b[2Jx"


def test_what_nobody_knows_is_exit_code_1(results: Path, vision: Vision) -> None:
    for call in (("NOT-THERE",), ("--lot", "NONE"), ("--case", sscc(1)), ("--expiry", "010101")):
        done = vision("trace", *call, cwd=results.parent)
        assert done.returncode == 1 and done.stderr == ""


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ((), "expected one of SERIAL"),
        (("A1", "--lot", "X"), "expected one of SERIAL"),
        (("--case", "123"), "18 digits"),
        (("--case", "340123450000000019"), "check digit"),
        (("--lot", "LOT-A", "--block", "lost"), "suspect, stolen or recalled"),
        (("--lot", "LOT-A", "--block", "recalled"), "--pool"),
        (("--from", "yesterday"), "--from"),
        (("--expiry", "31.12.27"), "YYMMDD"),
        (("--lot", "LOT-A", "--events", "e.txt"), "e.txt"),
        (("--lot", "LOT-A", "--events", "e.xml"), "company prefixes"),
        (("A1", "--recall", "r.csv"), "go with --lot"),
        (("A1", "--results", "nowhere"), "nowhere"),
        (("A1", "--pool", "http://x"), "sqlite:PATH"),
    ],
)
def test_a_wrong_call_is_one_line(results: Path, call: tuple[str, ...], words: str, vision: Vision) -> None:
    refused(vision("trace", *call, cwd=results.parent), words)
    assert not list(results.parent.glob("*.csv")) and not list(results.parent.glob("e.*"))


def test_the_command_packs_and_unpacks(results: Path, vision: Vision) -> None:
    cwd = results.parent
    named = line_text().replace('name = "DEMO"', 'name = "L1"')
    (cwd / "line.toml").write_text(named + TRACE, "utf-8")
    (cwd / "ranges.csv").write_text("company_prefix,extension,first,last\n4012345,3,0,99\n", "utf-8")

    def call(*arguments: str) -> dict[str, Any]:
        return told(vision("aggregate", *arguments, "--json", cwd=cwd))[0]

    assert call("range", "line.toml", "ranges.csv")["ssccs_left"] == 100
    refused(vision("aggregate", "range", "line.toml", "ranges.csv", cwd=cwd), "ranges.csv: row 2", "used once")
    first = call("pack", "line.toml", "--level", "bundle", *(epc(n) for n in range(1, 4)), "A4")
    assert first["sscc"] == sscc(0) and (first["children"], first["closed"], first["ssccs_left"]) == (4, True, 99)
    refused(vision("aggregate", "pack", "line.toml", "--level", "bundle", epc(5), cwd=cwd), "not a commissioned pack")
    refused(vision("aggregate", "pack", "line.toml", "--level", "bundle", epc(7), cwd=cwd), "not a commissioned pack")
    refused(vision("aggregate", "pack", "line.toml", "--level", "bundle", epc(1), cwd=cwd), "is in 00/")
    refused(vision("aggregate", "pack", "line.toml", "--level", "bundle", "x\x1b[2J", cwd=cwd), "GS1 set 82")
    (cwd / "items.csv").write_text(f"{epc(8)}\nhttps://id.gs1.org/{epc(9)}\n", "utf-8")
    assert call("pack", "line.toml", "--level", "bundle", "--items", "items.csv", "--close")["children"] == 2
    assert call("pack", "line.toml", "--level", "case", sscc(0), sscc(1))["children"] == 2
    assert call("close", "line.toml", sscc(2))["closed"]
    assert call("unpack", "line.toml", sscc(1))["children"] == 1
    assert call("repack", "line.toml", "--level", "bundle", epc(8), "--close")["sscc"] == sscc(3)
    assert call("dissolve", "line.toml", sscc(1))["dissolved"]
    said = told(vision("aggregate", "verify", "line.toml", "--json", cwd=cwd))[0]
    assert said["sound"] and said["entries"] == 8
    journal = results / "L1" / JOURNAL
    journal.write_bytes(journal.read_bytes().replace(b'"level":"case"', b'"level":"cave"'))
    assert vision("aggregate", "verify", "line.toml", cwd=cwd).returncode == 1


def test_a_table_of_the_reader_is_the_lists_own(results: Path) -> None:
    table = Records(results).select(Question(lot="LOT-A"))
    assert isinstance(table, pa.Table) and "serial" in table.column_names
