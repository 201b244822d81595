"""Quality on the days of a version's reference: how much it varies between them, and its skill."""

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from monitoring_dagster.decide.judging.quality.calibration_rule import CALIBRATION_GAP
from monitoring_dagster.decide.judging.quality.segment_rule import fallen_behind
from monitoring_dagster.decide.judging.quality.version_days import REFERENCE_SKILL
from monitoring_dagster.decide.judging.quality_charts import VARIATION
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.measure.quality.model_metrics import metrics_of
from monitoring_dagster.measure.quality.promises import first_with_promise
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.values import WrongType
from monitoring_dagster.stats.inference.intervals import standard_error
from monitoring_dagster.stats.quality.labelled_rows import UnusableOutcome
from monitoring_dagster.stats.quality.miscalibration import miscalibrated
from monitoring_dagster.stats.quality.outcomes import Outcomes, outcomes_by_group
from monitoring_dagster.stats.quality.performance import Metric
from monitoring_dagster.stats.quality.reliability import RightByScore
from monitoring_dagster.stats.quality.segment_drop import gap_to_whole
from monitoring_dagster.stats.quality.skill import skill_of
from monitoring_dagster.stats.series.control_chart import NormalVariation, normal_variation
from monitoring_dagster.store.days.profiles import service_of
from monitoring_dagster.store.models.registration import DAY, LABEL
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.reference_truth import (
    LABELLED_FILE,
    days_in,
    judgeable,
    kept,
)
from monitoring_dagster.store.references.version_reference import folder_of, reference_of

MIN_DAYS = 14  # of a reference: fewer say little about how days differ
_MIN_ROWS = 30  # of a day
_WHOLE = Group("0")  # of a reference, whichever version it is of
_T = TypeVar("_T")


def variation_signals(monitor: Monitor, day: date, quality: Sequence[Signal]) -> Iterator[Signal]:
    """How much quality varies between the days of a version's reference, where that is known; and
    how much better than a constant it was there.

    Of the versions that served on *day* or are in *quality*, each judged metric; of the first
    champion, too, which is the bar that no promotion moves; of segments that fell behind the whole
    in *quality*, their gap to it, by the metric by which they did; and the gap between scores and
    truth, of as many days together as there. The value is the standard deviation, n the days (or
    stretches of days), the baseline their mean, and the effect the correlation of one with the
    next.
    """
    evaluated = {one.version for one in quality}
    first = first_with_promise(monitor, day)
    versions = {*evaluated, *service_of(monitor, day).get("versions", {}), *([first] * bool(first))}
    for version in sorted(versions):
        if reference_of(monitor, version) is not None:
            yield from variations(monitor, version, day)
            for name, skill in reference_skill(monitor, version).items():
                yield Signal.on(
                    day, f"{REFERENCE_SKILL}.{name}", skill.value, low=skill.low, high=skill.high,
                    n=skill.n, version=version,
                )  # fmt: skip
    together: dict[tuple[str, datetime, datetime], list[Signal]] = {}
    for pooled in quality:
        area, _, name = pooled.name.partition(".")
        if area == "pooled" and name != CALIBRATION_GAP:
            together.setdefault((pooled.version, pooled.start, pooled.end), []).append(pooled)
        elif area == "pooled":
            gap = _of_calibration(monitor, pooled.version, days=pooled.window_days)
            if gap is not None:
                yield _signal(day, name, gap, version=pooled.version)
    for (version, _, _), some in together.items():
        for name, drop in fallen_behind(monitor.spec, some):
            segment, value = drop.of.segment, drop.of.value
            found = variation_of(monitor, version, segment=segment, value=value)
            if name in found:
                yield _signal(
                    day, name, found[name], version=version, segment=segment, segment_value=value
                )


def variations(monitor: Monitor, version: str, day: date) -> Iterator[Signal]:
    """Of one version, whose reference was read before: each judged metric of all rows."""
    for name, one in variation_of(monitor, version).items():
        yield _signal(day, name, one, version=version)


def _signal(day: date, name: str, one: NormalVariation, **about: str) -> Signal:
    return Signal.on(
        day, f"{VARIATION}.{name}", one.deviation, n=one.days, baseline=one.mean,
        effect=one.correlation, **about,
    )  # fmt: skip


def variation_of(
    monitor: Monitor, version: str, *, segment: str = "", value: str = ""
) -> Mapping[str, NormalVariation]:
    """By judged metric, of all rows, or of the gap between those of a segment and all; of none
    where the reference has labels of fewer than 14 days.

    *version* is one whose reference was read before.
    """
    spec = monitor.spec
    judged = spec.tolerances_where(segment, value) if segment else spec.tolerances
    own = tuple(one.model_dump_json() for one in spec.metrics)
    group = _WHOLE._replace(segment=segment, value=value)

    def varied() -> Mapping[str, NormalVariation]:
        days = days_of_reference(monitor, version)
        whole = _by_metric(spec, days.get(_WHOLE, {}), judged)
        series = {name: [_with_error(one) for one in of.values()] for name, of in whole.items()}
        if segment:
            own = _by_metric(spec, days.get(group, {}), judged)
            series = {
                name: [gap_to_whole(one, whole[name][day]) for day, one in of.items()
                       if day in whole[name]]
                for name, of in own.items()
            }  # fmt: skip
        found = {name: _varied(of) for name, of in series.items()}
        return {name: one for name, one in found.items() if one is not None}

    return _once(_metrics, (folder_of(monitor, version), group, tuple(judged), own), varied)


