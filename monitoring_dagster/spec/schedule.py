"""When the days of a model are judged, and the hours in which people work."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import lru_cache
from itertools import count
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field

from monitoring_dagster.spec.record import Day, Misplaced, Record, matching, shown

_HOUR = r"([01]\d|2[0-3]):[0-5]\d"
_DAY_MINUTES = 24 * 60
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _hour(written: object) -> object:
    if isinstance(written, time):  # as TOML writes it
        return f"{written:%H:%M}"
    if isinstance(written, str) and "{{" not in written and not re.fullmatch(_HOUR, written):
        message = (
            f"{shown(written)} is no time of day: write hours and minutes from 00:00 to 23:59, such"
            ' as "06:00"'
        )
        raise ValueError(message)
    return written


def _zone(name: str) -> str:
    if name == "UTC" or "{{" in name or name in _zones():
        return name
    plain = name.replace(" ", "_").lower()
    near = [one for one in sorted(_zones()) if f"/{one.lower()}".endswith(f"/{plain}")]
    if "/" in name:  # the nearest of all short names would be another country's
        near += get_close_matches(name, _zones(), n=1)
    way = f"Did you mean {near[0]!r}?" if near else "Write its name, such as Europe/Berlin or UTC."
    message = f"there is no time zone {shown(name)}. {way}"
    raise ValueError(message)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


Hour = Annotated[str, BeforeValidator(_hour), matching(rf"\{{\{{|^{_HOUR}$")]
Zone = Annotated[str, AfterValidator(_zone)]


class Schedule(Record):
    """When a day is judged: a day is a UTC day, and its hour the first one after it has ended."""

    at: Hour = Field(
        default="06:00",
        description='Hour at which the day before is judged, in quotes: "06:00".',
    )
    time_zone: Zone = Field(default="UTC", description="Of `at`, such as Europe/Berlin.")
    grace_minutes: int = Field(
        default=0,
        ge=0,
        lt=_DAY_MINUTES,
        description="How long after `at` a file may still arrive before it is called missing.",
    )

    def over(self, base: "Schedule") -> "Schedule":
        """What is written here, and for the rest what *base* says.

        Raises
        ------
        Misplaced
            The grace would reach into the next UTC day.
        """
        both = Schedule.model_validate({**base._written(), **self._written()})
        both.refuse_long_grace()
        return both

    def refuse_long_grace(self) -> None:
        """Raise Misplaced where, in summer or in winter, the next day ends before the grace."""
        if "{{" in self.at + self.time_zone:  # a template, filled in later
            return
        for month in (1, 7):
            begins = self.judged_at(date(2026, month, 1))
            left = _DAY_MINUTES - 1 - begins.hour * 60 - begins.minute
            if self.grace_minutes > left:
                message = (
                    f"grace_minutes {self.grace_minutes} after {self.at} {self.time_zone} passes"
                    f" midnight UTC, when another day ends: at most {left} are possible"
                )
                raise Misplaced(message, "schedule", "grace_minutes")

    def judged_at(self, day: date) -> datetime:
        """When *day* is judged, if its files are there: the first such hour after it has ended.

        >>> Schedule(time_zone="Asia/Tokyo").judged_at(date(2026, 3, 1)).isoformat()
        '2026-03-02T21:00:00+00:00'
        """
        return self._first_after(day, self._minute)

    def missed_at(self, day: date) -> datetime:
        """When a file of *day* that is not there is called missing."""
        late = self._first_after(day, self._minute + self.grace_minutes)
        return max(late, self.judged_at(day))

    @property
    def cron(self) -> str:
        """The minute and the hour of `missed_at`, every day."""
        hour, minute = self._latest
        return f"{minute} {hour} * * *"

    @property
    def words(self) -> str:
        """When it is, for people.

        >>> Schedule(time_zone="Europe/Berlin", grace_minutes=90).words
        '06:00 Europe/Berlin, at 07:30 where files are late'
        """
        hour, minute = self._latest
        grace = f", at {hour:02d}:{minute:02d} where files are late" if self.grace_minutes else ""
        return f"{self.at} {self.time_zone}{grace}"

    @property
    def _latest(self) -> tuple[int, int]:
        return divmod((self._minute + self.grace_minutes) % _DAY_MINUTES, 60)

    @property
    def _minute(self) -> int:
        hours, minutes = self.at.split(":")
        return int(hours) * 60 + int(minutes)

    def _first_after(self, day: date, minute: int) -> datetime:
        ended = datetime.combine(day + timedelta(days=1), time(), UTC)
        zone = ZoneInfo(self.time_zone)
        hour, rest = divmod(minute % _DAY_MINUTES, 60)
        here = ended.astimezone(zone).date()
        moments = (
            _moment(datetime.combine(here + timedelta(days=n), time(hour, rest)), zone)
            for n in range(2)
        )
        return next(one for one in moments if one >= ended)

    def _written(self) -> dict[str, object]:
        return {key: getattr(self, key) for key in self.model_fields_set}


class BusinessHours(Record):
    """When people work. All moments are aware UTC, whatever the clocks do meanwhile."""

    days: list[Weekday] = Field(
        default_factory=lambda: list(_WEEK[:5]), min_length=1, description="mon to fri by default."
    )
    start: Hour = Field(default="09:00", description='In quotes: "09:00".')
    end: Hour = Field(default="17:00", description='In quotes: "17:00".')
    time_zone: Zone | None = Field(
        default=None, description="By default that of the project's `schedule`."
    )
    holidays: list[Day] = Field(default_factory=list, description="Days on which nobody works.")

    def _check(self) -> None:
        if self.end <= self.start:
            message = f"end {self.end} is not after start {self.start}: hours lie within one day"
            raise Misplaced(message, "end")

    def in_zone(self, name: str) -> "BusinessHours":
        """The same in the time zone *name*, where none is written."""
        return self if self.time_zone else self.model_copy(update={"time_zone": name})

    @property
    def zone(self) -> ZoneInfo:
        """Where they are."""
        return ZoneInfo(self.time_zone or "UTC")

    def opening(self, moment: datetime) -> datetime:
        """*moment* where people work then, else when they next begin.

        >>> BusinessHours().opening(datetime(2026, 1, 9, 17, tzinfo=UTC)).isoformat()
        '2026-01-12T09:00:00+00:00'
        """
        begins, _ = next((begins, ends) for begins, ends in self._spells(moment) if ends > moment)
        return max(begins, moment)

    def later(self, moment: datetime, worked: timedelta) -> datetime:
        """When people have worked for so long since *moment*.

        >>> friday = datetime(2026, 1, 9, 16, 30, tzinfo=UTC)
        >>> BusinessHours().later(friday, timedelta(hours=1)).isoformat()
        '2026-01-12T09:30:00+00:00'
        """
        for begins, ends in self._spells(moment):
            room = ends - max(begins, moment)
            if room >= worked:
                return max(begins, moment) + worked
            worked -= max(room, timedelta())
        raise AssertionError

    def a_day_later(self, moment: datetime) -> datetime:
        """The same time on the next day on which people work, counted from when they begin.

        >>> friday = datetime(2026, 1, 9, 16, 30, tzinfo=UTC)
        >>> BusinessHours().a_day_later(friday).isoformat()
        '2026-01-12T16:30:00+00:00'
        """
        begun = self.opening(moment).astimezone(self.zone)
        day = next(one for one in self._days(begun.date() + timedelta(days=1)))
        return _moment(datetime.combine(day, begun.time()), self.zone)

    def planning(self, moment: datetime) -> datetime:
        """When people begin in the first week with a working day after the week of *moment*.

        >>> BusinessHours().planning(datetime(2026, 1, 9, 17, tzinfo=UTC)).isoformat()
        '2026-01-12T09:00:00+00:00'
        """
        monday = self.monday(moment) + timedelta(days=7)
        return self._spell(next(self._days(monday)))[0]

    def last_planning(self, moment: datetime) -> datetime:
        """When people last began a week, *moment* included.

        >>> BusinessHours().last_planning(datetime(2026, 1, 12, 8, 59, tzinfo=UTC)).isoformat()
        '2026-01-05T09:00:00+00:00'
        """
        mondays = (self.monday(moment) - timedelta(days=7 * n) for n in count())
        weeks = ((monday, next(self._days(monday))) for monday in mondays)
        begun = (self._spell(day)[0] for monday, day in weeks if (day - monday).days < 7)
        return next(one for one in begun if one <= moment)

    def monday(self, moment: datetime) -> date:
        """The first day of the week of *moment*, there."""
        here = moment.astimezone(self.zone).date()
        return here - timedelta(days=here.weekday())

    def _spells(self, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
        """From when to when people work, day by day, from the day of *moment* on."""
        return map(self._spell, self._days(moment.astimezone(self.zone).date()))

    def _days(self, first: date) -> Iterator[date]:
        """The days from *first* on on which people work."""
        days = (first + timedelta(days=n) for n in count())
        return (
            one for one in days if _WEEK[one.weekday()] in self.days and one not in self.holidays
        )

    def _spell(self, day: date) -> tuple[datetime, datetime]:
        begins, ends = (
            _moment(datetime.combine(day, time.fromisoformat(hour)), self.zone)
            for hour in (self.start, self.end)
        )
        return begins, ends


def _moment(local: datetime, zone: ZoneInfo) -> datetime:
    """An hour on the clock there; the second of two where clocks go back, as Dagster's cron has
    it, and what the clocks show in its place where they go forward."""
    moment = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    skipped = moment.astimezone(zone).replace(tzinfo=None) != local
    return local.replace(tzinfo=zone).astimezone(UTC) if skipped else moment
