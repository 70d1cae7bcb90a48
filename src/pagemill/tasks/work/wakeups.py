"""What this server does about what happened to tasks, whichever server it happened at."""

from pagemill.domain.task.events import TaskEvent
from pagemill.tasks.progress.task_watch import TaskWatch
from pagemill.tasks.work.dispatcher import Dispatcher

ENDING = frozenset({TaskEvent.CANCEL_REQUESTED, TaskEvent.CANCELLED, TaskEvent.EXPIRED, TaskEvent.FAILED})
"""Events after which no page of the task is to be worked."""
BRINGING_WORK = frozenset(
    {TaskEvent.QUEUED, TaskEvent.REQUEUED, TaskEvent.PAGE_RETRIED, TaskEvent.SUCCEEDED, TaskEvent.PARTIALLY_SUCCEEDED}
    | ENDING
)
"""Events after which there may be something to do: new work, or room for some."""


class TaskWakeups:
    """Wakes who waits here, and ends work that was called off elsewhere. Runs in the server process."""

    def __init__(self, *, watch: TaskWatch, dispatcher: Dispatcher) -> None:
        self._watch = watch
        self._dispatcher = dispatcher

    def on_event(self, task_id: str, event: TaskEvent) -> None:
        """Something happened to the task."""
        if event in BRINGING_WORK:
            self._watch.notify(task_id)
        else:
            self._watch.progressed(task_id)
        if event in ENDING:
            self._dispatcher.abandon(task_id)
        if event in BRINGING_WORK:
            self._dispatcher.wake()

    def on_connected(self) -> None:
        """Anything may have happened that was not heard."""
        self._dispatcher.wake()
