"""A seccomp filter: which system calls a worker may make. See seccomp(2) and linux/filter.h, linux/seccomp.h.

It lists what is refused, because no list of what engines need is complete. What is refused lets a process
reach others, the network, the kernel, or rights that it lacks; no engine needs it.
"""

import ctypes
import errno
import os
from collections.abc import Iterator, Sequence

from pagemill.pool.sandbox.syscalls import NEWEST, Machine, this_machine

_OTHER_PROCESSES = """
    ptrace process_vm_readv process_vm_writev process_madvise process_mrelease kcmp pidfd_open pidfd_getfd
    pidfd_send_signal migrate_pages move_pages setpriority ioprio_set sched_setscheduler sched_setparam sched_setattr
"""
_PROGRAMS = "fork vfork execve execveat setsid setpgid unshare setns chroot pivot_root personality"
_NETWORK = "socket connect bind listen accept accept4 io_uring_setup io_uring_enter io_uring_register"
_SHARED_MEMORY = "shmget shmat shmctl msgget msgsnd msgrcv msgctl semget semop semtimedop semctl mq_open mq_unlink"
_FILES = """
    chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes futimesat utimensat setxattr lsetxattr
    fsetxattr setxattrat removexattr lremovexattr fremovexattr removexattrat file_setattr mknod mknodat truncate
    name_to_handle_at open_by_handle_at fanotify_init fanotify_mark
"""
_RIGHTS = """
    setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups capset keyctl add_key request_key
"""
_KERNEL = """
    bpf perf_event_open userfaultfd memfd_secret kexec_load kexec_file_load init_module finit_module delete_module
    create_module reboot syslog iopl ioperm modify_ldt uselib ustat vhangup lookup_dcookie
"""
_MACHINE = """
    mount umount2 move_mount open_tree open_tree_attr fsopen fsconfig fsmount fspick mount_setattr swapon swapoff
    sethostname setdomainname settimeofday clock_settime clock_adjtime adjtimex acct quotactl quotactl_fd
"""
_GROUPS = (_OTHER_PROCESSES, _PROGRAMS, _NETWORK, _SHARED_MEMORY, _FILES, _RIGHTS, _KERNEL, _MACHINE)
REFUSED = tuple(name for group in _GROUPS for name in group.split())
"""Refused with EPERM, whatever the arguments are."""

_TO_A_PROCESS = ("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
"""The first argument is a process; a worker may name only itself."""

_FCNTL_REFUSED = (8, 10, 15)  # F_SETOWN, F_SETSIG, F_SETOWN_EX: they make the kernel send a signal to any process
_IOCTL_REFUSED = (0x8901, 0x8902, 0x5412)  # FIOSETOWN, SIOCSPGRP: the same; TIOCSTI types on a terminal

_LOAD, _EQUAL, _AT_LEAST, _HAS_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF_LD|W|ABS, BPF_JMP|J…|K, BPF_RET|K
_NUMBER_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16  # struct seccomp_data; both machines are little-endian
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_CLONE_THREAD = 0x00010000
_SET_MODE_FILTER, _GET_ACTION_AVAIL, _SPEC_ALLOW = 1, 2, 1 << 2

Instruction = tuple[int, int, int, int]
"""`struct sock_filter`: code, jump if true, jump if false, operand."""


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction)))


def is_available() -> bool:
    """Whether this kernel filters system calls, and this module knows their numbers."""
    machine = this_machine()
    if machine is None:
        return False
    action = ctypes.byref(ctypes.c_uint32(_ERRNO))
    return bool(_libc().syscall(machine.numbers["seccomp"], _GET_ACTION_AVAIL, 0, action) == 0)


def refuse_what_no_engine_needs() -> bool:
    """Filter the system calls of this process and its future threads, for good; returns whether that worked.

    Call it before the process has another thread, and set `PR_SET_NO_NEW_PRIVS` first.

    Raises:
        OSError: The kernel has seccomp, but refused the filter.
    """
    machine = this_machine()
    if machine is None or not is_available():
        return False
    _install(machine, tuple(instructions(machine, own_pid=os.getpid())))
    return True


def _install(machine: Machine, program: Sequence[Instruction]) -> None:
    array = (_Instruction * len(program))(*(_Instruction(*instruction) for instruction in program))
    prepared = _Program(len(program), array)
    # without _SPEC_ALLOW, kernels before 5.16 also slow such a process down against Spectre
    if _libc().syscall(machine.numbers["seccomp"], _SET_MODE_FILTER, _SPEC_ALLOW, ctypes.byref(prepared)):
        raise OSError(ctypes.get_errno(), "seccomp")


def instructions(machine: Machine, *, own_pid: int) -> Iterator[Instruction]:
    """The filter: calls of another architecture end the process, and unknown calls fail as if they did not exist."""
    yield from _load(_ARCH_AT)
    yield _EQUAL, 1, 0, machine.audit_arch
    yield _RETURN, 0, 0, _KILL
    yield from _load(_NUMBER_AT)
    yield _AT_LEAST, 0, 1, NEWEST + 1  # the calls of x32 too: they begin at 0x40000000
    yield _RETURN, 0, 0, _ERRNO | errno.ENOSYS
    for name in REFUSED:
        if name in machine.numbers:
            yield from _if_called(machine.numbers[name], [_refuse()])
    yield from _if_called(machine.numbers["clone3"], [(_RETURN, 0, 0, _ERRNO | errno.ENOSYS)])  # so clone is called
    for name, block in _conditions(own_pid):
        yield from _if_called(machine.numbers[name], block)
    yield _RETURN, 0, 0, _ALLOW


def _conditions(own_pid: int) -> Iterator[tuple[str, Sequence[Instruction]]]:
    """The calls that are allowed or refused according to their arguments."""
    yield "clone", [*_load(_ARGUMENTS_AT), (_HAS_BIT, 1, 0, _CLONE_THREAD), _refuse(), _allow()]
    for name in _TO_A_PROCESS:
        yield name, _unless_argument(0, [own_pid])
    yield "prlimit64", _unless_argument(0, [0, own_pid])
    yield "fcntl", _if_argument(1, _FCNTL_REFUSED)
    yield "ioctl", _if_argument(1, _IOCTL_REFUSED)


def _if_called(number: int, block: Sequence[Instruction]) -> Iterator[Instruction]:
    """The block for that call only; it ends in an answer."""
    yield _EQUAL, 0, len(block), number
    yield from block


def _if_argument(index: int, values: Sequence[int]) -> Sequence[Instruction]:
    """Refuse if the lower half of the argument is one of these."""
    return [*_load(_ARGUMENTS_AT + 8 * index), *_any_of(values), _allow(), _refuse()]


def _unless_argument(index: int, values: Sequence[int]) -> Sequence[Instruction]:
    """Refuse unless the argument is one of these."""
    return [*_load(_ARGUMENTS_AT + 8 * index), *_any_of(values), _refuse(), _allow()]


def _any_of(values: Sequence[int]) -> Iterator[Instruction]:
    """Skip the next instruction unless one of these is equal."""
    for left, value in zip(reversed(range(len(values))), values, strict=True):
        yield _EQUAL, left + 1, 0, value


def _load(offset: int) -> Iterator[Instruction]:
    yield _LOAD, 0, 0, offset


def _refuse() -> Instruction:
    return _RETURN, 0, 0, _ERRNO | errno.EPERM


def _allow() -> Instruction:
    return _RETURN, 0, 0, _ALLOW


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
