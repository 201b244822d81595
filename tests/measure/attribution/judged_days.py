"""Judged days of a small model, and the signals of their attribution."""

import numpy as np

from monitoring_dagster.measure.attribution.attribution import attributed
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.quality.outcomes import Outcomes
from tests.tiny import after, counted, labelled

RULES = {"rules": {"performance": {"accuracy": {"absolute": 0.1}}}, "segments": ["country"]}
LAST = after(29)  # of thirty judged days
CHANGED_ON = after(25)


def rows(n, right):
    """*n* rows, a share of which is right."""
    hits = round(n * right)
    return Outcomes.of("binary", label=[1] * hits + [0] * (n - hits), prediction=[1] * n)


def lived(monitor, traffic):
    """Thirty days: *traffic* gives of a day the rows of each version and country, and how many of
    them are right."""
    for number in range(30):
        day = after(number)
        found = traffic(day)
        groups = {}
        for (version, country), (n, right) in found.items():
            for group in (Group(version), Group(version, "country", country)):
                part = rows(n, right)
                groups[day, group] = groups[day, group] + part if (day, group) in groups else part
        versions = {}
        for (version, _), (n, _) in found.items():
            versions[version] = versions.get(version, 0) + n
        counted(monitor, versions, day)
        labelled(monitor, groups, day)


def signals(monitor, day=LAST):
    return [*attributed(monitor, day, as_of=day).signals]


def one_of(found, name, **about):
    """The only signal of this name about that; of a whole where nothing else is said."""
    about = {"version": "", "segment": "", **about}
    (one,) = [
        one
        for one in found
        if one.name == f"attribution.{name}"
        and all(getattr(one, key) == value for key, value in about.items())
    ]
    return one


def wave(day, size=0.02):
    """Days differ."""
    return size * np.sin(day.toordinal() * 2.4)
