"""A whole file: an editor knows what may be written, and what is read stays as it is."""

import subprocess
import sys

import jsonschema
import pytest

from monitoring_dagster.spec import Labels, ModelSpec, Predictions, Retraining
from tests.spec.written import SMALL, WHOLE, changed, told

SCHEMA = jsonschema.Draft202012Validator(ModelSpec.model_json_schema())


@pytest.mark.parametrize("written", [SMALL, WHOLE], ids=["the shortest", "a whole one"])
def test_a_good_file_is_good_in_an_editor(written):
    assert ModelSpec.model_validate(written).name == "churn"
    assert SCHEMA.is_valid(written)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("predictions.path", "{day}/*.parquet", id="a glob"),
        pytest.param("predictions.path", "{day}.csv", id="CSV"),
        pytest.param("labels.path", "s3://bucket/{day}.parquet", id="S3"),
        pytest.param("predictions.path", "all.parquet", id="no day"),
        pytest.param("predictions.table", "log", id="a file and a table"),
        pytest.param("channels.slack", "#", id="no channel"),
        pytest.param("rules.drift", {"alhpa": 0.1}, id="a misspelt key below"),
        pytest.param("rules.drift", {"alpha": 5}, id="a number out of range"),
        pytest.param("task", "clustering", id="an unknown word"),
        pytest.param("retraining.trainer", "train.py", id="a trainer's file"),
    ],
)
def test_an_editor_marks_what_is_wrong(key, value):
    assert not SCHEMA.is_valid(changed(key, value))
    assert told(key, value) != []


@pytest.mark.parametrize("model", [ModelSpec, Predictions, Labels, Retraining])
def test_a_spec_cannot_be_changed_afterwards(model):
    assert model.model_config["frozen"]
    assert model.model_config["extra"] == "forbid"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        pytest.param("retraining.breaches", 3, "write rules.alerts.performance_drop.breaches",
                     id="a key that has moved"),
        pytest.param("retraining.cooldown_days", 1, "one holdout would judge two challengers",
                     id="cool-down below the holdout"),
        pytest.param("retraining", {"trainer": "a:b", "cadence": "weekly", "cooldown_days": 14},
                     "write cadence: monthly, or holdout_days and cooldown_days of at most 7",
                     id="a cadence within the cool-down"),
        pytest.param("retraining", {"trainer": "a:b", "cadence": "daily", "holdout_days": 2},
                     "write cadence: weekly, or holdout_days and", id="within the holdout"),
        pytest.param("retraining", {"trainer": "a:b", "cadence": "quarterly", "cooldown_days": 90},
                     "write cadence: never, or", id="longer than a quarter may be"),
        pytest.param("retraining",
                     {"trainer": "a:b", "cadence": "weekly", "max_runs_in_30_days": 4},
                     "below the 5 that cadence weekly asks for", id="a cadence beyond the quota"),
        pytest.param("retraining.cadence", "Weekly", "'weekly'", id="capitals"),
    ],
)  # fmt: skip
def test_a_retraining_that_could_not_be_kept_is_refused(key, value, words):
    ((place, message),) = told(key, value)
    assert place.startswith("retraining.")
    assert words in message


@pytest.mark.parametrize(
    ("written", "holdout", "cooldown", "runs"),
    [
        pytest.param({}, 14, 14, 3, id="no cadence"),
        pytest.param({"cadence": "monthly"}, 14, 14, 3, id="a cadence slower than the cool-down"),
        pytest.param({"cadence": "weekly"}, 7, 7, 5, id="a faster one"),
        pytest.param({"cadence": "daily"}, 1, 1, 30, id="the fastest"),
        pytest.param({"cadence": "weekly", "cooldown_days": 7, "holdout_days": 3}, 3, 7, 5,
                     id="as written"),
        pytest.param({"holdout_days": 21}, 21, 21, 3, id="a holdout longer than the cool-down"),
        pytest.param({"cadence": "monthly", "cooldown_days": 28}, 14, 28, 3, id="just as long"),
    ],
)  # fmt: skip
def test_what_nobody_wrote_about_retraining_fits_the_cadence(written, holdout, cooldown, runs):
    found = Retraining.model_validate({"trainer": "a:b"} | written)
    assert (found.holdout_days, found.cooldown_days) == (holdout, cooldown)
    assert found.max_runs_in_30_days == runs
    assert Retraining.model_validate(found.model_dump()) == found


def test_reading_a_file_imports_no_numbers():
    """Every command and every start of a code location reads one."""
    program = "import sys, monitoring_dagster.spec; print({'numpy', 'scipy'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                          check=True)  # fmt: skip
    assert done.stdout == "set()\n"
