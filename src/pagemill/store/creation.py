"""How a task comes into being: its row, its pages, and the event of it.

Runs inside a write transaction of its caller.
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from pagemill.domain.events import Details, TaskEvent
from pagemill.domain.tasks import NewTask, PageState, Task, TaskStatus
from pagemill.store.changes import note
from pagemill.store.quarantine import give_up_quarantined
from pagemill.store.records import Values, task_of
from pagemill.store.tables import task_pages, tasks


async def create_task(connection: AsyncConnection, new: NewTask, *, now: datetime) -> Task:
    """Store a task (`created`) and its pages; those that are quarantined are given up at once."""
    pages: list[Values] = [
        {"task_id": new.task_id, "number": number, "state": PageState.QUEUED, "stage": new.first_stage}
        for number in new.pages
    ]
    statement = insert(tasks).values(**_columns(new), created_at=now).returning(tasks)
    task = task_of((await connection.execute(statement)).mappings().one())
    await connection.execute(insert(task_pages), pages)
    given_up = await give_up_quarantined(connection, new, now=now)
    details: Details = {"pages": len(pages)}
    if given_up:
        details["quarantined"] = given_up
    await note(connection, new.task_id, TaskEvent.CREATED, now=now, details=details)
    return replace(task, pages_failed=given_up)


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
    }
