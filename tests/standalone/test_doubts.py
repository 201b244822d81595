"""What may be wrong with two tables or their metrics is said from a clear bound on."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from monitoring_dagster.sources.rows.rows import connected
from monitoring_dagster.sources.tables.files import Table
from monitoring_dagster.standalone.doubts import Early, of_certainty, of_other_class
from monitoring_dagster.standalone.joined_tables import labelled
from monitoring_dagster.standalone.reading.ids_and_times import NothingJoins, UnusableIds
from monitoring_dagster.standalone.reading.opened_tables import (
    NothingToJudge,
    opened_labels,
    opened_predictions,
)
from monitoring_dagster.standalone.reading.question import Question, label_rules
from monitoring_dagster.stats.quality.performance import Metric

NAN = float("nan")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
N = 40
MOMENT = pa.timestamp("us", "UTC")


def moments(*times):
    return pa.array(times, MOMENT)


def served(**changed):
    columns = {"id": [f"r{i}" for i in range(N)], "time": moments(*[NOON] * N),
               "prediction": [i % 2 for i in range(N)]} | changed  # fmt: skip
    return pa.table({name: one for name, one in columns.items() if one is not None})


def told(n=N, **changed):
    columns = {"id": [f"r{i}" for i in range(n)], "arrived": moments(*[NOON + HOUR] * n),
               "label": [i % 2 for i in range(n)]} | changed  # fmt: skip
    return pa.table({name: one for name, one in columns.items() if one is not None})


def found(predictions=None, labels=None, *, as_of=None, **rules):
    sides = [Table.of(one, side="") for one in (predictions or served(), labels or told())]
    question = Question({}, as_of, (), (), label_rules(**rules), "binary", None)
    return labelled(*sides, question, advance=lambda n: None)


def warnings(*sides, **asked):
    return found(*sides, **asked).warnings


def test_of_tables_that_fit_nothing_is_doubted():
    one = found()
    assert (one.warnings, one.notes, one.labels.joined) == ([], [], N)


class TestOrphans:
    def told(self, strange, *, write="x{}".format):
        ids = [write(i) if i < strange else f"r{i}" for i in range(N)]
        return told(id=ids)

    @pytest.mark.parametrize(("strange", "is_said"), [(2, False), (3, True)])
    def test_whose_ids_differ_are_said_from_one_in_twenty_on(self, strange, is_said):
        said = warnings(None, self.told(strange, write="R{}".format))
        assert bool(said) is is_said
        if is_said:
            assert said[0] == (
                "3 of 40 labels belong to no prediction: ids differ by upper and lower case"
                " (label 'R0', prediction 'r0'): write them alike in both"
            )

    @pytest.mark.parametrize(
        ("strange", "is_said"), [(20, False), (21, True)], ids=["half of them", "more"]
    )
    def test_of_no_known_cause_are_said_where_they_are_most(self, strange, is_said):
        said = warnings(None, self.told(strange, write=lambda i: "z" * (i + 1)))
        assert bool(said) is is_said
        if is_said:
            assert "21 of 40 labels belong to no prediction: ids of labels are like" in said[0]

    def test_beside_labels_of_all_predictions_are_of_other_requests(self):
        labels = told(4 * N, id=[f"r{i}" for i in range(N)] + [f"x{i}" for i in range(3 * N)])
        assert warnings(None, labels) == []

    def test_that_are_all_labels_are_refused(self):
        with pytest.raises(NothingJoins, match="no label belongs to a prediction: ids differ by"):
            found(None, self.told(N, write="R{}".format))


class TestEarly:
    @pytest.mark.parametrize(
        ("ahead", "words"),
        [
            (HOUR, "1 hours before 'time' in the median): are they in different time zones"
                   " (it is a whole number of hours), or swapped?"),
            (90 * timedelta(minutes=1), "1.5 hours before 'time' in the median): are they in"
                                        " different time zones, or swapped?"),
            (14 * HOUR, "14 hours before 'time' in the median): are they in different"),
            (15 * HOUR, "15 hours before 'time' in the median): are the two swapped"),
            (20_000 * DAY, "20,000 days before 'time' in the median): is a missing time written"),
            (timedelta(seconds=30), "30 seconds before 'time'"),
        ],
    )  # fmt: skip
    def test_labels_are_told_with_the_likely_cause(self, ahead, words):
        one = Early(1200, 4000, ahead, in_hours=ahead % HOUR == timedelta(0))
        with connected() as connection:
            question = Question({}, None, (), (), label_rules(), None, None)
            sides = [
                opener(connection, Table.of(table, side=""), question, lambda n: None)
                for opener, table in ((opened_predictions, served()), (opened_labels, told()))
            ]
        said = one.words(*sides)
        assert said.startswith(
            "1,200 of 4,000 labels arrive before their predictions are served ('arrived' is "
        )
        assert words in said

    @pytest.mark.parametrize(
        ("arrived", "labels"),
        [
            pytest.param(NOON, 0, id="at the same time"),
            pytest.param(NOON - timedelta(microseconds=1), N, id="just before"),
        ],
    )
    def test_labels_are_those_from_before_their_prediction(self, arrived, labels):
        said = warnings(None, told(arrived=moments(*[arrived] * N)))
        assert bool(said) is bool(labels)
        assert not said or said[0].startswith(f"{labels} of 40 labels arrive before")

    def test_labels_of_days_alone_are_none_on_the_day_itself(self):
        assert warnings(None, told(arrived=[NOON.date()] * N)) == []


class TestTimes:
    def test_that_say_their_zone_on_one_side_alone_are_said(self):
        naive = pa.array([NOON.replace(tzinfo=None)] * N, pa.timestamp("us"))
        (said,) = warnings(served(time=naive))
        assert said.startswith("times in 'arrived' say their zone, and those in 'time' do not")
        both = warnings(served(time=naive), told(arrived=pa.array(
            [(NOON + HOUR).replace(tzinfo=None)] * N, pa.timestamp("us"))))  # fmt: skip
        assert both == []

    @pytest.mark.parametrize(
        ("year", "is_said"), [(datetime(1970, 12, 31, 23, 59, tzinfo=UTC), True),
                              (datetime(1971, 1, 1, tzinfo=UTC), False)]
    )  # fmt: skip
    def test_before_1971_are_a_zero_that_means_missing(self, year, is_said):
        said = warnings(served(time=moments(year, *[NOON] * (N - 1))))
        zero = "times in 'time' that lie before 1971: 1. Is a missing time written as 0"
        assert any(one.startswith(zero) for one in said) is is_said

    @pytest.mark.parametrize(
        ("delay", "is_said"), [(365 * DAY, False), (365 * DAY + HOUR, True)], ids=["a year", "more"]
    )
    @pytest.mark.parametrize("as_of", [None, (NOON + 2 * DAY).date()], ids=["ever", "as of a day"])
    def test_a_year_apart_are_doubted(self, delay, is_said, as_of):
        if as_of is not None:
            delay += 1.5 * DAY  # counted from the beginning of the day that is asked about
        labels = told(arrived=moments(NOON + delay, *[NOON + HOUR] * (N - 1)))
        said = [one for one in warnings(None, labels, as_of=as_of) if "more than a year" in one]
        assert bool(said) is is_said


class TestDoubled:
    def told(self, again, *, other=False):
        labels = told().to_pylist()
        labels += [
            row | {"arrived": NOON + 2 * HOUR, "label": 1 - row["label"] if other else row["label"]}
            for row in labels[:again]
        ]
        return pa.Table.from_pylist(labels, schema=told().schema)

    @pytest.mark.parametrize(("again", "is_said"), [(4, False), (5, True)], ids=["a tenth", "more"])
    def test_labels_are_said_where_they_are_many(self, again, is_said):
        said = warnings(None, self.told(again))
        assert bool(said) is is_said
        if is_said:
            assert said[0].startswith(
                "5 of 45 labels are of a request that has one already (5 say the same, 0 otherwise)"
            )

    @pytest.mark.parametrize(("keep", "is_said"), [("first", True), ("last", False)])
    def test_corrections_are_expected_where_the_last_one_counts(self, keep, is_said):
        said = warnings(None, self.told(10, other=True), keep=keep)
        assert bool(said) is is_said
        if is_said:
            assert "(0 say the same, 10 otherwise): was a file read twice" in said[0]
            assert "or are these corrections (--keep last)?" in said[0]

    def test_labels_of_one_id_name_no_requests(self):
        with pytest.raises(UnusableIds, match="the ids of the table of labels, column 'id', are o"):
            found(None, told(id=["r0"] * N))


class TestLacking:
    @pytest.mark.parametrize(
        ("predictions", "words"),
        [
            ({"id": [None, *(f"r{i}" for i in range(1, N))]}, "1 without an id"),
            ({"time": moments(None, *[NOON] * (N - 1))}, "1 without a time in 'time'"),
            ({"time": ["soon", *["2026-03-01T12:00:00Z"] * (N - 1)]},
             "1 without a time in 'time' that can be read"),
            ({"prediction": [None, *(i % 2 for i in range(1, N))]}, "1 without a prediction"),
        ],
        ids=["an id", "a time", "a time that is none", "an answer"],
    )  # fmt: skip
    def test_rows_are_noted_by_what_they_lack(self, predictions, words):
        one = found(served(**predictions))
        assert f"predictions that count as invalid: {words}" in one.notes
        assert one.predictions.invalid == 1

    @pytest.mark.parametrize(("lacking", "is_many"), [(2, False), (3, True)])
    def test_rows_are_a_warning_from_one_in_twenty_on(self, lacking, is_many):
        labels = told(label=[*[None] * lacking, *(i % 2 for i in range(lacking, N))])
        one = found(None, labels)
        words = f"labels that count as invalid: {lacking} without a label"
        assert (words in one.warnings, words in one.notes) == (is_many, not is_many)

    @pytest.mark.parametrize(
        ("predictions", "labels", "words"),
        [
            (served(time=pa.nulls(N, MOMENT)), None, "no row of the table of predictions can be"),
            (None, told(arrived=pa.nulls(N, MOMENT)), "no row of the table of labels can be used:"
                                                      " of 40 rows 40 are without a time in"),
            (None, told(label=[NAN] * N), "of 40 rows 40 are without a label"),
        ],
        ids=["no time", "no arrival", "no label"],
    )  # fmt: skip
    def test_everything_in_all_rows_is_refused(self, predictions, labels, words):
        with pytest.raises(NothingToJudge) as refused:
            found(predictions, labels)
        assert words in str(refused.value)


def metric(value, *, low=None, high=None, n=1000):
    return Metric(value, value if low is None else low, value if high is None else high, n)


@pytest.mark.parametrize(
    ("auc", "is_doubted"),
    [
        pytest.param(None, False, id="no AUC"),
        pytest.param(metric(NAN), False, id="none that is defined"),
        pytest.param(metric(0.3), False, id="the bound"),
        pytest.param(metric(0.299), True, id="below it"),
        pytest.param(metric(0.2, low=0.1, high=0.3), True, id="surely"),
        pytest.param(metric(0.2, low=0.0, high=0.5), False, id="of few rows"),
        pytest.param(metric(0.2, low=0.0, high=0.24), False, id="less than five errors away"),
    ],
)
def test_scores_of_the_other_class_rank_the_wrong_way_round(auc, is_doubted):
    words = of_other_class(auc)
    assert bool(words) is is_doubted
    if is_doubted:
        assert words.startswith(f"ROC AUC is {auc.value:.3g}, far below 0.5")


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        pytest.param({}, "", id="no metric"),
        pytest.param({"base_rate": metric(1.0)}, "every label that is known is 1: ", id="all 1"),
        pytest.param({"base_rate": metric(0.0, n=1)}, "every label that is known is 0", id="one 0"),
        pytest.param({"base_rate": metric(0.0, n=0)}, "", id="no label"),
        pytest.param({"base_rate": metric(0.999)}, "", id="nearly all"),
        pytest.param({"accuracy": metric(1.0, n=100)}, "all 100 predictions are right", id="right"),
        pytest.param({"accuracy": metric(1.0, n=99)}, "", id="of few rows"),
        pytest.param({"accuracy": metric(0.999)}, "", id="nearly right"),
        pytest.param({"mae": metric(0.0, n=1200)}, "all 1,200 predictions are exact", id="exact"),
        pytest.param({"mae": metric(1e-9)}, "", id="nearly exact"),
        pytest.param({"accuracy": metric(NAN), "mae": metric(NAN)}, "", id="undefined"),
    ],
)
def test_metrics_that_are_too_good_are_doubted(metrics, words):
    said = of_certainty(metrics)
    assert said.startswith(words)
    assert bool(said) is bool(words)
