"""Which drift is told to people?  One finding a column, the weightiest first, within a budget."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.incidents import is_told
from monitoring_dagster.decide.traffic import Traffic
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.stats.drift.drift_verdict import Broken, Verdict
from monitoring_dagster.stats.drift.importance import rank_correlation, shared_weight
from monitoring_dagster.store.days.champions import traffic_on
from monitoring_dagster.store.days.drifted import DRIFT, Record, drifted_records
from monitoring_dagster.store.days.profiles import service_of
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.version_reference import Reference, reference_of

_MOST = 0.5  # of the rows
_UNUSABLE = {
    Broken.MISSING: "null_share",
    Broken.NEW_CATEGORY: "unseen_share",
    Broken.INFINITE: "infinite_share",
}
_BUDGET_DAYS = 30
_NEW_DAYS = 7  # a version that served before them is not new
_MIN_CORRELATION = 0.5  # of the ranks of importances; a low one alone may be many weak features
_MIN_SHARED_WEIGHT = 0.5


def findings_of(monitor: Monitor, day: date) -> list[Finding]:
    """What the stored verdicts of *day* say, and which new version leans on other features."""
    table = monitor.results.read(monitor.name, DRIFT, day)
    records = drifted_records(table) if table is not None else []
    traffic = traffic_on(monitor, day) if records else Traffic(None, {})
    found = of_records(monitor.spec, day, records, traffic)
    return [*found, *_importance_shifts(monitor, day)]


def of_records(
    spec: ModelSpec, day: date, records: Sequence[Record], traffic: Traffic
) -> list[Finding]:
    """One finding a drifted column of a version; segments speak only where the whole is silent."""
    drifted: dict[tuple[str, str], list[Record]] = {}  # by column: a row a version
    for row in records:
        of_column = drifted.setdefault((row["role"], row["column"]), [])
        if row["verdict"] == Verdict.DRIFT and row["version"] not in {
            one["version"] for one in of_column
        }:
            of_column.append(row)
    found = [one for rows in drifted.values() for one in _of_column(spec, day, rows, traffic)]
    return sorted(found, key=lambda one: one.kind is FindingKind.FEATURE_DRIFT)


def _of_column(
    spec: ModelSpec, day: date, rows: Sequence[Record], traffic: Traffic
) -> Iterator[Finding]:
    """What drifted in one column: an input that all versions share is the champion's finding, and
    another version has one of its own where it is more urgent."""
    rows = sorted(rows, key=lambda row: row["version"] != traffic.champion)
    found = [_finding(spec, day, row, traffic) for row in rows]
    if not found or found[0].kind is FindingKind.PREDICTION_DRIFT:
        yield from found
        return
    first, *others = found
    alike = rows[0]["version"] == traffic.champion
    same = [
        row["version"]
        for row, one in zip(rows[1:], others, strict=True)
        if alike and one.severity >= first.severity
    ]
    likewise = f" (likewise version {', '.join(same)})" if same else ""
    yield replace(first, words=f"{first.words}{likewise}")
    yield from (
        one for row, one in zip(rows[1:], others, strict=True) if row["version"] not in same
    )


def _finding(spec: ModelSpec, day: date, row: Record, traffic: Traffic) -> Finding:
    rules, version = spec.rules.drift, row["version"]
    answer = row["role"] == "answer"
    where = f" where {row['segment']} is {row['value']}" if row["segment"] else ""
    against = f" against {row['baseline']}" if len(rules.baselines) > 1 else ""
    of_version = f" of version {version}"
    at_most = traffic.at_most(version)
    return Finding(
        model=spec.name,
        day=day,
        kind=FindingKind.PREDICTION_DRIFT if answer else FindingKind.FEATURE_DRIFT,
        subject=traffic.subject(row["column"], version),
        severity=max(severity_of(row, psi_alert=rules.psi_alert), at_most),
        words=f"{row['column']}{of_version}{where}{against}: {row['reason']}"
        f"{traffic.words(version)}",
        step=DRIFT,
        at_most=at_most,
    )


def severity_of(row: Record, *, psi_alert: float) -> Severity:
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


def _is_broken(row: Record) -> bool:
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


def _importance_shifts(monitor: Monitor, day: date) -> Iterator[Finding]:
    """A new version that leans on other features than the one before it."""
    earlier = service_of(monitor, day - timedelta(days=_NEW_DAYS)).get("versions", {})
    for version in service_of(monitor, day).get("versions", {}):
        reference = reference_of(monitor, version) if version not in earlier else None
        before = _predecessor(monitor, reference, earlier) if reference else None
        if reference is None or before is None:
            continue
        correlation = rank_correlation(before.importances, reference.importances)
        shared = shared_weight(before.importances, reference.importances)
        if correlation < _MIN_CORRELATION and shared < _MIN_SHARED_WEIGHT:
            yield Finding(
                model=monitor.name,
                day=day,
                kind=FindingKind.IMPORTANCE_SHIFT,
                subject=version,
                severity=Severity.P3,
                words=f"version {version} leans on other features than version {before.version}:"
                f" {shared:.0%} of the importance lies on the same ones (limit"
                f" {_MIN_SHARED_WEIGHT:.0%}), rank correlation {correlation:.2f} (limit"
                f" {_MIN_CORRELATION}); {_most_changed(before, reference)}",
                step=DRIFT,
            )


def _predecessor(
    monitor: Monitor, reference: Reference, served: Collection[str]
) -> Reference | None:
    known = [one for one in (reference_of(monitor, name) for name in served) if one is not None]
    return max(
        (one for one in known if int(one.version) < int(reference.version)),
        key=lambda one: int(one.version),
        default=None,
    )


def _most_changed(before: Reference, now: Reference) -> str:
    places = [
        {name: place for place, name in enumerate(sorted(of, key=lambda n: -of[n]), start=1)}
        for of in (before.importances, now.importances)
    ]
    common = places[0].keys() & places[1].keys()
    name = max(common, key=lambda one: (abs(places[0][one] - places[1][one]), one))
    return f"{name} went from place {places[0][name]} to {places[1][name]}"
