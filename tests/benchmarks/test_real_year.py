"""A thread is counted as its messages told it."""

from datetime import date, timedelta

import pytest

from benchmarks.drawn_years import Heard
from benchmarks.real_year import Episode

FIRST = date(2026, 1, 1)


def episode(*turns, last=20):
    """From the number of a day, the reason and the severity of each message."""
    messages = [
        Heard("a", FIRST + timedelta(days=day), reason, severity, frozenset({"drop"}), FIRST, "m")
        for day, reason, severity in turns
    ]
    return Episode("a", messages, FIRST + timedelta(days=last))


@pytest.mark.parametrize(
    ("turns", "is_open", "urgent"),
    [
        pytest.param([(0, "first seen", "P2"), (4, "resolved", "P2")], 4, 0, id="never urgent"),
        pytest.param([(0, "first seen", "P2"), (2, "got worse", "P1"), (5, "resolved", "P1")], 5, 3,
                     id="urgent from the second message on"),
        pytest.param([(0, "first seen", "P1"), (2, "resolved", "P1"), (6, "open again", "P2"),
                      (7, "resolved", "P2")], 3, 2, id="quiet in between"),
        pytest.param([(18, "first seen", "P0")], 3, 3, id="open to the end"),
    ],
)  # fmt: skip
def test_days_are_counted_from_message_to_message(turns, is_open, urgent):
    found = episode(*turns)
    assert (len(found.open_days), len(found.urgent_days)) == (is_open, urgent)
    assert found.rules == ["drop"]
    assert found.is_incident
