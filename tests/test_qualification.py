"""The qualification document says of each requirement what its tests said: nothing holds that was not run."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.qualification import ROOT, Outcome, Requirement, make_document, read_outcomes, read_requirements, state_of
from vision.report.writer import to_html, to_pdf

ONE = Requirement("R-1", "It works.", ("tests/a/test_a.py", "tests/b/test_b.py::test_two"))


def outcome(node: str, what: str = "passed") -> Outcome:
    return Outcome(node, what, "" if what == "passed" else "words")


WHOLE = [outcome("tests/a/test_a.py::test_x[1]"), outcome("tests/b/test_b.py::test_two[p]")]


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        (WHOLE, "holds"),
        ([*WHOLE, outcome("tests/a/test_a.py::test_y", "failed")], "fails"),
        ([*WHOLE, outcome("tests/a/test_a.py::test_y", "skipped")], "open"),
        (WHOLE[:1], "open"),
        ([], "open"),
        ([*WHOLE, outcome("tests/b/test_b.py::test_twofold", "failed")], "holds"),
    ],
)
def test_a_requirement_holds_only_when_all_its_tests_passed(outcomes: list[Outcome], state: str) -> None:
    assert state_of(ONE, outcomes) == state


def test_every_requirement_names_tests_that_exist() -> None:
    for requirement in read_requirements():
        for name in requirement.tests:
            file, _, test = name.partition("::")
            assert (ROOT / file).is_file(), f"{requirement.id}: {file}"
            functions = {node.name for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, ast.FunctionDef)}
            assert not test or test in functions, f"{requirement.id}: {name}"


def test_results_are_read_as_pytest_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "r.xml"
    path.write_text(
        '<testsuites><testsuite timestamp="2026-11-26T12:00:00">'
        '<testcase classname="tests.a.test_a" name="test_x[1]"/>'
        '<testcase classname="tests.a.test_a" name="test_y"><failure message="assert 1 == 2"/></testcase>'
        '<testcase classname="tests.b.test_b" name="test_two"><skipped message="no camera"/></testcase></testsuite></testsuites>'
    )
    outcomes, when = read_outcomes(path)
    assert [(one.node, one.outcome, one.words) for one in outcomes] == [
        ("tests/a/test_a.py::test_x[1]", "passed", ""),
        ("tests/a/test_a.py::test_y", "failed", "assert 1 == 2"),
        ("tests/b/test_b.py::test_two", "skipped", "no camera"),
    ]
    document = make_document([ONE], outcomes, when)
    page = to_html(document)
    assert "Not all requirements hold: 0 of 1 do" in page and "fails: R-1" in page and "no camera" in page and "2026-11-26" in page
    assert to_pdf(document).startswith(b"%PDF-")
