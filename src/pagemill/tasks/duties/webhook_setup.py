"""Sets up webhooks and alerts from the settings."""

from dataclasses import dataclass, field

from pagemill.domain.clocks import SteadyClock
from pagemill.domain.errors import InvalidRequest, InvalidSettings
from pagemill.domain.outgoing import OutgoingRules
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
        secret: The secret that signs messages; None: send none.
        outgoing: Addresses that messages may go to.
        alert_url: Gets an alert when a page runs out of memory.
    """

    secret: str | None = None
    outgoing: OutgoingRules = field(default_factory=OutgoingRules)
    alert_url: str | None = None


def make_courier(config: WebhookConfig, *, outbox: Outbox, clock: SteadyClock) -> WebhookCourier | None:
    """The courier for webhooks; None without a secret to sign them.

    Receivers compare the time of a signature with their own clocks, so it uses the machine's clock and not the steady
    one.

    Raises:
        InvalidSettings: The secret or the URL for alerts is not valid, or alerts have no secret.
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
    sender = HttpWebhookSender(key=signing_key(config.secret), wall_clock=clock.machine.now, outgoing=config.outgoing)
    return WebhookCourier(CourierConfig(), outbox=outbox, sender=sender)


def _check_alert_url(url: str) -> None:
    try:
        check_url(url)
    except InvalidRequest as error:
        raise InvalidSettings(f"alerts.webhook_url is not valid. {error.message}") from error


def oom_alerts(config: WebhookConfig, *, outbox: Outbox, clock: Clock) -> OnOom:
    """The handler for pages that run out of memory."""
    return ignore_oom if config.alert_url is None else OomAlerts(config.alert_url, outbox=outbox, clock=clock).on_oom
