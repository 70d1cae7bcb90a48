"""The dashboard as people use it, on the real server with the real engine."""

import re
import sqlite3
import subprocess
from pathlib import Path
from typing import Literal

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.browser.conftest import Shoot
from tests.data.documents import SENTENCE, make_scan, make_typed
from tests.data.letters import make_letters
from tests.data.pdfs import PdfPageSpec, make_pdf, text_at
from tests.data.tables import report_page
from tests.fixtures.server import AS_INSTALLED, FAULTY_ENGINE, Gate, Server, clean_environment, faulty_server

from pagemill.engines.registry import structure_missing, structure_spec

HOSTILE_NAME = "<img src=x onerror=alert(1)>.pdf"
HOSTILE_TEXT = "<script>document.title=1</script><img src=x onerror=alert(2)>"
MANY = 10_000
MOST_ELEMENTS = 3_000


def home(server: Server) -> str:
    return str(server.api.http.base_url)


def send(page: Page, *documents: Path) -> None:
    page.set_input_files("#files", list(documents))


def row_of(page: Page, name: str) -> Locator:
    """A task in the list; the newest of that name."""
    return page.locator(".task").filter(has=page.get_by_text(name, exact=True)).first


def expect_status(page: Page, name: str, status: str) -> None:
    expect(row_of(page, name).locator(".chip")).to_have_text(status)


def expect_picture(page: Page) -> None:
    picture = page.locator(".paper img")
    expect(picture).to_have_attribute("src", re.compile("^blob:"))
    picture.evaluate("picture => picture.decode()")


def test_a_document_is_sent_watched_and_looked_at(page: Page, server: Server, tmp_path: Path, shoot: Shoot) -> None:
    page.goto(home(server))
    send(page, make_letters(tmp_path / "letters.pdf", 2))
    expect_status(page, "letters.pdf", "running")
    expect(row_of(page, "letters.pdf").locator(".pages")).to_have_text(re.compile("of 2 pages"))
    shoot(page, "tasks-running")
    expect_status(page, "letters.pdf", "succeeded")

    row_of(page, "letters.pdf").locator("a.name").click()
    boxes, units = page.locator(".overlay polygon"), page.locator(".text .unit")
    expect(page.get_by_role("heading", name="letters.pdf")).to_be_visible()
    expect(boxes.first).to_be_attached()
    assert boxes.count() == units.count() > 40
    expect(page.locator(".text")).to_contain_text("harbour master")
    expect_picture(page)
    expect(page.locator(".receipt")).to_contain_text("Peak")
    expect(page.locator(".timeline")).to_contain_text("2 pages read")

    word = units.filter(has_text="Winterbourne")
    number = word.get_attribute("data-unit")
    word.hover()
    expect(page.locator(f".overlay polygon[data-unit='{number}']")).to_have_class("hover")
    box = boxes.nth(3)
    box.hover()
    expect(units.nth(3)).to_have_class(re.compile("hover"))
    box.click()
    expect(units.nth(3)).to_have_class(re.compile("chosen"))
    expect(page.locator(".word")).to_contain_text("confidence")
    shoot(page, "page")

    page.get_by_role("button", name=re.compile("^Page 2")).click()
    expect(page.get_by_role("heading", name="Page 2")).to_be_visible()
    expect(page.locator(".text")).to_contain_text("Harbour Office 2")


def test_the_result_is_downloaded_in_every_format(page: Page, server: Server, tmp_path: Path) -> None:
    page.goto(home(server))
    send(page, make_typed(tmp_path / "typed.pdf", 2))
    expect_status(page, "typed.pdf", "succeeded")
    menu = row_of(page, "typed.pdf").locator(".menu")
    menu.locator("summary").click()
    names = menu.locator(".menu-list button")
    formats = names.count()
    assert formats >= 3
    for index in range(formats):
        if index:
            menu.locator("summary").click()
        with page.expect_download() as download:
            names.nth(index).click()
        assert download.value.suggested_filename.startswith(("typed.", "typed-searchable.pdf"))
        assert Path(download.value.path()).stat().st_size > 0
    menu.locator("summary").click()
    with page.expect_download() as download:
        menu.get_by_role("button", name="Text .txt").click()
    assert SENTENCE in Path(download.value.path()).read_text()


