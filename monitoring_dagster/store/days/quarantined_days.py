"""Days in quarantine, by what their contract wrote down of them."""

from datetime import date

from monitoring_dagster.decide.asked_findings import as_asked
from monitoring_dagster.decide.judging.delivery.quarantine import delivery_findings, quarantines
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.store.days.profiles import service_of
from monitoring_dagster.store.days.signals import StoredSignals
from monitoring_dagster.store.monitor import Monitor


def why_quarantined(monitor: Monitor, day: date) -> str:
    """The rules by which *day* is quarantined; empty where it is not.

    No incident is asked: it may be closed while the day is as broken as ever. Once the day is
    delivered anew and its contract passes, it counts as any other.
    """
    versions = service_of(monitor, day).get("versions", {})
    rows = sum(versions.values())
    traffic = Traffic(None, {version: count / rows for version, count in versions.items() if count})
    found = delivery_findings(monitor.spec, day, StoredSignals(monitor, day), traffic)
    kinds = [one.kind for one in as_asked(found, monitor.spec.rules.alerts) if quarantines(one)]
    return ", ".join(RULES[kind].title for kind in dict.fromkeys(kinds))
