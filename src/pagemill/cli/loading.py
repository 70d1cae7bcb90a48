"""Loads the settings for every command."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pagemill.cli.exits import ExitCode, complain, exit_code_of
from pagemill.domain.errors import PagemillError

if TYPE_CHECKING:
    from pagemill.settings import Settings

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="Settings file. Default: $PAGEMILL_CONFIG, then ./pagemill.yaml.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def settings_or_exit(config: Path | None, overrides: Mapping[str, object] | None = None) -> "Settings":
    """The settings; if they are invalid, the command explains why and ends."""
    from pagemill.settings_loading import load_settings

    with explain_errors():
        return load_settings(config, overrides=overrides)


@contextmanager
def end_on_signals() -> Iterator[None]:
    """End the command in order on Ctrl-C and SIGTERM, with exit code 130."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        complain("interrupted.")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def explain_errors() -> Iterator[None]:
    """Turn an error of ours into one sentence and its exit code."""
    try:
        yield
    except PagemillError as error:
        complain(error.message)
        raise typer.Exit(exit_code_of(error)) from None
