"""The order in which the parts of the whole service start; they stop in the reverse order."""

from pathlib import Path

import pytest

from pagemill.app import Application
from pagemill.settings_loading import load_settings

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DATABASES = {"sqlite": None, "postgresql": "postgresql+psycopg://nobody@127.0.0.1:1/none"}


@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("secret", [None, SECRET])
@pytest.mark.parametrize("is_tracked", [True, False])
def test_what_others_need_starts_before_them(
    tmp_path: Path, database: str, secret: str | None, *, is_tracked: bool
) -> None:
    settings = load_settings(
        overrides={
            "data_dir": tmp_path,
            "database_url": DATABASES[database],
            "tasks": {"enable_resource_tracking": is_tracked},
            "webhooks": {"secret": secret},
        }
    )
    assert [type(service).__name__ for service in Application(settings).services] == [
        "Database",
        "LearningKeeper",
        "LearningKeeper",
        "Heartbeat",
        "MemoryWarnings",
        "MemoryGuard",
        "OCRServicePool",
        "TaskFinisher",
        "Rescuer",
        "Expiry",
        "Watchdog",
        "Pruning",
        *(["PeerWatch"] if database == "postgresql" else []),
        *(["TaskSampler"] if is_tracked else []),
        *(["WebhookCourier"] if secret is not None else []),
        "Notifications",
        "Dispatcher",
    ]
