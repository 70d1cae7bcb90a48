"""What schemathesis checks beside its own; it loads this module by name (`SCHEMATHESIS_HOOKS`)."""

import json
from http import HTTPStatus
from typing import Any

import schemathesis
from schemathesis import Case, Response
from schemathesis.checks import CheckContext
from schemathesis.hooks import HookContext

LISTEN_S = 2.0
"""A stream of events never ends by itself; so long is listened to it."""
BEYOND_FORM = frozenset(
    {
        "batch_too_large",
        "device_unavailable",
        "document_too_large",
        "documents_refused",
        "encrypted_document",
        "engine_unavailable",
        "idempotency_key_reused",
        "invalid_document",
        "invalid_page_range",
        "no_result",
        "page_unreadable",
        "result_not_ready",
        "unknown_engine",
        "unsupported_format",
        "webhook_refused",
    }
)
"""Refusals that no schema can foresee: for what a document holds, what is installed, or what happened before."""
ALSO_FINE = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)


def what_fits_the_schema_is_understood(ctx: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """A request that fits the schema is not refused for its form.

    This is `positive_data_acceptance`, which knows statuses only, and by the code of the problem it is stricter.
    """
    del ctx
    is_meant_well = case.meta is not None and case.meta.generation.mode.is_positive
    if not is_meant_well or response.status_code < 400 or response.status_code in ALSO_FINE:
        return None
    code = json.loads(response.content)["code"]
    assert code in BEYOND_FORM, f"A request that fits the schema was refused with {code}: {response.content!r}"
    return None


def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, object]) -> None:
    """Listen to streams for a moment only."""
    del context
    if case.path.endswith(("/events", "/events/stream")):
        kwargs["timeout"] = LISTEN_S


schemathesis.check(what_fits_the_schema_is_understood)
schemathesis.hook(before_call)
