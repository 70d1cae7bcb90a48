"""Reacts to task events from all servers."""

from pagemill.domain.task.events import TaskEvent
from pagemill.tasks.progress.task_watch import TaskWatch
from pagemill.tasks.work.dispatcher import Dispatcher

ENDING = frozenset({TaskEvent.CANCEL_REQUESTED, TaskEvent.CANCELLED, TaskEvent.EXPIRED, TaskEvent.FAILED})
"""Events after which no worker may read pages of the task."""
BRINGING_WORK = frozenset(
    {TaskEvent.QUEUED, TaskEvent.REQUEUED, TaskEvent.PAGE_RETRIED, TaskEvent.SUCCEEDED, TaskEvent.PARTIALLY_SUCCEEDED}
    | ENDING
)
"""Events after which there may be new work, or room for it."""


class TaskWakeups:
    """Wakes those who wait here, and ends work that was stopped elsewhere. Runs in the server process."""

    def __init__(self, *, watch: TaskWatch, dispatcher: Dispatcher) -> None:
        self._watch = watch
        self._dispatcher = dispatcher

    def on_event(self, task_id: str, event: TaskEvent) -> None:
        """Handle an event of a task."""
        if event in BRINGING_WORK:
            self._watch.notify(task_id)
        else:
            self._watch.notify_progress(task_id)
        if event in ENDING:
            self._dispatcher.abandon(task_id)
        if event in BRINGING_WORK:
            self._dispatcher.wake()

    def on_connected(self) -> None:
        """Handle a new connection, after which any event may have been missed."""
        self._dispatcher.wake()
