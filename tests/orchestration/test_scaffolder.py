"""What is scaffolded is short, commented, and valid as it stands."""

from types import SimpleNamespace

import dagster as dg
import pytest
import yaml

from monitoring_dagster.orchestration.scaffolder import ModelScaffolder, template
from monitoring_dagster.spec import ModelSpec

TYPE = "monitoring_dagster.orchestration.MonitoredModel"


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        pytest.param("churn", "churn", id="a plain name"),
        pytest.param("credit-risk v2", "credit_risk_v2", id="signs and blanks"),
        pytest.param("2024_model", "model_2024_model", id="a digit first"),
        pytest.param("on", "model_on", id="a word that YAML takes for true"),
        pytest.param("null", "model_null", id="a word that YAML takes for nothing"),
        pytest.param("\u00e4rger", "_rger", id="a letter that no name may hold"),
        pytest.param("x" * 99, "x" * 63, id="too long"),
    ],
)
def test_a_folder_names_its_model_as_near_as_can_be(folder, name):
    written = yaml.safe_load(template(folder, TYPE))
    assert written["type"] == TYPE
    spec = ModelSpec.model_validate(written["attributes"])
    assert (spec.name, spec.owner) == (name, f"team:{name}")
    assert spec.predictions.path == f"data/{name}/predictions/{{day}}.parquet"


def test_what_is_commented_out_is_valid_too():
    lines = template("churn", TYPE).splitlines()
    start = next(n for n, line in enumerate(lines) if "# segments" in line)
    shown = [line.replace("  # ", "  ", 1) for line in lines[start:]]
    spec = ModelSpec.model_validate(yaml.safe_load("\n".join(lines[:start] + shown))["attributes"])
    assert (spec.segments, spec.multivariate_drift) == (["country"], True)
    assert spec.retraining.trainer == "assets.churn.train:train"
    assert spec.expectations == "expectations/churn.json"


def request(path, kind="yaml"):
    return SimpleNamespace(scaffold_format=kind, target_path=path, type_name=TYPE)


def test_it_is_written_into_a_folder_of_its_own(tmp_path):
    ModelScaffolder().scaffold(request(tmp_path / "new" / "churn"))
    assert (tmp_path / "new" / "churn" / "defs.yaml").read_text() == template("churn", TYPE)


def test_a_model_in_python_is_refused(tmp_path):
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="leave out --format"):
        ModelScaffolder().scaffold(request(tmp_path / "churn", "python"))
    assert list(tmp_path.iterdir()) == []
