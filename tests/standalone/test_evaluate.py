"""Predictions and labels in any two tables are measured as they were known on any day."""

import json
import warnings
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.spec import Labels, ValueTable
from monitoring_dagster.standalone.evaluate import State, evaluate, state_of
from monitoring_dagster.standalone.reading.question import WrongQuestion

DAY = date(2026, 1, 20)


def served(n=400, *, seed=0, days=5):
    """Requests over some days from 2026-01-01, with scores that are calibrated."""
    rng = np.random.default_rng(seed)
    score = rng.random(n)
    return pd.DataFrame(
        {
            "request_id": [f"r{i}" for i in range(n)],
            "served_at": pd.Timestamp("2026-01-01", tz="UTC")
            + pd.to_timedelta(np.sort(rng.integers(0, days * 86400, n)), unit="s"),
            "model_version": rng.choice(["9", "10"], n),
            "score": score,
            "prediction": (score > 0.4).astype(int),
            "region": rng.choice(["north", "south", None], n),
            "unused": [{"nested": i} for i in range(n)],
        }
    )


def told(predictions, *, seed=1, share=0.9, days=10):
    """Labels of a share of the requests, some days later."""
    rng = np.random.default_rng(seed)
    n = len(predictions)
    labels = pd.DataFrame(
        {
            "request_id": predictions["request_id"],
            "label": (rng.random(n) < predictions["score"]).astype(int),
            "arrived_at": predictions["served_at"]
            + pd.to_timedelta(rng.integers(3600, days * 86400, n), unit="s"),
        }
    )
    return labels[rng.random(n) < share].reset_index(drop=True)


def group(found, by, value=None):
    (one,) = [g for g in found["groups"] if g["by"] == by and g["value"] == value]
    return one


def values(found):
    return {name: metric.value for name, metric in found.whole.metrics.items()}


def test_binary_metrics_are_scikit_learns_on_the_joined_rows():
    predictions = served()
    labels = told(predictions)
    known = labels[labels["arrived_at"] < "2026-01-09"]
    joined = predictions.merge(known, on="request_id")
    y, p, s = joined["label"], joined["prediction"], joined["score"]
    found = values(evaluate(predictions, labels, as_of=date(2026, 1, 8)))
    expected = {
        "accuracy": sk.accuracy_score(y, p),
        "balanced_accuracy": sk.balanced_accuracy_score(y, p),
        "precision": sk.precision_score(y, p),
        "recall": sk.recall_score(y, p),
        "f1": sk.f1_score(y, p),
        "log_loss": sk.log_loss(y, s),
        "brier": sk.brier_score_loss(y, s),
        "bias": (s - y).mean(),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-12, abs=1e-14)
    assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(y, s), abs=1e-4)


def test_multiclass_metrics_are_scikit_learns_on_the_joined_rows():
    rng = np.random.default_rng(2)
    labels = pd.DataFrame({"id": range(300), "y_true": rng.choice(["a", "b", "c"], 300)})
    answers = np.where(rng.random(300) < 0.6, labels["y_true"], "b")
    predictions = pd.DataFrame({"id": range(300), "y_pred": answers})
    y, p = labels["y_true"], answers
    found = evaluate(predictions, labels)
    assert found.task == "multiclass"
    assert values(found) == pytest.approx(
        {
            "accuracy": sk.accuracy_score(y, p),
            "balanced_accuracy": sk.balanced_accuracy_score(y, p),
            "precision": sk.precision_score(y, p, average="macro"),
            "recall": sk.recall_score(y, p, average="macro"),
            "f1": sk.f1_score(y, p, average="macro"),
        },
        rel=1e-12,
    )


