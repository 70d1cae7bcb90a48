"""The door for Open WebUI's external document loader: one request, one item of Markdown for each page."""

from collections.abc import Mapping
from urllib.parse import unquote

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from pagemill.domain.errors import PagemillError
from pagemill.domain.page.page import Page
from pagemill.domain.task.task import Task, TaskOptions
from pagemill.web.access import DOORS
from pagemill.web.compat.door_tasks import DoorTasks
from pagemill.web.compat.page_writers import PageItems
from pagemill.web.compat.receiving import receive_body
from pagemill.web.key_ways import KeyWay
from pagemill.web.problems import RequestRefused, problem_headers, problem_of


class OpenWebUiDoor:
    """See `Door`."""

    name = "openwebui"
    key_ways: tuple[KeyWay, ...] = ()

    def __init__(self, tasks: DoorTasks) -> None:
        self._tasks = tasks

    def router(self) -> APIRouter:
        """See `Door.router`."""
        router = APIRouter(prefix=f"{DOORS}{self.name}", include_in_schema=False)
        router.add_api_route("/process", self.process, methods=["PUT"], response_model=None)
        return router

    def refuse(self, request: Request, error: PagemillError | RequestRefused) -> Response:
        """See `Door.refuse`: Open WebUI shows the body as it is."""
        problem = problem_of(request, error)
        return JSONResponse({"detail": problem.detail}, problem.status, headers=problem_headers(error))

    async def process(self, request: Request) -> Response:
        """Read the document in the body; its name is in `X-Filename`."""
        name = unquote(request.headers.get("x-filename", ""))
        document = await receive_body(request, self._tasks.uploads, name=name)
        task = await self._tasks.read(request, document, TaskOptions(labels={"door": self.name}))

        def make(number: int, text: str, page: Page | None) -> Mapping[str, object]:
            return {"page_content": text, "metadata": _metadata(task, number, is_read=page is not None)}

        pieces = self._tasks.write(task, PageItems(self._tasks.writer("markdown"), make))
        return StreamingResponse(pieces, media_type="application/json")


def _metadata(task: Task, number: int, *, is_read: bool) -> Mapping[str, object]:
    """As LangChain's loaders name it: `page` begins at 0."""
    told = {"source": task.document.name, "page": number - 1, "page_label": str(number), "total_pages": task.page_count}
    return told if is_read else {**told, "unread": True}
