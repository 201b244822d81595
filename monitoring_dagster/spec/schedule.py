"""When the days of a model are judged."""

import re
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field

from monitoring_dagster.spec.record import Misplaced, Record, matching, shown

_HOUR = r"([01]\d|2[0-3]):[0-5]\d"
_DAY_MINUTES = 24 * 60


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


class Schedule(Record):
    """When a day is judged: a day is a UTC day, and its hour the first one after it has ended."""

    at: Annotated[str, BeforeValidator(_hour), matching(rf"\{{\{{|^{_HOUR}$")] = Field(
        default="06:00",
        description='Hour at which the day before is judged, in quotes: "06:00".',
    )
    time_zone: Annotated[str, AfterValidator(_zone)] = Field(
        default="UTC", description="Of `at`, such as Europe/Berlin."
    )
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


def _moment(local: datetime, zone: ZoneInfo) -> datetime:
    """An hour on the clock there; the second of two where clocks go back, as Dagster's cron has
    it, and what the clocks show in its place where they go forward."""
    moment = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    skipped = moment.astimezone(zone).replace(tzinfo=None) != local
    return local.replace(tzinfo=zone).astimezone(UTC) if skipped else moment
