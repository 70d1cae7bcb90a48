"""A file that can be opened again even after it was deleted. Runs in workers only."""

from pathlib import Path


class KeptFile:
    """Keeps a file open, so that opening `path` gives the same file for as long as this is open.

    Attributes:
        path: A path through the open file, if the system has such paths; otherwise the file's own.
    """

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            OSError: It is missing, or cannot be read.
        """
        self._file = path.open("rb")
        kept = Path(f"/proc/self/fd/{self._file.fileno()}")
        self.path = kept if kept.exists() else path

    def close(self) -> None:
        """Close it; closing twice is not an error."""
        self._file.close()
