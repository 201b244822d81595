"""Usable rows and columns of a day, as its contract left them, and who answered the rows."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from datetime import date, timedelta

from monitoring_dagster.sources.rows.served import Deployment
from monitoring_dagster.spec.rules.own_rule import AREAS
from monitoring_dagster.store.monitor import Monitor

CONTRACT = "contract"
INVALID = "contract.invalid_share"  # signal: of the rows, those with a value that cannot be right
USABLE = "usable"  # metadata key: can the rows be counted at all?
QUIET = "quiet"  # metadata key: columns whose drift says nothing new
LEFT_OUT = "left_out"  # metadata key: columns that are not read
DEPLOYMENTS = "deployments"  # metadata key: what the rows say of the services behind them
QUIET_OF = "quiet_of"  # metadata key of the profile: columns that are quiet, by version
_COUNTED = AREAS["version"]  # the step that counts the nulls of each version


def quiet_columns(monitor: Monitor, day: date, version: str = "") -> frozenset[str]:
    """Columns whose breach was told already: their drift says nothing new; of all versions, and
    those of *version* alone."""
    notes = monitor.results.metadata(monitor.name, CONTRACT, day) or {}
    quiet = json.loads(notes.get(QUIET, "[]"))
    if version:
        counted = monitor.results.metadata(monitor.name, _COUNTED, day) or {}
        quiet += json.loads(counted.get(QUIET_OF, "{}")).get(version, [])
    return frozenset(quiet)


def noted_quiet(found: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Columns that are quiet, each after the version whose it is, as a note of the profile."""
    quiet: dict[str, list[str]] = {}
    for version, column in found:
        quiet.setdefault(version, []).append(column)
    return {QUIET_OF: json.dumps(quiet)} if quiet else {}


def columns_left_out(monitor: Monitor, day: date) -> frozenset[str]:
    """Columns of which the contract said that they cannot be read."""
    notes = monitor.results.metadata(monitor.name, CONTRACT, day) or {}
    return frozenset(json.loads(notes.get(LEFT_OUT, "[]")))


def is_usable(monitor: Monitor, day: date) -> bool:
    """Whether the day's rows can be counted; true where the contract was never inspected."""
    return (monitor.results.metadata(monitor.name, CONTRACT, day) or {}).get(USABLE, "1") == "1"


def noted_deployments(deployments: Sequence[Deployment]) -> dict[str, str]:
    """*deployments* as a note of the contract's result; nothing where the log has none."""
    return {DEPLOYMENTS: json.dumps([astuple(one) for one in deployments])} if deployments else {}


def deployments_on(monitor: Monitor, day: date) -> list[Deployment]:
    """What the rows of a day say of the services that answered them, the most rows first."""
    notes = monitor.results.metadata(monitor.name, CONTRACT, day) or {}
    return [Deployment(*one) for one in json.loads(notes.get(DEPLOYMENTS, "[]"))]


def main_feature_code(monitor: Monitor, day: date) -> str | None:
    """The feature code of most rows of a day that name one; None where none does."""
    rows: Counter[str] = Counter()
    for one in deployments_on(monitor, day):
        if one.feature_code is not None:
            rows[one.feature_code] += one.rows
    return next((code for code, _ in rows.most_common(1)), None)


def feature_code_between(monitor: Monitor, first: date, last: date) -> str | None:
    """The feature code that all rows from *first* to *last* name; None where it changed, or no row
    names one."""
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    found = {one.feature_code for day in days for one in deployments_on(monitor, day)} - {None}
    return found.pop() if len(found) == 1 else None
