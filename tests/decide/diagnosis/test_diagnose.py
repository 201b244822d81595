"""Clues weighed against one another: few causes, the likeliest first."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.decide.diagnosis.causes import CauseKind, Remedy
from monitoring_dagster.decide.diagnosis.clues import RELATION
from monitoring_dagster.decide.diagnosis.diagnose import EXPLAINS, diagnose
from monitoring_dagster.decide.judging.drift_severity import UNUSABLE
from monitoring_dagster.decide.judging.quality.performance_rule import EXPECTED, UNEXPLAINED
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.kinds import FindingKind, Severity
from tests.decide.diagnosis.test_clues import BESIDE, DAY, began, found, part, seen

KIND = FindingKind
UNEXPECTED = found(KIND.PERFORMANCE_DROP, words=f"worse; {UNEXPLAINED}")


def named(*findings, **fields):
    return [one.cause for one in diagnose(seen(*findings, **fields)).causes]


def test_a_quiet_day_has_no_cause():
    assert not diagnose(seen()).causes


@pytest.mark.parametrize(
    ("findings", "fields", "cause"),
    [
        pytest.param(
            [found(KIND.PERFORMANCE_DROP, words=f"worse; {EXPECTED}"),
             found(KIND.FEATURE_DRIFT, "age")], {}, CauseKind.COVARIATE_SHIFT,
            id="a shift: other inputs, and quality as they let expect it",
        ),
        pytest.param([UNEXPECTED], {"signals": [part(RELATION, 0.2, 0.1, 0.3)]},
                     CauseKind.CONCEPT_DRIFT, id="a changed meaning: the same inputs, other truth"),
        pytest.param(
            [found(KIND.FEATURE_DRIFT, "age"), found(KIND.PREDICTION_DRIFT, "score"), UNEXPECTED],
            {"signals": [Signal.on(DAY, UNUSABLE, 1.0, subject="age")]}, CauseKind.PIPELINE,
            id="a broken feature: all that follows from it is no news",
        ),
        pytest.param([found(KIND.EXPECTED_DROP), found(KIND.MULTIVARIATE_DRIFT)], {},
                     CauseKind.COVARIATE_SHIFT, id="a surge of rare cases"),
        pytest.param([found(KIND.LABEL_PROCESS, "annotators"), UNEXPECTED], {},
                     CauseKind.LABEL_PROCESS, id="another hand labels: the truth has not changed"),
        pytest.param([found(KIND.PERFORMANCE_DROP, "log_loss of version 3")],
                     {"traffic": BESIDE, "changes": [began(3, days_ago=6)]},
                     CauseKind.NEW_VERSION, id="a new version beside a good one"),
        pytest.param([UNEXPECTED],
                     {"changes": [began(2, days_ago=6)]},
                     CauseKind.NEW_VERSION, id="a champion that is worse since it serves"),
        pytest.param([found(KIND.SERVICE_ERRORS)], {}, CauseKind.SERVICE, id="a service that errs"),
        pytest.param([found(KIND.MISSING_DAY)], {}, CauseKind.PIPELINE, id="a day that is missing"),
    ],
)  # fmt: skip
def test_each_fault_has_its_cause(findings, fields, cause):
    assert named(*findings, **fields)[0] is cause
    assert diagnose(seen(*findings, **fields)).leading.cause is cause


def test_two_faults_at_once_are_two_causes_with_weights():
    both = diagnose(seen(found(KIND.SERVICE_ERRORS), UNEXPECTED))
    assert [one.cause for one in both.causes] == [CauseKind.SERVICE, CauseKind.CONCEPT_DRIFT]
    assert 0.3 < both.causes[1].weight < both.causes[0].weight < 0.7


def test_a_cause_answers_for_what_weaker_ones_are_read_from():
    """So that the incident of the drop is called by the broken feature."""
    diagnosis = diagnose(
        seen(
            found(KIND.FEATURE_DRIFT, "age"),
            UNEXPECTED,
            signals=[Signal.on(DAY, UNUSABLE, 1.0, subject="age")],
        )
    )
    assert diagnosis.of({KIND.PERFORMANCE_DROP}).cause is CauseKind.PIPELINE


def test_the_strongest_clue_chooses_the_action():
    drop = found(KIND.PERFORMANCE_DROP, words=f"worse; {UNEXPLAINED}")
    calibration = found(KIND.MISCALIBRATION, "2", severity=Severity.P2)
    assert diagnose(seen(calibration)).causes[0].action is Remedy.RECALIBRATE
    both = diagnose(seen(calibration, drop)).causes[0]
    assert (both.action, both.rule) == (Remedy.RETRAIN, KIND.PERFORMANCE_DROP)
    assert len(both.evidence) == 2


def test_no_two_causes_explain_each_other():
    for one, other in combinations(CauseKind, 2):
        assert not (other in EXPLAINS.get(one, ()) and one in EXPLAINS.get(other, ()))


findings = st.lists(
    st.builds(
        found,
        st.sampled_from(FindingKind),
        st.sampled_from(["age", "log_loss", "log_loss of version 3"]),
        severity=st.sampled_from(Severity),
        words=st.sampled_from([UNEXPLAINED, EXPECTED, "it is"]),
    ),
    max_size=8,
)


@given(findings)
def test_weights_add_up_to_one_and_fall(some):
    causes = diagnose(seen(*some, traffic=BESIDE)).causes
    weights = [one.weight for one in causes]
    assert weights == sorted(weights, reverse=True)
    assert not causes or abs(sum(weights) - 1) < 1e-12
    assert all(one.evidence for one in causes)


@given(findings, st.randoms(use_true_random=False))
def test_the_order_of_findings_changes_no_weight(some, random):
    shuffled = random.sample(some, len(some))
    one, other = (diagnose(seen(*each, traffic=BESIDE)) for each in (some, shuffled))
    assert {(c.cause, round(c.weight, 12)) for c in one.causes} == {
        (c.cause, round(c.weight, 12)) for c in other.causes
    }
