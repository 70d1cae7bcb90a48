"""The base of all JSON models."""

from typing import Self

from pydantic import ConfigDict

from pagemill.domain.shown_model import ShownModel


class WireModel(ShownModel):
    """A JSON object; the docstring of a field is its description in the OpenAPI document."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    @classmethod
    def show(cls, source: object, **others: object) -> Self:
        """Build the model from a value: each field takes the attribute of its name, in nested models too.

        Args:
            source: The value.
            others: Fields with other values.

        Raises:
            TypeError: The model has no field of that name.
        """
        if unknown := others.keys() - cls.model_fields.keys():
            raise TypeError(f"{cls.__name__} has no field {', '.join(sorted(unknown))}.")
        alike = {name: getattr(source, name) for name in cls.model_fields if name not in others}
        return cls.model_validate(alike | others, from_attributes=True)
