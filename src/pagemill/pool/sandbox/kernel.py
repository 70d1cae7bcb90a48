"""Finds what this kernel lacks for the sandbox, for `pagemill doctor` and the log. Runs in the server."""

from collections.abc import Iterator

from pagemill.pool.sandbox import landlock, seccomp

_OFF = (
    "pool.sandbox is off: a document that takes over a worker can do everything that this server's user can. Turn it "
    "on before you read documents from strangers."
)
_NO_LANDLOCK = (
    "This kernel does not offer Landlock, so a document that takes over a worker can read the files that this server's "
    "user can read. Use Linux 5.13 or newer with landlock among its security modules (`lsm=` on the kernel's command "
    "line), and a container runtime that lets it through. The rest of the sandbox works."
)
_NO_SECCOMP = (
    "This machine cannot filter system calls (seccomp), so a document that takes over a worker can reach the network "
    "and start programs. Use Linux on x86_64 or aarch64 with CONFIG_SECCOMP_FILTER. The rest of the sandbox works."
)


def shortcomings(*, is_on: bool) -> Iterator[str]:
    """The gaps in the sandbox and their remedies, a few sentences each; empty if nothing is missing."""
    if not is_on:
        yield _OFF
        return
    if not landlock.version():
        yield _NO_LANDLOCK
    if not seccomp.is_available():
        yield _NO_SECCOMP
