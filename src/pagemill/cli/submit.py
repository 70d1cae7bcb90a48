"""`pagemill submit`: sends documents to the server and, if asked, waits until they are read."""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from rich.progress import Progress

from pagemill.cli.delivering import FormRequest, deliver
from pagemill.cli.exits import ExitCode, complain
from pagemill.cli.inputs import Input, find_inputs
from pagemill.cli.remote import exit_code_of_refusal, explain_refusal
from pagemill.cli.showing import bar_label, event_line, outcome, print_json, print_line, progress_bars
from pagemill.cli.targets import overall_code, targets_for
from pagemill.client import AsyncClient, ClientError, SubmitOptions
from pagemill.domain.task.results import ResultFormat
from pagemill.wire.task_wire import TaskWire


@dataclass(frozen=True)
class SubmitRequest:
    """The request of `pagemill submit`.

    Attributes:
        files: The documents to send; "-" for standard input.
        options: How to read them.
        wait: Wait until all are read, and deliver the results.
        watch: Wait until all are read, and print their events instead.
        how: The form of the results, and where they go.
        as_json: Print tasks or events as JSON, one object per line.
    """

    files: Sequence[Path]
    options: SubmitOptions
    wait: bool
    watch: bool
    how: FormRequest
    as_json: bool


async def submit_files(client: AsyncClient, request: SubmitRequest) -> ExitCode:
    """Send all documents; with `wait` or `watch`, stay with each until it ends, one after the other."""
    into_folder = len(request.files) > 1
    result = await request.how.choose(client, into_folder=into_folder)
    codes: list[ExitCode] = []
    sent: list[tuple[Input, TaskWire]] = []
    with tempfile.TemporaryDirectory(prefix="pagemill-") as folder:
        inputs = await asyncio.to_thread(find_inputs, request.files, stdin_folder=Path(folder))
        how = request.how
        targets = targets_for(inputs, how.output, result.extension, into_folder=into_folder, force=how.force)
        for document in inputs:
            try:
                task = await client.submit(document.path, password=how.password, **request.options)
            except ClientError as error:
                complain(f"{document.label}: {explain_refusal(error)}")
                codes.append(exit_code_of_refusal(error))
                continue
            sent.append((document, task))
            if not (request.wait or request.watch):
                _tell(task, as_json=request.as_json)
                codes.append(ExitCode.OK)
    if request.wait or request.watch:
        codes += await _stay(client, request, sent, result=result, targets=targets)
    return overall_code(codes)


def _tell(task: TaskWire, *, as_json: bool) -> None:
    if as_json:
        print_json(task)
    else:
        print_line(task.task_id)


async def _stay(
    client: AsyncClient,
    request: SubmitRequest,
    sent: Sequence[tuple[Input, TaskWire]],
    *,
    result: ResultFormat,
    targets: Mapping[Input, Path | None],
) -> list[ExitCode]:
    codes = []
    try:
        for document, task in sent:
            try:
                over = await _see_through(client, request, task, result=result, target=targets[document])
            except ClientError as error:
                complain(f"{document.label}: {explain_refusal(error)} (task {task.task_id})")
                codes.append(exit_code_of_refusal(error))
            else:
                codes.append(report(document.path.name, over))
                await tell_warnings(client, over)
    except asyncio.CancelledError:
        say_how_to_go_on([task for _, task in sent])
        return [ExitCode.INTERRUPTED]
    return codes


async def _see_through(
    client: AsyncClient, request: SubmitRequest, task: TaskWire, *, result: ResultFormat, target: Path | None
) -> TaskWire:
    """Wait for the task to end and, if asked, deliver its result."""
    over = await (watch_task if request.watch else wait_for_task)(client, task, as_json=request.as_json)
    if request.wait and request.as_json:
        print_json(over)
    if request.wait and (request.how.output or not request.as_json) and over.progress.pages_done:
        await deliver(client, over, result, request.how, target)
    return over


async def tell_warnings(client: AsyncClient, task: TaskWire) -> None:
    """Print the warnings about a task's pages."""
    if task.progress.pages_done:
        for page in await client.pages(task):
            for warning in page.warnings:
                complain(f"{task.document.name}: page {page.number}: {warning}")


def report(name: str, task: TaskWire) -> ExitCode:
    """Print how a task failed, and return its exit code."""
    code = outcome(task)
    if code is not ExitCode.OK:
        why = f" ({task.failure.reason}: {task.failure.message})" if task.failure else ""
        done, total = task.progress.pages_done, task.progress.pages_total
        complain(
            f"{name}: {task.status}, {done} of {total} pages read{why}. For details: pagemill pages {task.task_id}"
        )
    return code


def say_how_to_go_on(tasks: Sequence[TaskWire | str]) -> None:
    """After Ctrl-C, say that the server continues, and how to follow or stop it."""
    ids = " ".join(task if isinstance(task, str) else task.task_id for task in tasks)
    complain(f"interrupted; the server continues. To follow: pagemill watch {ids}. To stop: pagemill cancel {ids}")


async def wait_for_task(client: AsyncClient, task: TaskWire | str, *, as_json: bool) -> TaskWire:
    """Wait for the task to end; on a terminal, a bar shows its pages."""
    del as_json
    with progress_bars() as bars:
        return await follow_with_bar(client, task, bars)


async def follow_with_bar(client: AsyncClient, task: TaskWire | str, bars: Progress, *, keep: bool = True) -> TaskWire:
    """Wait for the task to end; a bar shows its pages, and disappears afterwards unless `keep` is set."""
    bar = None
    async with aclosing(client.watch(task)) as states:
        async for state in states:
            done = state.progress.pages_done + state.progress.pages_failed
            if bar is None:
                bar = bars.add_task(bar_label(state.document.name), total=state.progress.pages_total, unit="pages")
            bars.update(bar, completed=done)
    if bar is not None and not keep:
        bars.remove_task(bar)
    return state


async def watch_task(client: AsyncClient, task: TaskWire | str, *, as_json: bool) -> TaskWire:
    """Wait for the task to end; print its events line by line."""
    async with aclosing(client.follow(task)) as events:
        async for event in events:
            if as_json:
                print_json(event)
            else:
                print_line(event_line(event))
    return await client.task(task)
