"""From counts to breaches: what is said, how urgent it is, and from which share of the rows on."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from monitoring_dagster.kinds import Severity
from monitoring_dagster.measure.breaches import (
    by_share,
    examples,
    in_rows,
    nested_roles,
    no_times,
    retyped,
    shown,
    wants_levels,
)
from monitoring_dagster.sources.inspection.inspection import IdCounts, Inspection, Odd, Times
from monitoring_dagster.stats.columns.bins import CategoricalBins, NumericBins
from tests.tiny import DAY, spec_of

P1, P2, P3 = Severity.P1, Severity.P2, Severity.P3
ROWS = 1000
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
HOUR = 3600.0
GOOD = Inspection(
    rows=ROWS,
    counted=ROWS,
    times=Times(0, 0, 0, MIDNIGHT, MIDNIGHT + HOUR),
    ids=IdCounts(0, 0, ROWS, ROWS),
    without_version=0,
    without_prediction=0,
    scores=Odd(ROWS, 0),
    least_score=0.0,
    largest_score=1.0,
    mean_scores=(0.2, 0.8),
)
WORDS, TRUTH = CategoricalBins(("a", "b")), CategoricalBins(("0", "1"))
NUMBERS = NumericBins(np.array([0.0, 1.0]))


def breaches(**changed):
    return list(in_rows(spec_of(), DAY, replace(GOOD, **changed)))


def the_only(found):
    (one,) = found
    return one


def test_a_day_as_agreed_has_no_breach():
    assert breaches() == []


@pytest.mark.parametrize(
    ("share", "severity"),
    [(0.0, P3), (0.01, P3), (0.0101, P2), (0.5, P2), (0.501, P1), (1.0, P1)],
)
def test_more_rows_are_more_urgent(share, severity):
    assert by_share(share) is severity


@pytest.mark.parametrize(
    ("missing", "severity", "judged"),
    [(1, P3, True), (10, P3, True), (11, P2, False), (500, P2, False), (501, P1, False)],
)
def test_answers_that_are_missing(missing, severity, judged):
    one = the_only(breaches(without_prediction=missing))
    assert (one.subject, one.severity, one.is_judged) == ("prediction", severity, judged)
    assert one.words.startswith(f"{missing} of 1,000 rows ({missing / ROWS:.1%}) have no 'predict")
    one = the_only(breaches(scores=Odd(ROWS - missing, 0)))
    assert (one.subject, one.severity, one.is_judged) == ("score", severity, judged)


@pytest.mark.parametrize(("missing", "severity"), [(10, P3), (11, P2), (501, P1)])
def test_rows_that_name_no_version(missing, severity):
    one = the_only(breaches(without_version=missing))
    assert (one.subject, one.severity) == ("model_version", severity)
    assert one.words.endswith("have no 'model_version': no version is judged by them")


@pytest.mark.parametrize(
    ("odd", "low", "high", "severity", "left_out", "words"),
    [
        pytest.param(10, 0.0, 70.0, P3, False, "run from 0 to 70. They are read as missing",
                     id="1 %: no cause is named"),
        pytest.param(11, 0.0, 70.0, P2, False, "70: per cent?. They are read as missing",
                     id="above 1 %"),
        pytest.param(500, 0.0, 100.0, P2, False, "100: per cent?", id="half, up to 100"),
        pytest.param(501, 0.0, 100.1, P1, True, "run from 0 to 100.1", id="most, beyond 100"),
        pytest.param(501, -4.0, 3.0, P1, True, "run from -4 to 3: logits?", id="below zero"),
    ],
)  # fmt: skip
def test_scores_that_are_no_probabilities(odd, low, high, severity, left_out, words):
    one = the_only(breaches(scores=Odd(ROWS, odd), least_score=low, largest_score=high))
    assert (one.severity, one.is_left_out) == (severity, left_out)
    assert words in one.words
    assert one.is_judged is (odd <= 10)
    assert ("the others are judged" in one.words) is not left_out


@pytest.mark.parametrize(
    ("means", "counted", "told"),
    [
        pytest.param((0.6, 0.4), 30, True, id="the wrong way round"),
        pytest.param((0.6, 0.4), 29, False, id="of too few rows"),
        pytest.param((0.5, 0.5), 1000, False, id="as high on both sides"),
        pytest.param((None, 0.4), 1000, False, id="no row was said to be 0"),
        pytest.param((0.6, None), 1000, False, id="no row was said to be 1"),
    ],
)
def test_scores_of_the_other_class(means, counted, told):
    found = breaches(mean_scores=means, counted=counted, scores=Odd(counted, 0))
    assert [one.severity for one in found] == ([P1] if told else [])
    assert all("Write that of class 1" in one.words for one in found)


def test_numbers_have_no_scores_to_be_odd():
    spec = spec_of(task="regression", predictions={"path": "{day}.parquet"})
    found = replace(GOOD, scores=Odd(0, 0), mean_scores=(0.9, 0.1))
    assert list(in_rows(spec, DAY, found)) == []


@pytest.mark.parametrize(
    ("ids", "severity", "words"),
    [
        pytest.param(IdCounts(10, 0, 990, 990), P3, "10 of 1,000 rows (1.0%) have no 'request_id'",
                     id="one in a hundred is missing"),
        pytest.param(IdCounts(11, 0, 989, 989), P2, "no label will find them", id="some more"),
        pytest.param(IdCounts(900, 0, 100, 100), P2, "(90.0%) have no", id="nine of ten"),
        pytest.param(IdCounts(901, 0, 99, 99), P1, "(90.1%) have no", id="more than that"),
        pytest.param(IdCounts(0, 0, 899, ROWS, 899), P2, "101 of 1,000 rows", id="above a tenth"),
        pytest.param(IdCounts(0, 0, 99, ROWS, 990), P1, "the id of a customer or a session",
                     id="nearly all are repeated"),
        pytest.param(IdCounts(0, 0, 500, ROWS, 505), P2, "written more than once",
                     id="with their times, but for one in a hundred"),
        pytest.param(IdCounts(0, 0, 500, ROWS, 506), P2, "a customer or a session",
                     id="at other times"),
        pytest.param(IdCounts(0, 0, 1, ROWS, 1), P1, "a constant in place of an id", id="one id"),
        pytest.param(IdCounts(0, 900, ROWS, ROWS), P2, "has lost its last digits", id="floats"),
        pytest.param(IdCounts(0, 901, ROWS, ROWS), P1, "Write ids as text", id="most are floats"),
    ],
)  # fmt: skip
def test_ids_that_tell_no_request_from_another(ids, severity, words):
    one = the_only(breaches(ids=ids))
    assert (one.subject, one.severity) == ("request_id", severity)
    assert words in one.words


def test_a_tenth_of_retries_is_no_breach():
    assert breaches(ids=IdCounts(0, 0, 900, ROWS, 900)) == []


def test_two_faults_of_the_ids_are_one_breach_as_urgent_as_the_worse():
    one = the_only(breaches(ids=IdCounts(950, 0, 1, 50, 1)))
    assert one.severity is P1
    assert one.words.count("; ") == 1


@pytest.mark.parametrize(
    ("elsewhere", "first", "last", "severity", "cause"),
    [
        pytest.param(10, -HOUR, 9 * HOUR, P3, "2026-03-02 09:00", id="few: no cause is named"),
        pytest.param(1000, 24 * HOUR, 30 * HOUR, P1, "a file of another day, 1 day later?",
                     id="tomorrow's file"),
        pytest.param(1000, -48 * HOUR, -30 * HOUR, P1, "another day, 2 days earlier?",
                     id="an older file"),
        pytest.param(60, -HOUR, 22 * HOUR, P2, "a day of local time, -1 hours from UTC's?",
                     id="Berlin's day"),
        pytest.param(600, 14 * HOUR, 38 * HOUR, P1, "local time, +14 hours from UTC's?",
                     id="the farthest zone"),
        pytest.param(600, 15 * HOUR, 39 * HOUR, P1, "to 2026-03-03 15:00", id="no zone is so far"),
        pytest.param(600, -HOUR, 23.1 * HOUR, P1, "to 2026-03-02 23:06", id="more than a day"),
    ],
)  # fmt: skip
def test_times_of_another_day_with_their_likely_cause(elsewhere, first, last, severity, cause):
    one = the_only(breaches(times=Times(0, 0, elsewhere, MIDNIGHT + first, MIDNIGHT + last)))
    assert (one.subject, one.severity) == ("served_at", severity)
    assert one.words.endswith(cause)


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        pytest.param(1.77e6, 1.78e6, "1970-01-21 11:40 to 1970-01-21 14:26: another unit",
                     id="seconds taken for milliseconds"),
        pytest.param(1.77e12, 1.78e12, "from the year 58,0", id="milliseconds taken for seconds"),
    ],
)  # fmt: skip
def test_times_in_another_unit(first, last, words):
    one = the_only(breaches(times=Times(0, 0, ROWS, first, last)))
    assert words in one.words
    assert one.words.endswith("another unit (seconds, milliseconds)?")


def test_times_that_are_missing_or_cannot_be_read_are_one_breach():
    one = the_only(breaches(times=Times(3, 8, 0, None, None, "seconds", ("x\x1b[2J",))))
    assert one.severity is P2
    assert one.words == (
        "3 of 1,000 rows (0.3%) have no 'served_at'; 8 of 1,000 rows (0.8%) have a 'served_at' that"
        " cannot be read, for example 'x\\x1b[2J' (seconds since 1970?)"
    )


def test_a_column_without_any_time_is_left_out_with_the_way_out():
    one = no_times("at", arrived="BIGINT", times=Times(0, 9, 0, None, None, "seconds", ("17",)))
    assert (one.severity, one.is_left_out) == (P1, True)
    assert one.words == (
        "'at' arrives as BIGINT, which is no time, for example '17' (seconds since 1970?): the day"
        " is not judged. Write timestamps, then re-materialise it"
    )


@pytest.mark.parametrize(
    ("arrived", "kind", "bins", "odd", "severity", "left_out", "words"),
    [
        pytest.param('"NULL"', "numeric", NUMBERS, None, P1, True,
                     "holds nothing but missing values", id="nulls"),
        pytest.param("DOUBLE[]", "numeric", NUMBERS, None, P1, True, "which cannot be read",
                     id="lists in place of numbers"),
        pytest.param("BOOLEAN", "numeric", NUMBERS, None, P3, False, "true is read as 1",
                     id="truths in place of numbers"),
        pytest.param("VARCHAR", "numeric", NUMBERS, Odd(0, 0), P1, True, "and holds no value",
                     id="text without a value"),
        pytest.param("VARCHAR", "numeric", NUMBERS, Odd(100, 0), P2, False,
                     "the numbers in it are read. Write it as numbers", id="numbers as text"),
        pytest.param("VARCHAR", "numeric", NUMBERS, Odd(100, 1, ("old",)), P2, False,
                     "are read; 1 of 100 values (1.0%) cannot be read, for example 'old'",
                     id="one word in a hundred"),
        pytest.param("VARCHAR", "numeric", NUMBERS, Odd(100, 2, ("old",)), P1, False,
                     "2 of 100 values (2.0%) cannot be read", id="two words in a hundred"),
        pytest.param("VARCHAR", "numeric", NUMBERS, Odd(100, 51, ("1,5",)), P1, True,
                     "decimal commas, blanks or currency? Write them as 1234.5",
                     id="most with decimal commas"),
        pytest.param("VARCHAR", "numeric", NUMBERS, Odd(100, 50, ("1.5%",)), P1, False,
                     "percent signs? Write them without", id="half with percent signs"),
        pytest.param("BIGINT[]", "categorical", WORDS, None, P1, True, "has no categories",
                     id="lists in place of words"),
        pytest.param("BLOB", "categorical", WORDS, Odd(100, 51, ()), P1, True, "cannot be read",
                     id="bytes that are no text"),
        pytest.param("BIGINT", "categorical", WORDS, Odd(100, 51, ("7",)), P1, False,
                     "51 of 100 values (51.0%) are none of the reference's, for example '7'",
                     id="codes in place of words"),
        pytest.param("BOOLEAN", "categorical", TRUTH, Odd(100, 50), P3, False,
                     "arrives as BOOLEAN instead of 1 and 0; the values are read as the same",
                     id="truths in place of 1 and 0"),
    ],
)  # fmt: skip
def test_a_column_of_another_type(arrived, kind, bins, odd, severity, left_out, words):
    one = retyped("feature", "x", arrived=arrived, kind=kind, bins=bins, odd=odd)
    assert (one.subject, one.severity, one.is_left_out) == ("x", severity, left_out)
    assert words in one.words


@pytest.mark.parametrize(
    ("arrived", "kind", "bins", "odd"),
    [
        pytest.param("BIGINT", "numeric", NUMBERS, None, id="whole numbers"),
        pytest.param("TIME", "numeric", NUMBERS, None, id="times of day, read as seconds"),
        pytest.param("VARCHAR", "categorical", WORDS, None, id="words"),
        pytest.param("BIGINT", "categorical", TRUTH, None, id="numbers that were not looked at"),
    ],
)
def test_a_column_of_its_own_type_is_no_breach(arrived, kind, bins, odd):
    assert retyped("feature", "x", arrived=arrived, kind=kind, bins=bins, odd=odd) is None


@pytest.mark.parametrize(
    ("arrived", "bins", "wanted"),
    [
        ("BIGINT", WORDS, True), ("BIGINT", TRUTH, False), ("BOOLEAN", TRUTH, True),
        ("BOOLEAN", CategoricalBins(("false", "true")), False), ("VARCHAR", WORDS, False),
        ("BIGINT[]", WORDS, False), ('"NULL"', WORDS, False), ("BIGINT", NUMBERS, False),
        ("BIGINT", None, False),
    ],
)  # fmt: skip
def test_only_values_tell_whether_numbers_are_the_words(arrived, bins, wanted):
    assert wants_levels(arrived, bins) is wanted


def test_roles_of_which_each_is_several_values():
    log = spec_of(predictions={"path": "{day}.parquet", "status": "status"}).predictions
    plain = {"request_id": "VARCHAR", "model_version": "BIGINT", "status": "VARCHAR"}
    assert list(nested_roles(log, plain)) == []
    long = "STRUCT(" + "a BIGINT, " * 20 + ")"
    one = the_only(nested_roles(log, {**plain, "status": long}))
    assert (one.subject, one.severity) == ("status", P1)
    assert one.words == f"'status' arrives as {long[:57]}...: write one plain value a row"


def test_values_from_data_are_cut_and_harmless():
    assert shown("x" * 41) == repr("x" * 40) + "..."
    assert shown("x" * 40) == repr("x" * 40)
    assert examples([]) == ""
    assert examples(["a", "\x1b[2J"]) == ", for example 'a', '\\x1b[2J'"
