"""Years are drawn in weeks, and what is stored of a day moves to another date whole."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from benchmarks.drawn_library import Variant
from benchmarks.drawn_models import SourceDay, moved
from benchmarks.drawn_years import (
    Heard,
    Stored,
    Told,
    added,
    drawn_days,
    moved_account,
    noted_signals,
    redated,
    signals_in,
)
from benchmarks.planted_faults import (
    Fault,
    doubled_base_rate,
    exchanged_labels,
    flipped_in_segment,
    wrongly_labelled,
)
from benchmarks.planted_year import Detection, false_a_year, finding_message
from benchmarks.quiet_year import summary
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.store.days.signals import noted

SOURCES = [date(2025, 1, 1) + timedelta(days=n) for n in range(90)]
VARIANT = Variant("flipped", flipped_in_segment)
FIRST, DAY, LATER = date(2025, 4, 1), date(2025, 1, 6), date(2025, 4, 7)


@pytest.fixture
def years():
    return [
        drawn_days(SOURCES, first=FIRST, days=200, rng=np.random.default_rng(seed))
        for seed in range(20)
    ]


def test_every_weekday_keeps_its_place(years):
    for year in years:
        for number, source in enumerate(year):
            assert source.weekday() == (FIRST + timedelta(days=number)).weekday()


def test_weeks_are_drawn_whole_and_no_day_is_left_out(years):
    for year in years:
        breaks = [n for n in range(1, len(year)) if year[n] - year[n - 1] != timedelta(days=1)]
        assert breaks
        assert all((later - one) % 7 == 0 for one, later in pairwise(breaks))
    assert {source for year in years for source in year} == {*SOURCES}


def test_the_same_seed_draws_the_same_year():
    one, same = (
        drawn_days(SOURCES, first=FIRST, days=50, rng=np.random.default_rng(3)) for _ in range(2)
    )
    assert one == same


def test_all_times_move_and_nothing_else():
    utc = pa.timestamp("us", tz="UTC")
    table = pa.table(
        {
            "at": pa.array([pd.Timestamp("2025-01-06 23:59", tz="UTC"), None], utc),
            "day": pa.array([DAY, None], pa.date32()),
            "n": [1, 2],
        }
    )
    later = moved(table, 91)
    assert later.schema == table.schema
    assert later["at"].to_pylist()[0] == pd.Timestamp("2025-04-07 23:59", tz="UTC")
    assert later["day"].to_pylist() == [LATER, None]
    assert later["n"].to_pylist() == [1, 2]


def test_a_result_has_its_new_date_in_signals_words_and_notes():
    signals = [
        Signal.on(DAY, "contract.rows", 5, known_on=DAY, reason=f"the predictions of {DAY}"),
        Signal.on(DAY, "contract.breaches", 0.0),
    ]
    notes = {**noted(signals), "usable": "1", "service": f'{{"day": "{DAY}"}}'}
    table = pa.table({"words": [f"since {DAY}", None], "value": ["a", "b"]})
    now, noted_now = redated(Stored(table, notes, signals_in(notes)), DAY, LATER)
    expected = [
        Signal.on(LATER, "contract.rows", 5, known_on=LATER, reason=f"the predictions of {LATER}"),
        Signal.on(LATER, "contract.breaches", 0.0),
    ]
    assert repr(signals_in(noted_now).to_pylist()) == repr(signals_in(noted(expected)).to_pylist())
    assert now["words"].to_pylist() == [f"since {LATER}", None]
    assert noted_now["service"] == f'{{"day": "{LATER}"}}'


def test_signals_survive_being_noted():
    notes = noted([Signal.on(DAY, "volume.rows", 3.0, n=3)])
    assert noted_signals(signals_in(notes)) == notes


def test_accounts_of_labels_that_arrive_together_add_up():
    one = {"rows": 5, "joined": 4, "pending": 1, "by_day": {str(DAY): 4},
           "ones_by_day": {str(DAY): 2}, "counted": 4, "expected": 1.5}  # fmt: skip
    other = moved_account({**one, "pending": 0, "uncounted": 1}, 1)
    total = added([one, other])
    day_after = str(DAY + timedelta(days=1))
    assert total["by_day"] == {str(DAY): 4, day_after: 4}
    assert total["ones_by_day"] == {str(DAY): 2, day_after: 2}
    assert (total["rows"], total["joined"], total["uncounted"]) == (10, 8, 1)
    assert (total["counted"], total["expected"]) == (8, 3.0)


def test_what_waits_for_a_file_alone_is_an_orphan_among_all_files():
    total = added([{"rows": 3, "pending": 3}])
    assert (total["orphan"], total["pending"]) == (3, 0)


def test_without_labels_the_account_is_empty():
    total = added([])
    assert (total["rows"], total["by_day"], "counted" in total) == (0, {}, False)


def message(day, *rules, thread="a", reason="first seen", severity="P2"):
    at = FIRST + timedelta(days=day)
    return Heard(thread, at, reason, severity, frozenset(rules), at, "flight_delay")


@pytest.mark.parametrize(
    ("messages", "found"),
    [
        pytest.param([message(9, "drop")], None, id="before the begin it is false"),
        pytest.param([message(10, "drop")], 10, id="on the first day"),
        pytest.param([message(12, "other"), message(14, "drop", thread="b")], 14,
                     id="another rule is no find"),
        pytest.param([message(12, "drop", reason="resolved")], None, id="an end is no find"),
        pytest.param([message(5, "drop"), message(12, "drop", reason="still open")], None,
                     id="what was open before says nothing"),
        pytest.param([message(5, "other"), message(12, "other", "drop", reason="got worse")], 12,
                     id="a thread that was open, and names it now"),
        pytest.param([message(5, "drop"), message(12, "drop", thread="b")], 12,
                     id="a thread of its own"),
        pytest.param(
            [message(5, "drop"), message(8, "drop", reason="resolved"),
             message(12, "drop", reason="open again")],
            12, id="a thread of which people were told that it is over"),
    ],
)  # fmt: skip
def test_a_fault_is_found_by_the_first_message_that_is_news(messages, found):
    first = finding_message(messages, {"drop"}, begin=FIRST + timedelta(days=10))
    assert (first and (first.day - FIRST).days) == found


def test_what_the_year_without_the_fault_tells_as_well_is_not_due_to_it():
    usual = message(11, "drop")
    messages = [usual, message(12, "other"), message(13, "drop", thread="b")]
    found = finding_message(messages, {"drop"}, begin=FIRST, but=[usual])
    assert found == messages[2]


def test_a_decay_is_served_in_steps():
    steps = tuple(replace(VARIANT, name=f"step {n}") for n in (1, 2))
    fault = Fault("decay", frozenset({FindingKind.PERFORMANCE_DROP}), steps)
    assert [fault.on(n) for n in (0, 7, 8, 22, 23, 60)] == [
        "quiet", "quiet", "step 1", "step 1", "step 2", "step 2",
    ]  # fmt: skip


def test_a_single_variant_is_served_from_the_first_day_on():
    fault = Fault("flip", frozenset(), (VARIANT,))
    assert fault.on(0) == fault.on(60) == VARIANT.name


def told(*messages, days=365):
    return Told(days, messages, urgent_days=0)


@pytest.mark.parametrize(
    ("incidents", "urgent", "missed"),
    [
        pytest.param(2, 3, False, id="exactly on both bars"),
        pytest.param(3, 3, True, id="one incident too many"),
        pytest.param(2, 4, True, id="one urgent year too many"),
    ],
)
def test_the_bar_of_quiet_years(incidents, urgent, missed):
    years = [
        told(*(
            message(n, "drop", thread=str(n), severity="P1" if seed < urgent else "P2")
            for n in range(incidents)
        ))
        for seed in range(20)
    ]  # fmt: skip
    assert summary(years)["misses the bar"] is missed


def test_counts_are_those_of_a_whole_year():
    found = summary([told(message(1, "drop"), days=73)])
    assert (found["incidents a year"], found["messages a year"]) == (5.0, 5.0)


def test_false_episodes_of_a_year_count_once_however_many_faults_it_has():
    def one(fault):
        return Detection(fault, 0, 73, None, None, 0, 0, (), false_before=2)

    assert false_a_year([one("a"), one("b")]) == 10.0


def source_day(rows=400):
    rng = np.random.default_rng(0)
    score = rng.random(rows)
    ids = [f"r{n}" for n in range(rows)]
    served = pa.table(
        {"request_id": ids, "score": score, "origin": rng.choice(["EWR", "JFK"], rows)}
    )
    labels = pa.table({"request_id": ids, "label": (rng.random(rows) < score).astype(np.int64)})
    return SourceDay(DAY, pd.DataFrame(), None, served, labels)


def test_a_flipped_relation_keeps_the_base_rate_and_the_other_segments():
    day = source_day()
    changed = flipped_in_segment(day, None)
    own = np.array(day.served["origin"]) == "EWR"
    was, now = (np.array(one.labels["label"]) for one in (day, changed))
    assert was.sum() == now.sum()
    assert (was[~own] == now[~own]).all()
    score = day.served["score"].to_numpy()[own]
    assert np.corrcoef(score, was[own])[0, 1] > 0.3
    assert np.corrcoef(score, now[own])[0, 1] < -0.3


def test_wrong_labels_are_a_tenth_of_the_ones():
    day = source_day(4000)
    wrong = wrongly_labelled(day, None, share=0.1)
    was, now = (np.array(one.labels["label"]) for one in (day, wrong))
    assert not ((was == 0) & (now == 1)).any()
    assert 1 - now.sum() / was.sum() == pytest.approx(0.1, abs=0.03)


def test_exchanged_labels_are_the_same_labels():
    day = source_day()
    was, now = (
        np.array(one.labels["label"]) for one in (day, exchanged_labels(day, None, share=0.5))
    )
    assert was.sum() == now.sum()
    assert (was != now).any()


def test_a_doubled_base_rate_has_as_many_rows():
    rows = pd.DataFrame(
        {
            "request_id": [str(n) for n in range(100)],
            "served_at": pd.date_range("2025-01-06", periods=100, freq="min", tz="UTC"),
            "late": [1.0] * 20 + [0.0] * 70 + [np.nan] * 10,
        }
    )

    class Service:
        def served(self, changed, day, model):
            return changed

    day = SourceDay(DAY, rows, None, None, None)
    changed = doubled_base_rate(day, Service())
    assert (len(changed), (changed["late"] == 1).sum()) == (100, 40)
    assert changed["request_id"].is_unique
