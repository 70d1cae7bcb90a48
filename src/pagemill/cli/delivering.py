"""Delivers results of the server to stdout, or to files that appear when they are complete."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from pagemill.client import AsyncClient
from pagemill.wire.task_wire import TaskWire


@dataclass(frozen=True)
class Form:
    """The form of a result.

    Attributes:
        name: Name of its format.
        keep_furniture: Keep headers, footers and page numbers, which text and Markdown leave out.
        password: Of a protected PDF; a searchable PDF of a finished task needs it.
    """

    name: str
    keep_furniture: bool = False
    password: str | None = field(default=None, repr=False)


async def deliver(client: AsyncClient, task: TaskWire | str, form: Form, target: Path | None) -> bool:
    """Fetch a result.

    Args:
        client: A client of the server.
        task: The task or its id.
        form: The form of the result.
        target: The file; None for stdout, which gets the result when it is complete.

    Returns:
        Whether it contains every requested page.

    Raises:
        ClientError: As `AsyncClient.download`.
    """
    how = partial(client.download, format=form.name, keep_furniture=form.keep_furniture, password=form.password)
    if target is not None:
        return await how(task, target)
    with tempfile.TemporaryFile() as whole:
        out = cast("BinaryIO", whole)
        is_complete = await how(task, out)
        await asyncio.to_thread(_to_stdout, cast("BinaryIO", whole))
    return is_complete


def _to_stdout(whole: BinaryIO) -> None:
    whole.seek(0)
    shutil.copyfileobj(whole, sys.stdout.buffer)
    sys.stdout.buffer.flush()


async def extension_of(client: AsyncClient, form: str) -> str:
    """The extension of files in a format, according to the server; the server refuses unknown formats later."""
    known: Mapping[str, str] = {each.name: each.extension for each in (await client.setup()).formats}
    return known.get(form, f".{form}")
