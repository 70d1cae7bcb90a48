"""The body of `POST /tasks`: a multipart form with the document in it, or the document itself."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from fastapi import Request

from pagemill.domain.documents import DocumentKind
from pagemill.domain.task.passwords import FIELD as PASSWORD
from pagemill.domain.task.task import TaskCreateRequest
from pagemill.web.access import caller_of
from pagemill.web.headers import check_password, document_password, idempotency_key
from pagemill.web.multipart import MAX_PARTS, MultipartEvent, MultipartReader, PartBegun, PartData, PartEnded
from pagemill.web.options import NAME, parse_options, refuse_unknown
from pagemill.web.problems import FieldProblem, RequestRefused
from pagemill.web.senders import sender_of
from pagemill.web.uploads import UNNAMED, IncomingFile, UploadStore, too_large

FILE_PART = "file"
FORM = "multipart/form-data"
MEDIA_TYPES: Mapping[DocumentKind, str] = {
    DocumentKind.PDF: "application/pdf",
    DocumentKind.PNG: "image/png",
    DocumentKind.JPEG: "image/jpeg",
    DocumentKind.TIFF: "image/tiff",
    DocumentKind.WEBP: "image/webp",
    DocumentKind.BMP: "image/bmp",
    DocumentKind.GIF: "image/gif",
    DocumentKind.HEIC: "image/heic",
    DocumentKind.AVIF: "image/avif",
}
"""Media types of documents that can be the body itself; the bytes decide the kind, whatever the type says."""
RAW_TYPES = (*MEDIA_TYPES.values(), "application/octet-stream")
MAX_FIELD_BYTES = 64 * 1024
MAX_FORM_OVERHEAD_BYTES = 1024 * 1024
"""The most bytes of a form besides its documents: fields, headers of parts, and text around the parts."""
OVERHEAD_OF_A_DOCUMENT = 1024
"""Further bytes for each document."""
PIECE_BYTES = 64 * 1024

_NOT_IN_URL = "URLs are kept in logs; send the password as a field of the form, or in the header Pagemill-Password"


async def receive_task(request: Request, uploads: UploadStore) -> TaskCreateRequest:
    """Store the document of a request, and parse its options.

    Everything that can be refused without the body is refused before a byte of it is read.

    Raises:
        DocumentTooLarge: The document has too many bytes.
        InvalidDocument: The document is empty.
        RequestRefused: `unsupported_media_type`, `malformed_body`, `invalid_request`, `too_many_uploads`,
            `upload_stalled`, `storage_full`.
        ClientDisconnect: The sender disconnected; nothing is kept.
    """
    key = idempotency_key(request)
    fields = query_fields(request)
    is_form = _is_form(request)
    check_declared_size(request, uploads.max_bytes)
    async with uploads.take_place(sender_of(request)) as file:
        chunks = body_chunks(request)
        if is_form:
            only = _OnlyDocument(file)
            await FormReceiver(only, fields).receive(chunks, request.headers["content-type"])
            name = only.name
        else:
            async for chunk in chunks:
                await file.write(chunk)
            name = UNNAMED
        password = take_password(request, fields)
        options = parse_options(fields)
        document = await file.finish(fields.get(NAME, "").strip() or name)
    caller = caller_of(request).name
    return TaskCreateRequest(document, options, caller=caller, idempotency_key=key, password=password)


def take_password(request: Request, fields: dict[str, str]) -> str | None:
    """Take the password of the documents out of the form's fields, or from the header; None if there is none.

    Raises:
        RequestRefused: `invalid_request`.
    """
    return check_password(fields.pop(PASSWORD, ""), field=PASSWORD) or document_password(request)


class DocumentSink(Protocol):
    """Receives a form's documents, one after the other."""

    def begin(self, name: str) -> None:
        """Begin a document; `name` is what its sender calls it."""
        ...

    async def write(self, data: bytes) -> None:
        """Take the next bytes of the document."""
        ...

    async def end(self) -> None:
        """End the document, which is complete."""
        ...


class _OnlyDocument:
    """Takes one document and no more."""

    def __init__(self, file: IncomingFile) -> None:
        self.name = ""
        self._file = file

    def begin(self, name: str) -> None:
        if self.name:
            raise refused_field(
                FILE_PART, "the form has two documents; send one task for each, or POST them to /batches"
            )
        self.name = name

    async def write(self, data: bytes) -> None:
        await self._file.write(data)

    async def end(self) -> None:
        pass


