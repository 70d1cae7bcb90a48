"""JSON: one object with the document and its pages, in the canonical page model."""

import json

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.page.page import Page
from pagemill.domain.task.results import ResultHeader

SCHEMA = "pagemill/result/1"
"""Names the layout of the file; it changes when programs could misread the new layout."""


class JsonWriter:
    """One object: `schema`, `document`, and `pages`, each like `Page`, with `status` "read" or "unread"."""

    name = "json"
    media_type = "application/json"
    extension = ".json"
    leaves_out_furniture = False

    def __init__(self) -> None:
        self._separator = b""

    def begin(self, header: ResultHeader) -> bytes:
        """See `ResultWriter.begin`. Schema, document, and the opening of the list of pages."""
        self._separator = b"\n"
        document = {
            "task_id": header.task_id,
            "name": header.document,
            "page_count": header.page_count,
            "pages_total": header.pages_total,
            "status": header.status,
            "created_at": header.created_at and header.created_at.isoformat(),
            "finished_at": header.finished_at and header.finished_at.isoformat(),
            "pagemill_version": header.pagemill_version,
        }
        return b'{"schema":%s,"document":%s,"pages":[' % (_encode_json(SCHEMA), _encode_json(document))

    def page(self, page: Page) -> bytes:
        """See `ResultWriter.page`. Its blocks, lines and words."""
        return self._item(b'{"status":"read",' + page.to_json().removeprefix(b"{"))

    def mark_unread(self, page_number: int, reason: TaskFailureReason, message: str) -> bytes:
        """See `ResultWriter.mark_unread`. An entry that says why the page is missing."""
        return self._item(
            _encode_json({"status": "unread", "number": page_number, "reason": reason.value, "message": message})
        )

    def end(self) -> bytes:
        """See `ResultWriter.end`. The closing brackets."""
        return b"\n]}\n"

    def _item(self, item: bytes) -> bytes:
        separator, self._separator = self._separator, b",\n"
        return separator + item


def _encode_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace")
