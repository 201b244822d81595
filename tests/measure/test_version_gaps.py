"""What a version was registered without, said with what it costs and the way out."""

import numpy as np
import pytest

from monitoring_dagster.kinds import Severity
from monitoring_dagster.measure import version_gaps
from monitoring_dagster.measure.quality import promises
from monitoring_dagster.measure.version_gaps import (
    Gap,
    few_days,
    gaps,
    in_words,
    is_remark,
    registration_signals,
)
from monitoring_dagster.stats.columns.bins import CategoricalBins, NumericBins
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.store.models.registry import UnknownReference
from tests.tiny import DAY, after, monitor_of, reference, served_by, turned_out

P1, P2, P3 = Severity.P1, Severity.P2, Severity.P3
NUMBER = NumericBins(np.array([0.5]))
WHOLE = {
    "bins": {"age": NUMBER, "score": NUMBER, "prediction": CategoricalBins(("0", "1"))},
    "features": (("age", "numeric"),),
    "outcomes": {Group("1"): turned_out(9, 1)},
    "baseline": {"log_loss": 0.5},
    "days": 7,
}


@pytest.fixture
def monitor(tmp_path):
    return monitor_of(tmp_path)


@pytest.fixture
def known(monkeypatch):
    """Let the registry know these versions."""

    def set_to(**versions):
        found = {name.removeprefix("v"): one for name, one in versions.items()}
        for module, name in ((version_gaps, "reference_or_reason"), (promises, "reference_of")):
            monkeypatch.setattr(module, name, lambda _, version: found.get(version))

    return set_to


def lacking(**changed):
    return reference(**(WHOLE | changed))


def without(*columns):
    return {name: one for name, one in WHOLE["bins"].items() if name not in columns}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"bins": without("age")},
                     [("feature 'age' in its reference", "drift of age", P2)], id="a feature"),
        pytest.param({"features": ()}, [("features in its signature", "drift of features", P2)],
                     id="a signature"),
        pytest.param({"bins": without("score", "prediction")},
                     [("column 'prediction' in its reference", "drift of prediction", P2),
                      ("column 'score' in its reference", "drift of score", P2)], id="answers"),
        pytest.param({"outcomes": {}},
                     [("usable 'label' in its reference", "expected quality", P3)], id="labels"),
        pytest.param({"outcomes": {}, "baseline": {}},
                     [("a value of log_loss", "quality by log_loss (rules.performance)", P2),
                      ("usable 'label' in its reference", "expected quality", P3)],
                     id="any promise: the weightiest first"),
        pytest.param({"baseline": {}}, [], id="a metric, which its reference's rows promise"),
        pytest.param({"missing_metadata": ("code_hash",)}, [("code_hash", "", P3)],
                     id="metadata that costs nothing"),
    ],
)  # fmt: skip
def test_what_a_version_lacks_of_what_the_spec_needs(monitor, known, changed, expected):
    one = lacking(**changed)
    known(v1=one)
    assert [tuple(gap) for gap in gaps(monitor, one, DAY)] == expected


def test_declared_features_go_before_the_signatures(tmp_path, known):
    one = lacking()
    known(v1=one)
    found = gaps(monitor_of(tmp_path, features=[{"name": "debt"}]), one, DAY)
    assert [gap.costs for gap in found] == ["drift of debt"]


@pytest.mark.parametrize(
    ("named", "tag", "expected"),
    [
        pytest.param("sha", "", ["the feature code of its rows"], id="the log has it alone"),
        pytest.param("sha", "abc", [], id="both have it"),
        pytest.param(None, "", [], id="nobody asks for it"),
    ],
)
def test_a_version_whose_feature_code_cannot_be_judged(tmp_path, known, named, tag, expected):
    log = {"path": "{day}.parquet", "score": "score", "feature_code": named}
    one = lacking(feature_code=tag)
    known(v1=one)
    found = gaps(monitor_of(tmp_path, predictions=log), one, DAY)
    assert [(gap.costs, gap.severity) for gap in found] == [(costs, P3) for costs in expected]


@pytest.mark.parametrize(
    "lacks", ["hyperparameters", "training_window", "library_versions", "code_hash", "signature"]
)
def test_what_no_registry_note_says_is_a_gap_and_no_exception(monitor, known, lacks):
    known(
        v1=lacking(
            missing_metadata=(lacks,), features=() if lacks == "signature" else WHOLE["features"]
        )
    )
    served_by(monitor, {"1": 3})
    (one,) = registration_signals(monitor, DAY)
    assert f" {lacks}" in one.reason


