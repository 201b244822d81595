"""Quality of the newest evaluated days, as known at the end of a day: what rules on labels read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from monitoring_dagster.decide.judging.quality.calibration_rule import (
    ALPHA,
    CALIBRATION_GAP,
    MIN_GAP,
)
from monitoring_dagster.decide.judging.quality.floor_rule import floor_days
from monitoring_dagster.decide.judging.quality.quality_rules import most_days
from monitoring_dagster.decide.judging.quality.version_days import POOLED_SKILL, SKILL
from monitoring_dagster.decide.signal import Signal, readable
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.measure.quality.arrivals import labelled_by
from monitoring_dagster.measure.quality.known_quality import Evaluation, evaluate, judgeable
from monitoring_dagster.measure.quality.model_metrics import metrics_of
from monitoring_dagster.measure.quality.promises import at_level, spread_of
from monitoring_dagster.measure.quality.quality_signals import quality_signals
from monitoring_dagster.spec.model import labels_of
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.quality.miscalibration import miscalibrated
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.reliability import RightByScore
from monitoring_dagster.stats.quality.skill import skill_of
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.reference import Reference
from monitoring_dagster.store.references.version_reference import reference_of

_LOOK_BACK_DAYS = 7  # how far behind the newest maturing day an evaluated day may lie


def quality_as_known(monitor: Monitor, day: date) -> list[Signal]:
    """Signals of quality of the newest prediction days with a verdict, as known on *day*, and of
    the days that a rule looks at together: of each version and segment."""
    recent = _recent_evaluations(monitor, day)
    found: list[Signal] = []
    for one in recent:
        judged = {
            group: metrics for group, metrics in one.metrics.items() if one.judges(group.version)
        }
        found += quality_signals(monitor, judged, area="quality", day=one.day, known_on=day)
    versions = {version for one in recent for version in one.versions if one.judges(version)}
    for version in sorted(versions):
        days = [one for one in recent if one.judges(version)]
        found += _together(monitor, day, version, days)
    return found


def _recent_evaluations(monitor: Monitor, day: date) -> list[Evaluation]:
    """The newest prediction days with a verdict on quality, newest first: as many as any rule looks
    at, of each version that serves."""
    found: list[Evaluation] = []
    if monitor.spec.labels is None:
        return found
    wanted = most_days(monitor.spec)
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


def _together(
    monitor: Monitor, day: date, version: str, days: Sequence[Evaluation]
) -> Iterator[Signal]:
    """Of the days that a rule looks at, together: a single one says little."""
    yield from _skills(monitor, day, version, days[: floor_days(monitor.spec)])
    reference = reference_of(monitor, version)
    if reference is None or not reference.outcomes:
        return
    window = monitor.spec.rules.window
    some = days[: window(FindingKind.SEGMENT_DROP).of_days]
    yield from _segments(monitor, day, reference, some)
    some = days[: window(FindingKind.MISCALIBRATION).of_days]
    yield from _calibration(day, reference, some)


def _skills(
    monitor: Monitor, day: date, version: str, days: Sequence[Evaluation]
) -> Iterator[Signal]:
    """How much better than a constant each judged metric was, together and day by day: one that
    knows the labels of the version's reference, and those alone."""
    whole, reference = Group(version), reference_of(monitor, version)
    learnt = reference.outcomes.get(whole) if reference is not None else None
    if learnt is None:
        return
    known = [one for one in days if whole in one.outcomes]
    about = {"version": version, "known_on": day}
    for name in monitor.spec.tolerances:
        values = [one.metrics[whole][name].value for one in known if name in one.metrics[whole]]
        if not values or len(values) < len(known):
            continue
        found = skill_of(name, [one.outcomes[whole] for one in known], values, learnt=learnt)
        if found is None:
            continue
        served = [one.day for one in known]
        yield Signal.over(
            min(served), max(served), f"{POOLED_SKILL}.{name}", found.together.value,
            low=found.together.low, high=found.together.high, n=found.together.n,
            reason=f"always predicting {found.answer} of its reference, gives"
            f" {readable(found.constant)}",
            **about,
        )  # fmt: skip
        for one, value in zip(known, found.of_days, strict=True):
            n = one.labelled(version)
            yield Signal.on(one.day, f"{SKILL}.{name}", value, n=n, **about)


def _pooled(version: str, days: Sequence[Evaluation]) -> dict[Group, Outcomes]:
    found: dict[Group, Outcomes] = {}
    for evaluation in days:
        for group, one in evaluation.outcomes.items():
            if group.version == version:
                found[group] = found[group] + one if group in found else one
    return found


def _segments(
    monitor: Monitor, day: date, reference: Reference, days: Sequence[Evaluation]
) -> Iterator[Signal]:
    """Judged metrics of each segment, beside what the reference's own rows of it say."""
    spec, version = monitor.spec, reference.version
    spread = spread_of(monitor, version)
    for group, one in _pooled(version, days).items():
        if not group.segment:
            continue
        before = reference.outcomes.get(group)
        usual = metrics_of(spec, before) if before is not None else {}
        now = metrics_of(spec, one)
        for name in spec.tolerances_where(group.segment, group.value):
            if name not in now:
                continue
            signal = Signal.over(
                min(of.day for of in days), max(of.day for of in days), f"pooled.{name}",
                now[name].value, low=now[name].low, high=now[name].high, n=now[name].n,
                version=version, segment=group.segment, segment_value=group.value,
                known_on=day, spread=spread,
            )  # fmt: skip
            if name in usual:
                level = at_level(spec, reference, name, usual[name])
                signal = replace(
                    signal, baseline=level.value, baseline_low=level.low,
                    baseline_high=level.high, baseline_n=level.n,
                )  # fmt: skip
            yield signal


def _calibration(day: date, reference: Reference, days: Sequence[Evaluation]) -> Iterator[Signal]:
    """The gap between scores and truth beyond the reference's; of single days only where all
    together show one."""
    whole = Group(reference.version)
    before, pooled = reference.outcomes.get(whole), _pooled(reference.version, days)
    if before is None or not before.has_scores or whole not in pooled:
        return
    usual = RightByScore.from_outcomes(before)

    def gap(name: str, first: date, last: date, outcomes: Outcomes) -> Signal:
        now = RightByScore.from_outcomes(outcomes)
        found = miscalibrated(now, usual, min_effect=MIN_GAP, alpha=ALPHA)
        is_better = not found.alarm and found.p_value < ALPHA and found.effect >= MIN_GAP
        return Signal.over(
            first, last, f"{name}.{CALIBRATION_GAP}", found.effect, version=reference.version,
            known_on=day, n=found.n_current, baseline_n=found.n_reference, reason=found.words,
            p_value=1.0 if is_better else found.p_value,
        )  # fmt: skip

    all_days = [one.day for one in days]
    together = gap("pooled", min(all_days), max(all_days), pooled[whole])
    yield together
    if together.p_value < ALPHA and together.value >= MIN_GAP:
        by_day: Mapping[date, Outcomes] = {
            one.day: one.outcomes[whole] for one in days if whole in one.outcomes
        }
        yield from (gap("quality", one, one, outcomes) for one, outcomes in by_day.items())
