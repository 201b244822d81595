"""An incident as it stands, for tests of what reads one."""

from monitoring_dagster.decide.incidents import Incident, Notice, Part
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.kinds import FindingKind, Severity


def standing(
    *firing, day, kind=FindingKind.FEATURE_DRIFT, name="i", severity=Severity.P2, seen=None,
    judged=None, closed=None, told=False,
):  # fmt: skip
    """One that *day* opened, by one rule; *firing* are subjects."""
    prints = frozenset(f"credit/{kind}/{one}" for one in firing)
    last_seen, is_over = seen or day, closed is not None
    return Incident(
        id=name,
        model="credit",
        family=RULES[kind].family,
        severity=severity,
        opened_on=day,
        last_seen=last_seen,
        judged_on=judged or last_seen,
        parts={
            kind: Part(
                severity, day, last_seen, judged or last_seen, firing=prints, is_over=is_over
            )
        },
        closed_on=closed,
        told=Notice(prints, severity, day) if told else None,
    )
