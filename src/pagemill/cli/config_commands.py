"""`pagemill config`: shows the settings in force, checks them, and lists all settings."""

import json

import typer

from pagemill.cli.loading import ConfigOption, JsonOption, settings_or_exit

config_commands = typer.Typer(help="Show and check the settings.", no_args_is_help=True, rich_markup_mode=None)


@config_commands.command()
def show(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Print the settings in force. They are YAML, ready to use as a settings file. Secrets are masked."""
    import yaml

    from pagemill.cli.showing_settings import mask_secrets

    values = mask_secrets(settings_or_exit(config))
    if as_json:
        typer.echo(json.dumps(values, indent=2, ensure_ascii=False))
    else:
        typer.echo(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), nl=False)


@config_commands.command()
def validate(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Check the settings file and the environment. Names what is wrong and ends with exit code 2."""
    settings_or_exit(config)
    typer.echo(json.dumps({"usable": True}) if as_json else "The settings are valid.")


@config_commands.command()
def schema() -> None:
    """Print the JSON schema of the settings file. Editors complete and check the file with it."""
    from pagemill.settings import Settings

    typer.echo(json.dumps(Settings.model_json_schema(), indent=2, ensure_ascii=False))
