"""Drift of all features together, in one week, from Monday to Sunday."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from math import nan
from typing import Any

import numpy as np
import pyarrow as pa

from monitoring_dagster.decide.judging.statements import OF_WEEK
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.measure.step import Check, StepReport, Tone
from monitoring_dagster.report.pictures import Bar, bars
from monitoring_dagster.sources.rows.readings import reading
from monitoring_dagster.sources.rows.rows import MissingDay, UnreadableFile, columns_of
from monitoring_dagster.sources.rows.samples import sample_day
from monitoring_dagster.sources.rows.served import versions_of
from monitoring_dagster.stats.columns.encoding import uniform_columns
from monitoring_dagster.stats.columns.sample import KEY, bottom_k
from monitoring_dagster.stats.drift.drift_verdict import Verdict
from monitoring_dagster.stats.drift.joint_drift import JointVerdict, compare
from monitoring_dagster.store.days.signals import noted
from monitoring_dagster.store.days.usable_rows import columns_left_out, quiet_columns
from monitoring_dagster.store.models.registry import UnknownReference, UnknownVersion
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.reference import Reference
from monitoring_dagster.store.references.reference_sample import (
    SAMPLE_ROWS,
    features_of,
    reference_sample,
)
from monitoring_dagster.store.references.version_reference import reference_of

STEP = "multivariate"
_WEEK_DAYS = 7
_SHOWN = 10
_PLOTTED = ("n_current", "auc", "auc_low", "auc_high", "usual_auc", "p_auc", "mmd2", "p_mmd")

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("version", "verdict", "reason")),
        *((name, pa.int64()) for name in ("n_reference", "n_current")),
        *((name, pa.float64()) for name in (
            "auc", "auc_low", "auc_high", "usual_auc", "p_auc", "mmd2", "p_mmd", "p_adjusted")),
        ("columns", pa.list_(pa.string())),  # those that tell the week apart first
        ("importances", pa.list_(pa.float64())),
    ]
)  # fmt: skip


def run(monitor: Monitor, week: date) -> StepReport:
    """Compare samples of the week that begins on *week* with each version's reference."""
    days = {}
    for day in (week + timedelta(days=n) for n in range(_WEEK_DAYS)):
        try:
            days[day] = versions_of(monitor.spec.predictions, day, root=monitor.root)
        except (MissingDay, UnreadableFile, UnknownColumn):
            continue  # the contract tells about that day
    served: Counter[str] = Counter()
    for versions in days.values():
        served.update(versions)
    compared = (
        _compared(monitor, version, week, list(days)) for version, _ in served.most_common()
    )
    records = [one for one in compared if one is not None]
    table = pa.Table.from_pylist(records, schema=SCHEMA)
    monitor.results.write(monitor.name, STEP, week, table, metadata=noted(_signals(week, records)))
    return _report(records, len(days))


def _signals(week: date, records: Sequence[Mapping[str, Any]]) -> Iterator[Signal]:
    """Of each version the distances; and of all together 1 where one drifted, 0 where none did,
    NaN where none could be judged."""
    last = week + timedelta(days=_WEEK_DAYS - 1)
    judged = [one for one in records if one["verdict"] != Verdict.INSUFFICIENT]
    drifted = [one for one in judged if one["verdict"] == Verdict.DRIFT]
    words = [
        f"version {one['version']} in the week from {week}: {one['reason']}" for one in drifted
    ]
    yield Signal.over(
        week,
        last,
        OF_WEEK,
        float(bool(drifted)) if judged else nan,
        subject="all features",
        reason="; ".join(words),
    )
    for one in records:
        about = {"version": one["version"], "n": one["n_current"]}
        yield Signal.over(
            week, last, "multivariate.auc", one["auc"], low=one["auc_low"], high=one["auc_high"],
            baseline=one["usual_auc"], p_value=one["p_auc"], **about,
        )  # fmt: skip
        yield Signal.over(
            week, last, "multivariate.mmd2", one["mmd2"], p_value=one["p_mmd"], **about
        )


