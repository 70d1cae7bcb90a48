"""The steps of a soak's callers: each sends documents, uses the results, and knows how they must end."""

import asyncio
import random
import shutil
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Unpack

from benchmarks.soak_documents import Documents

from pagemill.client import AccessDenied, AsyncClient, DocumentRejected, NotInThatState, SubmitOptions
from pagemill.domain.task.task import PageState, TaskStatus
from pagemill.domain.work.recognition import Stage
from pagemill.wire.task_wire import TaskWire

PATIENCE_S = 600.0
"""A task that is not over by then counts as hung."""
GOOD = frozenset({TaskStatus.SUCCEEDED})
STOPPED = frozenset({TaskStatus.CANCELLED, TaskStatus.SUCCEEDED})
"""A cancel may come after the end."""
LATE = frozenset({TaskStatus.EXPIRED, TaskStatus.SUCCEEDED})
KEYS = ("soak-one", "soak-two", "soak-three")


class Unexpected(Exception):
    """Something did not happen as it must."""


@dataclass
class Counts:
    """The work so far.

    Attributes:
        pages: By the kind of process that read them; `server` and `reader` count all.
        statuses: Tasks by how they ended.
        complaints: One sentence for everything that did not go as it has to.
        newest: A task that each caller made lately, for the dashboard to look at: it sees its own caller's alone.
    """

    pages: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    newest: dict[AsyncClient, str] = field(default_factory=dict)


@dataclass
class Caller:
    """One step of one caller.

    Args:
        client: Holds the caller's key.
        documents: Where documents come from.
        folder: For the files of this step alone.
        counts: Where it is counted.
    """

    client: AsyncClient
    url: str
    documents: Documents
    folder: Path
    counts: Counts

    async def send(self, document: Path, **options: Unpack[SubmitOptions]) -> TaskWire:
        """Make a task of a document."""
        task = await self.client.submit(document, **options)
        self.counts.newest[self.client] = task.task_id
        return task

    async def wait_for_end(
        self, task: TaskWire, expected: frozenset[TaskStatus] = GOOD, *, counted: bool = True
    ) -> TaskWire:
        """Wait for its end and count it.

        Raises:
            Unexpected: It ended as it should not have.
        """
        over = await self.client.wait(task, within=PATIENCE_S)
        self.counts.statuses[over.status] += 1
        if counted:
            await self.count_pages(over)
        if over.status not in expected:
            reason = over.failure.message if over.failure else "no reason given"
            raise Unexpected(f"{over.document.name} ({over.task_id}) ended as {over.status}: {reason}")
        return over

    async def fetch(self, task: TaskWire, *formats: str) -> None:
        """Download results.

        Raises:
            Unexpected: One is empty.
        """
        for name in formats:
            target = self.folder / f"result.{name}"
            await self.client.download(task, target, name)
            if target.stat().st_size == 0:
                raise Unexpected(f"The result of {task.task_id} as {name} is empty.")
            self.counts.pages["reader/export"] += task.progress.pages_done if name == "pdf" else 0

    async def count_pages(self, task: TaskWire) -> None:
        """Count the pages of a task that were read, by who read them."""
        options = task.options
        kind = f"{options.engine}/{options.profile}" + ("/structure" if options.structure else "")
        for page in await self.client.pages(task):
            if page.state is PageState.DONE:
                self.counts.pages.update(["server", "reader"])
                self.counts.pages[kind] += page.stage is Stage.OCR


Step = Callable[[Caller], Awaitable[None]]


async def send_typed(caller: Caller) -> None:
    """A digital document, its text fetched, as most tasks are."""
    task = await caller.wait_for_end(await caller.send(caller.documents.digital(caller.folder / "typed.pdf", 4)))
    await caller.fetch(task, "text", "json")


async def long_typed(caller: Caller) -> None:
    """A longer one, read page by page while it runs."""
    task = await caller.send(caller.documents.digital(caller.folder / "long.pdf", 40), priority=-5)
    async with aclosing(caller.client.read_pages(task)) as pages:
        seen = [page.number async for page in pages]
    await caller.wait_for_end(task)
    if len(seen) != 40:
        raise Unexpected(f"{len(seen)} of 40 pages of {task.task_id} were handed over.")


