"""Every problem has its error, and the tree is the one that is drawn."""

import pytest

from pagemill.client import errors
from pagemill.client.calls import refusal_of
from pagemill.client.errors import ClientError, Problem, ServiceBusy, ServiceFault, refusal
from pagemill.client.sending import SubmitOptions, form_fields
from pagemill.client.transport import Reply
from pagemill.domain.errors import TaskFailureReason
from pagemill.web.options import FIELD_NAMES, parse_options
from pagemill.web.problems import PROBLEMS


def draw_tree(cls: type[ClientError], indent: str = "") -> list[str]:
    lines, children = [], cls.__subclasses__()
    for child in children:
        last = child is children[-1]
        lines.append(f"{indent}{'└' if last else '├'}── {child.__name__}")
        lines += draw_tree(child, indent + ("    " if last else "│   "))
    return lines


def test_the_docstring_draws_the_tree_of_the_classes() -> None:
    assert errors.__doc__ is not None
    assert [line for line in errors.__doc__.splitlines() if "──" in line] == draw_tree(ClientError)


BY_ERROR = {
    "AccessDenied": {"unauthorized", "cross_site_request", "host_not_allowed"},
    "NothingThere": {"not_found"},
    "NotInThatState": {"conflict", "illegal_transition", "stale_lease", "result_not_ready", "no_result"},
    "DocumentRejected": {
        "invalid_document",
        "unsupported_format",
        "encrypted_document",
        "document_too_large",
        "page_unreadable",
    },
    "NoRoomForIt": {"never_fits", "storage_full", "device_unavailable"},
    "ServiceBusy": {
        "queue_full",
        "memory",
        "out_of_memory",
        "memory_limit_exceeded",
        "pool_exhausted",
        "worker_lost",
        "timed_out",
        "database_unavailable",
        "too_many_uploads",
        "not_ready",
        "upload_stalled",
        "duplicate_submission",
    },
    "ServiceFault": {"internal_error", "invalid_settings", "engine_error"},
    "RequestRejected": {
        "invalid_request",
        "invalid_page_range",
        "unknown_engine",
        "idempotency_key_reused",
        "malformed_body",
        "method_not_allowed",
        "not_acceptable",
        "length_required",
        "body_too_large",
        "unsupported_media_type",
        "http_error",
    },
}


@pytest.mark.parametrize("code", sorted(PROBLEMS))
def test_every_problem_of_the_service_has_its_error(code: str) -> None:
    status, _ = PROBLEMS[code]
    error = refusal(Problem(status=status, code=code, detail="No."))
    known = [name for name, codes in BY_ERROR.items() if code in codes]
    if known:  # what is new in the service goes by its status
        assert type(error).__name__ == known[0]


def test_an_error_says_what_a_task_would_have_failed_for() -> None:
    assert refusal(Problem(status=503, code="pool_exhausted", detail="")).reason is TaskFailureReason.POOL_EXHAUSTED
    assert refusal(Problem(status=401, code="unauthorized", detail="")).reason is None


@pytest.mark.parametrize(("status", "kind"), [(502, ServiceBusy), (500, ServiceFault), (429, ServiceBusy)])
def test_what_a_proxy_says_is_an_error_too(status: int, kind: type[ClientError]) -> None:
    error = refusal_of(Reply(status, {"retry-after": "7"}, b"<html>Bad gateway</html>"))
    assert type(error) is kind
    assert (error.code, error.retry_after_s) == ("http_error", 7.0)


@pytest.mark.parametrize(
    ("value", "seconds"), [("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None), ("", None), ("12", 12.0)]
)
def test_when_to_come_back_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert refusal_of(Reply(503, {"retry-after": value}, b"")).retry_after_s == seconds


def test_there_is_an_option_for_every_field_of_the_service_and_for_no_other() -> None:
    assert SubmitOptions.__annotations__.keys() | {"name"} == FIELD_NAMES


def test_options_arrive_as_they_were_meant() -> None:
    options = SubmitOptions(
        pages="1-3",
        ocr="force",
        languages=["en", "de"],
        dpi=150,
        rotation=90,
        start=False,
        labels={"größe": 'a"b:c'},
        deadline_seconds=1.5,
        cache="use",
        priority=-3,
        device=None,
    )
    parsed = parse_options(form_fields(options))
    assert (parsed.pages, parsed.start, parsed.labels, parsed.priority) == ("1-3", False, {"größe": 'a"b:c'}, -3)
    assert (parsed.recognition.languages, parsed.recognition.dpi, parsed.recognition.rotation) == (
        ("en", "de"),
        150,
        90,
    )
    assert (parsed.deadline_seconds, parsed.cache, parsed.device) == (1.5, "use", None)
