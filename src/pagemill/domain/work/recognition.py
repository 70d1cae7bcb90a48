"""How to read pages, and the model sets that read them."""

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from pagemill.domain.documents import OcrMode
from pagemill.domain.memory import DeviceId
from pagemill.domain.page.page import PageWarning
from pagemill.domain.text_fields import Name
from pagemill.domain.work.engine_spec import EngineProfile

MOST_LANGUAGES = 32
AUTO = "auto"
"""Instead of languages: find the script of each line."""

READER = "reader"
"""The engine name of a worker without an engine, which inspects documents and reads text layers."""
EXPORT = "export"
"""The profile of a reader that makes whole documents. That takes minutes, so it is a separate process."""

INSPECT = "inspect"
"""The profile of a reader that inspects uploads: the same kind of process, with its own places."""


class Stage(StrEnum):
    """The next step for a page: look for its text layer, or recognise its image."""

    TEXT = "text"
    OCR = "ocr"


def _find_by_itself(languages: object) -> object:
    """The languages; none if "auto" is among them."""
    return () if isinstance(languages, list | tuple) and AUTO in languages else languages


class RecognitionOptions(BaseModel):
    """Everything that affects the text of a page; two tasks with equal options read alike.

    Attributes:
        ocr: When to recognise, and when to use the text layer.
        engine: Name in the engine registry.
        profile: The engine's trade-off between accuracy and speed ("accurate", "fast").
        languages: ISO 639 codes of the text. Empty, or with "auto" among them: find the script of each line.
        dpi: Resolution at which PDF pages are rendered.
        rotation: Degrees clockwise to turn every page; None finds which way is up on each page.
        allow_lower_resolution: If all else fails for lack of memory, read the page at half the dpi, and add a warning
            to it.
        structure: Also find layout and tables.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ocr: OcrMode = OcrMode.AUTO
    engine: Name = "rapidocr"
    profile: Name = "accurate"
    languages: Annotated[tuple[Name, ...], Field(max_length=MOST_LANGUAGES), BeforeValidator(_find_by_itself)] = ()
    dpi: Annotated[int, Field(ge=50, le=600)] = 200
    rotation: Annotated[int, Field(ge=0, le=270, multiple_of=90)] | None = None
    allow_lower_resolution: bool = False
    structure: bool = False

    @property
    def fingerprint(self) -> str:
        """Hash of the canonical form; part of the key of stored page results."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


@dataclass(frozen=True, order=True)
class ModelSetKey:
    """The identity of a model set: one resident process can serve all work with an equal key.

    `engine` is `READER` for a worker that recognises nothing. `languages` are those with separate models.
    With `structure`, the model set also holds the structure models.
    """

    engine: str
    profile: str
    languages: tuple[str, ...]
    device: DeviceId
    structure: bool = False

    @classmethod
    def reader(cls, device: DeviceId, *, structure: bool = False) -> "ModelSetKey":
        """The key of the worker that inspects documents and reads text layers."""
        return cls(READER, "", (), device, structure)

    @classmethod
    def exporter(cls, device: DeviceId) -> "ModelSetKey":
        """The key of the worker that makes searchable PDFs."""
        return cls(READER, EXPORT, (), device)

    @classmethod
    def of(cls, options: RecognitionOptions, device: DeviceId, profile: EngineProfile) -> "ModelSetKey":
        """The model set that reads pages with these options, with this engine profile, on this device."""
        languages = profile.model_languages(options.languages)
        return cls(options.engine, profile.name, languages, device, options.structure)

    @property
    def is_reader(self) -> bool:
        """Whether this worker recognises nothing."""
        return self.engine == READER

    def __str__(self) -> str:
        """Short form for logs and people: `rapidocr/accurate@cpu`."""
        structure = "structure" if self.structure else ""
        parts = "/".join(filter(None, (self.engine, self.profile, "+".join(self.languages), structure)))
        return f"{parts}@{self.device}"


@dataclass(frozen=True)
class ChunkParams:
    """A request to a service: read some pages of one document.

    Attributes:
        document: Path of the document, readable by the worker.
        pages: 1-based page numbers, in the order in which to read them.
        stage: Read text layers, or recognise.
        options: How to read them.
        batch_size: Maximum text lines in one run of the engine; the out-of-memory ladder lowers it.
        page_timeout_s: Longest time for one page before its worker counts as hung.
        pixels: Pixels of the largest expected page image, for the reservation; None reserves for the largest image
            that the engine's profile allows.
        climbed: The pages ran out of memory before.
        notes: Warnings to add to every page.
        password: Password of a protected document.
        remedy: How to get lines read that this engine cannot, for users; warnings of such lines end with it.
        first_reading: `Page.to_json()` of the only page, to read its doubtful lines again.
    """

    document: str
    pages: tuple[int, ...]
    stage: Stage
    options: RecognitionOptions
    batch_size: int | None = None
    page_timeout_s: float = 120.0
    pixels: int | None = None
    climbed: bool = False
    notes: tuple[PageWarning, ...] = ()
    password: str | None = field(default=None, repr=False)
    remedy: str = ""
    first_reading: bytes = b""