async def send_scan(caller: Caller) -> None:
    """A scan, followed by its events, then as a searchable PDF."""
    task = await caller.send(caller.documents.scan(caller.folder / "scan.pdf", 5), labels={"step": "scanned"})
    async with aclosing(caller.client.follow(task)) as events:
        async for _ in events:
            pass
    await caller.fetch(await caller.wait_for_end(task), "pdf", "hocr")


async def send_photo(caller: Caller) -> None:
    """An image, with a picture of its page."""
    task = await caller.wait_for_end(await caller.send(caller.documents.image(caller.folder / "photo.jpg")))
    await caller.client.image(task, 1)
    await caller.fetch(task, "json", "markdown")


async def full_sheet(caller: Caller) -> None:
    """A page of the largest usual size."""
    task = await caller.wait_for_end(await caller.send(caller.documents.sheet(caller.folder / "sheet.png")))
    await caller.fetch(task, "text")


async def send_fax(caller: Caller) -> None:
    """A TIFF of several frames."""
    task = await caller.wait_for_end(await caller.send(caller.documents.tiff(caller.folder / "fax.tiff", 4)))
    await caller.fetch(task, "alto", "zip")


async def of_both_kinds(caller: Caller) -> None:
    """A PDF whose pages are partly scans, at another resolution."""
    document = caller.documents.make_mixed(caller.folder / "mixed.pdf", 3, 3)
    task = await caller.wait_for_end(await caller.send(document, dpi=150, priority=10))
    await caller.fetch(task, "pdf", "html")


async def in_parts(caller: Caller) -> None:
    """Some pages of a scan, turned."""
    document = caller.documents.scan(caller.folder / "part.pdf", 5)
    await caller.fetch(await caller.wait_for_end(await caller.send(document, pages="1,3-4", rotation=0)), "text")


async def by_tesseract(caller: Caller) -> None:
    """The other engine."""
    document = caller.documents.scan(caller.folder / "other.pdf", 2)
    await caller.fetch(await caller.wait_for_end(await caller.send(document, engine="tesseract")), "text")


async def by_onnx(caller: Caller) -> None:
    """The default engine on its other runtime."""
    document = caller.documents.scan(caller.folder / "runtime.pdf", 2)
    await caller.fetch(await caller.wait_for_end(await caller.send(document, engine="rapidocr-onnx")), "hocr")


async def with_structure(caller: Caller) -> None:
    """Layout and tables, too."""
    task = await caller.wait_for_end(
        await caller.send(caller.documents.sheet(caller.folder / "table.png"), structure=True)
    )
    await caller.fetch(task, "html", "csv")


async def send_together(caller: Caller) -> None:
    """A batch of small documents."""
    batch = await caller.client.submit_batch(caller.documents.slips(caller.folder, 6))
    await caller.client.wait_batch(batch, within=PATIENCE_S)
    tasks = [task async for task in caller.client.batch_tasks(batch)]
    for task in tasks:
        await caller.wait_for_end(task)
    if len(tasks) != 6:
        raise Unexpected(f"{len(tasks)} of 6 documents of batch {batch.batch_id} made tasks.")


async def together_cancelled(caller: Caller) -> None:
    """A batch that is cancelled and removed."""
    batch = await caller.client.submit_batch(caller.documents.slips(caller.folder, 6))
    await caller.client.cancel_batch(batch)
    await caller.client.wait_batch(batch, within=PATIENCE_S)
    for task in [task async for task in caller.client.batch_tasks(batch)]:
        await caller.wait_for_end(task, STOPPED)
    await caller.client.delete_batch(batch)


async def send_cancelled(caller: Caller) -> None:
    """A task that is cancelled after its first page, then removed."""
    task = await _stopped_midway(caller, 8)
    await caller.count_pages(task)
    await caller.client.delete(task)


