"""Which version's series is the model's on a day, and how much the others matter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from monitoring_dagster.spec.kinds import Severity
from monitoring_dagster.store.days.profiles import service_of
from monitoring_dagster.store.ledger.ledger import Promotion
from monitoring_dagster.store.models.registry import RegistryUnavailable
from monitoring_dagster.store.monitor import Monitor

FEWEST_ROWS = 30  # of a version that serves beside others, below which it gets no verdict
_MOST = 0.5  # of the traffic: as urgent as the champion
_LOOK_BACK_DAYS = 7  # for the newest day with rows


@dataclass(frozen=True, slots=True)
class Traffic:
    """Who served on a day, and as what."""

    champion: str | None
    shares: Mapping[str, float]  # of the newest day's rows, by version

    def subject(self, what: str, version: str) -> str:
        """What a finding is about: the champion's series is the model's, any other is named."""
        return what if version == self.champion else f"{what} of version {version}"

    def at_most(self, version: str) -> Severity:
        """How urgent a finding about *version* may be, by how many callers it answers.

        The champion's is what it is, and so is that of a version which answers half of the rows.
        Another one that serves wakes nobody up; one that serves no more is for the record.
        """
        share = self.shares.get(version, 0.0)
        if version == self.champion or share >= _MOST:
            return Severity.P0
        return Severity.P2 if share else Severity.P3

    def words(self, version: str) -> str:
        """The version's part in the day, for the end of a sentence; nothing of the champion."""
        if version == self.champion:
            return ""
        share = self.shares.get(version, 0.0)
        part = f"answers {share:.0%} of the rows" if share else "serves no more"
        return f"; version {version} {part}, champion is version {self.champion or '(unknown)'}"


def traffic_on(monitor: Monitor, day: date) -> Traffic:
    """Champion and shares of the rows on *day*, or on the newest day before it that has rows."""
    for lag in range(_LOOK_BACK_DAYS):
        rows = _rows(monitor, day - timedelta(days=lag))
        if total := sum(rows.values()):
            shares = {version: count / total for version, count in rows.items()}
            return Traffic(champion_on(monitor, day, rows=rows), shares)
    return Traffic(champion_on(monitor, day, rows={}), {})


def champion_on(
    monitor: Monitor, day: date, *, rows: Mapping[str, int] | None = None
) -> str | None:
    """The version that was champion at the end of *day*; None where nobody served.

    By the promotions that were made until then, so that a day that is judged anew later has the
    champion that it had. Where none is known: the only version that served; else the one that
    MLflow's alias names; else the one with most *rows* (by default those of the day).
    """
    promoted = promoted_on(monitor.ledger.promotions(monitor.name), day)
    if promoted is not None:
        return promoted
    served = _rows(monitor, day) if rows is None else rows
    if len(served) < 2:
        return next(iter(served), None)
    try:
        alias = monitor.registry.champion(monitor.spec.mlflow_name)
    except RegistryUnavailable:
        alias = None  # days are judged while MLflow is down
    return alias or max(served, key=lambda version: (served[version], version))


def promoted_on(promotions: Sequence[Promotion], day: date) -> str | None:
    """The champion at the end of *day* by what is written down, None before the first promotion
    of a model that had none."""
    made = [one for one in promotions if one.at.date() <= day]
    if made:
        return made[-1].version
    return promotions[0].previous if promotions else None


def _rows(monitor: Monitor, day: date) -> dict[str, int]:
    """The day's rows by version; rows that name none are nobody's."""
    versions = service_of(monitor, day).get("versions", {})
    return {version: rows for version, rows in versions.items() if version}
