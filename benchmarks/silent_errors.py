"""Counts what is wrong or missing in a result without a warning.

A line of a page counts as right if the text has it, white space apart. An error on a
page without a warning is a silent error.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pagemill import Session


@dataclass(frozen=True)
class Case:
    """A page, and what must come out.

    Attributes:
        name: Its kind.
        document: Its bytes.
        lines: Lines that the text must have.
        absent: Words that it must not have.
    """

    name: str
    document: bytes
    lines: tuple[str, ...]
    absent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What came of a page: lines that are wrong or missing, with the words that must not be there, and warnings."""

    case: Case
    wrong: tuple[str, ...]
    warnings: int

    @property
    def silent(self) -> int:
        """Errors on a page without any warning."""
        return 0 if self.warnings else len(self.wrong)


def find_errors(case: Case, session: Session) -> Finding:
    """Read the page, and look."""
    (page,) = session.ocr(case.document)
    return Finding(case, wrong_lines(case, page.text), len(page.warnings))


def wrong_lines(case: Case, text: str) -> tuple[str, ...]:
    """What is wrong with a text that was read: missing lines, and words that must not be in it."""
    letters = "".join(text.split())
    return (*wrong_lines_of(case.lines, text), *(word for word in case.absent if word in letters))


def wrong_lines_of(lines: Iterable[str], text: str) -> tuple[str, ...]:
    """The lines that a text lacks, white space apart."""
    letters = "".join(text.split())
    return tuple(line for line in lines if "".join(line.split()) not in letters)


def table(findings: Iterable[Finding], *, title: str) -> str:
    """By kind of page, as Markdown: errors and silent errors for each 100 pages."""
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(finding.case.name, []).append(finding)
    rows = [f"| {title} | pages | errors per 100 pages | silent errors per 100 pages |", "|---|---:|---:|---:|"]
    rows += [_row(kind, of_kind) for kind, of_kind in kinds.items()]
    every = [finding for of_kind in kinds.values() for finding in of_kind]
    return "\n".join([*rows, _row("**all**", every)])


def _row(name: str, findings: list[Finding]) -> str:
    errors, silent = sum(len(one.wrong) for one in findings), sum(one.silent for one in findings)
    per_page = 100 / len(findings)
    return f"| {name} | {len(findings)} | {errors * per_page:.0f} | {silent * per_page:.0f} |"
