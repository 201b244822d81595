"""Delivery of what the ledger holds, of a whole project."""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from monitoring_dagster.act.notify.drain import Delivered, drain
from monitoring_dagster.act.notify.rosters import roster_of
from monitoring_dagster.store.monitor import House


def send(house: House, *, environment: Mapping[str, str] = os.environ) -> Delivered:
    """Send what waits, of the whole project, once; the *environment* holds the secrets.

    What a silence held back goes out once that has ended, if it is still so.
    """
    house.ledger.silences.release(now=house.now())
    return drain(
        house.ledger,
        links=house.links,
        outbox=house.outbox,
        environment=environment,
        clock=lambda: datetime.now(UTC),
        sleep=time.sleep,
        has_buttons=bool(house.notifier.slack_users),
        roster=roster_of(house),
    )
