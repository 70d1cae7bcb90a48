"""Converts rows of the database to values of the domain."""

from sqlalchemy import RowMapping

from pagemill.domain.page.page import PageWarning
from pagemill.domain.task.events import EventRecord
from pagemill.domain.task.task import Rung, StoredDocument, Task, TaskOptions, TaskPage

Values = dict[str, object]
"""Column names and their values."""


def document_of(row: RowMapping) -> StoredDocument:
    """The document of a row of `tasks`."""
    return StoredDocument(
        path=row["document_path"],
        name=row["document_name"],
        size_bytes=row["document_size_bytes"],
        sha256=row["document_sha256"],
    )


def options_of(row: RowMapping) -> TaskOptions:
    """The options of a row of `tasks`."""
    return TaskOptions.model_validate(row["options"])


def task_of(row: RowMapping) -> Task:
    """The task of a row of `tasks`."""
    return Task(
        task_id=row["task_id"],
        status=row["status"],
        document=document_of(row),
        kind=row["kind"],
        page_count=row["page_count"],
        options=options_of(row),
        priority=row["priority"],
        created_at=row["created_at"],
        queued_at=row["queued_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        failure_reason=row["failure_reason"],
        failure_message=row["failure_message"],
        pages_total=row["pages_total"],
        pages_done=row["pages_done"],
        pages_failed=row["pages_failed"],
        estimated_memory_mb=row["estimated_memory_mb"],
        actual_memory_mb=row["actual_memory_mb"],
        assigned_device=row["assigned_device"],
        service_instance_id=row["service_instance_id"],
        resource_cleanup_completed=row["resource_cleanup_completed"],
        caller=row["caller"],
        deadline_at=row["deadline_at"],
        batch_id=row["batch_id"],
        page_pixels=row["page_pixels"],
        password_at=row["password_at"],
    )


def page_of(row: RowMapping) -> TaskPage:
    """The page of a row of `task_pages`."""
    return TaskPage(
        task_id=row["task_id"],
        number=row["number"],
        state=row["state"],
        stage=row["stage"],
        attempts=row["attempts"],
        crashes=row["crashes"],
        rung=Rung(row["rung"]),
        failure_reason=row["failure_reason"],
        failure_message=row["failure_message"],
        seconds=row["seconds"],
        confidence=row["confidence"],
        finished_at=row["finished_at"],
        warnings=tuple(map(PageWarning.model_validate, row["warnings"] or ())),
    )


def event_of(row: RowMapping) -> EventRecord:
    """The entry of a row of `task_events`."""
    return EventRecord(
        sequence=row["sequence"],
        task_id=row["task_id"],
        event_type=row["event_type"],
        timestamp=row["timestamp"],
        details=row["details"],
    )
