"""What is wrong with the model's quality, as known at the end of a day?"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.measure.estimates import estimate
from monitoring_dagster.measure.estimates.track_record import track_record
from monitoring_dagster.measure.quality.arrivals import labelled_by
from monitoring_dagster.measure.quality.known_quality import (
    EVALUATION,
    Evaluation,
    breaches,
    evaluate,
    judgeable,
)
from monitoring_dagster.measure.quality.model_metrics import (
    at_level,
    higher_is_better,
    metrics_of,
    room_of,
    spread_of,
)
from monitoring_dagster.sources.labels.labels import labels_of
from monitoring_dagster.spec.kinds import FindingKind, Severity
from monitoring_dagster.stats.columns.profile import Group
from monitoring_dagster.stats.estimation.estimate_record import Trust
from monitoring_dagster.stats.quality.miscalibration import CalibrationDrift, miscalibrated
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.reliability import RightByScore
from monitoring_dagster.stats.quality.segment_drop import (
    SegmentDrop,
    SegmentMetric,
    SegmentVerdict,
    segment_drops,
)
from monitoring_dagster.store.days.champions import Traffic, traffic_on
from monitoring_dagster.store.days.estimated import ESTIMATE, estimates_of
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.version_reference import Reference, reference_of

_ALPHA = 0.01  # of one look, as there is one every day
_LOOK_BACK_DAYS = 7  # how far behind the newest maturing day an evaluated day may lie
_OF_LABELS = (
    FindingKind.PERFORMANCE_DROP,
    FindingKind.SEGMENT_DROP,
    FindingKind.MISCALIBRATION,
)
_MIN_GAP = 0.02  # in probability, between score and share of ones


def recent_evaluations(monitor: Monitor, day: date) -> list[Evaluation]:
    """The newest prediction days with a verdict on quality, as known on *day*, newest first: as
    many as any rule looks at, of each version that serves."""
    found: list[Evaluation] = []
    if monitor.spec.labels is None:
        return found
    wanted = _most_days(monitor)
    looked_at = monitor.spec.labels.mature_after_days + _LOOK_BACK_DAYS
    labelled = labelled_by(monitor, day, days=looked_at)
    share = labels_of(monitor.spec).min_coverage
    judged: dict[str, int] = {}  # days of each version that serves
    for lag in range(looked_at):
        if len(found) >= wanted and min(judged.values(), default=wanted) >= wanted:
            break
        served = day - timedelta(days=lag)
        rows = judgeable(monitor, served)
        judged = judged or dict.fromkeys(rows, 0)
        if len(found) >= wanted:  # of the others enough is known
            rows = {one: n for one, n in rows.items() if judged.get(one, wanted) < wanted}
        if not rows or labelled.get(str(served), 0) < max(min(rows.values()) * share, 1):
            continue  # too few for a verdict: most days that are still young
        evaluation = evaluate(monitor, served, as_of=day)
        new = [one for one in rows if evaluation.judges(one)]
        if new:
            found.append(evaluation)
        for version in judged.keys() & new:
            judged[version] += 1
    return found


def recent_breaches(monitor: Monitor, day: date) -> dict[date, dict[str, dict[str, str]]]:
    """What was worse than tolerated on each of `recent_evaluations`, by version and metric."""
    return {one.day: breaches(monitor, one) for one in recent_evaluations(monitor, day)}


def newest_quality(monitor: Monitor, day: date) -> dict[str, float]:
    """The judged metrics of each version's newest evaluated day, as known on *day*."""
    found: dict[str, float] = {}
    for one in recent_evaluations(monitor, day):
        for group, metrics in one.metrics.items():
            if group.segment or not one.judges(group.version):
                continue
            for name in monitor.spec.tolerances:
                if name in metrics:
                    found.setdefault(f"{name}, version {group.version}", metrics[name].value)
    return found


