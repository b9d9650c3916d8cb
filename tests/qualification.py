"""The qualification document of an installation: what is installed (IQ), and each requirement with the last run of its tests (OQ).

`python -m tests.qualification RESULTS.xml OUT.pdf`: RESULTS.xml is what `pytest --junitxml` wrote. A requirement holds only when
every test of it ran and passed; skipped or missing tests leave it open, and the exit code is 1 unless all hold.
"""

from __future__ import annotations

import getpass
import hashlib
import platform
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from xml.etree import ElementTree

from vision.report.document import Block, Callout, Cell, Document, Facts, Heading, PageBreak, Paragraph, Table, Tone
from vision.report.writer import write
from vision.version import VERSION

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "tests" / "requirements.toml"
OUTCOMES = ("passed", "failed", "skipped")


@dataclass(frozen=True, slots=True)
class Requirement:
    id: str
    text: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one test: node is "file::name[parameters]", words why it failed or was skipped."""

    node: str
    outcome: str
    words: str


def read_requirements(path: Path = REQUIREMENTS) -> list[Requirement]:
    """The table. Raises ValueError in one line for an id that stands twice or a requirement without text or tests."""
    found = [
        Requirement(row["id"], row["text"], tuple(row["tests"])) for row in tomllib.loads(path.read_text("utf-8"))["requirement"]
    ]
    twice = [name for name, count in Counter(one.id for one in found).items() if count > 1]
    if twice:
        raise ValueError(f"{path}: {twice[0]} stands twice")
    for one in found:
        if not one.text.strip() or not one.tests:
            raise ValueError(f"{path}: {one.id} needs a text and at least one test")
    return found


def read_outcomes(path: Path) -> tuple[list[Outcome], str]:
    """The tests of a run, and when it began."""
    root = ElementTree.parse(path).getroot()
    suite = root if root.tag == "testsuite" else root.find("testsuite")
    assert suite is not None
    found = []
    for case in suite.iter("testcase"):
        file = case.get("classname", "").replace(".", "/") + ".py"
        outcome, words = "passed", ""
        for child in case:
            if child.tag in ("failure", "error"):
                outcome, words = "failed", child.get("message", "")
            elif child.tag == "skipped":
                outcome, words = "skipped", child.get("message", "")
        found.append(Outcome(f"{file}::{case.get('name')}", outcome, " ".join(words.split())[:160]))
    began = suite.get("timestamp", "")
    return found, datetime.fromisoformat(began).isoformat(" ", "seconds") if began else ""


def tests_of(requirement: Requirement, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes that belong to a requirement."""
    wanted = requirement.tests
    return [one for one in outcomes if any(one.node == name or one.node.startswith((f"{name}::", f"{name}[")) for name in wanted)]


def state_of(requirement: Requirement, outcomes: Sequence[Outcome]) -> str:
    """ "holds", "fails", or "open" where a test did not run."""
    mine = tests_of(requirement, outcomes)
    if any(one.outcome == "failed" for one in mine):
        return "fails"
    ran = [one for one in mine if one.outcome == "passed"]
    every = all(
        any(one.node == name or one.node.startswith((f"{name}::", f"{name}[")) for one in ran) for name in requirement.tests
    )
    return "holds" if every and len(ran) == len(mine) else "open"


_TONES = {"holds": Tone.GOOD, "fails": Tone.BAD, "open": Tone.WARN}


def make_document(requirements: Sequence[Requirement], outcomes: Sequence[Outcome], when: str) -> Document:
    states = {one.id: state_of(one, outcomes) for one in requirements}
    blocks: list[Block] = [_verdict(states), Heading("Installation (IQ)"), Facts(tuple(installed(when)))]
    blocks += [Heading("Libraries", 2), Table(("library", "version"), tuple(libraries()))]
    blocks += [PageBreak(), Heading("Operation (OQ): requirements and the tests that show them")]
    rows = []
    for one in requirements:
        mine = Counter(test.outcome for test in tests_of(one, outcomes))
        ran = ", ".join(f"{mine[outcome]} {outcome}" for outcome in OUTCOMES if mine[outcome]) or "not run"
        rows.append((one.id, one.text, Cell(states[one.id], _TONES[states[one.id]]), ran))
    blocks.append(Table(("id", "requirement", "result", "tests"), tuple(rows), right=(0,)))  # the requirement takes the room
    blocks += [PageBreak(), Heading("Tests by requirement")]
    for one in requirements:
        blocks += [Heading(f"{one.id}: {states[one.id]}", 2), Paragraph(one.text), _tests(one, outcomes)]
    blocks += [
        Heading("Executed and reviewed"),
        Table(("", "name", "date", "signature"), tuple((f"{who}\n ", "", "", "") for who in _SIGNERS), shares=(2, 4, 2, 4)),
    ]
    return Document("Qualification record", blocks, f"packline-vision {VERSION}, test run of {when}", f"packline-vision {VERSION}")


