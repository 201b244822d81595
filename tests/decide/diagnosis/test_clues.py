"""What one observation says about causes, each by itself."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from monitoring_dagster.decide.diagnosis.causes import CauseKind, Remedy
from monitoring_dagster.decide.diagnosis.changes import Change, ChangeKind
from monitoring_dagster.decide.diagnosis.clues import (
    CHANGE,
    INPUTS,
    MIX,
    RELATION,
    SIGNS,
    VERSION_EFFECT,
    Observed,
    clues,
)
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judging.drift_severity import UNUSABLE
from monitoring_dagster.decide.judging.quality.performance_rule import EXPECTED, UNEXPLAINED
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.kinds import FindingKind, Severity

DAY = date(2026, 3, 9)
KIND = FindingKind
ALONE = Traffic("2", {"2": 1.0})
BESIDE = Traffic("2", {"2": 0.7, "3": 0.3})


def found(kind, subject="log_loss", *, words="it is", severity=Severity.P1, days_ago=0, about=None):
    day = DAY - timedelta(days=days_ago)
    return Finding("tiny", day, kind, subject, severity, words, "step", about=about)


def began(version, *, days_ago):
    """A version that came to serve so many days ago."""
    at = datetime.combine(DAY - timedelta(days=days_ago), time(9), UTC)
    return Change(at, ChangeKind.DEPLOYMENT, f"version {version} serves", str(version))


def part(name, value, low, high, **fields):
    return Signal.on(DAY, name, value, low=low, high=high, **fields)


def seen(*findings, traffic=ALONE, **fields):
    return Observed(day=DAY, findings=findings, traffic=traffic, **fields)


def causes(*findings, **fields):
    return {one.cause for one in clues(seen(*findings, **fields))}


def test_a_quiet_day_has_no_clue():
    assert not [*clues(seen())]


def test_what_is_recorded_only_is_no_clue():
    record = found(KIND.PERFORMANCE_DROP, severity=Severity.P3)
    assert not [*clues(seen(record, found(KIND.FEATURE_DRIFT, "age", severity=Severity.P3)))]


@pytest.mark.parametrize(("kind", "sign"), SIGNS.items())
def test_a_finding_of_the_table_says_what_the_table_says(kind, sign):
    (clue, *_) = clues(seen(found(kind)))
    assert (clue.cause, clue.action, clue.strength) == sign
    assert clue.rule == kind
    assert clue.explains == (kind,)


class TestDrift:
    def test_a_feature_without_usable_values_is_a_broken_pipeline(self):
        broken = Signal.on(DAY, UNUSABLE, 1.0, subject="age", version="2")
        finding = found(KIND.FEATURE_DRIFT, "age")
        assert causes(finding, signals=[broken]) == {CauseKind.PIPELINE}

    def test_another_feature_beside_it_is_a_shift(self):
        broken = Signal.on(DAY, UNUSABLE, 1.0, subject="age", version="2")
        finding = found(KIND.FEATURE_DRIFT, "income")
        assert causes(finding, signals=[broken]) == {CauseKind.COVARIATE_SHIFT}

    def test_answers_that_move_with_a_feature_are_a_shift_of_inputs(self):
        record = found(KIND.FEATURE_DRIFT, "age", severity=Severity.P3)
        assert causes(found(KIND.PREDICTION_DRIFT, "score"), record) == {CauseKind.COVARIATE_SHIFT}

    def test_answers_that_move_while_no_feature_does_are_another_function(self):
        (clue,) = clues(seen(found(KIND.PREDICTION_DRIFT, "score")))
        assert clue.cause is CauseKind.CONTRACT
        assert clue.words.startswith("answers moved and no input did")

    def test_what_was_noted_before_it_makes_that_surer(self):
        at = datetime.combine(DAY, time(9), UTC)
        noted = Change(at, ChangeKind.LIBRARIES, "scikit-learn 1.9", by="ada")
        (clue,) = clues(seen(found(KIND.PREDICTION_DRIFT, "score"), changes=[noted]))
        assert (clue.cause, clue.strength) == (CauseKind.CONTRACT, 0.7)
        assert "after 2026-03-09 09:00 libraries: scikit-learn 1.9 (by ada)" in clue.words

    def test_and_the_version_is_it_where_one_began_to_serve(self):
        changed = began(2, days_ago=2)
        (clue,) = clues(seen(found(KIND.PREDICTION_DRIFT, "score"), changes=[changed]))
        assert (clue.cause, clue.version) == (CauseKind.NEW_VERSION, "2")


class TestDrops:
    def test_a_drop_that_the_inputs_do_not_explain_is_concept_drift(self):
        drop = found(KIND.PERFORMANCE_DROP, words=f"worse; {UNEXPLAINED}: likely concept drift")
        assert causes(drop) == {CauseKind.CONCEPT_DRIFT}

    def test_a_drop_that_they_explain_is_a_shift_and_asks_for_no_training(self):
        (clue,) = clues(seen(found(KIND.PERFORMANCE_DROP, words=f"worse; {EXPECTED}: harder")))
        assert (clue.cause, clue.action) == (CauseKind.COVARIATE_SHIFT, Remedy.WAIT)

    OF_THIRD = found(FindingKind.PERFORMANCE_DROP, "log_loss of version 3")

    def test_a_new_version_that_is_worse_beside_a_healthy_champion_is_at_fault(self):
        changed = began(3, days_ago=6)
        (clue,) = clues(seen(self.OF_THIRD, traffic=BESIDE, changes=[changed]))
        assert (clue.cause, clue.version) == (CauseKind.NEW_VERSION, "3")
        assert clue.action is Remedy.ROLL_BACK

    def test_one_that_serves_for_long_may_be_the_first_that_the_world_hits(self):
        version, world = clues(seen(self.OF_THIRD, traffic=BESIDE))
        assert (version.cause, version.strength) == (CauseKind.NEW_VERSION, 0.5)
        assert world.cause is CauseKind.CONCEPT_DRIFT

    def test_where_the_champion_is_worse_too_it_is_the_world(self):
        both = found(KIND.PERFORMANCE_DROP), found(KIND.PERFORMANCE_DROP, "log_loss of version 3")
        assert causes(*both, traffic=BESIDE) == {CauseKind.CONCEPT_DRIFT}

    def test_a_champion_that_began_to_serve_lately_is_suspected(self):
        changed = began(2, days_ago=10)
        assert CauseKind.NEW_VERSION in causes(found(KIND.PERFORMANCE_DROP), changes=[changed])

    def test_one_that_serves_for_long_is_not(self):
        changed = began(2, days_ago=15)
        assert causes(found(KIND.PERFORMANCE_DROP), changes=[changed]) == {CauseKind.CONCEPT_DRIFT}

    def test_nor_is_one_that_the_gate_found_as_good_as_the_version_before(self):
        changed = began(2, days_ago=10)
        better = part(VERSION_EFFECT, -0.01, -0.02, 0.001, version="2")
        drop = found(KIND.PERFORMANCE_DROP)
        assert causes(drop, changes=[changed], signals=[better]) == {CauseKind.CONCEPT_DRIFT}


class TestEarlier:
    def test_what_broke_days_ago_explains_what_labels_show_today(self):
        drop = found(KIND.PERFORMANCE_DROP, about=DAY - timedelta(days=4))
        (_, clue) = clues(seen(drop, earlier=[found(KIND.SCHEMA_BREACH, "age", days_ago=5)]))
        assert clue.cause is CauseKind.CONTRACT
        assert KIND.PERFORMANCE_DROP in clue.explains
        assert clue.strength < SIGNS[KIND.SCHEMA_BREACH].strength
        assert f"on {DAY - timedelta(days=5)}" in clue.words

    def test_what_broke_long_before_these_days_does_not(self):
        drop = found(KIND.PERFORMANCE_DROP, about=DAY - timedelta(days=4))
        earlier = [found(KIND.SCHEMA_BREACH, "age", days_ago=12)]
        assert causes(drop, earlier=earlier) == {CauseKind.CONCEPT_DRIFT}

    def test_without_a_drop_it_is_over(self):
        assert not causes(earlier=[found(KIND.SCHEMA_BREACH, "age", days_ago=2)])

    def test_what_holds_today_is_said_once(self):
        drop, breach = found(KIND.PERFORMANCE_DROP), found(KIND.SCHEMA_BREACH, "age")
        before = found(KIND.SCHEMA_BREACH, "age", days_ago=1)
        rules = [one.rule for one in clues(seen(drop, breach, earlier=[before]))]
        assert rules.count(KIND.SCHEMA_BREACH) == 1


class TestAttribution:
    DROP = found(FindingKind.SEGMENT_DROP, words=f"worse; {UNEXPLAINED}")

    @pytest.mark.parametrize(
        ("name", "cause"),
        [(INPUTS, CauseKind.COVARIATE_SHIFT), (RELATION, CauseKind.CONCEPT_DRIFT)],
    )
    def test_most_of_the_change_within_a_version_is_one_of_two(self, name, cause):
        other = RELATION if name == INPUTS else INPUTS
        parts = [part(name, 0.09, 0.05, 0.13), part(other, 0.01, -0.03, 0.05)]
        found_by = {one.rule: one for one in clues(seen(self.DROP, signals=parts))}
        assert found_by[name].cause is cause
        assert other not in found_by

    def test_a_part_that_may_be_nothing_is_no_clue(self):
        parts = [part(RELATION, 0.09, -0.01, 0.19), part(INPUTS, 0.01, -0.03, 0.05)]
        assert RELATION not in {one.rule for one in clues(seen(self.DROP, signals=parts))}

    def test_parts_of_a_change_that_nobody_was_notified_of_are_numbers(self):
        assert not causes(signals=[part(RELATION, 0.09, 0.05, 0.13)])

    def test_a_version_that_is_worse_on_the_same_rows_is_at_fault(self):
        effect = part(VERSION_EFFECT, 0.2, 0.1, 0.3, version="3", reason="paired")
        (*_, clue) = clues(seen(self.DROP, signals=[effect], traffic=BESIDE))
        assert (clue.cause, clue.version) == (CauseKind.NEW_VERSION, "3")
        assert clue.words == (
            "version 3 makes the quality of all rows worse by 0.2 (0.1 to 0.3): paired"
        )

    MOVED = (
        part(CHANGE, 0.1, 0.06, 0.14, subject="log_loss"),
        part(MIX, 0.09, 0.05, 0.13, subject="version"),
        part(MIX, 0.3, 0.2, 0.4, subject="version", version="2"),  # of one version alone
    )

    def test_traffic_that_moved_to_a_worse_version_is_named_without_any_drop(self):
        """Each version is as good as it promised, so no rule on quality holds."""
        assert causes(signals=self.MOVED) == {CauseKind.TRAFFIC_MIX}

    @pytest.mark.parametrize(
        ("subject", "action"), [("version", Remedy.ROLL_BACK), ("country", Remedy.WAIT)]
    )
    def test_a_version_can_be_rolled_back_and_a_country_cannot(self, subject, action):
        moved = [replace(one, subject=subject) for one in self.MOVED[1:2]]
        (clue,) = clues(seen(signals=[self.MOVED[0], *moved]))
        assert clue.action is action
        assert clue.words.endswith(f"by traffic that moved between {subject}s")

    def test_but_traffic_to_a_version_that_is_new_is_the_version(self):
        changed = began(3, days_ago=2)
        assert not causes(signals=self.MOVED, changes=[changed])

    def test_a_small_part_of_the_change_is_not_its_cause(self):
        parts = [part(CHANGE, 0.1, 0.06, 0.14), part(MIX, 0.04, 0.02, 0.06)]
        assert not causes(signals=parts)
