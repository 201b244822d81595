"""Alerts as numbers: how many messages a week, and how many of the incidents somebody acted on."""

from collections.abc import Iterator
from datetime import date, timedelta
from math import nan

from monitoring_dagster.decide.people.alert_reviews import Done, ended_between, precision
from monitoring_dagster.decide.retraining_policy import RETRAIN
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.store.ledger.ledger import Ledger
from monitoring_dagster.store.monitor import Monitor

_WEEK, _QUARTER = timedelta(days=7), timedelta(days=90)


def alert_signals(monitor: Monitor, day: date) -> Iterator[Signal]:
    """``alerts.messages`` of the seven days before the verdict on *day*, and ``alerts.precision``:
    the share of the incidents that ended in the 90 days to *day* and that somebody acted on, NaN
    where none has ended."""
    ledger, now = monitor.ledger, monitor.judged_at(day)
    messages = ledger.deliveries.messages(now - _WEEK, now, model=monitor.name)
    yield Signal.on(day, "alerts.messages", messages, n=messages)
    told = [one for one in ledger.incidents(monitor.name) if one.told is not None]
    first = day - _QUARTER
    ended = ended_between(told, first, day)
    done = done_about(ledger, monitor.name) if ended else Done()
    value = precision(told, done, first=first, last=day)
    yield Signal.on(day, "alerts.precision", nan if value is None else value, n=len(ended))


def done_about(ledger: Ledger, model: str) -> Done:
    """All that was ever done about a model."""
    return Done(
        handlings=ledger.handlings.of_model(model),
        retrainings={one.day for one in ledger.decisions(model) if one.outcome == RETRAIN},
        promotions=[one.at for one in ledger.promotions(model) if one.previous is not None],
    )
