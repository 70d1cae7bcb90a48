"""Serves the files of the dashboard.

The browser requests the page itself each time. Everything that the page loads is under a path that identifies the
content of all files together, so a browser can cache them forever and never mixes two versions.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request, Response

from pagemill.domain.errors import NotFound
from pagemill.web.negotiation import best_match
from pagemill.web.paths import root_of

FILES = Path(__file__).parent / "dashboard"
INDEX = "index.html"
PREFIX = "/dashboard/"
FOR_GOOD = "public, max-age=31536000, immutable"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_BASE = b"{{base}}"


@dataclass(frozen=True)
class _File:
    content: bytes
    media_type: str
    etag: str


class Dashboard:
    """Serves the files, which it reads once.

    Attributes:
        version: Identifies the content of all files together.
    """

    def __init__(self, folder: Path = FILES) -> None:
        self._files = {path.name: _read(path) for path in sorted(folder.iterdir()) if path.suffix in _MEDIA_TYPES}
        names = "".join(f"{name}:{file.etag}" for name, file in self._files.items())
        self.version = hashlib.sha256(names.encode()).hexdigest()[:16]

    def router(self) -> APIRouter:
        """The files' endpoint; the page is part of `/`."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route(PREFIX + "{version}/{name}", self.file, response_model=None)
        return router

    def page(self, request: Request) -> Response:
        """The page, for clients that accept HTML at `/`."""
        base = f"{root_of(request)}{PREFIX}{self.version}".encode()
        content = self._files[INDEX].content.replace(_BASE, base)
        headers = {
            "Cache-Control": "no-cache",
            "Content-Security-Policy": CONTENT_SECURITY_POLICY,
            "ETag": etag_of(content),
            "Vary": "Accept",
        }
        return _answer(request, content, self._files[INDEX].media_type, headers)

    async def file(self, version: str, name: str, request: Request) -> Response:
        """One file of this version of the dashboard.

        Raises:
            NotFound: Another version, or no such file.
        """
        file = self._files.get(name)
        if file is None or version != self.version:
            raise NotFound("This version of the dashboard has no such file. Reload the page.")
        headers = {"Cache-Control": FOR_GOOD, "ETag": file.etag}
        return _answer(request, file.content, file.media_type, headers)


def wants_page(request: Request) -> bool:
    """Whether the client prefers the page to JSON at `/`."""
    return best_match(request.headers.get("accept", ""), ("application/json", "text/html")) == "text/html"


def is_page(path: str, request: Request) -> bool:
    """Whether the request is for the page, which contains no data."""
    return path == "/" and wants_page(request)


def not_modified(request: Request, etag: str) -> bool:
    """Whether the client already has the content with this tag."""
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    return etag in known or "*" in known


def _answer(request: Request, content: bytes, media_type: str, headers: dict[str, str]) -> Response:
    if not_modified(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


def _read(path: Path) -> _File:
    content = path.read_bytes()
    return _File(content, _MEDIA_TYPES[path.suffix], etag_of(content))


def etag_of(content: bytes) -> str:
    """A strong validator of the content."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'
