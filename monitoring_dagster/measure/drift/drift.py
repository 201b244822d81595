"""How far does the day lie from its baselines, and is that drift?"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date

import pyarrow as pa

from monitoring_dagster.measure.breaches import shown
from monitoring_dagster.measure.drift.baselines import Compared, compared_with
from monitoring_dagster.measure.drift.drift_records import (
    SCHEMA,
    measured_record,
    rank,
    verdict_record,
)
from monitoring_dagster.measure.drift.drift_signals import drift_signals
from monitoring_dagster.measure.step import Check, StepReport, Tone
from monitoring_dagster.report.pictures import Bar, bars
from monitoring_dagster.stats.columns.bins import NumericBins
from monitoring_dagster.stats.columns.column_profile import NumericProfile, empty_column
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import Profile
from monitoring_dagster.stats.drift.column_drift import ColumnDrift, measure_all
from monitoring_dagster.stats.drift.drift_verdict import Verdict, judge
from monitoring_dagster.stats.drift.usual import Usual
from monitoring_dagster.stats.estimation.confidence import confidence_of
from monitoring_dagster.store.days.champions import version_of_series
from monitoring_dagster.store.days.drifted import DRIFT, JUDGED_BY, Record
from monitoring_dagster.store.days.profiles import profiles_of, why_no_profile
from monitoring_dagster.store.days.signals import noted
from monitoring_dagster.store.days.usable_rows import quiet_columns
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.reference import Reference
from monitoring_dagster.store.references.version_reference import answer_columns, reference_of

_SHOWN = 20
_SHOWN_VERSIONS = 5


def run(monitor: Monitor, day: date) -> StepReport:
    """Compare every profiled column with its baselines and store the verdicts."""
    records = judged(monitor, [day])[day]
    table = pa.Table.from_pylist(records, schema=SCHEMA)
    notes = {
        JUDGED_BY: monitor.spec.rules.drift.model_dump_json(),
        **noted(drift_signals(monitor.spec, day, records)),
    }  # fmt: skip
    monitor.results.write(monitor.name, DRIFT, day, table, metadata=notes)
    return _report(monitor, day, records)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a column was looked at."""

    day: date
    group: Group
    baseline: Compared
    reference: Reference

    @property
    def usual(self) -> Usual:
        return self.baseline.usual.get(self.group, Usual())


def judged(monitor: Monitor, days: Sequence[date]) -> dict[date, list[Record]]:
    """The verdicts of *days* by the rules as they stand now, from stored profiles alone.

    All baselines, versions, segments and columns of one day are corrected together for how many
    were looked at. Answers come first, then what drifted, then by what it weighs in the model.
    """
    measured: dict[date, list[tuple[_Place, ColumnDrift]]] = {day: [] for day in days}
    profiles = {day: profiles_of(monitor, day) for day in days}
    for version in sorted({group.version for one in profiles.values() for group in one}):
        reference = reference_of(monitor, version)
        if reference is None:
            continue  # the profile step tells of versions that nobody knows
        mine = {
            day: {group: one for group, one in found.items() if group.version == version}
            for day, found in profiles.items()
        }
        quiet = {day: quiet_columns(monitor, day, version) for day in days}
        for place, drift in _measured(monitor, reference, mine, quiet):
            measured[place.day].append((place, drift))
    return {day: _verdicts(monitor, found) for day, found in measured.items()}


def _measured(
    monitor: Monitor,
    reference: Reference,
    profiles: Mapping[date, Mapping[Group, Profile]],
    quiet: Mapping[date, Collection[str]],
) -> Iterator[tuple[_Place, ColumnDrift]]:
    """Every column of one version's groups against every baseline, column by column."""
    baselines = compared_with(monitor, reference, list(profiles))
    places = [
        _Place(day, group, baseline, reference)
        for day, groups in profiles.items()
        for baseline in baselines[day]
        for group in groups
    ]
    for name, bins in reference.bins.items():
        for own in (True, False):
            looked, pairs = [], []
            for place in places:
                now = profiles[place.day][place.group].columns.get(name)
                if now is None or name in quiet[place.day] or place.baseline.own is not own:
                    continue
                before = place.baseline.profiles.get(place.group, Profile()).columns.get(name)
                looked.append(place)
                pairs.append((before or empty_column(bins), now))
            yield from zip(looked, measure_all(name, pairs, bins, own=own), strict=True)


def _verdicts(monitor: Monitor, found: Sequence[tuple[_Place, ColumnDrift]]) -> list[Record]:
    verdicts = judge(
        [drift for _, drift in found],
        settings=monitor.spec.rules.drift.settings(),
        usual=[place.usual for place, _ in found],
    )
    answers = answer_columns(monitor.spec)
    records = [
        {
            **place.group._asdict(),
            "baseline": place.baseline.label,
            "role": "answer" if drift.column in answers else "feature",
            "importance": place.reference.importances.get(drift.column),
            **measured_record(drift, place.usual),
            **verdict_record(verdict),
        }
        for (place, drift), verdict in zip(found, verdicts, strict=True)
    ]
    return sorted(records, key=rank)


