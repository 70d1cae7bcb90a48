"""Writes the reference of errors from the tables the service answers by: `python scripts/write_errors.py`."""

import ast
from collections.abc import Iterator
from pathlib import Path

from pagemill.domain.errors import PagemillError, TaskFailureReason
from pagemill.web import problems

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "errors.md"
WEB = Path(problems.__file__).parent
MEANINGS = {
    TaskFailureReason.INVALID_REQUEST: "The request does not fit the document: for example, it asks for a page that "
    "the document lacks.",
    TaskFailureReason.UNSUPPORTED_FORMAT: "Pagemill cannot read this file format.",
    TaskFailureReason.INVALID_DOCUMENT: "Pagemill knows the format, but the file is too damaged to open.",
    TaskFailureReason.ENCRYPTED_DOCUMENT: "The document needs a password; send it, or send it again.",
    TaskFailureReason.DOCUMENT_TOO_LARGE: "The document has more bytes, pages or pixels than the settings allow; send "
    "it in parts.",
    TaskFailureReason.PAGE_UNREADABLE: "Rendering the page or decoding its image failed.",
    TaskFailureReason.ENGINE_ERROR: "The engine failed on this page at every attempt.",
    TaskFailureReason.WORKER_CRASHED: "The page crashed its workers; its model set does not try the page again for a "
    "day.",
    TaskFailureReason.TIMEOUT: "The page took longer than `tasks.page_timeout_seconds`.",
    TaskFailureReason.QUEUE_TIMEOUT: "The task did not start within `tasks.queue_timeout_seconds`.",
    TaskFailureReason.DEADLINE_EXCEEDED: "The task's own `deadline_seconds` passed; its finished pages remain "
    "available.",
    TaskFailureReason.CANCELLED: "A user cancelled the task; its finished pages remain available.",
    TaskFailureReason.OUT_OF_MEMORY: "The page ran out of memory at every attempt: in a smaller batch (engines that "
    "read lines in batches), in a fresh process, alone on its device, on another device, on a larger node if there is "
    "one, and at a lower resolution if "
    "the request allowed that.",
    TaskFailureReason.POOL_EXHAUSTED: "No worker, no memory or no node that is large enough became free within "
    "`tasks.queue_timeout_seconds`.",
    TaskFailureReason.DEVICE_UNAVAILABLE: "The service does not have the requested device.",
    TaskFailureReason.MEMORY_LIMIT_EXCEEDED: "The page needs more memory than its reservation, or more than the "
    "service has.",
    TaskFailureReason.INTERNAL_ERROR: "Pagemill itself failed at every attempt; find the error id of the message in "
    "the log for details.",
}
HEAD = """# Errors

Written by `scripts/write_errors.py` from `src/pagemill/domain/errors.py` and `src/pagemill/web/problems.py`.

## Answers

Every refusal is a [problem detail](https://www.rfc-editor.org/rfc/rfc9457) (`application/problem+json`): `type`,
`title`, `status`, `detail` (what happened and what to do next), `instance`, `code`, `retryable`, `request_id` (also in
the log and in the header `X-Request-Id`), `details` (numbers and names) and `errors` (each wrong field).
If the service knows when to try again, the answer has a `Retry-After` header. The last column shows `retryable`:
whether the same request, unchanged, may succeed later. You can fetch each type, for example
`GET /problems/queue-full`.

| `type` | `code` | status | title | retryable |
|---|---|---|---|---|
"""
REASONS = """
## Why tasks and pages fail

This is the `reason` in the `failure` of a task or a page; `message` gives the details. Pagemill repeats work that may
succeed next time, up to `tasks.retry.max_attempts` attempts. `POST /tasks/{task_id}/retry` tries the failed pages
again.

| reason | meaning |
|---|---|
"""
EXITS = """
The command line maps them to [exit codes](cli.md#exit-codes).
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