_SIGNERS = ("executed by", "reviewed by", "approved by")


def _verdict(states: Mapping[str, str]) -> Callout:
    """states: by id of the requirement."""
    if all(state == "holds" for state in states.values()):
        return Callout(f"All {len(states)} requirements hold", (), Tone.GOOD)
    named = {state: [name for name, found in states.items() if found == state] for state in ("fails", "open")}
    lines = tuple(f"{state}: {', '.join(names)}" for state, names in named.items() if names)
    holding = len(states) - sum(map(len, named.values()))
    return Callout(f"Not all requirements hold: {holding} of {len(states)} do", lines, Tone.BAD if named["fails"] else Tone.WARN)


def _tests(requirement: Requirement, outcomes: Sequence[Outcome]) -> Block:
    """A row for each test function: parameters are counted, failures and skips named."""
    rows: dict[str, list[Outcome]] = {}
    for one in tests_of(requirement, outcomes):
        rows.setdefault(one.node.partition("[")[0], []).append(one)
    table: list[tuple[Cell | str, ...]] = []
    for node, runs in rows.items():
        counts = Counter(run.outcome for run in runs)
        tone = Tone.BAD if counts["failed"] else Tone.WARN if counts["skipped"] else Tone.GOOD
        shown = ", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES if counts[outcome])
        words = next((run.words for run in runs if run.words), "")
        table.append((Cell(node.replace("tests/", "", 1), code=True), Cell(shown, tone), words))
    if not table:
        return Paragraph("None of its tests was run.", Tone.WARN)
    if not any(row[2] for row in table):
        return Table(("test", "result"), tuple(row[:2] for row in table), shares=(1, 0))
    return Table(("test", "result", "words"), tuple(table), shares=(3, 0, 2))


def installed(when: str) -> list[tuple[str, str]]:
    """What is installed here: software, Python, machine."""
    lock = hashlib.sha256((ROOT / ".requirements.lock").read_bytes()).hexdigest()
    return [
        ("software", f"packline-vision {VERSION}"),
        ("source", _source()),
        ("locked libraries, sha256", lock),
        ("Python", platform.python_version()),
        ("system", f"{_distribution()}, {platform.system()} {platform.release()}, {platform.machine()}"),
        ("tests run", f"{when or 'unknown'}, by {getpass.getuser()}"),
    ]


def _source() -> str:
    """The commit, and whether files differ from it."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    commit = git("rev-parse", "HEAD")
    changed = ", with changed files" if commit and git("status", "--porcelain") else ""
    return f"{commit or 'not a repository'}{changed}"


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return "unknown distribution"


def libraries() -> list[tuple[str, str]]:
    """The libraries that the software names, with the versions installed."""
    found = []
    for line in requires("packline-vision") or []:
        if "extra ==" in line:
            continue
        name = line.split(";")[0].split("[")[0].split(">")[0].split("=")[0].split("<")[0].strip()
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            found.append((name, "not installed"))
    return found


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 2:
        print("qualification: expected RESULTS.xml OUT.pdf", file=sys.stderr)
        return 2
    requirements = read_requirements()
    outcomes, when = read_outcomes(Path(arguments[0]))
    write(make_document(requirements, outcomes, when), Path(arguments[1]))
    states = Counter(state_of(one, outcomes) for one in requirements)
    print(
        f"{arguments[1]}: {states['holds']} of {len(requirements)} requirements hold, {states['fails']} fail, {states['open']} open"
    )
    return 0 if states["holds"] == len(requirements) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
