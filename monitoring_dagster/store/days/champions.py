"""Which version's series is the model's on a day, and how much the others matter."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta

from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.store.days.profiles import service_of
from monitoring_dagster.store.ledger.decided.promotions import Promotion
from monitoring_dagster.store.models.registry import RegistryUnavailable
from monitoring_dagster.store.monitor import Monitor

_LOOK_BACK_DAYS = 7  # for the newest day with rows


def traffic_on(
    monitor: Monitor, day: date, *, promotions: Sequence[Promotion] | None = None
) -> Traffic:
    """Champion and shares of the rows on *day*, or on the newest day before it that has rows;
    *promotions*, where somebody who asks for many days knows them."""
    for lag in range(_LOOK_BACK_DAYS):
        rows = _rows(monitor, day - timedelta(days=lag))
        if any(rows.values()):
            return traffic_among(monitor, day, rows, promotions=promotions)
    return traffic_among(monitor, day, {}, promotions=promotions)


def traffic_among(
    monitor: Monitor,
    day: date,
    rows: Mapping[str, int],
    *,
    promotions: Sequence[Promotion] | None = None,
) -> Traffic:
    """The same of *rows* by version, for a day that is not profiled yet."""
    total = sum(rows.values())
    shares = {version: count / total for version, count in rows.items()}
    return Traffic(champion_on(monitor, day, rows=rows, promotions=promotions), shares)


def champion_on(
    monitor: Monitor,
    day: date,
    *,
    rows: Mapping[str, int] | None = None,
    promotions: Sequence[Promotion] | None = None,
) -> str | None:
    """The version that was champion at the end of *day*; None where nobody served.

    By the promotions that were made until then, so that a day that is judged anew later has the
    champion that it had. Where none is known: the only version that served; else the one that
    MLflow's alias names; else the one with most *rows* (by default those of the day).
    """
    if promotions is None:
        promotions = monitor.ledger.promotions(monitor.name)
    promoted = promoted_on(promotions, day)
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


def version_of_series(monitor: Monitor, day: date, versions: Collection[str]) -> str | None:
    """The one of *versions* whose numbers are the model's on *day*, so that a series keeps its name
    when a version follows another: the champion's, or the only one's."""
    if len(versions) == 1:
        return next(iter(versions))
    champion = champion_on(monitor, day)
    return champion if champion in versions else None


def first_champion(monitor: Monitor, day: date) -> str | None:
    """The version that was champion first, as known on *day*; None before any promotion."""
    promotions = monitor.ledger.promotions(monitor.name)
    if not promotions:
        return None
    first = promotions[0]
    return first.previous or (first.version if first.at.date() <= day else None)


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
