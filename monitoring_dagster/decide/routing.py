"""Routing of messages: who receives one, when it goes out, and by when somebody should look."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitoring_dagster.kinds import Severity
from monitoring_dagster.spec.channels import Channels, Route
from monitoring_dagster.spec.schedule import BusinessHours

_WAITS = {Severity.P2, Severity.P3}  # for business hours, where no route says otherwise


@dataclass(frozen=True, slots=True)
class Routing:
    """What a project says about the messages of all its models."""

    routes: tuple[Route, ...] = ()
    hours: BusinessHours = field(default_factory=BusinessHours)


@dataclass(frozen=True, slots=True)
class Routed:
    """Who receives one message, and when.

    ``not_before`` is by receiver: None at any hour, else from then on, in business hours.
    """

    not_before: Mapping[str, datetime | None]
    elsewhere: datetime | None  # the same for further receivers, where its thread stands already
    by: tuple[str, ...]  # the routes that matched, in words; none: the model's own receivers

    @property
    def destinations(self) -> tuple[str, ...]:
        """Every receiver."""
        return tuple(self.not_before)

    def at(self, destination: str) -> datetime | None:
        """From when on it may go there."""
        return self.not_before.get(destination, self.elsewhere)


def routed(
    signs: Sequence[Mapping[str, str]], channels: Channels, routing: Routing, *, now: datetime
) -> Routed:
    """Who receives a message, and when.

    Parameters
    ----------
    signs
        The labels of each rule that the message tells of: it goes wherever one of them leads.

    The first route that matches decides, those of the model before those of the project; where it
    says ``continue`` the next one that matches has a say, too. Where none matches the receivers of
    the model do. Of two ways to one receiver the sooner counts.
    """
    opening = routing.hours.opening(now)
    not_before: dict[str, datetime | None] = {}
    by: dict[str, None] = {}
    for labels in signs:
        usual = opening if labels["severity"] in _WAITS else None
        moments = {"always": None, "business_hours": opening, None: usual}
        found = list(_matching(labels, channels, routing))
        by |= dict.fromkeys(words for words, _ in found)
        for when, destinations in [(one.when, one.destinations) for _, one in found] or [
            (None, channels.destinations)
        ]:
            for one in destinations:
                if moments[when] is None or one not in not_before:
                    not_before[one] = moments[when]
    waits = all(labels["severity"] in _WAITS for labels in signs)
    return Routed(not_before, opening if waits else None, tuple(by))


def due_at(severity: Severity, raised_at: datetime, hours: BusinessHours) -> datetime:
    """By when somebody should look, as `Severity` says: P0 at once, whatever the hour.

    >>> from datetime import UTC
    >>> friday = datetime(2026, 1, 9, 16, 30, tzinfo=UTC)
    >>> [f"{due_at(one, friday, BusinessHours()):%a %H:%M}" for one in Severity]
    ['Fri 16:30', 'Mon 09:30', 'Mon 16:30', 'Mon 09:00']
    """
    match severity:
        case Severity.P0:
            return raised_at
        case Severity.P1:
            return hours.later(raised_at, timedelta(hours=1))
        case Severity.P2:
            return hours.a_day_later(raised_at)
        case Severity.P3:
            return hours.planning(raised_at)


def _matching(
    labels: Mapping[str, str], channels: Channels, routing: Routing
) -> Iterator[tuple[str, Route]]:
    places = ((channels.routes, "channels.routes"), (routing.routes, "pyproject.toml, routes"))
    for routes, place in places:
        for number, route in enumerate(routes, 1):
            if all(one.matches(labels) for one in route.matchers):
                matchers = " ".join(map(str, route.matchers)) or "every message"
                yield f"{place} {number}: {matchers}", route
                if not route.goes_on:
                    return
