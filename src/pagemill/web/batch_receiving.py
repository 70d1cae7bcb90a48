"""The body of `POST /batches`: a multipart form with several documents, and options for all of them."""

from collections.abc import Sequence

from fastapi import Request

from pagemill.domain.task.document_batch import check_size
from pagemill.domain.task.task import TaskCreateRequest
from pagemill.web.access import caller_of
from pagemill.web.multipart import MAX_PARTS
from pagemill.web.options import NAME, parse_options
from pagemill.web.problems import RequestRefused
from pagemill.web.receiving import (
    FORM,
    FormReceiver,
    body_chunks,
    check_declared_size,
    query_fields,
    refused_field,
    take_password,
)
from pagemill.web.senders import sender_of
from pagemill.web.uploads import IncomingBatch, UploadStore


async def receive_batch(request: Request, uploads: UploadStore, *, most: int) -> Sequence[TaskCreateRequest]:
    """Store the documents that the request carries, and parse their options.

    Raises:
        BatchTooLarge: The batch has too many documents.
        DocumentTooLarge: A document has too many bytes.
        InvalidDocument: A document is empty.
        RequestRefused: As `receive_task`.
        ClientDisconnect: The sender disconnected; nothing is kept.
    """
    fields = query_fields(request)
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != FORM:
        message = f'Send the documents as parts named "file" of a {FORM} form.'
        raise RequestRefused("unsupported_media_type", message, headers={"Accept-Post": FORM})
    check_declared_size(request, most * uploads.max_bytes)
    async with uploads.incoming_batch(sender_of(request)) as incoming:
        form = FormReceiver(_Bounded(incoming, most), fields, max_parts=most + MAX_PARTS)
        await form.receive(body_chunks(request), content_type)
        if NAME in fields:
            raise refused_field(NAME, "not possible in a batch, which names each document after its file; leave it out")
        password = take_password(request, fields)
        options = parse_options(fields)
        caller = caller_of(request).name
        await incoming.touch()  # the documents have no task until all are inspected
        return [
            TaskCreateRequest(document, options, caller=caller, password=password) for document in incoming.documents
        ]


class _Bounded:
    """Takes documents up to the limit of a batch."""

    def __init__(self, incoming: IncomingBatch, most: int) -> None:
        self._incoming = incoming
        self._most = most

    def begin(self, name: str) -> None:
        check_size(len(self._incoming.documents) + 1, self._most)
        self._incoming.begin(name)

    async def write(self, data: bytes) -> None:
        await self._incoming.write(data)

    async def end(self) -> None:
        await self._incoming.end()
