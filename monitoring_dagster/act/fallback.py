"""The fallback switch: kept in the ledger, announced, and shown in MLflow to the service."""

from datetime import datetime
from typing import Self

from monitoring_dagster.act.notify.alerts import announce
from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.store.ledger.decided.promotions import Fallback
from monitoring_dagster.store.monitor import Monitor


class SwitchedAlready(MonitoringError):
    """The fallback is as somebody wants it."""

    @classmethod
    def of(cls, model: str, now: Fallback | None) -> Self:
        other = "off" if now and now.on else "on"
        state = words_of(now) or "is off"
        return cls(
            f"fallback of {model!r} {state} already."
            f" To switch it: monitoring-dagster model fallback {model} {other}"
        )


def words_of(switch: Fallback | None) -> str:
    """How the switch stands, since when and by whom; empty where nobody ever touched it."""
    if switch is None:
        return ""
    return f"is {'on' if switch.on else 'off'} since {switch.at:%Y-%m-%d %H:%M} UTC by {switch.by}"


def switch_fallback(monitor: Monitor, *, on: bool, reason: str, by: str) -> str:
    """Turn the fallback on or off, and announce it; returns what was done in words.

    The ledger comes first: where MLflow does not answer, the retraining sensor, or the same call
    once more, makes up for it.

    Raises
    ------
    SwitchedAlready, RegistryUnavailable
    """
    before = monitor.ledger.fallback(monitor.name)
    if (before is not None and before.on) == on:
        if before is None or not (_announced(monitor, before, reason) | publish_switch(monitor)):
            raise SwitchedAlready.of(monitor.name, before)
        return f"fallback of {monitor.name} {words_of(before)}; the channel and MLflow know it now"
    now = monitor.house.now()
    monitor.ledger.set_fallback(monitor.name, on=on, by=by, now=now)
    _announced(monitor, Fallback(on, by, now), reason)
    publish_switch(monitor)
    return (
        f"fallback of {monitor.name} is {'on' if on else 'off'}; rows served so are counted, and"
        " not judged"
    )


def publish_switch(monitor: Monitor) -> bool:
    """Write the ledger's switch into MLflow where it says otherwise; whether that was so.

    A model that nobody registered has no place for it: whoever serves it asks nobody.
    Raises RegistryUnavailable.
    """
    switch = monitor.ledger.fallback(monitor.name)
    if switch is None:
        return False
    serving = monitor.registry.serving(monitor.spec.mlflow_name)
    if serving is None or serving.fallback == switch.on:
        return False
    monitor.registry.set_fallback(monitor.spec.mlflow_name, on=switch.on)
    return True


def _announced(monitor: Monitor, switch: Fallback, reason: str) -> bool:
    """Announce one turn of the switch, once; False if it was announced before."""
    at: datetime = switch.at
    return announce(
        monitor,
        FindingKind.RETRAINING,
        key=f"fallback/{switch.on}/{at.isoformat()}",
        day=at.date(),
        title=f"Fallback switched {'on' if switch.on else 'off'} by {switch.by}",
        words=(
            f"The service answers {'without the model' if switch.on else 'with the model again'}."
            f" Reason: {reason or 'none given'}"
        ),
        at=at,
    )
