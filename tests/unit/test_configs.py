"""What a server leaves to others depends on whether there can be others."""

from datetime import timedelta

import pytest

from pagemill import configs
from pagemill.settings import Settings

URLS = {
    None: timedelta(0),
    "sqlite:///elsewhere.db": timedelta(0),
    "postgresql+psycopg://user@host/name": configs.OTHERS_GRACE,
}


@pytest.mark.parametrize("url", URLS)
def test_others_have_time_only_where_there_can_be_others(url: str | None) -> None:
    settings = Settings(database_url=url)
    config = configs.rescuer_config(settings, "us")
    assert (config.grace, config.dead_owner) == (URLS[url], "us")
    assert configs.is_alone(settings) is (URLS[url] == timedelta(0))
