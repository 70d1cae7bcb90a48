"""A file that is opened more than once, although it may be deleted in between. Runs in workers only."""

from pathlib import Path


class KeptFile:
    """Keeps a file open, so that opening `path` gives the same file for as long as this is open.

    Attributes:
        path: By way of the open file, where the system has such paths; else the file's own.
    """

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            OSError: It is not there, or cannot be read.
        """
        self._file = path.open("rb")
        kept = Path(f"/proc/self/fd/{self._file.fileno()}")
        self.path = kept if kept.exists() else path

    def close(self) -> None:
        """Let go of it; twice is no error."""
        self._file.close()