def test_regression_metrics_are_scikit_learns_on_the_joined_rows():
    rng = np.random.default_rng(3)
    labels = pd.DataFrame({"id": range(300), "label": rng.normal(50, 9, 300)})
    predictions = pd.DataFrame({"id": range(300), "prediction": labels["label"] * 1.1 - 3})
    y, p = labels["label"], predictions["prediction"]
    found = evaluate(predictions, labels, quantile=0.9)
    assert found.task == "regression"
    assert values(found) == pytest.approx(
        {
            "mae": sk.mean_absolute_error(y, p),
            "rmse": sk.root_mean_squared_error(y, p),
            "mse": sk.mean_squared_error(y, p),
            "bias": (p - y).mean(),
            "r2": sk.r2_score(y, p),
            "mape": sk.mean_absolute_percentage_error(y, p),
            "quantile_loss": sk.mean_pinball_loss(y, p, alpha=0.9),
        },
        rel=1e-12,
    )


def test_what_a_prediction_is_worth_is_the_mean_over_outcomes():
    predictions = served()
    labels = told(predictions)
    joined = predictions.merge(labels, on="request_id")
    (tn, fp), (fn, tp) = sk.confusion_matrix(joined["label"], joined["prediction"])
    found = evaluate(predictions, labels, value=ValueTable(tp=5, fp=-1, fn=-20))
    assert values(found)["value_per_prediction"] == pytest.approx(
        (5 * tp - fp - 20 * fn) / (tn + fp + fn + tp)
    )


def test_reliability_holds_every_scored_row_once_and_is_what_ece_is_the_mean_of():
    whole = evaluate(served(), told(served())).whole
    assert sum(row.n for row in whole.reliability) == whole.n
    gaps = [abs(row.mean_score - row.right_share) * row.n for row in whole.reliability]
    assert sum(gaps) / whole.n == pytest.approx(whole.metrics["ece"].value)


@pytest.mark.parametrize("keep", ["first", "last"])
def test_what_was_known_on_a_day_stays_whatever_arrives_later(keep):
    """Later labels are pending and later predictions are later; nothing else moves."""
    predictions = served()
    labels = told(predictions)
    day = pd.Timestamp("2026-01-08", tz="UTC")
    corrected = labels.assign(
        label=1 - labels["label"], arrived_at=labels["arrived_at"] + timedelta(days=9)
    )
    labels = pd.concat([labels, corrected])
    early = labels[labels["arrived_at"] < day]
    more = served(50, seed=4).assign(
        request_id=[f"r{i}" for i in range(380, 430)], served_at=day + timedelta(hours=5)
    )
    more["region"] = "a new one"
    asked = {"as_of": date(2026, 1, 7), "by": ["day", "region", "version"], "keep": keep}
    then = evaluate(predictions, early, **asked).to_dict()
    now = evaluate(pd.concat([predictions, more]), labels, **asked).to_dict()
    assert now["labels"].pop("pending") == len(labels) - len(early) > 300
    assert now["predictions"].pop("later") == 50
    assert now["labels"].pop("rows") == len(labels)
    assert now["predictions"].pop("rows") == 450
    for account in ("labels", "predictions"):
        del then[account]["rows"], then[account]["pending" if account == "labels" else "later"]
    assert now == then


@settings(max_examples=10, deadline=None, phases=[Phase.generate])
@given(
    shuffle=st.randoms(use_true_random=False),
    cuts=st.lists(st.integers(0, 60), max_size=3),
    again=st.lists(st.integers(0, 59), max_size=20),
    as_of=st.sampled_from([None, date(2026, 1, 4), date(2026, 1, 9)]),
    keep=st.sampled_from(["first", "last"]),
)
def test_neither_order_nor_splits_nor_repeated_rows_matter(shuffle, cuts, again, as_of, keep):
    predictions = served(60)
    labels = told(predictions, share=1)
    other = labels.assign(label=1 - labels["label"], arrived_at=labels["arrived_at"] + timedelta(2))
    labels = pd.concat([labels, other[:20]], ignore_index=True)

    def mixed(frame):
        rows = [*range(len(frame)), *again]
        shuffle.shuffle(rows)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pandas, about its own change to come
            table = pa.table(frame.drop(columns="unused", errors="ignore")).take(rows)
        bounds = [0, *sorted(cuts), table.num_rows]
        return pa.concat_tables(table.slice(a, b - a) for a, b in pairwise(bounds))

    asked = {"as_of": as_of, "by": ["region", "day"], "keep": keep}
    plain = evaluate(predictions, labels, **asked)
    found = evaluate(mixed(predictions), mixed(labels), **asked)
    assert found.to_dict()["groups"] == plain.to_dict()["groups"]
    if not again:
        assert found.to_dict() == plain.to_dict()
    for one in (plain.to_dict(), found.to_dict()):
        for account in ("predictions", "labels"):
            assert sum(one[account].values()) == 2 * one[account]["rows"]


