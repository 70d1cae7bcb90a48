"""Every error as a problem detail (RFC 9457), and the one table from error codes to HTTP statuses."""

import math
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from pagemill.domain.errors import PagemillError
from pagemill.domain.text import without_paths
from pagemill.web.allowed import AllowedMethods

MEDIA_TYPE = "application/problem+json"
REQUEST_ID = "pagemill.request_id"
"""Key of the request's id in its ASGI scope."""
ERROR_SHAPE = "pagemill.error_shape"
"""Key of the `ErrorShape` of a request's ASGI scope, if its errors are not problem details."""

MOST_FIELD_PROBLEMS = 20
SOON_S = 5
"""Seconds until a retry after a temporary problem that does not say when to retry."""
LONGEST_FIELD_NAME = 200

Detail = str | int | float | None

PROBLEMS: Mapping[str, tuple[HTTPStatus, str]] = {
    # raised by the domain, by `PagemillError.code`
    "invalid_request": (HTTPStatus.UNPROCESSABLE_ENTITY, "The request is not valid"),
    "invalid_page_range": (HTTPStatus.UNPROCESSABLE_ENTITY, "The page range does not fit the document"),
    "unknown_engine": (HTTPStatus.UNPROCESSABLE_ENTITY, "Unknown engine, profile or language"),
    "engine_unavailable": (HTTPStatus.UNPROCESSABLE_ENTITY, "The engine is not available here"),
    "idempotency_key_reused": (HTTPStatus.UNPROCESSABLE_ENTITY, "The idempotency key belongs to another request"),
    "batch_too_large": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The batch has too many documents"),
    "documents_refused": (HTTPStatus.UNPROCESSABLE_ENTITY, "The batch contains documents that cannot be read"),
    "duplicate_submission": (HTTPStatus.CONFLICT, "The service is handling another request with the same key"),
    "invalid_settings": (HTTPStatus.INTERNAL_SERVER_ERROR, "The service is not set up correctly"),
    "invalid_document": (HTTPStatus.UNPROCESSABLE_ENTITY, "The document cannot be opened"),
    "unsupported_format": (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The service cannot read this file format"),
    "encrypted_document": (HTTPStatus.UNPROCESSABLE_ENTITY, "The document needs a password"),
    "document_too_large": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The document is larger than allowed"),
    "page_unreadable": (HTTPStatus.UNPROCESSABLE_ENTITY, "The page cannot be read"),
    "engine_error": (HTTPStatus.INTERNAL_SERVER_ERROR, "The engine failed"),
    "not_found": (HTTPStatus.NOT_FOUND, "Not found"),
    "conflict": (HTTPStatus.CONFLICT, "The present state does not allow this"),
    "illegal_transition": (HTTPStatus.CONFLICT, "The task cannot change to that status"),
    "stale_lease": (HTTPStatus.CONFLICT, "Another worker has the page now"),
    "queue_full": (HTTPStatus.TOO_MANY_REQUESTS, "Too many tasks are waiting"),
    "quota_exceeded": (HTTPStatus.TOO_MANY_REQUESTS, "The caller has reached its quota"),
    "memory": (HTTPStatus.SERVICE_UNAVAILABLE, "Not enough memory right now"),
    "out_of_memory": (HTTPStatus.SERVICE_UNAVAILABLE, "Out of memory"),
    "memory_limit_exceeded": (HTTPStatus.SERVICE_UNAVAILABLE, "The work used more memory than was reserved for it"),
    "never_fits": (HTTPStatus.INSUFFICIENT_STORAGE, "The work needs more memory than the service has"),
    "pool_exhausted": (HTTPStatus.SERVICE_UNAVAILABLE, "No worker became free in time"),
    "webhook_refused": (HTTPStatus.UNPROCESSABLE_ENTITY, "The service does not send to this webhook"),
    "device_unavailable": (HTTPStatus.UNPROCESSABLE_ENTITY, "The service has no such device"),
    "worker_lost": (HTTPStatus.SERVICE_UNAVAILABLE, "A worker process died"),
    "timed_out": (HTTPStatus.GATEWAY_TIMEOUT, "The work took too long"),
    "database_unavailable": (HTTPStatus.SERVICE_UNAVAILABLE, "The database is unavailable"),
    "internal_error": (HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong on our side"),
    # refused by the web before a task exists, by `RequestRefused.code`
    "malformed_request": (HTTPStatus.BAD_REQUEST, "The request is malformed"),
    "malformed_body": (HTTPStatus.BAD_REQUEST, "The request body is malformed"),
    "unauthorized": (HTTPStatus.UNAUTHORIZED, "This request needs a valid API key"),
    "scope_missing": (HTTPStatus.FORBIDDEN, "The API key does not allow this"),
    "cross_site_request": (HTTPStatus.FORBIDDEN, "The service refuses requests from other web sites"),
    "method_not_allowed": (HTTPStatus.METHOD_NOT_ALLOWED, "This path does not allow this method"),
    "not_acceptable": (HTTPStatus.NOT_ACCEPTABLE, "The result is not available in this format"),
    "result_not_ready": (HTTPStatus.CONFLICT, "The result is not ready yet"),
    "no_result": (HTTPStatus.CONFLICT, "No page could be read"),
    "upload_stalled": (HTTPStatus.REQUEST_TIMEOUT, "The upload stopped"),
    "length_required": (HTTPStatus.LENGTH_REQUIRED, "The request needs a Content-Length"),
    "body_too_large": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is larger than allowed"),
    "unsupported_media_type": (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The service does not accept this kind of body"),
    "host_not_allowed": (HTTPStatus.MISDIRECTED_REQUEST, "The service does not accept this host name"),
    "too_many_uploads": (HTTPStatus.SERVICE_UNAVAILABLE, "Too many uploads at once"),
    "rate_limited": (HTTPStatus.TOO_MANY_REQUESTS, "Too many uploads from one caller"),
    "not_ready": (HTTPStatus.SERVICE_UNAVAILABLE, "The service is not ready"),
    "storage_full": (HTTPStatus.INSUFFICIENT_STORAGE, "The disk is full"),
    "http_error": (HTTPStatus.BAD_REQUEST, "The service refused the request"),
}
"""Every code, with its HTTP status and title."""


class FieldProblem(BaseModel):
    """The problem with one field of the request."""

    field: str = Field(description='The field, such as "dpi" or "query.limit".')
    message: str


class RequestRefused(Exception):
    """A refusal for a reason of HTTP's own; tasks never fail for these reasons.

    Args:
        code: A key of `PROBLEMS`.
        message: What happened and what to do next.
        retryable: Whether the same request, unchanged, may succeed later.
        headers: Response headers of the refusal.
        errors: Each wrong field, and why it is wrong.
        details: Numbers and names for programs.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[FieldProblem] = (),
        **details: Detail,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.headers = headers or {}
        self.errors = tuple(errors)
        self.details = details

    @classmethod
    def for_fields(cls, errors: Sequence[FieldProblem]) -> "RequestRefused":
        """The refusal of a request with wrong fields."""
        sentence = " ".join(f"{each.field}: {each.message.rstrip('.')}." for each in errors)
        return cls("invalid_request", sentence, errors=errors)


class Problem(BaseModel):
    """An error as RFC 9457 defines it."""

    type: str = Field(description="URI reference of the kind of problem; you can fetch it.")
    title: str = Field(description="The kind of problem, for people.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened and what to do next, for people.")
    instance: str = Field(description="The path of the request.")
    code: str = Field(description="The kind of problem, for programs.")
    retryable: bool = Field(description="Whether the same request, unchanged, may succeed later.")
    request_id: str = Field(description="Names this request in the service's log.")
    details: dict[str, Detail] = Field(default_factory=dict, description="Numbers and names for programs.")
    errors: list[FieldProblem] = Field(default_factory=list, description="Each wrong field, and why it is wrong.")


def problem_type(code: str) -> str:
    """The URI reference that names a kind of problem."""
    return f"/problems/{code.replace('_', '-')}"


ErrorShape = Callable[[Request, PagemillError | RequestRefused], Response]
"""Shows an error as the clients of an interface expect it."""


def error_response(request: Request, error: PagemillError | RequestRefused) -> Response:
    """The error as the clients of the requested interface expect it: a problem detail, unless it has another shape."""
    shape: ErrorShape = request.scope.get(ERROR_SHAPE, problem_response)
    return shape(request, error)


def problem_response(request: Request, error: PagemillError | RequestRefused) -> Response:
    """The error as a problem detail, with `Retry-After` if the error says when to try again."""
    problem = problem_of(request, error)
    headers = problem_headers(error)
    return Response(problem.model_dump_json(), status_code=problem.status, headers=headers, media_type=MEDIA_TYPE)


def problem_of(request: Request, error: PagemillError | RequestRefused) -> Problem:
    """What to say about the error."""
    status, title = PROBLEMS[error.code]
    detail, details = error.message, dict(error.details)
    if isinstance(error, PagemillError):  # may quote a library, whose text may name paths of this machine
        detail = without_paths(detail)
        details = {name: without_paths(each) if isinstance(each, str) else each for name, each in details.items()}
    return Problem(
        type=problem_type(error.code),
        title=title,
        status=status,
        detail=detail,
        instance=quote(request.url.path),
        code=error.code,
        retryable=error.retryable,
        request_id=request_id(request),
        details=details,
        errors=list(error.errors) if isinstance(error, RequestRefused) else [],
    )


def problem_headers(error: PagemillError | RequestRefused) -> dict[str, str]:
    """The headers of an error's response, with `Retry-After` if it says when to try again."""
    headers = dict(error.headers) if isinstance(error, RequestRefused) else {}
    retry_after = error.details.get("retry_after_s")
    if retry_after is None and error.retryable and PROBLEMS[error.code][0] is HTTPStatus.SERVICE_UNAVAILABLE:
        retry_after = SOON_S
    if isinstance(retry_after, int | float):
        headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
    return headers


def bare_problem(code: str, message: str) -> bytes:
    """All bytes of an HTTP response to malformed input; the connection closes after it."""
    status, title = PROBLEMS[code]
    problem = Problem(
        type=problem_type(code),
        title=title,
        status=status,
        detail=message,
        instance="",
        code=code,
        retryable=False,
        request_id="",
    )
    body = problem.model_dump_json().encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Content-Type: {MEDIA_TYPE}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return "\r\n".join((*head, "", "")).encode() + body


def request_id(request: Request) -> str:
    """The id of this request in the log; `RequestFrame` sets it."""
    return str(request.scope.get(REQUEST_ID, ""))


def install_problem_handlers(api: FastAPI, allowed: AllowedMethods) -> None:
    """Answer every error, our own and the framework's, as the clients of the interface expect it."""

    async def answer(request: Request, error: Exception) -> Response:
        return error_response(request, _refusal_of(request, error, allowed))

    for kind in (PagemillError, RequestRefused, RequestValidationError, HTTPException):
        api.add_exception_handler(kind, answer)


def _refusal_of(request: Request, error: Exception, allowed: AllowedMethods) -> PagemillError | RequestRefused:
    match error:
        case PagemillError() | RequestRefused():
            return error
        case RequestValidationError():
            return RequestRefused.for_fields(field_problems(error.errors()))
        case HTTPException() if isinstance(error.__cause__, RequestRefused):  # while the framework read the body
            return error.__cause__
        case HTTPException():
            return _framework_refusal(request, error, allowed)
        case _:
            raise error


def field_problems(errors: Sequence[Mapping[str, object]], *, prefix: str = "") -> list[FieldProblem]:
    """The errors that pydantic found, by field; at most `MOST_FIELD_PROBLEMS` of them."""
    return [
        FieldProblem(
            field=prefix + ".".join(map(str, _location(each["loc"])))[:LONGEST_FIELD_NAME], message=str(each["msg"])
        )
        for each in errors[:MOST_FIELD_PROBLEMS]
    ]


def nothing_at(path: str) -> RequestRefused:
    """The refusal of an unknown path."""
    return RequestRefused("not_found", f"The service has nothing at {path}; /openapi.json lists all its paths.")


def _location(loc: object) -> tuple[object, ...]:
    return loc if isinstance(loc, tuple) else (loc,)


def _framework_refusal(request: Request, error: HTTPException, allowed: AllowedMethods) -> RequestRefused:
    path = request.url.path
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return nothing_at(path)
        case HTTPStatus.METHOD_NOT_ALLOWED:
            message = f"{path} does not allow {request.method}; use a method from the Allow header."
            methods = allowed.of(request.scope["path"].removeprefix(request.scope.get("root_path", "")))
            headers = {"Allow": ", ".join(sorted(methods))} if methods else error.headers
            return RequestRefused("method_not_allowed", message, headers=headers)
        case HTTPStatus.BAD_REQUEST if isinstance(error.__cause__, RecursionError | ValueError):
            problem = FieldProblem(field="body", message="not valid JSON: nested too deeply, or not UTF-8")
            return RequestRefused.for_fields([problem])
        case _:
            return RequestRefused("http_error", str(error.detail), headers=error.headers)
