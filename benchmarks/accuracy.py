"""Compares how well engines read documents of many kinds: `python -m benchmarks.accuracy`.

Every engine that the settings let be used here reads every document (`accuracy_documents`) in a worker, as `Session`
has it, finding upright by itself; the profile `fast` where the settings name its files. Figures are of one page each:
word F1 is free of order, character errors are in reading order. `--part order` is how well lines are put in order
(`benchmarks.order`), without any engine. Other parts count silent errors (`benchmarks.silent_errors`) of one kind of
page: `kinds`, `stamps`, `hidden_layers`, `searchable`, `furniture`, `tables`, `small`, `scripts`, `bent`.
"""

import argparse
import io
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks import (
    accuracy_furniture,
    accuracy_small,
    accuracy_tables,
    bent_pages,
    hidden_layers,
    kinds,
    order,
    scripts,
    searchable_pdfs,
    stamps,
)
from benchmarks.accuracy_documents import TestDocument, documents
from benchmarks.scoring import Score, score
from rich.console import Console
from rich.markdown import Markdown

from pagemill import Session, configs
from pagemill.domain.work.engine_spec import EngineProfile, EngineSpec
from pagemill.settings import Settings
from pagemill.settings_loading import load_settings

Scores = Mapping[str, Score]

_SILENT: Mapping[str, Callable[[], str]] = {
    "kinds": kinds.report,
    "stamps": stamps.report,
    "hidden_layers": hidden_layers.report,
    "searchable": searchable_pdfs.report,
    "furniture": accuracy_furniture.report,
    "tables": accuracy_tables.report,
    "small": accuracy_small.report,
    "scripts": scripts.report,
    "bent": bent_pages.report,
}
"""Parts that count silent errors."""


@dataclass(frozen=True)
class Contender:
    """An engine's profile."""

    spec: EngineSpec
    profile: EngineProfile

    @property
    def name(self) -> str:
        """Its name in the table."""
        return f"{self.spec.name}/{self.profile.name}"

    def reads(self, document: TestDocument) -> bool:
        """Whether it claims to read the document's languages."""
        return not self.profile.languages or set(document.languages) <= set(self.profile.languages)

    def read(self, document: TestDocument, session: Session) -> str:
        """The text that it reads on the page."""
        picture = io.BytesIO()
        image = document.image if document.image.mode == "L" else document.image.convert("RGB")
        image.save(picture, "PNG")
        languages = list(document.languages)
        pages = session.ocr(picture.getvalue(), engine=self.spec.name, profile=self.profile.name, languages=languages)
        return pages[0].text


def main() -> None:
    """Read everything, print the table as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__.split("\n\n")[0])
    parser.add_argument("--plain", action="store_true", help="print Markdown as it is, to be put into a page")
    parser.add_argument("--only", default="", help="documents whose name contains this")
    parser.add_argument("--engine", default="", help="engines whose name begins with this")
    parser.add_argument("--part", choices=("engines", "order", *_SILENT, "all"), default="all", help="what is printed")
    arguments = parser.parse_args()
    if arguments.part in ("engines", "all"):
        _print(_engines(arguments.only, arguments.engine), plain=arguments.plain)
    if arguments.part in ("order", "all"):
        _print(f"## reading order\n\n{order.report()}", plain=arguments.plain)
    for name, report in _SILENT.items():
        if arguments.part in (name, "all"):
            _print(f"## {name}\n\n{report()}", plain=arguments.plain)


def _print(text: str, *, plain: bool) -> None:
    Console().print(text if plain else Markdown(text), soft_wrap=plain)


def _engines(only: str, engine: str) -> str:
    pages = [document for document in documents() if only in document.name]
    settings = load_settings()
    contenders = [one for one in _contenders(settings) if one.name.startswith(engine)]
    with Session(settings) as session:
        return _table(pages, {one.name: _scores(one, pages, session) for one in contenders})


def _contenders(settings: Settings) -> Iterator[Contender]:
    """All engines that this machine can use."""
    for spec in configs.engines(settings).values():
        for profile in () if spec.unusable or spec.assists else spec.profiles:
            if not profile.unusable:
                yield Contender(spec, profile)


def _scores(contender: Contender, pages: Sequence[TestDocument], session: Session) -> Scores:
    scores = {}
    for page in sorted(filter(contender.reads, pages), key=lambda page: page.languages):
        scores[page.name] = score(contender.read(page, session), page.text)
        print(f"{contender.name}: {page.name}: {scores[page.name]}", file=sys.stderr, flush=True)
    return scores


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