def at(day, hour=12):
    return pd.Timestamp(2026, 1, day, hour, tz="UTC")


def test_every_row_of_either_table_is_in_one_bucket():
    predictions = pd.DataFrame(
        [
            ("a", at(1), 1), ("b", at(1), 0), ("c", at(1), 1), ("d", at(1), 0), ("e", at(1), 1),
            ("a", at(2), 0),  # answered again
            (None, at(1), 1), ("no time", None, 1), ("no answer", at(1), None),
            ("tomorrow", at(26), 1),
        ],
        columns=["id", "time", "prediction"],
    )  # fmt: skip
    labels = pd.DataFrame(
        [
            ("a", "1", at(2)),
            ("a", "1", at(3)),  # says the same again
            ("b", "1", at(2)),
            ("b", "0", at(3)),  # contradicts, and comes second
            ("c", "?", at(2)),
            ("d", "1", at(23)),  # late
            ("e", "0", at(26)),  # after the day
            ("x", "1", at(2)),  # of nobody
            ("no answer", "1", at(2)),
            (None, "1", at(2)), ("e", None, at(2)), ("e", "1", None),
        ],
        columns=["id", "label", "arrived"],
    )  # fmt: skip
    found = evaluate(predictions, labels, as_of=date(2026, 1, 25), ambiguous=["?"])
    assert found.predictions._asdict() == {
        "rows": 10, "counted": 5, "duplicate": 1, "invalid": 3, "later": 1,
    }  # fmt: skip
    assert found.to_dict()["labels"] == {
        "rows": 12, "joined": 2, "corrected": 0, "late": 1, "duplicate": 1, "conflicting": 1,
        "ambiguous": 1, "orphan": 1, "pending": 1, "uncounted": 1, "expired": 0, "invalid": 3,
    }  # fmt: skip
    assert found.whole.n == 3
    assert found.task == "binary"
    last = evaluate(predictions, labels, as_of=date(2026, 1, 25), ambiguous=["?"], keep="last")
    assert last.labels.corrected == 1
    assert (values(found)["accuracy"], values(last)["accuracy"]) == (1 / 3, 2 / 3)
    expired = evaluate(
        predictions, labels, as_of=date(2026, 1, 25), ambiguous=["?"], expire_after_days=14
    )
    assert (expired.labels.late, expired.labels.expired) == (0, 1)


@pytest.mark.parametrize(
    ("n", "predictions", "last_served", "state", "words"),
    [
        (0, 0, None, State.PENDING, "no predictions"),
        (0, 10, date(2026, 1, 1), State.PENDING, "0 of 10 predictions have a label"),
        (7, 10, date(2026, 1, 1), State.INSUFFICIENT, "70.0%), below the 80% needed"),
        (8, 10, date(2026, 1, 7), State.PARTIAL, "more are waited for until 2026-01-21"),
        (8, 10, date(2026, 1, 6), State.MATURE, "no more are waited for"),
        (10, 10, date(2026, 1, 20), State.MATURE, "no more are waited for"),
        (9, 10, None, State.PARTIAL, "more may come"),
    ],
    ids=["nothing served", "no label", "too few", "a day early", "the wait is over", "all are here",
         "nobody says when"],
)  # fmt: skip
def test_how_far_numbers_can_be_trusted(n, predictions, last_served, state, words):
    found, reason = state_of(
        n, predictions, last_served=last_served, last_day=DAY, rules=Labels(path="{day}")
    )
    assert found is state
    assert words in reason


