"""Labels, predictions, scores, ids and times as people write them: read as meant, or refused."""

import json
from datetime import date
from decimal import Decimal
from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from monitoring_dagster.cli import main
from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.standalone.estimate_table import estimate
from monitoring_dagster.standalone.evaluate import evaluate
from tests.standalone.test_estimate_command import featured, numbers, unlabelled

N = 400
RNG = np.random.default_rng(5)
Y = RNG.integers(0, 2, N)
P = np.where(RNG.random(N) < 0.7, Y, 1 - Y)
S = np.clip(0.5 + 0.3 * (2 * Y - 1) + RNG.normal(0, 0.2, N), 0, 1)
RIGHT = float((Y == P).mean())
SERVED = pd.Timestamp("2026-03-01T06:00:00Z") + pd.to_timedelta(np.arange(N), unit="s")
HOUR = pd.Timedelta("1h")
DAY = date(2026, 3, 5)
YES, SAID = np.where(Y, "yes", "no"), np.where(P, "yes", "no")
C = RNG.integers(0, 4, N)
Q = np.where(RNG.random(N) < 0.7, C, RNG.integers(0, 4, N))
LETTERS = np.array(["a", "b", "c", "d"])


def column(values):
    """As Arrow has it; by pandas' own way it would say what pandas is about to change."""
    if not isinstance(values, pd.DatetimeIndex):
        return pa.array(values)
    zone = str(values.tz) if values.tz else None
    return pa.array(values.asi8, pa.timestamp(values.unit, zone))


def with_one(values, odd, *, place=7):
    """The same values, one of them replaced."""
    changed = column(values).to_pylist()
    changed[place] = odd
    return pa.array(changed)


def tables(predictions=None, labels=None):
    """Two tables that fit, with some columns otherwise; None takes one away."""
    ids = [f"r{i}" for i in range(N)]
    served = {"request_id": ids, "served_at": SERVED, "prediction": P} | (predictions or {})
    told = {"request_id": ids, "arrived_at": SERVED + HOUR, "label": Y} | (labels or {})
    return tuple(
        pa.table({name: column(one) for name, one in side.items() if one is not None})
        for side in (served, told)
    )


def found(predictions=None, labels=None, **asked):
    return evaluate(*tables(predictions, labels), **{"as_of": DAY, **asked})


def refused(predictions=None, labels=None, **asked):
    with pytest.raises(MonitoringError) as error:
        found(predictions, labels, **asked)
    return str(error.value)


def accuracy(evaluation):
    return evaluation.whole.metrics["accuracy"].value


