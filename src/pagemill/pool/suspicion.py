"""Decides whether a document is to blame for the death of its readers: one may die by chance, but hardly two."""

from collections.abc import Awaitable, Callable

from pagemill.domain.errors import DocumentError, OutOfMemory, PageError, TimedOut, WorkerLost
from pagemill.domain.work.outcomes import LossCause

DOCUMENT_S = (LossCause.CRASH, LossCause.PROTOCOL, LossCause.OVER_RESERVATION, LossCause.KERNEL_OOM)
"""Deaths of a reader that the document may have caused."""


def is_suspicious(error: OutOfMemory | WorkerLost) -> bool:
    """Whether the document may have caused it."""
    return isinstance(error, OutOfMemory) or error.details.get("cause") in DOCUMENT_S


async def try_twice(ask: Callable[[], Awaitable[object]], blame: Callable[[str], DocumentError | PageError]) -> None:
    """Ask a reader; if the document may have ended it, ask another one.

    Args:
        ask: Asks a reader.
        blame: Makes the error that blames the document; its argument is a clause that says why.

    Raises:
        DocumentError: The document is to blame, according to the reader or to `blame`.
        PageError: The page is to blame, likewise.
        PagemillError: Any other error of `ask`.
    """
    try:
        await _ask_in_time(ask, blame)
    except (OutOfMemory, WorkerLost) as error:
        if not is_suspicious(error):
            raise
        await _ask_again(ask, blame)


async def _ask_again(ask: Callable[[], Awaitable[object]], blame: Callable[[str], DocumentError | PageError]) -> None:
    try:
        await _ask_in_time(ask, blame)
    except OutOfMemory as error:
        raise blame("that takes more memory than is allowed") from error
    except WorkerLost as error:
        cause = error.details.get("cause")
        if not is_suspicious(error) or cause == LossCause.KERNEL_OOM:
            raise
        if cause == LossCause.OVER_RESERVATION:
            raise blame("that takes more memory than is allowed") from error
        raise blame("it crashes the program that does so") from error


async def _ask_in_time(ask: Callable[[], Awaitable[object]], blame: Callable[[str], DocumentError | PageError]) -> None:
    """Ask once; blame the document for a timeout, because even a busy machine is done within the limit."""
    try:
        await ask()
    except TimedOut as error:
        raise blame("that takes too long") from error
