"""Deletes files and folders. If one cannot be deleted, it logs that and goes on with the others."""

import logging
import shutil
from pathlib import Path

from pagemill.domain.task.task import Task

logger = logging.getLogger(__name__)

RESULTS_SUFFIX = ".results"
"""Suffix of the folder that holds a task's results as files, next to its folder of temporary files. It stays after the
cleanup; `Pruning` deletes it an hour after its last use, or with the task."""


def remove(path: Path) -> bool:
    """Delete a file, a link or a whole folder; a missing one is not an error.

    Returns:
        Whether it is gone. If not, the log says why; it deletes as much of a folder as it can.
    """
    faults: list[OSError] = []
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, onerror=lambda _call, _path, raised: _keep(raised[1], faults))
    else:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            faults.append(error)
    if faults:
        logger.warning(
            "%s cannot be deleted (%s). Pagemill tries again later; you can also delete it yourself.", path, faults[0]
        )
    return not faults


def remove_task_files(task: Task, work_dir: Path) -> None:
    """Delete the document of a task, its pictures and its results as files."""
    for path in (task.document.path, work_dir / task.task_id, work_dir / f"{task.task_id}{RESULTS_SUFFIX}"):
        remove(Path(path))


def _keep(raised: BaseException, faults: list[OSError]) -> None:
    if isinstance(raised, OSError) and not isinstance(raised, FileNotFoundError):
        faults.append(raised)
