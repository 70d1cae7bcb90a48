"""Landlock: restricts the files that a process may open, for good. See landlock(7) and linux/landlock.h.

What it does not cover (owners, rights and times of files, sockets other than TCP) is left to the seccomp filter.
"""

import ctypes
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path

_CREATE, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every machine
_VERSION = 1
_PATH_BENEATH = 1
_TCP = 0b11  # LANDLOCK_ACCESS_NET_BIND_TCP, _CONNECT_TCP: handled, and no port is granted
_SCOPES = 0b11  # LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET, _SIGNAL: not to processes outside
_TRUNCATE_SINCE, _TCP_SINCE, _IOCTL_SINCE, _SCOPES_SINCE = 3, 4, 5, 6


class Access(IntFlag):
    """`LANDLOCK_ACCESS_FS_…`."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


READ = Access.READ_FILE | Access.READ_DIR
CHANGE = Access.READ_FILE | Access.WRITE_FILE | Access.TRUNCATE
USE_DEVICE = READ | CHANGE | Access.IOCTL_DEV
WORK_IN = READ | CHANGE | Access.REMOVE_DIR | Access.REMOVE_FILE | Access.MAKE_DIR | Access.MAKE_REG
_OF_A_FILE = Access.EXECUTE | CHANGE | Access.IOCTL_DEV


@dataclass(frozen=True)
class Grant:
    """The access to a file, or to a folder and all below it; a missing path is not granted."""

    path: Path
    access: Access


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """The version of Landlock's interface in this kernel; 0 if it has none."""
    found: int = _libc().syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))
    return max(0, found)


def restrict(grants: Iterable[Grant]) -> bool:
    """Restrict this thread, and those it starts, to these grants, for good; returns whether the kernel can.

    Set `PR_SET_NO_NEW_PRIVS` first. Some descriptors stay open: a rule on a file of /proc holds as long as the kernel
    knows that file.

    Raises:
        OSError: The kernel has Landlock, but refused.
    """
    known, libc = version(), _libc()
    if not known:
        return False
    handled = _rights_of(known)
    ruleset = _Ruleset(handled, _TCP if known >= _TCP_SINCE else 0, _SCOPES if known >= _SCOPES_SINCE else 0)
    descriptor = _call(libc, _CREATE, ctypes.byref(ruleset), ctypes.c_size_t(_size(known)), ctypes.c_uint32(0))
    try:
        for grant in grants:
            _add(libc, descriptor, grant, handled=handled)
        _call(libc, _RESTRICT_SELF, ctypes.c_int(descriptor), ctypes.c_uint32(0))
    finally:
        os.close(descriptor)
    return True


def _rights_of(known: int) -> int:
    handled = sum(Access)
    if known < _IOCTL_SINCE:
        handled &= ~Access.IOCTL_DEV
    if known < _TRUNCATE_SINCE:
        handled &= ~Access.TRUNCATE
    if known == 1:
        handled &= ~Access.REFER  # then it is always refused
    return handled


def _size(known: int) -> int:
    """How much of the structure this kernel knows."""
    fields = 3 if known >= _SCOPES_SINCE else 2 if known >= _TCP_SINCE else 1
    return fields * ctypes.sizeof(ctypes.c_uint64)


def _add(libc: ctypes.CDLL, ruleset: int, grant: Grant, *, handled: int) -> None:
    try:
        opened = os.open(grant.path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        access = int(grant.access) & handled
        if not stat.S_ISDIR(os.fstat(opened).st_mode):
            access &= _OF_A_FILE.value
        rule = _PathBeneath(access, opened)
        _call(
            libc, _ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_PATH_BENEATH), ctypes.byref(rule), ctypes.c_uint32(0)
        )
    finally:
        if grant.path.parts[1] != "proc":
            os.close(opened)


def _call(libc: ctypes.CDLL, number: int, *arguments: object) -> int:
    result: int = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"Landlock (system call {number}): {os.strerror(ctypes.get_errno())}")
    return result


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
