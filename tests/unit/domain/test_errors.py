from pagemill.domain import errors
from pagemill.domain.errors import PagemillError


def draw_tree(cls: type[PagemillError], indent: str = "") -> list[str]:
    """The tree below a class, as the module's docstring draws it."""
    lines = []
    children = [child for child in cls.__subclasses__() if child.__module__ == errors.__name__]
    for child in children:
        last = child is children[-1]
        lines.append(f"{indent}{'└' if last else '├'}── {child.__name__}")
        lines += draw_tree(child, indent + ("    " if last else "│   "))
    return lines


def test_the_docstring_draws_the_tree_of_the_classes() -> None:
    assert errors.__doc__ is not None
    in_docstring = [line for line in errors.__doc__.splitlines() if "──" in line]
    assert in_docstring == draw_tree(PagemillError)


def test_every_error_has_a_code_of_its_own_or_its_parents() -> None:
    def subclasses(cls: type[PagemillError]) -> list[type[PagemillError]]:
        return [cls, *(below for child in cls.__subclasses__() for below in subclasses(child))]

    own = [cls.__dict__["code"] for cls in subclasses(PagemillError) if "code" in cls.__dict__]
    assert len(own) == len(set(own))
