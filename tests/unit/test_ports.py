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
    """Its public methods by name; `other = method` in the class is one more."""
    functions = (each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
    found = {each.name: each for each in functions if not each.name.startswith("_")}
    for each in node.body:
        if isinstance(each, ast.Assign) and isinstance(each.value, ast.Name) and each.value.id in found:
            found |= {target.id: found[each.value.id] for target in each.targets if isinstance(target, ast.Name)}
    return found


def parameters(method: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """A method of the store has its `connection` from its decorator."""
    given = (*method.args.args, *method.args.kwonlyargs)
    return [each.arg for each in given if each.arg not in ("self", "connection")]


def is_port(node: ast.ClassDef) -> bool:
    return "Protocol" in [ast.unparse(base).partition("[")[0] for base in node.bases]


def is_like(own: ast.FunctionDef | ast.AsyncFunctionDef, method: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """It has the same parameters, and can be awaited where the port's can: a decorator may turn it into a coroutine."""
    may_be_awaited = isinstance(own, ast.AsyncFunctionDef) or bool(own.decorator_list)
    return parameters(own) == parameters(method) and (may_be_awaited or not isinstance(method, ast.AsyncFunctionDef))


def implements(own: Methods, port: Methods) -> bool:
    """It has every method of the port, and one of them returns the same."""
    alike = all(name in own and is_like(own[name], method) for name, method in port.items())
    return alike and any(
        ast.dump(own[name].returns or own[name]) == ast.dump(m.returns or m) for name, m in port.items()
    )


CLASSES = list(classes(SOURCE))
PORTS = [node for node in CLASSES if is_port(node) and methods(node)]
IMPLEMENTERS = [
    (port, node) for port in PORTS for node in CLASSES if not is_port(node) and implements(methods(node), methods(port))
]


@pytest.mark.parametrize(("port", "node"), IMPLEMENTERS, ids=lambda each: each.name)
def test_a_class_refers_to_the_text_of_its_port(port: ast.ClassDef, node: ast.ClassDef) -> None:
    own = methods(node)
    for name in methods(port):
        text = ast.get_docstring(own[name]) or ""
        refers = re.match(rf"See `\w+\.{name}`", text) or not text
        assert refers, f"{node.name}.{name}: write See `{port.name}.{name}`."


def test_every_port_has_a_class() -> None:
    ports = {port.name for port in classes(SOURCE / "domain" / "ports")}
    assert ports == ports & {port.name for port, _ in IMPLEMENTERS}


def class_of(source: str) -> ast.ClassDef:
    (node,) = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)]
    return node


PORT = "class Port(Protocol):\n def a(self) -> int: ...\n def b(self) -> int: ..."
OWN = "class Own:\n def a(self) -> int: ...\n"


@pytest.mark.parametrize(
    ("port", "own", "is_found"),
    [
        pytest.param(PORT, OWN + " def b(self) -> int: ...", True, id="methods"),
        pytest.param(PORT, OWN + " b = a", True, id="a method under two names"),
        pytest.param(PORT.replace("Protocol", "Protocol[T]"), OWN + " b = a", True, id="a generic port"),
        pytest.param(PORT.replace("Protocol", "Other, Protocol"), OWN + " b = a", True, id="a port with a base"),
        pytest.param(PORT, OWN.replace("def", "async def") + " b = a", True, id="coroutines"),
        pytest.param(PORT.replace("def", "async def"), OWN + " b = a", False, id="plain functions"),
        pytest.param(
            PORT.replace("def", "async def"), OWN.replace(" def", " @writing\n def") + " b = a", True, id="decorated"
        ),
        pytest.param(PORT, OWN, False, id="a method short"),
        pytest.param(PORT, OWN + " def b(self, c: int) -> int: ...", False, id="another parameter"),
        pytest.param(PORT, OWN.replace("int", "str") + " b = a", False, id="other results"),
        pytest.param(PORT.replace("Protocol", "AsyncProtocol"), OWN + " b = a", False, id="no port"),
    ],
)
def test_an_implementer_is_found(port: str, own: str, is_found: bool) -> None:
    node = class_of(port)
    assert (is_port(node) and implements(methods(class_of(own)), methods(node))) is is_found
