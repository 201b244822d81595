"""Predictions and labels in any two tables are evaluated as they were known on any day."""

import json
import subprocess
import sys
from datetime import date

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from monitoring_dagster.cli import main
from monitoring_dagster.standalone.evaluate import evaluate
from tests.standalone.test_evaluate import group, served, told


def run(*arguments):
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)])


@pytest.fixture
def files(tmp_path):
    predictions = served()
    predictions.to_parquet(tmp_path / "predictions.parquet")
    told(predictions).to_csv(tmp_path / "labels.csv", index=False)
    return tmp_path


def test_the_command_says_the_same_for_every_way_to_name_the_files(files):
    predictions = served().drop(columns="model_version")  # text in one file, numbers in another
    labels = told(served())
    for folder, frame, parts in (("p", predictions, 3), ("l", labels, 2)):
        (files / folder).mkdir()
        for i in range(parts):
            part = frame.iloc[i::parts]
            if i:
                part.to_parquet(files / folder / f"{i}.parquet")
            else:
                part.drop(columns="unused", errors="ignore").to_csv(
                    files / folder / f"{i}.csv", index=False
                )
    asked = ("--as-of", "2026-01-08", "--by", "day", "--segment", "region", "--json")
    plain = run(files / "predictions.parquet", files / "labels.csv", *asked)
    assert plain.exit_code == 0
    expected = evaluate(
        predictions, labels, as_of=date(2026, 1, 8), by="day", segments=["region"]
    ).to_dict()
    assert json.loads(plain.stdout)["groups"] == expected["groups"]
    labels.to_parquet(files / "labels.parquet")
    predictions.drop(columns="unused").to_csv(files / "predictions.csv", index=False)
    for first, second in (
        (files / "predictions.csv", files / "labels.parquet"),
        (files / "p", files / "l"),
        (f"{files}/p/*", f"{files}/l/[01].*"),
    ):
        done = run(first, second, *asked)
        assert done.exit_code == 0, done.stderr
        found = json.loads(done.stdout)
        assert {**found, "notes": []} == {**json.loads(plain.stdout), "notes": []}


def test_json_is_one_object_with_everything_in_it(files):
    given = (files / "predictions.parquet", files / "labels.csv", "--as-of", "2026-01-20")
    found = json.loads(run(*given, "--by", "version", "--json").stdout)
    assert list(found) == [
        "as_of", "task", "columns", "notes", "warnings", "predictions", "labels", "delay_days",
        "groups",
    ]  # fmt: skip
    assert (found["as_of"], found["task"]) == ("2026-01-20", "binary")
    assert found["columns"]["labels"]["arrived"] == {"column": "arrived_at", "guessed": True}
    nine = group(found, "version", "9")
    assert list(nine) == [
        "by", "value", "n", "predictions", "coverage", "state", "reason", "metrics", "reliability",
    ]  # fmt: skip
    assert set(nine["metrics"]["accuracy"]) == {"value", "low", "high", "n"}
    assert nine["metrics"]["accuracy"]["low"] < nine["metrics"]["accuracy"]["value"]


def test_the_terminal_shows_what_was_taken_for_what_and_where_rows_went(files):
    given = (files / "predictions.parquet", files / "labels.csv", "--as-of", "2026-01-08")
    said = run(*given, "--by", "region", "--value", "tp=5,fn=-20").stdout
    for words in (
        "predictions: 400 rows, 400 counted", "pending", "accuracy", "reliability",
        "value_per_prediction", "INSUFFICIENT", "below the 80% needed", "north", "(missing)",
        "'served_at' (guessed)", "the task is taken for binary",
    ):  # fmt: skip
        assert words in " ".join(said.split()), words


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["--id", "nothing"], "no column 'nothing'"),
        (["--label", "lable"], "Did you mean 'label'"),
        (["--by", "colour"], "no column 'colour'"),
        (["--time", "unused"], "column 'unused' of the table of predictions cannot be read"),
        (["--time", "prediction"], "numbers that are no time"),
        (["--time", "region", "--as-of", "2026-01-08"], "holds no time that can be read"),
        (["--score", "region"], "name another column with --score"),
        (["--quantile", "0.9"], "--quantile is for a regression"),
        (["--value", "tp=1", "--task", "multiclass"], "--value is for a binary task"),
        (["--value", "tp=much"], "write tp=5,fp=-1"),
        (["--value", "hits=3"], "write tp=5,fp=-1"),
        (["--expire-after", "3"], "expire_after_days 3 is below mature_after_days 14"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)
def test_a_question_that_has_no_answer_is_one_line_and_exit_code_2(files, asked, words):
    found = run(files / "predictions.parquet", files / "labels.csv", *asked)
    assert found.exit_code == 2
    assert words in found.stderr
    assert len(found.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("side", "column", "option", "asked"),
    [
        ("predictions", "request_id", "--id", []),
        ("predictions", "served_at", "--time", ["--as-of", "2026-01-08"]),
        ("predictions", "served_at", "--time", ["--by", "hour"]),
        ("predictions", "model_version", "--version", ["--by", "version"]),
        ("predictions", ["prediction", "score"], "--prediction", []),
        ("labels", "request_id", "--id", []),
        ("labels", "label", "--label", []),
        ("labels", "arrived_at", "--arrived", ["--as-of", "2026-01-08"]),
        ("labels", "arrived_at", "--arrived", ["--expire-after", "30"]),
    ],
)
def test_a_column_that_nobody_finds_is_told_with_its_option(tmp_path, side, column, option, asked):
    tables = {"predictions": served(20).drop(columns="unused"), "labels": told(served(20))}
    tables[side] = tables[side].drop(columns=column)
    for name, frame in tables.items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    found = run(tmp_path / "predictions.csv", tmp_path / "labels.csv", *asked)
    assert (found.exit_code, option in found.stderr) == (2, True)


def test_hostile_values_are_shown_as_they_are(files):
    predictions = pd.read_parquet(files / "predictions.parquet")
    predictions["[/]"] = np.where(predictions["score"] > 0.5, "[red]a[/]\x1b[31m", "'; --")
    predictions.to_parquet(files / "hostile.parquet")
    given = (files / "hostile.parquet", files / "labels.csv", "--by", "[/]")
    said = run(*given)
    assert said.exit_code == 0
    assert r"[red]a[/]\x1b[31m" in said.stdout
    assert "\x1b" not in said.stdout
    found = json.loads(run(*given, "--json").stdout)
    assert group(found, "[/]", "[red]a[/]\x1b[31m")["predictions"] > 0


def test_a_fresh_process_answers_without_dagster_or_pandas(files):
    code = f"""
import sys
from monitoring_dagster.cli import main
try:
    main(["evaluate", {str(files / "predictions.parquet")!r}, {str(files / "labels.csv")!r},
          "--as-of", "2026-01-20", "--json"])
except SystemExit as stop:
    assert stop.code in (0, None), stop.code
heavy = {{"pandas", "dagster", "mlflow", "sklearn", "scipy.stats", "rich"}}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["groups"][0]["state"] == "MATURE"
