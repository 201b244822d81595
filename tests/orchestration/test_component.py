"""One YAML becomes one model's lineage; a wrong one says what to write instead."""

import copy
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster.components.testing import DefsFolderSandbox, create_defs_folder_sandbox
from pydantic import ValidationError

from monitoring_dagster.daily.steps import STEPS, Step
from monitoring_dagster.orchestration.component import MonitoredModel
from monitoring_dagster.orchestration.scaffolder import template
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.spec.sources import LABELS, PREDICTIONS
from tests.orchestration.small_project import ATTRIBUTES, FIRST

# What Dagster 1.13 does itself: it reads YAML with a function that Pydantic deprecates, and uses
# its own beta features where it links an asset to its file.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`parse_obj_as` is deprecated"),
    pytest.mark.filterwarnings("ignore::dagster.BetaWarning"),
]

Attributes = dict[str, Any]
TOKEN = "xoxb-1234-5678-canary"
NO_LABELS = {key: ATTRIBUTES[key] for key in ATTRIBUTES if key not in (LABELS, "retraining")}


@pytest.fixture
def project() -> Iterator[DefsFolderSandbox]:
    """An empty dg project."""
    with create_defs_folder_sandbox() as sandbox:
        yield sandbox


def declare(project: DefsFolderSandbox, attributes: Attributes) -> Path:
    """Write a defs.yaml."""
    return project.scaffold_component(
        component_cls=MonitoredModel,
        defs_path="churn",
        defs_yaml_contents={
            "type": "monitoring_dagster.orchestration.MonitoredModel",
            "attributes": attributes,
        },
    )


def loaded(project: DefsFolderSandbox, attributes: Attributes) -> dg.Definitions:
    """What Dagster makes of it."""
    place = declare(project, attributes)
    with project.load_component_and_build_defs(defs_path=place) as (_, definitions):
        return definitions


@pytest.fixture
def churn(project: DefsFolderSandbox) -> AssetGraph:
    """The lineage of the small model, with all that a critical and reviewed one has."""
    reviewed = {"review": {}, "further_labels": {"human": {"path": "data/human/{day}.parquet"}}}
    return loaded(
        project, ATTRIBUTES | {"multivariate_drift": True} | reviewed
    ).resolve_asset_graph()


def test_the_lineage_is_the_table_of_steps(churn: AssetGraph):
    """Two assets that others write, every step, and the retraining."""
    names = [PREDICTIONS, LABELS, *(step.name for step in STEPS), "retraining"]
    assert churn.get_all_asset_keys() == {dg.AssetKey(["churn", name]) for name in names}
    assert {node.group_name for node in churn.asset_nodes} == {"churn"}
    assert all(node.owners == ["team:growth"] for node in churn.asset_nodes)
    assert all(node.description and node.kinds for node in churn.asset_nodes)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_is_an_asset(step: Step, churn: AssetGraph):
    """Its words, its columns and what it is made from are those of the table."""
    node = churn.get(dg.AssetKey(["churn", step.name]))
    assert {key.path[-1] for key in node.parent_keys} == set(step.upstream)
    assert node.description == step.description
    assert set(step.kinds) == node.kinds
    schema = node.metadata["dagster/column_schema"]
    assert [column.name for column in schema.columns] == list(step.columns)
    assert {key.name for key in node.check_keys} == set(step.checks)
    assert node.backfill_policy == dg.BackfillPolicy.single_run()


def test_checks_are_few_and_share_the_days_of_their_asset(churn: AssetGraph):
    """Each verdict is an event to write, and Dagster does not refuse a check of other days."""
    keys = churn.asset_check_keys
    assert 0 < len(keys) <= 9
    days = dg.DailyPartitionsDefinition(start_date=FIRST.isoformat())
    weeks = dg.WeeklyPartitionsDefinition(start_date=FIRST.isoformat(), day_offset=1)
    for key in keys:
        periods = weeks if key.asset_key.path[-1] == "multivariate" else days
        assert churn.get(key).partitions_def == periods == churn.get(key.asset_key).partitions_def
        assert churn.get(key).description


@pytest.mark.parametrize(
    "changed", [{}, {"multivariate_drift": False}], ids=["by default", "as declared"]
)
def test_a_model_that_is_not_critical_has_no_weekly_partition(
    changed: Attributes, project: DefsFolderSandbox
):
    """Looking at all features together is for the models that are worth it."""
    graph = loaded(project, ATTRIBUTES | changed).resolve_asset_graph()
    assert dg.AssetKey(["churn", "multivariate"]) not in graph.get_all_asset_keys()
    kinds = {type(node.partitions_def) for node in graph.asset_nodes if node.is_partitioned}
    assert kinds == {dg.DailyPartitionsDefinition}


