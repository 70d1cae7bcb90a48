"""Where results of the server go: to stdout, or to files that appear when they are complete."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, cast

from pagemill.client import AsyncClient
from pagemill.wire.task_wire import TaskWire


async def deliver(client: AsyncClient, task: TaskWire | str, form: str, target: Path | None) -> bool:
    """Fetch a result.

    Args:
        client: Whom to ask.
        task: Whose.
        form: Name of its format.
        target: The file; None for stdout, which gets it when it is complete.

    Returns:
        Whether every page asked for is in it.
    """
    if target is not None:
        return await client.download(task, target, form)
    with tempfile.TemporaryFile() as whole:
        is_complete = await client.download(task, cast("BinaryIO", whole), form)
        await asyncio.to_thread(_to_stdout, cast("BinaryIO", whole))
    return is_complete


def _to_stdout(whole: BinaryIO) -> None:
    whole.seek(0)
    shutil.copyfileobj(whole, sys.stdout.buffer)
    sys.stdout.buffer.flush()


async def extension_of(client: AsyncClient, form: str) -> str:
    """That of files in a format, as the server has it; a format it does not know is left for it to refuse."""
    known: Mapping[str, str] = {each.name: each.extension for each in (await client.setup()).formats}
    return known.get(form, f".{form}")
