"""Single pages over HTTP: the text, and a picture that a worker draws."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath

from pagemill.domain.page.page import Page
from pagemill.tasks.results.page_views import PageViews
from pagemill.web.dashboard_routes import etag_of, not_modified
from pagemill.web.headers import document_password
from pagemill.web.openapi import ANYWHERE, password_parameter, problem_responses
from pagemill.web.paths import TaskId

JPEG = "image/jpeg"
Number = Annotated[int, InPath(ge=1, le=1_000_000, description="1-based position in the document.")]

_DRAWING = (
    "invalid_document",
    "unsupported_format",
    "encrypted_document",
    "page_unreadable",
    "pool_exhausted",
    "never_fits",
    "timed_out",
    "worker_lost",
)
_UNCHANGED = {"description": "Not modified: the client already has it (`If-None-Match`)."}


class PageEndpoints:
    """The endpoints for single pages."""

    def __init__(self, views: PageViews) -> None:
        self._views = views

    def router(self) -> APIRouter:
        """The endpoints at their paths."""
        router = APIRouter(prefix="/tasks/{task_id}/pages/{number}", tags=["tasks"])
        known = (*ANYWHERE, "not_found", "invalid_request")
        router.add_api_route(
            "",
            self.page,
            summary="Get a page",
            response_model=Page,
            responses={304: _UNCHANGED, **problem_responses(*known)},
        )
        router.add_api_route(
            "/image",
            self.image,
            summary="Get the picture of a page",
            openapi_extra={"parameters": [password_parameter()]},
            response_class=Response,
            responses={
                200: {"content": {JPEG: {"schema": {"type": "string", "format": "binary"}}}},
                304: _UNCHANGED,
                **problem_responses(*known, *_DRAWING),
            },
        )
        return router

    async def page(self, task_id: TaskId, number: Number, request: Request) -> Response:
        """Blocks, lines and words with their polygons in pixels of the upright page, as soon as the page is read.

        Headers, footers and page numbers have their kinds, as in the result: the finished pages around it show them.
        """
        return _answer(request, await self._views.page(task_id, number), "application/json")

    async def image(self, task_id: TaskId, number: Number, request: Request) -> Response:
        """The page as a JPEG, upright. Its size in pixels differs from the page's; its shape is the same."""
        return _answer(request, await self._views.image(task_id, number, password=document_password(request)), JPEG)


def _answer(request: Request, content: bytes, media_type: str) -> Response:
    """A page may be read again, so clients ask each time; what did not change is not sent again."""
    headers = {"Cache-Control": "private, no-cache", "ETag": etag_of(content)}
    if not_modified(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)
