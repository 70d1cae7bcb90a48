"""Reads the settings from their sources, and explains what is wrong with them without showing secrets."""

import difflib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource, SettingsError, YamlConfigSettingsSource

from pagemill.domain.errors import InvalidSettings
from pagemill.settings import PREFIX, Sensitive, Settings

CONFIG_VARIABLE = "PAGEMILL_CONFIG"
DEFAULT_FILE = Path("pagemill.yaml")


def load_settings(file: Path | None = None, *, overrides: Mapping[str, object] | None = None) -> Settings:
    """Read the settings from all sources.

    Args:
        file: The configuration file; None uses `PAGEMILL_CONFIG`, or else `pagemill.yaml` in the working directory.
        overrides: Values from the command line, nested like the file.

    Raises:
        InvalidSettings: A key is unknown or a value is wrong; the message names each and says how to fix it.
    """
    path = _config_file(file)
    _refuse_unknown_variables(os.environ)
    try:
        from_file = YamlConfigSettingsSource(Settings, yaml_file=path)() if path else {}
        values = _merge(_merge(from_file, EnvSettingsSource(Settings)()), overrides or {})
        return Settings(**values)
    except ValidationError as error:
        raise InvalidSettings(_explain(error, path)) from error
    except RecursionError:
        raise InvalidSettings(
            f"Pagemill cannot read the settings ({path or 'environment'}): they are nested too deeply."
        ) from None
    except (yaml.YAMLError, SettingsError, ValueError, TypeError, AttributeError) as error:
        raise InvalidSettings(f"Pagemill cannot read the settings ({path or 'environment'}): {_why(error)}.") from None


_QUOTED = re.compile("'.*'", re.DOTALL)


def _why(error: Exception) -> str:
    """The reason, without quoting the value: it may be a secret."""
    match error:
        case yaml.MarkedYAMLError(problem_mark=yaml.Mark() as mark):
            what = _QUOTED.sub("\u2026", error.problem or "it is not valid YAML")
            return f"{what} in line {mark.line + 1}, column {mark.column + 1}"
        case SettingsError():
            return str(error)
        case _:
            return f"a value is of the wrong kind ({type(error).__name__})"


def _config_file(given: Path | None) -> Path | None:
    named = given or (Path(os.environ[CONFIG_VARIABLE]) if CONFIG_VARIABLE in os.environ else None)
    if named is not None and not named.is_file():
        raise InvalidSettings(f"The configuration file {named} does not exist. Check the path, or create the file.")
    return named or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        known = merged.get(key)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            merged[key] = _merge(known, value)
        else:
            merged[key] = value
    return merged


def _refuse_unknown_variables(variables: Iterable[str]) -> None:
    fields = {PREFIX + name.upper() for name in Settings.model_fields}
    for variable in sorted(variables):
        if not variable.startswith(PREFIX) or variable == CONFIG_VARIABLE:
            continue
        top = variable.split("__", maxsplit=1)[0]
        if top not in fields:
            hint = _did_you_mean(top, fields)
            raise InvalidSettings(f"The environment variable {variable} is not a setting.{hint}")


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f" Did you mean {close[0]}?" if close else " `pagemill config schema` lists them all."


def _explain(error: ValidationError, path: Path | None) -> str:
    problems = []
    for detail in error.errors():
        key = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "extra_forbidden":
            problems.append(f"{key}: this setting does not exist.{_did_you_mean(key, _dotted_keys(Settings))}")
        else:
            place = f"{key}: " if key else ""
            problems.append(f"{place}{detail['msg'].removeprefix('Value error, ')}{_describe_input(detail)}.")
    return f"The settings are not valid ({path or 'environment and command line'}): " + " ".join(problems)


def _describe_input(detail: ErrorDetails) -> str:
    """The wrong value, unless it may be or contain a secret."""
    given = detail["input"]
    if not isinstance(given, str | int | float) or _may_hold_secrets(detail["loc"]):
        return ""
    return f" (got {given!r})"


def _may_hold_secrets(location: Sequence[int | str]) -> bool:
    model: type[BaseModel] | None = Settings
    for name in location:
        field = model.model_fields.get(str(name)) if model is not None else None
        if field is None:
            return False  # inside an unknown setting
        if any(isinstance(each, Sensitive) for each in field.metadata):
            return True
        model = _section(field.annotation)
    return model is not None


def _section(annotation: object) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _dotted_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    keys = []
    for name, field in model.model_fields.items():
        keys.append(prefix + name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            keys.extend(_dotted_keys(field.annotation, f"{prefix}{name}."))
    return keys
