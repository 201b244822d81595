"""Records of drift: what was measured of one column, and said of it, as it is stored."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pyarrow as pa

from monitoring_dagster.stats.drift.column_drift import ColumnDrift, Growth
from monitoring_dagster.stats.drift.drift_verdict import DriftVerdict, Verdict
from monitoring_dagster.stats.drift.sides import Side
from monitoring_dagster.stats.drift.usual import OrdinaryDay, Usual
from monitoring_dagster.store.days.drifted import Record

_OF_SIDES = tuple(one.name for one in fields(Side) if one.name != "rows")
_USUAL_GROWTH = tuple(f"usual_{name}" for name in Growth._fields)
_DISTANCES = (
    "psi", "jensen_shannon", "hellinger", "total_variation", "l_infinity", "ks_low", "ks_high",
    "wasserstein_low", "wasserstein_high", "wasserstein_sd", "mean_shift_sd", "variance_ratio",
)  # fmt: skip
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("version", "segment", "value", "baseline", "column",
                                           "role", "kind", "verdict", "psi_band", "reason")),
        *((name, pa.int64()) for name in ("n_reference", "n_current")),
        *((name, pa.float64()) for name in _DISTANCES),
        *((f"{name}_{side}", pa.float64()) for side in ("reference", "current")
          for name in _OF_SIDES),
        *((name, pa.float64()) for name in (
            "effect", "usual_effect", "usual_constant", *Growth._fields, *_USUAL_GROWTH,
            "expected_unseen", "p_value", "p_adjusted", "importance")),
        ("changed", pa.string()),  # the level whose share changed most, and both shares
        *((name, pa.float64()) for name in ("changed_reference", "changed_current")),
        ("unseen", pa.list_(pa.string())),  # a few of the values that the reference never had
        *((name, pa.float64()) for name in ("near_low", "near_high")),
        ("broken", pa.list_(pa.string())),  # which of the growths lie beyond their bound
    ]
)  # fmt: skip


def measured_record(drift: ColumnDrift, usual: Usual) -> Record:
    """All that a verdict needs, whatever the rules: `measured` reads it back."""
    sides = {"reference": drift.reference, "current": drift.current}
    changed, near = drift.changed or (None, None, None), drift.near or (None, None)
    ordinary = usual.day_of(drift.column)
    return {
        "column": drift.column,
        "kind": drift.kind,
        "n_reference": drift.n_reference,
        "n_current": drift.n_current,
        **drift.distances(),
        **{
            f"{name}_{side}": getattr(found, name)
            for side, found in sides.items()
            for name in _OF_SIDES
        },
        "effect": drift.effect,
        "usual_effect": ordinary.effect,
        "usual_constant": ordinary.constant,
        **drift.growth._asdict(),
        **dict(zip(_USUAL_GROWTH, ordinary.growth, strict=True)),
        "expected_unseen": drift.expected_unseen,
        "p_value": drift.p_value,
        **dict(zip(("changed", "changed_reference", "changed_current"), changed, strict=True)),
        "unseen": list(drift.unseen),
        **dict(zip(("near_low", "near_high"), near, strict=True)),
    }


def verdict_record(verdict: DriftVerdict) -> Record:
    """What was said of it."""
    return {
        "verdict": str(verdict.verdict),
        "psi_band": verdict.psi_band,
        "reason": verdict.reason,
        "p_adjusted": verdict.p_adjusted,
        "broken": [str(one) for one in verdict.broken],
    }


def measured(record: Mapping[str, Any]) -> tuple[ColumnDrift, OrdinaryDay]:
    """What a verdict rests on: the column, and what an ordinary day shows."""
    changed, near = record["changed"], record["near_low"]
    drift = ColumnDrift(
        column=record["column"],
        kind=record["kind"],
        **{name: record[name] for name in _DISTANCES if not name.startswith(("ks", "wasser"))},
        ks=None,  # which no verdict looks at, as it does not at the next two
        wasserstein=None,
        wasserstein_sd=record["wasserstein_sd"],
        reference=_side(record, "reference"),
        current=_side(record, "current"),
        changed=None
        if changed is None
        else (changed, record["changed_reference"], record["changed_current"]),
        unseen=tuple(record["unseen"]),
        expected_unseen=record["expected_unseen"],
        near=None if near is None else (near, record["near_high"]),
        effect=record["effect"],
        growth=Growth(*(record[name] for name in Growth._fields)),
        p_value=record["p_value"],
    )
    growth, constant = (
        Growth(*(record[name] for name in _USUAL_GROWTH)),
        record.get("usual_constant"),
    )
    return drift, OrdinaryDay(
        record["usual_effect"], growth, OrdinaryDay().constant if constant is None else constant
    )


def _side(record: Mapping[str, Any], side: str) -> Side:
    return Side(rows=record[f"n_{side}"], **{name: record[f"{name}_{side}"] for name in _OF_SIDES})


def rank(record: Mapping[str, Any]) -> tuple[bool, bool, bool, float, float]:
    """What people see first: the whole, answers, what drifted, what weighs most in the model."""
    return (
        bool(record["segment"]),
        record["role"] == "feature",
        record["verdict"] != Verdict.DRIFT,
        -(record["importance"] or 0.0) * record["effect"],
        -record["effect"],
    )
