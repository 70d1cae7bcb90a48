"""Writes the reference of the command line from the commands themselves: `python scripts/write_cli.py`."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import typer
from typer.core import TyperCommand, TyperGroup

from pagemill.cli.exits import ExitCode
from pagemill.cli.main import cli

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "cli.md"
HEAD = """# Command line

Written by `scripts/write_cli.py` from the commands themselves; `pagemill COMMAND --help` says the same.

Results go to stdout, errors to stderr as one sentence, and progress bars show only on a terminal. With `--json`, every
command that asks the server prints one JSON object per line, in the forms of the API. `pagemill --install-completion`
makes your shell complete commands and task ids.

Commands find the server through `--server`, then the setting `server_url` (`PAGEMILL_SERVER_URL`), then `server.host`
and `server.port`. The API key is the setting `api_key` (`PAGEMILL_API_KEY`).

Ctrl-C stops the command but not the work: the server continues, and the command prints how to follow or stop it.
"""


def page() -> str:
    """The whole page, in Markdown."""
    group = typer.main.get_group(cli)
    return "\n".join([HEAD, *_exit_codes(), *_group(group, "pagemill")]).rstrip() + "\n"


def _exit_codes() -> Iterator[str]:
    yield "## Exit codes\n\n| code | meaning |\n|---|---|"
    source = inspect.getsource(ExitCode)
    for code in ExitCode:
        meaning = source.partition(f"{code.name} = ")[2].partition('"""')[2].partition('"""')[0]
        yield f"| {code.value} | {meaning.strip()} |"
    yield ""


def _group(group: TyperGroup, name: str) -> Iterator[str]:
    for command in group.commands.values():
        if isinstance(command, TyperGroup):
            if command.invoke_without_command:
                yield from _command(command, f"{name} {command.name}")
            yield from _group(command, f"{name} {command.name}")
        elif isinstance(command, TyperCommand):
            yield from _command(command, f"{name} {command.name}")


def _command(command: TyperCommand | TyperGroup, name: str) -> Iterator[str]:
    yield f"## {name}\n\n{inspect.cleandoc(command.help or '')}\n"
    context = typer.Context(command, info_name=name, terminal_width=1000)
    records = [record for each in command.params if (record := each.get_help_record(context)) is not None]
    if records:
        yield "| | |\n|---|---|"
        yield from (f"| `{_cell(names)}` | {_cell(said)} |" for names, said in records)
        yield ""


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    PAGE.write_text(page())
