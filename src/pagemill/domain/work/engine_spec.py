"""What an engine is: its description for the server, and what it does in a worker."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pagemill.domain.errors import UnknownEngine
from pagemill.domain.memory import CPU, DeviceId, MemorySeed
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Page


@dataclass(frozen=True)
class EngineProfile:
    """One way to run an engine.

    Attributes:
        name: "accurate", "fast", …; the first profile of an engine is its default.
        seed: Memory before Pagemill has learned anything.
        languages: ISO 639 codes that it reads; empty if that is unknown before it loads.
        max_pixels: Maximum pixels of a rendered page image.
        loads_languages: Each choice of languages needs its own models; otherwise one model set reads all languages.
        default_languages: The languages to load for a task that names none, if each language has its own models.
        unusable: Why it does not run here and what to do, one or two sentences; empty if it does.
        cpu_seed: Its memory on the CPU, with the same batch size; None if `seed` holds there, too.
    """

    name: str
    seed: MemorySeed
    languages: tuple[str, ...] = ()
    max_pixels: int = 40_000_000
    loads_languages: bool = False
    default_languages: tuple[str, ...] = ()
    unusable: str = ""
    cpu_seed: MemorySeed | None = None

    def seed_on(self, device: DeviceId) -> MemorySeed:
        """Its memory on a device."""
        return self.cpu_seed if device == CPU and self.cpu_seed is not None else self.seed

    @property
    def batch_size(self) -> int:
        """Text lines in one run of its recognition model by default; 1: it reads lines one by one."""
        return self.seed.batch_size

    def model_languages(self, languages: Iterable[str]) -> tuple[str, ...]:
        """The languages whose models read these languages: choices with equal results share one model set."""
        if not self.loads_languages:
            return ()
        return tuple(sorted(set(languages) or set(self.default_languages)))


@dataclass(frozen=True)
class EngineSpec:
    """An engine as the server knows it, without importing it.

    Attributes:
        name: Its name in requests.
        factory: Where a worker finds it: `"package.module:attribute"`, an `EngineFactory`.
        profiles: The ways to run it, default first.
        device_kinds: "cpu", "cuda".
        requires: Import names that it needs; Pagemill checks them without importing them.
        interpreter: The Python of its environment; None for ours.
        distribution: The package whose version is the engine's.
        version: That version; empty if it is not installed.
        unusable: Why it is unavailable here and what to do, one or two sentences; empty if it is available.
        more_languages: How to get missing languages, one sentence; empty if there is no way.
        assists: It reads single lines for other engines, in scripts that they lack; tasks cannot choose it.
        finds_structure: It finds layout and tables by itself and needs no structure models.
        files: Absolute paths of files and folders outside packages that its worker reads: its models.
        writes: Absolute paths of files and folders that its worker also changes; all its workers share them.
        options: Settings that its worker gets besides those of `engines.<name>`, and that prevail.
    """

    name: str
    factory: str
    profiles: tuple[EngineProfile, ...]
    device_kinds: tuple[str, ...] = ("cpu",)
    requires: tuple[str, ...] = ()
    interpreter: str | None = None
    distribution: str = ""
    version: str = ""
    unusable: str = ""
    more_languages: str = ""
    assists: bool = False
    finds_structure: bool = False
    files: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    options: Mapping[str, str | int | float | bool] = field(default_factory=dict)

    def profile(self, name: str) -> EngineProfile | None:
        """The profile of that name; the default for an empty name."""
        if not name:
            return self.profiles[0]
        return next((profile for profile in self.profiles if profile.name == name), None)


def find_profile(engines: Mapping[str, EngineSpec], engine: str, profile: str) -> tuple[EngineSpec, EngineProfile]:
    """The engine and profile of these names; the default profile for an empty name.

    Raises:
        UnknownEngine: There is no such engine or profile; the message names the available ones.
    """
    spec = engines.get(engine)
    if spec is None:
        raise UnknownEngine(f"There is no engine {engine!r}. Available engines: {_names(engines)}.")
    found = spec.profile(profile)
    if found is None:
        raise UnknownEngine(
            f"The engine {engine} has no profile {profile!r}; it has: {_names(p.name for p in spec.profiles)}."
        )
    return spec, found


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


@dataclass(frozen=True)
class StructureSpec:
    """The structure models as the server knows them, without importing them.

    Attributes:
        factory: Where a worker finds them: `"package.module:attribute"`, a `StructureFactory`.
        seed: What they add to the memory of a worker with an engine.
        reader_seed: What they add to the memory of a reader, which has loaded none of their libraries.
        requires: Import names that they need.
    """

    factory: str
    seed: MemorySeed
    reader_seed: MemorySeed
    requires: tuple[str, ...] = ()


@dataclass(frozen=True)
class EngineConfig:
    """The configuration of an engine in its worker.

    Attributes:
        profile: One of its profiles.
        languages: ISO 639 codes; empty for the default models.
        device: "cpu", or "cuda:N" as CUDA numbers it in that worker, which sees only its own GPU.
        threads: Threads that it may use.
        options: More settings of this engine, from `engines.<name>` in the configuration.
    """

    profile: str
    languages: tuple[str, ...] = ()
    device: str = "cpu"
    threads: int = 1
    options: Mapping[str, str | int | float | bool] = field(default_factory=dict)


class Engine(Protocol):
    """A loaded model set: turns page images into pages. Runs in a worker, on one thread at a time."""

    reads_ink: bool
    """Whether its words come from the image, so that ink without a word deserves a warning; a fake's do not."""

    def read(self, image: PageImage, *, number: int, rotation: int | None, batch_size: int | None) -> Page:
        """Recognise one page.

        Args:
            image: The page as stored, not yet turned upright.
            number: 1-based page number, for the result.
            rotation: Degrees clockwise to turn it first; None to find the right turn.
            batch_size: Maximum text lines in one run of the recognition model; None for the engine's own.

        Returns:
            The page in coordinates of the upright image, blocks in reading order. No text is not an error.

        Raises:
            OutOfMemory: An allocation failed, however the engine's libraries report that.
            EngineFailed: Anything else went wrong with this page.
        """
        ...

    def trim(self) -> None:
        """Give the allocator's free memory back to the system; called after every page."""
        ...

    def close(self) -> None:
        """Release the models; reading afterwards fails."""
        ...


