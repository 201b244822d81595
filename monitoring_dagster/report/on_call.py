"""Roster: who is on call, from which week or day on, as the project's file says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

import yaml

from monitoring_dagster.errors import MonitoringError, escaped

_WEEK = re.compile(r"(\d{4})-W(\d{2})")
_FORM = "write a week or a day and a name, such as 2026-W49: ada or 2026-11-30: ada"
_MOST_CHARACTERS = 80


class BadRoster(MonitoringError):
    """The file that says who is on call cannot be meant."""

    @classmethod
    def unreadable(cls, error: Exception) -> Self:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        reason = getattr(error, "problem", None) or getattr(error, "strerror", None)
        return cls(f"{where}{reason or 'this is no YAML'}: {_FORM}")

    @classmethod
    def entry(cls, written: object) -> Self:
        return cls(f"{escaped(repr(written))[:_MOST_CHARACTERS]} names nobody: {_FORM}")


@dataclass(frozen=True, slots=True)
class OnCall:
    """Who is on call, and under which id Slack knows that person; or why nobody can say."""

    name: str
    slack_user: str | None = None


@dataclass(frozen=True, slots=True)
class Shift:
    """A person, from one day to before another; None: until the next shift begins."""

    name: str
    begins: date
    ends: date | None


@dataclass(frozen=True, slots=True)
class Roster:
    """Everybody's shifts, in order, in one time zone; or the *problem* with the file.

    ``users`` are Slack's ids by name.
    """

    file: str
    shifts: tuple[Shift, ...] = ()
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    users: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""

    @classmethod
    def parsed(cls, text: str, *, file: str, zone: ZoneInfo, users: Mapping[str, str]) -> Self:
        """What a file says: by week or by first day, a name. Raises BadRoster.

        >>> text = "2026-W49: ada"
        >>> roster = Roster.parsed(text, file="on_call.yaml", zone=ZoneInfo("UTC"), users={})
        >>> roster.on_call(datetime.fromisoformat("2026-12-06T23:59:59Z")).name
        'ada'
        """
        try:
            written = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError) as error:  # the 30th of February
            raise BadRoster.unreadable(error) from None
        if not isinstance(written, dict):
            raise BadRoster.entry(written)
        shifts = sorted((_shift(*one) for one in written.items()), key=lambda one: one.begins)
        return cls(file, tuple(shifts), zone, users)

    def on_call(self, moment: datetime) -> OnCall:
        """Who is on call at a *moment*: the shift that began last, if it has not ended."""
        if self.problem:
            return OnCall(f"unknown ({self.problem})")
        day = moment.astimezone(self.zone).date()
        begun = [one for one in self.shifts if one.begins <= day]
        if not begun or (begun[-1].ends is not None and begun[-1].ends <= day):
            year, week, _ = day.isocalendar()
            return OnCall(f"nobody ({self.file} has no entry for {year}-W{week:02d})")
        name = begun[-1].name
        ids = {known.casefold(): id_ for known, id_ in self.users.items()}
        return OnCall(name, ids.get(name.casefold()))


def _shift(when: Any, name: Any) -> Shift:
    if not isinstance(name, str) or not name.strip():
        raise BadRoster.entry({when: name})
    if isinstance(when, date) and not isinstance(when, datetime):
        return Shift(name.strip(), when, None)
    week = _WEEK.fullmatch(when) if isinstance(when, str) else None
    try:
        monday = date.fromisocalendar(int(week[1]), int(week[2]), 1) if week else None
    except ValueError:  # a week that its year has not
        monday = None
    if monday is None:
        raise BadRoster.entry({when: name})
    return Shift(name.strip(), monday, monday + timedelta(days=7))
