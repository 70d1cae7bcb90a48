"""Text from outside in models; see `pagemill.domain.text`."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticSerializationError

from pagemill.domain.text import make_storable, storable_json, write_storable

Text = Annotated[str, AfterValidator(make_storable)]
"""A model field for text from outside."""
Name = Annotated[Text, Field(max_length=64)]
"""Likewise, for the name of an engine, a language or a device."""


def as_storable_json(model: BaseModel) -> bytes:
    """The model as UTF-8 JSON with `make_storable` texts."""
    try:
        return storable_json(model.model_dump_json().encode())
    except PydanticSerializationError:  # half a surrogate pair cannot be written
        return write_storable(model.model_dump(mode="json"))
