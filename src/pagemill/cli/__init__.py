"""The command line: `pagemill`.

Results are on stdout, errors are one sentence on stderr, progress shows on a terminal only. How it ends:
`exits.ExitCode`.
"""

from pagemill.cli.main import main

__all__ = ["main"]