def reference_skill(monitor: Monitor, version: str) -> Mapping[str, Metric]:
    """By judged metric that a constant answers: how much better the version was than a constant
    over the labelled days of its reference; as above."""
    spec, judged = monitor.spec, tuple(monitor.spec.tolerances)

    def skilled() -> Mapping[str, Metric]:
        whole = days_of_reference(monitor, version).get(_WHOLE, {})
        days = [one for one in whole.values() if one.n]
        metrics = [metrics_of(spec, one, own=[]) for one in days]
        found = {
            name: skill_of(name, days, [one[name].value for one in metrics])
            for name in judged
            if all(name in one for one in metrics)
        }
        return {name: one.together for name, one in found.items() if one is not None}

    return _once(_skills, (folder_of(monitor, version), judged), skilled)


def _by_metric(
    spec: ModelSpec, outcomes: Mapping[date, Outcomes], judged: Collection[str]
) -> dict[str, dict[date, Metric]]:
    """Each judged metric of the days that have enough rows for it."""
    own = [one for one in spec.metrics if one not in spec.row_metrics]
    found: dict[str, dict[date, Metric]] = {name: {} for name in judged}
    for day, one in outcomes.items():
        of_day = metrics_of(spec, one, own=own) if one.n >= _MIN_ROWS else {}
        for name in found.keys() & of_day:
            found[name][day] = of_day[name]
    return found


def _with_error(metric: Metric) -> tuple[float, float]:
    return metric.value, standard_error(metric.low, metric.high)


def _varied(series: Sequence[tuple[float, float]]) -> NormalVariation | None:
    """Of numbers by day, each with its standard error; None for fewer than 14 days."""
    variation = normal_variation([one for one, _ in series], [error for _, error in series])
    return variation if variation is not None and variation.days >= MIN_DAYS else None


def _of_calibration(monitor: Monitor, version: str, *, days: int) -> NormalVariation | None:
    """How the gap between scores and truth of so many days together varies in the reference."""

    def varied() -> NormalVariation | None:
        whole = days_of_reference(monitor, version).get(_WHOLE, {})
        known = [one for one in whole.values() if one.has_scores]
        gap = _varied_gap(known, days) if known else None
        return gap if gap is not None and gap.days * days >= MIN_DAYS else None

    return _once(_gaps, (folder_of(monitor, version), days), varied)


def _varied_gap(known: Sequence[Outcomes], days: int) -> NormalVariation | None:
    usual = RightByScore.from_outcomes(sum(known[1:], known[0]))
    gaps = [
        miscalibrated(
            RightByScore.from_outcomes(sum(known[n + 1 : n + days], known[n])), usual
        ).effect
        for n in range(0, len(known) - days + 1, days)
    ]
    return normal_variation(gaps, [0.0] * len(gaps))


def days_of_reference(monitor: Monitor, version: str) -> Mapping[Group, Mapping[date, Outcomes]]:
    """How the rows of the reference of *version* turned out, by day in their order: of version 0,
    whichever it is, and of each segment."""
    spec, folder = monitor.spec, folder_of(monitor, version)
    key = folder, spec.predictions.prediction, spec.predictions.score, tuple(spec.segments)
    return _once(_days, key, lambda: _by_day(spec, folder), most=8)


_metrics: dict[Hashable, Mapping[str, NormalVariation]] = {}
_skills: dict[Hashable, Mapping[str, Metric]] = {}
_gaps: dict[Hashable, NormalVariation | None] = {}
_days: dict[Hashable, Mapping[Group, Mapping[date, Outcomes]]] = {}  # large


def _once(
    found: dict[Hashable, _T], key: Hashable, make: Callable[[], _T], *, most: int = 512
) -> _T:
    """What *make* makes, made once for each *key* as long as there are not too many."""
    if key not in found:
        if len(found) >= most:
            found.clear()
        found[key] = make()
    return found[key]


def _by_day(spec: ModelSpec, folder: Path) -> dict[Group, dict[date, Outcomes]]:
    log = spec.predictions
    if not (folder / LABELLED_FILE).exists():
        return {}
    rows = kept(folder, LABELLED_FILE)
    if not {LABEL, DAY, log.prediction} <= {*rows.column_names}:
        return {}
    rows = judgeable(spec, rows)
    columns = {
        "day": pa.array([date.fromordinal(max(one, 1)) for one in days_in(rows).tolist()]),
        "version": pa.array([_WHOLE.version] * rows.num_rows, pa.string()),
        "label": rows[LABEL],
        "prediction": rows[log.prediction],
    }
    if log.score in rows.column_names:
        columns["score"] = rows[log.score]
    split = [name for name in spec.segments if name in rows.column_names and name not in columns]
    table = pa.table({**{name: rows[name] for name in split}, **columns})
    try:
        counted = outcomes_by_group(table, task=spec.task, segments=split)
    except (UnusableOutcome, WrongType):
        return {}  # as for the outcomes of the whole reference: the estimate says what is wrong
    found: dict[Group, dict[date, Outcomes]] = {}
    for (day, group), one in sorted(counted.items()):
        found.setdefault(group, {})[day] = one
    return found
