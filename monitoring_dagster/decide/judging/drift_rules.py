"""Rules on drift: one finding a column, the weightiest first, within a budget."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.incidents import is_told
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.stats.drift.drift_verdict import Broken

# 1 where a column drifted, 0 where not, NaN where it could not be judged
OF_ANSWERS, OF_FEATURES = "drift.prediction_drift", "drift.feature_drift"
_KINDS = {OF_ANSWERS: FindingKind.PREDICTION_DRIFT, OF_FEATURES: FindingKind.FEATURE_DRIFT}
_MOST = 0.5  # of the rows
_UNUSABLE = {
    Broken.MISSING: "null_share",
    Broken.NEW_CATEGORY: "unseen_share",
    Broken.INFINITE: "infinite_share",
}
_BUDGET_DAYS = 30


def drifted(signals: Sequence[Signal]) -> list[Signal]:
    """Of *signals* those that say that a column drifted, in their order."""
    return [one for one in signals if one.name in _KINDS and one.value > 0]


def drift_findings(
    spec: ModelSpec, day: date, signals: Sequence[Signal], traffic: Traffic
) -> list[Finding]:
    """One finding a drifted column of a version; segments speak only where the whole is silent."""
    of_columns: dict[tuple[str, str], list[Signal]] = {}  # a signal a version
    for one in drifted(signals):
        of_column = of_columns.setdefault((one.name, one.subject), [])
        if one.version not in {other.version for other in of_column}:
            of_column.append(one)
    found = [one for some in of_columns.values() for one in _of_column(spec, day, some, traffic)]
    return sorted(found, key=lambda one: one.kind is FindingKind.FEATURE_DRIFT)


def _of_column(
    spec: ModelSpec, day: date, signals: Sequence[Signal], traffic: Traffic
) -> Iterator[Finding]:
    """What drifted in one column: an input that all versions share is the champion's finding, and
    another version has one of its own where it is more urgent."""
    signals = sorted(signals, key=lambda one: one.version != traffic.champion)
    found = [_finding(spec, day, one, traffic) for one in signals]
    if not found or found[0].kind is FindingKind.PREDICTION_DRIFT:
        yield from found
        return
    first, *others = found
    alike = signals[0].version == traffic.champion
    same = [
        signal.version
        for signal, one in zip(signals[1:], others, strict=True)
        if alike and one.severity >= first.severity
    ]
    likewise = f" (likewise version {', '.join(same)})" if same else ""
    yield replace(first, words=f"{first.words}{likewise}")
    yield from (
        one for signal, one in zip(signals[1:], others, strict=True) if signal.version not in same
    )


def _finding(spec: ModelSpec, day: date, signal: Signal, traffic: Traffic) -> Finding:
    version, kind = signal.version, _KINDS[signal.name]
    where = f" where {signal.segment} is {signal.segment_value}" if signal.segment else ""
    against = f" against {signal.baseline_name}" if len(spec.rules.drift.baselines) > 1 else ""
    at_most = traffic.at_most(version)
    return Finding(
        model=spec.name,
        day=day,
        kind=kind,
        subject=traffic.subject(signal.subject, version),
        severity=max(Severity(signal.severity), at_most),
        words=f"{signal.subject} of version {version}{where}{against}: {signal.reason}"
        f"{traffic.words(version)}",
        step=RULES[kind].asset,
        at_most=at_most,
    )


def severity_of(row: Mapping[str, Any], *, psi_alert: float) -> Severity:
    """How soon somebody should look at a drifted column, from its stored record.

    A column without a usable value in most rows is a broken input. What moved far is louder than
    what moved little, answers are louder than features, and segments are never loud.
    """
    answer, whole = row["role"] == "answer", not row["segment"]
    if whole and _is_broken(row):
        return Severity.P1
    loud = whole and row["psi"] is not None and row["psi"] > psi_alert
    if answer:
        return Severity.P1 if loud else Severity.P2
    return Severity.P2 if loud else Severity.P3


def _is_broken(row: Mapping[str, Any]) -> bool:
    """Whether half of the rows or more have no usable value now, which are twice as many as in the
    reference, or cost half of the usable values that there were."""
    found = [_UNUSABLE[kind] for kind in row.get("broken") or () if kind in _UNUSABLE]
    before, now = (
        sum(row[f"{share}_{side}"] for share in found) for side in ("reference", "current")
    )
    return bool(found) and now >= _MOST and (now >= 2 * before or now - before >= (1 - before) / 2)


def within_budget(
    spec: ModelSpec, day: date, found: Sequence[Finding], before: Callable[[date], list[Finding]]
) -> list[Finding]:
    """Features that drift anew, beyond the budget of the last 30 days, are recorded and not told.

    What is told already goes on being told, and answers and broken inputs always are: only other
    news costs. *before* says what was found on an earlier day.
    """
    if not any(_costs(one) for one in found):
        return list(found)  # most days: nothing to look back for
    budget = spec.rules.drift.max_alerts_in_30_days
    told = [_told(before(day - timedelta(days=n))) for n in range(_BUDGET_DAYS, 0, -1)]
    left = budget - sum(
        sum(costs and name not in earlier for name, costs in now.items())
        for earlier, now in zip([{}, *told], told, strict=False)
    )
    result = []
    for one in found:
        if _costs(one) and one.subject not in told[-1]:
            left -= 1
            if left < 0:
                words = f"{one.words} (recorded only: {budget} features were told in 30 days)"
                one = replace(one, severity=Severity.P3, at_most=Severity.P3, words=words)
        result.append(one)
    return result


def _told(found: Sequence[Finding]) -> dict[str, bool]:
    """The features whose drift was told on a day, and whether that counts for the budget."""
    return {
        one.subject: _costs(one)
        for one in found
        if one.kind is FindingKind.FEATURE_DRIFT and is_told(one.severity)
    }


def _costs(finding: Finding) -> bool:
    is_feature = finding.kind is FindingKind.FEATURE_DRIFT
    return is_feature and is_told(finding.severity) and finding.severity is not Severity.P1
