"""Controls glibc's allocator: one heap, and return of free memory. With other C libraries it does nothing."""

import ctypes
from collections.abc import Callable
from contextlib import suppress

_ARENA_MAX = -8
_MMAP_THRESHOLD = -3
"""`M_ARENA_MAX` and `M_MMAP_THRESHOLD` of malloc.h; see mallopt(3)."""

_LARGE_BLOCK_BYTES = 1024 * 1024


def allocator_trim() -> Callable[[], None]:
    """A function that returns free heap memory to the system: glibc's `malloc_trim`, elsewhere nothing."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return lambda: None
    trim.argtypes = [ctypes.c_size_t]
    return lambda: trim(0)


def share_one_heap() -> None:
    """Make all threads of this process allocate from one heap; call it before the first thread starts.

    By default, glibc gives threads their own heaps, up to eight per core, and one heap cannot use the free memory of
    another. The server's threads take turns anyway.
    """
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


def give_large_blocks_back() -> None:
    """Make every large block a mapping of its own, which is returned as soon as it is freed.

    By default, glibc keeps all blocks smaller than the largest one freed so far.
    """
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES)
