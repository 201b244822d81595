"""Breached days: on which a metric was worse than tolerated, or is expected to be."""

from collections.abc import Sequence
from datetime import date

from monitoring_dagster.decide.judging.tolerance import worse_than_tolerated
from monitoring_dagster.decide.judging.traffic import FEWEST_ROWS
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.spec.model import ModelSpec

Breaches = dict[date, dict[str, dict[str, str]]]  # day: version: metric: in words


def breaches_of(spec: ModelSpec, known: Sequence[Signal]) -> Breaches:
    """Metrics that labels show to be worse than tolerated with 95 % certainty, in words, by day and
    version.

    A version that is fine has an empty entry, one without a verdict has none. Each is judged
    against its own registration; a day counts as worse only where the whole interval lies beyond
    the tolerance. ``bias`` is judged by its size.
    """
    found: Breaches = {}
    for one in known:
        if not one.segment:
            found.setdefault(one.day, {}).setdefault(one.version, {})
    for worse in worse_than_tolerated(spec, known):
        of_version = found[worse.signal.day][worse.signal.version]
        of_version[worse.metric] = worse.said("was", "labels")
    return found


def expected_breaches(spec: ModelSpec, estimates: Sequence[Signal]) -> Breaches:
    """The same of what is expected: of versions side by side one with few rows is not judged."""
    rows: dict[date, dict[str, int]] = {}
    for one in estimates:
        if not one.segment:
            of_day = rows.setdefault(one.day, {})
            of_day[one.version] = max(of_day.get(one.version, 0), one.n)
    found: Breaches = {
        day: {version: {} for version, n in of.items() if len(of) == 1 or n >= FEWEST_ROWS}
        for day, of in rows.items()
    }
    for worse in worse_than_tolerated(spec, estimates):
        of_version = found[worse.signal.day].get(worse.signal.version)
        if of_version is not None:
            of_version[worse.metric] = worse.said("is expected to be", "predictions")
    return found
