r"""Every error Pagemill raises on purpose, and every reason a task can fail for.

PagemillError
├── InvalidRequest
│   ├── InvalidPageRange
│   ├── UnknownEngine
│   ├── EngineUnavailable
│   ├── IdempotencyKeyReused
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

from pagemill.domain.text import storable


class TaskFailureReason(StrEnum):
    """Why a task or a page failed; stored with it and shown to people."""

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


WANT_OF_MEMORY = frozenset({TaskFailureReason.OUT_OF_MEMORY, TaskFailureReason.MEMORY_LIMIT_EXCEEDED})
"""The reasons that a smaller batch, another device or a lower resolution may cure."""


class PagemillError(Exception):
    """Base of all errors raised on purpose. The message is one sentence that says what to do.

    Texts in it may come from outside; they are made `storable`.

    Attributes:
        code: Stable name of the kind, part of the API ("queue_full").
        reason: What a task or page that ends by it is marked with.
        retryable: Whether the same request may succeed later without being changed.
    """

    code: ClassVar[str] = "internal_error"
    reason: ClassVar[TaskFailureReason] = TaskFailureReason.INTERNAL_ERROR
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, **details: str | int | float | None) -> None:
        self.message = storable(message)
        super().__init__(self.message)
        self.details = {name: storable(value) if isinstance(value, str) else value for name, value in details.items()}


class InvalidRequest(PagemillError):
    """What was asked cannot be understood."""

    code = "invalid_request"
    reason = TaskFailureReason.INVALID_REQUEST


class InvalidPageRange(InvalidRequest):
    """A page range such as "1-3,7,-1" does not parse, or names no page of the document."""

    code = "invalid_page_range"


class UnknownEngine(InvalidRequest):
    """The engine, profile or language asked for is not there."""

    code = "unknown_engine"


class EngineUnavailable(InvalidRequest):
    """The engine asked for cannot be used here; the message says what is missing and how to get it."""

    code = "engine_unavailable"


class IdempotencyKeyReused(InvalidRequest):
    """An idempotency key came again with another document or other options."""

    code = "idempotency_key_reused"


class BatchTooLarge(InvalidRequest):
    """More documents were sent at once than may ever wait; `details` hold the numbers."""

    code = "batch_too_large"


class DocumentsRefused(InvalidRequest):
    """Some documents of a batch cannot be read, so none was taken.

    Attributes:
        refusals: Why, by the document's place in the batch (from 1) and its name.
    """

    code = "documents_refused"

    refusals: Mapping[tuple[int, str], PagemillError] = MappingProxyType({})

    @classmethod
    def of(cls, refusals: Mapping[tuple[int, str], PagemillError], message: str) -> Self:
        """The error of these documents."""
        error = cls(message, refused=len(refusals))
        error.refusals = refusals
        return error


class InvalidSettings(PagemillError):
    """A setting is unknown or has a value that cannot be used."""

    code = "invalid_settings"


class DocumentError(PagemillError):
    """The document itself is at fault; sending it again will not help."""

    code = "invalid_document"
    reason = TaskFailureReason.INVALID_DOCUMENT


class UnsupportedFormat(DocumentError):
    """The bytes are none of the kinds that can be read."""

    code = "unsupported_format"
    reason = TaskFailureReason.UNSUPPORTED_FORMAT


class InvalidDocument(DocumentError):
    """The kind is known, but the file is damaged beyond opening."""


class EncryptedDocument(DocumentError):
    """The document needs a password."""

    code = "encrypted_document"
    reason = TaskFailureReason.ENCRYPTED_DOCUMENT


class DocumentTooLarge(DocumentError):
    """More bytes, pages or pixels than the settings allow."""

    code = "document_too_large"
    reason = TaskFailureReason.DOCUMENT_TOO_LARGE


class PageError(PagemillError):
    """One page could not be read; the others are delivered."""

    code = "page_unreadable"
    reason = TaskFailureReason.PAGE_UNREADABLE


class PageUnreadable(PageError):
    """The page cannot be rendered or its image decoded."""


class EngineFailed(PageError):
    """The engine raised on this page."""

    code = "engine_error"
    reason = TaskFailureReason.ENGINE_ERROR
    retryable = True


class NotFound(PagemillError):
    """There is no such task, page or result."""

    code = "not_found"
    reason = TaskFailureReason.INVALID_REQUEST


class Conflict(PagemillError):
    """The thing is not in a state that allows this."""

    code = "conflict"
    reason = TaskFailureReason.INVALID_REQUEST


class IllegalTransition(Conflict):
    """A task cannot go from its present status to the one asked for."""

    code = "illegal_transition"


class StaleLease(Conflict):
    """The lease under which a page was worked has been given to another worker."""

    code = "stale_lease"


class DuplicateSubmission(Conflict):
    """Another request with the same idempotency key was faster."""

    code = "duplicate_submission"
    retryable = True


class QueueFull(PagemillError):
    """The queue holds all it may; `details["retry_after_s"]` says when to come back."""

    code = "queue_full"
    retryable = True


class MemoryShortage(PagemillError):
    """Memory is what is missing."""

    code = "memory"
    reason = TaskFailureReason.OUT_OF_MEMORY
    retryable = True


class OutOfMemory(MemoryShortage):
    """An allocation failed, or the kernel killed the worker for memory."""

    code = "out_of_memory"


class MemoryLimitExceeded(MemoryShortage):
    """A worker used more than was reserved for it and was ended."""

    code = "memory_limit_exceeded"
    reason = TaskFailureReason.MEMORY_LIMIT_EXCEEDED


class NeverFits(MemoryShortage):
    """The work needs more memory than the device could ever give."""

    code = "never_fits"
    reason = TaskFailureReason.MEMORY_LIMIT_EXCEEDED
    retryable = False


class PoolExhausted(PagemillError):
    """No service became free in time."""

    code = "pool_exhausted"
    reason = TaskFailureReason.POOL_EXHAUSTED
    retryable = True


class DeviceUnavailable(PagemillError):
    """The device asked for is not on any machine that takes part."""

    code = "device_unavailable"
    reason = TaskFailureReason.DEVICE_UNAVAILABLE


class WorkerLost(PagemillError):
    """A worker process died or hung; `details["cause"]` says how."""

    code = "worker_lost"
    reason = TaskFailureReason.WORKER_CRASHED
    retryable = True


class TimedOut(PagemillError):
    """The work took longer than its limit."""

    code = "timed_out"
    reason = TaskFailureReason.TIMEOUT
    retryable = True


class DatabaseUnavailable(PagemillError):
    """The database cannot be used now: it is away, restarting, full or locked. What was being written may be lost."""

    code = "database_unavailable"
    retryable = True
