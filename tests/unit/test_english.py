"""Plain English, as far as a machine can tell: names of functions, and phrases that a native writer avoids."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import pagemill

ROOT = Path(pagemill.__file__).parents[2]
CODE = [file for folder in ("src", "proofs", "benchmarks", "scripts") for file in sorted((ROOT / folder).rglob("*.py"))]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "tests/README.md")),
]
SCREENS = [
    file
    for kind in ("*.html", "*.js")
    for file in sorted((ROOT / "src/pagemill/web").rglob(kind))
    if "vendor" not in file.parts
]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))


IRREGULAR = words(
    """begun borne broken brought built caught chosen done drawn driven fed felt forgotten found given gone got grown
    heard held hidden kept known laid led left lent lost made meant met outdone overdue paid said seen sent shown slept
    sold sought spent stood struck stuck taken taught thought thrown told torn undone understood unread woken won worn
    wound written"""
)
"""Participles that do not end in -ed."""

VERBS_AND_NOUNS = words("embed exceed feed need proceed seed shed speed string thing everything nothing ceiling")
"""What ends in -ed or -ing and is no participle."""

NAMES_OF_VALUES = words("footing heading ending opening rendering wording pruning ping")
"""Nouns in -ing for what the function returns: `footing` returns a `Footing`."""

DECORATORS = words("blocking iterating reading writing")
"""They qualify what they decorate: `@reading` marks a method that reads."""

FORBIDDEN = {
    r"\bfor want of\b": "for lack of",
    r"\b(nobody|anybody)\b": "no one, or name who",
    r"\bas \w+ as may be\b": "a number, or 'too many'",
    r"\bthere (is|are|was|were) (?!no\b|not\b)(?:\w+ ){1,4}(that|which|who)\b": "start with the noun",
    r"\b(lest|whereof|wherein|thereof|hereby|albeit)\b": "a word people speak",
    r"\brather (at|than not)\b": "instead of",
    r"\bgot over\b": "survived, or finished",
    r"\bthough it be\b": "even if it is",
    r"\bwithout end\b.*\bwithout end\b": "say it once",
    r"\bthese there are\b": "start with the noun",
    r"\btold of\b": "reported, or warned about",
    r"\bfrom (which|there) on\b": "at least, or above",
    r"\banew\b": "again",
    r"\bso many\b(?!.*\bthat\b)": "this many",
    r"\b(have|has|had) but an?\b": "have only a",
    r"\b(is|are|was|were) (not )?to be (?!\w+ing)\w+": "must be, or what is done",
    r"\bas (it|they) stands?\b": "as it is",
    r"(?<!\bthere )\b(is|are|was|were) no (?!longer\b|\w+er\b)": "is not a",
    r"\bfor ever\b": "forever",
    r"\bnone where\b": "None if",
    r"^(?-i:Of )(?!course\b)": "name what it is",
}
"""What not to write, and a hint what to write instead."""


def functions(file: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def decorators(function: Function) -> str:
    return " ".join(ast.unparse(each) for each in function.decorator_list)


def is_participle(name: str) -> bool:
    word = name.strip("_")
    if word in VERBS_AND_NOUNS | NAMES_OF_VALUES | DECORATORS:
        return False
    return word in IRREGULAR or re.fullmatch("[a-z]+(ed|ing)", word) is not None


def is_named_well(function: Function) -> bool:
    """A property or a fixture is a value; a `with` statement reads well with -ing: `with resident.working():`."""
    marks = decorators(function)
    if "property" in marks or "fixture" in marks or ("contextmanager" in marks and function.name.endswith("ing")):
        return True
    return not is_participle(function.name)


def texts(file: Path) -> Iterator[tuple[int, str]]:
    """Every string of a module, docstrings included, with its line; a string in pieces counts as one."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def comments(file: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        if match := re.search(r"(?:^|\s)#\s(.*)", line):
            yield number, match[1]


def complaints(text: str) -> Iterator[str]:
    plain = " ".join(text.split())
    for pattern, instead in FORBIDDEN.items():
        if match := re.search(pattern, plain, re.IGNORECASE):
            yield f"{match[0]!r} ({instead})"


def test_a_function_is_named_by_a_verb() -> None:
    bad = [
        f"{file.relative_to(ROOT)}:{function.lineno} {function.name}"
        for file in (*CODE, *TESTS)
        for function in functions(file)
        if not is_named_well(function)
    ]
    assert bad == []


@pytest.mark.parametrize("name", ["said", "_told", "held", "settled", "_waiting", "joined", "unread"])
def test_a_bare_participle_is_found(name: str) -> None:
    (function,) = [node for node in ast.walk(ast.parse(f"def {name}(): ...")) if isinstance(node, ast.FunctionDef)]
    assert not is_named_well(function)


def test_code_speaks_plain_english() -> None:
    bad = [
        f"{file.relative_to(ROOT)}:{line}: {complaint}"
        for file in CODE
        for line, text in (*texts(file), *comments(file))
        for complaint in complaints(text)
    ]
    assert bad == []


@pytest.mark.parametrize("file", [*PAGES, *SCREENS], ids=lambda file: file.name)
def test_pages_and_the_dashboard_speak_plain_english(file: Path) -> None:
    paragraphs = re.split(r"\n\s*\n|\n(?=[-|#])", file.read_text())
    assert [complaint for paragraph in paragraphs for complaint in complaints(paragraph)] == []