@pytest.mark.parametrize(
    ("first_day", "monday"),
    [
        pytest.param("2026-03-02", "2026-03-02", id="monitored since a Monday"),
        pytest.param("2026-03-05", "2026-03-09", id="since a Thursday: the first whole week"),
    ],
)
def test_the_weeks_of_a_critical_model_begin_on_mondays(
    first_day: str, monday: str, project: DefsFolderSandbox
):
    """A partition is named by its Monday, and is there once its Sunday is over."""
    attributes = ATTRIBUTES | {"multivariate_drift": True, "first_day": first_day}
    graph = loaded(project, attributes).resolve_asset_graph()
    weeks = graph.get(dg.AssetKey(["churn", "multivariate"])).partitions_def
    assert isinstance(weeks, dg.WeeklyPartitionsDefinition)
    sunday = datetime.fromisoformat(monday).replace(tzinfo=UTC) + timedelta(days=6, hours=23)
    assert weeks.get_partition_keys(current_time=sunday) == []
    assert weeks.get_partition_keys(current_time=sunday + timedelta(hours=1)) == [monday]


def test_a_model_without_labels_has_no_step_that_needs_them(project: DefsFolderSandbox):
    """It is watched all the same, and what to expect of it is estimated."""
    graph = loaded(project, NO_LABELS).resolve_asset_graph()
    names = {key.path[-1] for key in graph.get_all_asset_keys()}
    assert names == {PREDICTIONS, "contract", "profile", "drift", "estimate", "verdict"}
    verdict = graph.get(dg.AssetKey(["churn", "verdict"]))
    before = {"contract", "profile", "drift", "estimate"}
    assert {key.path[-1] for key in verdict.parent_keys} == before


def test_environment_variables_stand_in_braces(
    project: DefsFolderSandbox, monkeypatch: pytest.MonkeyPatch
):
    """As everywhere else in Dagster's YAML: one file for the laptop and for production."""
    monkeypatch.setenv("LOGS", "/mnt/logs")
    log = {"path": "{{ env.LOGS }}/{day}.parquet", "score": "score"}
    graph = loaded(project, ATTRIBUTES | {"predictions": log}).resolve_asset_graph()
    predictions = graph.get(dg.AssetKey(["churn", PREDICTIONS]))
    assert predictions.metadata["source"] == "/mnt/logs/{day}.parquet"


def test_a_model_is_judged_at_the_projects_hour_but_for_what_it_says_itself(
    project: DefsFolderSandbox,
):
    """Its own zone, the project's hour: and Dagster shows both where the days are asked for."""
    file = project.project_root / "pyproject.toml"
    hour = '\n[tool.monitoring_dagster.schedule]\nat = "07:30"\n'
    file.write_text((file.read_text() if file.exists() else "") + hour)
    zone = {"schedule": {"time_zone": "Europe/Berlin"}}
    graph = loaded(project, ATTRIBUTES | zone).resolve_asset_graph()
    condition = graph.get(dg.AssetKey(["churn", "contract"])).automation_condition
    assert condition is not None
    label = "daily at 07:30 Europe/Berlin: missing days of the last week"
    assert condition.get_label() == label


WRONG: list[Any] = [
    pytest.param(
        lambda spec: spec.update(descripton=""),
        ["attributes.descripton", "Did you mean 'description'?"],
        id="a misspelt key",
    ),
    pytest.param(
        lambda spec: spec["predictions"].update(scor="p"),
        ["attributes.predictions.scor", "Did you mean 'score'?"],
        id="a misspelt key inside another",
    ),
    pytest.param(
        lambda spec: spec.pop("task"), ["attributes.task", "Field required"], id="no task"
    ),
    pytest.param(
        lambda spec: spec["retraining"].pop("trainer"),
        ["attributes.retraining.trainer", "Field required"],
        id="a retraining without a trainer",
    ),
    pytest.param(
        lambda spec: spec.update(channels={"slack": TOKEN}),
        ["attributes.channels.slack", "set SLACK_BOT_TOKEN in the environment"],
        id="a token for a channel",
    ),
    pytest.param(
        lambda spec: spec.update(owner="growth"),
        ["attributes.owner", "neither an e-mail address nor team:<name>"],
        id="an owner nobody can reach",
    ),
    pytest.param(
        lambda spec: spec.update(rules={"performance": {"log_los": {"relative": 0.1}}}),
        ["rules.performance", "Did you mean 'log_loss'?"],
        id="a metric that does not exist",
    ),
    pytest.param(
        lambda spec: spec["predictions"].update(path="data/all.parquet"),
        ["attributes.predictions", "no {day}"],
        id="one file for all days",
    ),
    pytest.param(
        lambda spec: spec.pop("labels"), ["retraining needs `labels`"], id="retraining unlabelled"
    ),
]


