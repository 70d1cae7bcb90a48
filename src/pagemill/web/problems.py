"""Every error as a problem detail (RFC 9457), and the one table from error codes to HTTP statuses."""

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from pagemill.domain.errors import PagemillError

MEDIA_TYPE = "application/problem+json"
REQUEST_ID = "pagemill.request_id"
"""Key of the request's id in its ASGI scope."""

Detail = str | int | float | None

PROBLEMS: Mapping[str, tuple[HTTPStatus, str]] = {
    # what the domain raises, by `PagemillError.code`
    "invalid_request": (HTTPStatus.UNPROCESSABLE_ENTITY, "The request cannot be used as it is"),
    "invalid_page_range": (HTTPStatus.UNPROCESSABLE_ENTITY, "The page range does not fit the document"),
    "unknown_engine": (HTTPStatus.UNPROCESSABLE_ENTITY, "There is no such engine, profile or language"),
    "engine_unavailable": (HTTPStatus.UNPROCESSABLE_ENTITY, "The engine cannot be used here"),
    "idempotency_key_reused": (HTTPStatus.UNPROCESSABLE_ENTITY, "The idempotency key was used for something else"),
    "batch_too_large": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The batch has more documents than may wait"),
    "documents_refused": (HTTPStatus.UNPROCESSABLE_ENTITY, "Documents of the batch cannot be read"),
    "duplicate_submission": (HTTPStatus.CONFLICT, "Another request with the same key is being worked"),
    "invalid_settings": (HTTPStatus.INTERNAL_SERVER_ERROR, "The service is not set up correctly"),
    "invalid_document": (HTTPStatus.UNPROCESSABLE_ENTITY, "The document cannot be opened"),
    "unsupported_format": (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The document is of no kind that can be read"),
    "encrypted_document": (HTTPStatus.UNPROCESSABLE_ENTITY, "The document needs a password"),
    "document_too_large": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The document is larger than allowed"),
    "page_unreadable": (HTTPStatus.UNPROCESSABLE_ENTITY, "The page cannot be read"),
    "engine_error": (HTTPStatus.INTERNAL_SERVER_ERROR, "The engine failed"),
    "not_found": (HTTPStatus.NOT_FOUND, "Not found"),
    "conflict": (HTTPStatus.CONFLICT, "The task's present state does not allow this"),
    "illegal_transition": (HTTPStatus.CONFLICT, "The task cannot change to that status"),
    "stale_lease": (HTTPStatus.CONFLICT, "The page has been given to another worker"),
    "queue_full": (HTTPStatus.TOO_MANY_REQUESTS, "Too many tasks are waiting"),
    "memory": (HTTPStatus.SERVICE_UNAVAILABLE, "There is not enough memory now"),
    "out_of_memory": (HTTPStatus.SERVICE_UNAVAILABLE, "There was not enough memory"),
    "memory_limit_exceeded": (HTTPStatus.SERVICE_UNAVAILABLE, "More memory was used than was reserved"),
    "never_fits": (HTTPStatus.INSUFFICIENT_STORAGE, "The work needs more memory than there is"),
    "pool_exhausted": (HTTPStatus.SERVICE_UNAVAILABLE, "No worker became free in time"),
    "device_unavailable": (HTTPStatus.UNPROCESSABLE_ENTITY, "The device is not there"),
    "worker_lost": (HTTPStatus.SERVICE_UNAVAILABLE, "A worker process was lost"),
    "timed_out": (HTTPStatus.GATEWAY_TIMEOUT, "The work took too long"),
    "database_unavailable": (HTTPStatus.SERVICE_UNAVAILABLE, "The database cannot be used now"),
    "internal_error": (HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong on our side"),
    # what the web refuses before a task comes into it, by `RequestRefused.code`
    "malformed_body": (HTTPStatus.BAD_REQUEST, "The request body cannot be understood"),
    "unauthorized": (HTTPStatus.UNAUTHORIZED, "A valid API key is needed"),
    "cross_site_request": (HTTPStatus.FORBIDDEN, "Requests from other web sites are refused"),
    "method_not_allowed": (HTTPStatus.METHOD_NOT_ALLOWED, "The method is not allowed here"),
    "not_acceptable": (HTTPStatus.NOT_ACCEPTABLE, "The result cannot be had in that form"),
    "result_not_ready": (HTTPStatus.CONFLICT, "No page is finished yet"),
    "no_result": (HTTPStatus.CONFLICT, "No page could be read"),
    "upload_stalled": (HTTPStatus.REQUEST_TIMEOUT, "The upload came to a stop"),
    "length_required": (HTTPStatus.LENGTH_REQUIRED, "The length of the body is needed"),
    "body_too_large": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is larger than allowed"),
    "unsupported_media_type": (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "A body of that kind is not taken"),
    "host_not_allowed": (HTTPStatus.MISDIRECTED_REQUEST, "The service is not known under that name"),
    "too_many_uploads": (HTTPStatus.SERVICE_UNAVAILABLE, "Too many uploads are being received"),
    "not_ready": (HTTPStatus.SERVICE_UNAVAILABLE, "The service is not ready"),
    "storage_full": (HTTPStatus.INSUFFICIENT_STORAGE, "There is no room on the disk"),
    "http_error": (HTTPStatus.BAD_REQUEST, "The request was refused"),
}
"""Every code there is, with its HTTP status and title."""


class FieldProblem(BaseModel):
    """What is wrong with one field of the request."""

    field: str = Field(description='Where it stands, such as "dpi" or "query.limit".')
    message: str


class RequestRefused(Exception):
    """HTTP's own reasons to refuse a request, which no task ever fails for.

    Args:
        code: A key of `PROBLEMS`.
        message: One sentence that says what to do.
        retryable: Whether the same request may succeed later.
        headers: Response headers that go with the refusal.
        errors: Each field that was refused, and why.
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
        """Fields of the request cannot be used."""
        sentence = " ".join(f"{each.field}: {each.message.rstrip('.')}." for each in errors)
        return cls("invalid_request", sentence, errors=errors)


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str = Field(description="URI reference of the kind of problem; it can be fetched.")
    title: str = Field(description="The kind of problem, for people.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened and what to do next, for people.")
    instance: str = Field(description="The path that was asked for.")
    code: str = Field(description="The kind of problem, for programs.")
    retryable: bool = Field(description="Whether the same request may succeed later without being changed.")
    request_id: str = Field(description="Names this request in the service's log.")
    details: dict[str, Detail] = Field(default_factory=dict, description="Numbers and names that belong to it.")
    errors: list[FieldProblem] = Field(default_factory=list, description="Each field that was refused, and why.")


def problem_type(code: str) -> str:
    """The URI reference that names a kind of problem."""
    return f"/problems/{code.replace('_', '-')}"


def problem_response(request: Request, error: PagemillError | RequestRefused) -> Response:
    """The error as its HTTP response, `Retry-After` included where the error knows when to come back."""
    status, title = PROBLEMS[error.code]
    problem = Problem(
        type=problem_type(error.code),
        title=title,
        status=status,
        detail=error.message,
        instance=quote(request.url.path),
        code=error.code,
        retryable=error.retryable,
        request_id=request_id(request),
        details=dict(error.details),
    )
    headers: dict[str, str] = {}
    if isinstance(error, RequestRefused):
        problem.errors.extend(error.errors)
        headers.update(error.headers)
    retry_after = error.details.get("retry_after_s")
    if isinstance(retry_after, int | float):
        headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
    return Response(problem.model_dump_json(), status_code=status, headers=headers, media_type=MEDIA_TYPE)


def request_id(request: Request) -> str:
    """The id under which this request is logged; `RequestFrame` sets it."""
    return str(request.scope.get(REQUEST_ID, ""))


def install_problem_handlers(api: FastAPI) -> None:
    """Give every error of ours and of the framework the one form."""
    for kind in (PagemillError, RequestRefused, RequestValidationError, HTTPException):
        api.add_exception_handler(kind, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    match error:
        case PagemillError() | RequestRefused():
            return problem_response(request, error)
        case RequestValidationError():
            return problem_response(request, RequestRefused.for_fields(field_problems(error.errors())))
        case HTTPException():
            return problem_response(request, _framework_refusal(request, error))
        case _:
            raise error


def field_problems(errors: Sequence[Mapping[str, object]], *, prefix: str = "") -> list[FieldProblem]:
    """What pydantic found wrong, field by field."""
    return [
        FieldProblem(field=prefix + ".".join(map(str, _location(each["loc"]))), message=str(each["msg"]))
        for each in errors
    ]


def _location(loc: object) -> tuple[object, ...]:
    return loc if isinstance(loc, tuple) else (loc,)


def _framework_refusal(request: Request, error: HTTPException) -> RequestRefused:
    path = request.url.path
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return RequestRefused("not_found", f"There is nothing at {path}; /openapi.json lists what there is.")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            message = f"{request.method} is not allowed at {path}; see the Allow header."
            return RequestRefused("method_not_allowed", message, headers=error.headers)
        case _:
            return RequestRefused("http_error", str(error.detail), headers=error.headers)
