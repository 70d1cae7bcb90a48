from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pagemill.configs import model_manager_config, web_config
from pagemill.domain.errors import InvalidSettings
from pagemill.domain.memory import CPU
from pagemill.engines.registry import engine_specs, structure_spec
from pagemill.settings import Settings
from pagemill.settings_loading import load_settings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No configuration file lies here, and no variable is set."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_tasks_section_has_the_names_and_defaults_of_the_specification() -> None:
    tasks = load_settings().tasks
    assert (tasks.max_queue_size, tasks.queue_timeout_seconds) == (100, 300)
    assert (tasks.enable_priority_queue, tasks.enable_resource_tracking) == (True, True)
    assert tasks.cleanup_timeout_seconds == 30
    retry = tasks.retry
    assert (retry.max_attempts, retry.backoff_multiplier, retry.memory_reduction_factor) == (3, 2, 0.5)


def test_file_environment_and_command_line_rise_in_that_order(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / "pagemill.yaml").write_text("tasks: {max_queue_size: 1, max_running: 1, pages_per_batch: 1}\n")
    monkeypatch.setenv("PAGEMILL_TASKS__MAX_RUNNING", "2")
    monkeypatch.setenv("PAGEMILL_TASKS__PAGES_PER_BATCH", "2")
    tasks = load_settings(overrides={"tasks": {"pages_per_batch": 3}}).tasks
    assert (tasks.max_queue_size, tasks.max_running, tasks.pages_per_batch) == (1, 2, 3)


def test_a_named_file_is_read_from_the_variable(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / "other.yaml").write_text("server: {port: 1234}\n")
    monkeypatch.setenv("PAGEMILL_CONFIG", str(elsewhere / "other.yaml"))
    assert load_settings().server.port == 1234


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "tasks: {max_queu_size: 1}",
            r"tasks\.max_queu_size: this setting does not exist\. Did you mean tasks\.max_queue_size",
        ),
        ("task: {}", r"task: this setting does not exist\. Did you mean tasks"),
        ("tasks: {max_queue_size: many}", r"tasks\.max_queue_size: .*integer"),
        ("tasks: {retry: {memory_reduction_factor: 1.5}}", r"memory_reduction_factor: .*less than 1"),
        ("tasks: [1, 2", r"pagemill\.yaml"),
        ("just words", r"pagemill\.yaml"),
    ],
)
def test_a_wrong_file_is_refused_by_the_name_of_the_key(elsewhere: Path, text: str, complaint: str) -> None:
    (elsewhere / "pagemill.yaml").write_text(text)
    with pytest.raises(InvalidSettings, match=complaint):
        load_settings()


@pytest.mark.parametrize(
    ("variable", "complaint"),
    [
        ("PAGEMILL_TASK__MAX_QUEUE_SIZE", "Did you mean PAGEMILL_TASKS"),
        ("PAGEMILL_TASKS__MAX_QUEUE", r"tasks\.max_queue: this setting does not exist"),
        ("PAGEMILL_COLOUR", "is not a setting"),
    ],
)
def test_a_wrong_variable_is_refused_by_its_name(
    variable: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(InvalidSettings, match=complaint):
        load_settings()


def test_a_missing_named_file_is_an_error() -> None:
    with pytest.raises(InvalidSettings, match=r"The configuration file nowhere\.yaml does not exist"):
        load_settings(Path("nowhere.yaml"))


def test_every_setting_says_what_it_is() -> None:
    def list_undescribed(schema: dict[str, object]) -> list[str]:
        properties = schema.get("properties")
        assert isinstance(properties, dict)
        return [name for name, field in properties.items() if "description" not in field and "$ref" not in field]

    schema = Settings.model_json_schema()
    assert list_undescribed(schema) == []
    assert [name for name, section in schema["$defs"].items() if list_undescribed(section)] == []


@pytest.mark.parametrize(
    ("given", "url", "key"),
    [
        ({}, "http://127.0.0.1:8000", None),
        ({"server": {"host": "::", "port": 9000, "api_keys": ["k"]}}, "http://[::1]:9000", "k"),
        ({"server": {"host": "::1"}}, "http://[::1]:8000", None),
        ({"server_url": "https://ocr.example", "server": {"api_keys": ["k"]}}, "https://ocr.example", None),
        ({"server_url": "https://ocr.example", "api_key": "mine"}, "https://ocr.example", "mine"),
    ],
)
def test_the_command_line_finds_the_server_and_sends_its_key_nowhere_else(
    given: dict[str, object], url: str, key: str | None
) -> None:
    settings = load_settings(overrides=given)
    assert (settings.resolved_server_url, settings.resolved_api_key) == (url, key)


def test_an_engine_may_have_an_idle_timeout_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGEMILL_POOL__IDLE_TIMEOUTS_SECONDS", '{"rapidocr": 60}')
    config = model_manager_config(load_settings(), {CPU: 1}, structure_spec(), gpu_uuids={})
    assert config.idle_timeout == timedelta(seconds=300)
    assert config.idle_timeouts == {"rapidocr": timedelta(seconds=60)}
    monkeypatch.setenv("PAGEMILL_POOL__IDLE_TIMEOUTS_SECONDS", '{"rapidocr": 0}')
    with pytest.raises(InvalidSettings, match="greater than 0"):
        load_settings()


def test_people_are_offered_only_engines_that_can_be_used(tmp_path: Path) -> None:
    rapidocr = engine_specs()["rapidocr"]
    engines = {"rapidocr": rapidocr, "broken": replace(rapidocr, name="broken", unusable="It lacks its spring.")}
    assert list(web_config(Settings(), uploads=tmp_path, engines=engines).profiles) == ["rapidocr"]


def test_an_engine_cannot_download_from_within_the_sandbox(tmp_path: Path) -> None:
    file = tmp_path / "pagemill.yaml"
    file.write_text("engines: {ppstructure: {allow_download: true}}\n")
    with pytest.raises(InvalidSettings, match=r"engines\.ppstructure\.allow_download .* Set pool\.sandbox to false"):
        load_settings(file)
    file.write_text("engines: {ppstructure: {allow_download: true}}\npool: {sandbox: false}\n")
    assert load_settings(file).engines["ppstructure"]["allow_download"] is True
    file.write_text("engines: {ppstructure: {allow_download: false}}\n")
    assert load_settings(file).pool.sandbox
