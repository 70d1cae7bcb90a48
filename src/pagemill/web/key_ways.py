"""Further ways to send an API key, beside `Authorization: Bearer`: those of other services' clients."""

import base64
import binascii
from dataclasses import dataclass
from typing import Protocol

from fastapi import Request

KEY_WAYS = "pagemill.key_ways"
"""Key of a request's `KeyWay`s in its ASGI scope; none for the service's own API."""


class KeyWay(Protocol):
    """A way to send a key."""

    @property
    def form(self) -> str:
        """How to send a key, for people."""
        ...

    def find(self, request: Request) -> str:
        """The key in a request; "" if it has none."""
        ...


@dataclass(frozen=True)
class KeyHeader:
    """The key is a header of its own. `name` is the header's."""

    name: str

    @property
    def form(self) -> str:
        """See `KeyWay.form`."""
        return f"{self.name}: KEY"

    def find(self, request: Request) -> str:
        """See `KeyWay.find`."""
        return request.headers.get(self.name, "").strip()


class BasicPassword:
    """The key is the password of `Authorization: Basic`, which clients make of `http://any:KEY@host/`."""

    form = "http://any:KEY@host/"

    def find(self, request: Request) -> str:
        """See `KeyWay.find`."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return ""
        try:
            return base64.b64decode(given, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
