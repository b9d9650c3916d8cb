"""A batch from its order to its signed report, through the commands."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from tests.batch.packing import Packing, order_file, start_batch, vision
from vision.batch.life import OrderedBatch
from vision.batch.operate import record_confirmed
from vision.results.operations import read_operations
from vision.results.signatures import read_signatures
from vision.results.verify import examine
from vision.serials.states import State
from vision.types import Reason


def reconciled(batch: OrderedBatch, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    capsys.readouterr()
    code = vision("batch", "reconcile", batch.folder, "--json")
    result = json.loads(capsys.readouterr().out)
    assert code == (0 if result["closed"] else 1)
    return dict(result)


def packed(batch: OrderedBatch) -> None:
    """Ten packs: 1-6 good, 7 and 8 of low grade, 9 without a code, 10 a duplicate of 1."""
    run = Packing(batch)
    for trigger in range(1, 7):
        assert run.pack(trigger).accept
    run.pack(7, Reason.LOW_GRADE)
    run.pack(8, Reason.LOW_GRADE)
    run.pack(9, Reason.NO_SYMBOL, serial="")
    assert run.pack(10, serial="SN1").reasons == (Reason.DUPLICATE_SERIAL,)
    run.close()


def test_from_order_to_signed_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = start_batch(tmp_path)
    packed(batch)
    before = reconciled(batch, capsys)
    assert (before["commissioned"], before["returned"], before["unexplained"]) == (6, 12, 2)
    assert (before["triggers"], before["accepted"], before["rejected"]) == (10, 6, 4)
    assert vision("batch", "end", batch.folder.parent) == 1, "two printed serials and an uncounted bin"
    assert vision("batch", "sample", batch.folder, "SN2", "--why", "retention") == 0
    assert vision("batch", "decommission", batch.folder, "SN3", "--why", "damaged") == 0
    assert vision("batch", "destroy", batch.folder, "SN3", "--why", "witnessed") == 0
    assert vision("batch", "remove", batch.folder, 4, "--station", "S1", "--why", "jam") == 0
    assert vision("batch", "end", batch.folder, "--who", "A. Operator", "--rejects-counted", 4) == 0
    result = reconciled(batch, capsys)
    terms = ("allocated", "commissioned", "scrapped", "sampled", "destroyed", "returned", "unexplained")
    assert [result[term] for term in terms] == [20, 3, 2, 1, 2, 12, 0]
    assert [result[term] for term in ("triggers", "accepted", "rejected", "removed")] == [10, 5, 4, 1]
    assert result["rejects_signalled"] == result["rejects_confirmed"] == 4
    with batch.pool() as pool:
        assert pool.counts(batch.product)[State.UNALLOCATED] == 12
    assert vision("batch", "report", batch.folder) == 0
    assert (batch.folder / "reports" / "batch.pdf").read_bytes().startswith(b"%PDF")
    with pa.memory_map(str(batch.folder / "reports" / "batch.arrow")) as source:
        table = pa.ipc.open_file(source).read_all()
    assert {"section": "serials", "name": "commissioned", "count": 3, "text": None} in table.to_pylist()
    found = examine(batch.folder)
    assert found.problems == [] and found.closed
    assert table.schema.metadata[b"head"].decode() == found.head
    assert vision("batch", "sign", batch.folder, "--who", "Q. Person", "--meaning", "reviewed") == 0
    (signature,) = read_signatures(batch.folder)
    assert (signature["name"], signature["meaning"], signature["head"]) == ("Q. Person", "reviewed", found.head)
    assert sorted(signature["files"]) == ["reports/batch.arrow", "reports/batch.pdf"]
    assert vision("batch", "release", batch.folder, "--who", "Q. Person") == 0
    assert examine(batch.folder).problems == []
    with batch.pool() as pool:
        assert pool.counts(batch.product, batch.name)[State.RELEASED] == 3
    assert [o["what"] for o in read_operations(batch.folder)] == [
        *("start", "sample", "decommission", "destroy", "remove", "clearance", "scrap", "end", "release")
    ]
    (batch.folder / "reports" / "batch.pdf").write_bytes(b"another")
    assert any("reports/batch.pdf: changed since it was signed" in problem for problem in examine(batch.folder).problems)


def test_what_does_not_add_up_needs_a_signed_deviation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = start_batch(tmp_path)
    packed(batch)
    assert vision("batch", "end", batch.folder, "--rejects-counted", 3) == 1
    assert vision("batch", "end", batch.folder, "--who", "Q. Person", "--deviation", "one pack not found") == 0
    deviation = next(o for o in read_operations(batch.folder) if o["what"] == "deviation")
    assert deviation["who"] == "Q. Person"
    assert any("2 serials are unexplained" in point for point in deviation["open_points"])
    assert any("4 rejects were signalled, 3 were confirmed (bin counted: +3)" in point for point in deviation["open_points"])
    assert examine(batch.folder).closed
    capsys.readouterr()
    assert vision("batch", "report", batch.folder, "--report", tmp_path / "r.html") == 0
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "one pack not found" in page and "<b>10 mg</b>" not in page


def test_a_wrong_count_is_taken_back_with_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = start_batch(tmp_path)
    packed(batch)
    assert vision("batch", "end", batch.folder, "--rejects-counted", 7) == 1
    for arguments, words in (
        (("--rejects-counted", -7), "-7 rejects: takes a count back, expected the reason why"),
        (("--rejects-counted", -7, "--why", " "), "expected the reason why"),
        (("--rejects-counted", -8, "--why", "counted twice"), "-8 rejects: more than the 7 that were counted so far"),
    ):
        before = read_operations(batch.folder)
        for command in ("end", "clearance"):
            capsys.readouterr()
            assert vision("batch", command, batch.folder, *arguments) == 2
            assert words in capsys.readouterr().err
        assert read_operations(batch.folder) == before, "nothing was written"
    assert vision("batch", "clearance", batch.folder, "--rejects-counted", -7, "--who", "A. Operator", "--why", "other bin") == 0
    result = reconciled(batch, capsys)
    assert (result["rejects_confirmed"], result["bin_counts"], result["scrapped"]) == (0, [7, -7], 0)
    assert vision("batch", "end", batch.folder, "--rejects-counted", 4) == 0
    told = [(o["who"], o["counted"], o["why"]) for o in read_operations(batch.folder) if o["what"] == "clearance"]
    assert told[1] == ("A. Operator", -7, "other bin") and [count for _, count, _ in told] == [7, -7, 4]
    result = reconciled(batch, capsys)
    assert result["closed"] and result["scrapped"] == 2, "the sum is what counts"
    assert vision("batch", "report", batch.folder, "--report", tmp_path / "r.html") == 0
    assert "count of the bin corrected by -7" in (tmp_path / "r.html").read_text("utf-8")


def test_the_machines_own_count_is_in_the_equation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = start_batch(tmp_path)
    packed(batch)
    record_confirmed(batch, "S1", 3, 3)  # one run; of another, which died, nothing is known
    assert reconciled(batch, capsys)["rejects_confirmed"] is None
    record_confirmed(batch, "S1", 1, 1)
    result = reconciled(batch, capsys)
    assert (result["machine_rejected"], result["machine_confirmed"], result["rejects_confirmed"]) == (4, 4, 4)
    record_confirmed(batch, "S1", 2, 1)
    assert vision("batch", "end", batch.folder, "--rejects-counted", 4, "--json") == 1
    (point,) = json.loads(capsys.readouterr().out)["open_points"]
    assert point == "the machine was to reject 6 packs and confirmed 5", "whatever people counted"


def test_an_ended_batch_takes_nothing_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = start_batch(tmp_path)
    assert vision("batch", "sign", batch.folder, "--meaning", "too early") == 2
    assert vision("batch", "end", batch.folder) == 0
    capsys.readouterr()
    assert vision("batch", "clearance", batch.folder) == 2
    assert "the batch has ended" in capsys.readouterr().err
    assert vision("batch", "end", batch.folder) == 0, "to end twice is harmless"
    assert sum(o["what"] == "end" for o in read_operations(batch.folder)) == 1


def test_one_batch_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = start_batch(tmp_path)
    capsys.readouterr()
    assert vision("batch", "start", tmp_path / "L1.toml", order_file(tmp_path, ["X1"])) == 2
    error = capsys.readouterr().err
    assert str(batch.folder) in error and "is open" in error and error.count("\n") == 1


def test_serials_of_another_batch_are_not_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = start_batch(tmp_path)
    capsys.readouterr()
    from tests.batch.packing import line_file

    assert vision("batch", "start", line_file(tmp_path, "L2"), order_file(tmp_path, ["Y1", "SN5"])) == 2
    assert "serial 'SN5' of product 04012345678901 is Allocated already for batch L1/" in capsys.readouterr().err
    assert [path for path in (tmp_path / "results" / "L2").iterdir() if path.is_dir()] == [], "nothing half-started stays"
    with batch.pool() as pool:
        assert pool.entry(batch.product, "Y1") is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sample", "XX"), "serial 'XX': does not belong to batch"),
        (("sample", "SN1", "SN20"), "serial 'SN20': is Allocated, which allows no sample"),
        (("destroy", "SN7"), "serial 'SN7': is Encoded, which allows no destroy"),
        (("remove", "99", "--station", "S1"), "has no trigger 99"),
        (("decommission",), "no serial is given"),
        (("decommission", "SN1", "--who", " "), "expected the name of a person"),
        (("block", "SN1", "--kind", "odd"), "--kind 'odd': expected suspect, stolen, recalled"),
    ],
)
def test_wrong_calls_say_why_and_change_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    batch = start_batch(tmp_path)
    packed(batch)
    vision("batch", "reconcile", batch.folder)
    before = (batch.folder / "operations.jsonl").read_bytes()
    capsys.readouterr()
    what, *rest = arguments
    assert vision("batch", what, batch.folder, *rest) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
    assert (batch.folder / "operations.jsonl").read_bytes() == before
    with batch.pool() as pool:
        assert pool.counts(batch.product, batch.name) == {State.ALLOCATED: 12, State.ENCODED: 2, State.COMMISSIONED: 6}


def test_a_block_holds_while_the_line_runs(tmp_path: Path) -> None:
    batch = start_batch(tmp_path)
    run = Packing(batch)
    assert run.pack(1).accept
    assert vision("batch", "block", batch.folder, "SN2", "SN1", "--kind", "stolen") == 0
    assert run.pack(2).reasons == (Reason.BLOCKED_SERIAL,)
    assert run.pack(3).accept
    assert vision("batch", "unblock", batch.folder, "SN2") == 0
    assert run.pack(4, serial="SN2").accept
    run.close()


def test_a_sample_may_be_taken_while_the_line_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from vision.results.folder import lock_line

    batch = start_batch(tmp_path)
    run = Packing(batch)
    run.pack(1)
    with lock_line(tmp_path / "results", "L1"):
        assert vision("batch", "sample", batch.folder, "SN1") == 0
        assert vision("batch", "end", batch.folder) == 2
    run.close()
    assert reconciled(batch, capsys)["sampled"] == 1


def test_claims_without_rows_and_rows_without_claims_are_settled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = start_batch(tmp_path)
    run = Packing(batch)
    first = run.pack(1)
    run.pack(2)
    run.amend(first, Reason.NOT_RECORDED)
    assert run.pool.claim(batch.product, batch.name, [["SN9"]], True) == [()], "a claim whose row never came"
    run.pool.set_back(batch.product, batch.name, ["SN2"])  # as if the pool had lost it
    run.close()
    result = reconciled(batch, capsys)
    assert (result["commissioned"], result["unexplained"], result["contradictions"]) == (1, 2, [])
    with batch.pool() as pool:
        states = {serial: state for serial, state in pool.of_batch(batch.product, batch.name) if state is not State.ALLOCATED}
    assert states == {"SN1": State.ENCODED, "SN2": State.COMMISSIONED, "SN9": State.ENCODED}


def test_a_recorder_started_anew_gets_its_own_claims_again(tmp_path: Path) -> None:
    batch = start_batch(tmp_path)
    run = Packing(batch)
    run.pool.claim(batch.product, batch.name, [["SN1"]], True)  # then it died, before the row was written
    assert run.pack(1).accept
    run.close()
