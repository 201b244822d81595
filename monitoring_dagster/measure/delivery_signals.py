"""What a day's delivery holds, as signals: rows by hour, odd ones, ages of features, keys."""

from collections.abc import Iterator, Sequence
from datetime import date

from monitoring_dagster.decide.judging.delivery.dominant_keys import KEY_SHARE
from monitoring_dagster.decide.judging.delivery.missing_hours import HOUR_ROWS
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.measure.breaches import FEW, Breach, examples
from monitoring_dagster.sources.inspection.inspection import Inspection
from monitoring_dagster.spec.sources import Predictions
from monitoring_dagster.store.days.usable_rows import CONTRACT, INVALID

AGE = "freshness.feature_age_hours"
_MOST_INCOMPLETE = 0.001  # of the rows
_FEW_ROWS = 3  # below, no log is called incomplete for them


def delivery_signals(day: date, found: Inspection) -> Iterator[Signal]:
    """Of the day's inspection; hours only where the rows have times."""
    if any(found.hours):
        for hour, rows in enumerate(found.hours):
            yield Signal.on(day, HOUR_ROWS, rows, subject=f"{hour:02}:00", n=rows)
    if found.rows:
        yield _share(day, "contract.incomplete_share", found.incomplete, found.rows)
        yield _share(day, INVALID, found.invalid, found.rows)
    if (ages := found.ages) is not None:
        for subject in ("median", "p99", "oldest"):
            yield Signal.on(day, AGE, getattr(ages, subject), subject=subject, n=ages.rows)
        yield _share(day, "freshness.missing_share", ages.missing, found.counted)
        yield _share(day, "freshness.ahead_share", ages.ahead, found.counted)
    if found.keys is not None:
        for key, rows in found.keys.most:
            yield _share(day, KEY_SHARE, rows, found.keys.rows, subject=key)


def incomplete_log(
    log: Predictions, found: Inspection, breaches: Sequence[Breach]
) -> Iterator[Breach]:
    """Rows without version, id or time, counted together: each of them may be few, where none of
    the *breaches* says that it is not."""
    roles = (log.version, log.request_id, log.served_at)
    if any(one.subject in roles and one.severity <= Severity.P2 for one in breaches):
        return
    if found.incomplete < _FEW_ROWS or found.incomplete <= _MOST_INCOMPLETE * found.rows:
        return
    words = (
        f"{found.incomplete:,} of {found.rows:,} rows ({found.incomplete / found.rows:.2%}) have no"
        f" {log.version!r}, {log.request_id!r} or {log.served_at!r} (limit {_MOST_INCOMPLETE:.1%})"
    )
    yield Breach("log completeness", Severity.P2, words, is_judged=True)


def synthetic_leak(day: date, log: Predictions, found: Inspection) -> Iterator[Signal]:
    """The statement that test traffic is taken for real, where it is."""
    leaked = found.untagged_tests
    if not leaked.odd:
        return
    words = (
        f"{leaked.odd:,} of {leaked.values:,} rows ({leaked.share:.1%}) have the id of test traffic"
        f"{examples(leaked.examples)} and are not {log.synthetic!r}: they are judged as real"
    )
    severity = Severity.P1 if leaked.share > FEW else Severity.P2
    name, subject = f"{CONTRACT}.{FindingKind.SYNTHETIC_LEAK}", str(log.synthetic)
    yield Signal.stating(day, name, subject, words, severity=severity)


def _share(day: date, name: str, part: int, rows: int, subject: str = "") -> Signal:
    return Signal.on(day, name, part / rows, subject=subject, good=part, total=rows, n=rows)
