"""Delivers a task's result: chooses its format and headers, and sends it page by page or from a file."""

import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import FileResponse, Response, StreamingResponse

from pagemill.domain.task.results import ResultFormat, explain_unknown_format, result_name
from pagemill.domain.task.task import Task
from pagemill.tasks.results.result_files import result_tag
from pagemill.web.negotiation import best_match
from pagemill.web.problems import FieldProblem, RequestRefused

_SOME = r" *([0-9]{1,18} *- *[0-9]{0,18}|- *[0-9]{1,18}) *"
_RANGE = re.compile(rf" *bytes *=(?P<spans>{_SOME}(,{_SOME})*)", re.IGNORECASE)
_SPAN = re.compile(r"([0-9]+) *- *([0-9]*)")
COMPLETE = "Pagemill-Complete"
STATUS = "Pagemill-Task-Status"
RUNS_NOTHING = "sandbox; default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
SHOWN_INLINE = frozenset({"text/plain", "application/json"})
"""Formats that a browser may show because it cannot run them. It saves all others: they hold a stranger's text."""


def choose_format(formats: Mapping[str, ResultFormat], name: str | None, accept: str) -> ResultFormat:
    """The requested format: by name, otherwise by the `Accept` header, otherwise the first.

    Raises:
        RequestRefused: `invalid_request` or `not_acceptable`, with the available formats.
    """
    known = ", ".join(formats)
    if name is not None:
        if name not in formats:
            problem = FieldProblem(field="format", message=explain_unknown_format(name, formats))
            raise RequestRefused.for_fields([problem])
        return formats[name]
    by_type: dict[str, ResultFormat] = {}
    for result in formats.values():
        by_type.setdefault(_bare_type(result.media_type), result)
    best = best_match(accept, tuple(by_type))
    if best is None:
        message = (
            f"The result is available as {', '.join(by_type)}. Choose one with the Accept header, or with "
            f"format={known}."
        )
        raise RequestRefused("not_acceptable", message)
    return by_type[best]


def check_deliverable(task: Task, result: ResultFormat, *, needs_end: bool) -> None:
    """Refuse a result that is not available.

    Raises:
        RequestRefused: `result_not_ready` if the task runs and has no finished page, or the format needs all of them;
            `no_result` if it ended without a finished page.
    """
    if task.pages_done == 0:
        raise _nothing_yet(task)
    if needs_end and not task.status.is_final:
        message = (
            f"Task {task.task_id} is {task.status}; the service makes a {result.name} after the task has "
            "ended. Try again then."
        )
        raise RequestRefused("result_not_ready", message, retryable=True, pages_total=task.pages_total)


def forget_invalid_range(request: Request) -> None:
    """Drop a `Range` header that names no valid range of bytes (RFC 9110, 14.2)."""
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if asked is None or any(last and int(first) > int(last) for first, last in _SPAN.findall(asked["spans"])):
        request.scope["headers"] = [pair for pair in request.scope["headers"] if pair[0] != b"range"]


def result_headers(task: Task, result: ResultFormat, *, keep_furniture: bool = False) -> dict[str, str]:
    """The headers of a result; only the result of a finished task has a tag and supports parts."""
    headers = {
        COMPLETE: "true" if task.pages_done == task.pages_total else "false",
        STATUS: task.status.value,
        "Content-Disposition": _disposition(task, result),
        "Content-Security-Policy": RUNS_NOTHING,
        "Cache-Control": "private, no-cache",
        "Vary": "Accept",
    }
    if task.status.is_final:
        tag = result_tag(task, result, keep_furniture=keep_furniture)
        headers |= {"ETag": f'"{tag}"', "Accept-Ranges": "bytes"}
    return headers


def stream_result(headers: Mapping[str, str], result: ResultFormat, pieces: AsyncIterator[bytes]) -> Response:
    """A response with the finished pages, streamed from the database."""
    return StreamingResponse(pieces, media_type=result.media_type, headers=headers)


def from_file(headers: Mapping[str, str], result: ResultFormat, path: Path) -> Response:
    """A response with a result from a file, or the requested parts of it (`Range`, `If-Range`)."""
    return FileResponse(path, media_type=result.media_type, headers=headers)


def _nothing_yet(task: Task) -> RequestRefused:
    if not task.status.is_final:
        message = f"Task {task.task_id} is {task.status} and has no finished page yet. Try again later."
        return RequestRefused("result_not_ready", message, retryable=True, pages_total=task.pages_total)
    why = f" ({task.failure_reason}: {task.failure_message})" if task.failure_reason else ""
    message = f"Task {task.task_id} is {task.status}, and no page of it was read{why}."
    return RequestRefused("no_result", message, pages_total=task.pages_total, pages_failed=task.pages_failed)


def _disposition(task: Task, result: ResultFormat) -> str:
    """RFC 6266; percent-encodes the sender's name, so that nothing in it can end the header."""
    name = quote(result_name(task.document.name, result.extension), safe="")
    kind = "inline" if _bare_type(result.media_type) in SHOWN_INLINE else "attachment"
    return f"{kind}; filename=\"{task.task_id}{result.extension}\"; filename*=UTF-8''{name}"


def _bare_type(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()
