"""The last net: what it may catch, how long that takes, and that it catches nothing else."""

from datetime import timedelta

from pagemill import configs
from pagemill.domain.task.task import RetryPolicy
from pagemill.settings import Settings
from pagemill.tasks.duties.watchdog import SLACK, Waits, longest_silence

WAITS = Waits(*(timedelta(seconds=seconds) for seconds in (1, 2, 4, 8, 16, 32)))


def test_the_longest_silence_is_the_sum_of_all_lawful_waits() -> None:
    policy = RetryPolicy(max_attempts=3, backoff_multiplier=10, first_delay=timedelta(seconds=100))
    assert longest_silence(WAITS, policy) == timedelta(seconds=1000 + 63) + SLACK


def test_no_retry_is_waited_for_longer_than_backoffs_last() -> None:
    policy = RetryPolicy(max_attempts=1000)
    assert longest_silence(WAITS, policy) == timedelta(hours=1, seconds=63) + SLACK


def test_it_follows_from_the_settings() -> None:
    usual = configs.watchdog_config(Settings()).silence
    assert usual == timedelta(seconds=2 + 300 + 60 + 30 + 120 + 120 + 20) + SLACK
    for section, name in (
        ("tasks", "queue_timeout_seconds"),
        ("tasks", "page_timeout_seconds"),
        ("tasks", "lease_seconds"),
        ("pool", "acquire_timeout_seconds"),
        ("pool", "load_timeout_seconds"),
    ):
        before = getattr(getattr(Settings(), section), name)
        changed = Settings.model_validate({section: {name: before + 7}})
        assert configs.watchdog_config(changed).silence == usual + timedelta(seconds=7), name
