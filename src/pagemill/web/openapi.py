"""The parts of the OpenAPI document that annotations cannot express: problems, uploads and results."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from pagemill.domain.task.passwords import FIELD as PASSWORD
from pagemill.domain.task.passwords import LONGEST_PASSWORD
from pagemill.web.headers import GOOD_KEY
from pagemill.web.headers import PASSWORD as PASSWORD_HEADER
from pagemill.web.option_schemas import option_schemas
from pagemill.web.options import NAME
from pagemill.web.problems import MEDIA_TYPE, PROBLEMS, Problem
from pagemill.web.receiving import FILE_PART, FORM, RAW_TYPES

PROBLEM_REFERENCE = {"$ref": "#/components/schemas/Problem"}
ANYWHERE = (
    "internal_error",
    "unauthorized",
    "scope_missing",
    "host_not_allowed",
    "malformed_request",
    "database_unavailable",
)
"""Problems that every endpoint but the probes may answer with."""
CHANGES = ("cross_site_request",)
"""Problems that every request that changes something may answer with."""
_PASSWORD = {
    "type": "string",
    "format": "password",
    "maxLength": LONGEST_PASSWORD,
    "writeOnly": True,
    "description": "The password of a protected PDF. The service keeps it in memory until the task has ended.",
}
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
    "webhook_refused",
    "idempotency_key_reused",
    "duplicate_submission",
    "queue_full",
    "too_many_uploads",
    "rate_limited",
    "quota_exceeded",
    "body_too_large",
    "pool_exhausted",
    "worker_lost",
    "timed_out",
    "never_fits",
    "storage_full",
)
"""Problems that endpoints that take documents may answer with."""


def problem_responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an endpoint that may answer with these problems."""
    by_status = defaultdict(list)
    for code in codes:
        by_status[PROBLEMS[code][0]].append(code)
    return {
        int(status): {
            "description": "; ".join(f"`{code}`: {PROBLEMS[code][1]}" for code in of_status),
            "content": {MEDIA_TYPE: {"schema": PROBLEM_REFERENCE}},
        }
        for status, of_status in sorted(by_status.items())
    }


def upload_operation() -> dict[str, Any]:
    """The request of `POST /tasks`: options in the query or the form, the document in the form or the body."""
    schemas = option_schemas()
    file = {"type": "string", "format": "binary", "description": "The document."}
    form = {
        "type": "object",
        "required": [FILE_PART],
        "properties": {FILE_PART: file, PASSWORD: _PASSWORD, **schemas},
        "additionalProperties": False,
    }
    raw = {"schema": {"type": "string", "format": "binary"}}
    return {
        "parameters": [
            {"name": name, "in": "query", "required": False, "schema": schema} for name, schema in schemas.items()
        ],
        "requestBody": {
            "required": True,
            "content": {FORM: {"schema": form}, **dict.fromkeys(RAW_TYPES, raw)},
        },
    }


def batch_operation() -> dict[str, Any]:
    """The request of `POST /batches`: options in the query or the form, the documents in the form."""
    schemas = {name: schema for name, schema in option_schemas().items() if name != NAME}
    files = {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}}
    form = {
        "type": "object",
        "required": [FILE_PART],
        "properties": {FILE_PART: files, PASSWORD: _PASSWORD, **schemas},
        "additionalProperties": False,
    }
    return {
        "parameters": [
            {"name": name, "in": "query", "required": False, "schema": schema} for name, schema in schemas.items()
        ],
        "requestBody": {"required": True, "content": {FORM: {"schema": form}}},
    }


def wait_parameter() -> dict[str, Any]:
    """The header with which a client waits for the end of a task."""
    return {
        "name": "Prefer",
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
        "example": "wait=30",
        "description": "wait=N: answer when the task is final, at the latest after N seconds (RFC 7240).",
    }


def idempotency_parameter() -> dict[str, Any]:
    """The header that identifies a repeated request."""
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "pattern": GOOD_KEY},
        "description": "The same document, options and key create one task, however often you send them "
        "within 24 hours; the answer to a repetition has the header Idempotency-Replayed.",
    }


def password_parameter() -> dict[str, Any]:
    """The header with the password of a document."""
    return {
        "name": PASSWORD_HEADER,
        "in": "header",
        "required": False,
        "schema": {"type": "string", "format": "password", "maxLength": LONGEST_PASSWORD},
        "description": "The password of a protected PDF. The service keeps it in memory until the task has ended.",
    }


def range_parameters() -> list[dict[str, Any]]:
    """The headers with which a client requests parts of a result, or a result that it does not have yet."""
    told = {
        "Range": "Parts of the result of a finished task, such as bytes=0-999 (RFC 9110).",
        "If-Range": "Return the parts only if the result still has this ETag; otherwise all of it.",
        "If-None-Match": "Return the result only if it has another ETag.",
    }
    return [
        {"name": name, "in": "header", "required": False, "schema": {"type": "string"}, "description": text}
        for name, text in told.items()
    ]


def format_parameter(names: Iterable[str]) -> dict[str, Any]:
    """The query parameter that chooses the format of a result."""
    return {
        "name": "format",
        "in": "query",
        "required": False,
        "schema": {"type": "string", "enum": [*names]},
        "description": "Name of a format; overrides the Accept header.",
    }


def _json_type(media_type: str) -> str:
    return "object" if media_type.partition(";")[0] == "application/json" else "string"


def result_response(media_types: Iterable[str]) -> dict[str, Any]:
    """The success response with a result, in every available format."""
    status = {"schema": {"type": "string"}, "description": "The task's status."}
    complete = {
        "schema": {"type": "string", "enum": ["true", "false"]},
        "description": "Whether the result contains every requested page.",
    }
    return {
        "description": "The finished pages, by number.",
        "headers": {"Pagemill-Complete": complete, "Pagemill-Task-Status": status},
        "content": {media_type: {"schema": {"type": _json_type(media_type)}} for media_type in media_types},
    }


def openapi_document(api: FastAPI, *, with_keys: bool) -> dict[str, Any]:
    """The OpenAPI document of the API as it really answers."""
    document = get_openapi(title=api.title, version=api.version, description=api.description, routes=api.routes)
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    problem = Problem.model_json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}), Problem=problem)
    _forget_framework_errors(document)
    if with_keys:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"key": []}]
    return document


def _forget_framework_errors(document: dict[str, Any]) -> None:
    """The framework announces its own form of error for every operation with parameters; we send problems."""
    for path in document["paths"].values():
        for operation in path.values():
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
