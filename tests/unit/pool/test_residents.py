"""Who changes what is known of a model set."""

import ast
from dataclasses import fields
from pathlib import Path

from pagemill import pool
from pagemill.pool.residents import Resident

ATTRIBUTES = {field.name for field in fields(Resident)}
ROOM = Path(pool.__file__).parent


def test_only_a_resident_changes_itself() -> None:
    """All others call its methods, so that every change stands in one file and has a name."""
    changes = [
        f"{module.name}:{node.lineno} {ast.unparse(node)}"
        for module in sorted(ROOM.glob("*.py"))
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del)
        if node.attr in ATTRIBUTES and ast.unparse(node.value) != "self"
    ]
    assert changes == []