def test_what_documents_say_is_only_ever_shown(page: Page, server: Server, tmp_path: Path) -> None:
    page.goto(home(server))
    content = text_at(72, 700, HOSTILE_TEXT) + text_at(72, 600, " ".join(["plain words follow"] * 4))
    send(page, make_pdf(tmp_path / HOSTILE_NAME, [PdfPageSpec(content)]))
    expect_status(page, HOSTILE_NAME, "succeeded")
    row_of(page, HOSTILE_NAME).locator("a.name").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE_NAME)
    expect(page.locator(".text")).to_contain_text(HOSTILE_TEXT)
    assert page.title() == f"{HOSTILE_NAME} · Pagemill"
    assert page.locator("main script, main img[src='x']").count() == 0


def test_the_policy_stops_what_would_run_all_the_same(server: Server, chromium: Browser) -> None:
    """Shows that the check of every other test would see a violation."""
    with chromium.new_context() as context:
        page = context.new_page()
        heard: list[str] = []
        page.on("console", lambda message: heard.append(message.text))
        page.goto(home(server))
        page.locator(".drop").wait_for()
        page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))")
        assert page.evaluate("window.ran") is None
        assert any("Content Security Policy" in text for text in heard)


def test_a_file_that_cannot_be_read_is_refused_with_its_reason(page: Page, server: Server, tmp_path: Path) -> None:
    page.goto(home(server))
    (tmp_path / "notes.pdf").write_text("no document at all")
    send(page, tmp_path / "notes.pdf")
    refused = page.locator(".sending li.bad")
    expect(refused).to_contain_text("notes.pdf")
    expect(refused).to_contain_text(re.compile("PDF|kind|image"))
    refused.get_by_role("button", name="Dismiss notes.pdf").click()
    expect(refused).to_have_count(0)


def test_everything_can_be_done_with_the_keyboard(page: Page, server: Server, tmp_path: Path, shoot: Shoot) -> None:
    page.goto(home(server))
    page.locator(".drop").wait_for()
    document = make_typed(tmp_path / "keys.pdf", 3)
    # asked for early: a browser that is told of it only when the key is pressed may open its own window first
    page.on("filechooser", lambda chooser: chooser.set_files(document))

    def tab_to(name: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            focused = page.locator(":focus:not(body)")
            if focused.count() and name in (focused.get_attribute("aria-label") or focused.text_content() or ""):
                return
        raise AssertionError(f"{name} cannot be reached with Tab")

    tab_to("Choose files")
    page.keyboard.press("Enter")
    expect_status(page, "keys.pdf", "succeeded")
    tab_to("keys.pdf")
    page.keyboard.press("Enter")
    expect(page.locator(".text .unit").first).to_be_attached()
    tab_to("Page 1")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="Page 2")).to_be_visible()
    expect(page.locator(".text")).to_contain_text("leaf 2")
    tab_to("Text of page 2")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".word q")).to_have_text("sentence")
    expect(page.locator(".overlay polygon").nth(1)).to_have_class("chosen")
    shoot(page, "keyboard")
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, a, input, select, summary')].filter(each =>"
        " !(each.getAttribute('aria-label') || each.textContent.trim() || each.labels?.length)).length"
    )
    assert unnamed == 0


def test_it_says_that_the_server_is_gone_and_goes_on_once_it_is_back(page: Page, tmp_path: Path, shoot: Shoot) -> None:
    data = tmp_path / "data"
    with Server(data) as first:
        address = home(first)
        first.api.read(make_typed(tmp_path / "before.pdf", 1))
        page.goto(address)
        expect_status(page, "before.pdf", "succeeded")
        expect(page.locator("#connection")).to_have_text("Live")
    expect(page.locator("#connection")).to_contain_text("No connection")
    shoot(page, "lost")
    with Server(data, port=httpx.URL(address).port or 0) as second:
        expect(page.locator("#connection")).to_contain_text("Connected again")
        second.api.submit(make_typed(tmp_path / "after.pdf", 1))
        expect_status(page, "after.pdf", "succeeded")
        expect(page.locator(".task")).to_have_count(2)


