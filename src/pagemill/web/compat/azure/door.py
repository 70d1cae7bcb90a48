"""The endpoints of an analysis with `prebuilt-read`: begin, poll, fetch the searchable PDF, delete."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse

from pagemill.domain.errors import NotFound, PagemillError
from pagemill.domain.task.results import SEARCHABLE_PDF
from pagemill.domain.task.task import StoredDocument, Task, TaskOptions, TaskStatus
from pagemill.domain.work.recognition import RecognitionOptions
from pagemill.web.access import DOORS
from pagemill.web.compat.azure.analysis import CONTENT, LISTS, AnalysisWriter
from pagemill.web.compat.azure.options import (
    IGNORED_LABEL,
    INDEX_LABEL,
    AnalyzeOptions,
    api_version,
    count_by,
    query_options,
    understand_body,
)
from pagemill.web.compat.door_tasks import DoorTasks, failure_of
from pagemill.web.compat.entrance import url_of
from pagemill.web.compat.page_writers import as_json_string, dump
from pagemill.web.compat.receiving import receive_body, receive_json
from pagemill.web.compat.warnings import sentence_about, warn
from pagemill.web.key_ways import KeyHeader
from pagemill.web.paths import TaskId
from pagemill.web.problems import PROBLEMS, RequestRefused, problem_headers, problem_of

MODEL = "prebuilt-read"
ROOT = "/documentintelligence/documentModels"
SOON = {"Retry-After": "1"}
"""Without it, Azure's client asks only every 30 s."""
_LONGEST_LABEL = 255
_CODES: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "Unauthorized",
    HTTPStatus.FORBIDDEN: "Forbidden",
    HTTPStatus.NOT_FOUND: "NotFound",
    HTTPStatus.METHOD_NOT_ALLOWED: "MethodNotAllowed",
    HTTPStatus.CONFLICT: "Conflict",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "InvalidContentLength",
    HTTPStatus.TOO_MANY_REQUESTS: "TooManyRequests",
    HTTPStatus.SERVICE_UNAVAILABLE: "ServiceUnavailable",
}
_STATES: Mapping[TaskStatus, str] = {
    TaskStatus.CREATED: "notStarted",
    TaskStatus.QUEUED: "notStarted",
    TaskStatus.RUNNING: "running",
    TaskStatus.RETRYING: "running",
    TaskStatus.CANCELLING: "running",
    TaskStatus.SUCCEEDED: "succeeded",
    TaskStatus.PARTIALLY_SUCCEEDED: "succeeded",
    TaskStatus.FAILED: "failed",
    TaskStatus.CANCELLED: "canceled",
    TaskStatus.EXPIRED: "failed",
}


