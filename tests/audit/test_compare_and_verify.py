"""Re-grading, comparison and a verifier's values: counts, bias and spread are those that were put in; a wrong file is one line."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.audit.frames import RECIPE, brief_of, folder_of_frames, text_of
from vision.audit.compare import beside, regrading
from vision.audit.look import look
from vision.audit.measures import read_symbols
from vision.audit.plan import Brief
from vision.audit.report import make_report
from vision.audit.run import part_name, write_part
from vision.audit.sources import AuditError
from vision.audit.summary import parts, summarize
from vision.audit.verifier import compare, read_verifier
from vision.grade.setup import Setup
from vision.report.document import Callout, Heading
from vision.report.writer import to_html
from vision.verdict.recipe import Recipe


def looked_at(brief: Brief, out: Path) -> Path:
    out.mkdir()
    for chunk in brief.chunks():
        write_part(out / part_name(chunk), look(brief, chunk))
    return out


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of_frames(tmp_path_factory.mktemp("frames"), 12)


def test_a_stricter_limit_changes_verdicts_and_each_is_named(frames: Path, tmp_path: Path) -> None:
    # White at 420: contrast falls below grade 2, and the limit of 3 is missed by all.
    other = Recipe(RECIPE.search, Setup(white=420.0), grade_min=3.0)
    brief = brief_of(frames, regrade=other)
    out = looked_at(brief, tmp_path / "out")
    found = regrading(out)
    assert found.counts == {(True, False): 12} and found.missing == 0
    assert [change.name for change in found.changed] == [f"{n:05d}.png" for n in range(12)]
    assert all(change.reasons == ("LOW_GRADE",) and change.grades[0] >= 3 > change.grades[1] for change in found.changed)
    assert summarize(out, brief).regraded == {"accept -> reject": 12}
    page = to_html(make_report(brief, out))
    assert "12 of 12 frames change their verdict" in page and "00011.png" in page


def test_the_same_recipe_changes_nothing(frames: Path, tmp_path: Path) -> None:
    brief = brief_of(frames, regrade=RECIPE)
    out = looked_at(brief, tmp_path / "out")
    assert regrading(out).counts == {(True, True): 12} and not regrading(out).changed
    rows = pa.concat_tables(parts(out)).to_pylist()
    assert all(row["grade"] == row["regrade"]["grade"] for row in rows)


def test_two_sources_beside_each_other(frames: Path, tmp_path: Path) -> None:
    pale = tmp_path / "pale"
    pale.mkdir()
    import cv2

    for path in frames.iterdir():
        cv2.imwrite(str(pale / path.name), (cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) * 0.7).astype(np.uint8))
    brief = brief_of(frames, pale)
    out = looked_at(brief, tmp_path / "out")
    symbols = read_symbols(out)
    rows = {row.measure.name: row for row in beside([symbols.of(0), symbols.of(1)])}
    assert rows["symbol_contrast"].differs and rows["symbol_contrast"].means[0] > rows["symbol_contrast"].means[1]
    assert not rows["axial_nonuniformity"].differs
    blocks = make_report(brief, out).blocks
    assert any(isinstance(block, Heading) and "beside each other" in block.text for block in blocks)
    assert any(isinstance(block, Callout) and block.title == "They differ" for block in blocks)


def verifier_file(path: Path, rows: list[dict[str, object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_bias_and_spread_against_a_verifier(frames: Path, tmp_path: Path) -> None:
    brief = brief_of(frames)
    out = looked_at(brief, tmp_path / "out")
    seen = pa.concat_tables(parts(out)).to_pylist()
    contrast = {row["text"]: row["grade"]["parameters"]["symbol_contrast"]["value"] for row in seen}
    random = np.random.default_rng(5)
    noise = random.normal(0, 0.01, 12)
    rows: list[dict[str, object]] = [
        {
            "operator": "somebody",
            "text": text_of(n) if n % 2 else text_of(n).replace("(", "").replace(")", ""),
            "overall": 4.0,
            "symbol_contrast_percent": 100 * (contrast[text_of(n)] - 0.05 + noise[n]),
        }
        for n in range(12)
    ]
    rows.append({**rows[0], "text": "(01)04150012345678(21)ELSE"})
    found = compare(out, verifier_file(tmp_path / "v.csv", rows))
    assert (found.paired, found.unpaired, found.unused) == (12, ("010415001234567821ELSE",), ("operator",))
    agreement = next(one for one in found.agreements if one.name == "symbol_contrast_value")
    assert agreement.bias == pytest.approx(0.05 - noise.mean(), abs=1e-9)
    assert agreement.spread == pytest.approx(1.96 * noise.std(ddof=1), abs=1e-9)
    assert "95 % of differences" in to_html(make_report(brief, out, tmp_path / "v.csv"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("text,operator\nA,B\n", "row 1: expected a column"),
        ("text,overall\nA,good\n", "row 2: column 'overall': 'good' is not a number"),
        ("text,overall\n,4\n", "row 2: column 'text' is empty"),
        ("bytes_hex,overall\nxyz,4\n", "row 2: column 'bytes_hex': 'xyz' is not hexadecimal"),
        ("text,overall\n", "holds no values"),
        ("text,overall\nA,nan\n", "not a number"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "v.csv"
    path.write_text(content)
    with pytest.raises(AuditError) as error:
        read_verifier(path)
    assert words in str(error.value) and str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_file_of_other_packs_is_refused(frames: Path, tmp_path: Path) -> None:
    brief = brief_of(frames / "00000.png")
    out = looked_at(brief, tmp_path / "out")
    path = verifier_file(tmp_path / "v.csv", [{"text": "(01)ELSE", "overall": 4}])
    with pytest.raises(AuditError, match="none of its 1 contents"):
        compare(out, path)
