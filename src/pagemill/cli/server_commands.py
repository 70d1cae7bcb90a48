"""The commands that call a server, and their options. Each imports what it needs when it runs."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pagemill.cli.completing import complete_task
from pagemill.cli.exits import refuse
from pagemill.cli.loading import ConfigOption, JsonOption
from pagemill.cli.passwords import PasswordFileOption, PasswordOption, read_password
from pagemill.cli.reading_options import labels_of, with_reading_options
from pagemill.cli.remote import ServerOption, run_with_client
from pagemill.cli.result_options import ForceOption, FormatOption, FurnitureOption, OutputOption

if TYPE_CHECKING:
    from pagemill.cli.task_commands import Selection
    from pagemill.client import SubmitOptions

BATCH_PATIENCE_S = 24 * 3600.0
"""A batch waits without limit for a full queue and for a server that restarts."""

server_commands = typer.Typer(rich_markup_mode=None)

TaskArgument = Annotated[str, typer.Argument(metavar="TASK", help="Id of a task.", autocompletion=complete_task)]
TasksArgument = Annotated[
    list[str], typer.Argument(metavar="TASK...", help="Ids of tasks.", autocompletion=complete_task)
]
SomeTasksArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[TASK...]", help="Ids of tasks.", autocompletion=complete_task)
]
StatusOption = Annotated[str | None, typer.Option(help="Only tasks with this status, such as failed.")]
LabelOption = Annotated[
    list[str] | None, typer.Option("--label", help="Only tasks with this label, as NAME=VALUE; repeatable.")
]


@server_commands.command()
@with_reading_options
def submit(
    options: "SubmitOptions",
    files: Annotated[list[Path], typer.Argument(help="PDFs and images; - for stdin.")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait until they are read, then deliver the results.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Wait until they are read, and print their events.")] = False,
    start: Annotated[bool, typer.Option(help="Queue them now; with --no-start they wait until you start them.")] = True,
    output_format: FormatOption = None,
    keep_furniture: FurnitureOption = False,
    output: OutputOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
    password: PasswordOption = False,
    password_file: PasswordFileOption = None,
    server: ServerOption = None,
    config: ConfigOption = None,
) -> None:
    """Send documents to the server and print their task ids."""
    from pagemill.cli.delivering import FormRequest
    from pagemill.cli.inputs import STDIN
    from pagemill.cli.submit import SubmitRequest, submit_files

    if wait and watch:
        refuse("Use either --wait (for the results) or --watch (for the events), not both.")
    if not start:
        options["start"] = False
        if wait or watch:
            refuse("A task that is not started never ends. Do not use --wait or --watch together with --no-start.")
    if folder := next((file for file in files if file.is_dir()), None):
        refuse(f"{folder} is a folder. To read all documents in it, use: pagemill batch {folder}")
    if output and not wait:
        refuse("--output needs --wait: without it, there is no result yet. To fetch it later, use: pagemill result")
    if STDIN in files and password_file == STDIN:
        refuse("Standard input cannot be both the document and the password file. Write one of them to a file.")
    secret = read_password(ask=password, file=password_file)
    how = FormRequest(output_format, output, force=force, keep_furniture=keep_furniture, password=secret)
    request = SubmitRequest(files, options, wait=wait, watch=watch, how=how, as_json=as_json)
    run_with_client(lambda client: submit_files(client, request), config=config, server=server)


@server_commands.command()
@with_reading_options
def batch(
    options: "SubmitOptions",
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, readable=True, help="Folder of documents.")],
    name: Annotated[str | None, typer.Option(help="Name of the batch. Default: made from the folder's name.")] = None,
    output_format: FormatOption = None,
    keep_furniture: FurnitureOption = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the results. Default: they stay on the server.")
    ] = None,
    at_once: Annotated[int, typer.Option(help="Documents to process at the same time.", min=1, max=64)] = 8,
    retry: Annotated[bool, typer.Option("--retry", help="Retry pages that could not be read before.")] = False,
    as_json: JsonOption = False,
    password: PasswordOption = False,
    password_file: PasswordFileOption = None,
    server: ServerOption = None,
    config: ConfigOption = None,
) -> None:
    """Read a folder of documents. Run the same command again to continue where it stopped."""
    from pagemill.cli.batch import BatchRequest, default_name, run_batch
    from pagemill.cli.delivering import FormRequest

    secret = read_password(ask=password, file=password_file)
    request = BatchRequest(
        folder,
        name or default_name(folder),
        options,
        how=FormRequest(output_format, output, keep_furniture=keep_furniture, password=secret),
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
    """Show the status of tasks or, without any, of the service."""
    from pagemill.cli.task_commands import show_status

    run_with_client(lambda client: show_status(client, tasks or (), as_json=as_json), config=config, server=server)


@server_commands.command()
def watch(
    tasks: TasksArgument, as_json: JsonOption = False, server: ServerOption = None, config: ConfigOption = None
) -> None:
    """Print the events of tasks as they happen, until the tasks end."""
    from pagemill.cli.task_commands import watch_tasks

    run_with_client(lambda client: watch_tasks(client, tasks, as_json=as_json), config=config, server=server)


@server_commands.command()
def result(
    task: TaskArgument,
    output_format: FormatOption = None,
    keep_furniture: FurnitureOption = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File; - for stdout, the default.")] = None,
    force: ForceOption = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the task ends.")] = False,
    password: PasswordOption = False,
    password_file: PasswordFileOption = None,
    server: ServerOption = None,
    config: ConfigOption = None,
) -> None:
    """Fetch a result. While the task runs, fetch the pages read so far."""
    from pagemill.cli.delivering import FormRequest
    from pagemill.cli.task_commands import ResultRequest, fetch_result

    secret = read_password(ask=password, file=password_file)
    how = FormRequest(output_format, output, force=force, keep_furniture=keep_furniture, password=secret)
    request = ResultRequest(task, how, wait)
    run_with_client(lambda client: fetch_result(client, request), config=config, server=server)


@server_commands.command()
def pages(
    task: TaskArgument, as_json: JsonOption = False, server: ServerOption = None, config: ConfigOption = None
) -> None:
    """Show the state of each page of a task."""
    from pagemill.cli.task_commands import show_pages

    run_with_client(lambda client: show_pages(client, task, as_json=as_json), config=config, server=server)


@server_commands.command()
def cancel(
    tasks: TasksArgument, as_json: JsonOption = False, server: ServerOption = None, config: ConfigOption = None
) -> None:
    """Stop tasks within a page. Finished pages are kept."""
    from pagemill.cli.task_commands import command_tasks

    run_with_client(
        lambda client: command_tasks(client, "cancel", tasks, as_json=as_json), config=config, server=server
    )


@server_commands.command()
def retry(
    tasks: TasksArgument,
    password: PasswordOption = False,
    password_file: PasswordFileOption = None,
    as_json: JsonOption = False,
    server: ServerOption = None,
    config: ConfigOption = None,
) -> None:
    """Retry the pages that were not read. Finished pages are kept."""
    from pagemill.cli.task_commands import command_tasks

    secret = read_password(ask=password, file=password_file)
    run_with_client(
        lambda client: command_tasks(client, "retry", tasks, as_json=as_json, password=secret),
        config=config,
        server=server,
    )


@server_commands.command("list")
def list_(
    status: StatusOption = None,
    label: LabelOption = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Maximum number of tasks; 0 for all.", min=0)] = 50,
    as_json: JsonOption = False,
    server: ServerOption = None,
    config: ConfigOption = None,
) -> None:
    """List tasks, newest first."""
    from pagemill.cli.task_commands import list_tasks

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
    older_than: Annotated[float, typer.Option(help="Only tasks that ended at least this many days ago.", min=0)] = 0.0,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    as_json: JsonOption = False,
    server: ServerOption = None,
    config: ConfigOption = None,
) -> None:
    """Delete finished tasks with their documents and results.

    Name the tasks, or select them with the options.
    """
    from pagemill.cli.task_commands import purge_tasks

    if tasks and (status or label or older_than):
        refuse("Either name tasks or select them with --status, --label and --older-than, not both.")
    selection = _selection(status, label, timedelta(days=older_than))
    run_with_client(
        lambda client: purge_tasks(client, tasks or (), selection, yes=yes, as_json=as_json),
        config=config,
        server=server,
    )


def _selection(status: str | None, label: list[str] | None, older_than: timedelta | None = None) -> "Selection":
    from pagemill.cli.task_commands import Selection
    from pagemill.domain.task.task import TaskStatus

    if status is not None and status not in [*TaskStatus]:
        refuse(f"Unknown status {status!r}. Use one of: {', '.join(TaskStatus)}.")
    return Selection(None if status is None else TaskStatus(status), labels_of(label), older_than)
