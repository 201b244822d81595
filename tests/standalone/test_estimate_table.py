"""Before labels come, a table is told what to expect, and what cannot be told is said."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from monitoring_dagster.errors import MonitoringError, UnknownColumn
from monitoring_dagster.standalone.chunk_estimates import UnusableChunks
from monitoring_dagster.standalone.estimate_table import NothingToLearn, estimate
from tests.standalone.test_estimate_command import featured, rows, unlabelled

BINARY = {"roc_auc", "accuracy", "f1"}


class TestOddTables:
    def test_a_chunk_without_any_score_has_no_numbers(self):
        now = unlabelled(rows(250))
        now.loc[:124, "score"] = None
        [empty, other] = estimate(rows(1000), now).to_dict()["chunks"]
        assert (empty["rows"], empty["left_out"], other["left_out"]) == (125, 125, 0)
        assert {n for one in empty["metrics"].values() for n in one.values()} == {None}

    def test_rows_without_a_score_or_prediction_are_left_out_and_counted(self):
        now = unlabelled(rows(300))
        now.loc[:9, "score"] = np.nan
        now["prediction"] = now["prediction"].astype("Int64")
        now.loc[5:14, "prediction"] = pd.NA
        found = estimate(rows(1000), now)
        assert sum(one.left_out for one in found.chunks) == 15
        assert any("15 current rows lack score or prediction" in note for note in found.notes)

    @pytest.mark.parametrize("side", ["reference", "current data"])
    def test_a_table_without_rows_is_refused(self, side):
        tables = [rows(500), unlabelled(rows(300))]
        tables[side == "current data"] = tables[side == "current data"].head(0)
        with pytest.raises(MonitoringError, match=f"{side} has no rows"):
            estimate(*tables)

    def test_what_tells_the_tables_apart_and_nothing_about_the_rows_is_no_feature(self):
        before, now = rows(600).assign(period="past"), rows(300, seed=1).assign(period="now")
        before["counter"], now["counter"] = np.arange(600) / 7, np.arange(600, 900) / 7
        found = estimate(before, unlabelled(now), chunk_size=300)
        assert (found.features, found.chunks[0].shifted) == ([], False)
        assert "'period' is no feature: always the same in the reference" in found.notes
        assert "'counter' is no feature: a running number: it only ever grows" in found.notes

    @pytest.mark.parametrize(
        ("shift", "said"),
        [
            pytest.param(4.0, "the reference is worth", id="hardly any rows alike"),
            pytest.param(9.0, "hardly a value of 'age' in common", id="none at all"),
        ],
    )
    def test_where_the_supports_are_apart_it_is_not_weighted_and_says_so(self, shift, said):
        now = unlabelled(featured(300, seed=1, shift=shift))
        [one] = estimate(featured(1000), now, chunk_size=300).chunks
        assert (one.shifted, one.estimated.method) == (True, "cbpe")
        assert one.estimated.note.startswith("not weighted: ")
        assert said in one.estimated.note

    def test_a_column_that_is_to_be_ignored_is_no_feature(self):
        now = unlabelled(featured(300, seed=1, shift=9.0))
        found = estimate(featured(1000), now, ignore=["age"], chunk_size=300)
        assert found.features == ["visits", "plan"]
        assert not found.chunks[0].shifted
        with pytest.raises(MonitoringError, match="'age'"):
            estimate(featured(300), now, ignore=["ag"])

    def test_a_frame_has_a_row_a_chunk_and_metric(self):
        found = estimate(rows(500), unlabelled(rows(200)), chunk_size=100)
        frame = found.to_frame()
        assert set(frame["metric"]) >= BINARY
        assert len(frame) == 2 * frame["metric"].nunique()


class TestAnswers:
    def test_of_two_names_that_with_the_higher_scores_counts_as_1_and_is_said(self):
        names = {0: "stays", 1: "churns"}
        before = rows(1000).assign(label=lambda t: t["label"].map(names))
        before["prediction"] = before["prediction"].map(names)
        found = estimate(before, unlabelled(before))
        assert any("label 'churns' counts as 1" in note for note in found.notes)
        assert found.reference["roc_auc"].value > 0.6
        other = estimate(before, unlabelled(before), positive="stays")
        assert other.reference["roc_auc"].value == pytest.approx(
            1 - found.reference["roc_auc"].value
        )

    def test_without_predictions_a_score_of_one_half_predicts_1_and_is_said(self):
        bare = rows(1000).drop(columns="prediction")
        found = estimate(bare, unlabelled(bare))
        assert any("a score of at least 0.5 predicts class 1" in note for note in found.notes)
        given = estimate(rows(1000), unlabelled(rows(1000)))
        assert found.reference["accuracy"] == given.reference["accuracy"]

    def test_of_more_classes_the_score_is_that_of_the_predicted_one(self):
        rng = np.random.default_rng(0)
        answer = rng.choice(["a", "b", "c"], 1500)
        score = rng.uniform(0.4, 1.0, 1500)
        label = np.where(rng.random(1500) < score, answer, rng.choice(["a", "b", "c"], 1500))
        before = pd.DataFrame({"label": label, "y_pred": answer, "proba": score})
        found = estimate(before, before.drop(columns="label"), chunk_size=1500)
        assert found.task == "multiclass"
        metrics = found.chunks[0].estimated.metrics
        assert metrics["accuracy"].value == pytest.approx((label == answer).mean(), abs=0.02)
        assert metrics.keys() >= {"accuracy", "f1"}


SCORE = [i % 97 / 96 for i in range(600)]
LABEL = [int(i * 61 % 97 / 96 < one) for i, one in enumerate(SCORE)]


def past(**changed):
    columns = {"score": SCORE, "label": LABEL} | changed
    return pa.table({name: one for name, one in columns.items() if one is not None})


@pytest.mark.parametrize(
    ("changed", "asked", "error", "words"),
    [
        pytest.param({"label": pa.nulls(600)}, {}, NothingToLearn,
                     "no row of the reference has all of label: 'label' (guessed), score:",
                     id="no label"),
        pytest.param({}, {"by": "day", "chunk_size": 10}, UnusableChunks, "", id="two sizes"),
        pytest.param({}, {"ignore": ["agee"]}, UnknownColumn, "the reference has no column 'agee'",
                     id="a misspelt feature"),
        pytest.param({}, {"score": "scor"}, UnknownColumn, "Did you mean 'score'",
                     id="a misspelt score"),
        pytest.param({"label": [[1]] * 600}, {}, MonitoringError, "'label' of the reference cannot",
                     id="lists for labels"),
        pytest.param({}, {"by": "day"}, MonitoringError, "plainly the time", id="no time for days"),
    ],
)  # fmt: skip
def test_what_cannot_be_learnt_or_asked_is_refused_in_words(changed, asked, error, words):
    with pytest.raises(error) as refused:
        estimate(past(**changed), past(label=None), **asked)
    assert words in str(refused.value)


def test_a_score_that_only_the_reference_has_is_named_on_its_side():
    with pytest.raises(UnknownColumn, match="the current data has no column 'score'"):
        estimate(past(), pa.table({"x": [1.0] * 10}))
    with pytest.raises(MonitoringError, match="'score' of the current data cannot be read"):
        estimate(past(), pa.table({"score": [[0.5]] * 10, "x": [1.0] * 10}))


def test_rows_of_the_reference_without_a_label_teach_nothing_and_are_counted():
    found = estimate(past(label=[None, *LABEL[1:]]), past(label=None), chunk_size=600)
    assert found.rows_reference == 599
    assert "1 rows of the reference lack score or prediction or label" in found.notes


@pytest.mark.parametrize(("missing", "is_many"), [(30, False), (31, True)])
def test_current_rows_that_are_left_out_are_a_warning_where_they_are_many(missing, is_many):
    now = past(label=None, score=[*[None] * missing, *SCORE[missing:]])
    found = estimate(past(), now, chunk_size=600)
    words = f"{missing} current rows lack score or prediction: left out"
    assert (words in found.warnings, words in found.notes) == (is_many, not is_many)


def test_every_chunk_is_told_as_it_is_done_and_twice_the_same_is_said():
    done = []
    asked = {"chunk_size": 250, "advance": lambda n, of: done.append((n, of))}
    found = estimate(past(), past(label=None), **asked)
    assert done == [(1, 3), (2, 3), (3, 3)]
    assert [one.chunk.rows.size for one in found.chunks] == [250, 250, 100]
    assert estimate(past(), past(label=None), **asked).to_dict() == found.to_dict()
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_value_that_nobody_could_read_is_said_with_its_side(tmp_path):
    lines = [f"{SCORE[i]},{LABEL[i]},{i % 7}" for i in range(599)]
    (tmp_path / "past.csv").write_text("\n".join(["score,label,age", *lines, "0.5,1,alt"]))
    now = past(label=None, age=[i % 7 for i in range(600)])
    found = estimate(tmp_path / "past.csv", now, chunk_size=600)
    words = "in the reference, values of 'age' that are no number, such as 'alt': 1"
    assert words in found.warnings
