"""Every duty has one shape: its config comes first; `start`, `run_once` and `stop` are awaited and take nothing."""

import inspect
import pkgutil
from dataclasses import is_dataclass
from importlib import import_module

import pytest

from pagemill.tasks import duties


def duty_classes() -> dict[str, type]:
    """Classes of the room that run regularly, by name."""
    modules = [import_module(f"{duties.__name__}.{module.name}") for module in pkgutil.iter_modules(duties.__path__)]
    classes = {name: kind for module in modules for name, kind in inspect.getmembers(module, inspect.isclass)}
    return {
        name: kind
        for name, kind in classes.items()
        if kind.__module__.startswith(duties.__name__) and hasattr(kind, "run_once")
    }


def test_the_duties_are_found() -> None:
    assert set(duty_classes()) == {
        "Expiry",
        "Heartbeat",
        "LearningKeeper",
        "PeerWatch",
        "Pruning",
        "Rescuer",
        "TaskSampler",
        "Watchdog",
        "WebhookCourier",
    }


@pytest.mark.parametrize("name", duty_classes())
def test_a_duty_takes_its_config_first(name: str) -> None:
    kind = duty_classes()[name]
    first, *others = list(inspect.signature(kind).parameters.values())
    config = first.annotation
    assert (first.name, is_dataclass(config)) == ("config", True)
    assert config.__dataclass_params__.frozen
    assert "interval" in config.__dataclass_fields__
    assert all(other.kind is other.KEYWORD_ONLY for other in others)


@pytest.mark.parametrize("method", ["start", "run_once", "stop"])
@pytest.mark.parametrize("name", duty_classes())
def test_a_duty_is_started_run_and_stopped_like_all_others(name: str, method: str) -> None:
    function = getattr(duty_classes()[name], method)
    assert inspect.iscoroutinefunction(function)
    assert list(inspect.signature(function).parameters) == ["self"]
