"""The page in headless Chromium: no console errors, nothing loaded from anywhere, no overflow."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from avrsp.report.build_report import write_report
from avrsp.report.inputs import About, ReportPlaces, gather

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("small_pictures"),
    pytest.mark.skipif(BROWSER is None, reason="Chromium is not there"),
]

PROBE = """
<script>
addEventListener("load", () => {
  document.querySelector(".sortable thead button").click();
  document.querySelector(".enlarge").click();
  const said = [
    `sorted=${document.querySelectorAll("[aria-sort]").length}`,
    `enlarged=${document.getElementById("viewer").open}`,
    `loaded=${performance.getEntriesByType("resource").filter((e) => /^http/.test(e.name)).length}`,
    `overflow=${document.documentElement.scrollWidth - document.documentElement.clientWidth}`,
  ];
  document.title = said.join(" ");
});
</script>
"""


@pytest.mark.parametrize("width", [390, 800, 1440])
def test_the_page_works_in_a_browser(
    width: int, finished: ReportPlaces, about: About, tmp_path: Path
) -> None:
    write_report(tmp_path, gather(finished, about))
    page = tmp_path / "index.html"
    page.write_text(page.read_text().replace("</body>", f"{PROBE}</body>"))
    command = [
        str(BROWSER),
        *("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"),
        *(f"--window-size={width},900", "--enable-logging=stderr", "--virtual-time-budget=4000"),
        *("--dump-dom", page.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=240)
    assert not re.findall(r"CONSOLE.*", done.stderr)
    found = re.search(r"<title>(.*?)</title>", done.stdout)
    assert found
    assert found[1] == "sorted=1 enlarged=true loaded=0 overflow=0"