class AzureDoor:
    """See `Door`."""

    name = "azure"
    key_ways = (KeyHeader("Ocp-Apim-Subscription-Key"),)

    def __init__(self, tasks: DoorTasks) -> None:
        self._tasks = tasks

    def router(self) -> APIRouter:
        """See `Door.router`."""
        router = APIRouter(prefix=f"{DOORS}{self.name}{ROOT}", include_in_schema=False)
        router.add_api_route("/{model_id}:analyze", self.analyze, methods=["POST"], response_model=None)
        result = "/{model_id}/analyzeResults/{task_id}"
        router.add_api_route(result, self.result, response_model=None)
        router.add_api_route(result, self.delete, methods=["DELETE"], status_code=204, response_model=None)
        router.add_api_route(f"{result}/pdf", self.pdf, response_model=None)
        return router

    def refuse(self, request: Request, error: PagemillError | RequestRefused) -> Response:
        """See `Door.refuse`: an error with our kind of problem within."""
        problem = problem_of(request, error)
        usual = "InvalidRequest" if problem.status < HTTPStatus.INTERNAL_SERVER_ERROR else "InternalServerError"
        code = _CODES.get(problem.status, usual)
        content = {"error": _error(code, problem.detail, inner=problem.code)}
        return JSONResponse(content, problem.status, headers=problem_headers(error))

    async def analyze(self, model_id: str, request: Request) -> Response:
        """Begin to read a document: the body, or its `base64Source`."""
        if model_id != MODEL:
            raise NotFound(f"There is no model {model_id[:64]!r} here; use {MODEL}.")
        asked = query_options(request.query_params)
        options, ignored = self._options(asked)
        task = await self._tasks.submit(request, await self._receive(request), options)
        where = url_of(request, f"{ROOT}/{MODEL}/analyzeResults/{task.task_id}")
        location = f"{where}?api-version={api_version(request.query_params)}"
        response = Response(status_code=202, headers={"Operation-Location": location, **SOON})
        warn(request, response, ignored)
        return response

    async def result(self, model_id: str, task_id: TaskId, request: Request) -> Response:
        """The status of the analysis, with its result once it has ended."""
        del model_id
        task = await self._tasks.get(task_id)
        if not task.status.is_final:
            return JSONResponse(_status(task), headers=SOON)
        if task.pages_done == 0:
            problem = failure_of(task)
            code = "InvalidRequest" if PROBLEMS[problem.code][0] < HTTPStatus.INTERNAL_SERVER_ERROR else "InternalError"
            message = problem_of(request, problem).detail
            return JSONResponse({**_status(task), "error": _error(code, message, inner=problem.code)})
        return StreamingResponse(
            self._write(task, version=api_version(request.query_params)), media_type="application/json"
        )

    async def pdf(self, model_id: str, task_id: TaskId) -> Response:
        """The document as a searchable PDF."""
        del model_id
        path = await self._tasks.file(await self._tasks.get(task_id), SEARCHABLE_PDF)
        return FileResponse(path, media_type=SEARCHABLE_PDF.media_type)

    async def delete(self, model_id: str, task_id: TaskId) -> None:
        """Delete the document and its result; cancel the analysis if it still runs."""
        del model_id
        await self._tasks.delete(task_id)

    async def _receive(self, request: Request) -> StoredDocument:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            return await receive_body(request, self._tasks.uploads, name="")
        names = ("base64Source",)
        _, document = await receive_json(request, self._tasks.uploads, names=names, understand=understand_body)
        return document

    def _options(self, asked: AnalyzeOptions) -> tuple[TaskOptions, tuple[str, ...]]:
        """Our options, and the client's options without effect."""
        usual = RecognitionOptions()
        languages, unknown = self._tasks.split_languages(asked.languages, usual.engine)
        ignored = (*asked.ignored, *(f"locale={language}" for language in unknown))
        labels = {"door": self.name, INDEX_LABEL: asked.index}
        if sentence := sentence_about(ignored):
            labels[IGNORED_LABEL] = sentence[:_LONGEST_LABEL]
        recognition = usual.model_copy(update={"languages": languages})
        return TaskOptions(pages=asked.pages, recognition=recognition, labels=labels), ignored

    async def _write(self, task: Task, *, version: str) -> AsyncIterator[bytes]:
        index = count_by(task)
        result = {"apiVersion": version, "modelId": MODEL, "stringIndexType": index, "contentFormat": "text"}
        yield dump({**_status(task), "status": "succeeded"}).removesuffix(b"}")
        yield b',"analyzeResult":' + dump(result).removesuffix(b"}") + b',"content":'
        writer = AnalysisWriter(CONTENT, kind=task.kind, index=index)
        async for piece in as_json_string(self._tasks.write(task, writer)):
            yield piece
        for name in LISTS:
            yield f',"{name}":['.encode()
            async for piece in self._tasks.write(task, AnalysisWriter(name, kind=task.kind, index=index)):
                yield piece
            yield b"]"
        yield b',"styles":[]}}'


def _status(task: Task) -> Mapping[str, object]:
    return {
        "status": _STATES[task.status],
        "createdDateTime": _time(task.created_at),
        "lastUpdatedDateTime": _time(task.finished_at or task.started_at or task.created_at),
    }


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _error(code: str, message: str, *, inner: str) -> Mapping[str, object]:
    return {"code": code, "message": message, "innererror": {"code": inner, "message": message}}
