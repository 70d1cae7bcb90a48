"""Writes the reference of errors from the tables the service answers by: `python scripts/write_errors.py`."""

import ast
from collections.abc import Iterator
from pathlib import Path

from pagemill.domain.errors import PagemillError, TaskFailureReason
from pagemill.web import problems

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "errors.md"
WEB = Path(problems.__file__).parent
MEANINGS = {
    TaskFailureReason.INVALID_REQUEST: "What was asked for does not fit the document, such as a page it does not have.",
    TaskFailureReason.UNSUPPORTED_FORMAT: "The bytes are none of the kinds that can be read.",
    TaskFailureReason.INVALID_DOCUMENT: "The kind is known, but the file is damaged beyond opening.",
    TaskFailureReason.ENCRYPTED_DOCUMENT: "The document needs a password; send it without one.",
    TaskFailureReason.DOCUMENT_TOO_LARGE: "More bytes, pages or pixels than the settings allow; send it in parts.",
    TaskFailureReason.PAGE_UNREADABLE: "The page cannot be rendered or its image decoded.",
    TaskFailureReason.ENGINE_ERROR: "The engine failed on this page, every time it was tried.",
    TaskFailureReason.WORKER_CRASHED: "The page ended its workers; its model set does not try it again for a day.",
    TaskFailureReason.TIMEOUT: "The page took longer than `tasks.page_timeout_seconds`.",
    TaskFailureReason.QUEUE_TIMEOUT: "The task was not let in within `tasks.queue_timeout_seconds`.",
    TaskFailureReason.DEADLINE_EXCEEDED: "The task's own `deadline_seconds` were over; finished pages are kept.",
    TaskFailureReason.CANCELLED: "Somebody cancelled the task; finished pages are kept.",
    TaskFailureReason.OUT_OF_MEMORY: "The page ran out of memory in a smaller batch (of an engine that reads lines in "
    "batches), in a fresh process, alone on its device, on another device, and at a lower resolution where that was "
    "allowed.",
    TaskFailureReason.POOL_EXHAUSTED: "No worker or no memory was free within `tasks.queue_timeout_seconds`.",
    TaskFailureReason.DEVICE_UNAVAILABLE: "The device asked for is not there.",
    TaskFailureReason.MEMORY_LIMIT_EXCEEDED: "The page needs more memory than was promised, or than there ever is.",
    TaskFailureReason.INTERNAL_ERROR: "A fault of Pagemill's own, every time it was tried; the log tells more under "
    "the error id in the message.",
}
HEAD = """# Errors

Written by `scripts/write_errors.py` from `src/pagemill/domain/errors.py` and `src/pagemill/web/problems.py`.

## Answers

Every refusal is a [problem detail](https://www.rfc-editor.org/rfc/rfc9457) (`application/problem+json`): `type`,
`title`, `status`, `detail` (what happened and what to do next), `instance`, `code`, `retryable`, `request_id` (also in
the log and in the header `X-Request-Id`), `details` (numbers and names) and `errors` (each field that was refused).
Where the time is known at which trying again makes sense, there is a `Retry-After`. The last column tells what
`retryable` says: whether the same request may succeed later without being changed. The types can be fetched:
`GET /problems/queue-full`.

| `type` | `code` | status | title | retryable |
|---|---|---|---|---|
"""
REASONS = """
## Why tasks and pages fail

The `reason` in `failure` of a task or a page; its `message` says more. What may go better next time was tried again
`tasks.retry.max_attempts` times before; `POST /tasks/{task_id}/retry` tries the pages that failed once more.

| reason | meaning |
|---|---|
"""
EXITS = """
The command line turns them into [exit codes](cli.md#exit-codes).
"""


def page() -> str:
    """The whole page, in Markdown."""
    return HEAD + "".join(_problems()) + REASONS + "".join(_reasons()) + EXITS


def _problems() -> Iterator[str]:
    retryable = {kind.code for kind in _tree(PagemillError) if kind.retryable} | set(_retryable_refusals())
    for code, (status, title) in problems.PROBLEMS.items():
        later = "yes" if code in retryable else "no"
        yield f"| `{problems.problem_type(code)}` | `{code}` | {status.value} | {title} | {later} |\n"


def _reasons() -> Iterator[str]:
    yield from (f"| `{reason}` | {MEANINGS[reason]} |\n" for reason in TaskFailureReason)


def _tree(kind: type[PagemillError]) -> Iterator[type[PagemillError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


def _retryable_refusals() -> Iterator[str]:
    """Codes of HTTP's own refusals that are raised with `retryable=True`: there is no table of them, only the calls."""
    for file in sorted(WEB.glob("*.py")):
        for call in ast.walk(ast.parse(file.read_text())):
            match call:
                case ast.Call(ast.Name("RequestRefused"), [ast.Constant(str(code)), *_], keywords):
                    if any(each.arg == "retryable" and ast.unparse(each.value) == "True" for each in keywords):
                        yield code


if __name__ == "__main__":
    PAGE.write_text(page())
