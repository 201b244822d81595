"""Receivers: which sender takes a destination, from what the environment holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from monitoring_dagster.act.notify.sender import OUTBOX, Posting, Receipt, Refused, Sender
from monitoring_dagster.act.notify.senders.alertmanager import Alertmanager
from monitoring_dagster.act.notify.senders.apprise_urls import AppriseUrls
from monitoring_dagster.act.notify.senders.https import refuse_unsafe
from monitoring_dagster.act.notify.senders.pagerduty import PagerDuty
from monitoring_dagster.act.notify.senders.slack import Slack
from monitoring_dagster.act.notify.senders.smtp import Smtp
from monitoring_dagster.act.notify.senders.webhook import Webhook
from monitoring_dagster.spec.channels import NO_ROUTING_KEYS, kind_and_address

SLACK_TOKEN, SLACK_URL = "SLACK_BOT_TOKEN", "SLACK_API_URL"
SLACK_APP_TOKEN = "SLACK_APP_TOKEN"  # of Socket Mode: somebody listens to the buttons
SMTP_URL, SMTP_FROM = "SMTP_URL", "SMTP_FROM"
WEBHOOK_SECRET = "MONITORING_WEBHOOK_SECRET"
PAGERDUTY_URL, PAGERDUTY_TOKEN, PAGERDUTY_REST_URL = NO_ROUTING_KEYS
NEEDED = {
    "slack": (SLACK_TOKEN,),
    "email": (SMTP_URL, SMTP_FROM),
    "webhook": (WEBHOOK_SECRET,),
}  # a kind of channel: what must be set; the others' destinations name their variable, if any


@dataclass(frozen=True)
class Page:
    """The local page, for a project without any credentials: drawn from the ledger, so it is sent
    as soon as the ledger says so, and a crash loses and doubles nothing."""

    clock: Callable[[], datetime]

    def send(self, posting: Posting) -> Receipt:
        """It will stand on the page."""
        return Receipt(OUTBOX, f"{self.clock().timestamp():.6f}")

    def settle(self, posting: Posting) -> Receipt | None:
        """The same."""
        return self.send(posting)


@dataclass(frozen=True)
class Receivers:
    """The senders of one drain.

    Parameters
    ----------
    environment
        Holds every secret, and is asked when it is needed. A destination whose secret is not there
        is refused by the name of the variable; where no secret at all is set, everything that
        needs one goes to the local page.
    clock, sleep
        Aware UTC now, and how to wait so many seconds.
    has_buttons
        Whether anybody may press buttons in Slack; they need SLACK_APP_TOKEN.
    """

    environment: Mapping[str, str] = field(repr=False)
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    has_buttons: bool = False
    _made: dict[str, Sender] = field(default_factory=dict, repr=False)

    def sender_of(self, destination: str) -> Sender:
        """Who takes the messages to *destination*. Raises Refused."""
        kind, address = kind_and_address(destination)
        needed = (address,) if kind in ("pagerduty", "apprise") else NEEDED.get(kind, ())
        missing = next((name for name in needed if not self._get(name)), None)
        if missing is None:
            if kind not in self._made:
                self._made[kind] = self._make(kind)
            return self._made[kind]
        if self.has_secrets:
            raise Refused.not_set(missing)
        return Page(self.clock)

    @property
    def has_secrets(self) -> bool:
        """Whether the secret of any channel is set."""
        fixed = {SLACK_TOKEN, SMTP_URL, WEBHOOK_SECRET}
        return any(
            value
            for name, value in self.environment.items()
            if name in fixed
            or (name.startswith(("PAGERDUTY_", "APPRISE_")) and name not in NO_ROUTING_KEYS)
        )

    def _make(self, kind: str) -> Sender:
        match kind:
            case "slack":
                url = self._url(SLACK_URL)
                buttons = self.has_buttons and bool(self._get(SLACK_APP_TOKEN))
                return Slack(self._get(SLACK_TOKEN), url, self.clock, self.sleep, buttons)
            case "email":
                return Smtp.at(self._get(SMTP_URL), self._get(SMTP_FROM))
            case "pagerduty":
                url = self._url(PAGERDUTY_URL)
                return PagerDuty(self.environment, *([url] if url else []))
            case "alertmanager":
                return Alertmanager()
            case "webhook":
                return Webhook(self._get(WEBHOOK_SECRET), self.clock)
            case "apprise":
                return AppriseUrls(self.environment)
        raise Refused.unknown(kind)

    def _url(self, name: str) -> str | None:
        url = self._get(name)
        return refuse_unsafe(url, name) if url else None

    def _get(self, name: str) -> str:
        return self.environment.get(name) or ""
