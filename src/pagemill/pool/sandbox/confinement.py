"""Confines a worker: the instructions it gets at its start, and how it carries them out. Runs in the worker."""

import ctypes
import os
import resource
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pagemill.pool.sandbox import landlock, places, seccomp
from pagemill.pool.sandbox.landlock import READ, WORK_IN, Grant

MOST_WRITTEN_BYTES = 8 << 30
"""The largest file a worker may write: a searchable PDF is about as large as its original."""
_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION = 0x20080522
_KEPT_CAPABILITIES = 1 << 1 | 1 << 2
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: root may have code in folders of other users. Landlock binds root too."""


@dataclass(frozen=True)
class Confinement:
    """The instructions for a worker.

    Attributes:
        documents: The folder of its desk that the server puts documents in; the worker reads them.
        results: The folder of its desk for results.
        home: The folder for temporary files, and for what libraries keep in a home folder.
        apart: The data folder.
    """

    documents: Path
    results: Path
    home: Path
    apart: Path

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> "Confinement | None":
        """The confinement in the arguments of a worker; None if they contain none."""
        return cls(*map(Path, arguments)) if arguments else None

    def arguments(self) -> list[str]:
        """The arguments for `from_arguments`."""
        return [str(path) for path in (self.documents, self.results, self.home, self.apart)]

    def apply(self, *, files: Sequence[str] = (), writes: Sequence[str] = (), has_gpu: bool = False) -> None:
        """Confine this process for good, while it has only one thread.

        Args:
            files: What it may read besides its code: the models of its engine.
            writes: What it may also change.
            has_gpu: GPUs are reachable.

        Raises:
            OSError: The kernel supports a restriction, but refused it.
        """
        os.umask(0o077)
        _limit()
        _give_up_privileges()
        landlock.restrict([*self._grants(), *_of_the_engine(files, writes, apart=self.apart, has_gpu=has_gpu)])
        seccomp.refuse_what_no_engine_needs()

    def _grants(self) -> Iterator[Grant]:
        yield Grant(self.documents, READ)
        yield Grant(self.results, WORK_IN)
        yield Grant(self.home, WORK_IN)
        yield from places.code(os.environ, apart=self.apart)
        yield from places.system()


def _of_the_engine(files: Sequence[str], writes: Sequence[str], *, apart: Path, has_gpu: bool) -> Iterator[Grant]:
    yield from places.models(files, apart=apart)
    yield from (Grant(Path(path), WORK_IN) for path in writes)
    if has_gpu:
        yield from places.gpus()


def _limit() -> None:
    """Forbid core files, which would contain the document, and files of unlimited size.

    `RLIMIT_CPU` would end a worker for having read many pages: each page has its time limit. `RLIMIT_NPROC` counts all
    processes of the user, the server's too: the seccomp filter allows no process at all.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    most = MOST_WRITTEN_BYTES if hard == resource.RLIM_INFINITY else min(hard, MOST_WRITTEN_BYTES)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def _give_up_privileges() -> None:
    """See prctl(2) and capset(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    held = (ctypes.c_uint32 * 6)()  # twice effective, permitted, inheritable
    if libc.capget(header, held):
        raise OSError(ctypes.get_errno(), "capget")
    kept = (ctypes.c_uint32 * 6)(held[0] & _KEPT_CAPABILITIES, held[1] & _KEPT_CAPABILITIES)
    if libc.capset(header, kept):
        raise OSError(ctypes.get_errno(), "capset")
