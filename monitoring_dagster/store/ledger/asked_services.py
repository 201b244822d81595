"""Services that are asked by the clock: when each was asked last, and why it did not answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitoring_dagster.store.ledger.database import writing
from monitoring_dagster.store.ledger.schema import tables


@dataclass(frozen=True)
class AskedServices:
    """The services that are asked, in the ledger's database at *url*."""

    url: str = field(repr=False)

    def begin(self, service: str, *, now: datetime, pause: timedelta) -> bool:
        """Whether *service* may be asked now: whoever asked within *pause*, in any process, has
        done so for all. That it is asked now is kept."""
        table = tables().asked
        ours = table.c.service == service
        with writing(self.url, f"asked/{service}") as connection:
            last = connection.execute(table.select().where(ours)).first()
            if last is not None and last.at <= now < last.at + pause:
                return False
            if last is None:
                connection.execute(table.insert(), {"service": service, "at": now})
            else:
                connection.execute(table.update().where(ours).values(at=now))
        return True

    def note(self, service: str, failure: str | None) -> bool:
        """Keep why *service* did not answer, None where it did; whether that is news."""
        table = tables().asked
        ours = table.c.service == service
        with writing(self.url, f"asked/{service}") as connection:
            last = connection.execute(table.select().where(ours)).first()
            if last is None or last.failure == failure:
                return False
            connection.execute(table.update().where(ours).values(failure=failure))
        return True
