"""What all forms on the wire have in common."""

from pydantic import BaseModel, ConfigDict


class WireModel(BaseModel):
    """A JSON object as it is sent; what stands below a field is its description in the OpenAPI document."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)