class TestClasses:
    @pytest.mark.parametrize(
        ("prediction", "label", "positive"),
        [
            pytest.param(P, YES, "yes", id="0 and 1 for words"),
            pytest.param(P.astype(bool), np.where(Y, "Yes", "No"), "Yes", id="true for a word"),
            pytest.param(P.astype(float), np.where(Y, "Y", "N"), "y", id="floats, other case"),
            pytest.param(P.astype(str), np.array(["n", "y"])[Y], "y", id="text for words"),
            pytest.param(SAID, Y, "yes", id="words for 0 and 1"),
            pytest.param(np.where(P, "YES", "NO"), YES, "yes", id="words in capitals"),
            pytest.param(P, [f"{one}.0" for one in Y], None, id="0 against '0.0'"),
            pytest.param(P, Y.astype(bool), None, id="1 against true"),
            pytest.param(P, np.where(Y, "True", "FALSE"), None, id="1 against 'True'"),
            pytest.param(P, np.where(Y, " 1", "0 "), None, id="blanks around"),
            pytest.param(P.astype(float), Y.astype(float), "1", id="--positive 1 of 1.0"),
            pytest.param(P, Y.astype(bool), "1", id="--positive 1 of true"),
            pytest.param(P, [Decimal(int(one)) for one in Y], "true", id="decimals"),
            pytest.param(2 * P - 1, 2 * Y - 1, None, id="-1 and 1"),
            pytest.param(np.where(P, 1.0, -0.0), np.where(Y, 1.0, -0.0), None, id="-0.0"),
            pytest.param(2 * P - 1, np.where(Y, "+1", "-1"), None, id="+1"),
        ],
    )
    def test_two_classes_are_the_same_however_they_are_written(self, prediction, label, positive):
        one = found({"prediction": prediction}, {"label": label}, positive=positive)
        assert (one.whole.n, accuracy(one)) == (N, RIGHT)

    @pytest.mark.parametrize("write", [str, float, "{}.0".format, LETTERS.__getitem__])
    def test_more_classes_are_the_same_however_they_are_written(self, write):
        label = LETTERS[C] if write == LETTERS.__getitem__ else C
        one = found({"prediction": [write(c) for c in Q]}, {"label": label})
        assert (one.task, accuracy(one)) == ("multiclass", float((C == Q).mean()))
        given = found({"prediction": [write(c) for c in Q]}, {"label": label}, task="multiclass")
        assert accuracy(given) == accuracy(one)

    def test_classes_that_differ_by_case_alone_are_the_same_and_that_is_said(self):
        one = found({"prediction": LETTERS[Q]}, {"label": np.char.upper(LETTERS[C])})
        assert accuracy(one) == float((C == Q).mean())
        assert "upper and lower case of classes count as the same" in one.notes

    @pytest.mark.parametrize(
        ("prediction", "label", "asked", "said"),
        [
            pytest.param(SAID, YES, {"positive": "churned"}, "no label is 'churned'", id="no such"),
            pytest.param(SAID, YES, {"positive": "yse"}, "Did you mean 'yes'?", id="misspelt"),
            pytest.param(P, YES, {}, "name it with --positive", id="nothing says which is 1"),
            pytest.param(P, 2 * Y - 1, {}, "may mean two things", id="0 and 1 against -1 and 1"),
            pytest.param(Q, LETTERS[C], {}, "labels are 'a', 'b', 'c', ...", id="codes of words"),
            pytest.param(Q, C + 1, {}, "all 1 less", id="counted from another number"),
            pytest.param(
                with_one([*["maybe"] * 40, *SAID[40:]], "maybe"),
                YES,
                {"positive": "yes"},
                "prediction 'maybe' is none of 'no', 'yes' (10.0%",
                id="a prediction of neither",
            ),
            pytest.param(
                P, [*[2] * 40, *Y[40:]], {}, "label '2' is none of '0', '1' (10.0%", id="many 2"
            ),
            pytest.param(P, [*["?"] * 40, *map(str, Y[40:])], {}, "--ambiguous", id="many unknown"),
            pytest.param(S, Y, {}, "name its column with --score", id="a probability"),
            pytest.param(P, LETTERS[C], {"task": "regression"}, "labels are words", id="words"),
        ],
    )
    def test_what_may_mean_two_things_or_nothing_is_refused(self, prediction, label, asked, said):
        assert said in refused({"prediction": prediction}, {"label": label}, **asked)

    @pytest.mark.parametrize(
        ("label", "prediction", "odd"),
        [
            pytest.param(with_one(Y, 2), P, "'2'", id="another number"),
            pytest.param(with_one(Y.astype(str), "n/a"), P, "'n/a'", id="a word"),
            pytest.param(Y, with_one(P, 5), "'5'", id="a prediction"),
            pytest.param(with_one(S.astype(str), "?"), S + 0.1, "'?'", id="no number"),
            pytest.param(with_one(S, float("inf")), S + 0.1, "'inf'", id="infinity"),
        ],
    )
    def test_one_odd_value_costs_one_row_and_is_named(self, label, prediction, odd):
        one = found({"prediction": prediction}, {"label": label})
        assert one.whole.n == N - 1
        assert one.labels.invalid + one.predictions.invalid == 1
        assert any(f"such as {odd}: 1 left out (id 'r7')" in said for said in one.warnings)

    def test_labels_of_other_requests_may_be_of_any_kind(self):
        more = {
            "request_id": [*[f"r{i}" for i in range(N)], *[f"x{i}" for i in range(N)]],
            "label": [*Y.astype(str), *["a cat"] * N],
            "arrived_at": [*(SERVED + HOUR)] * 2,
        }
        one = found({}, more)
        assert (one.task, accuracy(one), one.warnings) == ("binary", RIGHT, [])

    def test_labels_of_one_class_are_said_to_leave_metrics_undefined(self):
        one = found({"prediction": SAID, "score": S}, {"label": ["yes"] * N}, positive="yes")
        assert accuracy(one) == float((SAID == "yes").mean())
        assert any("every label that is known is 1" in said for said in one.warnings)

    def test_predictions_that_are_all_right_are_doubted(self):
        assert any(
            "is the label what was predicted?" in said for said in found({"prediction": Y}).warnings
        )


