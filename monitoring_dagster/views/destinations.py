"""Where a message would go, when, by which route, and who is on call then."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from monitoring_dagster.act.notify.rosters import roster_of
from monitoring_dagster.decide.routing import Routed, due_at, routed
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.store.monitor import Monitor


@dataclass(frozen=True, slots=True)
class Destinations:
    """The answer about one message."""

    labels: Mapping[str, str]
    routed: Routed
    due: datetime | None
    on_call: str | None
    zone: ZoneInfo  # of the project's business hours: words name moments there

    @property
    def words(self) -> str:
        """A receiver a line, and why."""
        receivers = self.routed.not_before
        width = max(map(len, receivers))
        lines = [f"{one:<{width}}  {self._when(moment)}" for one, moment in receivers.items()]
        lines.append(f"by {' and '.join(self.routed.by) or 'no route: the receivers of the model'}")
        lines += [f"due {self._moment(self.due)}"] if self.due else []
        lines += [f"on call {self.on_call}"] if self.on_call else []
        return "\n".join(lines)

    def _when(self, moment: datetime | None) -> str:
        return f"not before {self._moment(moment)}" if moment else "at once"

    def _moment(self, moment: datetime) -> str:
        return f"{moment.astimezone(self.zone):%a %Y-%m-%d %H:%M %Z}"

    def to_dict(self) -> dict[str, Any]:
        """For `--json`; no moment: at once."""
        return {
            "labels": dict(self.labels),
            "receivers": [
                {"receiver": one, "not_before": moment.isoformat() if moment else None}
                for one, moment in self.routed.not_before.items()
            ],
            "routes": list(self.routed.by),
            "due": self.due.isoformat() if self.due else None,
            "on_call": self.on_call,
        }


def destinations_of(
    monitor: Monitor,
    *,
    severity: Severity | None,
    now: datetime,
    kind: FindingKind | None = None,
    family: str = "",
    segment: str = "",
) -> Destinations:
    """Where a message about *monitor*'s model would go *now*; without a severity an announcement.

    The family is that of the *kind*, where none is given.
    """
    house, spec = monitor.house, monitor.spec
    labels = {
        "model": spec.name,
        "family": family or (str(RULES[kind].family) if kind else ""),
        "kind": str(kind or ""),
        "severity": str(severity or ""),
        "owner": spec.owner,
        "segment": segment,
    }
    roster = roster_of(house)
    return Destinations(
        labels=labels,
        routed=routed([labels], spec.channels, house.routing, now=now),
        due=due_at(severity, now, house.routing.hours) if severity else None,
        on_call=roster.on_call(now).name if roster else None,
        zone=house.routing.hours.zone,
    )
