"""How callers in Python say how a document is to be read."""

from collections.abc import Mapping
from typing import Literal, TypedDict

from pagemill.domain.task.task import TaskOptions
from pagemill.domain.work.recognition import RecognitionOptions


class ReadingOptions(TypedDict, total=False):
    """How a document is to be read; what is left out, or None, is as usual.

    `pages` such as "1-3,7,-1"; `ocr`, `engine`, `profile`, `languages` (ISO 639 codes), `dpi` and `rotation` (degrees
    clockwise) say how pages are recognised, `structure` whether layout and tables are found too; `device` ("cpu",
    "cuda:0") says where, `deadline_seconds` when to give up.
    """

    pages: str | None
    ocr: Literal["auto", "force", "never"] | None
    engine: str | None
    profile: str | None
    languages: list[str] | tuple[str, ...] | None
    dpi: int | None
    rotation: Literal[0, 90, 180, 270] | None
    structure: bool | None
    allow_lower_resolution: bool | None
    device: str | None
    deadline_seconds: float | None


def task_options(asked: Mapping[str, object]) -> TaskOptions:
    """Options as tasks have them.

    Raises:
        pydantic.ValidationError: One is unknown, or has a value that cannot be used.
    """
    given = {name: value for name, value in asked.items() if value is not None}
    recognition = {name: given.pop(name) for name in RecognitionOptions.model_fields.keys() & given.keys()}
    return TaskOptions.model_validate({**given, "recognition": recognition})
