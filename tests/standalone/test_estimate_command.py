"""Before the labels come, the command says what to expect, of any two files."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from monitoring_dagster.cli import main
from monitoring_dagster.standalone.estimate_table import estimate

BINARY = {"roc_auc", "accuracy", "f1"}


def rows(n=1200, *, seed=0, shift=0.0):
    """A score that is right where the age is low, and too sure of itself where it is high; without
    features, that take a classifier a second to compare.
    """
    return featured(n, seed=seed, shift=shift).drop(columns=["age", "visits", "plan"])


def featured(n, *, seed=0, shift=0.0):
    rng = np.random.default_rng(seed)
    age, visits = rng.normal(shift, 1, n), rng.normal(size=n)
    score = 1 / (1 + np.exp(0.5 - 0.6 * age - 1.2 * visits))
    truth = np.where(age > 1, 1 / (1 + np.exp(0.3 - 0.3 * visits)), score)
    return pd.DataFrame(
        {
            "age": age,
            "visits": visits,
            "plan": rng.choice(["basic", "pro"], n),
            "score": score,
            "prediction": (score >= 0.5).astype(int),
            "label": (rng.random(n) < truth).astype(int),
            "timestamp": pd.Timestamp("2026-03-01", tz="UTC")
            + pd.to_timedelta(np.arange(n), "min") * 6,
        }
    )


def numbers(n=600, *, seed=0):
    rng = np.random.default_rng(seed)
    size = rng.exponential(size=n)
    return pd.DataFrame(
        {"size": size, "y_pred": 3 * size, "y_true": 3 * size + size * rng.normal(size=n)}
    )


def unlabelled(frame):
    return frame.drop(columns=["label"])


def run(*arguments):
    return CliRunner().invoke(main, ["estimate", *map(str, arguments)])


def told(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    place = tmp_path_factory.mktemp("estimate")
    rows(3000).to_parquet(place / "before.parquet")
    unlabelled(rows(seed=1)).to_csv(place / "now.csv", index=False)
    featured(3000).to_parquet(place / "featured.parquet")
    parts = featured(600, seed=2), featured(600, seed=3, shift=1.2)
    unlabelled(pd.concat(parts)).to_parquet(place / "shifted.parquet")
    return place


class TestTheCommand:
    def test_every_row_of_the_file_is_in_one_chunk_and_the_last_holds_the_rest(self, files):
        found = told(files / "before.parquet", files / "now.csv", "--chunk-size", 500)
        ends = [(one["from"], one["to"], one["rows"]) for one in found["chunks"]]
        assert ends == [(0, 499, 500), (500, 999, 500), (1000, 1199, 200)]

    def test_each_chunk_has_its_metrics_with_intervals(self, files):
        found = told(files / "before.parquet", files / "now.csv", "--chunk-size", 600)
        assert found["task"] == "binary"
        for chunk in found["chunks"]:
            assert chunk["metrics"].keys() >= BINARY
            for one in chunk["metrics"].values():
                assert one.keys() == {"estimate", "low", "high"}
                assert one["low"] <= one["estimate"] <= one["high"]

    def test_what_was_guessed_is_said(self, files):
        found = told(files / "before.parquet", files / "now.csv", "--label", "label")
        assert found["columns"] == {
            "label": {"column": "label", "guessed": False},
            "prediction": {"column": "prediction", "guessed": True},
            "score": {"column": "score", "guessed": True},
        }
        assert "cannot see concept drift" in found["notes"][0]

    def test_where_the_features_drifted_the_estimate_is_weighted_and_nearer_to_the_truth(
        self, files
    ):
        found = told(files / "featured.parquet", files / "shifted.parquet", "--chunk-size", 600)
        assert found["features"] == ["age", "visits", "plan"]
        calm, shifted = found["chunks"]
        assert (calm["method"], calm["shifted"]) == ("cbpe", False)
        assert (shifted["method"], shifted["shifted"]) == ("pape", True)
        labelled = featured(600, seed=3, shift=1.2)
        truth = (labelled["prediction"] == labelled["label"]).mean()
        plain = estimate(rows(3000)[["label", "score", "prediction"]], unlabelled(labelled))
        [*unweighted] = [one.estimated.metrics["accuracy"].value for one in plain.chunks]
        assert plain.chunks[0].estimated.method == "cbpe"
        accuracy = shifted["metrics"]["accuracy"]
        assert accuracy["low"] <= truth <= accuracy["high"]
        assert abs(accuracy["estimate"] - truth) < abs(np.mean(unweighted) - truth)

    def test_of_numbers_the_errors_are_estimated(self, files):
        numbers(2000).to_parquet(files / "numbers.parquet")
        later = numbers(1000, seed=1)
        later.drop(columns="y_true").to_parquet(files / "later.parquet")
        found = told(files / "numbers.parquet", files / "later.parquet", "--chunk-size", 1000)
        assert found["task"] == "regression"
        [chunk] = found["chunks"]
        assert chunk["method"] == "dle"
        mae = (later["y_pred"] - later["y_true"]).abs().mean()
        assert chunk["metrics"]["mae"]["low"] <= mae <= chunk["metrics"]["mae"]["high"]
        assert chunk["metrics"].keys() == {"mae", "rmse", "mse"}

    def test_by_day_a_chunk_is_a_utc_day(self, files):
        found = told(files / "before.parquet", files / "now.csv", "--by", "day")
        assert found["columns"]["time"] == {"column": "timestamp", "guessed": True}
        days = [(one["day"], one["from"], one["to"]) for one in found["chunks"]]
        assert days[:2] == [("2026-03-01", 0, 239), ("2026-03-02", 240, 479)]

    def test_a_glob_is_one_table_in_the_order_of_its_files(self, files):
        for part in (0, 1):
            unlabelled(rows(150, seed=part)).to_parquet(files / f"part-{part}.parquet")
        found = told(files / "before.parquet", files / "part-*.parquet", "--chunk-size", 200)
        assert [one["rows"] for one in found["chunks"]] == [200, 100]

    def test_the_terminal_shows_the_reference_on_top_and_what_is_blind_last(self, files):
        shown = run(files / "before.parquet", files / "now.csv", "--chunk-size", 1200)
        assert shown.exit_code == 0
        lines = shown.stdout.splitlines()
        place = next(i for i, line in enumerate(lines) if line.startswith("reference"))
        assert lines[place - 1].split()[:2] == ["rows", "n"]
        assert lines[place + 1].startswith("0 to 1,199")
        assert "label: 'label' (guessed)" in " ".join(shown.stdout.split())
        assert "cannot see concept drift" in " ".join(shown.stdout.split()[-30:])

    def test_it_runs_as_a_program_and_says_the_same_twice(self, files):
        script = "from monitoring_dagster.cli import main; main()"
        command = [sys.executable, "-c", script, "estimate", str(files / "before.parquet")]
        command += [str(files / "now.csv"), "--chunk-size", "600", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert json.loads(done.stdout) == told(*command[4:-1])
        assert not done.stderr


class TestErrors:
    """One line on stderr, and exit code 2."""

    @pytest.mark.parametrize(
        ("change", "options", "said"),
        [
            pytest.param(
                lambda t: t.rename(columns={"label": "home"}),
                (),
                "no column that is plainly the label (label, y_true, target): name it with --label"
                " COLUMN. It has: 'score'",
                id="no plain label",
            ),
            pytest.param(
                lambda t: t.assign(target=1),
                (),
                "the label of the reference may be 'label' or 'target': say which with --label",
                id="two plain labels",
            ),
            pytest.param(lambda t: t, ("--label", "lable"), "Did you mean 'label'?", id="misspelt"),
            pytest.param(
                lambda t: t,
                ("--label", "score", "--score", "score"),
                "'score' cannot be both the label and the score",
                id="one for two",
            ),
            pytest.param(lambda t: t.drop(columns="score"), (), "plainly the score", id="no score"),
            pytest.param(
                lambda t: t.assign(label=None), (), "labels have come", id="labels all missing"
            ),
            pytest.param(
                lambda t: t.assign(score=None), (), "labels have come", id="scores all missing"
            ),
            pytest.param(
                lambda t: t.assign(score=t["score"] * 100), (), "outside 0 to 1", id="percent"
            ),
            pytest.param(
                lambda t: t.assign(prediction=t["score"]),
                (),
                "where it is a probability, name its column with --score",
                id="a probability as prediction",
            ),
            pytest.param(lambda t: t, ("--positive", "yes"), "no label is 'yes'", id="no such one"),
        ],
    )
    def test_what_is_unclear_is_said_with_the_way_out(self, tmp_path, change, options, said):
        change(rows(200)).to_parquet(tmp_path / "before.parquet")
        unlabelled(rows(200)).to_parquet(tmp_path / "now.parquet")
        failed = run(tmp_path / "before.parquet", tmp_path / "now.parquet", *options)
        assert failed.exit_code == 2
        assert said in failed.stderr
        assert failed.stderr.count("\n") == 1
        assert not failed.stdout

    @pytest.mark.parametrize("options", [("--by", "day", "--chunk-size", "5"), ("--by", "day")])
    def test_days_need_a_time_and_no_size(self, files, options, tmp_path):
        unlabelled(rows(200)).drop(columns="timestamp").to_parquet(tmp_path / "now.parquet")
        assert run(files / "before.parquet", tmp_path / "now.parquet", *options).exit_code == 2

    def test_a_score_that_the_current_data_lacks_is_named(self, files, tmp_path):
        unlabelled(rows(200)).drop(columns="score").to_parquet(tmp_path / "now.parquet")
        failed = run(files / "before.parquet", tmp_path / "now.parquet")
        assert "the current data has no column 'score'" in failed.stderr


class TestOddTables:
    def test_without_any_score_in_the_current_data_there_is_nothing_to_estimate(
        self, files, tmp_path
    ):
        unlabelled(rows(250)).assign(score=None).to_csv(tmp_path / "now.csv", index=False)
        failed = run(files / "before.parquet", tmp_path / "now.csv")
        assert failed.exit_code == 2
        assert "no current row has a score or prediction" in failed.stderr

    def test_names_that_would_be_markup_or_move_the_cursor_do_no_harm(self, tmp_path):
        odd = {"score": "[red]p", "label": 'a"b\n', "age": "[/]\x1b[2J", "plan": "--json"}
        featured(400).rename(columns=odd).to_parquet(tmp_path / "before.parquet")
        unlabelled(featured(400)).rename(columns=odd).to_parquet(tmp_path / "now.parquet")
        given = ("--score", "[red]p", "--label", 'a"b\n')
        shown = run(tmp_path / "before.parquet", tmp_path / "now.parquet", *given)
        assert shown.exit_code == 0
        assert "[red]p" in shown.stdout
        assert "\x1b[2J" not in shown.stdout
