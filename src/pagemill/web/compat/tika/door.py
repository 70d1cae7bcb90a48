"""The endpoints of Tika's server that give text and metadata."""

import csv
import io
from collections.abc import AsyncIterator, Mapping, Sequence

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse

from pagemill.domain.errors import PagemillError
from pagemill.domain.task.results import UnreadPage
from pagemill.domain.task.task import Task, TaskOptions
from pagemill.domain.work.recognition import RecognitionOptions
from pagemill.version import __version__
from pagemill.web.access import DOORS
from pagemill.web.compat.door_tasks import DoorTasks
from pagemill.web.compat.page_writers import BareWriter, as_json_string, dump
from pagemill.web.compat.receiving import receive_body
from pagemill.web.compat.tika.headers import file_name, ignored_headers, languages, ocr_mode
from pagemill.web.compat.warnings import warn
from pagemill.web.key_ways import BasicPassword
from pagemill.web.negotiation import best_match
from pagemill.web.problems import RequestRefused, problem_headers, problem_of
from pagemill.web.receiving import MEDIA_TYPES

TEXT, HTML, XML, JSON, CSV = "text/plain", "text/html", "text/xml", "application/json", "text/csv"
CONTENT = "X-TIKA:content"
FAILED = "X-TIKA:EXCEPTION:container_exception"
WARNED = "X-TIKA:EXCEPTION:warn"


class TikaDoor:
    """See `Door`."""

    name = "tika"
    key_ways = (BasicPassword(),)

    def __init__(self, tasks: DoorTasks) -> None:
        self._tasks = tasks

    def router(self) -> APIRouter:
        """See `Door.router`."""
        router = APIRouter(prefix=f"{DOORS}{self.name}", include_in_schema=False)
        router.add_api_route("/tika", self.greet, response_model=None)
        router.add_api_route("/tika", self.read, methods=["PUT"], response_model=None)
        router.add_api_route("/tika/text", self.read_text, methods=["PUT"], response_model=None)
        router.add_api_route("/rmeta/text", self.read_recursively, methods=["PUT"], response_model=None)
        router.add_api_route("/meta", self.describe, methods=["PUT"], response_model=None)
        return router

    def refuse(self, request: Request, error: PagemillError | RequestRefused) -> Response:
        """See `Door.refuse`: metadata with an exception for those who want JSON, otherwise text."""
        problem = problem_of(request, error)
        headers = problem_headers(error)
        told = {FAILED: problem.detail}
        if request.url.path.endswith("/rmeta/text"):
            return JSONResponse([told], problem.status, headers=headers)
        if best_match(_accept(request), (TEXT, JSON)) == JSON:
            return JSONResponse(told, problem.status, headers=headers)
        return PlainTextResponse(problem.detail, problem.status, headers=headers)

    async def greet(self) -> Response:
        """Tells that the service is there."""
        return PlainTextResponse(f"This is Pagemill {__version__}, in the place of Tika Server. Please PUT\n")

    async def read(self, request: Request) -> Response:
        """The text of a document; HTML or JSON if the client asks for it."""
        kind = best_match(_accept(request), (TEXT, HTML, XML, JSON)) or TEXT
        task = await self._read(request)
        if kind == JSON:
            return self._warn(request, self._json(task, await self._tasks.find_unread(task), is_list=False))
        if kind == TEXT:
            return self._warn(request, self._plain(task))
        return self._warn(request, StreamingResponse(self._tasks.write(task, "html"), media_type=kind))

    async def read_text(self, request: Request) -> Response:
        """The text of a document with its metadata; the text alone if the client asks for it."""
        kind = best_match(_accept(request), (JSON, TEXT)) or JSON
        task = await self._read(request)
        if kind == TEXT:
            return self._warn(request, self._plain(task))
        return self._warn(request, self._json(task, await self._tasks.find_unread(task), is_list=False))

    async def read_recursively(self, request: Request) -> Response:
        """The text of a document with its metadata, as a list with one item: nothing is taken out of documents."""
        task = await self._read(request)
        return self._warn(request, self._json(task, await self._tasks.find_unread(task), is_list=True))

    async def describe(self, request: Request) -> Response:
        """The metadata of a document, without reading it."""
        kind = best_match(_accept(request), (CSV, JSON)) or CSV
        document = await receive_body(request, self._tasks.uploads, name=file_name(request))
        task = await self._tasks.submit(request, document, self._options(request).model_copy(update={"start": False}))
        await self._tasks.delete(task.task_id)
        told = _metadata(task, ())
        response = JSONResponse(told) if kind == JSON else PlainTextResponse(_as_csv(told), media_type=CSV)
        return self._warn(request, response)

    async def _read(self, request: Request) -> Task:
        options = self._options(request)
        document = await receive_body(request, self._tasks.uploads, name=file_name(request))
        return await self._tasks.read(request, document, options)

    def _options(self, request: Request) -> TaskOptions:
        usual = RecognitionOptions()
        known, _ = self._tasks.split_languages(languages(request), usual.engine)
        recognition = usual.model_copy(update={"ocr": ocr_mode(request), "languages": known})
        return TaskOptions(recognition=recognition, labels={"door": self.name})

    def _plain(self, task: Task) -> Response:
        pieces = self._tasks.write(task, BareWriter(self._tasks.writer("text")))
        return StreamingResponse(pieces, media_type=TEXT)

    def _json(self, task: Task, unread: Sequence[UnreadPage], *, is_list: bool) -> Response:
        return StreamingResponse(self._write(task, unread, is_list=is_list), media_type=JSON)

    async def _write(self, task: Task, unread: Sequence[UnreadPage], *, is_list: bool) -> AsyncIterator[bytes]:
        yield (b"[" if is_list else b"") + dump(_metadata(task, unread)).removesuffix(b"}")
        yield b"," + dump(CONTENT) + b":"
        async for piece in as_json_string(self._tasks.write(task, BareWriter(self._tasks.writer("text")))):
            yield piece
        yield b"}]" if is_list else b"}"

    def _warn(self, request: Request, response: Response) -> Response:
        _, unknown = self._tasks.split_languages(languages(request), RecognitionOptions().engine)
        ignored = [*ignored_headers(request), *(f"x-tika-ocrlanguage={each}" for each in unknown)]
        warn(request, response, ignored)
        return response


def _accept(request: Request) -> str:
    return request.headers.get("accept", "*/*")


def _metadata(task: Task, unread: Sequence[UnreadPage]) -> Mapping[str, object]:
    told: dict[str, object] = {
        "Content-Type": MEDIA_TYPES[task.kind],
        "resourceName": task.document.name,
        "Content-Length": str(task.document.size_bytes),
        "xmpTPg:NPages": str(task.page_count),
        "X-TIKA:Parsed-By": ["pagemill"],
    }
    if unread:
        told[WARNED] = [f"Page {page.number} was not read: {page.message} ({page.reason})" for page in unread]
    return told


def _as_csv(told: Mapping[str, object]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for name, value in told.items():
        writer.writerow([name, *(value if isinstance(value, list) else [value])])
    return file.getvalue()