X = RNG.normal(2000, 400, N).round(2)
GUESS = (X + RNG.normal(0, 50, N)).round(2)
ERROR = float(np.abs(X - GUESS).mean())


def german(values):
    return [f"{one:,.2f}".translate(str.maketrans(",.", ".,")) for one in values]


class TestNumbers:
    @pytest.mark.parametrize(
        ("prediction", "label", "asked"),
        [
            pytest.param(GUESS, [f"{x:.2f}".replace(".", ",") for x in X], {}, id="comma"),
            pytest.param(german(GUESS), german(X), {}, id="1.234,50 in both"),
            pytest.param(GUESS, german(X), {"task": "regression"}, id="1.234,50 as asked"),
            pytest.param(GUESS, [f"${x:,.2f}" for x in X], {}, id="$1,234.50"),
            pytest.param(pa.array(german(GUESS)).dictionary_encode(), X, {}, id="categories"),
        ],
    )
    def test_numbers_as_people_write_them_are_those_numbers(self, prediction, label, asked):
        one = found({"prediction": prediction}, {"label": label}, **asked)
        assert (one.task, one.whole.n, one.warnings) == ("regression", N, [])
        assert one.whole.metrics["mae"].value == pytest.approx(ERROR)

    def test_what_is_no_number_among_them_costs_its_row_and_is_named(self):
        one = found({"prediction": GUESS}, {"label": with_one(german(X), "viel")})
        assert one.whole.n == N - 1
        assert "values of 'label' that are no number, such as 'viel': 1" in one.warnings

    def test_scores_may_have_a_decimal_comma(self):
        one = found({"score": [f"{s:.6f}".replace(".", ",") for s in S]})
        plain = found({"score": S}).whole.metrics["roc_auc"].value
        assert one.whole.metrics["roc_auc"].value == pytest.approx(plain, abs=1e-4)

    def test_whole_numbers_of_a_few_rows_are_no_classes(self):
        ids = {"request_id": [f"r{i}" for i in range(8)]}
        said = {**ids, "prediction": [114, 131, 133, 90, 77, 160, 101, 85], "served_at": SERVED[:8]}
        told = {**ids, "label": [116, 132, 135, 88, 75, 155, 101, 80], "arrived_at": SERVED[:8]}
        assert (found(said, told).task, found(said, told).whole.n) == ("regression", 8)


