"""The commands and their options. Each command imports what it needs when it runs, so that `--help` is fast."""

from pathlib import Path
from typing import Annotated

import typer

from pagemill.cli.config_commands import config_commands
from pagemill.cli.db import db_commands
from pagemill.cli.engine_commands import engine_commands
from pagemill.cli.exits import refuse, run_command
from pagemill.cli.keys import key_commands
from pagemill.cli.loading import ConfigOption, JsonOption, end_on_signals, explain_errors, settings_or_exit
from pagemill.cli.passwords import PasswordFileOption, PasswordOption, read_password
from pagemill.cli.result_options import ForceOption, FormatOption, FurnitureOption, OutputOption
from pagemill.cli.server_commands import server_commands
from pagemill.domain.documents import OcrMode
from pagemill.version import __version__

cli = typer.Typer(
    name="pagemill",
    help="Document OCR that never takes on more than its memory can carry.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

cli.add_typer(server_commands)
cli.add_typer(db_commands, name="db")
cli.add_typer(config_commands, name="config")
cli.add_typer(engine_commands, name="engines")
cli.add_typer(key_commands, name="keys")


HostOption = Annotated[str | None, typer.Option(help="Address to listen on.")]
PortOption = Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")]
DataOption = Annotated[Path | None, typer.Option(help="Folder for the database, uploads and working files.")]


def main() -> None:
    """Entry point of the `pagemill` command."""
    cli(prog_name="pagemill")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pagemill {__version__}")
        raise typer.Exit


@cli.callback()
def root(
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options for every command."""


@cli.command()
def serve(
    host: HostOption = None, port: PortOption = None, data_dir: DataOption = None, config: ConfigOption = None
) -> None:
    """Serve the HTTP API, and read documents."""
    _serve("server", host=host, port=port, data_dir=data_dir, config=config)


@cli.command()
def front(
    host: HostOption = None, port: PortOption = None, data_dir: DataOption = None, config: ConfigOption = None
) -> None:
    """Serve the HTTP API, and leave reading to nodes.

    It needs PostgreSQL, but no engine.
    """
    _serve("front", host=host, port=port, data_dir=data_dir, config=config)


@cli.command()
def node(
    host: HostOption = None, port: PortOption = None, data_dir: DataOption = None, config: ConfigOption = None
) -> None:
    """Read the documents that other servers take.

    It serves only probes and metrics, and needs PostgreSQL.
    """
    _serve("node", host=host, port=port, data_dir=data_dir, config=config)


def _serve(role: str, *, host: str | None, port: int | None, data_dir: Path | None, config: Path | None) -> None:
    from pagemill.app import Role
    from pagemill.cli.serve import serve_http

    server = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings_or_exit(config, {"server": server} | ({"data_dir": data_dir} if data_dir else {}))
    run_command(serve_http(settings, role=Role(role)))


@cli.command()
def ocr(
    files: Annotated[
        list[Path],
        typer.Argument(help="PDFs, images and folders of them; - for stdin."),
    ],
    output_format: FormatOption = None,
    keep_furniture: FurnitureOption = False,
    output: OutputOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
    pages: Annotated[str, typer.Option(help='Pages such as "1-3,7,-1". Default: all.')] = "",
    mode: Annotated[
        OcrMode,
        typer.Option("--ocr", help="Recognise every page (force), none (never), or those without usable text (auto)."),
    ] = OcrMode.AUTO,
    engine: Annotated[str, typer.Option(help="Recognition engine.")] = "rapidocr",
    profile: Annotated[str, typer.Option(help="The engine's profile.")] = "accurate",
    languages: Annotated[
        list[str] | None, typer.Option("--language", "-l", help="ISO 639 code; repeatable. Default: auto.")
    ] = None,
    dpi: Annotated[int, typer.Option(help="Resolution at which PDF pages are rendered.", min=50, max=600)] = 200,
    structure: Annotated[bool, typer.Option("--structure", help="Find layout and tables as well.")] = False,
    device: Annotated[str | None, typer.Option(help='"cpu" or "cuda:0".')] = None,
    password: PasswordOption = False,
    password_file: PasswordFileOption = None,
    config: ConfigOption = None,
) -> None:
    """Read documents on this machine, without a server."""
    from pagemill.cli.inputs import STDIN
    from pagemill.cli.ocr import OcrRequest, recognise_files
    from pagemill.domain.task.task import TaskOptions
    from pagemill.domain.work.recognition import RecognitionOptions

    recognition = RecognitionOptions(
        ocr=mode,
        engine=engine,
        profile=profile,
        languages=tuple(languages or ()),
        dpi=dpi,
        structure=structure,
    )
    options = TaskOptions(pages=pages, recognition=recognition, device=device)
    if as_json and output is None:
        refuse("--json lists the files of the results: name one with --output. For results in JSON, use --format json.")
    if STDIN in files and password_file == STDIN:
        refuse("Standard input cannot be both the document and the password file. Write one of them to a file.")
    secret = read_password(ask=password, file=password_file)
    request = OcrRequest(
        tuple(files),
        options,
        output_format,
        output,
        force=force,
        as_json=as_json,
        keep_furniture=keep_furniture,
        password=secret,
    )
    run_command(recognise_files(request, settings_or_exit(config, {"log_level": "error"})))


@cli.command()
def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="First make the data folder private to your user.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what this machine has, and how many services fit.

    For each kind of service, it says why not more fit.
    """
    from pagemill.cli.doctor import examine, mend

    settings = settings_or_exit(config, {"log_level": "error"})
    if fix:
        typer.echo(mend(settings), err=True)
    typer.echo(examine(settings, as_json=as_json))


@cli.command()
def bench(
    pages: Annotated[int, typer.Option(help="Pages to read.", min=2, max=1000)] = 8,
    engine: Annotated[str, typer.Option(help="Recognition engine.")] = "rapidocr",
    profile: Annotated[str, typer.Option(help="The engine's profile.")] = "accurate",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Measure pages per second and peak memory. It generates the pages."""
    from pagemill.cli.bench import measure, render_table

    settings = settings_or_exit(config, {"log_level": "error"})
    with explain_errors(), end_on_signals():
        measured = measure(settings, pages=pages, engine=engine, profile=profile)
    typer.echo(render_table(measured, as_json=as_json))
