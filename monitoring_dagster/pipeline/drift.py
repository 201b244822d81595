"""How far does the day lie from what its version was trained on?"""

from collections.abc import Mapping, Sequence
from datetime import date

import pyarrow as pa

from monitoring_dagster.decisions.findings import Finding, FindingKind, Severity
from monitoring_dagster.pipeline.contract import quiet_columns
from monitoring_dagster.pipeline.monitor import Monitor
from monitoring_dagster.pipeline.profile import profiles_of
from monitoring_dagster.pipeline.reference import Reference, reference_of, role_columns
from monitoring_dagster.pipeline.step import Check, StepReport, Tone
from monitoring_dagster.report.pictures import Bar, bars
from monitoring_dagster.stats.drift import measure
from monitoring_dagster.stats.profile import Group, Profile
from monitoring_dagster.stats.verdict import DriftVerdict, Verdict, judge

STEP = "drift"
_SHOWN = 20


def run(monitor: Monitor, day: date) -> StepReport:
    """Compare every profiled column with its reference and store the verdicts."""
    records: list[dict[str, object]] = []
    quiet = quiet_columns(monitor, day)
    profiles = profiles_of(monitor, day)
    for version in sorted({group.version for group in profiles}):
        reference = reference_of(monitor, version)
        if reference is not None:
            mine = {group: one for group, one in profiles.items() if group.version == version}
            records += _judge_version(monitor, reference, mine, quiet)
    records.sort(
        key=lambda one: (one["role"] == "feature", bool(one["segment"]), -_number(one["effect"]))
    )
    monitor.results.write(monitor.name, STEP, day, pa.Table.from_pylist(records, schema=SCHEMA))
    return _report(monitor, records)


SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("version", "segment", "value", "column", "role", "kind",
                                           "verdict", "psi_band", "reason")),
        *((name, pa.int64()) for name in ("n_reference", "n_current")),
        *((name, pa.float64()) for name in (
            "psi", "jensen_shannon", "hellinger", "total_variation", "ks_low", "ks_high",
            "wasserstein_low", "wasserstein_high", "wasserstein_sd", "mean_reference",
            "mean_current", "sd_reference", "sd_current", "null_share_reference",
            "null_share_current", "effect", "usual_effect", "new_mass", "p_value", "p_adjusted",
            "importance")),
    ]
)  # fmt: skip


def findings_of(monitor: Monitor, day: date) -> list[Finding]:
    """One finding a drifted column; segments speak only where the whole is silent."""
    table = monitor.results.read(monitor.name, STEP, day)
    if table is None:
        return []
    alert = monitor.spec.rules.drift.psi_alert
    found: dict[tuple[str, str], Finding] = {}
    for row in table.to_pylist():
        if row["verdict"] != Verdict.DRIFT:
            continue
        answer = row["role"] != "feature"
        where = f" where {row['segment']} is {row['value']}" if row["segment"] else ""
        loud = row["psi"] is not None and row["psi"] > alert
        found.setdefault(
            (row["role"], row["column"]),
            Finding(
                model=monitor.name,
                day=day,
                kind=FindingKind.PREDICTION_DRIFT if answer else FindingKind.FEATURE_DRIFT,
                subject=row["column"],
                severity=(Severity.P1 if answer else Severity.P2) if loud and not where
                else (Severity.P2 if answer else Severity.P3),
                words=f"{row['column']}{where}: {row['reason']}",
                step=STEP,
            ),
        )  # fmt: skip
    return list(found.values())


def _judge_version(
    monitor: Monitor,
    reference: Reference,
    profiles: Mapping[Group, Profile],
    quiet: frozenset[str],
) -> list[dict[str, object]]:
    """All groups and columns of one version, corrected together for how many were looked at."""
    measured, places, usual, usual_new = [], [], [], []
    for group, profile in profiles.items():
        before = reference.profiles.get(group)
        for name, column in profile.columns.items() if before else ():
            if name in quiet or before is None or name not in before.columns:
                continue
            measured.append(measure(name, before.columns[name], column, reference.bins[name]))
            places.append(group)
            usual.append(reference.usual_effect.get(group, {}).get(name, 0.0))
            usual_new.append(reference.usual_new_mass.get(group, {}).get(name, 0.0))
    verdicts = judge(
        measured,
        settings=monitor.spec.rules.drift.settings(),
        usual_effect=usual,
        usual_new_mass=usual_new,
    )
    return [
        _record(monitor, reference, group, verdict, habit)
        for group, verdict, habit in zip(places, verdicts, usual, strict=True)
    ]