def test_few_labels_are_told_and_the_numbers_still_shown():
    predictions = served()
    found = evaluate(predictions, told(predictions, share=0.5), as_of=DAY).whole
    assert found.state is State.INSUFFICIENT
    assert 0 < found.metrics["accuracy"].value < 1
    assert (
        evaluate(predictions, told(predictions, share=0.5), as_of=DAY, min_coverage=0.3).whole.state
        is State.MATURE
    )


def test_no_label_by_that_day_is_pending_and_no_error():
    predictions = served()
    found = evaluate(predictions, told(predictions), as_of=date(2025, 12, 31))
    assert (found.whole.n, found.whole.predictions, found.whole.state) == (0, 0, State.PENDING)
    assert found.predictions.later == len(predictions)
    early = evaluate(
        predictions,
        told(predictions).assign(arrived_at=predictions["served_at"].max() + timedelta(60)),
        as_of=DAY,
    )
    assert (early.task, early.whole.predictions, early.whole.coverage) == ("binary", 400, 0.0)
    json.dumps(early.to_dict(), allow_nan=False)


def test_groups_come_after_the_whole_in_order_and_add_up_to_it():
    predictions = served()
    found = evaluate(predictions, told(predictions), as_of=DAY, by=["day", "version", "region"])
    shown = [(one.by, one.value) for one in found.groups]
    assert shown == [
        (None, None),
        *(("day", f"2026-01-0{i}") for i in range(1, 6)),
        ("version", "9"), ("version", "10"),
        ("region", "north"), ("region", "south"), ("region", "(missing)"),
    ]  # fmt: skip
    for by in ("day", "version", "region"):
        parts = [one for one in found.groups if one.by == by]
        assert sum(one.n for one in parts) == found.whole.n
        assert sum(one.predictions for one in parts) == found.whole.predictions
    south = predictions[predictions["region"] == "south"]
    alone = evaluate(south, told(predictions), as_of=DAY)
    (one,) = [one for one in found.groups if one.value == "south"]
    assert one.metrics == alone.whole.metrics


def test_a_day_has_24_hours_of_utc():
    predictions = served(days=1).head(40)
    found = evaluate(predictions, told(predictions), by="hour").to_dict()
    hours = [one for one in found["groups"] if one["by"] == "hour"]
    assert [one["value"] for one in hours] == [f"2026-01-01T{i:02}:00Z" for i in range(24)]
    counted = predictions["served_at"].dt.hour.value_counts()
    assert [one["predictions"] for one in hours] == [counted.get(i, 0) for i in range(24)]
    assert {one["state"] for one in hours if not one["predictions"]} == {"PENDING"}
    assert "hours are those of UTC, so that every day has 24" in found["notes"]


def test_of_many_values_the_same_200_are_shown_and_the_rest_is_one():
    predictions = served(900).assign(city=[f"city {i % 300}" for i in range(900)])
    found = evaluate(predictions, told(predictions), segments=["city"])
    shown = [one.value for one in found.groups[1:]]
    assert (len(shown), shown[-1]) == (201, "(other)")
    assert sum(one.predictions for one in found.groups[1:]) == 900
    assert sum(one.n for one in found.groups[1:]) == found.whole.n


@pytest.mark.parametrize(
    ("write", "note"),
    [
        (lambda t: t, None),
        (lambda t: t.dt.tz_convert("Asia/Tokyo"), None),
        (lambda t: t.dt.tz_localize(None), "without a zone"),
        (lambda t: t.dt.strftime("%Y-%m-%dT%H:%M:%SZ"), None),
        (lambda t: t.dt.tz_convert("Etc/GMT-9").dt.strftime("%Y-%m-%d %H:%M:%S+09:00"), None),
        (lambda t: t.dt.strftime("%Y-%m-%d %H:%M:%S"), "without a zone"),
        (lambda t: t.dt.date, None),
        (lambda t: t.dt.strftime("%Y-%m-%d"), None),
    ],
    ids=["utc", "another zone", "naive", "text", "text with an offset", "naive text", "dates",
         "text of dates"],
)  # fmt: skip
def test_times_may_be_written_in_many_ways(write, note):
    predictions = served()
    labels = told(predictions)
    asked = {"as_of": date(2026, 1, 6), "by": "day"}
    expected = evaluate(predictions, labels, **asked).to_dict()
    found = evaluate(
        predictions.assign(served_at=write(predictions["served_at"])),
        labels.assign(arrived_at=write(labels["arrived_at"])),
        **asked,
    ).to_dict()
    assert found["groups"] == expected["groups"]
    assert any("without a zone" in one for one in found["notes"]) is (note is not None)


