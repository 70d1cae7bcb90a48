"""`pagemill db`: upgrades, downgrades and checks the database. A server upgrades it when it starts."""

import json
import os
from typing import Annotated

import typer

from pagemill.cli.exits import ExitCode, complain
from pagemill.cli.loading import ConfigOption, JsonOption, explain_errors, settings_or_exit

db_commands = typer.Typer(help="Upgrade, check and inspect the database.", no_args_is_help=True, rich_markup_mode=None)


@db_commands.command()
def upgrade(
    revision: Annotated[str, typer.Argument(help="Revision to upgrade to.")] = "head",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Upgrade the database to the newest schema. Creates the database if it does not exist."""
    from pagemill.store import migrate
    from pagemill.store.private_folder import PRIVATE

    os.umask(PRIVATE)
    url = settings_or_exit(config).resolved_database_url
    with explain_errors():
        migrate.upgrade(url, revision)
        _say(migrate.current(url), as_json=as_json)


@db_commands.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help='Revision to downgrade to; "base" removes everything.')],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Downgrade the database to an older schema. Data that only newer schemas hold is lost. Stop the server first."""
    from pagemill.store import migrate

    url = settings_or_exit(config).resolved_database_url
    if not yes:
        typer.confirm(f"Downgrade to revision {revision}? Data that only newer schemas hold is lost.", abort=True)
    with explain_errors():
        migrate.downgrade(url, revision)
        _say(migrate.current(url), as_json=as_json)


@db_commands.command()
def current(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Print the revision of the database. A database that was never migrated has "none"."""
    from pagemill.store import migrate

    url = settings_or_exit(config).resolved_database_url
    with explain_errors():
        found = migrate.current(url)
    typer.echo(json.dumps({"revision": found}) if as_json else found or "none")


@db_commands.command()
def check(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Compare the database with what this version expects. Prints a line for each difference; exit code 1 if any."""
    from pagemill.store import migrate

    url = settings_or_exit(config).resolved_database_url
    with explain_errors():
        differences = migrate.check(url)
    if as_json:
        typer.echo(json.dumps({"differences": list(differences)}, ensure_ascii=False))
    for difference in differences:
        complain(difference)
    if differences:
        complain("Run `pagemill db upgrade`, or restore the database from a backup.")
        raise typer.Exit(ExitCode.FAULT)
    if not as_json:
        typer.echo("The database matches this version.")


def _say(revision: str | None, *, as_json: bool) -> None:
    sentence = f"The database is at revision {revision or 'base'}."
    typer.echo(json.dumps({"revision": revision}) if as_json else sentence)
