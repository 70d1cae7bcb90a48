"""Wires the tasks' progress: events and waiting."""

from dataclasses import dataclass
from typing import Self

from pagemill.store.parts import StoreParts
from pagemill.tasks.passwords import Passwords
from pagemill.tasks.progress.event_handlers import TaskEventHandlers
from pagemill.tasks.progress.task_watch import TaskWatch


@dataclass(frozen=True)
class ProgressParts:
    """The parts for progress.

    Attributes:
        watch: Wakes those who wait for a task.
        handlers: Write events, and count work.
        passwords: Of protected documents, while their tasks last.
    """

    watch: TaskWatch
    handlers: TaskEventHandlers
    passwords: Passwords

    @classmethod
    def of(cls, store: StoreParts, *, owner: str) -> Self:
        """Wire them."""
        watch = TaskWatch(store.tasks)
        handlers = TaskEventHandlers(resources=store.resources, pages=store.pages, events=store.events, watch=watch)
        return cls(watch, handlers, Passwords(owner, watch))
