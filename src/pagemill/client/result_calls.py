"""Calls about results: single pages, their pictures, and results in every format."""

from collections.abc import Mapping
from contextlib import ExitStack, aclosing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from pagemill.client.calls import Calls, TaskRef, parse_answer, path_of, read_whole, refusal_of
from pagemill.client.errors import ClientError, DocumentUnusable
from pagemill.client.sending import password_header
from pagemill.client.transport import Request
from pagemill.domain.page.figure import PageFigure
from pagemill.domain.page.page import Page

RESULT_SILENCE_S = 300.0
"""The service makes a searchable PDF or an archive on the first request."""


@dataclass(frozen=True)
class Result:
    """A result.

    Attributes:
        content: Its bytes.
        media_type: Its media type, with parameters.
        is_complete: Whether it contains every requested page.
    """

    content: bytes
    media_type: str
    is_complete: bool

    @property
    def text(self) -> str:
        """The content of a text format."""
        return self.content.decode()


class ResultCalls(Calls):
    """Results."""

    async def page(self, task: TaskRef, number: int) -> Page:
        """A page that was read, with blocks, lines, words and their polygons; numbers start at 1."""
        return parse_answer(await self._send(Request("GET", path_of(task, "pages", number))), PageFigure)

    async def image(self, task: TaskRef, number: int, *, password: str | None = None) -> bytes:
        """The page as a JPEG, upright; numbers start at 1. A protected PDF of a finished task needs its `password`."""
        path = path_of(task, "pages", number, "image")
        request = Request("GET", path, headers=password_header(password), silence_s=RESULT_SILENCE_S)
        return (await self._send(request)).body

    async def result(
        self,
        task: TaskRef,
        format: str = "text",  # noqa: A002 - its name on the wire
        *,
        keep_furniture: bool = False,
        password: str | None = None,
    ) -> Result:
        """The finished pages in one format, even while the task runs.

        Args:
            task: The task.
            format: text, markdown, json, html, hocr, alto, csv, pdf, pdf-inert or zip; `setup()` lists them.
            keep_furniture: Keep headers, footers and page numbers, which text and Markdown leave out.
            password: Of a protected PDF, for the format pdf.

        Raises:
            NotInThatState: No page is finished (yet), or the format is only available after the task has ended.
            ClientError: See the tree in `pagemill.client.errors`.
        """
        reply = await self._send(_request(task, format, keep_furniture=keep_furniture, password=password))
        return Result(reply.body, reply.headers.get("content-type", ""), _is_complete(reply.headers))

    async def download(
        self,
        task: TaskRef,
        to: Path | str | BinaryIO,
        format: str = "text",  # noqa: A002 - its name on the wire
        *,
        keep_furniture: bool = False,
        password: str | None = None,
    ) -> bool:
        """Download the result to a file, piece by piece; a file gets its name only when it is complete.

        Args:
            task: The task.
            to: The path of the file, which is replaced; or an open, seekable file.
            format: As for `result`.
            keep_furniture: As for `result`.
            password: As for `result`.

        Returns:
            Whether it contains every requested page.

        Raises:
            DocumentUnusable: The file is not writable.
            ClientError: As for `result`.
        """
        request = _request(task, format, keep_furniture=keep_furniture, password=password)
        with ExitStack() as stack:
            if isinstance(to, str | Path):
                target = Path(to)
                out = await self._transport.offload(lambda: _open_part(target))
                stack.callback(_remove_part, _part_of(target))
                stack.enter_context(out)
                complete = await self._fill(out, request)
                await self._transport.offload(lambda: _finish_part(out, target))
                return complete
            return await self._fill(to, request)

    async def _fill(self, out: BinaryIO, request: Request) -> bool:
        """Write the answer's body to a file, and start over if the connection breaks."""
        retrying, destination = self._start_retrying(), _Destination(out)
        while True:
            try:
                return await self._copy_body(destination, request)
            except ClientError as error:
                pause = retrying.pause_after(error)
                if not destination.rewound():
                    raise
            await self._transport.sleep(pause)

    async def _copy_body(self, destination: "_Destination", request: Request) -> bool:
        async with self._transport.stream(request) as reply:
            if not 200 <= reply.status < 300:
                raise refusal_of(await read_whole(reply))
            async with aclosing(reply.chunks()) as chunks:
                async for chunk in chunks:
                    await self._transport.offload(partial(destination.write, chunk))
            return _is_complete(reply.headers)


class _Destination:
    """A file that can be started over while it is empty or if it is seekable."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._start = out.tell() if out.seekable() else None
        self._touched = False

    def write(self, data: bytes) -> None:
        self._touched = True
        try:
            self._out.write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise DocumentUnusable(f"Cannot write the result: {error.strerror}.") from error

    def rewound(self) -> bool:
        """Go back to the start, and return whether that worked."""
        if self._touched and self._start is not None:
            self._out.seek(self._start)
            self._out.truncate()
            self._touched = False
        return not self._touched


def _request(task: TaskRef, form: str, *, keep_furniture: bool, password: str | None) -> Request:
    query = {"format": form, **({"keep_furniture": "true"} if keep_furniture else {})}
    return Request(
        "GET", path_of(task, "result"), query=query, headers=password_header(password), silence_s=RESULT_SILENCE_S
    )


def _is_complete(headers: Mapping[str, str]) -> bool:
    return headers.get("pagemill-complete") == "true"


def _part_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")


def _open_part(target: Path) -> BinaryIO:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return _part_of(target).open("wb")
    except OSError as error:
        raise _unwritable_file(target, error) from error


def _finish_part(out: BinaryIO, target: Path) -> None:
    try:
        out.close()
        _part_of(target).replace(target)
    except OSError as error:
        raise _unwritable_file(target, error) from error


def _remove_part(part: Path) -> None:
    with suppress(OSError):
        part.unlink(missing_ok=True)


def _unwritable_file(target: Path, error: OSError) -> DocumentUnusable:
    return DocumentUnusable(f"Cannot write {target}: {error.strerror}.")