def _record(
    monitor: Monitor, reference: Reference, group: Group, verdict: DriftVerdict, usual: float
) -> dict[str, object]:
    drift = verdict.drift
    answers = role_columns(monitor.spec)
    return {
        **group._asdict(),
        "column": drift.column,
        "role": "answer" if drift.column in answers else "feature",
        "kind": drift.kind,
        "verdict": str(verdict.verdict),
        "psi_band": verdict.psi_band,
        "reason": verdict.reason,
        "n_reference": drift.n_reference,
        "n_current": drift.n_current,
        "psi": drift.psi,
        "jensen_shannon": drift.jensen_shannon,
        "hellinger": drift.hellinger,
        "total_variation": drift.total_variation,
        "ks_low": drift.ks.low if drift.ks else None,
        "ks_high": drift.ks.high if drift.ks else None,
        "wasserstein_low": drift.wasserstein.low if drift.wasserstein else None,
        "wasserstein_high": drift.wasserstein.high if drift.wasserstein else None,
        "wasserstein_sd": drift.wasserstein_sd,
        "mean_reference": drift.reference.mean,
        "mean_current": drift.current.mean,
        "sd_reference": drift.reference.sd,
        "sd_current": drift.current.sd,
        "null_share_reference": drift.reference.null_share,
        "null_share_current": drift.current.null_share,
        "effect": drift.effect,
        "usual_effect": usual,
        "new_mass": drift.new_mass,
        "p_value": drift.p_value,
        "p_adjusted": verdict.p_adjusted,
        "importance": reference.importances.get(drift.column),
    }


def _report(monitor: Monitor, records: Sequence[Mapping[str, object]]) -> StepReport:
    whole = [one for one in records if not one["segment"]]
    answers = [one for one in whole if one["role"] == "answer"]
    features = [one for one in whole if one["role"] == "feature"]
    drifted = [one for one in features if one["verdict"] == Verdict.DRIFT]
    numbers: dict[str, int | float] = {
        "features_compared": len(features),
        "features_drifted": len(drifted),
        "segments_drifted": sum(
            1 for one in records if one["segment"] and one["verdict"] == Verdict.DRIFT
        ),
    }
    numbers |= {f"psi_{one['column']}": _number(one["psi"]) for one in answers}
    if features:
        numbers["max_effect"] = max(_number(one["effect"]) for one in features)
    floor = monitor.spec.rules.drift.min_effect
    return StepReport(
        numbers=numbers,
        checks={
            "prediction_drift": _check(answers),
            "feature_drift": _check(features),
        },
        table=[_shown(one) for one in records[:_SHOWN]],
        picture=bars(
            "Share of rows that moved, by column (tick: what is usual)",
            [
                Bar(str(one["column"]), _number(one["effect"]),
                    max(floor, _number(one["usual_effect"])), one["verdict"] == Verdict.DRIFT)
                for one in (answers + features)[:_SHOWN]
            ],
        )
        if whole
        else None,
    )  # fmt: skip


def _check(rows: Sequence[Mapping[str, object]]) -> Check:
    if not rows:
        return Check(passed=True, words="nothing to compare on this day", tone=Tone.WARN)
    bad = [one for one in rows if one["verdict"] == Verdict.DRIFT]
    words = "; ".join(f"{one['column']}: {one['reason']}" for one in bad[:3])
    if len(bad) > 3:
        words += f"; and {len(bad) - 3} more"
    return Check(passed=not bad, words=words or f"{len(rows)} compared, none drifted",
                 tone=Tone.WARN)  # fmt: skip


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
