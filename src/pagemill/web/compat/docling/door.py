"""The endpoints of docling-serve: convert a document while the client waits, or in the background."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from pagemill.domain.errors import NotFound, PagemillError
from pagemill.domain.task.results import UnreadPage
from pagemill.domain.task.task import StoredDocument, Task, TaskOptions, TaskStatus
from pagemill.domain.work.recognition import RecognitionOptions
from pagemill.version import __version__
from pagemill.web.access import DOORS
from pagemill.web.compat.docling.document import LISTS, DoclingWriter, document_head, list_frame
from pagemill.web.compat.docling.options import (
    FORMATS,
    ConvertOptions,
    form_options,
    ignored_languages,
    source_options,
)
from pagemill.web.compat.door_tasks import DoorTasks, check_read
from pagemill.web.compat.page_writers import BareWriter, as_json_string, dump
from pagemill.web.compat.receiving import receive_form, receive_json
from pagemill.web.compat.warnings import warn
from pagemill.web.key_ways import KeyHeader
from pagemill.web.paths import TaskId
from pagemill.web.problems import RequestRefused, problem_headers, problem_of

_FORMATS_LABEL = "docling_formats"
_BREAK_LABEL = "docling_page_break"
_LONGEST_LABEL = 255
_STATES: Mapping[TaskStatus, str] = {
    TaskStatus.CREATED: "pending",
    TaskStatus.QUEUED: "pending",
    TaskStatus.RUNNING: "started",
    TaskStatus.RETRYING: "started",
    TaskStatus.CANCELLING: "started",
    TaskStatus.SUCCEEDED: "success",
    TaskStatus.PARTIALLY_SUCCEEDED: "success",
    TaskStatus.FAILED: "failure",
    TaskStatus.CANCELLED: "failure",
    TaskStatus.EXPIRED: "failure",
}
Wait = Annotated[float, Query(ge=0, le=3600)]


class DoclingDoor:
    """See `Door`."""

    name = "docling"
    key_ways = (KeyHeader("X-Api-Key"),)

    def __init__(self, tasks: DoorTasks) -> None:
        self._tasks = tasks

    def router(self) -> APIRouter:
        """See `Door.router`."""
        router = APIRouter(prefix=f"{DOORS}{self.name}", include_in_schema=False)
        router.add_api_route("/health", self.health)
        router.add_api_route("/version", self.version)
        for path, endpoint in (
            ("/v1/convert/file", self.convert_file),
            ("/v1/convert/source", self.convert_source),
            ("/v1/convert/file/async", self.send_file),
            ("/v1/convert/source/async", self.send_source),
        ):
            router.add_api_route(path, endpoint, methods=["POST"], response_model=None)
        router.add_api_route("/v1/status/poll/{task_id}", self.status)
        router.add_api_route("/v1/result/{task_id}", self.result, response_model=None)
        return router

    def refuse(self, request: Request, error: PagemillError | RequestRefused) -> Response:
        """See `Door.refuse`: `{"detail": …}`, as FastAPI does."""
        problem = problem_of(request, error)
        return JSONResponse({"detail": problem.detail}, problem.status, headers=problem_headers(error))

    async def health(self) -> dict[str, str]:
        """Answers while the process is alive."""
        return {"status": "ok"}

    async def version(self) -> dict[str, str]:
        """The service that answers."""
        return {"pagemill": __version__}

    async def convert_file(self, request: Request) -> Response:
        """Convert the document in a form."""
        options, document = await self._receive_form(request)
        return await self._convert(request, options, document)

    async def convert_source(self, request: Request) -> Response:
        """Convert the document in a JSON body."""
        options, document = await self._receive_source(request)
        return await self._convert(request, options, document)

    async def send_file(self, request: Request) -> Response:
        """Convert the document in a form in the background."""
        options, document = await self._receive_form(request)
        return await self._send(request, options, document)

    async def send_source(self, request: Request) -> Response:
        """Convert the document in a JSON body in the background."""
        options, document = await self._receive_source(request)
        return await self._send(request, options, document)

    async def status(self, task_id: TaskId, wait: Wait = 0.0) -> Mapping[str, object]:
        """The task now, or when it ends within `wait` seconds."""
        return _status(await self._tasks.get(task_id, within=timedelta(seconds=wait)))

    async def result(self, task_id: TaskId) -> Response:
        """The result of a task that has ended."""
        task = await self._tasks.get(task_id)
        if not task.status.is_final:
            raise NotFound("Task result not found. Please wait for a completion status.")
        return await self._answer(task)

    async def _receive_form(self, request: Request) -> tuple[ConvertOptions, StoredDocument]:
        return await receive_form(request, self._tasks.uploads, part="files", understand=form_options)

    async def _receive_source(self, request: Request) -> tuple[ConvertOptions, StoredDocument]:
        names = ("base64_string",)
        return await receive_json(request, self._tasks.uploads, names=names, understand=source_options)

    async def _convert(self, request: Request, options: ConvertOptions, document: StoredDocument) -> Response:
        wanted, ignored = self._options(options)
        response = await self._answer(await self._tasks.read(request, document, wanted))
        warn(request, response, ignored)
        return response

    async def _send(self, request: Request, options: ConvertOptions, document: StoredDocument) -> Response:
        wanted, ignored = self._options(options)
        response = JSONResponse(_status(await self._tasks.submit(request, document, wanted)))
        warn(request, response, ignored)
        return response

    def _options(self, asked: ConvertOptions) -> tuple[TaskOptions, tuple[str, ...]]:
        """Our options, and the client's options without effect."""
        usual = RecognitionOptions()
        languages, unknown = self._tasks.split_languages(asked.languages, usual.engine)
        structure = asked.structure and self._tasks.has_structure
        labels = {"door": self.name, _FORMATS_LABEL: ",".join(asked.formats)}
        if asked.page_break:
            labels[_BREAK_LABEL] = asked.page_break[:_LONGEST_LABEL]
        recognition = usual.model_copy(update={"ocr": asked.ocr, "languages": languages, "structure": structure})
        options = TaskOptions(pages=asked.pages, recognition=recognition, labels=labels)
        return options, (*asked.ignored, *ignored_languages(unknown))

    async def _answer(self, task: Task) -> Response:
        check_read(task)
        pieces = self._write(task, await self._tasks.find_unread(task))
        return StreamingResponse(pieces, media_type="application/json")

    async def _write(self, task: Task, unread: Sequence[UnreadPage]) -> AsyncIterator[bytes]:
        asked = task.options.labels.get(_FORMATS_LABEL, "md").split(",")
        yield b'{"document":{"filename":' + dump(task.document.name)
        for name in FORMATS:
            yield f',"{name}_content":'.encode()
            if name not in asked:
                yield b"null"
                continue
            async for piece in self._content(task, name):
                yield piece
        yield b',"doctags_content":null}'
        errors = await asyncio.to_thread(_errors, unread)
        seconds = (task.finished_at - task.created_at).total_seconds() if task.finished_at else 0.0
        end: dict[str, object] = {
            "status": "partial_success" if unread else "success",
            "errors": errors,
            "processing_time": seconds,
            "timings": {},
        }
        yield b"," + dump(end).removeprefix(b"{")

    async def _content(self, task: Task, name: str) -> AsyncIterator[bytes]:
        if name == "json":
            async for piece in self._document(task):
                yield piece
            return
        writer = self._tasks.writer(FORMATS[name])
        if name != "html":
            between = task.options.labels.get(_BREAK_LABEL, "") if name == "md" else ""
            writer = BareWriter(writer, between=between)
        async for piece in as_json_string(self._tasks.write(task, writer)):
            yield piece

    async def _document(self, task: Task) -> AsyncIterator[bytes]:
        yield document_head(task.document, task.kind).encode()
        for name in LISTS:
            before, after = list_frame(name)
            yield before.encode()
            async for piece in self._tasks.write(task, DoclingWriter(name)):
                yield piece
            yield after.encode()
        yield b"}"


def _status(task: Task) -> Mapping[str, object]:
    progress = {
        "num_docs": 1,
        "num_processed": int(task.status.is_final),
        "num_succeeded": int(_STATES[task.status] == "success"),
        "num_failed": int(_STATES[task.status] == "failure"),
    }
    return {
        "task_id": task.task_id,
        "task_type": "convert",
        "task_status": _STATES[task.status],
        "task_position": None,
        "task_meta": progress,
        "error_message": task.failure_message if task.status.is_final else None,
    }


def _errors(unread: Sequence[UnreadPage]) -> list[Mapping[str, str]]:
    return [
        {
            "component_type": "pipeline",
            "module_name": "pagemill",
            "error_message": f"Page {page.number} was not read: {page.message} ({page.reason})",
        }
        for page in unread
    ]
