"""`pagemill keys`: API keys, and what admins did.

These commands work on the database itself, so they need neither a server nor a key. Running servers notice changes
within a second.
"""

import os
from typing import Annotated

import typer

from pagemill.cli.exits import run_command
from pagemill.cli.loading import ConfigOption, JsonOption, settings_or_exit
from pagemill.domain.callers import Scope

key_commands = typer.Typer(
    help="Manage API keys, and show what admins did.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

KeyArgument = Annotated[str, typer.Argument(metavar="KEY_ID", help="Id of a key; `pagemill keys list` shows it.")]
ExpiresOption = Annotated[
    str | None, typer.Option(help='When it expires: "30d", "12h", or a date such as 2027-01-31. Default: never.')
]


@key_commands.command()
def create(
    name: Annotated[str, typer.Option(help="Name of the caller. All keys with one name share their tasks.")],
    scope: Annotated[
        Scope, typer.Option(help="Read the caller's own tasks, also submit and change them, or administer everyone's.")
    ] = Scope.SUBMIT,
    expires: ExpiresOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Create a key and print it once. From the first key on, every request needs one."""
    from pagemill.cli.key_office import create_key
    from pagemill.store.private_folder import PRIVATE

    os.umask(PRIVATE)
    run_command(create_key(settings_or_exit(config), name, scope, expires=expires, as_json=as_json))


@key_commands.command("list")
def list_(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List all keys, expired and revoked ones included."""
    from pagemill.cli.key_office import list_keys

    run_command(list_keys(settings_or_exit(config), as_json=as_json))


@key_commands.command()
def revoke(key: KeyArgument, config: ConfigOption = None) -> None:
    """Revoke a key. Running servers refuse it within a second, and close its event streams within ten."""
    from pagemill.cli.key_office import revoke_key

    run_command(revoke_key(settings_or_exit(config), key))


@key_commands.command()
def rotate(
    key: KeyArgument,
    overlap: Annotated[
        str | None, typer.Option(help='How long the old key still works: "1h", "7d". Default: not at all.')
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="When the new key expires, as for create. Default: when the old one does.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Replace a key with a new one, and print it once. Caller and scope stay the same."""
    from pagemill.cli.key_office import rotate_key

    run_command(rotate_key(settings_or_exit(config), key, overlap=overlap, expires=expires, as_json=as_json))


@key_commands.command()
def audit(
    limit: Annotated[int, typer.Option("--limit", "-n", help="Maximum number of entries.", min=1)] = 100,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what admins did: who, what and when, newest first.

    These are uses of other callers' tasks, and changes of keys.
    """
    from pagemill.cli.key_office import show_audit

    run_command(show_audit(settings_or_exit(config), limit=limit, as_json=as_json))
