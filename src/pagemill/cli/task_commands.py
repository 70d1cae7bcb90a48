"""Commands on tasks: `status`, `watch`, `result`, `pages`, `list`, `cancel`, `retry`, `purge`."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import typer

from pagemill.cli.batch import ITEM
from pagemill.cli.delivering import FormRequest, deliver
from pagemill.cli.exits import ExitCode, complain
from pagemill.cli.remote import exit_code_of_refusal, explain_refusal
from pagemill.cli.showing import (
    print_facts,
    print_json,
    print_line,
    print_rows,
    task_facts,
)
from pagemill.cli.submit import report, say_how_to_go_on, tell_warnings, wait_for_task, watch_task
from pagemill.cli.targets import STDOUT, check_targets, overall_code
from pagemill.client import AsyncClient, ClientError
from pagemill.domain.task.task import FINAL_STATUSES, TaskStatus
from pagemill.wire.status_wire import StatusWire
from pagemill.wire.task_wire import TaskWire

DELETED_AT_ONCE = 8


async def show_status(client: AsyncClient, tasks: Sequence[str], *, as_json: bool) -> ExitCode:
    """Print the status of tasks or, without any, of the service."""
    if not tasks:
        status = await client.status()
        print_json(status) if as_json else print_facts(_service_facts(status))
    for task_id in tasks:
        task = await client.task(task_id)
        if as_json:
            print_json(task)
            continue
        health = await client.health(task_id)
        print_facts(task_facts(task) | {"warnings": " ".join(health.warnings)})
    return ExitCode.OK


def _service_facts(status: StatusWire) -> dict[str, object]:
    queue = status.queue
    devices = {
        name: f"{memory.used_mb} of {memory.limit_mb} MiB used, {memory.reserved_mb} MiB reserved, level {memory.level}"
        for name, memory in status.devices.items()
    }
    return {
        "tasks": {status.value: count for status, count in queue.tasks.items() if count},
        "waiting": f"{queue.queued_tasks} tasks, {queue.waiting_pages} pages",
        "time per page": None if queue.page_s is None else f"{queue.page_s:.2f} s",
        "models": [models.model_set for models in status.model_sets],
        **devices,
        "server": f"{status.server_mb} MiB",
    }


async def watch_tasks(client: AsyncClient, tasks: Sequence[str], *, as_json: bool) -> ExitCode:
    """Print the events of tasks, one after the other, until they end."""
    codes, left = [], list(tasks)
    try:
        for task_id in tasks:
            over = await watch_task(client, task_id, as_json=as_json)
            codes.append(report(over.document.name, over))
            await tell_warnings(client, over)
            left.remove(task_id)
    except asyncio.CancelledError:
        say_how_to_go_on(left)
        return ExitCode.INTERRUPTED
    return overall_code(codes)


@dataclass(frozen=True)
class ResultRequest:
    """The request of `pagemill result`.

    Attributes:
        how: The form of the result, and where it goes.
        wait: Wait until the task has ended; otherwise take the pages finished so far.
    """

    task_id: str
    how: FormRequest
    wait: bool


async def fetch_result(client: AsyncClient, request: ResultRequest) -> ExitCode:
    """Deliver a result; if pages are missing, say so and return the exit code for that."""
    target = None if request.how.output == STDOUT else request.how.output
    result = await request.how.choose(client)
    check_targets([target] if target else [], documents=(), force=request.how.force)
    try:
        if request.wait:
            await wait_for_task(client, request.task_id, as_json=False)
    except asyncio.CancelledError:
        say_how_to_go_on([request.task_id])
        return ExitCode.INTERRUPTED
    is_complete = await deliver(client, request.task_id, result, request.how, target)
    task = await client.task(request.task_id)
    await tell_warnings(client, task)
    if is_complete:
        return ExitCode.OK
    if task.status.is_final:
        return report(task.document.name, task)
    complain(f"the task is {task.status}; this result has only the pages read so far. Use --wait to wait for all.")
    return ExitCode.PARTLY_READ


async def show_pages(client: AsyncClient, task_id: str, *, as_json: bool) -> ExitCode:
    """Print the state of each page."""
    pages = await client.pages(task_id)
    if as_json:
        for page in pages:
            print_json(page)
        return ExitCode.OK
    heads = ("page", "state", "seconds", "confidence", "attempts", "crashes", "why", "warnings")
    print_rows(
        heads,
        (
            (
                page.number,
                page.state,
                page.seconds,
                page.confidence,
                page.attempts,
                page.crashes,
                page.failure and f"{page.failure.reason}: {page.failure.message}",
                " ".join(map(str, page.warnings)),
            )
            for page in pages
        ),
    )
    return ExitCode.OK


@dataclass(frozen=True)
class Selection:
    """A choice of tasks.

    Attributes:
        status: Only tasks with this status; None for all.
        labels: Only tasks with all these labels.
        older_than: Only tasks that ended at least this long ago.
    """

    status: TaskStatus | None
    labels: Mapping[str, str]
    older_than: timedelta | None = None

    async def tasks(self, client: AsyncClient) -> AsyncGenerator[TaskWire, None]:
        """The tasks, newest first."""
        before = None if self.older_than is None else datetime.now(UTC) - self.older_than
        async with aclosing(client.tasks(status=self.status, labels=self.labels)) as tasks:
            async for task in tasks:
                if before is None or (task.finished_at is not None and task.finished_at < before):
                    yield task


async def list_tasks(client: AsyncClient, selection: Selection, *, limit: int | None, as_json: bool) -> ExitCode:
    """Print tasks, newest first."""
    found: list[TaskWire] = []
    async with aclosing(selection.tasks(client)) as tasks:
        async for task in tasks:
            if limit is not None and len(found) == limit:
                break
            if as_json:
                print_json(task)
            found.append(task)
    if not as_json:
        print_rows(("task", "status", "pages", "created", "document", "labels"), map(_row, found))
    return ExitCode.OK


def _row(task: TaskWire) -> Sequence[object]:
    pages = f"{task.progress.pages_done}/{task.progress.pages_total}"
    labels = {name: value for name, value in task.options.labels.items() if name != ITEM}
    return (task.task_id, task.status, pages, task.created_at, task.document.name, labels)


async def command_tasks(
    client: AsyncClient, verb: str, tasks: Sequence[str], *, as_json: bool, password: str | None = None
) -> ExitCode:
    """Cancel or retry each task; report failures, and continue with the other tasks."""
    codes = []
    for task_id in tasks:
        try:
            task = await (client.cancel(task_id) if verb == "cancel" else client.retry(task_id, password=password))
        except ClientError as error:
            complain(f"{task_id}: {explain_refusal(error)}")
            codes.append(exit_code_of_refusal(error))
            continue
        print_json(task) if as_json else print_line(f"{task.task_id}  {task.status}")
        codes.append(ExitCode.OK)
    return overall_code(codes)


async def purge_tasks(
    client: AsyncClient, tasks: Sequence[str], selection: Selection, *, yes: bool, as_json: bool
) -> ExitCode:
    """Delete finished tasks with their documents and results: these, or all selected ones."""
    chosen = list(tasks) or [task.task_id async for task in selection.tasks(client) if task.status in FINAL_STATUSES]
    if not chosen:
        complain("nothing to delete.")
        return ExitCode.OK
    if not yes and not await asyncio.to_thread(_is_confirmed, len(chosen)):
        return ExitCode.USAGE
    gate = asyncio.Semaphore(DELETED_AT_ONCE)
    codes = await asyncio.gather(*(_delete(client, task_id, gate) for task_id in chosen))
    deleted = codes.count(ExitCode.OK)
    print_line(f'{{"deleted": {deleted}}}' if as_json else f"{deleted} of {len(chosen)} tasks were deleted.")
    return overall_code(codes)


def _is_confirmed(count: int) -> bool:
    if not sys.stdin.isatty():
        complain(f"this deletes {count} tasks with their documents and results. Add --yes to confirm.")
        return False
    return typer.confirm(f"Delete {count} tasks with their documents and results?", err=True)


async def _delete(client: AsyncClient, task_id: str, gate: asyncio.Semaphore) -> ExitCode:
    async with gate:
        try:
            if await client.delete(task_id):
                return ExitCode.OK
        except ClientError as error:
            complain(f"{task_id}: {explain_refusal(error)}")
            return exit_code_of_refusal(error)
    complain(f"{task_id}: the task was still running and is being cancelled. Delete it after it ends.")
    return ExitCode.NOT_OVER
