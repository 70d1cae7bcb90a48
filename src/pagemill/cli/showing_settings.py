"""Settings for display, with secrets masked."""

import re
from collections.abc import Mapping

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pagemill.settings import Sensitive, Settings

MASK = "**********"
_PASSWORD = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)([^:@/]*):(.*)@", re.DOTALL)


def mask_secrets(settings: Settings) -> dict[str, object]:
    """All settings as plain values; secrets are masked, and URLs keep the part that names the machine."""
    return _mask_values(settings.model_dump(mode="json"), type(settings))


def _mask_values(values: Mapping[str, object], model: type[BaseModel]) -> dict[str, object]:
    return {name: _mask_value(value, model.model_fields[name]) for name, value in values.items()}


def _mask_value(value: object, field: FieldInfo) -> object:
    if isinstance(value, Mapping) and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
        return _mask_values(value, field.annotation)
    marker = next((each for each in field.metadata if isinstance(each, Sensitive)), None)
    if value is None or marker is None:
        return value
    if isinstance(value, list):
        return [MASK] * len(value)
    return without_password(str(value)) if marker.keeps_address else MASK


def without_password(url: str) -> str:
    """The URL with its password and its query masked; a password may hold any character, so it ends at the last @."""
    address, question, _ = _PASSWORD.sub(rf"\1\2:{MASK}@", url).partition("?")
    return f"{address}{question and '?' + MASK}" if "://" in address else MASK
