"""A task's result on its way out: in which form, under which headers, page by page."""

from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote

from fastapi.responses import Response, StreamingResponse

from pagemill.domain.results import ResultWriter
from pagemill.domain.tasks import Task
from pagemill.web.negotiation import best_match
from pagemill.web.problems import FieldProblem, RequestRefused

COMPLETE = "Pagemill-Complete"
STATUS = "Pagemill-Task-Status"


def choose_writer(writers: Mapping[str, ResultWriter], name: str | None, accept: str) -> ResultWriter:
    """A writer of the form a request asks for: by name, else by its `Accept` header, else the first.

    Raises:
        RequestRefused: `invalid_request` or `not_acceptable`, with the forms there are.
    """
    known = ", ".join(writers)
    if name is not None:
        if name not in writers:
            problem = FieldProblem(field="format", message=f"there is no format {name!r}; there are: {known}")
            raise RequestRefused.for_fields([problem])
        return writers[name]
    by_type: dict[str, ResultWriter] = {}
    for writer in writers.values():
        by_type.setdefault(_bare(writer.media_type), writer)
    best = best_match(accept, tuple(by_type))
    if best is None:
        message = f"The result can be had as {', '.join(by_type)}; ask by Accept, or by format={known}."
        raise RequestRefused("not_acceptable", message)
    return by_type[best]


def result_response(task: Task, writer: ResultWriter, pieces: AsyncIterator[bytes]) -> Response:
    """The finished pages, streamed as they are read from the database.

    Args:
        task: Whose they are.
        writer: What writes them.
        pieces: `TaskReads.write` of it; not begun yet.

    Raises:
        RequestRefused: No page is finished: `result_not_ready` while there is hope, else `no_result`.
    """
    if task.pages_done == 0:
        raise _nothing_yet(task)
    return StreamingResponse(
        pieces,
        media_type=writer.media_type,
        headers={
            COMPLETE: "true" if task.pages_done == task.pages_total else "false",
            STATUS: task.status.value,
            "Content-Disposition": _disposition(task, writer.extension),
            "Vary": "Accept",
        },
    )


def _nothing_yet(task: Task) -> RequestRefused:
    if not task.status.is_final:
        message = f"Task {task.task_id} is {task.status} and has no finished page yet; ask again later."
        return RequestRefused("result_not_ready", message, retryable=True, pages_total=task.pages_total)
    why = f" ({task.failure_reason}: {task.failure_message})" if task.failure_reason else ""
    message = f"Task {task.task_id} is {task.status} and has no page that was read{why}."
    return RequestRefused("no_result", message, pages_total=task.pages_total, pages_failed=task.pages_failed)


def _disposition(task: Task, extension: str) -> str:
    """RFC 6266; the sender's name goes out only percent-encoded, so that nothing in it can end the header."""
    stem = task.document.name.rpartition(".")[0] or task.document.name
    return f"inline; filename=\"{task.task_id}{extension}\"; filename*=UTF-8''{quote(stem + extension, safe='')}"


def _bare(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()
