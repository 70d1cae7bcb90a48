r"""Every error that Pagemill raises on purpose, and every reason for which a task can fail.

PagemillError
├── InvalidRequest
│   ├── InvalidPageRange
│   ├── UnknownEngine
│   ├── EngineUnavailable
│   ├── IdempotencyKeyReused
│   ├── WebhookRefused
│   ├── BatchTooLarge
│   └── DocumentsRefused
├── InvalidSettings
├── DocumentError
│   ├── UnsupportedFormat
│   ├── InvalidDocument
│   ├── EncryptedDocument
│   └── DocumentTooLarge
├── PageError
│   ├── PageUnreadable
│   └── EngineFailed
├── NotFound
├── Conflict
│   ├── IllegalTransition
│   ├── StaleLease
│   └── DuplicateSubmission
├── QueueFull
├── QuotaExceeded
├── MemoryShortage
│   ├── OutOfMemory
│   ├── MemoryLimitExceeded
│   └── NeverFits
├── PoolExhausted
├── DeviceUnavailable
├── WorkerLost
├── TimedOut
└── DatabaseUnavailable
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, Self

from pagemill.domain.text import make_storable


class TaskFailureReason(StrEnum):
    """Why a task or a page failed. Stored with it and shown to users."""

    INVALID_REQUEST = "invalid_request"
    UNSUPPORTED_FORMAT = "unsupported_format"
    INVALID_DOCUMENT = "invalid_document"
    ENCRYPTED_DOCUMENT = "encrypted_document"
    DOCUMENT_TOO_LARGE = "document_too_large"
    PAGE_UNREADABLE = "page_unreadable"
    ENGINE_ERROR = "engine_error"
    WORKER_CRASHED = "worker_crashed"
    TIMEOUT = "timeout"
    QUEUE_TIMEOUT = "queue_timeout"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    CANCELLED = "cancelled"
    OUT_OF_MEMORY = "out_of_memory"
    POOL_EXHAUSTED = "pool_exhausted"
    DEVICE_UNAVAILABLE = "device_unavailable"
    MEMORY_LIMIT_EXCEEDED = "memory_limit_exceeded"
    INTERNAL_ERROR = "internal_error"


MEMORY_REASONS = frozenset({TaskFailureReason.OUT_OF_MEMORY, TaskFailureReason.MEMORY_LIMIT_EXCEEDED})
"""Reasons that a smaller batch, another device or a lower resolution may cure."""


def fault_of_ours(error_id: str) -> str:
    """The message to users about an unexpected error. It contains nothing of the error itself."""
    return f"Something went wrong on our side. Look for the error id {error_id} in the service's log."


class PagemillError(Exception):
    """Base of all errors raised on purpose. The message says what happened and what to do next.

    The message and the details may contain text from outside; the constructor makes it `make_storable`.

    Attributes:
        code: Stable name of the kind of error, part of the API ("queue_full").
        reason: The failure reason of a task or page that ends with this error.
        retryable: Whether the same request, unchanged, may succeed later.
    """

    code: ClassVar[str] = "internal_error"
    reason: ClassVar[TaskFailureReason] = TaskFailureReason.INTERNAL_ERROR
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, **details: str | int | float | None) -> None:
        self.message = make_storable(message)
        super().__init__(self.message)
        self.details = {
            name: make_storable(value) if isinstance(value, str) else value for name, value in details.items()
        }


class InvalidRequest(PagemillError):
    """The request is wrong."""

    code = "invalid_request"
    reason = TaskFailureReason.INVALID_REQUEST


class InvalidPageRange(InvalidRequest):
    """A page range such as "1-3,7,-1" does not parse, or the document has no such page."""

    code = "invalid_page_range"


class UnknownEngine(InvalidRequest):
    """The service does not know the requested engine, profile or language."""

    code = "unknown_engine"


class EngineUnavailable(InvalidRequest):
    """The requested engine does not run here; the message says what is missing and how to get it."""

    code = "engine_unavailable"


class IdempotencyKeyReused(InvalidRequest):
    """The caller used the idempotency key before, with another document or other options."""

    code = "idempotency_key_reused"


class WebhookRefused(InvalidRequest):
    """The URL of the webhook is well-formed, but this service does not send to it, or sends no webhooks."""

    code = "webhook_refused"


class BatchTooLarge(InvalidRequest):
    """The batch has more documents than the queue can hold; `details` has the numbers."""

    code = "batch_too_large"


class DocumentsRefused(InvalidRequest):
    """The service cannot read some documents of a batch, so it accepted none.

    Attributes:
        refusals: The error of each such document, by its position in the batch (from 1) and its name.
    """

    code = "documents_refused"

    refusals: Mapping[tuple[int, str], PagemillError] = MappingProxyType({})

    @classmethod
    def of(cls, refusals: Mapping[tuple[int, str], PagemillError], message: str) -> Self:
        """The error for these documents."""
        error = cls(message, refused=len(refusals))
        error.refusals = refusals
        return error


class InvalidSettings(PagemillError):
    """A setting is unknown or has a wrong value."""

    code = "invalid_settings"


class DocumentError(PagemillError):
    """The document itself is the problem; sending it again does not help."""

    code = "invalid_document"
    reason = TaskFailureReason.INVALID_DOCUMENT


class UnsupportedFormat(DocumentError):
    """Pagemill cannot read this file format."""

    code = "unsupported_format"
    reason = TaskFailureReason.UNSUPPORTED_FORMAT


class InvalidDocument(DocumentError):
    """Pagemill knows the format, but the file is too damaged to open."""


class EncryptedDocument(DocumentError):
    """The document needs a password."""

    code = "encrypted_document"
    reason = TaskFailureReason.ENCRYPTED_DOCUMENT


class DocumentTooLarge(DocumentError):
    """The document has more bytes, pages or pixels than the settings allow."""

    code = "document_too_large"
    reason = TaskFailureReason.DOCUMENT_TOO_LARGE


class PageError(PagemillError):
    """One page failed; the result contains the others."""

    code = "page_unreadable"
    reason = TaskFailureReason.PAGE_UNREADABLE


class PageUnreadable(PageError):
    """Rendering the page or decoding its image failed."""


class EngineFailed(PageError):
    """The engine raised an error on this page."""

    code = "engine_error"
    reason = TaskFailureReason.ENGINE_ERROR
    retryable = True


class NotFound(PagemillError):
    """The task, page or result does not exist."""

    code = "not_found"
    reason = TaskFailureReason.INVALID_REQUEST


class Conflict(PagemillError):
    """The present state of the task, page or batch does not allow this."""

    code = "conflict"
    reason = TaskFailureReason.INVALID_REQUEST


class IllegalTransition(Conflict):
    """A task cannot change from its present status to the requested one."""

    code = "illegal_transition"


class StaleLease(Conflict):
    """The lease on the page has ended; another worker may have the page now."""

    code = "stale_lease"


class DuplicateSubmission(Conflict):
    """Another request with the same idempotency key came first."""

    code = "duplicate_submission"
    retryable = True


class QueueFull(PagemillError):
    """The queue is full; `details["retry_after_s"]` says when to try again."""

    code = "queue_full"
    retryable = True


class QuotaExceeded(PagemillError):
    """The caller has reached its quota of waiting pages or stored bytes; see `details["retry_after_s"]`."""

    code = "quota_exceeded"
    retryable = True


class MemoryShortage(PagemillError):
    """There is too little memory."""

    code = "memory"
    reason = TaskFailureReason.OUT_OF_MEMORY
    retryable = True


class OutOfMemory(MemoryShortage):
    """An allocation failed, or the kernel killed the worker to free memory."""

    code = "out_of_memory"


class MemoryLimitExceeded(MemoryShortage):
    """A worker used more memory than its reservation, and the guard ended it."""

    code = "memory_limit_exceeded"
    reason = TaskFailureReason.MEMORY_LIMIT_EXCEEDED


class NeverFits(MemoryShortage):
    """The work needs more memory than the device can ever provide."""

    code = "never_fits"
    reason = TaskFailureReason.MEMORY_LIMIT_EXCEEDED
    retryable = False


class PoolExhausted(PagemillError):
    """No service became free in time."""

    code = "pool_exhausted"
    reason = TaskFailureReason.POOL_EXHAUSTED
    retryable = True


class DeviceUnavailable(PagemillError):
    """The requested device does not exist here, is gone, or does not suit the engine."""

    code = "device_unavailable"
    reason = TaskFailureReason.DEVICE_UNAVAILABLE


class WorkerLost(PagemillError):
    """A worker process died or hung; `details["cause"]` says which."""

    code = "worker_lost"
    reason = TaskFailureReason.WORKER_CRASHED
    retryable = True


class TimedOut(PagemillError):
    """The work took longer than its limit."""

    code = "timed_out"
    reason = TaskFailureReason.TIMEOUT
    retryable = True


class DatabaseUnavailable(PagemillError):
    """The database does not answer: it is away, restarting, full or locked. The last write may be lost."""

    code = "database_unavailable"
    retryable = True
