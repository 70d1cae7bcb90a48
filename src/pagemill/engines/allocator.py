"""The C library's allocator: one heap, and what is free in it given back. Elsewhere than on glibc nothing is done."""

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
    """Have all threads of this process allocate from one heap; to be called before the first of them is started.

    As it comes, glibc gives threads heaps of their own, up to eight for each core, and what is free in one is of no use
    to another. The server's threads take turns anyway.
    """
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


def give_large_blocks_back() -> None:
    """Have every large block be a mapping of its own, which is gone as soon as it is freed.

    As it comes, glibc takes the largest block freed so far as a sign to keep all smaller ones.
    """
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES)
