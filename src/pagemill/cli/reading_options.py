"""The options for reading a document, declared once for all commands that send documents."""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, cast

import typer

from pagemill.cli.exits import ExitCode, complain
from pagemill.domain.documents import OcrMode

if TYPE_CHECKING:
    from pagemill.client import SubmitOptions


def _declare_options(
    pages: Annotated[str | None, typer.Option(help='Pages such as "1-3,7,-1". Default: all.')] = None,
    ocr: Annotated[
        OcrMode | None,
        typer.Option(help="Recognise every page (force), none (never), or those without usable text (auto)."),
    ] = None,
    engine: Annotated[str | None, typer.Option(help="Recognition engine.")] = None,
    profile: Annotated[str | None, typer.Option(help="The engine's profile.")] = None,
    language: Annotated[
        list[str] | None, typer.Option("--language", "-l", help="ISO 639 code; repeatable. Default: auto.")
    ] = None,
    dpi: Annotated[
        int | None, typer.Option(help="Resolution at which PDF pages are rendered.", min=50, max=600)
    ] = None,
    rotation: Annotated[int | None, typer.Option(help="Degrees by which to turn every page clockwise.")] = None,
    structure: Annotated[bool, typer.Option("--structure", help="Find layout and tables as well.")] = False,
    lower_resolution: Annotated[
        bool, typer.Option("--allow-lower-resolution", help="If memory runs out, read the page at half the resolution.")
    ] = False,
    device: Annotated[str | None, typer.Option(help='"cpu" or "cuda:0".')] = None,
    priority: Annotated[int | None, typer.Option(help="Higher priorities go first.", min=-100, max=100)] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="Label NAME=VALUE, to find the task later; repeatable.")
    ] = None,
    deadline: Annotated[float | None, typer.Option(help="Seconds until the task expires.")] = None,
    time_to_live: Annotated[float | None, typer.Option(help="Seconds after its end until the task is deleted.")] = None,
    cache: Annotated[
        str | None, typer.Option(help="use: reuse and share pages; refresh: read again and share; off.")
    ] = None,
    webhook_url: Annotated[str | None, typer.Option(help="URL to notify when the task ends.")] = None,
) -> "SubmitOptions":
    """The given options with their names in the API; the server checks them."""
    options: dict[str, object] = {
        "pages": pages,
        "ocr": None if ocr is None else ocr.value,
        "engine": engine,
        "profile": profile,
        "languages": language,
        "dpi": dpi,
        "rotation": rotation,
        "structure": structure or None,
        "allow_lower_resolution": lower_resolution or None,
        "device": device,
        "priority": priority,
        "labels": labels_of(label),
        "deadline_seconds": deadline,
        "time_to_live_seconds": time_to_live,
        "cache": cache,
        "webhook_url": webhook_url,
    }
    return cast("SubmitOptions", {name: value for name, value in options.items() if value not in (None, {})})


def with_reading_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add these options to those of a command, which gets their values as its first argument."""
    own = list(inspect.signature(command).parameters.values())[1:]
    declared = list(inspect.signature(_declare_options).parameters.values())
    asked: Callable[..., SubmitOptions] = _declare_options
    names = {parameter.name for parameter in declared}

    def run(**given: object) -> None:
        reading = {name: given.pop(name) for name in names & given.keys()}
        command(asked(**reading), **given)

    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in [*own, *declared]]
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    setattr(run, "__signature__", inspect.Signature(parameters))  # noqa: B010 - no function declares it
    return run


def labels_of(given: list[str] | None) -> dict[str, str]:
    """Labels written as NAME=VALUE, as a mapping; a wrong label ends the command."""
    pairs = [label.partition("=") for label in given or ()]
    if not all(name and equals for name, equals, _ in pairs):
        complain("Write a label as NAME=VALUE, such as --label customer=17.")
        raise typer.Exit(ExitCode.USAGE)
    return {name: value for name, _, value in pairs}