def _report(monitor: Monitor, day: date, records: Sequence[Record]) -> StepReport:
    nothing = _why_nothing(monitor, day)
    first = monitor.spec.rules.drift.baselines[0].label
    of_first = [one for one in records if one["baseline"].startswith(first)]
    whole = [one for one in of_first if not one["segment"]]
    answers = [one for one in whole if one["role"] == "answer"]
    features = [one for one in whole if one["role"] == "feature"]
    drifted = [one for one in features if one["verdict"] == Verdict.DRIFT]
    numbers: dict[str, int | float] = {
        "features_compared": len(features),
        "features_drifted": len(drifted),
        "features_muted": sum(one["verdict"] == Verdict.MUTED for one in features),
        "segments_drifted": sum(
            1 for one in records if one["segment"] and one["verdict"] == Verdict.DRIFT
        ),
    }
    numbers |= {f"psi_{one['column']}": _number(one["psi"]) for one in answers}
    numbers |= {
        f"{quantile}_{one['column']}": one[f"{quantile}_current"]
        for one in answers
        for quantile in ("p5", "p50", "p95")
        if one["kind"] == "numeric" and one["n_current"]
    }
    numbers |= _confidence(monitor, day)
    if features:
        numbers["max_effect"] = max(_number(one["effect"]) for one in features)
    floor = monitor.spec.rules.drift.min_effect
    return StepReport(
        numbers=numbers,
        checks={
            "prediction_drift": _check(
                [one for one in records if _is_whole(one, "answer")], nothing
            ),
            "feature_drift": _check(
                [one for one in records if _is_whole(one, "feature")], nothing
            ),
        },
        table=[_shown(one) for one in records[:_SHOWN]],
        picture=bars(
            "Share of rows in other bins than in the reference (tick: what is usual)",
            [
                Bar(str(one["column"]), _number(one["effect"]),
                    max(floor, _number(one["usual_effect"])), one["verdict"] == Verdict.DRIFT)
                for one in (answers + features)[:_SHOWN]
            ],
        )
        if whole
        else None,
    )  # fmt: skip


def _is_whole(record: Mapping[str, object], role: str) -> bool:
    return record["role"] == role and not record["segment"]


def _confidence(monitor: Monitor, day: date) -> dict[str, float]:
    """How sure the scores of the day were."""
    score = monitor.spec.predictions.score
    if score is None or monitor.spec.task == "regression":
        return {}
    whole = {one.version: of for one, of in profiles_of(monitor, day).items() if not one.segment}
    version = version_of_series(monitor, day, whole)
    reference = reference_of(monitor, version) if version else None
    scores = whole[version].columns.get(score) if version else None
    if reference is None or not isinstance(scores, NumericProfile):
        return {}
    bins = reference.bins[score]
    assert isinstance(bins, NumericBins), "a score is a number"
    return asdict(confidence_of(scores, bins))


def _why_nothing(monitor: Monitor, day: date) -> str:
    """What is missing where no column of a day could be compared."""
    versions = {one.version for one in profiles_of(monitor, day)}
    if not versions:
        return why_no_profile(monitor, day)
    named = ", ".join(shown(one) for one in sorted(versions)[:_SHOWN_VERSIONS])
    if not any(reference_of(monitor, one) for one in versions):
        return f"no reference rows are registered for version {named}"
    return f"the rows of version {named} hold no column of the reference"


def _check(rows: Sequence[Record], nothing: str) -> Check:
    judged = [one for one in rows if one["verdict"] != Verdict.INSUFFICIENT]
    if not judged:
        reasons = [f"{one['column']}: {one['reason']}" for one in rows]
        return Check.no_verdict(_first_three(reasons) or nothing)
    bad = [f"{one['column']}: {one['reason']}" for one in judged if one["verdict"] == Verdict.DRIFT]
    if bad:
        return Check(passed=False, words=_first_three(bad), tone=Tone.WARN)
    quiet = [shown(one["column"]) for one in judged if one["verdict"] == Verdict.MUTED]
    names = _first_three(list(dict.fromkeys(quiet)), ", ")
    why = f"muted, as ordinary days differ too much: {names}"
    if len(quiet) == len(judged):
        return Check.no_verdict(why)
    muted = f"; {why}" if quiet else ""
    left_out = len(rows) - len(judged)
    unjudged = f"; no verdict on {left_out} more (too few rows)" if left_out else ""
    words = f"{len(judged)} compared, none drifted{muted}{unjudged}"
    return Check(passed=True, words=words, tone=Tone.WARN)


def _first_three(parts: Sequence[str], between: str = "; ") -> str:
    more = f"{between}and {len(parts) - 3} more" if len(parts) > 3 else ""
    return between.join(parts[:3]) + more


def _shown(row: Mapping[str, object]) -> dict[str, str | float | None]:
    where = f" ({row['segment']}={row['value']})" if row["segment"] else ""
    return {
        "column": f"{row['column']}{where}",
        "verdict": str(row["verdict"]),
        "effect": _rounded(row["effect"]),
        "usual_effect": _rounded(row["usual_effect"]),
        "psi": _rounded(row["psi"]),
        "jensen_shannon": _rounded(row["jensen_shannon"]),
        "p_adjusted": _rounded(row["p_adjusted"]),
    }


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _rounded(value: object) -> float | None:
    return round(float(value), 4) if isinstance(value, int | float) else None
