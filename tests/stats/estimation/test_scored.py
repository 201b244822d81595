"""Rows counted by score have the metrics of scikit-learn, however the labels fall."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from monitoring_dagster.stats.estimation.scored import Cells, ScoreGrid, metrics_of_tables
from monitoring_dagster.stats.quality.labelled_rows import UnusableOutcome

GROUPS = 64


def rows(n, seed=0, *, centre=0.0):
    rng = np.random.default_rng(seed)
    score = 1 / (1 + np.exp(-rng.normal(centre, 1.4, n)))
    label = (rng.random(n) < score**1.2).astype(int)
    return {"label": label, "prediction": (score > 0.4).astype(int), "score": score}


def metrics(cells):
    grid = ScoreGrid.of(cells)
    return {name: float(value) for name, value in grid.metrics(grid.ones(cells)).items()}


def of(**given_):
    return metrics(Cells.of("binary", **given_))


@pytest.mark.parametrize("centre", [0.0, -3.0], ids=["balanced", "rare ones"])
def test_metrics_of_known_labels_are_those_of_scikit_learn(centre):
    current = rows(5000, centre=centre)
    found = of(**current)
    label, prediction, score = current.values()
    for name, expected in {
        "roc_auc": sklearn_metrics.roc_auc_score(label, score),
        "accuracy": sklearn_metrics.accuracy_score(label, prediction),
        "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(label, prediction),
        "precision": sklearn_metrics.precision_score(label, prediction),
        "recall": sklearn_metrics.recall_score(label, prediction),
        "f1": sklearn_metrics.f1_score(label, prediction),
        "average_precision": sklearn_metrics.average_precision_score(label, score),
        "log_loss": sklearn_metrics.log_loss(label, score),
        "brier": sklearn_metrics.brier_score_loss(label, score),
        "base_rate": label.mean(),
    }.items():
        assert found[name] == pytest.approx(expected, abs=1e-3), name


binary = st.lists(
    st.tuples(
        st.integers(0, 1), st.integers(0, 1), st.sampled_from([0.0, 0.05, 0.3, 0.5, 0.9, 1.0])
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=20)
@given(binary)
def test_whatever_the_rows_counts_of_answers_are_scikit_learns(drawn):
    label, prediction, score = (np.array(one) for one in zip(*drawn, strict=True))
    found = of(label=label, prediction=prediction, score=score)
    assert found["accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(label, prediction))
    assert found["base_rate"] == pytest.approx(label.mean())
    assert found["brier"] == pytest.approx(np.mean((score - label) ** 2), abs=1e-12)
    expected = sklearn_metrics.log_loss(label, score, labels=[0, 1])
    assert found["log_loss"] == pytest.approx(expected, rel=1e-9, abs=1e-9)
    for name in ("precision", "recall", "f1"):
        there = {"precision": prediction.any(), "recall": label.any(),
                 "f1": prediction.any() or label.any()}[name]  # fmt: skip
        if there:
            expected = getattr(sklearn_metrics, f"{name}_score")(label, prediction, zero_division=0)
            assert found[name] == pytest.approx(expected)
        else:
            assert np.isnan(found[name])
    if 0 < label.sum() < label.size:
        assert found["roc_auc"] == pytest.approx(sklearn_metrics.roc_auc_score(label, score))
        assert found["balanced_accuracy"] == pytest.approx(
            sklearn_metrics.balanced_accuracy_score(label, prediction)
        )
        assert found["average_precision"] == pytest.approx(
            sklearn_metrics.average_precision_score(label, score)
        )
    else:
        assert np.isnan(found["roc_auc"])


def test_without_rows_no_metric_is_defined_and_nothing_warns():
    found = of(label=[], prediction=[], score=[])
    assert np.isnan(list(found.values())).all()


class TestCells:
    def test_rows_that_are_alike_are_one_cell(self):
        cells = Cells.of("binary", label=[1, 0, 1, 1], prediction=[1, 1, 1, 0], score=[0.7] * 4)
        counted = {
            (cells.names[p], cells.names[t]): n
            for p, t, n in zip(cells.prediction, cells.label, cells.rows, strict=True)
        }
        assert counted == {("1", "1"): 2, ("1", "0"): 1, ("0", "1"): 1}
        assert cells.score == pytest.approx([0.7] * 3)

    @settings(max_examples=40)
    @given(binary, st.lists(st.integers(1, 5), min_size=40, max_size=40))
    def test_counted_rows_are_rows_in_whatever_order(self, drawn, times):
        label, prediction, score = (np.array(one) for one in zip(*drawn, strict=True))
        n = np.array(times[: len(drawn)])
        counted = Cells.of("binary", label=label, prediction=prediction, score=score, rows=n)
        order = np.repeat(np.arange(n.size), n)[::-1]
        spread = Cells.of(
            "binary", label=label[order], prediction=prediction[order], score=score[order]
        )
        assert counted.rows.tolist() == spread.rows.tolist()
        for part in ("x", "prediction", "label", "right"):
            assert np.array_equal(getattr(counted, part), getattr(spread, part))
        assert counted.loss_of_one == pytest.approx(spread.loss_of_one)

    def test_what_is_not_known_in_full_is_left_out(self):
        cells = Cells.of(
            "binary",
            label=[1, None, 1, 1, 1],
            prediction=[1, 1, None, 1, 1],
            score=[0.7, 0.7, 0.7, np.nan, 0.7],
            rows=[2, 1, 1, 1, 0],
        )
        assert cells.rows.tolist() == [2.0]

    def test_without_labels_an_answer_is_taken_for_right(self):
        cells = Cells.of("multiclass", prediction=["a", "b"], score=[0.9, 0.6])
        assert cells.right.all()
        assert np.array_equal(cells.label, cells.prediction)

    def test_of_several_classes_right_is_what_was_answered(self):
        cells = Cells.of(
            "multiclass", label=["a", "c", "b"], prediction=["a", "b", "b"], score=[0.9, 0.8, 0.7]
        )
        assert set(cells.names) == {"a", "b", "c"}
        assert (cells.rows * cells.right).sum() == 2

    def test_spellings_of_one_class_are_one(self):
        cells = Cells.of("binary", label=["true", "0.0"], prediction=[1, 0], score=[0.9, 0.1])
        assert cells.names == ("0", "1")
        assert np.array_equal(cells.label, cells.prediction)
        several = Cells.of("multiclass", label=[1.0, 2.0], prediction=["1", "2"], score=[0.5] * 2)
        assert several.right.all()

    def test_blocks_are_kept_apart(self):
        same = {"label": [1, 1, 1], "prediction": [1, 1, 1], "score": [0.5] * 3}
        apart = Cells.of("binary", **same, block=["mon", "tue", "mon"])
        assert sorted(apart.rows.tolist()) == [1.0, 2.0]
        assert Cells.of("binary", **same).rows.tolist() == [3.0]

    def test_some_of_them_can_be_chosen(self):
        cells = Cells.of("binary", **rows(50))
        right = cells.chosen(cells.right)
        assert right.right.all()
        assert right.names == cells.names
        assert right.rows.sum() == (cells.rows * cells.right).sum()
        assert cells.chosen(np.zeros(cells.x.size, bool)).rows.size == 0

    def test_certain_scores_have_a_finite_loss_as_scikit_learn_has_it(self):
        cells = Cells.of("binary", label=[0, 1], prediction=[1, 0], score=[1.0, 0.0])
        assert np.isfinite([cells.x, cells.loss_of_one, cells.loss_of_zero]).all()
        expected = sklearn_metrics.log_loss([0, 1], [1.0, 0.0])
        assert metrics(cells)["log_loss"] == pytest.approx(expected)

    @pytest.mark.parametrize(
        ("changed", "words"),
        [
            pytest.param({"score": [1.5]}, r"score 1\.5 lies outside", id="no probability"),
            pytest.param({"score": [-np.inf]}, "score -inf lies outside", id="infinite"),
            pytest.param({"label": ["late"]}, "label 'late' is neither 0 nor 1", id="a label"),
            pytest.param({"prediction": [2]}, "prediction '2' is neither", id="a prediction"),
        ],
    )
    def test_what_is_none_for_the_task_is_refused(self, changed, words):
        with pytest.raises(UnusableOutcome, match=words):
            Cells.of("binary", **({"label": [1], "prediction": [1], "score": [0.5]} | changed))


class TestMerged:
    def test_few_scores_stay_as_they_are(self):
        grid = ScoreGrid.of(Cells.of("binary", **rows(40)))
        assert grid.merged() is grid

    @settings(max_examples=20)
    @given(st.integers(0, 10**6), st.sampled_from([-6.0, -2.0, 0.0, 3.0]))
    def test_of_many_no_row_and_no_expected_one_is_lost(self, seed, centre):
        grid = ScoreGrid.of(Cells.of("binary", **rows(2000, seed, centre=centre)))
        merged = grid.merged()
        assert merged.x.size <= GROUPS < grid.x.size
        assert (np.diff(merged.x) > 0).all()
        assert merged.rows.sum(axis=0).tolist() == grid.rows.sum(axis=0).tolist()
        for part in ("score", "loss_of_one", "loss_of_zero"):
            before, after = (one.rows.sum(axis=1) @ getattr(one, part) for one in (grid, merged))
            assert after == pytest.approx(before)

    def test_where_ones_are_rare_the_few_scores_that_have_them_stay_apart(self):
        """99 rows in 100 have nearly no chance; half of the groups are for the others."""
        score = np.r_[np.linspace(1e-6, 1e-4, 9_900), np.linspace(0.2, 0.9, 100)]
        cells = Cells.of("binary", prediction=np.zeros(10_000, int), score=score)
        assert (ScoreGrid.of(cells).merged().score > 0.1).sum() > GROUPS / 3


class TestMany:
    def test_many_ways_that_ones_may_lie_are_as_each_alone(self):
        grid = ScoreGrid.of(Cells.of("binary", **rows(300)))
        rng = np.random.default_rng(1)
        ways = rng.binomial(grid.rows.astype(int), grid.score[:, None], (3, *grid.rows.shape))
        together = grid.metrics(ways.astype(float))
        for n, way in enumerate(ways):
            alone = grid.metrics(way.astype(float))
            for name, value in alone.items():
                assert together[name][n] == pytest.approx(float(value), nan_ok=True), name


tables = st.lists(st.integers(0, 9), min_size=9, max_size=9).map(
    lambda cells: np.array(cells, float).reshape(3, 3)
)


class TestTables:
    """Of tables of label by prediction."""

    @settings(max_examples=20)
    @given(tables.filter(lambda table: table.sum()))
    def test_means_over_classes_are_those_of_scikit_learn(self, table):
        label, prediction = (np.repeat(one, table.astype(int).ravel()) for one in
                             np.indices((3, 3)).reshape(2, 9))  # fmt: skip
        found = {name: value[0] for name, value in metrics_of_tables(table[None]).items()}
        assert found["accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(label, prediction))
        recall = sklearn_metrics.recall_score(
            label, prediction, labels=np.unique(label), average="macro", zero_division=0
        )
        assert found["balanced_accuracy"] == pytest.approx(recall)
        for name in ("precision", "recall", "f1"):
            expected = getattr(sklearn_metrics, f"{name}_score")(
                label, prediction, average="macro", zero_division=0
            )
            assert found[name] == pytest.approx(expected), name

    def test_of_an_empty_table_nothing_is_known(self):
        found = metrics_of_tables(np.zeros((1, 2, 2)))
        assert np.isnan([value[0] for value in found.values()]).all()

    def test_each_table_is_measured_by_itself(self):
        both = np.array([[[5.0, 1.0], [2.0, 8.0]], [[0.0, 3.0], [3.0, 0.0]]])
        together = metrics_of_tables(both)
        for n in (0, 1):
            for name, value in metrics_of_tables(both[n : n + 1]).items():
                assert together[name][n] == value[0], name