def test_the_last_nanosecond_of_a_day_belongs_to_it():
    last = pd.Timestamp("2026-01-05T23:59:59.999999999Z")
    predictions = pd.DataFrame({"id": [1], "time": [last], "prediction": [1]})
    labels = pd.DataFrame({"id": [1], "arrived": [last], "label": [1]})
    found = evaluate(predictions, labels, as_of=date(2026, 1, 5), by="day")
    assert (found.whole.n, found.groups[1].value) == (1, "2026-01-05")


def test_the_task_is_guessed_from_known_labels_and_overruled_by_the_caller():
    predictions = pd.DataFrame({"id": range(6), "prediction": [0, 1, 2, 1, 0, 2]})
    labels = pd.DataFrame({"id": range(6), "label": ["0", "1", "2", "unknown", "0", "1"]})
    assert evaluate(predictions, labels, ambiguous=["unknown"]).task == "multiclass"
    forced = evaluate(predictions, labels, task="regression")
    assert (forced.task, forced.whole.n, forced.labels.invalid) == ("regression", 5, 1)
    assert values(forced)["mae"] == pytest.approx(0.2)
    with pytest.raises(MonitoringError, match=r"label '2' is none of '0', '1' \(33.3% of"):
        evaluate(predictions, labels, task="binary")


def test_of_two_words_the_one_with_the_higher_scores_counts_as_1_and_that_is_said():
    predictions = served()[["request_id", "score"]]
    labels = told(served())
    words = labels.assign(label=labels["label"].map({0: "ham", 1: "spam"}))
    named = predictions.assign(prediction=np.where(predictions["score"] >= 0.5, "spam", "ham"))
    expected = values(evaluate(predictions, labels))
    guessed = evaluate(named, words)
    assert values(guessed) == expected
    assert any("label 'spam' counts as 1: rows predicted so" in one for one in guessed.notes)
    assert values(evaluate(named, words, positive="spam")) == expected


def test_without_predictions_the_score_says_them_and_that_is_told():
    predictions = served().drop(columns="prediction")
    found = evaluate(predictions, told(served()))
    explicit = predictions.assign(prediction=predictions["score"] >= 0.5)
    assert values(found) == values(evaluate(explicit, told(served())))
    assert any("a score of 0.5 or more is taken for 1" in one for one in found.notes)


def test_a_score_is_not_taken_for_the_prediction_of_a_number():
    labels = told(served()).assign(label=lambda t: np.arange(len(t)) / 7)
    with pytest.raises(MonitoringError, match="name its column with --prediction"):
        evaluate(served().drop(columns="prediction"), labels)


def test_only_columns_that_are_needed_are_read():
    read = []
    evaluate(served(), told(served()), by="region", advance=read.append)
    assert sum(read) == len(["request_id", "served_at", "score", "prediction", "region"]) + 3


def test_ids_may_be_numbers_with_gaps_on_one_side_and_text_on_the_other():
    predictions = pd.DataFrame({"id": [1.0, 2.0, None], "prediction": [1, 0, 1]})
    labels = pd.DataFrame({"id": ["1", "2"], "label": [1, 1]})
    assert evaluate(predictions, labels).whole.n == 2
    with pytest.raises(MonitoringError, match=r"leading zeros \(label '001', prediction '1'\)"):
        evaluate(predictions, labels.assign(id=["001", "002"]))


