"""When is a day that was judged computed again?  A pure question about files and times."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

_FIRST_WAIT = timedelta(minutes=15)
_GROWS_BY = 3  # 15 minutes, 45, 2 h 15 min, 6 h 45 min: at most five times in 24 hours
_IN = timedelta(hours=24)


def is_changed(before: Mapping[str, Sequence[int]], now: Mapping[str, Sequence[int]]) -> bool:
    """Whether a day's files hold something that they did not hold when it was judged.

    Files that were deleted since take nothing back: what was kept of a day outlives its rows.

    >>> is_changed({}, {"a.parquet": [100, 1]}), is_changed({"a.parquet": [100, 1]}, {})
    (True, False)
    """
    return any(list(before.get(name, [])) != list(one) for name, one in now.items())


def waits_until(asked: Sequence[datetime], *, now: datetime) -> datetime | None:
    """Until when a day rests that was computed again at the times *asked*; None: no longer.

    The wait grows with every time of the last 24 hours, whether a run failed or a file is
    rewritten all the time.
    """
    recent = sorted(one for one in asked if one > now - _IN)
    if not recent:
        return None
    until = recent[-1] + _FIRST_WAIT * _GROWS_BY ** (len(recent) - 1)
    return until if until > now else None
