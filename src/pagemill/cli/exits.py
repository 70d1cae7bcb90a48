"""Exit codes of the command line. They are stable; docs/reference/cli.md documents them."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from enum import IntEnum
from typing import NoReturn

import typer

from pagemill.domain.errors import (
    Conflict,
    DeviceUnavailable,
    DocumentError,
    InvalidRequest,
    InvalidSettings,
    MemoryShortage,
    NotFound,
    PagemillError,
    PoolExhausted,
)


class ExitCode(IntEnum):
    """The exit codes of every command."""

    OK = 0
    """Everything asked for was done; every page was read."""
    FAULT = 1
    """A bug in Pagemill. Please report it."""
    USAGE = 2
    """The command line or the settings are invalid."""
    PARTLY_READ = 3
    """Some pages or files could not be read; the others were delivered."""
    NOTHING_READ = 4
    """The input could not be read at all."""
    NO_ROOM = 5
    """No memory, no device or no free service was available."""
    UNREACHABLE = 6
    """The server could not be reached."""
    NOT_OVER = 7
    """The task did not end in time or has no result yet. It continues."""
    INTERRUPTED = 130
    """Interrupted by Ctrl-C."""


_BY_ERROR: tuple[tuple[type[PagemillError], ExitCode], ...] = (
    (InvalidSettings, ExitCode.USAGE),
    (InvalidRequest, ExitCode.USAGE),
    (NotFound, ExitCode.USAGE),
    (Conflict, ExitCode.USAGE),
    (DocumentError, ExitCode.NOTHING_READ),
    (MemoryShortage, ExitCode.NO_ROOM),
    (PoolExhausted, ExitCode.NO_ROOM),
    (DeviceUnavailable, ExitCode.NO_ROOM),
)


def exit_code_of(error: PagemillError) -> ExitCode:
    """The exit code of a command that fails with this error."""
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), ExitCode.FAULT)


def complain(message: str) -> None:
    """Write one sentence to stderr."""
    print(f"pagemill: {message}", file=sys.stderr)  # noqa: T201 - this is the command line


def refuse(message: str) -> NoReturn:
    """End the command, whose options are wrong, with one sentence."""
    complain(message)
    raise typer.Exit(ExitCode.USAGE)


def run_command(work: Coroutine[None, None, ExitCode]) -> NoReturn:
    """Run a command to its end, and exit with its code; errors become one sentence."""
    try:
        code = asyncio.run(_until_signal(work))
        sys.stdout.flush()
    except PagemillError as error:
        complain(error.message)
        code = exit_code_of(error)
    except (KeyboardInterrupt, asyncio.CancelledError):
        complain("interrupted.")
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        code = ExitCode.OK
    sys.exit(code)


def _discard_output() -> None:
    """The program that read our output has gone; drop the rest, so that the interpreter does not fail at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _until_signal(work: Coroutine[None, None, ExitCode]) -> ExitCode:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    return await task