def test_without_a_day_labels_need_not_say_when_they_arrived():
    predictions = served()
    labels = told(predictions)
    silent = evaluate(predictions, labels.drop(columns="arrived_at"))
    assert silent.as_of is None
    assert values(silent) == values(evaluate(predictions, labels))
    timeless = evaluate(predictions.drop(columns="served_at"), labels)
    assert values(timeless) == values(silent)
    assert timeless.whole.state is State.PARTIAL


def test_an_evaluation_as_a_frame_has_a_row_a_group_and_metric():
    found = evaluate(served(), told(served()), by="version")
    frame = found.to_frame()
    assert len(frame) == 3 * len(found.whole.metrics)
    assert frame["by"].isna().tolist() == [True] * len(found.whole.metrics) + [False] * (
        2 * len(found.whole.metrics)
    )
    assert frame.iloc[0]["metric"] == "accuracy"
    assert "groups" not in repr(found)


RULES = Labels(path="{day}", mature_after_days=3, min_coverage=0.5)


@pytest.mark.parametrize(
    ("n", "last_served", "last_day", "state"),
    [
        pytest.param(49, 1, 9, State.INSUFFICIENT, id="one label too few, though the wait is over"),
        pytest.param(50, 1, 9, State.MATURE, id="just enough"),
        pytest.param(50, 1, 3, State.PARTIAL, id="a day before the wait is over"),
        pytest.param(50, 1, 4, State.MATURE, id="on its last day"),
        pytest.param(100, 9, 9, State.MATURE, id="all labels are here at once"),
        pytest.param(99, 9, None, State.PARTIAL, id="no day that either table tells of"),
    ],
)
def test_a_state_changes_on_its_very_day_and_label(n, last_served, last_day, state):
    days = [None if day is None else date(2026, 1, day) for day in (last_served, last_day)]
    found, _ = state_of(n, 100, last_served=days[0], last_day=days[1], rules=RULES)
    assert found is state


def small(label, prediction, **columns):
    ids = {"id": range(len(label))}
    return pa.table({**ids, "prediction": prediction, **columns}), pa.table({**ids, "label": label})


@pytest.mark.parametrize(
    ("label", "asked", "words"),
    [
        ([1, 0], {"quantile": 0.5}, "--quantile is for a regression, and this task is binary"),
        (
            [1.5, 2.5],
            {"value": ValueTable(tp=1)},
            "--value is for a binary task",
        ),
        ([1, 0], {"mature_after_days": -1}, "mature_after_days: Input should be greater"),
        ([1, 0], {"min_coverage": 0.0}, "min_coverage: Input should be greater than 0"),
    ],
)
def test_what_the_task_does_not_have_is_refused_in_words(label, asked, words):
    with pytest.raises(WrongQuestion) as error:
        evaluate(*small(label, label), **asked)
    assert words in str(error.value)


def test_numbers_that_came_as_text_are_measured():
    found = evaluate(*small(["1.5", "2.5"], ["1.0", "4.0"]))
    assert (found.task, values(found)["mae"]) == ("regression", 1.0)


def test_what_is_not_defined_is_none_in_plain_values():
    found = evaluate(*small([1, 1], [1, 0], score=[0.9, 0.4])).to_dict()
    assert found["groups"][0]["metrics"]["roc_auc"]["value"] is None
    assert found["delay_days"] == {"p50": None, "p95": None}
    json.dumps(found, allow_nan=False)


def test_a_group_without_predictions_has_no_coverage():
    found = evaluate(served(), told(served()), as_of=date(2025, 12, 31)).to_dict()
    assert found["groups"][0]["coverage"] is None


def test_the_worst_doubt_comes_first_and_none_is_empty():
    n = 200
    score = [(i % 100) / 100 for i in range(n)]
    label = [int(one < 0.5) for one in score]
    found = evaluate(*small(label, label, score=score))
    assert found.warnings[0].startswith("ROC AUC is 0, far below 0.5")
    assert found.warnings[1] == "all 200 predictions are right: is the label what was predicted?"
    assert all(found.warnings)
