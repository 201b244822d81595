"""Why a model is as it is: a command's lines and its JSON, from what the verdict stored."""

import json
from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest
from click.testing import CliRunner

from monitoring_dagster import cli
from monitoring_dagster.cli import here
from monitoring_dagster.decide.diagnosis.causes import (
    CauseKind,
    Diagnosis,
    LikelyCause,
    Remedy,
)
from monitoring_dagster.decide.diagnosis.clues import RELATION
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.store.days.diagnoses import noted_causes
from monitoring_dagster.store.days.signals import noted
from monitoring_dagster.views.why import NoDiagnosis, why
from tests.tiny import DAY, after, monitor_of


def likely(cause, weight, *evidence, version="", action=Remedy.ROLL_BACK):
    return LikelyCause(
        cause=cause, weight=weight, action=action, rule="performance_drop", evidence=evidence,
        version=version, explains=(FindingKind.PERFORMANCE_DROP,),
    )  # fmt: skip


@pytest.fixture
def monitor(tmp_path, monkeypatch):
    found = monitor_of(tmp_path)
    monkeypatch.setattr(here, "monitor", lambda name: found)
    return found


def judged(monitor, *causes, day=DAY, signals=()):
    notes = noted_causes(Diagnosis(day, causes)) | noted(signals)
    monitor.results.write("tiny", "verdict", day, pa.table({}), metadata=notes)


def typed(*words):
    found = CliRunner().invoke(cli.main, ["why", "tiny", *words])
    return found.exit_code, found.stdout, found.stderr


def test_causes_evidence_and_what_to_do_come_in_that_order(monitor):
    judged(
        monitor,
        likely(CauseKind.NEW_VERSION, 0.75, "log_loss 0.71 against 0.45", "paired", version="3"),
        likely(CauseKind.CONCEPT_DRIFT, 0.25, "likewise", action=Remedy.RETRAIN),
    )
    code, out, err = typed("--day", str(DAY))
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0] == f"tiny on {DAY}: likely new version 3 (75%)"
    assert lines[1:3] == ["  - log_loss 0.71 against 0.45", "  - paired"]
    assert lines[3].startswith("  Recommended by performance_drop: roll back. Take version 3 out")
    assert lines[4] == "Or concept drift (25%)"


def test_what_one_weak_sign_says_is_called_possible(monitor):
    weak = replace(likely(CauseKind.CONCEPT_DRIFT, 1.0, "it is"), strength=0.5)
    judged(monitor, weak)
    assert typed()[1].startswith(f"tiny on {DAY}: possibly concept drift (100%)\n")


def test_a_day_on_which_nothing_is_wrong_says_so(monitor):
    judged(monitor)
    assert typed()[1] == f"tiny on {DAY}: no likely cause: nothing is wrong\n"


def test_the_parts_of_a_change_are_beside_it(monitor):
    part = Signal.on(DAY, RELATION, 0.2, low=0.1, high=0.3, n=500)
    judged(monitor, likely(CauseKind.CONCEPT_DRIFT, 1.0, "it is"), signals=[part])
    assert "  attribution.relation: 0.2 (0.1 to 0.3), 500 rows" in typed()[1].splitlines()


def test_without_a_day_it_is_the_last_judged_one(monitor):
    judged(monitor, day=after(-1))
    judged(monitor, likely(CauseKind.SERVICE, 1.0, "errors"))
    assert why(monitor).diagnosis.day == DAY


def test_values_from_data_do_not_run_in_a_terminal(monitor):
    judged(monitor, likely(CauseKind.SERVICE, 1.0, "\x1b[2J", version="\x1b[31m"))
    assert "\x1b" not in typed()[1]


def test_json_has_all_of_it(monitor):
    part = Signal.on(DAY, RELATION, 0.2, low=0.1, high=0.3, n=500)
    judged(monitor, likely(CauseKind.NEW_VERSION, 1.0, "it is", version="3"), signals=[part])
    found = json.loads(typed("--json")[1])
    assert found["day"] == str(DAY)
    assert found["causes"] == [
        {"cause": "new version", "version": "3", "weight": 1.0,
         "strength": 1.0, "action": "roll back",
         "rule": "performance_drop", "evidence": ["it is"], "explains": ["performance_drop"]}
    ]  # fmt: skip
    assert found["parts"][0]["value"] == 0.2
    assert found["changes"] == []


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (None, "tiny has no verdict on any day: materialise its days first"),
        (DAY, f"tiny has no verdict on {DAY}: materialise its days first"),
    ],
)
def test_a_model_that_nobody_judged_is_told_the_way_out(monitor, asked, words):
    with pytest.raises(NoDiagnosis, match=words):
        why(monitor, day=asked)


def test_a_day_that_nobody_judged_is_told_the_last_one(monitor):
    judged(monitor)
    code, out, err = typed("--day", "2020-01-01")
    assert (code, out) == (2, "")
    assert f"the last judged day is {DAY}" in err


def test_a_verdict_of_an_earlier_release_is_told_how_to_run_again(monitor):
    monitor.results.write("tiny", "verdict", date(2026, 1, 1), pa.table({}), metadata={})
    with pytest.raises(NoDiagnosis, match="an earlier release"):
        why(monitor)
