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
    """List the engines, or install one.

    The list has their languages, devices, memory and load times, and why an engine is unavailable.
    """
    if context.invoked_subcommand is None:
        run_command(_show(settings_or_exit(config, {"log_level": "error"}), as_json=as_json))


@engine_commands.command()
def install(
    name: Annotated[
        str,
        typer.Argument(
            help='What to install: "ppstructure", for PP-StructureV3 and PaddleOCR, or "rapidocr", for its models of '
            "other scripts."
        ),
    ],
    folder: Annotated[
        Path | None, typer.Option(help="Folder for the environment or the models. Default: below the data directory.")
    ] = None,
    languages: Annotated[
        str | None, typer.Option(help='For rapidocr: languages of other scripts, such as "ru,el,ko".')
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="For rapidocr: a folder with model files to copy.")
    ] = None,
    allow_download: Annotated[
        bool, typer.Option("--allow-download", help="For rapidocr: download models from RapidOCR's model list.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Install what an engine needs.

    This is a separate environment, or models of other scripts for rapidocr. Creating an environment needs the network,
    and so does --allow-download; the engines do not.
    """
    from pagemill.engines.paddle.environment import NAME as PADDLE
    from pagemill.engines.rapidocr.spec import NAME as RAPIDOCR

    settings = settings_or_exit(config)
    with explain_errors():
        if name == PADDLE:
            _install_paddle(settings, folder)
        elif name == RAPIDOCR:
            _install_models(settings, folder, languages, source, allow_download=allow_download)
        else:
            raise InvalidRequest(f"{name!r} cannot be installed. Use {PADDLE} or {RAPIDOCR}.")


def _install_paddle(settings: "Settings", folder: Path | None) -> None:
    from pagemill.configs import environments
    from pagemill.engines.paddle.environment import NAME, PaddleEnvironment
    from pagemill.engines.paddle.install import install_paddle

    options = settings.engines.get(NAME, {})
    usual = PaddleEnvironment.of(options, environments(settings))
    environment = usual if folder is None else PaddleEnvironment(folder.absolute())
    install_paddle(environment, tell=typer.echo)
    _tell_installed(environment.folder, usual.folder, setting=f"engines.{NAME}.environment")


def _install_models(
    settings: "Settings", folder: Path | None, languages: str | None, source: Path | None, *, allow_download: bool
) -> None:
    from pagemill.configs import environments
    from pagemill.engines.rapidocr.script_install import install_models, listed_models, models_for
    from pagemill.engines.rapidocr.script_models import OPTION, models_folder
    from pagemill.engines.rapidocr.spec import NAME

    codes = [code.strip() for code in (languages or "").split(",") if code.strip()]
    if not codes:
        raise InvalidRequest("Name the languages to install models for, for example --languages ru,el,ko.")
    usual = models_folder(settings.engines.get(NAME, {}), environments(settings))
    chosen = usual if folder is None else folder.absolute()
    wanted = models_for(codes, listed_models())
    install_models(wanted, chosen, source=source, allow_download=allow_download, tell=typer.echo)
    _tell_installed(chosen, usual, setting=f"engines.{NAME}.{OPTION}")


def _tell_installed(folder: Path, usual: Path, *, setting: str) -> None:
    typer.echo(f"Installed in {folder}. Restart Pagemill to use it.")
    if folder != usual:
        typer.echo(f"Add this to the settings: {setting}: {folder}")


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
