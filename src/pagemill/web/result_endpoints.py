"""The result of a task over HTTP: page by page as it is read, or from a complete file."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from pagemill.domain.task.results import ResultWriter, result_formats
from pagemill.tasks.results.result_files import ResultFiles
from pagemill.tasks.task_reader import TaskReader
from pagemill.web.dashboard_routes import not_modified
from pagemill.web.delivering import (
    check_deliverable,
    choose_format,
    forget_invalid_range,
    from_file,
    result_headers,
    stream_result,
)
from pagemill.web.headers import document_password
from pagemill.web.openapi import (
    ANYWHERE,
    format_parameter,
    password_parameter,
    problem_responses,
    range_parameters,
    result_response,
)
from pagemill.web.paths import TaskId

KeepFurniture = Annotated[
    bool, Query(description="Keep headers, footers and page numbers, which text and Markdown leave out.")
]

_RESULT = (
    "not_found",
    "not_acceptable",
    "result_not_ready",
    "no_result",
    "invalid_request",
    "invalid_document",
    "unsupported_format",
    "encrypted_document",
    "page_unreadable",
    "pool_exhausted",
    "never_fits",
    "timed_out",
    "worker_lost",
)


class ResultEndpoints:
    """The endpoint for results, in every format."""

    def __init__(self, reads: TaskReader, *, writers: Mapping[str, ResultWriter], files: ResultFiles) -> None:
        self._reads = reads
        self._writers = writers
        self._files = files
        self._formats = result_formats(writers)

    def router(self) -> APIRouter:
        """The endpoint at its path."""
        router = APIRouter(tags=["tasks"], responses=problem_responses(*ANYWHERE))
        router.add_api_route(
            "/tasks/{task_id}/result",
            self.result,
            response_model=None,
            summary="Get the result",
            openapi_extra={"parameters": [format_parameter(self._formats), *range_parameters(), password_parameter()]},
            responses={
                200: result_response(each.media_type for each in self._formats.values()),
                206: {"description": "The requested parts (`Range`) of the result of a finished task."},
                304: {"description": "Not modified: the client already has it (`If-None-Match`)."},
                **problem_responses(*_RESULT),
                416: {"description": "The result does not have this part."},
            },
        )
        return router

    async def result(self, task_id: TaskId, request: Request, keep_furniture: KeepFurniture = False) -> Response:
        """The finished pages, even while the task runs; `Pagemill-Complete` says whether these are all pages.

        Text and Markdown leave out headers, footers and page numbers (in JSON, blocks of these kinds) unless you set
        `keep_furniture`.

        The service makes a searchable PDF and an archive of all other formats (zip) after the task has ended. From then
        on, results have an `ETag`, and you can request parts with `Range`.
        """
        forget_invalid_range(request)
        password = document_password(request)
        wanted = choose_format(self._formats, request.query_params.get("format"), request.headers.get("accept", ""))
        writer = self._writers.get(wanted.name)
        task = await self._reads.get_task(task_id)
        check_deliverable(task, wanted, needs_end=writer is None)
        headers = result_headers(task, wanted, keep_furniture=keep_furniture)
        if "ETag" in headers and not_modified(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        in_parts = task.status.is_final and "range" in request.headers
        if writer is not None and not in_parts:
            pieces = self._reads.write(task_id, writer, keep_furniture=keep_furniture)
            return stream_result(headers, wanted, pieces)
        path = await self._files.file(task_id, wanted, keep_furniture=keep_furniture, password=password)
        return from_file(headers, wanted, path)
