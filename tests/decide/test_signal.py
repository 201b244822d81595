"""A signal knows its window, says what is unknown, and reads as one line."""

from datetime import UTC, date, datetime
from math import isnan

import pytest

from monitoring_dagster.decide.signal import Signal

DAY = date(2026, 3, 2)


def test_a_day_is_a_half_open_window_in_utc():
    one = Signal.on(DAY, "volume.rows", 7)
    assert (one.start, one.end) == (
        datetime(2026, 3, 2, tzinfo=UTC),
        datetime(2026, 3, 3, tzinfo=UTC),
    )
    assert one.day == DAY


def test_what_is_unknown_is_no_number():
    one = Signal.on(DAY, "volume.rows", 7)
    assert all(map(isnan, (one.low, one.high, one.good, one.total, one.baseline, one.p_value)))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param({}, "q.x: 0.5, 0 rows", id="a bare number"),
        pytest.param(
            {"subject": "age", "version": "2", "segment": "country", "segment_value": "DE"},
            "q.x (age, version 2, country=DE): 0.5, 0 rows",
            id="what it is about",
        ),
        pytest.param(
            {"low": 0.4, "high": 0.6, "n": 1200, "baseline": 0.3, "baseline_name": "training"},
            "q.x (against training): 0.5 (0.4 to 0.6), 1,200 rows, baseline 0.3",
            id="interval, rows, baseline",
        ),
        pytest.param(
            {"known_on": date(2026, 3, 9)}, "q.x: 0.5, 0 rows, of 2026-03-02", id="known later"
        ),
        pytest.param(
            {"segment": "x", "segment_value": "\x1b[2J"},
            "q.x (x=\\x1b[2J): 0.5, 0 rows",
            id="a terminal obeys no value from data",
        ),
    ],
)
def test_a_line_for_people(fields, words):
    assert Signal.on(DAY, "q.x", 0.5, **fields).words == words
