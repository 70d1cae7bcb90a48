"""At which paths the task endpoints are found, and what each may answer."""

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter

from pagemill.web.openapi import (
    ANYWHERE,
    CHANGES,
    idempotency_parameter,
    problem_responses,
    range_parameters,
    result_response,
    upload_operation,
    wait_parameter,
)
from pagemill.web.task_endpoints import TaskEndpoints
from pagemill.wire.task_wire import TaskWire

UPLOAD = (
    "malformed_body",
    "upload_stalled",
    "document_too_large",
    "unsupported_media_type",
    "unsupported_format",
    "invalid_request",
    "invalid_page_range",
    "unknown_engine",
    "engine_unavailable",
    "invalid_document",
    "encrypted_document",
    "device_unavailable",
    "idempotency_key_reused",
    "duplicate_submission",
    "queue_full",
    "too_many_uploads",
    "pool_exhausted",
    "worker_lost",
    "timed_out",
    "never_fits",
    "storage_full",
)
"""Problems that sending documents may be answered with."""
_START = (
    "not_found",
    "illegal_transition",
    "length_required",
    "body_too_large",
    "invalid_request",
    "unknown_engine",
    "engine_unavailable",
    "device_unavailable",
    "queue_full",
    "never_fits",
)
_RETRY = ("not_found", "illegal_transition", "queue_full")
_RESULT = (
    "not_found",
    "not_acceptable",
    "result_not_ready",
    "no_result",
    "invalid_request",
    "invalid_document",
    "unsupported_format",
    "encrypted_document",
    "page_unreadable",
    "pool_exhausted",
    "never_fits",
    "timed_out",
    "worker_lost",
)

Responses = dict[int | str, dict[str, Any]]


def task_router(endpoints: TaskEndpoints, *, result_types: Iterable[str]) -> APIRouter:
    """The task endpoints at their paths."""
    router = APIRouter(prefix="/tasks", tags=["tasks"], responses=problem_responses(*ANYWHERE))
    _add_collection(router, endpoints)
    _add_commands(router, endpoints)
    _add_reads(router, endpoints, result_types)
    return router


def _add_collection(router: APIRouter, endpoints: TaskEndpoints) -> None:
    upload = upload_operation()
    router.add_api_route(
        "",
        endpoints.create,
        methods=["POST"],
        status_code=202,
        summary="Send a document",
        openapi_extra={**upload, "parameters": [*upload["parameters"], wait_parameter(), idempotency_parameter()]},
        responses={
            200: {"model": TaskWire, "description": "`Prefer: wait` was asked for, and the task is final."},
            **problem_responses(*CHANGES, *UPLOAD),
        },
    )
    router.add_api_route("", endpoints.list_, summary="List tasks", responses=problem_responses("invalid_request"))
    router.add_api_route("/metrics", endpoints.metrics, summary="Metrics of the service")


def _add_commands(router: APIRouter, endpoints: TaskEndpoints) -> None:
    over: Responses = {200: {"model": TaskWire, "description": "`Prefer: wait` was asked for, and the task is final."}}
    waits = {"parameters": [wait_parameter()]}
    router.add_api_route(
        "/{task_id}/start",
        endpoints.start,
        methods=["POST"],
        status_code=202,
        summary="Start a task",
        openapi_extra=waits,
        responses={**over, **problem_responses(*CHANGES, *_START)},
    )
    router.add_api_route(
        "/{task_id}/retry",
        endpoints.retry,
        methods=["POST"],
        status_code=202,
        summary="Retry the failed pages of a task",
        openapi_extra=waits,
        responses={**over, **problem_responses(*CHANGES, *_RETRY)},
    )
    router.add_api_route(
        "/{task_id}/cancel",
        endpoints.cancel,
        methods=["POST"],
        status_code=202,
        summary="Cancel a task",
        openapi_extra=waits,
        responses={**over, **problem_responses(*CHANGES, "not_found", "illegal_transition")},
    )
    router.add_api_route(
        "/{task_id}",
        endpoints.delete,
        methods=["DELETE"],
        status_code=204,
        response_model=None,
        summary="Delete a task, or cancel it if it is running",
        responses={
            202: {"model": TaskWire, "description": "It was running and is being cancelled."},
            **problem_responses(*CHANGES, "not_found", "illegal_transition"),
        },
    )


def _add_reads(router: APIRouter, endpoints: TaskEndpoints, result_types: Iterable[str]) -> None:
    missing = problem_responses("not_found")
    router.add_api_route(
        "/{task_id}",
        endpoints.get,
        summary="Get a task",
        openapi_extra={"parameters": [wait_parameter()]},
        responses=missing,
    )
    router.add_api_route("/{task_id}/pages", endpoints.pages, summary="List the pages of a task", responses=missing)
    router.add_api_route(
        "/{task_id}/receipt", endpoints.receipt, summary="Get the memory receipt of a task", responses=missing
    )
    router.add_api_route(
        "/{task_id}/metrics",
        endpoints.samples,
        summary="Get the memory of a task over time",
        responses=problem_responses("not_found", "invalid_request"),
    )
    router.add_api_route("/{task_id}/health", endpoints.health, summary="Get the health of a task", responses=missing)
    router.add_api_route(
        "/{task_id}/result",
        endpoints.result,
        response_model=None,
        summary="Get the result",
        openapi_extra={"parameters": range_parameters()},
        responses={
            200: result_response(result_types),
            206: {"description": "The requested parts (`Range`) of the result of a finished task."},
            304: {"description": "Not modified: the client already has it (`If-None-Match`)."},
            **problem_responses(*_RESULT),
            416: {"description": "The result does not have this part."},
        },
    )
