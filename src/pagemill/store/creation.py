"""Creates a task: its row, its pages, and its event.

Runs inside a write transaction of its caller.
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, insert

from pagemill.domain.task.events import Details, TaskEvent
from pagemill.domain.task.task import NewTask, PageState, Task, TaskStatus
from pagemill.store.changes import note
from pagemill.store.idempotency import keep_key
from pagemill.store.labels import keep_labels
from pagemill.store.quarantine import give_up_quarantined
from pagemill.store.quotas import CallerQuota, check_quota
from pagemill.store.records import Values, task_of
from pagemill.store.result_cache import cache_key, take_cached_pages
from pagemill.store.tables import task_pages, tasks


def create_task(connection: Connection, new: NewTask, *, quota: CallerQuota, now: datetime) -> Task:
    """Store a task (`created`) and its pages.

    If the task uses the cache, pages that were read before are done at once. Quarantined pages fail at once.

    Raises:
        QuotaExceeded: The caller has reached its quota.
        DuplicateSubmission: An earlier request used its idempotency key.
    """
    check_quota(connection, new, quota)
    pages: list[Values] = [
        {"task_id": new.task_id, "number": number, "state": PageState.QUEUED, "stage": new.first_stage}
        for number in new.pages
    ]
    statement = insert(tasks).values(**_columns(new), created_at=now).returning(tasks)
    task = task_of(connection.execute(statement).mappings().one())
    connection.execute(insert(task_pages), pages)
    keep_key(connection, new, now=now)
    keep_labels(connection, new.task_id, new.request.options.labels)
    cached = take_cached_pages(connection, new, now=now)
    given_up = give_up_quarantined(connection, new, now=now)
    details: Details = {"pages": len(pages)}
    if cached:
        details["cached"] = cached
    if given_up:
        details["quarantined"] = given_up
    note(connection, new.task_id, TaskEvent.CREATED, now=now, details=details)
    return replace(task, pages_done=cached, pages_failed=given_up)


def _columns(new: NewTask) -> Values:
    document, options = new.request.document, new.request.options
    return {
        "task_id": new.task_id,
        "status": TaskStatus.CREATED,
        "document_path": document.path,
        "document_name": document.name,
        "document_size_bytes": document.size_bytes,
        "document_sha256": document.sha256,
        "kind": new.info.kind,
        "page_count": new.info.page_count,
        "options": options.model_dump(mode="json"),
        "fingerprint": options.recognition.fingerprint,
        "priority": options.priority,
        "pages_total": len(new.pages),
        "estimated_memory_mb": new.estimated_memory_mb,
        "assigned_device": new.assigned_device,
        "page_pixels": new.page_pixels,
        "caller": new.request.caller,
        "cache_key": cache_key(new),
        "batch_id": new.batch_id,
        "password_at": new.password_at,
    }
