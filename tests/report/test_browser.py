"""The page in headless Chromium, wide and narrow, light and dark: it works, fits and is accessible.

Needs playwright and a Chromium: its own (`playwright install chromium`) or the system's.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from avrsp.report.about import About
from avrsp.report.build_report import write_report
from avrsp.report.inputs import ReportPlaces, gather

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_pictures")]

HIGHEST = 8000
"""Pixels that the whole page may take from top to bottom."""

each_way = pytest.mark.parametrize("scheme", ["light", "dark"])
each_width = pytest.mark.parametrize("width", [1400, 390])


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    system = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
    with playwright.sync_playwright() as started:
        try:
            found = started.chromium.launch(executable_path=system)
        except playwright.Error as error:
            pytest.skip(f"no Chromium: {str(error).splitlines()[0]}")
        yield found
        found.close()


@pytest.fixture(scope="module")
def address(finished: ReportPlaces, about: About, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    write_report(folder, gather(finished, about))
    return (folder / "index.html").as_uri()


def opened(browser: Any, address: str, width: int, scheme: str) -> tuple[Any, list[str]]:
    """Open the page; the list fills with errors and with what is asked of other hosts."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url) if _outside(request.url) else None)
    page.goto(address)
    return page, said


def _outside(address: str) -> bool:
    return not address.startswith(("file:", "data:"))


@each_way
@each_width
def test_the_page_fits_and_asks_nobody(browser: Any, address: str, width: int, scheme: str) -> None:
    page, said = opened(browser, address, width, scheme)
    assert said == []
    size = page.evaluate(
        "[document.documentElement.scrollWidth - innerWidth, document.body.scrollHeight]"
    )
    assert size[0] <= 0
    assert size[1] < HIGHEST
    page.close()


@each_width
def test_contents_stay_in_sight(browser: Any, address: str, width: int) -> None:
    page, _ = opened(browser, address, width, "light")
    page.evaluate("scrollTo({top: 3000, behavior: 'instant'})")
    assert page.locator("nav").bounding_box()["y"] == 0
    page.close()


@each_width
def test_a_tap_enlarges_and_a_click_sorts(browser: Any, address: str, width: int) -> None:
    page, _ = opened(browser, address, width, "light")
    page.locator(".enlarge").first.click()
    assert page.locator("#viewer").is_visible()
    shown = page.locator("#viewer img").bounding_box()
    assert shown["width"] > page.locator(".enlarge img").first.bounding_box()["width"] * 0.99
    page.locator("#viewer-close").click()
    assert not page.locator("#viewer").is_visible()
    page.locator(".sortable thead button").first.click()
    assert page.locator("[aria-sort]").count() == 1
    page.close()


def test_a_table_is_downloaded(browser: Any, address: str, tmp_path: Path) -> None:
    page, _ = opened(browser, address, 1400, "light")
    with page.expect_download() as coming:
        page.locator("a[download='overview.csv']").click()
    coming.value.save_as(tmp_path / "overview.csv")
    assert "AVRSP(AV)" in (tmp_path / "overview.csv").read_text()
    page.close()


@each_way
@each_width
def test_axe_finds_nothing(browser: Any, address: str, width: int, scheme: str) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )
    page, _ = opened(browser, address, width, scheme)
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    found = axe.Axe().run(page).response["violations"]
    assert [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found] == []
    page.close()
