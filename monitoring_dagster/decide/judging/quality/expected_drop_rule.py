"""Expected drop: quality that its inputs expect to be worse than tolerated."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judging.quality.breached_days import expected_breaches
from monitoring_dagster.decide.judging.quality.version_days import VersionDays
from monitoring_dagster.decide.judging.quality_charts import QualityCharts
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.spec.model import ModelSpec


def expected_drops(
    spec: ModelSpec,
    day: date,
    traffic: Traffic,
    estimates: Sequence[Signal],
    accuracy: Mapping[str, Signal],
    charts: QualityCharts,
) -> Iterator[Finding]:
    """A metric of a version that is expected to be worse than tolerated on several of the last
    days, and on average beyond normal variation, where that is known; *accuracy* says of a metric
    how right its estimates were."""
    kind = FindingKind.EXPECTED_DROP
    limit, (needed, of_days) = spec.rules.control_limit(kind), spec.rules.window(kind)
    worse = expected_breaches(spec, estimates)
    days = [day - timedelta(days=n) for n in range(of_days)]
    for version, expected in worse.get(day, {}).items():
        of_version = VersionDays(spec, day, traffic, version, charts=charts)
        for metric, words in expected.items():
            count = sum(metric in worse.get(one, {}).get(version, {}) for one in days)
            chart = charts.of_estimates(version, metric)
            if count >= needed and (chart is None or chart.is_beyond(limit)):
                trust = accuracy.get(metric)
                at_most = Severity(trust.severity) if trust and trust.severity else Severity.P0
                said = f"; {trust.reason}" if trust else ""
                words = f"{words} ({count} of the last {of_days} days){said}"
                yield of_version.finding(kind, metric, words, at_most=at_most)