@pytest.mark.parametrize(("spoil", "said"), WRONG)
def test_a_mistake_is_answered_with_its_place_and_the_way_out(
    spoil: Callable[[Attributes], object], said: list[str], project: DefsFolderSandbox
):
    """The file, the key, and what to write instead; never the value of a secret."""
    spec = copy.deepcopy(ATTRIBUTES)
    spoil(spec)
    place = declare(project, spec)
    with (
        pytest.raises(Exception, match=r"churn") as caught,
        project.load_component_and_build_defs(defs_path=place),
    ):
        pass
    words = str(caught.value.__cause__)
    assert isinstance(caught.value.__cause__, ValidationError)
    assert f"{place / 'defs.yaml'}:" in words
    for part in said:
        assert part in words
    assert TOKEN not in words


def refusal(project: DefsFolderSandbox, place: Path, text: str) -> str:
    """What is said of a file with this *text* where Dagster loads it, without `dg check`."""
    (place / "defs.yaml").write_text(text, encoding="utf-8")
    with (
        pytest.raises(Exception, match=r"churn") as caught,
        project.load_component_and_build_defs(defs_path=place),
    ):
        pass
    return str(caught.value.__cause__)


HEAD = "type: monitoring_dagster.orchestration.MonitoredModel\n"
SHORT = (
    HEAD
    + """\
attributes:
  name: churn
  owner: team:growth
  task: binary
  predictions: {path: "{{ env.CHURN_LOG }}/{day}.parquet"}
"""
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(SHORT + "  task: regression\n", ":7 - the key 'task' stands twice, first in "
                     "line 5", id="a key twice"),
        pytest.param(SHORT + '  labels: {path: "a/{day}", path: "b/{day}"}\n',
                     ":7 - the key 'path' stands twice", id="a key twice in one line"),
        pytest.param(HEAD, ":1 - attributes: a mapping (key: value) is wanted here",
                     id="no attributes"),
        pytest.param(HEAD + "attributes: {}\n", "attributes.name: Field required",
                     id="empty attributes"),
    ],
)  # fmt: skip
def test_what_yaml_would_take_is_refused_where_dagster_loads_it(
    text: str, said: str, project: DefsFolderSandbox
):
    """A key that stands twice would count once, and nothing would be monitored by no attributes."""
    place = declare(project, ATTRIBUTES)
    words = refusal(project, place, text)
    assert said in words
    assert str(place / "defs.yaml") in words


def test_a_template_is_checked_once_it_is_filled_in(
    project: DefsFolderSandbox, monkeypatch: pytest.MonkeyPatch
):
    """What the environment says is refused in the line that asks for it."""
    place = declare(project, ATTRIBUTES)
    monkeypatch.setenv("CHURN_LOG", "/mnt/log")
    (place / "defs.yaml").write_text(SHORT, encoding="utf-8")
    with project.load_component_and_build_defs(defs_path=place) as (component, _):
        assert component.spec.predictions.path == "/mnt/log/{day}.parquet"
    monkeypatch.setenv("CHURN_LOG", "s3://log")
    words = refusal(project, place, SHORT)
    assert f"attributes.predictions.path at {place / 'defs.yaml'}:6" in words
    assert "s3:// begins a URL" in words


@pytest.mark.parametrize(
    ("other", "said"),
    [
        pytest.param("churn", "another model is named 'churn', too", id="the same"),
        pytest.param("Churn", "differ by capitals alone", id="in capitals"),
    ],
)
def test_two_models_of_one_name_are_refused_with_both_places(
    other: str, said: str, project: DefsFolderSandbox
):
    """Their results, runs and messages would be mixed up."""
    place = declare(project, ATTRIBUTES)
    twin = place.parent / "twin"
    twin.mkdir()
    (place / "defs.yaml").write_text(SHORT.replace("{{ env.CHURN_LOG }}", "a"), encoding="utf-8")
    text = SHORT.replace("name: churn", f"name: {other}").replace("{{ env.CHURN_LOG }}", "b")
    (twin / "defs.yaml").write_text(text, encoding="utf-8")
    with (
        pytest.raises(Exception, match=r"churn") as caught,
        project.load_component_and_build_defs(defs_path=place),
    ):
        pass
    words = str(caught.value.__cause__)
    assert f"{twin / 'defs.yaml'}:3 - attributes.name: " in words
    assert f"{place / 'defs.yaml'}:3" in words
    assert said in words


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        pytest.param("fraud", "fraud", id="a plain word"),
        pytest.param("fraud-eu", "fraud_eu", id="a dash"),
        pytest.param("fraud.v2 (eu)", "fraud_v2__eu_", id="other characters"),
        pytest.param("2fraud", "model_2fraud", id="a digit first"),
        pytest.param("on", "model_on", id="true for YAML"),
        pytest.param(80 * "x", 63 * "x", id="longer than a name may be"),
    ],
)
def test_what_is_scaffolded_is_valid_whatever_the_folder_is_called(folder: str, name: str):
    """The name of the folder where it can be one."""
    written = yaml.safe_load(template(folder, "monitoring_dagster.orchestration.MonitoredModel"))
    assert ModelSpec.model_validate(written["attributes"]).name == name
