"""Reading options for callers in Python."""

from collections.abc import Mapping
from typing import Literal, TypedDict

from pagemill.domain.task.task import TaskOptions
from pagemill.domain.work.recognition import RecognitionOptions


class ReadingOptions(TypedDict, total=False):
    """How to read a document. An option that is missing or None has its default.

    `pages` is a range such as "1-3,7,-1". `ocr`, `engine`, `profile`, `languages` (ISO 639 codes), `dpi` and `rotation`
    (degrees clockwise) control recognition. `structure` also finds layout and tables. `device` ("cpu", "cuda:0")
    chooses the device, `deadline_seconds` the time limit.
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
    """Convert options to those of a task.

    Raises:
        pydantic.ValidationError: An option is unknown or has a wrong value.
    """
    given = {name: value for name, value in asked.items() if value is not None}
    recognition = {name: given.pop(name) for name in RecognitionOptions.model_fields.keys() & given.keys()}
    return TaskOptions.model_validate({**given, "recognition": recognition})
