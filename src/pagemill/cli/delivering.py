"""Delivers results of the server to stdout, or to files that appear when they are complete."""

import asyncio
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from pagemill.cli.targets import choose_format
from pagemill.client import AsyncClient
from pagemill.domain.task.results import ResultFormat
from pagemill.wire.task_wire import TaskWire


@dataclass(frozen=True)
class FormRequest:
    """The form of results that the user asks for, and where they go.

    Attributes:
        format: Name of a format; None for the one that the output's extension names, or text.
        output: None or "-" for stdout; a folder for several results, otherwise a file.
        force: Replace results that are there already.
        keep_furniture: Keep headers, footers and page numbers, which text and Markdown leave out.
        password: Of a protected PDF; a searchable PDF of a finished task needs it.
    """

    format: str | None
    output: Path | None
    force: bool = False
    keep_furniture: bool = False
    password: str | None = field(default=None, repr=False)

    async def choose(self, client: AsyncClient, *, into_folder: bool = False) -> ResultFormat:
        """The format, of those that the server has. Raises InvalidRequest as `choose_format`."""
        formats = (await client.setup()).formats
        return choose_format(self.format, self.output, formats, into_folder=into_folder)


async def deliver(
    client: AsyncClient, task: TaskWire | str, result: ResultFormat, how: FormRequest, target: Path | None
) -> bool:
    """Fetch a result.

    Args:
        client: A client of the server.
        task: The task or its id.
        result: The format.
        how: What the user asks for.
        target: The file; None for stdout, which gets the result when it is complete.

    Returns:
        Whether it contains every requested page.

    Raises:
        ClientError: As `AsyncClient.download`.
    """
    fetch = partial(client.download, format=result.name, keep_furniture=how.keep_furniture, password=how.password)
    if target is not None:
        return await fetch(task, target)
    with tempfile.TemporaryFile() as whole:
        out = cast("BinaryIO", whole)
        is_complete = await fetch(task, out)
        await asyncio.to_thread(_to_stdout, cast("BinaryIO", whole))
    return is_complete


def _to_stdout(whole: BinaryIO) -> None:
    whole.seek(0)
    shutil.copyfileobj(whole, sys.stdout.buffer)
    sys.stdout.buffer.flush()
