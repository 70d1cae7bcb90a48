"""What an automated check of accessibility (axe) finds wrong with the dashboard: nothing, in every look."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from tests.browser.test_dashboard import LOOKS, expect_status, home, row_of
from tests.data.documents import make_scan
from tests.data.letters import make_letters
from tests.fixtures.server import FAULTY_ENGINE, Server, faulty_server


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Holds a task of which one page failed."""
    folder = tmp_path_factory.mktemp("faulty")
    with faulty_server(folder / "data", {"2": "fail:The ink has run."}) as server:
        server.api.read(make_scan(folder / "ink.tiff", list("abc")), **FAULTY_ENGINE)
        yield server


def wrong_on(page: Page) -> list[str]:
    """What axe reports, one line for each element."""
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {node['target']} {node['failureSummary']}" for each in found for node in each["nodes"]]


@pytest.mark.parametrize("look", LOOKS)
def test_nothing_is_found_wrong(server: Server, faulty: Server, chromium: Browser, tmp_path: Path, look: str) -> None:
    scheme, width = LOOKS[look]
    name = f"{look}.pdf"
    server.api.read(make_letters(tmp_path / name, 1))
    with chromium.new_context(
        viewport={"width": width, "height": 860}, color_scheme=scheme, bypass_csp=True
    ) as context:
        page = context.new_page()
        page.goto(home(server))
        expect_status(page, name, "succeeded")
        page.locator(".options summary").click()
        assert wrong_on(page) == []
        row_of(page, name).locator("a.name").click()
        expect(page.locator(".overlay polygon").first).to_be_attached()
        assert wrong_on(page) == []
        page.goto(f"{home(faulty)}/#/service")
        expect(page.get_by_role("region", name="Failures by reason")).to_be_visible()
        assert wrong_on(page) == []
        page.get_by_role("link", name="Tasks", exact=True).click()
        expect_status(page, "ink.tiff", "partially succeeded")
        row_of(page, "ink.tiff").locator("a.name").click()
        page.get_by_role("button", name=re.compile("^Page 2")).click()
        expect(page.get_by_role("list", name="Attempts")).to_be_visible()
        assert wrong_on(page) == []


def test_the_check_sees_what_is_wrong(server: Server, chromium: Browser) -> None:
    with chromium.new_context(bypass_csp=True) as context:
        page = context.new_page()
        page.goto(home(server))
        page.locator(".drop").wait_for()
        page.evaluate("document.body.append(document.createElement('button'))")
        assert any(each.startswith("button-name") for each in wrong_on(page))
