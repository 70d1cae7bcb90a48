"""Keeps the dashboard open in a headless Chromium or, without one, sends a dashboard's requests."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager, suppress
from itertools import cycle

from playwright.async_api import Error, Page, async_playwright

from pagemill.client import AsyncClient, ClientError

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_LOOK_S = 20.0
"""Seconds for which one view stays open."""
_POLL_S = 2.0
_NEW_TAB_AFTER = 30
"""Views after which the page is loaded again, as people do."""
Newest = Callable[[], str]
"""The task to look at; blank where there is none yet."""


@asynccontextmanager
async def dashboard(url: str, key: str, newest: Newest, *, look_s: float = _LOOK_S) -> AsyncIterator[str]:
    """Have it open for the time of an `async with` statement; gives what is used for it."""
    if CHROMIUM is None:
        async with _run_beside(_ask(url, key, newest)):
            yield "its endpoints, without a browser"
        return
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        page = await browser.new_page()
        async with _run_beside(_look_around(page, url, key, newest, look_s)):
            yield f"Chromium {browser.version}, headless"
        await browser.close()


@asynccontextmanager
async def _run_beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _look_around(page: Page, url: str, key: str, newest: Newest, look_s: float) -> None:
    views = cycle(("#/tasks", "#/service", "#/tasks/{newest}", "#/tasks/{newest}/pages/1"))
    for number, view in enumerate(views):
        with suppress(Error):  # a task may be gone when it is looked at; the next view comes anyway
            if number % _NEW_TAB_AFTER == 0:
                await page.goto(url)
                if number == 0:
                    await page.get_by_label("API key").fill(key)
                    await page.get_by_role("button", name="Open the dashboard").click()
            await page.evaluate("view => { location.hash = view }", view.format(newest=newest()))
        await asyncio.sleep(look_s)


async def _ask(url: str, key: str, newest: Newest) -> None:
    async with AsyncClient(url, api_key=key) as client:
        while True:
            with suppress(ClientError):
                await client.status()
                async with aclosing(client.tasks(at_once=50)) as tasks:
                    await anext(tasks, None)
                if task := newest():
                    async with aclosing(client.follow(task)) as events:
                        async for _ in events:
                            break
            await asyncio.sleep(_POLL_S)