def test_ten_thousand_tasks_are_shown_a_page_at_a_time(page: Page, tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        server.api.wait_until_clean(server.api.submit(make_typed(tmp_path / "one.pdf", 1)))
        multiply(tmp_path / "data" / "pagemill.db", MANY - 1)
        page.goto(home(server))
        expect(page.locator(".task")).to_have_count(50)
        expect(page.locator(".filters button").first).to_contain_text("10,000")
        newest = page.locator(".task").first.get_attribute("data-task")
        page.get_by_role("button", name="Older").click()
        expect(page.locator(".pager")).to_contain_text("page 2")
        assert page.locator(".task").first.get_attribute("data-task") != newest
        page.get_by_role("button", name="Newer").click()
        expect(page.locator(f".task[data-task='{newest}']")).to_be_visible()
        server.api.submit(make_typed(tmp_path / "two.pdf", 1))
        expect_status(page, "two.pdf", "succeeded")
        expect(page.locator(".task")).to_have_count(50)
        assert page.evaluate("document.querySelectorAll('*').length") < MOST_ELEMENTS
        page.get_by_role("button", name=re.compile("^succeeded")).click()
        expect(page.locator(".task")).to_have_count(50)


def multiply(database: Path, times: int) -> None:
    """Copies of the one task there is, older than it."""
    with sqlite3.connect(database) as connection:
        names = [row[1] for row in connection.execute("pragma table_info(tasks)")]
        others = ", ".join(name for name in names if name != "task_id")
        connection.execute(
            f"with recursive n(i) as (select 1 union all select i + 1 from n where i < {times}) "  # noqa: S608
            f"insert into tasks (task_id, {others}) select printf('00000000-%05d', i), {others} from n, tasks"
        )
    connection.close()


@pytest.mark.parametrize("view", ["tasks", "service"])
def test_at_rest_nothing_is_asked(page: Page, tmp_path: Path, view: str) -> None:
    with Server(tmp_path / "data") as server:
        page.clock.install()
        page.goto(f"{home(server)}/#/{view}")
        page.clock.run_for(5_000)
        expect(page.locator("#connection")).to_have_text("Live")
        expect(page.locator(".gauge")).to_be_visible()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for _ in range(10):
            page.clock.run_for(5_000)
            page.evaluate("fetch('/livez').then(answer => answer.text())")  # what was asked before has its answer
        others = [url for url in asked if not url.endswith("/livez")]
        assert others in ([], [f"{home(server)}/status"]), "once at most, as the stream has just begun; never again"


def test_with_a_key_everything_works_once_it_is_given(page: Page, tmp_path: Path) -> None:
    settings = {"SERVER__API_KEYS": '["let-me-in"]'}
    with Server(tmp_path / "data", settings=settings) as server:
        page.goto(home(server))
        page.get_by_label("API key").fill("let-me-in")
        page.get_by_role("button", name="Open the dashboard").click()
        send(page, make_typed(tmp_path / "locked.pdf", 1))
        expect_status(page, "locked.pdf", "succeeded")
        menu = row_of(page, "locked.pdf").locator(".menu")
        menu.locator("summary").click()
        with page.expect_download() as download:
            menu.get_by_role("button", name="Text .txt").click()
        assert SENTENCE in Path(download.value.path()).read_text()
        row_of(page, "locked.pdf").locator("a.name").click()
        expect_picture(page)


def run_keys(data: Path, *arguments: str) -> str:
    """A process of its own: beside the browser, no other event loop can run here."""
    command = (*AS_INSTALLED, "keys", *arguments)
    environment = clean_environment({"DATA_DIR": str(data)})
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def enter(page: Page, key: str) -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Open the dashboard").click()


@pytest.mark.timeout(300)
def test_each_key_shows_what_it_may_and_a_revoked_one_nothing(page: Page, tmp_path: Path, shoot: Shoot) -> None:
    data = tmp_path / "data"
    submit, read, stranger = (
        run_keys(data, "create", "--name", name, "--scope", scope)
        for name, scope in (("acme", "submit"), ("acme", "read"), ("zeta", "submit"))
    )
    with Server(data) as server:
        page.goto(home(server))
        enter(page, "wrong")
        expect(page.get_by_role("alert")).to_have_text("The service does not accept this key.")
        shoot(page, "key-refused")
        enter(page, submit)
        send(page, make_typed(tmp_path / "mine.pdf", 1))
        expect_status(page, "mine.pdf", "succeeded")

        page.get_by_role("button", name="Forget key").click()
        enter(page, read)
        expect_status(page, "mine.pdf", "succeeded")
        expect(page.get_by_text("Your key can read.")).to_be_visible()
        expect(page.get_by_role("button", name="Choose files")).to_have_count(0)
        shoot(page, "key-read")

        page.get_by_role("button", name="Forget key").click()
        enter(page, stranger)
        expect(page.get_by_role("button", name="Choose files")).to_be_visible()
        expect(row_of(page, "mine.pdf")).to_have_count(0)
        run_keys(data, "revoke", stranger.split("_")[1])
        expect(page.get_by_label("API key")).to_be_visible()
        expect(page.get_by_role("button", name="Forget key")).to_be_hidden()


def test_a_task_is_cancelled_and_its_failed_pages_are_tried_again(page: Page, tmp_path: Path, shoot: Shoot) -> None:
    gate = Gate(tmp_path / "gate")
    with faulty_server(tmp_path / "data", {"2": gate.fault, "4": "fail:The ink has run."}) as server:
        page.goto(home(server))
        scan = make_scan(tmp_path / "scan.tiff", [f"Number {number}" for number in range(1, 4)])
        task = server.api.submit(scan, **FAULTY_ENGINE)
        gate.wait_until_reached()
        expect(row_of(page, "scan.tiff").locator(".pages")).to_have_text("1 of 3 pages")
        page.get_by_role("button", name="Cancel: scan.tiff").click()
        expect_status(page, "scan.tiff", "cancelling")
        gate.open()
        expect_status(page, "scan.tiff", "cancelled")
        assert server.api.task(task).status == "cancelled"

        server.api.submit(make_scan(tmp_path / "ink.tiff", list("abcd")), **FAULTY_ENGINE)
        expect_status(page, "ink.tiff", "partially succeeded")
        shoot(page, "tasks-failed")
        row_of(page, "ink.tiff").locator("a.name").click()
        failed = page.get_by_role("button", name="The ink has run.")
        failed.click()
        expect(page.locator(".viewer .notice.bad")).to_contain_text("The ink has run.")
        with page.expect_response(re.compile("/(retry|start)$")) as answer:
            page.get_by_role("button", name="Retry failed pages").click()
        assert answer.value.status == 202
        expect(page.locator(".timeline b", has_text=re.compile("^Queued"))).to_have_count(2)


@pytest.fixture(scope="module")
def letter(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a document that was read."""
    server.api.read(make_letters(tmp_path_factory.mktemp("letter") / "harbour-letter.pdf", 1))
    return "harbour-letter.pdf"


LOOKS: dict[str, tuple[Literal["light", "dark"], int]] = {
    "light": ("light", 1280),
    "dark": ("dark", 1280),
    "phone": ("light", 320),
}


@pytest.mark.parametrize("look", LOOKS)
def test_it_can_be_looked_at(server: Server, chromium: Browser, letter: str, shoot: Shoot, look: str) -> None:
    scheme, width = LOOKS[look]
    with chromium.new_context(viewport={"width": width, "height": 860}, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(home(server))
        expect_status(page, letter, "succeeded")
        for view in ("tasks", "task", "service"):
            if view == "task":
                row_of(page, letter).locator("a.name").click()
                expect_picture(page)
                expect(page.locator(".overlay polygon").first).to_be_attached()
            if view == "service":
                page.get_by_role("link", name="Memory and queue").click()
                expect(page.locator(".plot").first).to_be_visible()
            shoot(page, f"{look}-{view}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.skipif(structure_missing(structure_spec()) is not None, reason="The structure models are not installed.")
def test_a_table_is_shown_as_a_table_whose_words_have_their_boxes(
    page: Page, server: Server, tmp_path: Path, shoot: Shoot
) -> None:
    report = tmp_path / "report.png"
    report_page().image.save(report, dpi=(150, 150))
    page.goto(home(server))
    page.locator(".options summary").click()
    page.get_by_label("Look for").select_option("true")
    send(page, report)
    expect_status(page, "report.png", "succeeded")
    row_of(page, "report.png").locator("a.name").click()
    table = page.locator(".text table")
    expect(table.locator("tr")).to_have_count(5)
    expect(table.get_by_role("cell", name="Department")).to_have_attribute("rowspan", "2")
    word = table.locator(".unit", has_text="Workshop")
    number = word.get_attribute("data-unit")
    word.click()
    expect(page.locator(f".overlay polygon[data-unit='{number}']")).to_have_class(re.compile("chosen"))
    shoot(page, "table")
