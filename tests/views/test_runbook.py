"""Each of the eight on-call steps is quiet while all is well, and else names the fault."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from monitoring_dagster.act.promotion import promote
from monitoring_dagster.act.retraining.retrain import retrain
from monitoring_dagster.decide.diagnosis.causes import CauseKind, Diagnosis, LikelyCause, Remedy
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.sources.rows.rows import UnreadableFile
from monitoring_dagster.store.days.diagnoses import noted_causes
from monitoring_dagster.views import runbook
from monitoring_dagster.views.runbook import walk
from tests.world import START, World, attributes, day_after

ANNOUNCED = {FindingKind.RETRAINING, FindingKind.FAILED_RUN}  # they are no incidents
STEPS = [
    "Service health",
    "Prediction distribution",
    "Input data quality",
    "Upstream pipelines",
    "Model version",
    "Feature freshness",
    "Degradation",
    "Fallback",
]


def served(change, *, days=1):
    def happens(world):
        for _ in range(days):
            world.write(world.today, log=change(world.served(world.today)))
            world.monitored(world.today)
            world.today = day_after(world.today)

    return happens


def failing(log):
    log.loc[:59, "status"] = "error"
    return log


def no_news(world):
    world.today = day_after(world.today, 3)


def another_version(world):
    retrain(world.monitor, as_of=None, cause="Asked for by ada.", by="ada")
    at = world.monitor.judged_at(day_after(world.today, -1))
    promote(world.monitor, "2", previous="1", reason="a try", by="ada", at=at)


def bad_quality(world):
    world.changes_on = world.today
    world.live(7, acts=False)


def switched(world):
    world.monitor.ledger.set_fallback(
        "tiny", on=True, by="ada", now=datetime(2026, 3, 9, tzinfo=UTC)
    )


def test_while_all_is_well_all_eight_are_ok_and_say_why(founded):
    answers = walk(founded.monitor, today=founded.today)
    assert [one.title for one in answers] == STEPS
    assert [one for one in answers if one.state != "OK"] == []
    assert all(one.evidence for one in answers)


@pytest.mark.parametrize(
    ("happens", "step", "evidence"),
    [
        pytest.param(
            served(failing), "Service health", "of 297 requests failed (limit 10%)", id="errors"
        ),
        pytest.param(
            served(lambda log: log.assign(latency_ms=140.0)),
            "Service health",
            "up to 140 ms (limit 100 ms)",
            id="slowness",
        ),
        pytest.param(
            served(lambda log: log.assign(score=log["score"] ** 4), days=3),
            "Prediction distribution",
            "score: ",
            id="other answers",
        ),
        pytest.param(
            served(lambda log: log.drop(columns="debt")),
            "Input data quality",
            "feature 'debt' of version 1 is missing",
            id="a missing column",
        ),
        pytest.param(no_news, "Upstream pipelines", "(4 days old)", id="no files for days"),
        pytest.param(
            served(lambda log: log.assign(age=None).astype({"age": float})),
            "Input data quality",
            "feature 'age' is missing in",
            id="a feature that went missing",
        ),
        pytest.param(
            bad_quality,
            "Degradation",
            "likely concept drift (100%): log_loss of version 1 is worse by",
            id="bad quality",
        ),
        pytest.param(switched, "Fallback", "on since 2026-03-09 00:00 by ada", id="the fallback"),
    ],
)
def test_a_fault_fails_its_own_step_with_the_evidence(world, happens, step, evidence):
    happens(world)
    answers = {one.title: one for one in walk(world.monitor, today=world.today)}
    assert answers[step].state == "FAIL"
    assert evidence in answers[step].evidence
    assert {one.title for one in answers.values() if one.state == "FAIL"} == {step}


@pytest.mark.parametrize(
    ("action", "has_way_back"),
    [(Remedy.ROLL_BACK, True), (Remedy.COLLECT_LABELS, False), (None, True)],
)
def test_a_drop_is_answered_by_what_its_likely_cause_asks_for(world, action, has_way_back):
    bad_quality(world)
    named(world.monitor, action)
    said = state_of(world)["Degradation"].evidence
    words = f"likely label process (100%): eve labels otherwise. Recommended: {action}"
    assert (words in said) is (action is not None)
    assert ("no earlier version to go back to" in said) is has_way_back


def named(monitor, action):
    """The newest verdict names one cause of a drop; without an *action* it names none."""
    day = monitor.results.days(monitor.name, "verdict")[-1]
    cause = LikelyCause(
        cause=CauseKind.LABEL_PROCESS, weight=1.0, action=action or Remedy.WAIT,
        rule="label_process", evidence=("eve labels otherwise",),
        explains=(FindingKind.PERFORMANCE_DROP,),
    )  # fmt: skip
    notes = monitor.results.metadata(monitor.name, "verdict", day)
    notes |= noted_causes(Diagnosis(day, (cause,) if action else ()))
    monitor.results.write(monitor.name, "verdict", day, pa.table({}), metadata=notes)


def test_a_model_that_was_never_judged_fails_before_any_step(tmp_path):
    (answer,) = walk(World(tmp_path).monitor, today=START)
    assert (answer.state, answer.evidence) == ("FAIL", "no day was judged yet")


def state_of(world, today=None):
    return {one.title: one for one in walk(world.monitor, today=today or world.today)}


def test_a_promotion_is_information_and_no_failure(world):
    another_version(world)
    answer = state_of(world)["Model version"]
    assert answer.state == "OK"
    assert "version 2 since" in answer.evidence
    assert "by ada" in answer.evidence


def test_an_open_incident_fails_its_step_however_quiet_the_newest_day_is(world):
    """Steps rest on records: the words of a finding, whatever they are, change nothing."""
    kinds = set(FindingKind) - ANNOUNCED
    day, quiet = world.today, day_after(world.today)
    findings = [
        Finding("tiny", day, kind, "x", Severity.P2, "missing, no rows", "step") for kind in kinds
    ]
    for at, found in ((day, findings), (quiet, [])):
        now = world.monitor.judged_at(at)
        world.monitor.ledger.record_day(world.spec, at, found, now=now, judged=kinds)
    for title, answer in state_of(world).items():
        own = {kind for kind in kinds if RULES[kind].on_call == title}
        assert answer.state == ("FAIL" if own else "OK")
        assert {one.kind for one in answer.incidents} == own
        for kind in own:
            assert f"P2 {kind} open since {day}: {day}: missing, no rows" in answer.evidence


def test_what_waits_for_the_next_planning_is_shown_and_fails_nothing(world):
    day = day_after(world.today, -1)
    found = Finding("tiny", day, FindingKind.VERSION_METADATA, "1", Severity.P3, "no hash", "step")
    now = world.monitor.judged_at(day)
    world.monitor.ledger.record_day(world.spec, day, [found], now=now, judged={found.kind})
    answer = state_of(world)["Model version"]
    assert answer.state == "OK"
    assert "P3 version_metadata" in answer.evidence


def test_a_day_without_rows_is_unknown_and_shows_the_latest_that_was_judged(world):
    before, today = day_after(world.today, -1), world.today
    world.write(today)
    world.file("predictions", today).unlink()
    world.monitored(today)
    world.today = day_after(today)
    answers = state_of(world)
    unknown = {title for title, one in answers.items() if one.state == "UNKNOWN"}
    assert unknown == {
        "Service health",
        "Prediction distribution",
        "Input data quality",
        "Model version",
        "Feature freshness",
    }
    assert answers["Upstream pipelines"].state == "FAIL"
    service = answers["Service health"]
    assert service.evidence.startswith(
        f"no verdict on {today} (no rows); last judged on {before}: 297 requests"
    )
    assert service.judged_on == before


def test_too_few_rows_to_compare_are_unknown_and_clear_no_incident(world):
    """Drifted days, and then days with too few rows for any verdict."""
    served(lambda log: log.assign(score=log["score"] ** 4), days=3)(world)
    served(lambda log: log.head(20), days=3)(world)
    still_open = {one.kind for one in world.monitor.ledger.open_incidents("tiny")}
    assert FindingKind.PREDICTION_DRIFT in still_open
    answers = state_of(world)
    assert answers["Prediction distribution"].state == "FAIL"
    assert answers["Feature freshness"].state == "UNKNOWN"
    assert "rows, below the" in answers["Feature freshness"].evidence


@pytest.mark.parametrize(
    ("verdicts", "state", "words"),
    [
        pytest.param(["OK", "MUTED"], "OK", "muted, as ordinary days differ too much: 'c1'",
                     id="one of them"),
        pytest.param(["MUTED"] * 5, "UNKNOWN", "too much: 'c0', 'c1', 'c2' and 2 more",
                     id="all of them"),
    ],
)  # fmt: skip
def test_a_column_whose_ordinary_days_hide_every_change_is_muted_and_not_ok(
    founded, monkeypatch, verdicts, state, words
):
    rows = [{"column": f"c{n}", "verdict": one, "broken": []} for n, one in enumerate(verdicts)]
    monkeypatch.setattr(runbook, "drift_verdicts", lambda *_: rows)
    answer = state_of(founded)["Prediction distribution"]
    assert answer.state == state
    assert words in answer.evidence


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        pytest.param([[], []], "newly missing values: none", id="nothing"),
        pytest.param([["missing"], ["constant"]],
                     "newly missing values: 'c0'; one value in all rows: 'c1'", id="both"),
    ],
)  # fmt: skip
def test_columns_that_lost_their_values_are_named(founded, monkeypatch, broken, words):
    rows = [{"column": f"c{n}", "verdict": "DRIFT", "broken": one} for n, one in enumerate(broken)]
    monkeypatch.setattr(runbook, "drift_verdicts", lambda *_: rows)
    assert state_of(founded)["Feature freshness"].evidence.endswith(words)


def test_without_labels_nothing_is_known_of_quality(founded):
    world = replace(founded, spec_changes={"labels": None, "retraining": None})
    answer = state_of(world)["Degradation"]
    assert (answer.state, answer.evidence) == (
        "UNKNOWN",
        "no verdict: the model has no `labels`",
    )


def test_a_source_that_cannot_be_read_costs_its_own_step(world, monkeypatch):
    error = UnreadableFile.at("p.duckdb", OSError("it is locked"))

    def locked(*_, **__):
        raise error

    monkeypatch.setattr(runbook, "days_available", locked)
    answers = state_of(world)
    assert [(title, one.evidence) for title, one in answers.items() if one.state != "OK"] == [
        ("Upstream pipelines", str(error))
    ]


def test_files_that_nobody_judges_are_no_fresh_data(world):
    for _ in range(2):
        world.write(world.today)
        world.today = day_after(world.today)
    answer = state_of(world)["Upstream pipelines"]
    assert answer.state == "FAIL"
    assert "the daily runs in Dagster are behind" in answer.evidence


@pytest.mark.parametrize(
    ("hours", "state", "words"),
    [
        pytest.param(1, "OK", "2026-03-10: features 1.0 hours old in the median (limit 6 hours),"
                     " 99 % up to 1.0, the oldest 1.0; 2026-03-10: ", id="fresh"),
        pytest.param(30, "FAIL", "P1 stale_features open since 2026-03-10: 2026-03-10: features of"
                     " the median row were 30.0 hours old when served (limit 6.0 hours)",
                     id="stale"),
    ],
)  # fmt: skip
def test_how_old_features_were_leads_the_step_on_freshness(world, hours, state, words):
    log = {**attributes()["predictions"], "features_at": "computed_at"}
    limit = {**attributes()["rules"], "service": {"max_feature_age_hours": 6}}
    world.spec_changes = {"predictions": log, "rules": limit}
    rows = world.served(world.today)
    old = timedelta(hours=hours)
    world.write(world.today, log=rows.assign(computed_at=rows["served_at"] - old))
    world.monitored(world.today)
    answer = state_of(world)["Feature freshness"]
    assert answer.state == state
    assert answer.evidence.startswith(words)
