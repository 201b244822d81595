"""Is anything wrong with a model, or with telling people about it?"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from monitoring_dagster.act.fallback import words_of
from monitoring_dagster.decide.judging.quality.version_days import FIRST_CHAMPION, POOLED_SKILL
from monitoring_dagster.decide.judging.tolerance import metric_of
from monitoring_dagster.decide.rules import Evidence
from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.judge.judged import drift_verdicts, latest_judged, newest_quality
from monitoring_dagster.report.wording import counted
from monitoring_dagster.stats.drift.drift_verdict import Verdict
from monitoring_dagster.store.days.diagnoses import diagnosis_of
from monitoring_dagster.store.days.profiles import service_of
from monitoring_dagster.store.days.signals import signals
from monitoring_dagster.store.days.step_findings import VERDICT
from monitoring_dagster.store.ledger.deliveries import Waiting
from monitoring_dagster.store.models.registry import RegistryUnavailable
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.views.incident_list import listed

MISSING = "MISSING"
_BARS = {FIRST_CHAMPION: "first champion's", POOLED_SKILL: "skill by"}  # area of signals: in words


@dataclass(frozen=True, slots=True)
class ServingVersion:
    """The version that serves, and who says so."""

    version: str | None
    words: str


@dataclass(frozen=True, slots=True)
class Status:
    """One model at a glance."""

    model: str
    healthy: bool
    judged_until: str | None
    judged_on: Mapping[str, str | None]  # part: the newest day with a verdict on it
    champion: str | None
    fallback: str | None  # since when it is on, and by whom
    incidents: tuple[str, ...]
    likely_cause: str | None  # of what the newest day says, where one outweighs all others
    undelivered: int  # messages that have not arrived: the three that follow
    pending: int
    ambiguous: int  # sent or not, nobody knows yet
    dead: int
    held: int  # messages that wait for business hours, and are not late
    oldest_undelivered_s: float | None  # of those that are not dead
    metrics: Mapping[str, Mapping[str, float] | str]  # by family; MISSING where there is no data
    words: str


def status_of(monitor: Monitor) -> Status:
    """Open incidents, messages that did not arrive, and who serves."""
    days = monitor.results.days(monitor.name, VERDICT)
    day = days[-1] if days else None
    judged, problem = _judged(monitor, day)
    incidents = tuple(
        one.status for one in listed(monitor.ledger, now=monitor.house.now(), model=monitor.name)
    )
    cause = _likely_cause(monitor, day) if day and incidents else None
    waiting = monitor.ledger.deliveries.waiting(monitor.house.now(), model=monitor.name)
    champion = champion_of(monitor)
    switch = monitor.ledger.fallback(monitor.name)
    fallback = words_of(switch) if switch and switch.on else None
    outages = [f"{one.destination} is out of order" for one in monitor.ledger.deliveries.outages()]
    held = f"{counted(waiting.held, 'message')} held until business hours"
    parts = [
        f"{monitor.name}: judged until {day or 'never'}{_elsewhen(day, judged)}",
        champion.words,
        *problem,
        *([f"fallback {fallback}"] if fallback else []),
        "; ".join(incidents) or ("no open incident" if day else "no verdict yet"),
        *([f"likely {cause}"] if cause else []),
        *_undelivered(waiting),
        *([held] if waiting.held else []),
        *outages,
    ]
    is_late = waiting.oldest is not None and waiting.oldest > monitor.house.notifier.overdue
    return Status(
        model=monitor.name,
        healthy=not (incidents or waiting.dead or is_late or outages) and day is not None,
        judged_until=str(day) if day else None,
        judged_on={str(part): str(one) if one else None for part, one in judged.items()},
        champion=champion.version,
        fallback=fallback,
        incidents=incidents,
        likely_cause=cause,
        undelivered=waiting.pending + waiting.claimed + waiting.dead,
        pending=waiting.pending,
        ambiguous=waiting.claimed,
        dead=waiting.dead,
        held=waiting.held,
        oldest_undelivered_s=waiting.oldest.total_seconds() if waiting.oldest else None,
        metrics=_families(monitor, day, judged) if day else {},
        words=", ".join(parts),
    )


def _likely_cause(monitor: Monitor, day: date) -> str | None:
    diagnosis = diagnosis_of(monitor, day)
    cause = diagnosis.leading if diagnosis else None
    return f"{cause.title} ({cause.weight:.0%}): {cause.action}" if cause else None


def champion_of(monitor: Monitor) -> ServingVersion:
    """By the ledger; MLflow is asked where the ledger has no promotion."""
    promotions = monitor.ledger.promotions(monitor.name)
    version = promotions[-1].version if promotions else None
    if version is None:
        try:
            version = monitor.registry.champion(monitor.spec.mlflow_name)
        except MonitoringError as error:
            return ServingVersion(None, f"champion unknown ({error})")
    if version is None:
        return ServingVersion(
            None, f"no champion: {monitor.spec.mlflow_name!r} has no such alias in MLflow"
        )
    return ServingVersion(version, f"version {version} serves")


def _judged(monitor: Monitor, day: date | None) -> tuple[dict[Evidence, date | None], list[str]]:
    """The newest judged day of each part; and in words where nobody can say."""
    if day is None:
        return {}, []
    try:
        return {part: one.day for part, one in latest_judged(monitor, day).items()}, []
    except RegistryUnavailable as error:
        return {}, [f"last judged days unknown ({error})"]


def _elsewhen(day: date | None, judged: Mapping[Evidence, date | None]) -> str:
    """Parts whose newest verdict is about another day than the newest one."""
    others = [
        f"{part} {f'until {one}' if one else 'without a verdict'}"
        for part, one in judged.items()
        if one != day
    ]
    return f" ({', '.join(others)})" if others else ""


def _undelivered(waiting: Waiting) -> list[str]:
    """Messages that have not arrived, by what is known of them."""
    counts = {
        "pending": waiting.pending,
        "ambiguous": waiting.claimed,
        "dead": waiting.dead,
    }
    said = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    if not said:
        return []
    age = f", the oldest for {_age(waiting.oldest)}" if waiting.oldest is not None else ""
    error = f" (last error: {waiting.last_error})" if waiting.last_error else ""
    found = [f"messages not delivered: {said}{age}{error}"]
    if waiting.dead:
        found.append("for the dead, remove the cause, then: monitoring-dagster messages resend")
    return found


def _age(waited: timedelta) -> str:
    """A duration in its largest unit.

    >>> _age(timedelta(seconds=90)), _age(timedelta(hours=30)), _age(timedelta(days=3))
    ('1 min', '30 h', '3 days')
    """
    minutes = max(int(waited.total_seconds() // 60), 0)
    if minutes < 120:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"


def _families(
    monitor: Monitor, day: date, judged: Mapping[Evidence, date | None]
) -> dict[str, Mapping[str, float] | str]:
    """Each family's numbers of its newest judged day; one without data is named all the same."""
    families = {
        "model": _quality(monitor, day) if judged.get(Evidence.QUALITY) else {},
        "data": _drifted(monitor, judged.get(Evidence.PREDICTIONS), judged.get(Evidence.FEATURES)),
        "service": _service(monitor, judged.get(Evidence.SERVICE)),
        "infra": {},
    }
    return {name: found or MISSING for name, found in families.items()}


