"""The base of the models that programs get: shells and notebooks offer only what is meant to be used."""

from collections.abc import Iterable

from pydantic import BaseModel

_DEPRECATED = frozenset(
    name for name, member in vars(BaseModel).items() if hasattr(getattr(member, "__func__", member), "__deprecated__")
)


class ShownModel(BaseModel):
    """A model whose `dir()` leaves out what pydantic has deprecated."""

    def __dir__(self) -> Iterable[str]:
        return [name for name in super().__dir__() if name not in _DEPRECATED]
