"""What Paddle asks a shell is answered without one."""

import os
import platform
import subprocess

from pagemill.engines.paddle.shell import shell_answered


def ask_shell(command: str) -> str | None:
    """As `paddle/base/core.py` asks."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, shell=True)  # noqa: S602
    printed, complaints = process.communicate()
    return None if complaints else printed.decode().strip()


def test_the_version_of_the_c_library() -> None:
    with shell_answered():
        assert ask_shell("ldd --version | awk '/ldd/{print $NF}'") == platform.libc_ver()[1]


def test_what_the_processor_can_do() -> None:
    with shell_answered(), os.popen("cat /proc/cpuinfo | grep -i avx") as pipe:  # noqa: S605, S607
        assert all("avx" in line.lower() for line in pipe)


def test_nothing_else_is_found_and_nothing_is_run() -> None:
    with shell_answered():
        assert ask_shell("echo run") is None
    assert ask_shell("echo run") == "run"
