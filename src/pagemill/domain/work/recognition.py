"""How pages are to be read, and the model sets that read them."""

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from pagemill.domain.documents import OcrMode
from pagemill.domain.memory import DeviceId
from pagemill.domain.text_fields import Name
from pagemill.domain.work.engine_spec import EngineProfile

MOST_LANGUAGES = 32
READER = "reader"
"""The engine name of a worker without an engine: it inspects documents and takes text layers."""
EXPORT = "export"
"""The profile of a reader that makes whole documents. That takes minutes, so it is a process apart from the others."""

INSPECT = "inspect"
"""The profile under which a reader is had for a first look at an upload: the same process, places of their own."""


class Stage(StrEnum):
    """What is to be done next for a page: look for its text layer, or recognise its image."""

    TEXT = "text"
    OCR = "ocr"


class RecognitionOptions(BaseModel):
    """Everything that changes what a page reads as; two tasks with equal options read alike.

    Attributes:
        ocr: When to recognise, and when to take the text layer.
        engine: Name in the engine registry.
        profile: The engine's trade between accuracy and speed ("accurate", "fast").
        languages: ISO 639 codes the text is in; empty leaves it to the engine's default models.
        dpi: Resolution PDF pages are rendered at.
        rotation: Degrees clockwise to turn every page by; None finds each page's own upright.
        allow_lower_resolution: A page that runs out of memory whatever else is tried may be read at half the dpi; it
            then says so in its warnings.
        structure: Find layout and tables, too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ocr: OcrMode = OcrMode.AUTO
    engine: Name = "rapidocr"
    profile: Name = "accurate"
    languages: Annotated[tuple[Name, ...], Field(max_length=MOST_LANGUAGES)] = ()
    dpi: Annotated[int, Field(ge=50, le=600)] = 200
    rotation: Annotated[int, Field(ge=0, le=270, multiple_of=90)] | None = None
    allow_lower_resolution: bool = False
    structure: bool = False

    @property
    def fingerprint(self) -> str:
        """Hash of the canonical form; part of the key under which page results are kept."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


@dataclass(frozen=True, order=True)
class ModelSetKey:
    """What makes two model sets the same: one resident process serves all work with an equal key.

    `engine` is `READER` for the worker that recognises nothing. `languages` are those that were loaded for themselves;
    with `structure` it holds the structure models, too.
    """

    engine: str
    profile: str
    languages: tuple[str, ...]
    device: DeviceId
    structure: bool = False

    @classmethod
    def reader(cls, device: DeviceId, *, structure: bool = False) -> "ModelSetKey":
        """The key of the worker that inspects documents and takes text layers."""
        return cls(READER, "", (), device, structure)

    @classmethod
    def exporter(cls, device: DeviceId) -> "ModelSetKey":
        """The key of the worker that makes searchable PDFs."""
        return cls(READER, EXPORT, (), device)

    @classmethod
    def of(cls, options: RecognitionOptions, device: DeviceId, profile: EngineProfile) -> "ModelSetKey":
        """The model set that reads pages with these options, of that profile of the engine, on that device."""
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
    """What a service is asked to read: some pages of one document.

    Attributes:
        document: Path of the document, readable by the worker.
        pages: 1-based page numbers, in the order they are to be read.
        stage: Take text layers, or recognise.
        options: How.
        batch_size: Most text lines recognised in one run of the engine; the memory lever of the OOM ladder.
        page_timeout_s: Longest one page may take before its worker counts as hung.
        pixels: Pixels of the largest page image to be expected, for the memory reservation; None reserves for the
            largest the engine's profile allows.
        climbed: The pages were tried before, and there was too little memory.
        notes: Put among the warnings of every page read, for those who read the result.
    """

    document: str
    pages: tuple[int, ...]
    stage: Stage
    options: RecognitionOptions
    batch_size: int | None = None
    page_timeout_s: float = 120.0
    pixels: int | None = None
    climbed: bool = False
    notes: tuple[str, ...] = ()
