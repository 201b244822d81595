"""Signals of drift by their names, and how urgent a column that drifted is by itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.kinds import Severity
from monitoring_dagster.stats.drift.drift_verdict import Broken

# 1 where a column drifted, 0 where not, NaN where it could not be judged
OF_ANSWERS, OF_FEATURES = "drift.prediction_drift", "drift.feature_drift"
# Of columns that drifted alone: the share of rows without a usable value, beside that of the
# baseline, where half of them or more have none; and the feature's share of the importance that its
# version gives to all of them
UNUSABLE, IMPORTANCE = "drift.unusable", "drift.importance"
READ = (OF_ANSWERS, OF_FEATURES, UNUSABLE, IMPORTANCE)  # by the rules on drift
_MOST = 0.5  # of the rows
_UNUSABLE = {
    Broken.MISSING: "null_share",
    Broken.NEW_CATEGORY: "unseen_share",
    Broken.INFINITE: "infinite_share",
}


def drifted(signals: Sequence[Signal]) -> list[Signal]:
    """Of *signals* those that say that a column drifted, in their order."""
    return [one for one in signals if one.name in (OF_ANSWERS, OF_FEATURES) and one.value > 0]


def severity_of(row: Mapping[str, Any], *, psi_alert: float) -> Severity:
    """How soon somebody should look at a drifted column, from its stored record.

    A column without a usable value in most rows, or with the same one in all, is a broken input.
    What moved far is louder than what moved little, answers are louder than features, and segments
    are never loud.
    """
    answer, whole = row["role"] == "answer", not row["segment"]
    if unusable_shares(row) is not None:
        return Severity.P1
    loud = whole and row["psi"] is not None and row["psi"] > psi_alert
    if answer:
        return Severity.P1 if loud else Severity.P2
    return Severity.P2 if loud else Severity.P3


def unusable_shares(row: Mapping[str, Any]) -> tuple[float, float] | None:
    """The shares of rows without a usable value in the reference and now, where the column is
    broken by it: it is half of them or more, and twice as many as in the reference, or cost half of
    the usable values that there were. One value in all rows tells as little as none. None where it
    is not, or of a segment."""
    if row["segment"]:
        return None
    if Broken.CONSTANT in (row.get("broken") or ()):
        return float(row["null_share_reference"]), 1.0
    found = [_UNUSABLE[kind] for kind in row.get("broken") or () if kind in _UNUSABLE]
    before, now = (
        sum(row[f"{share}_{side}"] for share in found) for side in ("reference", "current")
    )
    grown = now >= 2 * before or now - before >= (1 - before) / 2
    return (float(before), float(now)) if found and now >= _MOST and grown else None
