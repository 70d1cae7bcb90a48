"""Recognises requests that come through a door, before anything else handles them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from fastapi import APIRouter, Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pagemill.domain.errors import PagemillError
from pagemill.web.access import DOORS, endpoint_at
from pagemill.web.key_ways import KEY_WAYS, KeyWay
from pagemill.web.problems import ERROR_SHAPE, RequestRefused

BASE = "pagemill.door_base"
"""Key of the path below which a client sees the door, in a request's ASGI scope."""


class Door(Protocol):
    """The interface of another service."""

    @property
    def name(self) -> str:
        """Its name in paths and settings."""
        ...

    @property
    def key_ways(self) -> Sequence[KeyWay]:
        """How its clients send a key, beside `Authorization: Bearer`."""
        ...

    def router(self) -> APIRouter:
        """Its endpoints, below `/compat/NAME`."""
        ...

    def refuse(self, request: Request, error: PagemillError | RequestRefused) -> Response:
        """An error as its clients expect it."""
        ...


class Entrance:
    """ASGI middleware around the frame: tells the guard and the error handlers which door a request uses.

    Every door is below `/compat/NAME`. A door at the root also answers at its own paths, which are those of the
    service that it stands for; the service's own endpoints take precedence.

    Args:
        app: The frame and everything in it.
        doors: All doors.
        at_root: The names of those at the root.
    """

    def __init__(self, app: ASGIApp, *, doors: Sequence[Door], at_root: Collection[str]) -> None:
        self._app = app
        self._doors: Mapping[str, Door] = {door.name: door for door in doors}
        self._at_root = [name for name in self._doors if name in at_root]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            scope = self._recognise(scope)
        await self._app(scope, receive, send)

    def _recognise(self, scope: Scope) -> Scope:
        root = scope.get("root_path", "")
        path = scope["path"].removeprefix(root)
        if path.startswith(DOORS):
            name = path.removeprefix(DOORS).partition("/")[0]
            return self._through(name, scope, base=f"{root}{DOORS}{name}")
        if self._at_root and endpoint_at(scope["method"], path) is None:
            for name in self._at_root:
                inside = f"{DOORS}{name}{path}"
                if endpoint_at(scope["method"], inside) is not None:
                    moved = {**scope, "path": root + inside, "raw_path": (root + inside).encode()}
                    return self._through(name, moved, base=root)
        return scope

    def _through(self, name: str, scope: Scope, *, base: str) -> Scope:
        door = self._doors.get(name)
        if door is None:
            return scope
        return {**scope, BASE: base, ERROR_SHAPE: door.refuse, KEY_WAYS: door.key_ways}


def url_of(request: Request, path: str) -> str:
    """The URL under which the client finds a path of the door that it uses."""
    return f"{request.url.scheme}://{request.url.netloc}{request.scope.get(BASE, '')}{path}"
