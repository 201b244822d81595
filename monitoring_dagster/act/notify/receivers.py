"""Receivers: which sender takes a destination, from what the environment holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from monitoring_dagster.act.notify.sender import OUTBOX, Posting, Receipt, Refused, Sender
from monitoring_dagster.act.notify.senders.https import refuse_unsafe
from monitoring_dagster.act.notify.senders.slack import Slack
from monitoring_dagster.spec.channels import kind_and_address

SLACK_TOKEN, SLACK_URL = "SLACK_BOT_TOKEN", "SLACK_API_URL"
_SECRETS = (SLACK_TOKEN,)  # one of them set: this project is not a trial on somebody's own machine


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
    """

    environment: Mapping[str, str] = field(repr=False)
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    _made: dict[str, Sender] = field(default_factory=dict, repr=False)

    def sender_of(self, destination: str) -> Sender:
        """Who takes the messages to *destination*. Raises Refused."""
        kind, address = kind_and_address(destination)
        missing = next((name for name in self._needed(kind, address) if not self._get(name)), None)
        if missing is None:
            key = kind
            if key not in self._made:
                self._made[key] = self._make(kind)
            return self._made[key]
        if self.has_secrets:
            raise Refused.not_set(missing)
        return Page(self.clock)

    @property
    def has_secrets(self) -> bool:
        """Whether the secret of any channel is set."""
        return any(self._get(name) for name in _SECRETS)

    def _needed(self, kind: str, address: str) -> tuple[str, ...]:
        return (SLACK_TOKEN,)

    def _make(self, kind: str) -> Sender:
        return Slack(self._get(SLACK_TOKEN), self._url(SLACK_URL), self.clock, self.sleep)

    def _url(self, name: str) -> str | None:
        url = self._get(name)
        return refuse_unsafe(url, name) if url else None

    def _get(self, name: str) -> str:
        return self.environment.get(name) or ""
