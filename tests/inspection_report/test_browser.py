"""The page in a real browser: nothing on the console, no request, every picture drawn."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.inspection_report.samples import image, report
from vision.report.writer import to_html

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OWN = re.compile(r"https?://[a-z0-9.]*\.(google|googleapis|gstatic)\.com/")
"""Where the browser calls by itself, whatever the page."""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


def shown(page: str, folder: Path) -> tuple[str, list[str], list[str]]:
    """The document as the browser has it, what the console said, and the addresses that the page asked for."""
    (folder / "page.html").write_text(page, encoding="utf-8")
    call = [
        *(str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--dump-dom"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr"),
        *(f"--user-data-dir={folder / 'profile'}", f"--log-net-log={folder / 'net.json'}", (folder / "page.html").as_uri()),
    ]
    done = subprocess.run(call, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0 or "<html" not in done.stdout:
        pytest.skip(f"chromium does not run here: {done.stderr.strip().splitlines()[-1:]}")
    log: dict[str, Any] = json.loads((folder / "net.json").read_text("utf-8"))
    urls = {event["params"]["url"] for event in log["events"] if isinstance(event.get("params"), dict) and "url" in event["params"]}
    asked = [url for url in urls if not OWN.match(url) and not url.startswith(("data:", "file:", "chrome"))]
    return done.stdout, [line for line in done.stderr.splitlines() if ":CONSOLE" in line], asked


MEASURE = """<script>addEventListener("load", () => { const all = [...document.images];
document.title = `${all.length} pictures, ${all.filter(p => !(p.complete && p.naturalWidth > 0)).length} not drawn, `
 + `${document.documentElement.scrollWidth > innerWidth ? "wider" : "no wider"} than the window`; });</script>"""


def test_no_errors_no_requests_and_every_picture_is_drawn(tmp_path: Path) -> None:
    pixels, finding = image((24, 24), True)
    _, large = image((32, 32), True)
    page = to_html(report(("one.png", pixels, (finding, large)), ("none.png", pixels, ())).document())
    dom, console, asked = shown(page, tmp_path)
    assert console == [] and asked == [] and "What to do" in dom
    # The page allows no script; to measure it, the test does.
    open_page = page.replace("default-src 'none'", "default-src 'none'; script-src 'unsafe-inline'").replace(
        "</body>", MEASURE + "</body>"
    )
    dom, console, asked = shown(open_page, tmp_path)
    count = page.count("<img ")
    assert f"<title>{count} pictures, 0 not drawn, no wider than the window</title>" in dom and console == [] and asked == []


def test_this_test_would_see_both(tmp_path: Path) -> None:
    page = '<html><body><img src="http://127.0.0.1:9/x.png"><script>console.error("boom")</script></body></html>'
    _, console, asked = shown(page, tmp_path)
    assert any("boom" in line for line in console) and asked == ["http://127.0.0.1:9/x.png"]
