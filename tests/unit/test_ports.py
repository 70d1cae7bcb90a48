"""What a method of a Protocol does is written there, once; a class that implements it refers to that text.

A class may add what only it does: ``See `Port.method`. Nothing: images have no text layer.``
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import pagemill

SOURCE = Path(pagemill.__file__).parent
Methods = Mapping[str, ast.FunctionDef | ast.AsyncFunctionDef]


def classes(folder: Path) -> Iterator[ast.ClassDef]:
    for file in sorted(folder.rglob("*.py")):
        yield from (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ClassDef))


def methods(node: ast.ClassDef) -> Methods:
    functions = (each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
    return {each.name: each for each in functions if not each.name.startswith("_")}


def parameters(method: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """A method of the store has its `connection` from its decorator."""
    given = (*method.args.args, *method.args.kwonlyargs)
    return [each.arg for each in given if each.arg not in ("self", "connection")]


def is_port(node: ast.ClassDef) -> bool:
    return "Protocol" in [ast.unparse(base) for base in node.bases]


def implements(own: Methods, port: Methods) -> bool:
    """It has every method with the same parameters, and one of them returns the same."""
    alike = all(name in own and parameters(own[name]) == parameters(method) for name, method in port.items())
    return alike and any(
        ast.dump(own[name].returns or own[name]) == ast.dump(m.returns or m) for name, m in port.items()
    )


CLASSES = list(classes(SOURCE))
OPEN = "Runnable"
"""The shape of all running parts: what each starts and stops is its own matter."""

PORTS = [node for node in CLASSES if is_port(node) and methods(node) and node.name != OPEN]
IMPLEMENTERS = [
    (port, node) for port in PORTS for node in CLASSES if not is_port(node) and implements(methods(node), methods(port))
]


@pytest.mark.parametrize(("port", "node"), IMPLEMENTERS, ids=lambda each: each.name)
def test_a_class_refers_to_the_text_of_its_port(port: ast.ClassDef, node: ast.ClassDef) -> None:
    own = methods(node)
    for name in methods(port):
        text = ast.get_docstring(own[name]) or ""
        is_value = any(ast.unparse(each) == "property" for each in own[name].decorator_list)
        refers = re.search(rf"[Ss]ee `\w+\.{name}`", text) or not text
        assert is_value or refers, f"{node.name}.{name}: write See `{port.name}.{name}`."


def test_every_port_has_a_class() -> None:
    ports = {port.name for port in classes(SOURCE / "domain" / "ports")}
    assert ports == ports & {port.name for port, _ in IMPLEMENTERS}
