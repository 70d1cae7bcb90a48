"""How commands end, and what they say then."""

import asyncio

import pytest

from pagemill.cli.exits import ExitCode, exit_code_of, run_command
from pagemill.domain.errors import (
    EncryptedDocument,
    InvalidPageRange,
    InvalidSettings,
    NeverFits,
    PagemillError,
    PoolExhausted,
    UnknownEngine,
    WorkerLost,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidSettings, ExitCode.USAGE),
        (InvalidPageRange, ExitCode.USAGE),
        (UnknownEngine, ExitCode.USAGE),
        (EncryptedDocument, ExitCode.NOTHING_READ),
        (NeverFits, ExitCode.NO_ROOM),
        (PoolExhausted, ExitCode.NO_ROOM),
        (WorkerLost, ExitCode.FAULT),
    ],
)
def test_every_error_has_its_exit_code(error: type[PagemillError], code: ExitCode) -> None:
    assert exit_code_of(error("It went wrong.")) is code


def test_the_numbers_are_a_promise() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0,
        "FAULT": 1,
        "USAGE": 2,
        "PARTLY_READ": 3,
        "NOTHING_READ": 4,
        "NO_ROOM": 5,
        "UNREACHABLE": 6,
        "NOT_OVER": 7,
        "INTERRUPTED": 130,
    }


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (None, 3, ""),
        (InvalidSettings("No such port."), 2, "pagemill: No such port.\n"),
        (asyncio.CancelledError(), 130, "pagemill: interrupted.\n"),
        (KeyboardInterrupt(), 130, "pagemill: interrupted.\n"),
    ],
)
def test_a_command_ends_with_one_sentence(
    capsys: pytest.CaptureFixture[str], *, raised: BaseException | None, code: int, said: str
) -> None:
    async def work() -> ExitCode:
        if raised is not None:
            raise raised
        return ExitCode.PARTLY_READ

    with pytest.raises(SystemExit) as ended:
        run_command(work())
    assert ended.value.code == code
    assert capsys.readouterr().err == said
