"""Receives the document of a request through a door: part of a form, member of a JSON object, or the body itself."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeVar

from fastapi import Request

from pagemill.domain.task.task import StoredDocument
from pagemill.web.compat.json_body import JsonBody
from pagemill.web.multipart import MultipartEvent, MultipartReader, PartBegun, PartData, PartEnded
from pagemill.web.problems import RequestRefused
from pagemill.web.receiving import (
    FORM,
    MAX_FIELD_BYTES,
    MAX_FORM_OVERHEAD_BYTES,
    body_chunks,
    refused_field,
)
from pagemill.web.senders import sender_of
from pagemill.web.uploads import UNNAMED, IncomingFile, UploadStore, too_large


class Wish(Protocol):
    """What a request asks for, beside its document."""

    @property
    def name(self) -> str:
        """The document's name; "" if the request names none."""
        ...


Asked = TypeVar("Asked", bound=Wish)
Fields = Mapping[str, Sequence[str]]
"""The fields of a form; each may be there several times."""


async def receive_form(
    request: Request, uploads: UploadStore, *, part: str, understand: Callable[[Fields], Asked]
) -> tuple[Asked, StoredDocument]:
    """Store the document of a form.

    Args:
        request: The request.
        uploads: Receives documents.
        part: The name of the document's part; a part with a file name is a document, too.
        understand: Reads the fields; it may refuse them.

    Raises:
        DocumentTooLarge: The document has too many bytes.
        InvalidDocument: The document is empty.
        RequestRefused: As `pagemill.web.receiving.receive_task`.
        ClientDisconnect: The sender disconnected; nothing is kept.
    """
    content_type = request.headers.get("content-type", "")
    if not is_form(request):
        raise RequestRefused("unsupported_media_type", f'Send the document as the part "{part}" of a {FORM} form.')
    _check_size(request, uploads.max_bytes)
    async with uploads.take_place(sender_of(request)) as file:
        form = _Form(file, part)
        reader = MultipartReader(content_type)
        async for chunk in body_chunks(request):
            for event in reader.feed(chunk):
                await form.take(event)
            form.check_overhead(len(chunk))
        reader.close()
        if not form.documents:
            raise refused_field(part, f'the form has no document; send it as the part named "{part}"')
        asked = understand(form.fields)
        return asked, await file.finish(asked.name or form.filename)


async def receive_json(
    request: Request,
    uploads: UploadStore,
    *,
    names: Collection[str],
    understand: Callable[[Mapping[str, object]], Asked],
) -> tuple[Asked, StoredDocument]:
    """Store the document in a JSON object; see `JsonBody` and `receive_form`."""
    asked, document = await find_json(request, uploads, names=names, understand=understand)
    if document is None:
        raise refused_field("body", f"the body has no document; send it in Base64 as {' or '.join(sorted(names))}")
    return asked, document


async def find_json(
    request: Request,
    uploads: UploadStore,
    *,
    names: Collection[str],
    understand: Callable[[Mapping[str, object]], Asked],
) -> tuple[Asked, StoredDocument | None]:
    """Like `receive_json`; the document is None if the object has none."""
    _check_size(request, uploads.max_bytes // 3 * 4)
    async with uploads.take_place(sender_of(request)) as file:
        body = JsonBody(names)
        async for chunk in body_chunks(request):
            if document := body.feed(chunk):
                await file.write(document)
        asked = understand(body.close())
        return asked, await file.finish(asked.name or UNNAMED) if body.has_document else None


async def receive_body(request: Request, uploads: UploadStore, *, name: str) -> StoredDocument:
    """Store a body that is a document; see `receive_form`."""
    _check_size(request, uploads.max_bytes)
    async with uploads.take_place(sender_of(request)) as file:
        chunks: AsyncIterator[bytes] = body_chunks(request)
        async for chunk in chunks:
            await file.write(chunk)
        return await file.finish(name or UNNAMED)


def is_form(request: Request) -> bool:
    """Whether the body is a form."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM


class _Form:
    """A form with one document."""

    def __init__(self, file: IncomingFile, part: str) -> None:
        self.fields: dict[str, list[str]] = {}
        self.filename = UNNAMED
        self.documents = 0
        self._file = file
        self._document = part
        self._part = PartBegun("", None)
        self._text = bytearray()
        self._overhead = 0

    async def take(self, event: MultipartEvent) -> None:
        """Take the next event of the form."""
        match event:
            case PartBegun():
                self._begin(event)
            case PartData() if self._is_document:
                self._overhead -= len(event.data)
                await self._file.write(event.data)
            case PartData():
                self._text += event.data
                if len(self._text) > MAX_FIELD_BYTES:
                    raise refused_field(self._part.name, f"longer than {MAX_FIELD_BYTES} bytes")
            case PartEnded() if not self._is_document:
                text, self._text = self._text.decode(errors="replace"), bytearray()
                self.fields.setdefault(self._part.name, []).append(text)

    def check_overhead(self, received: int) -> None:
        """Count bytes of the form, and refuse one with too many besides its document."""
        self._overhead += received
        if self._overhead > MAX_FORM_OVERHEAD_BYTES:
            message = f"The form may have at most {MAX_FORM_OVERHEAD_BYTES} bytes besides its document."
            raise RequestRefused("body_too_large", message, limit_bytes=MAX_FORM_OVERHEAD_BYTES)

    @property
    def _is_document(self) -> bool:
        return self._part.name == self._document or self._part.filename is not None

    def _begin(self, part: PartBegun) -> None:
        self._part = part
        if not self._is_document:
            return
        self.documents += 1
        if self.documents > 1:
            raise refused_field(part.name, "the form has two documents; send one with each request")
        self.filename = part.filename or UNNAMED


def _check_size(request: Request, most_bytes: int) -> None:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most_bytes + MAX_FORM_OVERHEAD_BYTES:
        raise too_large(int(declared), most_bytes)
