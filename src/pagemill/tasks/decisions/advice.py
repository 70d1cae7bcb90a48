"""What to request instead of work that never fits; it suggests only requests that it has checked. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pagemill.domain.documents import DocumentKind
from pagemill.domain.errors import NeverFits, PagemillError
from pagemill.domain.task.task import TaskOptions
from pagemill.domain.work.engine_spec import EngineSpec

_RESOLUTIONS = (400, 300, 200, 150, 100)

Try = Callable[[TaskOptions], object]
"""Accept the document with these options, or raise."""

Alternative = tuple[str, TaskOptions]
"""In words, and as options."""


@dataclass(frozen=True)
class OtherRequests:
    """Other requests: the advice names the first acceptable one of each group; the smallest change comes first.

    Attributes:
        groups: Each changes one thing.
        both: These change two things; the advice names them only if nothing else is enough.
    """

    groups: Sequence[Sequence[Alternative]]
    both: Sequence[Alternative]


def other_requests(options: TaskOptions, spec: EngineSpec, kind: DocumentKind) -> OtherRequests:
    """Other devices, profiles, resolutions; without structure; and a profile with a resolution."""
    profiles = _profiles(options, spec)
    groups = (_devices(options), profiles, _resolutions(options, kind), _structure(options))
    both = [(f"{words} {lower}", instead) for words, other in profiles for lower, instead in _resolutions(other, kind)]
    return OtherRequests(groups, both)


def with_advice(error: NeverFits, others: OtherRequests, attempt: Try) -> NeverFits:
    """The error, with advice on what to send instead."""
    taken = list(_first_taken(others.groups, attempt)) or list(_first_taken([others.both], attempt))
    return NeverFits(f"{error.message} Or send it {', or '.join(taken)}.", **error.details) if taken else error


def _first_taken(groups: Iterable[Sequence[Alternative]], attempt: Try) -> Iterable[str]:
    for group in groups:
        taken = next((words for words, instead in group if _is_taken(instead, attempt)), None)
        if taken is not None:
            yield taken


def _is_taken(options: TaskOptions, attempt: Try) -> bool:
    try:
        attempt(options)
    except PagemillError:
        return False
    return True


def _devices(options: TaskOptions) -> Sequence[Alternative]:
    return [("without naming a device", options.model_copy(update={"device": None}))] if options.device else []


def _profiles(options: TaskOptions, spec: EngineSpec) -> Sequence[Alternative]:
    others = (profile.name for profile in spec.profiles if profile != spec.profile(options.recognition.profile))
    return [(f"with the profile {name}", _with(options, profile=name)) for name in others]


def _resolutions(options: TaskOptions, kind: DocumentKind) -> Sequence[Alternative]:
    """Lower resolutions; an image has only its own."""
    lower = (dpi for dpi in _RESOLUTIONS if dpi < options.recognition.dpi and kind is DocumentKind.PDF)
    return [(f"at {dpi} dpi", _with(options, dpi=dpi)) for dpi in lower]


def _structure(options: TaskOptions) -> Sequence[Alternative]:
    return [("without structure", _with(options, structure=False))] if options.recognition.structure else []


def _with(options: TaskOptions, **changes: str | int | bool) -> TaskOptions:
    return options.model_copy(update={"recognition": options.recognition.model_copy(update=changes)})
