"""Asks for the password of a document, or reads it from a file. It is never an argument, which other users can see."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pagemill.cli.exits import ExitCode, complain

PasswordOption = Annotated[bool, typer.Option("--password", help="Ask for the password of a protected PDF.")]
PasswordFileOption = Annotated[
    Path | None,
    typer.Option("--password-file", help="File whose first line is the password of a protected PDF; - for stdin."),
]


def read_password(*, ask: bool, file: Path | None) -> str | None:
    """Ask for the password, or read it from a file; None if neither is wanted.

    Raises:
        typer.Exit: The file cannot be read, or its first line is empty.
    """
    if file is None:
        return str(typer.prompt("Password of the PDF", hide_input=True, err=True)) if ask else None
    try:
        text = sys.stdin.readline() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        complain(f"Cannot read the password file {file}: {reason}.")
        raise typer.Exit(ExitCode.USAGE) from None
    password = text.split("\n", 1)[0].removesuffix("\r")
    if not password:
        complain(f"The first line of the password file {file} is empty. Write the password there.")
        raise typer.Exit(ExitCode.USAGE)
    return password
