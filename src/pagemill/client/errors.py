r"""Every error that a client raises on purpose.

ClientError
├── ServiceUnreachable
├── AnswerNotUnderstood
├── DocumentUnusable
├── WaitedTooLong
└── ServiceRefusal
    ├── RequestRejected
    ├── AccessDenied
    ├── NothingThere
    ├── NotInThatState
    ├── DocumentRejected
    ├── NoRoomForIt
    ├── ServiceBusy
    └── ServiceFault
"""

from collections.abc import Mapping
from functools import cache
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from pagemill.domain.errors import PagemillError, TaskFailureReason


class FieldProblem(BaseModel):
    """The problem with one field of a request."""

    model_config = ConfigDict(frozen=True)

    field: str
    message: str


class Problem(BaseModel):
    """The service's problem details for a refused request (RFC 9457); missing members are empty."""

    model_config = ConfigDict(frozen=True)

    status: int
    code: str = "http_error"
    title: str = ""
    detail: str
    instance: str = ""
    retryable: bool = False
    request_id: str = ""
    details: Mapping[str, str | int | float | None] = {}
    errors: tuple[FieldProblem, ...] = ()


class ClientError(Exception):
    """Base of all errors. The message says what to do next.

    Attributes:
        retryable: Whether the same call may succeed later.
    """

    retryable: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ServiceUnreachable(ClientError):
    """No answer came: no service listens there, the connection broke, or the service stayed silent for too long.

    Attributes:
        was_silent: There was a connection, but no answer.
    """

    retryable = True

    def __init__(self, message: str, *, was_silent: bool = False) -> None:
        super().__init__(message)
        self.was_silent = was_silent


class AnswerNotUnderstood(ClientError):
    """This version of the client does not understand the answer."""


class DocumentUnusable(ClientError):
    """The document cannot be read on this machine."""


class WaitedTooLong(ClientError):
    """The task has not ended. It continues."""

    retryable = True


class ServiceRefusal(ClientError):
    """The service refused the request.

    Attributes:
        problem: The problem details.
        retry_after_s: When to try again, according to the service; None if it did not say.
        reply_was_lost: An earlier attempt of the same call may have succeeded, although its answer was lost.
    """

    def __init__(self, problem: Problem, *, retry_after_s: float | None = None) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.retry_after_s = retry_after_s
        self.reply_was_lost = False

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status

    @property
    def code(self) -> str:
        """The kind of problem, such as "queue_full"."""
        return self.problem.code

    @property
    def reason(self) -> TaskFailureReason | None:
        """The failure reason of a task that ends with this error; None for errors that concern no task."""
        return _reasons().get(self.problem.code)

    @property
    def request_id(self) -> str:
        """Names the request in the service's log."""
        return self.problem.request_id


class RequestRejected(ServiceRefusal):
    """The request is not valid; `problem.errors` names the fields."""


class AccessDenied(ServiceRefusal):
    """The API key is missing or wrong, or the service does not accept this host name."""


class NothingThere(ServiceRefusal):
    """The task, page or result does not exist."""


class NotInThatState(ServiceRefusal):
    """The task is not in a state that allows this."""


class DocumentRejected(ServiceRefusal):
    """The document itself is the problem."""


class NoRoomForIt(ServiceRefusal):
    """The document needs more memory, or another device, than the service has."""


class ServiceBusy(ServiceRefusal):
    """The service is busy: its queue is full, no worker is free, or it is starting."""


class ServiceFault(ServiceRefusal):
    """The service failed. Its log has more under `request_id`."""


_BY_CODE: Mapping[str, type[ServiceRefusal]] = {
    "invalid_document": DocumentRejected,
    "unsupported_format": DocumentRejected,
    "encrypted_document": DocumentRejected,
    "document_too_large": DocumentRejected,
    "page_unreadable": DocumentRejected,
    "never_fits": NoRoomForIt,
    "storage_full": NoRoomForIt,
    "device_unavailable": NoRoomForIt,
    "upload_stalled": ServiceBusy,
    "duplicate_submission": ServiceBusy,
}
_BY_STATUS: Mapping[int, type[ServiceRefusal]] = {
    401: AccessDenied,
    403: AccessDenied,
    404: NothingThere,
    408: ServiceBusy,
    409: NotInThatState,
    421: AccessDenied,
    429: ServiceBusy,
    502: ServiceBusy,
    503: ServiceBusy,
    504: ServiceBusy,
    507: NoRoomForIt,
}


def refusal(problem: Problem, *, retry_after_s: float | None = None) -> ServiceRefusal:
    """The error for a problem: by its code if that says more than its status."""
    other = ServiceFault if problem.status >= 500 else RequestRejected
    kind = _BY_CODE.get(problem.code) or _BY_STATUS.get(problem.status, other)
    return kind(problem, retry_after_s=retry_after_s)


@cache
def _reasons() -> Mapping[str, TaskFailureReason]:
    known, kinds = {}, [PagemillError]
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        known[kind.code] = kind.reason
    return known
