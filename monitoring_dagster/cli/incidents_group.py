"""The commands by which people handle incidents, and silence what they know of."""

from datetime import UTC, datetime, timedelta
from typing import Any, Self

import click

from monitoring_dagster.cli import here
from monitoring_dagster.cli.output import print_json
from monitoring_dagster.errors import MonitoringError

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_BY = click.option("--by", default=None, help="Who says so; by default the user of this machine.")
_JSON = click.option("--json", "as_json", is_flag=True)
_COMMENT = click.option("--comment", default="", help="Goes into the thread.")
_UNTIL = click.option(
    "--until", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]), help="UTC."
)
_FOR = click.option("--for", "lasting", metavar="DURATION", help="Such as 30m, 4h, 2d or 1w.")


class NoEnd(MonitoringError):
    """A snooze or a silence needs one end that lies ahead."""

    @classmethod
    def wanted(cls) -> Self:
        return cls("write either --until 2026-01-31 or --for 4h: this needs an end")

    @classmethod
    def duration(cls, written: str) -> Self:
        return cls(f"{written!r} is no duration: write a number and m, h, d or w, such as 4h")

    @classmethod
    def past(cls, end: datetime) -> Self:
        return cls(f"{end:%Y-%m-%d %H:%M} UTC is over: write an end that lies ahead")


class NobodyAssigned(MonitoringError):
    """An incident is assigned to a blank name."""

    @classmethod
    def blank(cls) -> Self:
        return cls("the name is blank: write who has the incident, such as ada")


class NoSilence(MonitoringError):
    """Somebody asked for a silence by a number that none has."""

    @classmethod
    def of(cls, number: int) -> Self:
        return cls(
            f"there is no silence {number}: `monitoring-dagster silences list --all` names them"
        )


@click.command("list")
@click.option("--model", default=None, help="Of one model alone.")
@click.option("--all", "closed", is_flag=True, help="Those that are closed, too.")
@_JSON
def list_incidents(model: str | None, closed: bool, as_json: bool) -> None:
    """Show the open incidents, the most urgent first: who handles each, and what is silenced."""
    from monitoring_dagster.views.incident_list import listed

    house = here.project().house
    found = listed(house.ledger, now=house.now(), model=model, closed=closed)
    if as_json:
        print_json([one.to_dict() for one in found])
        return
    for one in found:
        click.echo(one.words)
    if not found:
        click.echo("no incident" if closed else "no open incident")


@click.command()
@click.argument("incident")
@_JSON
def show(incident: str, as_json: bool) -> None:
    """Show one incident and all that happened since; INCIDENT is the beginning of its id."""
    from monitoring_dagster.views.incident_list import shown, to_text

    house = here.project().house
    found, timeline = shown(house.ledger, incident, now=house.now())
    if as_json:
        entries = [{"at": one.at.isoformat(), "words": one.words} for one in timeline]
        print_json(found.to_dict() | {"timeline": entries})
    else:
        click.echo(to_text(found, timeline))


@click.command()
@click.argument("incident")
@_COMMENT
@_BY
@_JSON
def acknowledge(incident: str, comment: str, by: str | None, as_json: bool) -> None:
    """Say that somebody looks at it: no reminders while it is open. What gets worse is sent."""
    _handle("acknowledge", incident, comment=comment, by=by, as_json=as_json)


@click.command()
@click.argument("incident")
@click.argument("person")
@_COMMENT
@_BY
@_JSON
def assign(incident: str, person: str, comment: str, by: str | None, as_json: bool) -> None:
    """Say who has it: no reminders while it is open. What gets worse is sent. The latest counts."""
    if not person.strip():
        raise NobodyAssigned.blank()
    _handle("assign", incident, comment=comment, by=by, as_json=as_json, assignee=person.strip())


@click.command()
@click.argument("incident")
@_UNTIL
@_FOR
@_COMMENT
@_BY
@_JSON
def snooze(
    incident: str,
    until: datetime | None,
    lasting: str | None,
    comment: str,
    by: str | None,
    as_json: bool,
) -> None:
    """Send no reminders for a while. What gets worse is sent all the same."""
    end = _end(until, lasting, here.project().house.now())
    _handle("snooze", incident, comment=comment, by=by, as_json=as_json, until=end)


@click.command()
@click.argument("incident")
@_COMMENT
@_BY
@_JSON
def resolve(incident: str, comment: str, by: str | None, as_json: bool) -> None:
    """Close it. What a later day finds again opens it once more."""
    _handle("resolve", incident, comment=comment, by=by, as_json=as_json)


