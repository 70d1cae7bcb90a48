"""Connects commands to the server, and turns failures on the way into exit codes."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from pagemill.cli.exits import ExitCode, complain, run_command
from pagemill.cli.loading import settings_or_exit

if TYPE_CHECKING:
    from pagemill.client import AsyncClient
    from pagemill.client.errors import ClientError

FIRST_S = 2.0
"""Report a server that has never answered after this time; one that has answered gets the client's usual patience."""

ServerOption = Annotated[
    str | None,
    typer.Option("--server", "-s", metavar="URL", help="Address of the server. Default: the setting server_url."),
]


def run_with_client(
    work: "Callable[[AsyncClient], Awaitable[ExitCode]]",
    *,
    config: Path | None,
    server: str | None,
    patience_s: float | None = None,
) -> NoReturn:
    """Run a command that calls the server, and exit with its code; errors become one sentence.

    Args:
        work: What to do.
        config: The settings file; None for the default.
        server: The address; None for that in the settings.
        patience_s: Seconds for which to retry a call; None for the client's own rules.
    """
    from pagemill.client import AsyncClient, RetryRules
    from pagemill.client.errors import ClientError

    settings = settings_or_exit(config, {"server_url": server} if server else None)
    url, key = settings.resolved_server_url, settings.resolved_api_key
    rules = RetryRules() if patience_s is None else RetryRules(total_s=patience_s)

    async def ask() -> ExitCode:
        try:
            async with AsyncClient(url, retries=RetryRules(total_s=FIRST_S)) as client:
                await client.alive()
            async with AsyncClient(url, api_key=key, retries=rules) as client:
                return await work(client)
        except ClientError as error:
            complain(explain_refusal(error))
            return exit_code_of_refusal(error)

    run_command(ask())


def explain_refusal(error: "ClientError") -> str:
    """One sentence about the error, with the request's id if only the server's log explains it."""
    from pagemill.client.errors import AccessDenied, ServiceFault

    if isinstance(error, AccessDenied) and error.status == 401:
        return "The server needs a valid API key. Set PAGEMILL_API_KEY in the environment, or the setting api_key."
    if isinstance(error, ServiceFault) and error.request_id not in error.message:
        return f"{error.message} (request {error.request_id})"
    return error.message


def exit_code_of_refusal(error: "ClientError") -> ExitCode:
    """The exit code of a command that fails with this error."""
    from pagemill.client import errors

    by_error: tuple[tuple[type[ClientError], ExitCode], ...] = (
        (errors.ServiceUnreachable, ExitCode.UNREACHABLE),
        (errors.WaitedTooLong, ExitCode.NOT_OVER),
        (errors.DocumentRejected, ExitCode.NOTHING_READ),
        (errors.NoRoomForIt, ExitCode.NO_ROOM),
        (errors.ServiceBusy, ExitCode.NO_ROOM),
        (errors.ServiceFault, ExitCode.FAULT),
        (errors.AnswerNotUnderstood, ExitCode.FAULT),
    )
    if isinstance(error, errors.NotInThatState):
        return {"result_not_ready": ExitCode.NOT_OVER, "no_result": ExitCode.NOTHING_READ}.get(
            error.code, ExitCode.USAGE
        )
    return next((code for kind, code in by_error if isinstance(error, kind)), ExitCode.USAGE)
