"""Pagemill: document OCR that never takes on more than its memory can carry.

`ocr` and `Session` read documents in this process; `Client` and `AsyncClient` ask a running service. Each is loaded
when it is first named, so that `import pagemill` stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from pagemill.version import __version__

if TYPE_CHECKING:
    from pagemill.client import AsyncClient, Client
    from pagemill.library import Session, ocr

__all__ = ["AsyncClient", "Client", "Session", "__version__", "ocr"]

_HOMES = {
    "AsyncClient": "pagemill.client",
    "Client": "pagemill.client",
    "Session": "pagemill.library",
    "ocr": "pagemill.library",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
