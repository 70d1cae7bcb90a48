"""Output of commands: JSON for programs; tables on a terminal, tabs in a pipe; progress on stderr."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from pagemill.cli.exits import ExitCode
from pagemill.wire.receipt_wire import ReceiptWire
from pagemill.wire.task_wire import EventWire, TaskWire


def print_line(text: str) -> None:
    """Write a line to stdout at once, so that its reader need not wait for the next."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def print_note(text: str) -> None:
    """Write a sentence to stderr, out of the way of scripts that read stdout."""
    sys.stderr.write(f"{text}\n")


def print_json(shown: BaseModel) -> None:
    """Print one object on one line."""
    print_line(shown.model_dump_json())


def print_rows(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table on a terminal; elsewhere, lines without headings and with tabs between cells."""
    texts = [[_cell(value) for value in row] for row in rows]
    console = Console()
    if not console.is_terminal:
        for row in texts:
            print_line("\t".join(row))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, head in enumerate(heads):
        table.add_column(head, overflow="fold", no_wrap=place == 0)
    for row in texts:
        table.add_row(*map(Text, row))
    console.print(table)


def print_facts(facts: Mapping[str, object]) -> None:
    """Print names and values, without unknown values."""
    known = {name: value for name, value in facts.items() if value not in (None, "", [], {})}
    width = max(map(len, known), default=0)
    for name, value in known.items():
        print_line(f"{name:{width}}  {_cell(value)}")


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        case float():
            return f"{value:.2f}"
        case Mapping():
            return ", ".join(f"{name}={each}" for name, each in value.items())
        case list() | tuple():
            return ", ".join(map(str, value))
        case _:
            return "".join(" " if character < " " else character for character in str(value))


def task_facts(task: TaskWire) -> dict[str, object]:
    """The facts about a task that people ask for."""
    done, total, failed = task.progress.pages_done, task.progress.pages_total, task.progress.pages_failed
    return {
        "task": task.task_id,
        "document": task.document.name,
        "status": task.status,
        "pages": f"{done} of {total} read" + (f", {failed} failed" if failed else ""),
        "why": task.failure and f"{task.failure.reason}: {task.failure.message}",
        "labels": task.options.labels,
        "created": task.created_at,
        "started": task.started_at,
        "finished": task.finished_at,
        "device": task.assigned_device,
        "memory": _memory(task, task.receipt),
    }


def _memory(task: TaskWire, receipt: ReceiptWire | None) -> str:
    figures = {
        "estimated": task.estimated_memory_mb,
        "reserved": receipt and receipt.reserved_mb,
        "peak": task.actual_memory_mb,
    }
    return ", ".join(f"{name} {figure} MiB" for name, figure in figures.items() if figure is not None)


def event_line(event: EventWire) -> str:
    """One line about an event, for people."""
    details = {name: value for name, value in event.details.items() if value is not None}
    return f"{event.timestamp.astimezone():%H:%M:%S}  {event.event_type:<18} {_cell(details)}".rstrip()


def progress_bars() -> Progress:
    """Progress bars, each with its `unit`; only on a terminal, and on stderr."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def bar_label(name: str) -> str:
    """A document's name as a label, with markup escaped."""
    return escape(name)


def outcome(task: TaskWire) -> ExitCode:
    """The exit code of a command that waited for the task."""
    if task.progress.pages_done == task.progress.pages_total:
        return ExitCode.OK
    return ExitCode.PARTLY_READ if task.progress.pages_done else ExitCode.NOTHING_READ
