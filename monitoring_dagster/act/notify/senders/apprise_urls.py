"""Any other service, by the optional library Apprise: a text, and hardly any certainty.

Apprise says whether a service took a message, and not how far it came if not; nothing can be looked
up, so what may have arrived is sent again, and may then show twice.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec

from monitoring_dagster.act.notify.sender import Posting, Receipt, Refused, Uncertain
from monitoring_dagster.report.events import IncidentEvent
from monitoring_dagster.report.messages import to_text

_LOGGERS = ("apprise", "urllib3", "requests_oauthlib", "oauthlib")  # they write addresses down


@dataclass(frozen=True)
class AppriseUrls:
    """Sends to the Apprise URLs that the *environment* holds."""

    environment: Mapping[str, str] = field(repr=False)

    def send(self, posting: Posting) -> Receipt:
        """Notify; where an event only edits, there is nothing to send."""
        event = posting.delivery.event
        if isinstance(event, IncidentEvent) and event.quietly:
            return Receipt(posting.address, "")
        if find_spec("apprise") is None:
            message = "apprise is not installed: pip install 'monitoring_dagster[apprise]'"
            raise Refused(message)
        with _silent():
            import apprise

            service = apprise.Apprise()
            if not service.add(self.environment.get(posting.address, "")):
                message = f"{posting.address} holds no URL that Apprise knows"
                raise Refused(message)
            kind = apprise.NotifyType.SUCCESS if _is_good(posting) else apprise.NotifyType.WARNING
            taken = service.notify(
                title=posting.message.headline, body=to_text(posting.message), notify_type=kind
            )
        if not taken:
            message = "the service did not take it, or not all of it"
            raise Uncertain(message)
        return Receipt(posting.address, "")

    def settle(self, posting: Posting) -> None:
        """Send it again."""


def _is_good(posting: Posting) -> bool:
    return posting.message.tone in ("resolved", "note")


@contextmanager
def _silent() -> Iterator[None]:
    """Nothing below an error is logged meanwhile, by libraries that would log what is secret."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it loads a hundred services, some of them old
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
