"""The C library's allocator, where it has something to give back."""

import ctypes
from collections.abc import Callable


def allocator_trim() -> Callable[[], None]:
    """A function that returns free heap memory to the system: glibc's `malloc_trim`, elsewhere nothing."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return lambda: None
    trim.argtypes = [ctypes.c_size_t]
    return lambda: trim(0)