class FormReceiver:
    """Splits a form: its documents go to `documents`, its other parts to `fields`, where they replace the query's."""

    def __init__(self, documents: DocumentSink, fields: dict[str, str], *, max_parts: int = MAX_PARTS) -> None:
        self._documents = documents
        self._fields = fields
        self._named: set[str] = set()
        self._max_parts = max_parts
        self._part = ""
        self._text = bytearray()
        self._files = 0
        self._overhead = 0

    async def receive(self, chunks: AsyncIterator[bytes], content_type: str) -> None:
        """Read the form to its end.

        Raises:
            RequestRefused: `malformed_body`, `body_too_large` or `invalid_request`.
        """
        reader = MultipartReader(content_type, max_parts=self._max_parts)
        async for chunk in chunks:
            self._overhead += len(chunk)
            for event in reader.feed(chunk):
                await self._take(event)
            self._check_overhead()
        reader.close()
        if not self._files:
            raise refused_field(FILE_PART, 'the form has no document; send it as the part named "file"')

    def _check_overhead(self) -> None:
        limit = MAX_FORM_OVERHEAD_BYTES + self._files * OVERHEAD_OF_A_DOCUMENT
        if self._overhead > limit:
            message = f"The form may have at most {limit} bytes besides its documents. Remove what you do not need."
            raise RequestRefused("body_too_large", message, limit_bytes=limit)

    async def _take(self, event: MultipartEvent) -> None:
        match event:
            case PartBegun():
                self._begin(event)
            case PartData() if self._part == FILE_PART:
                self._overhead -= len(event.data)
                await self._documents.write(event.data)
            case PartData():
                self._text += event.data
                if len(self._text) > MAX_FIELD_BYTES:
                    raise refused_field(self._part, f"longer than {MAX_FIELD_BYTES} bytes")
            case PartEnded() if self._part == FILE_PART:
                await self._documents.end()
            case PartEnded():
                self._fields[self._part] = self._decode_text()

    def _begin(self, part: PartBegun) -> None:
        self._part = part.name
        if part.name == FILE_PART:
            self._files += 1
            self._documents.begin(part.filename or UNNAMED)
            return
        if part.name != PASSWORD:
            refuse_unknown([part.name])
        if part.name in self._named:
            raise refused_field(part.name, "given twice; send it once")
        self._named.add(part.name)

    def _decode_text(self) -> str:
        text, self._text = self._text, bytearray()
        try:
            return text.decode()
        except UnicodeDecodeError as error:
            raise refused_field(self._part, "not UTF-8") from error


def refused_field(field: str, message: str) -> RequestRefused:
    """The refusal of one field of the request."""
    return RequestRefused.for_fields([FieldProblem(field=field, message=message)])


def query_fields(request: Request) -> dict[str, str]:
    """The options in the query, checked.

    Raises:
        RequestRefused: `invalid_request`.
    """
    pairs = request.query_params.multi_items()
    fields = dict(pairs)
    if PASSWORD in fields:
        raise refused_field(f"query.{PASSWORD}", _NOT_IN_URL)
    refuse_unknown(fields)
    if len(fields) < len(pairs):
        raise RequestRefused("invalid_request", "The URL has a query parameter twice. Give each one once.")
    parse_options(fields)
    return fields


def _is_form(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM and kind not in RAW_TYPES and not kind.startswith("image/"):
        message = (
            f'Send the document as the part "file" of a {FORM} form, or as the body itself '
            f"with one of the types {', '.join(RAW_TYPES)}."
        )
        raise RequestRefused("unsupported_media_type", message, headers={"Accept-Post": ", ".join((FORM, *RAW_TYPES))})
    return kind == FORM


def check_declared_size(request: Request, max_bytes: int) -> None:
    """Refuse a body whose `Content-Length` is too large.

    Raises:
        DocumentTooLarge: It exceeds `max_bytes` and the overhead of a form.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes + MAX_FORM_OVERHEAD_BYTES:
        raise too_large(int(declared), max_bytes)


async def body_chunks(request: Request) -> AsyncIterator[bytes]:
    """The body as it arrives, in pieces that hold up the event loop for a few milliseconds each.

    Raises:
        RequestRefused: `upload_stalled`.
    """
    async for chunk in request.stream():
        for start in range(0, len(chunk), PIECE_BYTES):
            yield chunk[start : start + PIECE_BYTES]
            await asyncio.sleep(0)
