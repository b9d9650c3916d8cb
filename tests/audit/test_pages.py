"""The report opens in a browser without network and without a word on its console; its PDF has pages with ink on them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import cv2
import pytest

from tests.audit.frames import brief_of, folder_of_frames
from vision.audit import bench_report
from vision.audit.benchmark import measure
from vision.audit.look import look
from vision.audit.report import make_report
from vision.audit.run import part_name, write_part
from vision.audit.sources import AuditError
from vision.report.document import Document
from vision.report.writer import to_html, to_pdf, write


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Document:
    place = tmp_path_factory.mktemp("audit")
    frames = folder_of_frames(place / "frames", 48)
    (frames / "00003.png").write_bytes(b"<script>alert(1)</script>")
    brief = brief_of(frames)
    out = place / "out"
    out.mkdir()
    for chunk in brief.chunks():
        write_part(out / part_name(chunk), look(brief, chunk))
    assert to_html(make_report(brief, out)) == to_html(make_report(brief, out))
    return make_report(brief, out)


def test_the_page_in_a_browser(document: Document, tmp_path: Path) -> None:
    browser = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip("no Chromium here: the page is not opened")
    page = tmp_path / "report.html"
    write(document, page)
    shot = tmp_path / "page.png"
    call = [
        browser,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        "--v=0",
        f"--user-data-dir={tmp_path}/b",
    ]
    offline = ["--host-resolver-rules=MAP * ~NOTFOUND", "--window-size=1000,4000", f"--screenshot={shot}", page.as_uri()]
    done = subprocess.run([*call, *offline], capture_output=True, text=True, timeout=90, check=False)
    assert shot.exists(), done.stderr
    assert "CONSOLE" not in done.stderr, [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    picture = cv2.imread(str(shot), cv2.IMREAD_GRAYSCALE)
    assert picture is not None and (picture < 128).mean() > 0.005


def test_the_pages_on_paper(document: Document, tmp_path: Path) -> None:
    if shutil.which("pdftoppm") is None:
        pytest.skip("no pdftoppm here: the pages are not drawn")
    path = tmp_path / "report.pdf"
    path.write_bytes(to_pdf(document))
    subprocess.run(["pdftoppm", "-r", "40", "-gray", path, tmp_path / "page"], check=True, timeout=60)
    pages = sorted(tmp_path.glob("page*.pgm"))
    assert len(pages) >= 3
    for page in pages:
        picture = cv2.imread(str(page), cv2.IMREAD_GRAYSCALE)
        assert picture is not None and (picture < 160).mean() > 0.002, page


def test_what_the_bench_measures(tmp_path: Path) -> None:
    frames = folder_of_frames(tmp_path / "frames", 12)
    texts = [f"0104150012345678{'21'}S{n:04d}" for n in range(12)]
    texts[5] = "ELSE"
    (frames / "truth.csv").write_text("file,text\n" + "".join(f"{n:05d}.png,{text}\n" for n, text in enumerate(texts)))
    found = measure(brief_of(frames), ("zxing-cpp",), 2)
    ours, peer = (tally.as_json() for tally in found.tallies)
    assert (ours["read"], ours["expected"], ours["misreads"], ours["repeat_consistency"]) == (11, 12, 1, 1.0)
    assert (peer["read"], peer["misreads"]) == (11, 1) and "00005.png" in ours["misread_frames"][0]
    assert set(found.scaling) == {1, 2} and 0 < found.efficiency <= 1.2
    assert to_pdf(bench_report.make_report(found)).startswith(b"%PDF-") and len(found.lines()) > 5
    with pytest.raises(AuditError, match="no such reader"):
        measure(brief_of(frames), ("nobody",))
