"""What the dashboard tells of the queue and of memory, from the real server."""

import re
import signal
from pathlib import Path

from playwright.sync_api import Page, expect
from tests.browser.conftest import Shoot
from tests.browser.test_dashboard import expect_status, home, row_of
from tests.data.documents import make_scan
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.server import FAULTY_ENGINE, Gate, faulty_server, until

LONG = 500


def test_a_task_tells_its_place_in_the_queue_and_how_long_it_has_still_to_go(
    page: Page, tmp_path: Path, shoot: Shoot
) -> None:
    gate = Gate(tmp_path / "gate")
    with faulty_server(tmp_path / "data", {"2": gate.fault}, TASKS__MAX_RUNNING="1") as server:
        page.goto(home(server))
        for name, priority in (("first", "0"), ("third", "0"), ("second", "7")):
            server.api.submit(make_scan(tmp_path / f"{name}.tiff", list("abc")), priority=priority, **FAULTY_ENGINE)
        gate.wait_until_reached()
        expect(row_of(page, "second.tiff").locator(".outlook")).to_have_text(re.compile("^next in the queue · "))
        expect(row_of(page, "third.tiff").locator(".outlook")).to_have_text(
            re.compile(r"^number 2 in the queue · (about .+|a moment) left$")
        )
        expect(row_of(page, "first.tiff").locator(".outlook")).to_have_text(re.compile(r"^(about .+|a moment) left$"))
        shoot(page, "tasks-queued")

        page.get_by_role("link", name="Memory and queue").click()
        queue = page.get_by_role("region", name="Waiting and running")
        expect(queue.get_by_role("row", name=re.compile("priority 7"))).to_be_visible()
        expect(queue.get_by_role("row", name=re.compile("priority 0"))).to_be_visible()
        shoot(page, "service-queued")
        gate.open()
        expect(queue.get_by_role("row", name=re.compile("Running time 3"))).to_be_visible()
        expect(queue).to_contain_text("No tasks are waiting.")

        page.get_by_role("link", name="Tasks", exact=True).click()
        expect_status(page, "third.tiff", "succeeded")
        expect(row_of(page, "third.tiff").locator(".outlook")).to_be_hidden()


def test_failures_are_grouped_by_reason_and_lead_to_the_newest(page: Page, tmp_path: Path, shoot: Shoot) -> None:
    with faulty_server(tmp_path / "data", {"every": "fail:The ink has run."}) as server:
        for name in ("one", "two"):
            server.api.read(make_scan(tmp_path / f"{name}.tiff", list("ab")), **FAULTY_ENGINE)
        page.goto(f"{home(server)}/#/service")
        failed = page.get_by_role("region", name="Failures by reason").get_by_role(
            "row", name=re.compile("Engine error")
        )
        expect(failed.locator("td")).to_have_text(["2", "4", "show"])
        shoot(page, "service-failures")
        failed.get_by_role("link").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("two.tiff")

        tries = page.get_by_role("list", name="Attempts")
        expect(tries.get_by_role("listitem")).to_have_count(3)
        expect(tries).to_contain_text("Page retried engine error · The ink has run. · again in 1.0 s")
        expect(tries.get_by_role("listitem").last).to_contain_text("Page failed")


def test_memory_is_told_by_worker_and_the_last_to_leave_with_its_reason(
    page: Page, tmp_path: Path, shoot: Shoot
) -> None:
    gate = Gate(tmp_path / "gate")
    with faulty_server(tmp_path / "data", {"1": gate.fault}, POOL__IDLE_TIMEOUT_SECONDS="1") as server:
        page.goto(f"{home(server)}/#/service")
        server.api.submit(make_scan(tmp_path / "one.tiff", ["a"]), **FAULTY_ENGINE)
        gate.wait_until_reached()
        memory = page.get_by_role("region", name="Memory of cpu")
        expect(memory.get_by_text(re.compile(r"faulty/plain@cpu \d+ MiB"))).to_be_visible()
        expect(memory.get_by_role("img", name=re.compile("Memory held by workers"))).to_be_visible()
        models = page.get_by_role("region", name="Resident model sets")
        expect(models.get_by_role("row", name=re.compile("^faulty"))).to_be_visible()
        shoot(page, "service-workers")
        gate.open()
        left = models.locator(".last-eviction")
        expect(left).to_contain_text("because nothing used it for the idle timeout")
        expect(left).to_contain_text(re.compile(r"\d+ MiB returned \(measured\)"))
        expect(models).to_contain_text("No models are loaded")


def test_a_long_document_is_shown_whole(page: Page, tmp_path: Path) -> None:
    with faulty_server(tmp_path / "data", {}) as server:
        task = server.api.submit(make_scan(tmp_path / "long.tiff", ["x"] * LONG), start="false", **FAULTY_ENGINE)
        page.goto(f"{home(server)}/#/tasks/{task}")
        expect(page.locator(".cell")).to_have_count(LONG)
        page.locator(".cell").first.click()
        page.keyboard.press("End")
        expect(page.get_by_role("heading", name=f"Page {LONG}", exact=True)).to_be_visible()


def test_servers_on_one_database_are_shown_where_there_are_several(
    page: Page, tmp_path: Path, shoot: Shoot, postgres_server: PostgresServer
) -> None:
    settings = {"DATABASE_URL": postgres_server.create("browser"), "TASKS__LEASE_SECONDS": "4"}
    data = tmp_path / "data"
    with faulty_server(data, {}, **settings, NODE__NAME="first", NODE__MACHINE_ID="1") as server:
        page.goto(f"{home(server)}/#/service")
        expect(page.get_by_role("region", name="Resident model sets")).to_be_visible()
        nodes = page.get_by_role("region", name="Nodes")
        expect(nodes).to_have_count(0)
        with faulty_server(data, {}, role="node", **settings, NODE__NAME="second", NODE__MACHINE_ID="2") as node:
            until(lambda: len(server.api.http.get("/status").json()["nodes"]) == 2)
            page.reload()
            expect(nodes.get_by_role("row", name=re.compile(r"^second live .*iB of cpu"))).to_be_visible()
            expect(nodes).to_contain_text("first (this server)")
            expect(nodes).to_contain_text("2 servers can read pages")
            shoot(page, "service-nodes")
            node.end(signal.SIGKILL)
            until(
                lambda: {each["state"] for each in server.api.http.get("/status").json()["nodes"]} == {"live", "gone"}
            )
            page.reload()
            expect(nodes.get_by_role("row", name=re.compile("^second gone"))).to_be_visible()
    postgres_server.drop("browser")
