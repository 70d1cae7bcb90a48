"""`pagemill db`: brings the database to a schema, and says at which it is. A server does the upgrade by itself."""

import json
from typing import Annotated

import typer

from pagemill.cli.exits import ExitCode, complain
from pagemill.cli.loading import ConfigOption, JsonOption, errors_explained, settings_or_exit

db_commands = typer.Typer(help="Look after the database.", no_args_is_help=True, rich_markup_mode=None)


@db_commands.command()
def upgrade(
    revision: Annotated[str, typer.Argument(help="Revision to go up to.")] = "head",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Bring the database up to the newest schema; a database that is not there is made."""
    from pagemill.store import migrate

    url = settings_or_exit(config).resolved_database_url
    with errors_explained():
        migrate.upgrade(url, revision)
        _say(migrate.current(url), as_json=as_json)


@db_commands.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help='Revision to go down to; "base" leaves nothing.')],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Take the database down to an older schema. What only newer ones hold is lost; stop the server first."""
    from pagemill.store import migrate

    url = settings_or_exit(config).resolved_database_url
    if not yes:
        typer.confirm(f"Go down to revision {revision}? What only newer ones hold is lost.", abort=True)
    with errors_explained():
        migrate.downgrade(url, revision)
        _say(migrate.current(url), as_json=as_json)


@db_commands.command()
def current(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Print the revision the database is at; "none" where it was never migrated."""
    from pagemill.store import migrate

    url = settings_or_exit(config).resolved_database_url
    with errors_explained():
        found = migrate.current(url)
    typer.echo(json.dumps({"revision": found}) if as_json else found or "none")


@db_commands.command()
def check(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Compare the database with what this version expects; each difference is one line, with exit code 1."""
    from pagemill.store import migrate

    url = settings_or_exit(config).resolved_database_url
    with errors_explained():
        differences = migrate.check(url)
    if as_json:
        typer.echo(json.dumps({"differences": list(differences)}, ensure_ascii=False))
    for difference in differences:
        complain(difference)
    if differences:
        complain("Run `pagemill db upgrade`, or restore the database from a backup.")
        raise typer.Exit(ExitCode.FAULT)
    if not as_json:
        typer.echo("The database is as this version expects it.")


def _say(revision: str | None, *, as_json: bool) -> None:
    sentence = f"The database is at revision {revision or 'base'}."
    typer.echo(json.dumps({"revision": revision}) if as_json else sentence)