def _compared(
    monitor: Monitor, version: str, week: date, days: Sequence[date]
) -> dict[str, Any] | None:
    """One version's week; None where the registry has nothing to compare it with, which the
    profile step tells."""
    reference = reference_of(monitor, version)
    if reference is None:
        return None
    current = _sample(monitor, reference, days)
    try:
        return _record(monitor, reference, week, current) if current is not None else None
    except (UnknownVersion, UnknownReference):
        return None  # its rows are gone since they were read first


def _record(
    monitor: Monitor, reference: Reference, week: date, current: pa.Table
) -> dict[str, Any]:
    sample = reference_sample(monitor, reference)
    verdict = compare(
        sample.rows.select(current.column_names),
        current,
        rng=np.random.default_rng([week.toordinal(), int(reference.version)]),
        alpha=monitor.spec.rules.drift.alpha,
        usual_auc=sample.usual_auc,
    )
    return _as_row(reference.version, verdict, sample.usual_auc)


def _sample(monitor: Monitor, reference: Reference, days: Sequence[date]) -> pa.Table | None:
    """The week's sample of one version, of the columns that every day has in the right kind; None
    without any."""
    bins = features_of(monitor, reference)
    log, root = monitor.spec.predictions, monitor.root
    for day in days:
        quiet = quiet_columns(monitor, day, reference.version) | columns_left_out(monitor, day)
        there = columns_of(log, day, root=root)
        bins = {
            name: one for name, one in bins.items()
            if name in there and name not in quiet
            and reading(there[name], [one]) is not None
        }  # fmt: skip
    if not bins:
        return None
    parts = []
    for day in days:
        rows = sample_day(log, day, root=root, columns=list(bins), version=reference.version,
                          k=SAMPLE_ROWS, bins=bins)  # fmt: skip
        parts.append(uniform_columns(rows, bins).append_column(KEY, rows[KEY].cast(pa.string())))
    return bottom_k(pa.concat_tables(parts), k=SAMPLE_ROWS).drop_columns([KEY])


def _as_row(version: str, verdict: JointVerdict, usual_auc: float) -> dict[str, Any]:
    apart = verdict.separation
    return {
        "version": version,
        "verdict": str(verdict.verdict),
        "reason": verdict.reason,
        "n_reference": verdict.n_reference,
        "n_current": verdict.n_current,
        "auc": apart.auc,
        "auc_low": apart.low,
        "auc_high": apart.high,
        "usual_auc": usual_auc,
        "p_auc": apart.p_value,
        "mmd2": verdict.discrepancy.mmd2,
        "p_mmd": verdict.discrepancy.p_value,
        "p_adjusted": verdict.p_adjusted,
        "columns": list(apart.importances)[:_SHOWN],
        "importances": list(apart.importances.values())[:_SHOWN],
    }


def _report(records: Sequence[Mapping[str, Any]], days: int) -> StepReport:
    judged = [one for one in records if one["verdict"] != Verdict.INSUFFICIENT]
    drifted = [one for one in judged if one["verdict"] == Verdict.DRIFT]
    numbers: dict[str, int | float] = {"days": days, "versions_compared": len(judged)}
    for one in judged[:1]:  # the version that served most
        numbers |= {name: one[name] for name in _PLOTTED}
    shown = drifted or judged or records
    words = "; ".join(f"version {one['version']}: {one['reason']}" for one in shown)
    return StepReport(
        numbers=numbers,
        words={"compared": words or "nothing"},
        checks={
            "multivariate_drift": Check(passed=not drifted, words=words, tone=Tone.WARN)
            if judged
            else Check.no_verdict(words or _why_nothing(days))
        },
        table=[
            {"version": one["version"], "column": column, "auc_lost": round(lost, 4)}
            for one in judged
            for column, lost in zip(one["columns"], one["importances"], strict=True)
        ],
        picture=_picture(judged[0]) if judged else None,
    )


def _why_nothing(days: int) -> str:
    if not days:
        return "no day of this week has rows that can be read"
    return "no reference rows are registered for the versions that served this week"


def _picture(record: Mapping[str, Any]) -> str:
    drifted = record["verdict"] == Verdict.DRIFT
    return bars(
        f"What tells the week apart: AUC lost without the column, version {record['version']}",
        [
            Bar(column, max(lost, 0.0), 0.0, drifted)
            for column, lost in zip(record["columns"], record["importances"], strict=True)
        ],
    )