class EngineFactory(Protocol):
    """Makes a loaded engine: it reads the models and recognises one small image, so that READY means ready."""

    def __call__(self, config: EngineConfig) -> Engine:
        """Load.

        Raises:
            EngineFailed: A model or a library is missing; the message says which and how to get it.
            OutOfMemory: It did not fit.
        """
        ...


class StructureAnalyser(Protocol):
    """Loaded structure models: find layout and tables on a page that was read. Runs in a worker, on one thread."""

    def find_structure(self, page: Page, image: PageImage) -> Page:
        """The same page, with its lines in blocks of the right kind, and tables with rows, columns and spans.

        It keeps every line; a line that runs through several cells of a table is split between them.

        Args:
            page: The page from an engine or a text layer.
            image: The page as stored, not yet turned upright, in any size.

        Raises:
            OutOfMemory: An allocation failed.
            EngineFailed: Anything else went wrong with this page.
        """
        ...

    def trim(self) -> None:
        """Give the allocator's free memory back to the system; called after every page."""
        ...

    def close(self) -> None:
        """Release the models; analysing afterwards fails."""
        ...


class StructureFactory(Protocol):
    """Makes a loaded analyser."""

    def __call__(self, *, threads: int) -> StructureAnalyser:
        """Load.

        Raises:
            EngineFailed: A model or a library is missing; the message says which and how to get it.
            OutOfMemory: It did not fit.
        """
        ...
