"""Miscalibration: scores that are no probabilities any more."""

from collections.abc import Iterator

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judging.quality.version_days import VersionDays
from monitoring_dagster.decide.judging.tolerance import metric_of
from monitoring_dagster.kinds import FindingKind

CALIBRATION_GAP = "calibration_gap"  # of scores: a quantity of quality beside the metrics
MIN_GAP = 0.02  # in probability, between score and share of ones
ALPHA = 0.01  # of one look, as there is one every day


def miscalibrations(of: VersionDays) -> Iterator[Finding]:
    """Told where all days together show it, and several of them each by itself."""
    kind = FindingKind.MISCALIBRATION
    for one in of.pooled_over(kind):
        if metric_of(one) != CALIBRATION_GAP or not (one.p_value < ALPHA and one.value >= MIN_GAP):
            continue
        gaps = of.values(kind, f"quality.{CALIBRATION_GAP}", "", "")
        needed = of.spec.rules.window(kind).breaches
        normal = of.charts.normal(CALIBRATION_GAP, of.version)
        limit = of.spec.rules.control_limit(kind)
        usual = 0.0 if normal is None else normal.mean + limit * normal.deviation
        if one.value > usual and sum(gap >= MIN_GAP for gap in gaps) >= min(needed, len(gaps)):
            words = f"version {of.version}: {one.reason}"
            yield of.finding(kind, of.version, words, by_version=True, about=of.days[0])
