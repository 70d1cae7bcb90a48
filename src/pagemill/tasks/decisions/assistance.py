"""Which engine reads the lines that the chosen one cannot, and what to install if none does. Pure decisions."""

from collections.abc import Mapping
from dataclasses import dataclass

from pagemill.domain.work.engine_spec import EngineSpec
from pagemill.domain.work.recognition import RecognitionOptions


@dataclass(frozen=True)
class Assistance:
    """An engine that assists another.

    Attributes:
        engine: Its name.
        languages: The languages to load; empty for one of each script.
    """

    engine: str
    languages: tuple[str, ...] = ()


def assistance_for(engines: Mapping[str, EngineSpec], options: RecognitionOptions) -> Assistance | None:
    """The engine for lines in scripts that the chosen one lacks; None if there is none or the task rules it out.

    A task that names languages gets only these.
    """
    assistant = find_assistant(engines)
    if assistant is None or assistant.unusable:
        return None
    if not options.languages:
        return Assistance(assistant.name)
    wanted = tuple(code for code in options.languages if code in assistant.profiles[0].languages)
    return Assistance(assistant.name, wanted) if wanted else None


def find_assistant(engines: Mapping[str, EngineSpec]) -> EngineSpec | None:
    """The engine that assists others; None if there is none."""
    return next((spec for spec in engines.values() if spec.assists), None)


def remedy_for(engines: Mapping[str, EngineSpec], options: RecognitionOptions) -> str:
    """What to install to read more scripts, for users; empty if nothing helps, or if the task names languages."""
    assistant = find_assistant(engines)
    return assistant.more_languages if assistant is not None and not options.languages else ""
