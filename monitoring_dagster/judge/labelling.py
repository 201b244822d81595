"""Do labels come as they used to: as soon, from the same hands, and saying the same?"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.kinds import Severity
from monitoring_dagster.measure.quality.arrivals import triangle_on
from monitoring_dagster.stats.labels.label_process import LabelAspect, LabelDays, label_process
from monitoring_dagster.stats.labels.late_labels import slower
from monitoring_dagster.store.days.known_labels import COUNTED, EXPECTED, ONES, account_of
from monitoring_dagster.store.monitor import Monitor

_ALPHA = 0.01  # of one look, as there is one every day
_MIN_CHANGE = 0.05  # of a share: the world sways, too
_NOW_DAYS, _BEFORE_DAYS = 7, 28  # of arrival; whole weeks, as few people label at weekends


def labelling_signals(monitor: Monitor, day: date) -> Iterator[Signal]:
    """Labels that come later than they used to, or say something else, as known on *day*."""
    delay = slower(*triangle_on(monitor, day), alpha=_ALPHA)
    if delay is not None:
        yield Signal.stating(day, "label_feed.label_delay", "delay", delay.words)
    now = _labels(monitor, day, _NOW_DAYS)
    before = _labels(monitor, day - timedelta(days=_NOW_DAYS), _BEFORE_DAYS)
    if now is None or before is None:
        return
    for one in label_process(before, now, min_effect=_MIN_CHANGE, alpha=_ALPHA):
        if one.alarm:
            # A base rate may be the world's: then quality speaks, and one problem is told once.
            severity = Severity.P3 if one.aspect is LabelAspect.BASE_RATE else Severity.P2
            yield Signal.stating(
                day,
                "label_feed.label_process",
                str(one.aspect),
                one.words,
                severity=severity,
            )


def _labels(monitor: Monitor, last: date, days: int) -> LabelDays | None:
    """What binary labels said on the arrival days up to *last*; None where not all were judged."""
    accounts = [account_of(monitor, last - timedelta(days=n)) for n in range(days)]
    if not all(COUNTED in one for one in accounts):
        return None
    names = sorted({name for one in accounts for name in one.get("annotators", {})})
    has_scores = all(EXPECTED in one for one in accounts)
    return LabelDays.of(
        rows=_series(accounts, COUNTED),
        ones=[max(sum(one[ONES].values()), 0) for one in accounts],
        expected=_series(accounts, EXPECTED) if has_scores else None,
        ambiguous=_series(accounts, "ambiguous"),
        annotators={
            name: [one.get("annotators", {}).get(name, 0) for one in accounts] for name in names
        },
    )


def _series(accounts: Sequence[dict[str, Any]], name: str) -> list[float]:
    """Corrections may take more away than came: such a day says nothing."""
    return [max(one.get(name, 0), 0) for one in accounts]
