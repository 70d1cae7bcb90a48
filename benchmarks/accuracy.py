"""How well each engine reads documents of many kinds: `python -m benchmarks.accuracy`.

Every engine that can be used here reads every document (`accuracy_documents`) in this process, on two threads, finding
upright by itself. Figures are of one page each: word F1 is free of order, character errors are in reading order.
"""

import argparse
import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from benchmarks.accuracy_documents import TestDocument, documents
from benchmarks.scoring import Score, score
from PIL import Image
from rich.console import Console
from rich.markdown import Markdown

from pagemill.domain.engines import Engine, EngineConfig, EngineFactory, EngineProfile, EngineSpec
from pagemill.domain.image import PageImage
from pagemill.engines.registry import engine_specs

THREADS = 2

Scores = Mapping[str, Score]


@dataclass(frozen=True)
class Contender:
    """An engine's profile."""

    spec: EngineSpec
    profile: EngineProfile

    @property
    def name(self) -> str:
        """As the table has it."""
        return f"{self.spec.name}/{self.profile.name}"

    def reads(self, document: TestDocument) -> bool:
        """Whether it claims to know the document's languages."""
        return not self.profile.languages or set(document.languages) <= set(self.profile.languages)

    def load(self, languages: Sequence[str]) -> Engine:
        """The engine for these languages."""
        module, _, attribute = self.spec.factory.partition(":")
        make: EngineFactory = getattr(importlib.import_module(module), attribute)
        models = self.profile.model_languages(languages)
        return make(EngineConfig(profile=self.profile.name, languages=models, threads=THREADS))


def main() -> None:
    """Read everything, print the table as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__.split("\n\n")[0])
    parser.add_argument("--plain", action="store_true", help="print Markdown as it is, to be put into a page")
    parser.add_argument("--only", default="", help="documents whose name contains this")
    parser.add_argument("--engine", default="", help="engines whose name begins with this")
    arguments = parser.parse_args()
    pages = [document for document in documents() if arguments.only in document.name]
    table = _table(
        pages, {one.name: _scores(one, pages) for one in _contenders() if one.name.startswith(arguments.engine)}
    )
    Console().print(table if arguments.plain else Markdown(table), soft_wrap=arguments.plain)


def _contenders() -> Iterator[Contender]:
    """All that can be used here and take no files of their own; an engine with an interpreter of its own cannot."""
    for spec in engine_specs().values():
        if not spec.unusable and spec.interpreter is None:
            yield from (Contender(spec, profile) for profile in spec.profiles if profile.name != "fast")


def _scores(contender: Contender, pages: Sequence[TestDocument]) -> Scores:
    scores = {}
    for languages in sorted({page.languages for page in pages}):
        readable = [page for page in pages if page.languages == languages and contender.reads(page)]
        engine = contender.load(languages) if readable else None
        for page in readable:
            scores[page.name] = score(_text(engine, page.image), page.text)
            print(f"{contender.name}: {page.name}: {scores[page.name]}", file=sys.stderr, flush=True)
        if engine is not None:
            engine.close()
    return scores


def _text(engine: Engine | None, image: Image.Image) -> str:
    if engine is None:
        return ""
    pixels = np.ascontiguousarray(image if image.mode == "L" else image.convert("RGB"))
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else 3
    page = PageImage(pixels.reshape(height, width, channels).data, width, height, channels, None)
    text = engine.read(page, number=1, rotation=None, batch_size=None).text
    engine.trim()
    return text


def _table(pages: Sequence[TestDocument], scores: Mapping[str, Scores]) -> str:
    heads = "".join(f" {name}: word F1 | character errors |" for name in scores)
    rows = [f"| document |{heads}", "|---|" + "---:|---:|" * len(scores)]
    rows += [f"| {page.name} |" + "".join(_figures(one.get(page.name)) for one in scores.values()) for page in pages]
    rows.append("| **mean** |" + "".join(_mean(one) for one in scores.values()))
    return "\n".join(rows)


def _figures(found: Score | None) -> str:
    if found is None:
        return " – | – |"
    return f" {found.word_f1:.3f} | {found.character_errors / found.characters:.1%} |"


def _mean(scores: Scores) -> str:
    errors, characters = (
        sum(getattr(one, name) for one in scores.values()) for name in ("character_errors", "characters")
    )
    return f" {fmean(one.word_f1 for one in scores.values()):.3f} | {errors / characters:.1%} |"


if __name__ == "__main__":
    main()