def test_numbers_need_no_column_of_scores(tmp_path, known):
    log = {"path": "{day}.parquet", "score": "score"}
    one = lacking(bins=without("score"), baseline={"mae": 1.0})
    known(v1=one)
    assert gaps(monitor_of(tmp_path, task="regression", predictions=log), one, DAY) == []


def test_one_sentence_with_the_way_out():
    costly = [Gap(f"feature '{n}'", f"drift of {n}", P2) for n in "abcdef"]
    costly.append(Gap("feature 'a' again", "drift of a", P2))
    assert in_words(reference("3"), costly) == (
        "version 3 was registered without feature 'a', feature 'b', feature 'c', feature 'd',"
        " feature 'e' and 2 more; not judged: drift of a, drift of b, drift of c, drift of d,"
        " drift of e, drift of f. Register it again with Registry.log_version"
    )
    assert in_words(reference("3"), [Gap("code_hash", "", P3)]) == (
        "version 3 was registered without code_hash"
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        pytest.param({"days": None}, "", id="nobody counted"),
        pytest.param({"days": 7}, "", id="a week"),
        pytest.param({"days": 6}, "has 6 days of 100 rows or more: limits for drift are wide",
                     id="a day less"),
        pytest.param({"days": 2}, "has 2 days of 100 rows or more: limits", id="two days"),
        pytest.param({"days": 1}, "has 1 day of 100 rows or more: normal variation from day to day"
                     " is unknown", id="one day"),
        pytest.param({"days": 0}, "has no days of 100 rows or more: normal", id="none is enough"),
        pytest.param({"days": 0, "has_days": False}, "has no column 'day': normal", id="no column"),
    ],
)  # fmt: skip
def test_why_normal_variation_is_not_known(changed, words):
    said = few_days(reference("2", **changed))
    if not words:
        assert said == ""
        return
    assert said.startswith(f"the reference of version 2 {words}")
    assert said.endswith("Register 7 days or more")


def said_of(monitor, day=DAY):
    return [(one.name, one.subject) for one in registration_signals(monitor, day)]


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("9", "9 rows name version '9', which MLflow does not know for 'tiny'"),
        ("v1", "for 'tiny': MLflow's versions are plain numbers, log '1'?"),
        ("Version-12", "plain numbers, log '12'?"),
        ("\u0661", "does not know for 'tiny'"),
        ("x" * 99, f"name version {'x' * 40!r}..., which"),
        ("1.0", "does not know for 'tiny'"),
    ],
)
def test_a_version_that_nobody_knows_with_what_was_likely_meant(monitor, known, version, words):
    known(v1=lacking())
    served_by(monitor, {"1": 3, version: 9, "": 4})
    (one,) = registration_signals(monitor, DAY)
    assert (one.name, one.subject) == ("registration.unknown_version", version)
    assert words in one.reason


def test_a_version_without_reference_costs_its_own_rows(monitor, known):
    known(v1=lacking(), v2=UnknownReference.of("tiny", "2"))
    served_by(monitor, {"1": 3, "2": 1200})
    (one,) = registration_signals(monitor, DAY)
    assert (one.name, one.subject) == ("registration.version_metadata", "2")
    assert one.reason.startswith("1,200 rows of version 2 are counted and not judged: version 2")


def test_what_is_missing_is_as_urgent_as_the_weightiest(monitor, known):
    known(v1=lacking(outcomes={}, bins=without("age")))
    served_by(monitor, {"1": 3})
    (one,) = registration_signals(monitor, DAY)
    assert (one.severity, one.subject) == (P2, "1")
    assert "not judged: drift of age, expected quality" in one.reason


@pytest.mark.parametrize(
    ("lag", "told"),
    [
        pytest.param(None, True, id="it is new"),
        pytest.param(1, False, id="it served yesterday"),
        pytest.param(7, False, id="it served a week ago"),
        pytest.param(8, True, id="it has not served for a week"),
    ],
)
def test_a_short_reference_is_remarked_once_of_a_new_version(monitor, known, lag, told):
    known(v1=lacking(days=3))
    served_by(monitor, {"1": 3})
    if lag is not None:
        served_by(monitor, {"1": 3}, after(-lag))
    found = list(registration_signals(monitor, DAY))
    assert [(is_remark(one.subject), one.severity) for one in found] == ([(True, P3)] * told)


def test_a_fault_is_no_remark():
    assert not is_remark("1")
    assert is_remark("1: days of the reference")


def test_a_day_that_nobody_served_lacks_nothing(monitor, known):
    known()
    assert said_of(monitor) == []
