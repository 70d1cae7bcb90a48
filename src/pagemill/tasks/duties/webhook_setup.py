"""What of webhooks and alerts there is, by what was set."""

from dataclasses import dataclass

from pagemill.domain.clocks import SteadyClock
from pagemill.domain.errors import InvalidRequest, InvalidSettings
from pagemill.domain.ports import Clock, Outbox
from pagemill.domain.task.webhooks import check_url, signing_key
from pagemill.tasks.duties.webhook_courier import CourierConfig, WebhookCourier
from pagemill.tasks.duties.webhook_sender import HttpWebhookSender
from pagemill.tasks.work.error_handler import OnOom, ignore_oom
from pagemill.tasks.work.oom_alerts import OomAlerts


@dataclass(frozen=True)
class WebhookConfig:
    """The settings `webhooks.*` and `alerts.*`.

    Attributes:
        secret: What messages are signed with; None: none are sent.
        allow_private: Whether addresses of our own network may be written to.
        alert_url: Told of pages that run out of memory.
    """

    secret: str | None = None
    allow_private: bool = False
    alert_url: str | None = None


def make_courier(config: WebhookConfig, *, outbox: Outbox, clock: SteadyClock) -> WebhookCourier | None:
    """Who delivers webhooks; nobody where they cannot be signed.

    Receivers compare the time of a signature with their own clocks, so it is the machine's and not the steady one's.

    Raises:
        InvalidSettings: The secret or the URL of alerts cannot be used, or alerts are to be sent without a secret.
    """
    if config.secret is None:
        if config.alert_url is not None:
            raise InvalidSettings(
                "alerts.webhook_url needs webhooks.secret, which signs the messages. Set both, or "
                "remove alerts.webhook_url."
            )
        return None
    if config.alert_url is not None:
        _check_alert_url(config.alert_url)
    sender = HttpWebhookSender(
        key=signing_key(config.secret), wall_clock=clock.machine.now, allow_private=config.allow_private
    )
    return WebhookCourier(CourierConfig(), outbox=outbox, sender=sender)


def _check_alert_url(url: str) -> None:
    try:
        check_url(url)
    except InvalidRequest as error:
        raise InvalidSettings(f"alerts.webhook_url is not valid. {error.message}") from error


def oom_alerts(config: WebhookConfig, *, outbox: Outbox, clock: Clock) -> OnOom:
    """Who is told of pages that run out of memory."""
    return ignore_oom if config.alert_url is None else OomAlerts(config.alert_url, outbox=outbox, clock=clock).on_oom
