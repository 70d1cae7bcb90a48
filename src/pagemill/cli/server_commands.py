"""The commands that ask a server, and their options. What they need is imported when they run."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pagemill.cli.completing import complete_task
from pagemill.cli.exits import ExitCode, complain
from pagemill.cli.loading import ConfigOption, JsonOption
from pagemill.cli.reading_options import labels_of, with_reading_options
from pagemill.cli.remote import ServerOption, run_with_client

if TYPE_CHECKING:
    from pagemill.cli.tasks import Selection
    from pagemill.client import SubmitOptions

BATCH_PATIENCE_S = 24 * 3600.0
"""A batch waits for a full queue, and for a server that is started anew, as long as it takes."""

server_commands = typer.Typer(rich_markup_mode=None)

FormatOption = Annotated[
    str, typer.Option("--format", "-f", help="text, markdown, json, html, hocr, alto, csv, pdf or zip.")
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="File, or folder for several documents; else stdout.")
]
TaskArgument = Annotated[str, typer.Argument(metavar="TASK", help="Id of a task.", autocompletion=complete_task)]
TasksArgument = Annotated[
    list[str], typer.Argument(metavar="TASK...", help="Ids of tasks.", autocompletion=complete_task)
]
SomeTasksArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[TASK...]", help="Ids of tasks.", autocompletion=complete_task)
]
StatusOption = Annotated[str | None, typer.Option(help="Only tasks of this status, such as failed.")]
LabelOption = Annotated[list[str] | None, typer.Option("--label", help="Only with NAME=VALUE; repeatable.")]


@server_commands.command()
@with_reading_options
def submit(
    options: "SubmitOptions",
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, readable=True, help="PDFs and images.")],
    wait: Annotated[bool, typer.Option("--wait", help="Stay until they are read, and deliver the results.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Stay until they are read, and tell what happens.")] = False,
    start: Annotated[bool, typer.Option(help="Queue them now.")] = True,
    output_format: FormatOption = "text",
    output: OutputOption = None,
    as_json: JsonOption = False,
    server: ServerOption = None,
    config: ConfigOption = None,
) -> None:
    """Send documents to the server; prints the ids of their tasks."""
    from pagemill.cli.submit import SubmitRequest, submit_files

    if wait and watch:
        _refuse("Say --wait for the results or --watch for what happens, not both.")
    if not start:
        options["start"] = False
        if wait or watch:
            _refuse("What is not started does not end; leave --wait and --watch out with --no-start.")
    request = SubmitRequest(files, options, wait=wait, watch=watch, form=output_format, output=output, as_json=as_json)
    run_with_client(lambda client: submit_files(client, request), config=config, server=server)


@server_commands.command()
@with_reading_options
def batch(
    options: "SubmitOptions",
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, readable=True, help="Folder of documents.")],
    name: Annotated[str | None, typer.Option(help="Name of the batch; made of the folder's if left out.")] = None,
    output_format: FormatOption = "text",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the results; else they stay on the server.")
    ] = None,
    at_once: Annotated[int, typer.Option(help="Documents in work at the same time.", min=1, max=64)] = 8,
    retry: Annotated[bool, typer.Option("--retry", help="Read again what could not be read before.")] = False,
    as_json: JsonOption = False,
    server: ServerOption = None,
    config: ConfigOption = None,
) -> None:
    """Have a folder of documents read; the same command again goes on where it stopped."""
    from pagemill.cli.batch import BatchRequest, default_name, run_batch

    request = BatchRequest(
        folder,
        name or default_name(folder),
        options,
        form=output_format,
        output=output,
        at_once=at_once,
        retry=retry,
        as_json=as_json,
    )
    run_with_client(
        lambda client: run_batch(client, request), config=config, server=server, patience_s=BATCH_PATIENCE_S
    )


@server_commands.command()
def status(
    tasks: SomeTasksArgument = None,
    as_json: JsonOption = False,
    server: ServerOption = None,
    config: ConfigOption = None,
) -> None:
    """Say how tasks stand; without any, how the service does."""
    from pagemill.cli.tasks import show_status

    run_with_client(lambda client: show_status(client, tasks or (), as_json=as_json), config=config, server=server)


@server_commands.command()
def watch(
    tasks: TasksArgument, as_json: JsonOption = False, server: ServerOption = None, config: ConfigOption = None
) -> None:
    """Tell what happens to tasks, as it happens, until they are over."""
    from pagemill.cli.tasks import watch_tasks

    run_with_client(lambda client: watch_tasks(client, tasks, as_json=as_json), config=config, server=server)


@server_commands.command()
def result(
    task: TaskArgument,
    output_format: FormatOption = "text",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File; else stdout.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until the task is over.")] = False,
    server: ServerOption = None,
    config: ConfigOption = None,
) -> None:
    """Fetch a result; of a task under way, the pages read so far."""
    from pagemill.cli.tasks import ResultRequest, fetch_result

    request = ResultRequest(task, output_format, output, wait)
    run_with_client(lambda client: fetch_result(client, request), config=config, server=server)


@server_commands.command()
def pages(
    task: TaskArgument, as_json: JsonOption = False, server: ServerOption = None, config: ConfigOption = None
) -> None:
    """Say where each page of a task stands."""
    from pagemill.cli.tasks import show_pages

    run_with_client(lambda client: show_pages(client, task, as_json=as_json), config=config, server=server)


@server_commands.command()
def cancel(
    tasks: TasksArgument, as_json: JsonOption = False, server: ServerOption = None, config: ConfigOption = None
) -> None:
    """Stop tasks within a page; what is finished is kept."""
    from pagemill.cli.tasks import command_tasks

    run_with_client(
        lambda client: command_tasks(client, "cancel", tasks, as_json=as_json), config=config, server=server
    )


@server_commands.command()
def retry(
    tasks: TasksArgument,
    _failed_pages: Annotated[
        bool, typer.Option("--failed-pages", help="What is always done; for scripts that like to say so.")
    ] = True,
    as_json: JsonOption = False,
    server: ServerOption = None,
    config: ConfigOption = None,
) -> None:
    """Read the pages again that were not read; those that were are kept."""
    from pagemill.cli.tasks import command_tasks

    run_with_client(lambda client: command_tasks(client, "retry", tasks, as_json=as_json), config=config, server=server)


@server_commands.command("list")
def list_(
    status: StatusOption = None,
    label: LabelOption = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Most tasks shown; 0 for all.", min=0)] = 50,
    as_json: JsonOption = False,
    server: ServerOption = None,
    config: ConfigOption = None,
) -> None:
    """List tasks, newest first."""
    from pagemill.cli.tasks import list_tasks

    selection = _selection(status, label)
    run_with_client(
        lambda client: list_tasks(client, selection, limit=limit or None, as_json=as_json),
        config=config,
        server=server,
    )


@server_commands.command()
def purge(
    tasks: SomeTasksArgument = None,
    status: StatusOption = None,
    label: LabelOption = None,
    older_than: Annotated[float, typer.Option(help="Only tasks that ended so many days ago.", min=0)] = 0.0,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
    server: ServerOption = None,
    config: ConfigOption = None,
) -> None:
    """Delete tasks that are over, with their documents and results: the named ones, or all that are selected."""
    from pagemill.cli.tasks import purge_tasks

    if tasks and (status or label or older_than):
        _refuse("Name tasks, or say which by --status, --label and --older-than; not both.")
    selection = _selection(status, label, timedelta(days=older_than))
    run_with_client(
        lambda client: purge_tasks(client, tasks or (), selection, yes=yes, as_json=as_json),
        config=config,
        server=server,
    )


def _selection(status: str | None, label: list[str] | None, older_than: timedelta | None = None) -> "Selection":
    from pagemill.cli.tasks import Selection
    from pagemill.domain.tasks import TaskStatus

    if status is not None and status not in [*TaskStatus]:
        _refuse(f"There is no status {status!r}; there are: {', '.join(TaskStatus)}.")
    return Selection(None if status is None else TaskStatus(status), labels_of(label), older_than)


def _refuse(message: str) -> None:
    complain(message)
    raise typer.Exit(ExitCode.USAGE)
