"""`HEAD` wherever there is `GET`: the same answer without its body."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LISTENS = "2.3"
"""With this version of ASGI, streams listen for the end of the connection, which comes after the headers."""


class HeadRequests:
    """ASGI middleware that serves a `HEAD` as a `GET` whose client leaves once it has the headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        asgi = {**scope["asgi"], "spec_version": _LISTENS}
        await self._app({**scope, "method": "GET", "asgi": asgi}, receive, send_head)
