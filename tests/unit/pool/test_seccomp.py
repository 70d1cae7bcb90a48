"""The filter as the kernel runs it, on both machines: an interpreter for its few instructions."""

import errno
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from pagemill.pool.sandbox.seccomp import REFUSED, instructions
from pagemill.pool.sandbox.syscalls import MACHINES, NEWEST, Machine

PID = 4242
HEADER = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
ALLOWED, KILLED = "allowed", "killed"
ANSWERS = {0x7FFF0000: ALLOWED, 0x80000000: KILLED}
machines = pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)


def answer(machine: Machine, number: int, *arguments: int, arch: int | None = None) -> str:
    """What becomes of a call."""
    words = [number, machine.audit_arch if arch is None else arch, 0, 0]
    for argument in (*arguments, *[0] * (6 - len(arguments))):
        words += [argument & 0xFFFFFFFF, argument >> 32 & 0xFFFFFFFF]
    return run(list(instructions(machine, own_pid=PID)), words)


def run(program: Sequence[tuple[int, int, int, int]], words: Sequence[int]) -> str:
    held = place = 0
    while True:
        code, if_true, if_false, operand = program[place]
        place += 1
        if code == 0x20:
            held = words[operand // 4]
        elif code == 0x06:
            return ANSWERS.get(operand) or errno.errorcode[operand & 0xFFFF]
        else:
            holds = {0x15: held == operand, 0x35: held >= operand, 0x45: bool(held & operand)}[code]
            place += if_true if holds else if_false


@machines
def test_what_no_engine_needs_is_refused_whatever_its_arguments(machine: Machine) -> None:
    for name in REFUSED:
        if name in machine.numbers:
            for argument in (0, 1, PID, 2**32 - 1, 2**64 - 1):
                assert answer(machine, machine.numbers[name], argument, argument) == "EPERM", name


@machines
def test_every_other_call_that_is_known_is_allowed(machine: Machine) -> None:
    by_arguments = {"clone", "clone3", "kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"}
    special = {*REFUSED, *by_arguments}
    numbers = {number for name, number in machine.numbers.items() if name in special}
    assert {answer(machine, number) for number in range(NEWEST + 1) if number not in numbers} == {ALLOWED}


@machines
def test_threads_may_be_started_and_processes_not(machine: Machine) -> None:
    clone = machine.numbers["clone"]
    assert answer(machine, clone, 0x3D0F00) == ALLOWED, "as pthread_create calls it"
    assert answer(machine, clone, 0x01200011) == "EPERM", "as fork calls it"
    assert answer(machine, clone, 0x4111) == "EPERM", "as vfork and posix_spawn call it"
    assert answer(machine, machine.numbers["clone3"]) == "ENOSYS", "then the C library calls clone"


@machines
@pytest.mark.parametrize("name", ["kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"])
def test_signals_go_to_the_worker_itself_only(machine: Machine, name: str) -> None:
    asked = {target: answer(machine, machine.numbers[name], target, 9) for target in (PID, PID + 1, 1, 0, -1, -PID)}
    assert {target for target, said in asked.items() if said == ALLOWED} == {PID}


@machines
def test_limits_are_its_own_only(machine: Machine) -> None:
    limit = machine.numbers["prlimit64"]
    assert [answer(machine, limit, pid) for pid in (0, PID, 1)] == [ALLOWED, ALLOWED, "EPERM"]


@machines
@pytest.mark.parametrize(
    ("call", "refused"),
    [("fcntl", {8: "F_SETOWN", 10: "F_SETSIG", 15: "F_SETOWN_EX"}), ("ioctl", {0x8901: "", 0x8902: "", 0x5412: ""})],
)
def test_the_kernel_sends_no_signals_for_it(machine: Machine, call: str, refused: dict[int, str]) -> None:
    commands = {*range(20), *range(0x8900, 0x8910), *range(0x5400, 0x5420)}
    asked = {command: answer(machine, machine.numbers[call], 3, command) for command in commands}
    assert {command for command, said in asked.items() if said == "EPERM"} == {*refused} & commands
    assert {*asked.values()} == {ALLOWED, "EPERM"}


@machines
@pytest.mark.parametrize("number", [NEWEST + 1, 0x40000000, 0x40000029, 2**32 - 1])
def test_calls_that_are_not_known_do_not_exist(machine: Machine, number: int) -> None:
    assert answer(machine, number) == "ENOSYS"


@machines
def test_calls_in_another_machine_s_way_end_the_worker(machine: Machine) -> None:
    (other,) = (each for each in MACHINES.values() if each is not machine)
    for arch in (other.audit_arch, 0x40000003):
        assert answer(machine, 0, arch=arch) == KILLED


@machines
def test_what_is_refused_has_a_number_and_no_number_is_there_twice(machine: Machine) -> None:
    assert {*REFUSED} <= {name for each in MACHINES.values() for name in each.numbers}
    assert len({*machine.numbers.values()}) == len(machine.numbers)
    assert max(machine.numbers.values()) <= NEWEST


@pytest.mark.skipif(not HEADER.is_file(), reason=f"Linux' headers are not installed here: {HEADER} is missing.")
def test_the_numbers_are_those_of_the_header() -> None:
    known = dict(re.findall(r"#define __NR_(\w+) (\d+)", HEADER.read_text()))
    numbers = MACHINES["x86_64"].numbers
    shared = numbers.keys() & known.keys()
    assert len(shared) > 100
    assert {name: numbers[name] for name in shared} == {name: int(known[name]) for name in shared}
