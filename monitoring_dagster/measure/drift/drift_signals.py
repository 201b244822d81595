"""Signals of drift, from the day's records, or from stored ones under other rules."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from math import isfinite, nan

import numpy as np
import pyarrow as pa

from monitoring_dagster.decide.judging.drift_severity import (
    IMPORTANCE,
    OF_ANSWERS,
    OF_FEATURES,
    UNUSABLE,
    severity_of,
    unusable_shares,
)
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.measure.drift.drift_records import measured, rank, verdict_record
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.stats.columns.values import Floats
from monitoring_dagster.stats.drift.drift_verdict import Verdict, corrected, verdict_of
from monitoring_dagster.store.days.drifted import Record
from monitoring_dagster.store.results import chosen_rows

FEATURES = "drift.features"  # how many of them drifted
# What other rules change, unlike distances
OF_RULES = (OF_ANSWERS, OF_FEATURES, FEATURES, UNUSABLE, IMPORTANCE)
_VALUES = {str(Verdict.DRIFT): 1.0, str(Verdict.INSUFFICIENT): nan}


def drift_signals(spec: ModelSpec, day: date, records: Sequence[Record]) -> Iterator[Signal]:
    """Of whole rows: of each column the verdict and the distances, and of each version how many
    features drifted, against every baseline; of segments the columns that drifted. Of what drifted
    also whether the column is broken, and how much it weighs."""
    verdicts = [
        _verdict_signal(spec, day, one)
        for one in records
        if not one["segment"] or one["verdict"] == Verdict.DRIFT
    ]
    yield from verdicts
    for one in (one for one in records if not one["segment"]):
        about = {
            "subject": one["column"],
            "version": one["version"],
            "baseline_name": one["baseline"],
            "n": one["n_current"],
            "p_value": one["p_adjusted"],
            "effect": one["effect"],
        }
        usual = {"drift.effect": one["usual_effect"], "drift.missing": one["null_share_reference"]}
        values = {
            "drift.psi": one["psi"],
            "drift.effect": one["effect"],
            "drift.missing": one["null_share_current"],
        }
        for name, value in values.items():
            value = nan if value is None else value
            yield Signal.on(day, name, value, baseline=usual.get(name, nan), **about)
    yield from _features_drifted(day, verdicts)
    yield from _unusable(day, records)
    weights = ((one["version"], one["column"], one["importance"]) for one in records)
    yield from _importances(day, weights, verdicts)


def _unusable(day: date, records: Sequence[Record]) -> Iterator[Signal]:
    """The columns that are broken: few of their rows have a usable value."""
    for one in records:
        shares = unusable_shares(one)
        if shares is not None:
            before, now = shares
            yield Signal.on(
                day, UNUSABLE, now, subject=one["column"], version=one["version"],
                baseline=before, baseline_name=one["baseline"], n=one["n_current"],
            )  # fmt: skip


def _importances(
    day: date, weights: Iterable[tuple[str, str, float | None]], verdicts: Sequence[Signal]
) -> Iterator[Signal]:
    """Of each feature that drifted its share of the importance of all, by version; nothing where
    the version has none. What is below 0, as shuffling a useless feature gives, counts as 0.

    *weights* are version, column and importance, as often as a column was compared.
    """
    of_versions: dict[str, dict[str, float]] = {}
    for version, column, importance in weights:
        if importance is not None:
            of_versions.setdefault(version, {})[column] = max(importance, 0.0)
    features = [one for one in verdicts if one.name == OF_FEATURES and one.value > 0]
    for version, column in dict.fromkeys((one.version, one.subject) for one in features):
        of_version = of_versions.get(version, {})
        total = sum(of_version.values())
        if total > 0 and column in of_version:
            yield Signal.on(
                day, IMPORTANCE, of_version[column] / total, subject=column, version=version
            )


def _features_drifted(day: date, verdicts: Sequence[Signal]) -> Iterator[Signal]:
    """How many features drifted of each version, of those that could be judged."""
    judged = [one for one in verdicts if isfinite(one.value) and not one.segment]
    for version, baseline in sorted({(one.version, one.baseline_name) for one in judged}):
        features = [
            one
            for one in judged
            if (one.name, one.version, one.baseline_name) == (OF_FEATURES, version, baseline)
        ]
        drifted = sum(one.value for one in features)
        yield Signal.on(
            day,
            FEATURES,
            drifted,
            version=version,
            baseline_name=baseline,
            n=max((one.n for one in features), default=0),
            good=drifted,
            total=len(features),
        )


def _verdict_signal(spec: ModelSpec, day: date, record: Record) -> Signal:
    severity = severity_of(record, psi_alert=spec.rules.drift.psi_alert)
    return Signal.on(
        day,
        _name(record["role"]),
        _VALUES.get(record["verdict"], 0.0),
        subject=record["column"],
        version=record["version"],
        segment=record["segment"],
        segment_value=record["value"],
        baseline_name=record["baseline"],
        n=record["n_current"],
        reason=record["reason"],
        severity=severity,
    )


def judged_again(spec: ModelSpec, day: date, stored: pa.Table) -> list[Signal]:
    """The verdicts of *day* by the rules as *spec* has them, from what was measured that day.

    Only what is significant is read whole: the most of a year's records need no words.
    """
    settings = spec.rules.drift.settings()
    sides = (stored[name].to_pylist() for name in ("n_reference", "n_current"))
    rows = list(map(min, *sides))
    p_adjusted = corrected(stored["p_value"].to_pylist(), rows, settings)
    looked_at = int(np.isfinite(p_adjusted).sum())
    significant = p_adjusted < settings.alpha
    records: list[Record] = chosen_rows(stored, significant).to_pylist()
    for record, p in zip(records, p_adjusted[significant].tolist(), strict=True):
        drift, ordinary = measured(record)
        verdict = verdict_of(drift, p, ordinary, settings, looked_at=looked_at)
        record |= verdict_record(verdict)
    drifted = sorted((one for one in records if one["verdict"] == Verdict.DRIFT), key=rank)
    verdicts = [
        *(_verdict_signal(spec, day, one) for one in drifted),
        *_without_drift(day, stored, p_adjusted, drifted),
    ]
    weights = zip(
        *(stored[name].to_pylist() for name in ("version", "column", "importance")), strict=True
    )
    return [
        *verdicts,
        *_features_drifted(day, verdicts),
        *_unusable(day, drifted),
        *_importances(day, weights, verdicts),
    ]


def _without_drift(
    day: date, stored: pa.Table, p_adjusted: Floats, drifted: Sequence[Record]
) -> Iterator[Signal]:
    """The columns of all rows that are not among the *drifted*."""
    columns = ("role", "column", "version", "baseline", "segment", "n_current")
    but = {tuple(one[name] for name in columns) for one in drifted}
    rows = zip(*(stored[name].to_pylist() for name in columns), strict=True)
    for row, p in zip(rows, p_adjusted.tolist(), strict=True):
        role, column, version, baseline, segment, n = row
        if not segment and row not in but:
            value = 0.0 if isfinite(p) else nan
            yield Signal.on(
                day, _name(role), value, subject=column, version=version, baseline_name=baseline,
                n=n,
            )  # fmt: skip


def _name(role: str) -> str:
    return OF_ANSWERS if role == "answer" else OF_FEATURES
