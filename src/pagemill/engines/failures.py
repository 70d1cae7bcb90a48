"""Translates failures of the engines' libraries into errors of the domain. Runs in a worker."""

from collections.abc import Iterator
from contextlib import contextmanager

from pagemill.domain.errors import EngineFailed, OutOfMemory, PagemillError

_OUT_OF_MEMORY = (
    "bad_alloc",
    "bad allocation",
    "insufficient memory",
    "failed to allocate",
    "out of memory",
    "cannot allocate memory",
    "can't alloc",
    "unable to allocate",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, or its cause, is a failed allocation.

    numpy and Pillow raise MemoryError. OpenCV (`Insufficient memory`), ONNX Runtime (`bad_alloc`, `Failed to allocate`)
    and OpenVINO (`can't alloc`) raise their own errors, which only their text identifies; wrappers keep that text or
    the cause.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, MemoryError | OutOfMemory) or any(words in str(seen).lower() for words in _OUT_OF_MEMORY):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


@contextmanager
def engine_errors(*, doing: str) -> Iterator[None]:
    """Turn errors within the block into those of `engine_error`."""
    try:
        yield
    except Exception as error:
        raise engine_error(error, doing=doing) from error


def engine_error(error: Exception, *, doing: str) -> PagemillError:
    """The domain error for an error of a library.

    Args:
        error: The caught error.
        doing: What failed, as the subject of a sentence ("Reading page 3").
    """
    if is_out_of_memory(error):
        return OutOfMemory(f"{doing} ran out of memory.")
    if isinstance(error, PagemillError):
        return error
    first_line = next(iter(str(error).splitlines()), "")
    return EngineFailed(f"{doing} failed: {type(error).__name__}: {first_line[:200]}")
