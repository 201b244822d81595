"""Which version serves: forward, back, and in step with what MLflow says."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Self

from monitoring_dagster.act.notify.alerts import announce
from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.measure.breaches import shown
from monitoring_dagster.store.days.step_findings import VERDICT
from monitoring_dagster.store.days.usable_rows import main_feature_code
from monitoring_dagster.store.ledger.decided.promotions import (
    PairedResult,
    PromotedMeanwhile,
    Promotion,
)
from monitoring_dagster.store.models.environment import is_same_code
from monitoring_dagster.store.monitor import Monitor


class NothingToRollBack(MonitoringError):
    """No version served before the champion, or it is gone."""

    @classmethod
    def of(cls, model: str) -> Self:
        return cls(
            f"no version of {model!r} served before the present one:"
            f" monitoring-dagster model retrain {model}, or promote another one"
        )

    @classmethod
    def deleted(cls, model: str, version: str, *, earlier: str | None) -> Self:
        way_out = (
            f'monitoring-dagster model promote {model} {earlier} --reason "WHY" brings back the'
            " version before it"
            if earlier
            else f"monitoring-dagster model retrain {model}, or promote another one"
        )
        return cls(
            f"version {version} of {model!r}, which served before the present one, is no longer"
            f" registered in MLflow: {way_out}"
        )


class OtherFeatureCode(MonitoringError):
    """A version to go back to whose features another code would compute."""

    @classmethod
    def of(cls, model: str, version: str, *, own: str, logged: str, day: date) -> Self:
        return cls(
            f"version {version} of {model!r} was trained on features of code {shown(own)}, and"
            f" those of {day} come from {shown(logged)}: roll the feature pipeline back first, or"
            " go back without it by --force"
        )


class ServesAlready(MonitoringError):
    """The version that somebody promotes is the champion."""

    @classmethod
    def of(cls, model: str, version: str, *, others: Sequence[str]) -> Self:
        way_out = f"promote another one of {', '.join(others)}" if others else "it has no other"
        return cls(f"version {version} of {model!r} is the champion already: {way_out}")


PAIRED = "paired"  # tag of a version: what its comparison with the champion found


def promote(
    monitor: Monitor,
    version: str,
    *,
    previous: str | None,
    reason: str,
    by: str,
    at: datetime,
    paired: PairedResult | None = None,
) -> None:
    """Make *version* the champion: first in MLflow, which the service asks, then in the ledger.

    A crash between the two leaves a champion that the ledger does not know yet, as a person does
    who moves the alias by hand: `adopt_champion` writes either down.

    Raises
    ------
    PromotedMeanwhile
        Neither *previous* nor *version* serves any more, but another one.
    """
    _move_alias(monitor, version, previous)
    monitor.ledger.record_promotion(
        Promotion(monitor.name, version, previous, reason, by, at, paired)
    )


def adopt_champion(monitor: Monitor, *, at: datetime) -> None:
    """Write a champion down that MLflow knows and the ledger does not, and announce the change;
    the first champion of a model is no change."""
    champion = monitor.registry.champion(monitor.spec.mlflow_name)
    promotions = monitor.ledger.promotions(monitor.name)
    previous = promotions[-1].version if promotions else None
    if champion is None or champion == previous:
        return
    reason = "the alias champion was moved in MLflow"
    change = Promotion(monitor.name, champion, previous, reason, "MLflow", at)
    if previous is not None:
        _announce(monitor, change, title=f"v{champion} promoted in MLflow")
    monitor.ledger.record_promotion(change)


def promote_by_hand(monitor: Monitor, version: str, *, reason: str, by: str) -> str:
    """Make *version* the champion because a person says so, and announce it; returns it in words.

    Raises
    ------
    UnknownVersion, UnknownReference, ServesAlready, PromotedMeanwhile
    """
    now = monitor.house.now()
    adopt_champion(monitor, at=now)
    previous = _champion(monitor)
    versions = monitor.registry.versions(monitor.spec.mlflow_name)
    if version in versions and version == monitor.registry.champion(monitor.spec.mlflow_name):
        others = [one for one in versions if one != version]
        raise ServesAlready.of(monitor.name, version, others=others)
    tags = _refuse_unusable(monitor, version)
    change = Promotion(
        monitor.name, version, previous, reason, by, now, _compared_before(tags, previous)
    )
    _change(monitor, change, title=f"v{version} promoted by {by}")
    return f"version {version} of {monitor.name} serves from now on"


def roll_back(monitor: Monitor, *, reason: str, by: str, force: bool = False) -> str:
    """Promote the champion's predecessor, and announce it; returns what was done in words.

    Parameters
    ----------
    force
        Go back though the features of the newest day come from another code than its own.

    Raises
    ------
    NothingToRollBack, UnknownReference, OtherFeatureCode, PromotedMeanwhile
    """
    now = monitor.house.now()
    adopt_champion(monitor, at=now)
    *before, bad = _line(monitor) or [""]
    if not before:
        raise NothingToRollBack.of(monitor.name)
    good, versions = before[-1], monitor.registry.versions(monitor.spec.mlflow_name)
    if good not in versions:
        earlier = next((one for one in reversed(before) if one in versions and one != bad), None)
        raise NothingToRollBack.deleted(monitor.name, good, earlier=earlier)
    _refuse_unusable(monitor, good)
    if not force:
        _refuse_other_features(monitor, good)
    change = Promotion(monitor.name, good, bad, reason, by, now)
    _change(monitor, change, title=f"Rolled back to v{good} by {by}")
    return f"version {good} serves again in place of version {bad}: {reason}"


def predecessor(monitor: Monitor) -> str | None:
    """The version that rolling back brings back: doing so twice goes back twice."""
    return next(iter(_line(monitor)[-2:-1]), None)


def _line(monitor: Monitor) -> list[str]:
    """The champion, last, after those that it goes back to: who returns to the one before ends
    what came between, whoever promotes another one adds to the line."""
    line: list[str] = []
    for one in monitor.ledger.promotions(monitor.name):
        if not line and one.previous is not None:
            line.append(one.previous)
        if one.version in line[-2:-1]:
            line.pop()
        else:
            line.append(one.version)
    return line


def _champion(monitor: Monitor) -> str | None:
    """The champion by the ledger, which remembers one that was deleted from MLflow."""
    return next(iter(_line(monitor)[-1:]), None)


def _refuse_unusable(monitor: Monitor, version: str) -> Mapping[str, str]:
    """Before anything moves: what the comparison with it, and the message about it, will read.
    Returns its tags."""
    monitor.registry.reference(monitor.spec.mlflow_name, version)
    return monitor.registry.describe(monitor.spec.mlflow_name, version).tags


def _compared_before(tags: Mapping[str, str], previous: str | None) -> PairedResult | None:
    """What the gate found of a version, where it held it against the one that it now replaces."""
    paired = PairedResult.from_dict(json.loads(tags.get(PAIRED, "null")))
    return paired if paired is not None and paired.compared_with == previous else None


def _refuse_other_features(monitor: Monitor, version: str) -> None:
    """A model is as good as its features: the newest judged day says whose they are by now."""
    own = monitor.registry.describe(monitor.spec.mlflow_name, version).feature_code
    day = max(monitor.results.days(monitor.name, VERDICT), default=None)
    logged = main_feature_code(monitor, day) if day is not None else None
    if day is not None and own and logged and not is_same_code(own, logged):
        raise OtherFeatureCode.of(monitor.name, version, own=own, logged=logged, day=day)


def _move_alias(monitor: Monitor, version: str, previous: str | None) -> None:
    serving = monitor.registry.champion(monitor.spec.mlflow_name)
    if serving not in (None, previous, version):  # none: the champion was deleted from MLflow
        raise PromotedMeanwhile.of(monitor.name, expected=previous, found=str(serving))
    monitor.registry.set_champion(monitor.spec.mlflow_name, version)


def _change(monitor: Monitor, change: Promotion, *, title: str) -> None:
    """Do, announce and write down what a person decided: after a crash between two of these
    `adopt_champion` does what is left, under the same key."""
    _move_alias(monitor, change.version, change.previous)
    _announce(monitor, change, title=title)
    monitor.ledger.record_promotion(change)


def _announce(monitor: Monitor, change: Promotion, *, title: str) -> None:
    instead = f" in place of v{change.previous}" if change.previous else ""
    number = len(monitor.ledger.promotions(monitor.name))
    announce(
        monitor,
        FindingKind.RETRAINING,
        key=f"champion/{number}/{change.previous}/{change.version}",
        day=change.at.date(),
        title=title,
        words=f"Champion is v{change.version}{instead}. Reason: {change.reason}",
        at=change.at,
        version=change.version,
    )