async def cancelled_and_retried(caller: Caller) -> None:
    """A task that is cancelled after its first page, and then retried."""
    task = await _stopped_midway(caller, 5)
    if task.status is TaskStatus.CANCELLED:
        await caller.client.retry(task)
        task = await caller.wait_for_end(task, counted=False)
    await caller.count_pages(task)
    await caller.fetch(task, "text")


async def too_late(caller: Caller) -> None:
    """A task whose deadline comes before its end."""
    document = caller.documents.scan(caller.folder / "late.pdf", 8)
    await caller.wait_for_end(await caller.send(document, deadline_seconds=0.5), LATE)


async def started_later(caller: Caller) -> None:
    """A task that is stored first, started separately, queried while it runs, and kept for only a minute."""
    document = caller.documents.scan(caller.folder / "later.pdf", 2)
    task = await caller.send(document, start=False, time_to_live_seconds=60)
    await caller.client.start(task)
    await caller.client.health(task)
    await caller.wait_for_end(task)
    await caller.client.receipt(task)


async def sent_twice(caller: Caller) -> None:
    """The same document again: under its key it is the same task; for the cache, pages that were read before."""
    document = caller.documents.scan(caller.folder / "twice.pdf", 2)
    key = caller.folder.name
    first, again = [await caller.client.submit(document, idempotency_key=key, cache="use") for _ in range(2)]
    if first.task_id != again.task_id:
        raise Unexpected(f"One key made two tasks: {first.task_id} and {again.task_id}.")
    await caller.wait_for_end(first)
    await caller.wait_for_end(await caller.send(document, cache="use"), counted=False)


async def send_refused(caller: Caller) -> None:
    """A file that is not a document, and a request without a key."""
    try:
        await caller.client.submit(caller.documents.junk(caller.folder / "junk.pdf"))
    except DocumentRejected:
        pass
    else:
        raise Unexpected("Junk was taken for a document.")
    async with AsyncClient(caller.url, api_key="no-such-key") as stranger:
        try:
            await stranger.metrics()
        except AccessDenied:
            return
    raise Unexpected("A stranger was let in.")


async def _stopped_midway(caller: Caller, pages: int) -> TaskWire:
    task = await caller.send(caller.documents.scan(caller.folder / "stopped.pdf", pages))
    async with aclosing(caller.client.watch(task, within=PATIENCE_S)) as states:
        async for state in states:
            if state.progress.pages_done:
                break
    with suppress(NotInThatState):  # it is over already
        await caller.client.cancel(task)
    return await caller.wait_for_end(task, STOPPED, counted=False)


_ALWAYS: Mapping[Step, int] = {
    send_typed: 4,
    long_typed: 1,
    send_scan: 3,
    send_photo: 4,
    full_sheet: 1,
    send_fax: 2,
    of_both_kinds: 2,
    in_parts: 1,
    send_together: 2,
    together_cancelled: 1,
    send_cancelled: 1,
    cancelled_and_retried: 1,
    too_late: 1,
    started_later: 1,
    sent_twice: 1,
    send_refused: 1,
}
"""How often a deck holds each step."""
_WHERE_INSTALLED: Mapping[str, Step] = {"tesseract": by_tesseract, "rapidocr-onnx": by_onnx}


def deck(engines: Sequence[str], *, structure: bool, chance: random.Random) -> list[Step]:
    """All steps, each as often as it has its turn, shuffled; every deck costs about the same."""
    steps = [step for step, times in _ALWAYS.items() for _ in range(times)]
    steps += [step for engine, step in _WHERE_INSTALLED.items() if engine in engines]
    steps += [with_structure] if structure else []
    chance.shuffle(steps)
    return steps


async def play(step: Step, caller: Caller) -> None:
    """Run one step in a folder that is deleted afterwards; any error is a complaint, and the soak continues."""
    caller.folder.mkdir(parents=True)
    try:
        await asyncio.wait_for(step(caller), 2 * PATIENCE_S)
    except Exception as error:  # noqa: BLE001 - nothing may end the soak; everything is told at its end
        caller.counts.complaints.append(f"{step.__name__}: {type(error).__name__}: {error}")
    finally:
        shutil.rmtree(caller.folder, ignore_errors=True)
