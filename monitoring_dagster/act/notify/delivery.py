"""Delivery of what the ledger holds, of a whole project."""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from monitoring_dagster.act.notify.drain import Delivered, drain
from monitoring_dagster.act.notify.pagerduty_answers import take_answers
from monitoring_dagster.act.notify.rosters import roster_of
from monitoring_dagster.store.monitor import House


def send(house: House, *, environment: Mapping[str, str] = os.environ) -> Delivered:
    """Send what waits, of the whole project, once; the *environment* holds the secrets.

    What a silence held back goes out once that has ended, if it is still so, and so does what
    people did in PagerDuty meanwhile.
    """
    house.ledger.silences.release(now=house.now())
    take_answers(house.ledger, environment=environment, clock=_utc_now, now=house.now())
    return drain(
        house.ledger,
        links=house.links,
        outbox=house.outbox,
        environment=environment,
        clock=_utc_now,
        sleep=time.sleep,
        has_buttons=bool(house.notifier.slack_users),
        roster=roster_of(house),
    )


def _utc_now() -> datetime:
    return datetime.now(UTC)