@click.command()
@click.option("--quarter", "written", default=None, metavar="YEAR-Qn", help="Such as 2026-Q3.")
@click.option("--model", default=None, help="Of one model alone.")
@_JSON
def review(written: str | None, model: str | None, as_json: bool) -> None:
    """Say which rules spoke, what was done about it, and which to keep, retune or remove.

    By default of the last 90 days.
    """
    from monitoring_dagster.views import incident_review

    house = here.project().house
    today = house.now().date()
    first, last = today - timedelta(days=90), today
    if written is not None:
        first, last = incident_review.quarter(written)
    found = incident_review.review(house.ledger, first=first, last=last, model=model)
    if as_json:
        print_json(found.to_dict())
        return
    for line in found.lines:
        click.echo(line)


@click.command()
def listen() -> None:
    """Take clicks on the buttons in Slack until Ctrl-C: needs SLACK_APP_TOKEN and `slack_users`."""
    from threading import Event

    from monitoring_dagster.act.notify.listening import listening

    with listening(here.project().house):
        click.echo("listening to the buttons in Slack")
        Event().wait()


@click.command()
@click.argument("matcher", nargs=-1, required=True)
@_UNTIL
@_FOR
@click.option("--comment", required=True, help="Why; it is shown with every silenced incident.")
@_BY
@_JSON
def add(
    matcher: tuple[str, ...],
    until: datetime | None,
    lasting: str | None,
    comment: str,
    by: str | None,
    as_json: bool,
) -> None:
    """Hold back messages about incidents that match all of MATCHER.

    A matcher is model, family, kind, severity, owner or segment, one of = != =~ !~, and a value:
    model=credit, kind=~'.*_drift', or segment=country=DE. What is silenced is recorded, and sent at
    the end if it is still so.
    """
    from monitoring_dagster.spec.matchers import Matcher

    house = here.project().house
    now = house.now()
    made = house.ledger.silences.add(
        [Matcher.written(one) for one in matcher],
        now=now,
        ends_at=_end(until, lasting, now),
        by=by or here.person(),
        comment=comment,
    )
    _say(made, as_json=as_json)


@click.command("list")
@click.option("--all", "ended", is_flag=True, help="Those that have ended, too.")
@_JSON
def list_silences(ended: bool, as_json: bool) -> None:
    """Show what is silenced, until when, by whom and why."""
    house = here.project().house
    now = house.now()
    found = [one for one in house.ledger.silences.all() if ended or one.ends_at > now]
    if as_json:
        print_json([_silence(one) for one in found])
        return
    for one in found:
        _say(one, as_json=False)
    if not found:
        click.echo("nothing is silenced")


@click.command()
@click.argument("number", type=int)
@_JSON
def expire(number: int, as_json: bool) -> None:
    """End a silence now. What it held back is sent if it is still so."""
    house = here.project().house
    ended = house.ledger.silences.expire(number, now=house.now())
    if ended is None:
        raise NoSilence.of(number)
    _say(ended, as_json=as_json)


def _handle(
    action: str,
    id_: str,
    *,
    comment: str,
    by: str | None,
    as_json: bool,
    until: datetime | None = None,
    assignee: str | None = None,
) -> None:
    from monitoring_dagster.decide.people.handling import Action, Handling
    from monitoring_dagster.views.incident_list import incident_named, shown

    house = here.project().house
    ledger, now = house.ledger, house.now()
    incident = incident_named(ledger, id_)
    new = Handling(
        incident.id, Action(action), by or here.person(), now, until, comment.strip(),
        assignee=assignee,
    )  # fmt: skip
    _, is_new = ledger.handlings.record(incident.model, new)
    found, _ = shown(ledger, incident.id, now=now)
    if as_json:
        print_json(found.to_dict() | {"changed": is_new})
    else:
        click.echo(found.words if is_new else f"{found.words} (nothing new)")


def _end(until: datetime | None, lasting: str | None, now: datetime) -> datetime:
    """When a snooze or a silence ends, UTC. Raises NoEnd."""
    if (until is None) == (lasting is None):
        raise NoEnd.wanted()
    if lasting is not None:
        number, unit = lasting[:-1], lasting[-1:]
        if unit not in _UNITS or not (number.isascii() and number.isdigit()) or len(number) > 4:
            raise NoEnd.duration(lasting)
        end = now + timedelta(**{_UNITS[unit]: int(number)})
    else:
        assert until is not None, "one of the two is given"
        end = until.replace(tzinfo=UTC)
    if end <= now:
        raise NoEnd.past(end)
    return end


def _silence(one: Any) -> dict[str, Any]:
    return {
        "number": one.number,
        "matchers": [str(matcher) for matcher in one.matchers],
        "starts_at": one.starts_at.isoformat(),
        "ends_at": one.ends_at.isoformat(),
        "by": one.by,
        "comment": one.comment,
    }


def _say(one: Any, *, as_json: bool) -> None:
    if as_json:
        print_json(_silence(one))
    else:
        click.echo(f"{one.number}  {' '.join(map(str, one.matchers))}  {one.words}")
