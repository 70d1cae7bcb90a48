"""The engines that a server can offer: those that work here, and those that work on another node."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pagemill.domain.work.engine_spec import EngineProfile, EngineSpec
from pagemill.domain.work.nodes import Node
from pagemill.tasks.nodes import Nodes


class KnownEngines(Mapping[str, EngineSpec]):
    """The engines by name, each as usable as the best node that is alive or may come back makes it.

    Args:
        installed: The engines of Pagemill as installed here.
        nodes: The nodes.
    """

    def __init__(self, installed: Mapping[str, EngineSpec], nodes: Nodes) -> None:
        self._installed = installed
        self._nodes = nodes

    def __getitem__(self, name: str) -> EngineSpec:
        spec = self._installed[name]
        others = self._nodes.list_others()
        if self._nodes.reads_pages and not (others and _lacks_anything(spec)):
            return spec
        return _as_found_on(spec, others, here=self._nodes.reads_pages)

    def __iter__(self) -> Iterator[str]:
        return iter(self._installed)

    def __len__(self) -> int:
        return len(self._installed)


def _lacks_anything(spec: EngineSpec) -> bool:
    return bool(spec.unusable) or any(profile.unusable for profile in spec.profiles)


def _as_found_on(spec: EngineSpec, nodes: list[Node], *, here: bool) -> EngineSpec:
    """The engine if these nodes have it, or if it works here and pages are read here."""
    there = [node.engines[spec.name] for node in nodes if spec.name in node.engines]
    if here and not there:
        return spec
    missing = f"No node that is alive has the engine {spec.name}. Start one that has it, or choose another engine."
    profiles = tuple(_profile_on(profile, there, here=here and not spec.unusable) for profile in spec.profiles)
    return replace(spec, unusable="" if there else missing, profiles=profiles)


def _profile_on(profile: EngineProfile, there: list[Mapping[str, tuple[str, ...]]], *, here: bool) -> EngineProfile:
    found = [profiles[profile.name] for profiles in there if profile.name in profiles]
    if (here and not profile.unusable) or not there:
        return profile
    if not found:
        return replace(profile, unusable=f"No node that is alive has the profile {profile.name}. Choose another one.")
    languages = sorted({language for each in found for language in each})
    return replace(profile, unusable="", languages=tuple(languages))
