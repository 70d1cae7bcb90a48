"""`pagemill engines`: lists the engines, why an engine is unavailable, and its memory; installs engines."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pagemill.cli.exits import ExitCode, run_command
from pagemill.cli.loading import ConfigOption, explain_errors, settings_or_exit
from pagemill.domain.errors import InvalidRequest

if TYPE_CHECKING:
    from pagemill.settings import Settings
    from pagemill.wire.engine_wire import EngineDeviceWire, EngineListWire, EngineWire, ProfileWire

engine_commands = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


@engine_commands.callback()
def engines(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, as GET /engines returns it.")] = False,
    config: ConfigOption = None,
) -> None:
    """List engines with their languages, devices, memory and load times, and why an engine is unavailable."""
    if context.invoked_subcommand is None:
        run_command(_show(settings_or_exit(config, {"log_level": "error"}), as_json=as_json))


@engine_commands.command()
def install(
    name: Annotated[str, typer.Argument(help='What to install: "ppstructure", for PP-StructureV3 and PaddleOCR.')],
    folder: Annotated[
        Path | None, typer.Option(help="Folder for its environment. Default: below the data directory.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Create the separate environment that an engine needs. This step needs the network; the engine does not."""
    from pagemill.configs import environments
    from pagemill.engines.paddle.environment import NAME, PaddleEnvironment
    from pagemill.engines.paddle.install import install_paddle

    settings = settings_or_exit(config)
    with explain_errors():
        if name != NAME:
            raise InvalidRequest(f"{name!r} cannot be installed. Use {NAME}.")
        options = settings.engines.get(NAME, {})
        usual = PaddleEnvironment.of(options, environments(settings))
        environment = usual if folder is None else PaddleEnvironment(folder.absolute())
        install_paddle(environment, tell=typer.echo)
    typer.echo(f"Installed in {environment.folder}. Restart Pagemill to use it.")
    if environment != usual:
        typer.echo(f"Add this to the settings: engines.{NAME}.environment: {environment.folder}")


async def _show(settings: "Settings", *, as_json: bool) -> ExitCode:
    from pagemill.app import Application
    from pagemill.wire.engine_wire import EngineListWire

    application = Application(settings)
    await application.recall()
    found = EngineListWire.of(application.engine_reader.engines())
    typer.echo(json.dumps(found.model_dump(mode="json"), indent=2) if as_json else "\n".join(_lines(found)))
    return ExitCode.OK


def _lines(found: "EngineListWire") -> Iterator[str]:
    for engine in found.engines:
        yield from _engine_lines(engine)


def _engine_lines(engine: "EngineWire") -> Iterator[str]:
    yield f"{engine.name} {engine.version or '(not installed)'}, on {' and '.join(engine.device_kinds)}"
    if engine.reason:
        yield f"  Unavailable: {engine.reason}"
    for profile in engine.profiles:
        yield from _profile_lines(profile)


def _profile_lines(profile: "ProfileWire") -> Iterator[str]:
    yield f"  {profile.name}: {', '.join(profile.languages) or 'languages are known once it is loaded'}"
    for device in profile.devices:
        yield f"    {device.device}: {'; '.join(_figures(device))}"


def _figures(device: "EngineDeviceWire") -> Iterator[str]:
    estimate, seed = device.estimate, device.seed
    yield f"reserves {estimate.idle_mb} MiB idle and {estimate.page_mb} MiB for an A4 page at 200 dpi"
    yield f"shipped figures {seed.idle_mb} and {seed.page_mb}"
    if device.measured is not None and device.measured.page_mb is not None:
        yield f"at most {device.measured.page_mb} MiB seen over {device.measured.pages} pages"
    if device.load_time is not None:
        yield f"loads in {device.load_time.seconds:.1f} s"
