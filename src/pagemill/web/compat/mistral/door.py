"""The endpoints of Mistral OCR: upload a file, get its address, read it, delete it.

An uploaded file is a task that waits to be started. Its address names it in this service, and nothing is fetched.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from pagemill.domain.errors import PagemillError
from pagemill.domain.page.page import BlockKind, Page
from pagemill.domain.task.task import Task, TaskOptions
from pagemill.domain.work.recognition import RecognitionOptions
from pagemill.version import __version__
from pagemill.web.access import DOORS
from pagemill.web.compat.door_tasks import DoorTasks, check_read
from pagemill.web.compat.entrance import url_of
from pagemill.web.compat.mistral.request import DOCUMENTS, OcrRequest, PageChoice, understand_request
from pagemill.web.compat.page_writers import PageItems, dump
from pagemill.web.compat.receiving import find_json, receive_form
from pagemill.web.compat.warnings import warn
from pagemill.web.key_ways import KeyWay
from pagemill.web.paths import TaskId
from pagemill.web.problems import RequestRefused, problem_headers, problem_of
from pagemill.web.receiving import MEDIA_TYPES, refused_field

FILES = "/v1/files"
_USUAL_DPI = 72
_SENT_ALWAYS = frozenset({"include_blocks"})
"""Mistral's client sends it with every request."""


@dataclass(frozen=True)
class _Upload:
    """The fields of an upload, which change nothing here."""

    name: str = ""


class MistralDoor:
    """See `Door`."""

    name = "mistral"
    key_ways: tuple[KeyWay, ...] = ()

    def __init__(self, tasks: DoorTasks) -> None:
        self._tasks = tasks

    def router(self) -> APIRouter:
        """See `Door.router`."""
        router = APIRouter(prefix=f"{DOORS}{self.name}", include_in_schema=False)
        one = f"{FILES}/{{task_id}}"
        router.add_api_route(FILES, self.upload, methods=["POST"], response_model=None)
        router.add_api_route(one, self.describe, response_model=None)
        router.add_api_route(one, self.delete, methods=["DELETE"], response_model=None)
        router.add_api_route(f"{one}/url", self.address, response_model=None)
        router.add_api_route("/v1/ocr", self.read, methods=["POST"], response_model=None)
        return router

    def refuse(self, request: Request, error: PagemillError | RequestRefused) -> Response:
        """See `Door.refuse`: Mistral's errors, and FastAPI's for requests that are not valid."""
        problem = problem_of(request, error)
        told: dict[str, object] = {"object": "error", "message": problem.detail, "type": problem.code, "param": None}
        if problem.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            told["detail"] = [{"loc": ["body"], "msg": problem.detail, "type": problem.code}]
        return JSONResponse({**told, "code": str(problem.status)}, problem.status, headers=problem_headers(error))

    async def upload(self, request: Request) -> Response:
        """Keep a document until it is read or deleted."""
        _, document = await receive_form(request, self._tasks.uploads, part="file", understand=lambda _: _Upload())
        return JSONResponse(_file(await self._tasks.submit(request, document, self._options(start=False))))

    async def describe(self, task_id: TaskId) -> Response:
        """An uploaded document."""
        return JSONResponse({**_file(await self._tasks.get(task_id)), "deleted": False})

    async def delete(self, task_id: TaskId) -> Response:
        """Delete a document and its result; cancel the reading if it runs."""
        await self._tasks.delete(task_id)
        return JSONResponse({"id": task_id, "object": "file", "deleted": True})

    async def address(self, task_id: TaskId, request: Request) -> Response:
        """The address under which `POST /v1/ocr` knows the document."""
        task = await self._tasks.get(task_id)
        return JSONResponse({"url": url_of(request, f"{FILES}/{task.task_id}")})

    async def read(self, request: Request) -> Response:
        """Read the document in the body, or an uploaded one."""
        asked, document = await find_json(request, self._tasks.uploads, names=DOCUMENTS, understand=understand_request)
        if document is not None:
            task = await self._tasks.read(request, document, self._options(pages=asked.pages.text))
        else:
            task = await self._read_uploaded(request, asked)
        response = StreamingResponse(self._write(task, asked.pages), media_type="application/json")
        warn(request, response, [name for name in asked.ignored if name not in _SENT_ALWAYS])
        return response

    async def _read_uploaded(self, request: Request, asked: OcrRequest) -> Task:
        task = await self._tasks.reach(request, asked.file_id or _id_in(request, asked.address))
        if not task.status.is_final or task.pages_done == 0:
            task = await self._tasks.wait_for_end(request, await self._tasks.start(task))
        check_read(task)
        return task

    def _options(self, *, pages: str = "", start: bool = True) -> TaskOptions:
        recognition = RecognitionOptions(structure=self._tasks.has_structure)
        return TaskOptions(pages=pages, recognition=recognition, labels={"door": self.name}, start=start)

    async def _write(self, task: Task, pages: PageChoice) -> AsyncIterator[bytes]:
        yield b'{"pages":'
        async for piece in self._tasks.write(task, PageItems(self._tasks.writer("markdown"), _page, only=pages.has)):
            yield piece
        usage = {"pages_processed": task.pages_done, "doc_size_bytes": task.document.size_bytes}
        end = {"model": f"pagemill-{__version__}", "usage_info": usage, "document_annotation": None}
        yield b"," + dump(end).removeprefix(b"{")


def _id_in(request: Request, address: str) -> str:
    """The id of an uploaded document in its address."""
    ours = url_of(request, f"{FILES}/")
    if not address.startswith(ours):
        raise refused_field(
            "document", "this service fetches no documents; send the document as a data URL, or upload it to /v1/files"
        )
    return address.removeprefix(ours)


def _file(task: Task) -> Mapping[str, object]:
    return {
        "id": task.task_id,
        "object": "file",
        "bytes": task.document.size_bytes,
        "created_at": int(task.created_at.timestamp()),
        "filename": task.document.name,
        "purpose": "ocr",
        "sample_type": "ocr_input",
        "source": "upload",
        "num_lines": None,
        "mimetype": MEDIA_TYPES[task.kind],
        "signature": None,
    }


def _page(number: int, text: str, page: Page | None) -> Mapping[str, object]:
    if page is None:
        return {"index": number - 1, "markdown": text, "images": [], "dimensions": None}
    size = {"dpi": round(page.dpi or _USUAL_DPI), "height": page.height_px, "width": page.width_px}
    return {"index": number - 1, "markdown": text, "images": _images(page), "dimensions": size}


def _images(page: Page) -> Sequence[Mapping[str, object]]:
    """The places of figures; nothing is cut out."""
    places = [block.polygon for block in page.blocks if block.kind is BlockKind.FIGURE]
    return [
        {
            "id": f"img-{at}.jpeg",
            "top_left_x": round(min(x for x, _ in place)),
            "top_left_y": round(min(y for _, y in place)),
            "bottom_right_x": round(max(x for x, _ in place)),
            "bottom_right_y": round(max(y for _, y in place)),
            "image_base64": None,
        }
        for at, place in enumerate(places)
    ]
