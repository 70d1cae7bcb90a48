"""One behaviour, two clients; and who imports Pagemill pays for what is used."""

import inspect
import subprocess
import sys

import pytest

from pagemill.client import AsyncClient, Client

HEAVY = {
    "fastapi",
    "starlette",
    "uvicorn",
    "sqlalchemy",
    "numpy",
    "PIL",
    "onnxruntime",
    "rapidocr",
    "pypdfium2",
}
LIGHT = HEAVY | {"pydantic", "httpx", "rich"}


def public(kind: type) -> dict[str, inspect.Signature]:
    functions = inspect.getmembers(kind, inspect.isfunction)
    return {name: inspect.signature(function) for name, function in functions if not name.startswith("_")}


def test_both_clients_have_the_same_methods_with_the_same_arguments() -> None:
    assert public(Client) == public(AsyncClient)
    assert {"submit", "wait", "follow", "read_pages", "download"} <= public(Client).keys()


@pytest.mark.parametrize(
    ("statement", "kept_out"), [("import pagemill", LIGHT), ("from pagemill import Client, AsyncClient", HEAVY)]
)
def test_importing_stays_light(statement: str, kept_out: set[str]) -> None:
    listing = f"{statement}; import sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    modules = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True).stdout.split()
    assert "pagemill" in modules
    assert kept_out & set(modules) == set()


def test_a_name_that_is_not_there_is_said_to_be_so() -> None:
    import pagemill

    with pytest.raises(AttributeError, match="no attribute 'Clients'"):
        getattr(pagemill, "Clients")  # noqa: B009 - what a misspelt import does
