"""The frame of every request: an id, the guard, security headers, and a neutral answer for unknown errors."""

import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from urllib.parse import quote

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pagemill.domain.errors import PagemillError
from pagemill.web.guards import Guard, no_valid_key
from pagemill.web.problems import REQUEST_ID, RequestRefused, error_response
from pagemill.web.timed_body import BodyRules, TimedBody

logger = logging.getLogger(__name__)

DEFAULT_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Set on every response that does not set them itself."""

_GOOD_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class RequestFrame:
    """ASGI middleware around the whole API. Takes the caller's `X-Request-Id` if it is well-formed."""

    def __init__(
        self, app: ASGIApp, *, guard: Guard, body: BodyRules, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._guard = guard
        self._body = body
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        name = _request_id(request)
        scope[REQUEST_ID] = name
        framed = _FramedSend(send, name)
        try:
            await self._guard.check(request)
            timed = TimedBody(receive, self._body, is_answered=lambda: framed.started, monotonic=self._monotonic)
            await self._app(scope, timed, _WhileCurrent(framed, partial(self._guard.is_current, request)))
        except (RequestRefused, PagemillError) as error:
            await error_response(request, error)(scope, receive, framed)
        except _KeyEnded:
            if not framed.started:
                await error_response(request, no_valid_key(request))(scope, receive, framed)
            elif not framed.has_length:
                await framed({"type": "http.response.body", "body": b"", "more_body": False})
        except ClientDisconnect:
            logger.info("request %s: the client disconnected during %s %s", name, request.method, quote(scope["path"]))
        except Exception:
            logger.exception("request %s: %s %s failed", name, request.method, quote(scope["path"]))
            if framed.started:
                raise
            message = f"Something went wrong on our side. Look for the request id {name} in the service's log."
            await error_response(request, RequestRefused("internal_error", message))(scope, receive, framed)


class _FramedSend:
    """Adds the headers that every response has."""

    def __init__(self, send: Send, name: str) -> None:
        self._send = send
        self._name = name
        self.started = False
        self.has_length = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            self.has_length = "content-length" in headers
            headers["X-Request-Id"] = self._name
            for name, value in DEFAULT_HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)


class _KeyEnded(Exception):
    """The key of a request was revoked or expired while the request was answered."""


class _WhileCurrent:
    """Sends nothing more once the caller's key is not valid any more: a stream can outlive its key."""

    def __init__(self, send: Send, is_current: Callable[[], Awaitable[bool]]) -> None:
        self._send = send
        self._is_current = is_current

    async def __call__(self, message: Message) -> None:
        if not await self._is_current():
            raise _KeyEnded
        await self._send(message)


def _request_id(request: Request) -> str:
    given = request.headers.get("x-request-id", "")
    return given if _GOOD_ID.fullmatch(given) else uuid.uuid4().hex
