"""Deletes files and folders. If one cannot be deleted, it logs that and goes on with the others."""

import logging
import shutil
from pathlib import Path

logger = logging.getLogger(__name__)


def remove(path: Path) -> bool:
    """Delete a file, a link or a whole folder; a missing one is no error.

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


def _keep(raised: BaseException, faults: list[OSError]) -> None:
    if isinstance(raised, OSError) and not isinstance(raised, FileNotFoundError):
        faults.append(raised)