class TestScores:
    def test_what_rounding_adds_is_clipped(self):
        one = found({"score": with_one(with_one(S, 1.0000000000000002), -1e-12, place=8)})
        assert (one.whole.n, one.whole.metrics["roc_auc"].n, one.warnings) == (N, N, [])

    @pytest.mark.parametrize("odd", [1.7, -0.2, float("inf")])
    def test_a_score_that_is_none_costs_its_row_alone(self, odd):
        one = found({"score": with_one(S, odd)})
        assert (one.whole.n, one.predictions.invalid) == (N - 1, 1)
        assert any("1 left out (id 'r7')" in said for said in one.warnings)

    @pytest.mark.parametrize(
        ("score", "said"),
        [
            pytest.param(S * 100, "are they percent", id="percent"),
            pytest.param(S * 8 - 4, "are they log-odds or margins", id="log-odds"),
            pytest.param(S * 1e6, "does --score name another column", id="another column"),
            pytest.param(["high"] * N, "name another column with --score", id="words"),
        ],
    )
    def test_a_column_without_probabilities_is_refused_with_the_likely_cause(self, score, said):
        assert said in refused({"score": score})

    @pytest.mark.parametrize("write", [str, np.float32, lambda one: Decimal(f"{one:.4f}")])
    def test_scores_may_be_text_or_other_numbers(self, write):
        plain = found({"score": S}).whole.metrics["roc_auc"].value
        one = found({"score": pa.array([write(s) for s in S])})
        assert one.whole.metrics["roc_auc"].value == pytest.approx(plain, abs=1e-3)

    def test_scores_of_the_other_class_are_doubted(self):
        assert any("of the other class" in said for said in found({"score": 1 - S}).warnings)
        assert not found({"score": S}).warnings

    def test_scores_of_the_predicted_class_are_doubted_or_refused(self):
        sure = np.maximum(S, 1 - S)
        one = found({"score": sure, "prediction": (S > 0.5).astype(int)})
        assert any("probability of the predicted class?" in said for said in one.warnings)
        words = {"score": sure, "prediction": np.where(S > 0.5, "yes", "no")}
        assert "say --task multiclass" in refused(words, {"label": YES})


BIG = np.arange(N) + 1_790_000_000_000_000_000


