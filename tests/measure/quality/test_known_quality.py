"""A day's quality as known on another: how much is known, and what is worse than tolerated."""

import pytest

from monitoring_dagster.measure.quality import promises
from monitoring_dagster.measure.quality.known_quality import breaches, evaluate, judgeable
from monitoring_dagster.spec.model import NoLabels
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.labels.maturity import Maturity
from tests.tiny import DAY, after, counted, labelled, monitor_of, reference, turned_out

ONE, TWO = (DAY, Group("1")), (DAY, Group("2"))
RULES = {"rules": {"performance": {"accuracy": {"absolute": 0.1}}}}


@pytest.fixture
def monitor(tmp_path, monkeypatch):
    """Labels are waited for five days; of 80 % of them on there is a verdict."""
    known = reference(baseline={"accuracy": 0.9})
    monkeypatch.setattr(promises, "reference_of", lambda *_: known)
    return monitor_of(tmp_path, further_labels={"human": {"path": "human/{day}.parquet"}}, **RULES)


def known(monitor, lag=5, **asked):
    return evaluate(monitor, DAY, as_of=after(lag), **asked)


@pytest.mark.parametrize(
    ("labels", "lag", "maturity", "judged"),
    [
        pytest.param(0, 0, Maturity.PENDING, False, id="no label yet"),
        pytest.param(100, 4, Maturity.PARTIAL, True, id="all of them, before the wait is over"),
        pytest.param(80, 5, Maturity.MATURE, True, id="just enough, once it is over"),
        pytest.param(79, 5, Maturity.MATURE, False, id="one too few"),
        pytest.param(0, 5, Maturity.MATURE, False, id="none came"),
    ],
)
def test_a_day_is_judged_from_its_least_coverage_on(monitor, labels, lag, maturity, judged):
    counted(monitor, {"1": 100})
    if labels:
        labelled(monitor, {ONE: turned_out(labels)})
    found = known(monitor, lag)
    assert (found.maturity, found.judged, found.labelled("1")) == (maturity, judged, labels)
    assert found.coverage == labels / 100
    assert ("INSUFFICIENT below 80%" in found.state) is not judged


@pytest.mark.parametrize(("labels", "judged"), [(30, True), (29, False)])
def test_beside_another_version_one_needs_thirty_labels_of_its_own(monitor, labels, judged):
    counted(monitor, {"1": 1000, "2": 30})
    labelled(monitor, {ONE: turned_out(1000), TWO: turned_out(labels)})
    found = known(monitor)
    assert (found.judges("1"), found.judges("2")) == (True, judged)
    assert found.versions == ["1", "2"]
    assert set(breaches(monitor, found)) == {"1", *(["2"] if judged else [])}


def test_a_version_whose_rows_were_not_counted_is_not_judged(monitor):
    counted(monitor, {"1": 100})
    labelled(monitor, {ONE: turned_out(100), TWO: turned_out(100)})
    found = known(monitor)
    assert (found.judges("2"), found.versions) == (False, ["1"])
    assert found.coverage == 1.0


def test_a_day_that_was_never_profiled_has_no_coverage_and_no_verdict(monitor):
    labelled(monitor, {ONE: turned_out(100)})
    found = known(monitor)
    assert (found.coverage, found.judged, found.versions) == (0.0, False, [])


def test_a_day_without_anything_is_evaluated_to_nothing(monitor):
    found = known(monitor)
    assert (dict(found.metrics), found.judged, breaches(monitor, found)) == ({}, False, {})


@pytest.mark.parametrize(
    ("right", "worse"),
    [
        pytest.param(900, False, id="as promised"),
        pytest.param(790, False, id="below the tolerance, and uncertain"),
        pytest.param(700, True, id="the whole interval lies below"),
    ],
)
def test_what_is_worse_than_tolerated_is_said_by_version(monitor, right, worse):
    counted(monitor, {"1": 1000})
    labelled(monitor, {ONE: turned_out(right, 1000 - right)})
    said = breaches(monitor, known(monitor))["1"]
    assert set(said) == ({"accuracy"} if worse else set())
    assert all("baseline 0.9, tolerance 0.1" in words for words in said.values())


def test_a_second_opinion_is_evaluated_by_itself(monitor):
    counted(monitor, {"1": 100})
    labelled(monitor, {ONE: turned_out(100)})
    labelled(monitor, {ONE: turned_out(10, 10)}, step="outcomes_human")
    assert known(monitor).metrics[Group("1")]["accuracy"].value == 1.0
    human = known(monitor, source="human")
    assert human.metrics[Group("1")]["accuracy"].value == 0.5
    assert human.coverage == 0.2


def test_a_model_without_labels_is_told_where_to_name_them(tmp_path):
    with pytest.raises(NoLabels, match="has no `labels`: say in its defs"):
        evaluate(monitor_of(tmp_path, labels=None), DAY, as_of=DAY)


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        pytest.param({"1": 1}, {"1": 1}, id="alone, any rows"),
        pytest.param({"1": 0}, {}, id="alone, and no row"),
        pytest.param({"1": 100, "2": 30}, {"1": 100, "2": 30}, id="beside another thirty"),
        pytest.param({"1": 100, "2": 29}, {"1": 100}, id="one too few"),
        pytest.param({"1": 29, "2": 29}, {}, id="both too few"),
        pytest.param({}, {}, id="no rows"),
    ],
)
def test_which_versions_could_get_a_verdict(monitor, rows, found):
    counted(monitor, rows)
    assert judgeable(monitor, DAY) == found
