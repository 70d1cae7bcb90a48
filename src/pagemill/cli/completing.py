"""What a shell can complete."""

from collections.abc import Iterator

MOST_SHOWN = 50


def complete_task(incomplete: str) -> Iterator[tuple[str, str]]:
    """Ids of the newest tasks, if the server answers at once."""
    from itertools import islice

    from pagemill.client import Client, ClientError, RetryRules
    from pagemill.domain.errors import PagemillError
    from pagemill.settings_loading import load_settings

    try:
        settings = load_settings()
        rules = RetryRules(total_s=0)
        with Client(settings.resolved_server_url, api_key=settings.resolved_api_key, retries=rules) as client:
            for task in islice(client.tasks(at_once=MOST_SHOWN), MOST_SHOWN):
                if task.task_id.startswith(incomplete):
                    yield task.task_id, f"{task.status} {task.document.name}"
    except (ClientError, PagemillError):
        return