@dataclass(frozen=True, slots=True)
class _Recent:
    """One version's newest days with a verdict of its own, newest first."""

    monitor: Monitor
    day: date  # on which they are known
    traffic: Traffic
    version: str
    days: Sequence[Evaluation]
    of_champion: Collection[str] | None = None  # what fell there; None without a verdict on it

    def finding(
        self,
        kind: FindingKind,
        what: str,
        words: str,
        *,
        by_version: bool,
        about: date | None = None,
        at_most: Severity = Severity.P0,
    ) -> Finding:
        """A finding about this version, as *about* shows it; *by_version* where *what* names it.

        No more urgent than *at_most*, nor than the version's part in the traffic.
        """
        at_most = max(at_most, self.traffic.at_most(self.version))
        return Finding(
            self.monitor.name,
            self.day,
            kind,
            what if by_version else self.traffic.subject(what, self.version),
            max(RULES[kind].severity, at_most),
            f"{words}{self.traffic.words(self.version)}",
            ESTIMATE if kind is FindingKind.EXPECTED_DROP else EVALUATION,
            about,
            at_most,
        )

    def within(self, kind: FindingKind) -> Sequence[Evaluation]:
        """The days that the rule *kind* looks at."""
        return self.days[: self.monitor.spec.rules.window(kind).of_days]

    def pooled(self, kind: FindingKind) -> dict[Group, Outcomes]:
        """The version's outcomes of the days of the rule *kind*, together, by group."""
        found: dict[Group, Outcomes] = {}
        for evaluation in self.within(kind):
            for group, one in evaluation.outcomes.items():
                if group.version == self.version:
                    found[group] = found[group] + one if group in found else one
        return found


def of_labels(monitor: Monitor, day: date, recent: Sequence[Evaluation]) -> list[Finding]:
    """What labels say is wrong with the *recent* evaluated days, each version judged by itself."""
    if not recent:
        return []
    traffic, worse = traffic_on(monitor, day), {one.day: breaches(monitor, one) for one in recent}
    of_days = _most_days(monitor)
    found: list[Finding] = []
    of_champion: Collection[str] | None = None
    versions = {version for said in worse.values() for version in said}
    for version in sorted(versions, key=lambda one: (one != traffic.champion, one)):
        # Of a version that serves no more only what is newest, so that it is over one day.
        looked_at = recent if version in traffic.shares else recent[:of_days]
        days = [one for one in looked_at if version in worse[one.day]][:of_days]
        of_version = _Recent(monitor, day, traffic, version, days, of_champion)
        said = {one.day: worse[one.day][version] for one in days}
        fallen = dict(_performance(of_version, said))
        if version == traffic.champion:
            of_champion = fallen.keys()
        found += [*fallen.values(), *_in_parts(of_version, said, without=fallen.keys())]
    return found


def _most_days(monitor: Monitor) -> int:
    """The longest window of the rules on labels."""
    return max(monitor.spec.rules.window(kind).of_days for kind in _OF_LABELS)


def _performance(
    recent: _Recent, worse: Mapping[date, Mapping[str, str]]
) -> Iterator[tuple[str, Finding]]:
    """A metric is told when it was worse than tolerated on several of the last evaluated days."""
    kind = FindingKind.PERFORMANCE_DROP
    needed = recent.monitor.spec.rules.window(kind).breaches
    looked_at = recent.within(kind)
    for metric in recent.monitor.spec.tolerances:
        days = [one.day for one in looked_at if metric in worse[one.day]]
        if len(days) >= needed:
            newest = max(days)
            words = (
                f"{worse[newest][metric]} (on {newest}; {len(days)} of the last {len(looked_at)}"
                f" evaluated days were as bad){_foreseen(recent, days, metric)}"
            )
            yield (
                metric,
                recent.finding(kind, metric, words, by_version=False, about=newest),
            )


def _foreseen(recent: _Recent, days: Sequence[date], metric: str) -> str:
    """Did the inputs let expect it?  Where they did not, the relation itself has changed."""
    monitor, version = recent.monitor, recent.version
    estimated = [day for day in days if _estimated(monitor, day, version, metric)]
    if not estimated:
        return ""
    foreseen = [
        day
        for day in estimated
        if metric in estimate.worse_than_promised(monitor, day).get(version, {})
    ]
    if 2 * len(foreseen) >= len(estimated):
        return "; expected from the inputs: harder cases"
    if recent.of_champion is not None and metric not in recent.of_champion:
        champion = recent.traffic.champion
        return (
            f"; not explained by the inputs, and version {champion} is within tolerance:"
            f" likely a fault of version {version}"
        )
    return "; not explained by the inputs: likely concept drift, or changed labels"


def _estimated(monitor: Monitor, day: date, version: str, metric: str) -> bool:
    return metric in estimates_of(monitor, day).get(Group(version), {})


def of_estimates(monitor: Monitor, day: date) -> Iterator[Finding]:
    """A metric of a version that is expected to be worse than tolerated on several of the last
    days."""
    needed, of_days = monitor.spec.rules.window(FindingKind.EXPECTED_DROP)
    today = estimate.worse_than_promised(monitor, day)
    if not any(today.values()):
        return
    earlier = [day - timedelta(days=n) for n in range(1, of_days)]
    worse = [today, *(estimate.worse_than_promised(monitor, one) for one in earlier)]
    traffic = traffic_on(monitor, day)
    for version, expected in today.items():
        of_version = _Recent(monitor, day, traffic, version, ())
        for metric, words in expected.items():
            count = sum(metric in said.get(version, {}) for said in worse)
            if count < needed:
                continue
            at_most, trust = Severity.P0, ""
            if monitor.spec.labels is not None:
                record = track_record(monitor, metric, as_of=day)
                at_most = Severity.P3 if record.trust is Trust.LOW else at_most
                trust = f"; {record.words}"
            words = f"{words} ({count} of the last {of_days} days){trust}"
            kind = FindingKind.EXPECTED_DROP
            yield of_version.finding(kind, metric, words, by_version=False, at_most=at_most)


