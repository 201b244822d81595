"""Listening to the buttons in Slack: what is clicked there is handled in the ledger."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from monitoring_dagster.act.notify.buttons import RefusedClick, handle_click
from monitoring_dagster.act.notify.receivers import SLACK_APP_TOKEN, SLACK_URL
from monitoring_dagster.act.notify.sender import Refused
from monitoring_dagster.act.notify.senders.https import refuse_unsafe
from monitoring_dagster.act.notify.senders.slack_socket import connected
from monitoring_dagster.store.monitor import House

_log = logging.getLogger("monitoring_dagster.notifier")


@contextmanager
def listening(house: House, *, environment: Mapping[str, str] = os.environ) -> Iterator[None]:
    """While this is entered, clicks are handled; what they say goes out with the next drain.

    Raises
    ------
    Refused
        ``SLACK_APP_TOKEN`` is not set or not taken, or nobody may press a button.
    """
    token, url = environment.get(SLACK_APP_TOKEN), environment.get(SLACK_URL)
    if not token:
        raise Refused.not_set(SLACK_APP_TOKEN)
    users = house.notifier.slack_users
    if not users:
        message = "nobody may press a button: name people in slack_users of the notifier's settings"
        raise Refused(message)

    def take(payload: Mapping[str, Any]) -> None:
        try:
            handle_click(payload, ledger=house.ledger, users=users, now=house.now())
        except RefusedClick as refusal:
            _log.warning("%s", refusal)

    client = connected(token, refuse_unsafe(url, SLACK_URL) if url else None, take)
    try:
        yield
    finally:
        client.close()