class TestIds:
    @pytest.mark.parametrize(
        ("of_predictions", "of_labels"),
        [
            pytest.param(range(N), np.arange(N, dtype=float), id="floats"),
            pytest.param(range(N), [f"{i}.0" for i in range(N)], id="text of floats"),
            pytest.param([str(i) for i in range(N)], np.arange(N, dtype=np.float32), id="float32"),
            pytest.param(BIG, [Decimal(int(one)) for one in BIG], id="large decimals"),
            pytest.param([str(one) for one in BIG], BIG, id="large numbers as text"),
        ],
    )
    def test_exact_ids_join_however_they_are_written(self, of_predictions, of_labels):
        one = found({"request_id": of_predictions}, {"request_id": pa.array(of_labels)})
        assert (one.whole.n, accuracy(one)) == (N, RIGHT)

    @pytest.mark.parametrize(
        "of_labels",
        [
            pytest.param(BIG.astype(float), id="floats"),
            pytest.param([f"{one:.2e}" for one in BIG.astype(float)], id="1.79e+18"),
            pytest.param([f"{one:.1f}" for one in BIG.astype(float)], id="1790000000000000000.0"),
            pytest.param((np.arange(N) + 2**25).astype(np.float32), id="float32"),
        ],
    )
    @pytest.mark.parametrize("side", [0, 1])
    def test_ids_that_lost_digits_are_refused(self, of_labels, side):
        sides = [{}, {}]
        sides[side] = {"request_id": of_labels}
        assert "have lost digits" in refused(*sides)

    @pytest.mark.parametrize(
        ("write", "said"),
        [
            (lambda i: f"{i:08d}", "leading zeros (label '00000000', prediction '0')"),
            (lambda i: f" {i}", "blanks around them (label ' 0', prediction '0')"),
            (lambda i: f"req-{i}", "letters or signs before or after the number"),
            (lambda i: f"other {i + 10**6}", "ids of labels are like 'other 1000000'"),
        ],
        ids=["leading zeros", "blanks", "a prefix", "others"],
    )
    def test_where_no_label_joins_the_likely_cause_is_said(self, write, said):
        ids = {"request_id": [write(i) for i in range(N)]}
        assert said in refused({"request_id": range(N)}, ids)

    def test_that_no_label_joins_is_said_before_what_else_follows_from_it(self):
        said = refused({"score": S}, {"request_id": [f"R{i}" for i in range(N)], "label": YES})
        assert "upper and lower case (label 'R0', prediction 'r0')" in said

    def test_where_most_labels_do_not_join_it_is_a_warning_with_a_pair(self):
        ids = [f"R{i}" if i % 5 else f"r{i}" for i in range(N)]
        one = found({}, {"request_id": ids})
        assert one.whole.n == N // 5
        assert (
            "320 of 400 labels belong to no prediction: ids differ by upper and lower case"
            in (one.warnings[0])
        )

    def test_labels_of_more_requests_than_were_asked_about_are_no_mistake(self):
        few = {"request_id": [f"r{i}" for i in range(40)], "served_at": SERVED[:40]}
        one = found({**few, "prediction": P[:40]})
        assert (one.whole.n, one.labels.orphan, one.warnings) == (40, N - 40, [])

    @pytest.mark.parametrize(
        ("side", "ids"),
        [(0, ["r1"] * N), (1, ["r1"] * N), (0, [f"r{i % 3}" for i in range(N)])],
        ids=["one in predictions", "one in labels", "a region"],
    )
    def test_ids_that_name_no_requests_are_refused(self, side, ids):
        sides = [{}, {}]
        sides[side] = {"request_id": ids}
        assert "they name no requests" in refused(*sides)

    def test_ids_that_are_there_twice_are_said_on_either_side(self):
        twice = {"request_id": [f"r{i}" for i in range(N // 2)] * 2}
        one = found(twice)
        assert any("is there exactly 2 times" in said for said in one.warnings)
        one = found({}, twice)
        assert any("200 of 400 labels are of a request that has" in said for said in one.warnings)

    def test_corrections_are_no_doubt_where_the_last_label_counts(self):
        again = {
            "request_id": [f"r{i}" for i in [*range(N), *range(90)]],
            "label": [*Y, *(1 - Y[:90])],
            "arrived_at": [*(SERVED + HOUR), *(SERVED[:90] + 2 * HOUR)],
        }
        assert found({}, again, keep="last").warnings == []
        assert "(--keep last)" in found({}, again).warnings[0]

    def test_a_column_that_cannot_be_read_is_named_with_the_reason(self):
        assert "'request_id' of the table of predictions cannot be read" in refused(
            {"request_id": pa.array([{"n": i} for i in range(N)])}
        )
        served, told = tables({"score": S})
        twice = served.append_column("prediction", served["prediction"])
        with pytest.raises(MonitoringError, match="2 columns have this name"):
            evaluate(twice, told)

    def test_another_name_of_the_id_is_said(self):
        one = found({}, {"request_id": None, "id": [f"r{i}" for i in range(N)]})
        assert "'id' of the labels is taken for 'request_id' of the predictions" in one.notes


SECONDS = np.asarray(SERVED.as_unit("s").asi8)


class TestTimes:
    @pytest.mark.parametrize(
        ("times", "unit"),
        [
            (SECONDS, "seconds"),
            (SECONDS * 1_000, "milliseconds"),
            (SECONDS * 1_000_000, "microseconds"),
            (SECONDS + 0.25, "seconds"),
            ([str(one) for one in SECONDS * 1_000], "milliseconds"),
        ],
        ids=["s", "ms", "us", "floats", "text"],
    )
    def test_numbers_are_epochs_by_their_size_and_that_is_said(self, times, unit):
        one = found({"served_at": times}, by="day")
        assert (one.whole.n, one.groups[1].value) == (N, "2026-03-01")
        assert f"numbers in 'served_at' are taken for {unit} since 1970 (UTC)" in one.notes

    @pytest.mark.parametrize(
        ("times", "said"),
        [
            (np.full(N, 20260301), "numbers that are no time (such as 20260301)"),
            (SERVED.strftime("%d/%m/%Y %H:%M"), "(such as '01/03/2026 06:00')"),
            (SERVED.strftime("%H:%M:%S"), "write 2026-01-31T12:00:00Z"),
            ([True] * N, "is bool, which is no time"),
        ],
        ids=["20260301", "days first", "no day", "booleans"],
    )
    def test_other_times_are_refused_with_the_form_that_is_wanted(self, times, said):
        assert said in refused({"served_at": times})

    def test_an_unreadable_time_costs_its_row_and_is_counted(self):
        times = with_one(SERVED.strftime("%Y-%m-%dT%H:%M:%SZ"), "yesterday")
        one = found({"served_at": times})
        assert (one.whole.n, one.predictions.invalid) == (N - 1, 1)
        assert any("1 without a time in 'served_at' that can be read" in said for said in one.notes)

    @pytest.mark.parametrize(
        ("early", "said"),
        [
            ("5h", "5 hours before 'served_at' in the median): are they in different time zones"),
            ("30min", "30 minutes before 'served_at' in the median)"),
        ],
    )
    def test_labels_from_before_their_predictions_are_said(self, early, said):
        one = found({}, {"arrived_at": SERVED - pd.Timedelta(early)})
        assert one.whole.n == N
        assert said in one.warnings[0]
        assert ("a whole number of hours" in one.warnings[0]) is (early == "5h")

    @pytest.mark.parametrize(
        ("arrived", "said"),
        [
            (SERVED - pd.Timedelta("2D"), "2 days before 'served_at' in the median): are the two"),
            (pd.to_datetime(np.zeros(N), utc=True), "is a missing time written as 0"),
        ],
        ids=["swapped", "1970"],
    )
    def test_where_all_are_from_days_before_it_is_refused(self, arrived, said):
        assert said in refused({}, {"arrived_at": arrived})

    def test_days_without_hours_are_not_early(self):
        assert not found({}, {"arrived_at": pa.array(SERVED.date)}).warnings

    @pytest.mark.parametrize("as_of", [DAY, None])
    def test_labels_that_arrive_more_than_a_year_later_are_said(self, as_of):
        times = with_one(SERVED + HOUR, SERVED[7] + pd.Timedelta("400D"))
        one = found({}, {"arrived_at": times}, as_of=as_of)
        assert any("a year after their prediction: 1 (400 days" in said for said in one.warnings)

    def test_a_zone_on_one_side_alone_is_said(self):
        one = found({"served_at": SERVED.tz_localize(None)})
        assert any("say their zone, and those in 'served_at' do not" in w for w in one.warnings)

    def test_a_column_in_which_some_times_say_their_zone_is_said(self):
        written = SERVED.strftime("%Y-%m-%d %H:%M:%S")
        one = found({"served_at": [f"{t}Z" if i % 2 else t for i, t in enumerate(written)]})
        assert "200 of 400 times in 'served_at' have no zone" in one.warnings[0]


class TestNothingToJudge:
    @pytest.mark.parametrize(
        ("predictions", "labels", "said"),
        [
            ({"prediction": pa.nulls(N)}, {}, "column 'prediction' of the table of predictions"),
            ({"request_id": pa.nulls(N)}, {}, "it is the id"),
            ({"served_at": pa.nulls(N)}, {}, "400 are without a time in 'served_at'"),
            ({}, {"label": pa.nulls(N)}, "column 'label' of the table of labels has no value"),
            ({}, {"label": np.full(N, np.nan)}, "400 are without a label"),
        ],
        ids=["predictions", "ids", "times", "labels", "NaN"],
    )
    def test_a_table_that_says_nothing_is_refused(self, predictions, labels, said):
        assert said in refused(predictions, labels)

    @pytest.mark.parametrize("side", [0, 1])
    def test_a_table_without_rows_is_refused(self, tmp_path, side):
        for i, one in enumerate(tables()):
            pq.write_table(one.slice(0, 0 if i == side else N), tmp_path / f"{i}.parquet")
        places = [str(tmp_path / "0.parquet"), str(tmp_path / "1.parquet")]
        failed = CliRunner().invoke(main, ["evaluate", *places])
        assert failed.exit_code == 2
        assert "has no rows" in failed.stderr

    def test_a_day_before_all_labels_is_pending(self):
        one = found(as_of=date(2025, 1, 1))
        assert (one.whole.state, one.warnings) == ("PENDING", [])


class TestWhatIsShown:
    def test_warnings_come_first_and_beside_the_notes_in_json(self, tmp_path):
        for name, one in zip(("p", "l"), tables({}, {"label": with_one(Y, 2)}), strict=True):
            pq.write_table(one, tmp_path / f"{name}.parquet")
        given = ["evaluate", str(tmp_path / "p.parquet"), str(tmp_path / "l.parquet")]
        shown = CliRunner().invoke(main, given).stdout
        assert shown.startswith(
            "warning: labels of 'label' that are no value of a binary task, such as '2'"
        )
        found_json = json.loads(CliRunner().invoke(main, [*given, "--json"]).stdout)
        assert len(found_json["warnings"]) == 1
        assert found_json["notes"] == ["the task is taken for binary"]


PAST = featured(1500).drop(columns="timestamp").assign(flag=lambda t: t["age"] > 0)
NOW = (
    unlabelled(featured(600, seed=2)).drop(columns="timestamp").assign(flag=lambda t: t["age"] > 0)
)


def expected(past=None, now=None, **asked):
    """The estimate for two tables that fit, with some columns otherwise."""
    before, after = PAST.assign(**(past or {})), NOW.assign(**(now or {}))
    return estimate(before, after, chunk_size=600, **asked)


@cache
def plainly_expected():
    """The estimate for the two tables as they are."""
    return expected()


def auc(estimates):
    [chunk] = estimates.chunks
    return chunk.estimated.metrics["roc_auc"].value


class TestEstimate:
    @pytest.mark.parametrize(
        ("past", "now"),
        [
            pytest.param({}, {"flag": NOW["flag"].astype(float)}, id="true as 1.0"),
            pytest.param({}, {"flag": NOW["flag"].astype(str)}, id="true as text"),
            pytest.param({}, {"age": NOW["age"].astype("float32")}, id="float32"),
            pytest.param({}, {"age": NOW["age"].astype(str)}, id="numbers as text now"),
            pytest.param(
                {"age": PAST["age"].astype(str)}, {"age": NOW["age"].astype(str)}, id="text in both"
            ),
            pytest.param(
                {"plan": pd.Categorical(PAST["plan"], ["basic", "pro"])},
                {"plan": pd.Categorical(NOW["plan"], ["pro", "basic"])},
                id="categories in another order",
            ),
            pytest.param(
                {"label": PAST["label"].map({0: "no", 1: "yes"})}, {}, id="words for 0 and 1"
            ),
            pytest.param(
                {"label": PAST["label"].astype(bool)},
                {"prediction": NOW["prediction"].astype(str)},
                id="bool and text",
            ),
            pytest.param({}, {"score": NOW["score"].astype(str)}, id="scores as text"),
        ],
    )
    def test_the_same_values_in_other_types_give_the_same_estimate(self, past, now):
        plain, one = plainly_expected(), expected(past, now)
        assert auc(one) == pytest.approx(auc(plain), abs=1e-6)
        assert [*one.features] == ["age", "visits", "plan", "flag"]
        assert (one.chunks[0].shifted, one.warnings) == (plain.chunks[0].shifted, [])

    def test_a_feature_that_arrives_as_something_else_is_left_out_and_said(self):
        one = expected({}, {"age": "red"})
        assert [*one.features] == ["visits", "plan", "flag"]
        assert any(said.startswith("'age' is left out: ") for said in one.warnings)

    @pytest.mark.parametrize(
        ("past", "now", "odd", "said"),
        [
            ("label", None, 2, "such as '2': 1 left out (row 7)"),
            ("score", None, 1.7, "such as 1.7: 1 left out (row 7)"),
            (None, "score", -3.0, "in the current data, scores of 'score' that are no probability"),
            (None, "prediction", 5, "such as '5'"),
        ],
        ids=["a label", "a score", "a current score", "a current prediction"],
    )
    def test_one_odd_value_costs_one_row_and_is_named(self, past, now, odd, said):
        changed = [
            {name: with_one(rows[name], odd).to_pylist()} if name else {}
            for name, rows in ((past, PAST), (now, NOW))
        ]
        one = expected(*changed)
        assert one.rows_reference + one.chunks[0].chunk.rows.size - one.chunks[0].left_out == 2099
        assert any(said in warning for warning in one.warnings)

    @pytest.mark.parametrize(
        ("past", "now", "asked", "said"),
        [
            ({"label": [2] * 150 + [*PAST["label"][150:]]}, {}, {}, "label '2' is none of"),
            ({}, {"prediction": "yes"}, {}, "prediction 'yes' is none of '0', '1' (100.0%"),
            ({}, {"score": NOW["score"] * 100}, {}, "are they percent"),
            ({}, {}, {"positive": "churned"}, "no label is 'churned'"),
            ({}, {"prediction": None}, {}, "no current row has a score or prediction"),
        ],
        ids=["many labels", "predictions", "percent", "no such class", "nothing predicted"],
    )
    def test_what_cannot_be_meant_is_refused(self, past, now, asked, said):
        with pytest.raises(MonitoringError) as error:
            expected(past, now, **asked)
        assert said in str(error.value)

    def test_numbers_as_people_write_them_give_the_same_estimate(self):
        past, now = numbers(800), numbers(400, seed=1).drop(columns="y_true")
        plain = estimate(past.round({"y_true": 4}), now, chunk_size=400)
        text = past["y_true"].map("{:.4f}".format).str.replace(".", ",")
        one = estimate(past.assign(y_true=text), now, chunk_size=400)
        assert (one.task, one.rows_reference) == ("regression", 800)
        assert "'y_true': ',' is taken for the decimal mark" in one.notes
        assert one.reference["mae"].value == pytest.approx(plain.reference["mae"].value)

    def test_numbers_as_text_are_numbers_and_the_unreadable_ones_are_named(self):
        past, now = numbers(800), numbers(400, seed=1).drop(columns="y_true")
        plain = estimate(past, now, chunk_size=400)
        text = past["y_true"].astype(str)
        text[3] = "high"
        one = estimate(past.assign(y_true=text), now.assign(y_pred=now["y_pred"].astype(str)))
        assert (one.task, one.rows_reference) == ("regression", plain.rows_reference - 1)
        assert any("such as 'high': 1 left out (row 3)" in said for said in one.warnings)

    def test_days_may_be_epochs_and_an_unreadable_one_is_counted(self):
        at = pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(np.arange(600) * 10, "min")
        one = estimate(PAST, NOW.assign(time=at.as_unit("ms").asi8), by="day")
        assert [str(chunk.chunk.day) for chunk in one.chunks][:2] == ["2026-03-01", "2026-03-02"]
        assert "numbers in 'time' are taken for milliseconds since 1970 (UTC)" in one.notes
        texts = ["soon", *at[1:].strftime("%Y-%m-%dT%H:%M:%SZ")]
        one = estimate(PAST, NOW.assign(time=texts), by="day")
        assert one.chunks[0].chunk.day is None
        assert any("that cannot be read" in said for said in one.warnings)
