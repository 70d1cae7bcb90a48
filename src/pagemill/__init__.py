"""Pagemill: document OCR that never takes on more than its memory can carry.

`Client` and `AsyncClient` ask a running service. Both are loaded when they are first named, so that `import pagemill`
stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from pagemill.version import __version__

if TYPE_CHECKING:
    from pagemill.client import AsyncClient, Client

__all__ = ["AsyncClient", "Client", "__version__"]

_HOMES = {"AsyncClient": "pagemill.client", "Client": "pagemill.client"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
