"""Signals of a day's traffic: how much came, how the service did, who answered and what."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from math import nan
from typing import Any

from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.measure.breaches import shown
from monitoring_dagster.stats.columns.bins import Bins, NumericBins
from monitoring_dagster.stats.columns.column_profile import NumericProfile
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import Profile
from monitoring_dagster.stats.estimation.confidence import confidence_of


def service_signals(day: date, service: Mapping[str, Any]) -> Iterator[Signal]:
    """Of the day's account of all rows."""
    rows = service.get("rows", 0)
    yield Signal.on(day, "volume.rows", rows, n=rows)
    if not rows:
        return
    for name in ("counted", "synthetic", "duplicate_ids"):
        yield _share(day, f"volume.{name}_share", service[name], rows)
    requests = service["requests"]
    yield Signal.on(day, "volume.requests", requests, n=requests)
    failed = round(service["error_rate"] * requests)
    unknown = _unknown_statuses(service)
    yield _share(day, "service.error_rate", failed, requests, reason=unknown)
    yield _share(day, "service.fallback_share", service["fallback"], requests)
    for stage, quantiles in service["latency_ms"].items():
        for quantile, value in quantiles.items():
            name = f"service.latency_{quantile}_ms"
            yield Signal.on(day, name, value, subject=stage, n=requests)
    for version, count in service["versions"].items():
        yield _share(day, "version.share", count, rows, version=version)


def answer_signals(
    day: date,
    profiles: Mapping[Group, Profile],
    *,
    answers: Sequence[str],
    bins: Mapping[str, Mapping[str, Bins]],
    has_probabilities: bool,
) -> Iterator[Signal]:
    """Of what each version answered, by segment: the mean, and how sure probabilities are.

    *answers* are the columns of scores and predictions, probabilities first; *bins* those of each
    version's reference.
    """
    for group, profile in profiles.items():
        about = {
            "version": group.version, "segment": group.segment, "segment_value": group.value
        }  # fmt: skip
        for place, name in enumerate(answers):
            column = profile.columns.get(name)
            if not isinstance(column, NumericProfile) or not column.finite:
                continue
            own: dict[str, Any] = {"subject": name, "n": column.finite, **about}
            yield Signal.on(day, "prediction.mean", column.mean, **own)
            own_bins = bins.get(group.version, {}).get(name)
            if has_probabilities and place == 0 and isinstance(own_bins, NumericBins):
                sure = confidence_of(column, own_bins)
                yield Signal.on(day, "prediction.confidence", sure.mean_max_probability, **own)
                yield Signal.on(day, "prediction.extreme_share", sure.extreme_share, **own)


def _unknown_statuses(service: Mapping[str, Any]) -> str:
    """Which other words than ok, error and fallback were taken for errors."""
    unknown = [
        f"status {shown(status)} in {count:,} rows"
        for status, count in service.get("unknown_statuses", {}).items()
    ]
    if not unknown:
        return ""
    verb = "is none" if len(unknown) == 1 else "are none"
    return f"; {' and '.join(unknown)} {verb} of ok, error, fallback"


def _share(day: date, name: str, good: int, total: int, **fields: object) -> Signal:
    value = good / total if total else nan
    return Signal.on(day, name, value, good=good, total=total, n=total, **fields)