def _in_parts(
    recent: _Recent, worse: Mapping[date, Mapping[str, str]], *, without: Collection[str]
) -> Iterator[Finding]:
    """Segments and calibration, over the recent days together."""
    reference = reference_of(recent.monitor, recent.version)
    if reference is None or not reference.outcomes:
        return
    yield from _segments(recent, reference, without=without)
    days = recent.within(FindingKind.MISCALIBRATION)
    if not any(worse[one.day] for one in days):  # else that is the problem, and one is told
        yield from _calibration(recent, reference)


def _segments(
    recent: _Recent, reference: Reference, *, without: Collection[str]
) -> Iterator[Finding]:
    """Told where all days together show it, and several of them each by itself."""
    kind, spec = FindingKind.SEGMENT_DROP, recent.monitor.spec
    spread = spread_of(recent.monitor, recent.version)
    of_metric: dict[str, list[SegmentMetric]] = {}
    for group, one in recent.pooled(kind).items():
        if not group.segment:
            continue
        before = reference.outcomes.get(group)
        now = metrics_of(spec, one)
        usual = metrics_of(spec, before) if before is not None else {}
        for name, tolerance in spec.tolerances_where(group.segment, group.value).items():
            if name in now and name not in without:
                promise, room = None, 0.0
                if name in usual:
                    promise = at_level(spec, reference, name, usual[name])
                    room = room_of(tolerance, name, promise.value, spread=spread)
                of_metric.setdefault(name, []).append(
                    SegmentMetric(group.segment, group.value, now[name], promise, room)
                )
    for name, segments in of_metric.items():
        own = spec.definition(name)
        better = None if own is None else own.better
        for drop in segment_drops(segments, metric=name, better=better, alpha=_ALPHA):
            if drop.verdict is SegmentVerdict.WORSE and _lasts(recent, drop, name):
                words = f"version {recent.version}: {drop.words}"
                yield recent.finding(
                    kind,
                    f"{name} where {drop.of.segment} is {drop.of.value}",
                    words,
                    by_version=False,
                    about=recent.days[0].day,
                )


def _lasts(recent: _Recent, drop: SegmentDrop, name: str) -> bool:
    """Whether several days by themselves were as bad: one storm over one airport is no drop."""
    kind = FindingKind.SEGMENT_DROP
    group = Group(recent.version, drop.of.segment, drop.of.value)
    assert drop.of.before is not None, "without a baseline there is no verdict"
    before = drop.of.before.value
    days = [one for one in recent.within(kind) if group in one.metrics]
    values = [one.metrics[group][name].value for one in days]
    if name == "bias":
        losses = [abs(value) - abs(before) for value in values]
    elif higher_is_better(recent.monitor.spec, name):
        losses = [before - value for value in values]
    else:
        losses = [value - before for value in values]
    needed = recent.monitor.spec.rules.window(kind).breaches
    return sum(loss > drop.of.tolerance for loss in losses) >= min(needed, len(days))


def _calibration(recent: _Recent, reference: Reference) -> Iterator[Finding]:
    """Told where all days together show it, and several of them each by itself."""
    kind, whole = FindingKind.MISCALIBRATION, Group(recent.version)
    before, pooled = reference.outcomes.get(whole), recent.pooled(kind)
    if before is None or not before.scores or whole not in pooled:
        return
    usual = RightByScore.from_outcomes(before)

    def drift(outcomes: Outcomes) -> CalibrationDrift:
        now = RightByScore.from_outcomes(outcomes)
        return miscalibrated(now, usual, min_effect=_MIN_GAP, alpha=_ALPHA)

    found = drift(pooled[whole])
    if not found.alarm:
        return
    needed = recent.monitor.spec.rules.window(kind).breaches
    days = [one for one in recent.within(kind) if whole in one.outcomes]
    shown = [one for one in days if drift(one.outcomes[whole]).effect >= _MIN_GAP]
    if len(shown) >= min(needed, len(days)):
        words = f"version {recent.version}: {found.words}"
        yield recent.finding(kind, recent.version, words, by_version=True, about=recent.days[0].day)
