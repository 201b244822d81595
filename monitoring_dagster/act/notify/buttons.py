"""Clicks on buttons in Slack: named people handle an incident, and a repeated click is harmless."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from monitoring_dagster.decide.people.handling import Action, Handling
from monitoring_dagster.errors import MonitoringError, escaped
from monitoring_dagster.store.ledger.ledger import Ledger

SNOOZED_FOR = timedelta(days=1)
_log = logging.getLogger("monitoring_dagster.notifier")


class RefusedClick(MonitoringError):
    """A click that handles nothing."""

    @classmethod
    def person(cls, user: str) -> Self:
        return cls(
            f"Slack's member {escaped(user)[:40]} may not handle incidents: name whoever may in"
            " [tool.monitoring_dagster.notifier] slack_users"
        )

    @classmethod
    def payload(cls) -> Self:
        return cls("this is no click on one of our buttons")

    @classmethod
    def incident(cls) -> Self:
        return cls("this button handles no incident of this ledger")


@dataclass(frozen=True, slots=True)
class Click:
    """One click, as Slack tells of it."""

    action: Action
    incident: str
    user: str  # Slack's id of a member
    ts: str  # of the click, in seconds since 1970, the same however often it is delivered

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Self:
        """What a ``block_actions`` payload says. Raises RefusedClick."""
        try:
            (action,) = payload["actions"]
            found = cls(
                action=Action(action["action_id"]),
                incident=str(action["value"]),
                user=str(payload["user"]["id"]),
                ts=str(action["action_ts"]),
            )
            found.at  # noqa: B018
        except (KeyError, TypeError, ValueError, OverflowError):
            raise RefusedClick.payload() from None
        if payload.get("type") != "block_actions" or found.action is Action.ASSIGN:
            raise RefusedClick.payload()
        return found

    @property
    def at(self) -> datetime:
        """When it was made."""
        return datetime.fromtimestamp(float(self.ts), UTC)

    @property
    def key(self) -> str:
        """What tells it from every other click."""
        return f"{self.incident}/{self.action}/{self.user}/{self.ts}"


def handle_click(
    payload: Mapping[str, Any], *, ledger: Ledger, users: Mapping[str, str], now: datetime
) -> bool:
    """Handle an incident by a click; False if that changes nothing.

    Parameters
    ----------
    users
        Who may: Slack's ids, each with a name.

    Raises
    ------
    RefusedClick
    """
    click = Click.of(payload)
    if click.user not in users:
        raise RefusedClick.person(click.user)
    incident = next((one for one in ledger.incidents() if one.id == click.incident), None)
    if incident is None:
        raise RefusedClick.incident()
    until = click.at + SNOOZED_FOR if click.action is Action.SNOOZE else None
    new = Handling(incident.id, click.action, users[click.user], now, until, key=click.key)
    _, is_new = ledger.handlings.record(incident.model, new)
    if is_new:
        _log.info("%s of %s %s", incident.kind, incident.model, new.words)
    return is_new