def _quality(monitor: Monitor, day: date) -> dict[str, float]:
    """The judged metrics, and beside them what no promotion moves: the first champion's promise,
    and the skill over a constant."""
    bars = [f"{area}.{name}" for area in _BARS for name in monitor.spec.tolerances]
    return {
        f"{metric_of(one)}, version {one.version}": one.value
        for one in newest_quality(monitor, day)
    } | {
        f"{_BARS[one.name.partition('.')[0]]} {metric_of(one)}, version {one.version}": one.value
        for one in signals(monitor, *bars, first=day, last=day)
    }


def _drifted(monitor: Monitor, *days: date | None) -> dict[str, float]:
    newest = max((one for one in days if one), default=None)
    if newest is None:
        return {}
    rows = [
        row
        for part in (Evidence.PREDICTIONS, Evidence.FEATURES)
        for row in drift_verdicts(monitor, newest, part)
    ]
    drifted, muted = (
        {row["column"] for row in rows if row["verdict"] == verdict}
        for verdict in (Verdict.DRIFT, Verdict.MUTED)
    )
    return {"columns_drifted": len(drifted), "columns_muted": len(muted - drifted)}


def _service(monitor: Monitor, day: date | None) -> dict[str, float]:
    if day is None:
        return {}
    service = service_of(monitor, day)
    return {"rows": service["rows"], "error_rate": service["error_rate"]}
