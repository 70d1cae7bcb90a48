"""Submits a received document as a task."""

from pagemill.domain.errors import DatabaseUnavailable
from pagemill.domain.task.submission import Submission
from pagemill.domain.task.task import TaskCreateRequest
from pagemill.tasks.manager import TaskManager
from pagemill.web.uploads import UploadStore


async def submit_document(commands: TaskManager, uploads: UploadStore, wanted: TaskCreateRequest) -> Submission:
    """Create the task; delete the document if no task needs it. Raises as `TaskManager.submit_task`."""
    try:
        submission = await commands.submit_task(wanted)
    except DatabaseUnavailable:
        raise  # the task may be stored; if it is not, pruning deletes its document later
    except Exception:
        await uploads.remove(wanted.document)
        raise
    if submission.replayed:
        await uploads.remove(wanted.document)
    return submission
