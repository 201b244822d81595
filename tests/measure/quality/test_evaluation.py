"""A day's evaluation as it is stored and shown: its revision, its check, its second opinions."""

from types import SimpleNamespace

import pytest

from monitoring_dagster.measure.quality import evaluation, known_quality, promises
from monitoring_dagster.measure.quality.evaluation import run
from monitoring_dagster.measure.step import Tone
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.labels.maturity import Maturity
from tests.tiny import (
    DAY,
    after,
    counted,
    labelled,
    monitor_of,
    promoted,
    reference,
    turned_out,
)

RULES = {"rules": {"performance": {"accuracy": {"absolute": 0.1}}}}
WEAK = {"weak": {"path": "weak/{day}.parquet", "error_rate": 0.2}}


@pytest.fixture
def known(monkeypatch):
    def set_to(**baselines):
        of = {name[1:]: reference(name[1:], baseline=one) for name, one in baselines.items()}
        monkeypatch.setattr(promises, "reference_of", lambda _, version: of.get(version))

    set_to(v1={"accuracy": 0.9}, v2={"accuracy": 0.9})
    return set_to


@pytest.fixture
def monitor(tmp_path, known):
    found = monitor_of(tmp_path, **RULES)
    found.ledger.record_promotion(promoted("1", on=after(-9)))
    counted(found, {"1": 100})
    return found


def check(monitor):
    (one,) = run(monitor, DAY).checks.values()
    return one


def test_each_day_on_which_labels_came_is_a_revision_with_its_cause(monitor):
    def revision():
        run(monitor, DAY)
        notes = monitor.results.metadata("tiny", "evaluation", DAY)
        return notes["revision"], notes["cause"]

    assert revision() == ("0", "no label yet")
    labelled(monitor, {DAY: turned_out(50)})
    assert revision() == ("1", f"labels of {DAY}")
    labelled(monitor, {DAY: turned_out(40)}, after(3))
    labelled(monitor, {after(4): turned_out(1)}, after(4))
    assert revision() == ("2", f"labels of {after(3)}")
    assert revision() == ("2", f"labels of {after(3)}"), "counted again"


def test_what_is_stored_says_what_is_known_and_when(monitor):
    labelled(monitor, {DAY: turned_out(45, 45)})
    labelled(monitor, {}, after(5))
    run(monitor, DAY)
    rows = monitor.results.read("tiny", "evaluation", DAY).to_pylist()
    accuracy = next(row for row in rows if row["metric"] == "accuracy")
    assert (accuracy["estimate"], accuracy["n"], accuracy["predictions"]) == (0.5, 90, 100)
    assert (accuracy["as_of"], accuracy["maturity"], accuracy["source"]) == (
        after(5), "MATURE", ""
    )  # fmt: skip


def test_a_day_before_its_labels_has_no_verdict(monitor):
    one = check(monitor)
    assert one.passed is None
    assert one.words.startswith("No verdict: too few labels (PENDING, 0% of the labels")
    report = run(monitor, DAY)
    assert (report.numbers, report.picture, list(report.table)) == ({"coverage": 0.0}, None, [])


def test_a_day_within_its_tolerance_passes(monitor):
    labelled(monitor, {DAY: turned_out(90, 10)})
    one = check(monitor)
    assert one.passed
    assert one.words.startswith("within tolerance of the baseline (")


def test_a_day_that_is_worse_fails_and_is_drawn(monitor):
    labelled(monitor, {DAY: turned_out(50, 50)})
    report = run(monitor, DAY)
    assert report.numbers["accuracy"] == 0.5
    assert (report.numbers["labelled"], report.numbers["coverage"]) == (100, 1.0)
    (row,) = report.table
    assert (row["group"], row["metric"], row["estimate"], row["baseline"]) == (
        "v1", "accuracy", 0.5, 0.9
    )  # fmt: skip
    assert "<svg" in report.picture
    (one,) = report.checks.values()
    assert (one.passed, one.tone) == (False, Tone.ERROR)


@pytest.mark.parametrize(
    ("bad", "tone", "words"),
    [
        pytest.param("1", Tone.ERROR, "version 2: within tolerance", id="the champion is worse"),
        pytest.param("2", Tone.WARN, "version 1: within tolerance", id="another version is"),
    ],
)
def test_beside_each_other_each_version_is_named(monitor, bad, tone, words):
    counted(monitor, {"1": 100, "2": 100})
    labelled(monitor, {
        (DAY, Group(one)): turned_out(50, 50) if one == bad else turned_out(90, 10) for one in "12"
    })  # fmt: skip
    report = run(monitor, DAY)
    (one,) = report.checks.values()
    assert (one.passed, one.tone) == (False, tone)
    assert words in one.words
    assert report.numbers["accuracy"] == (0.5 if bad == "1" else 0.9), "the champion's series"


def test_a_version_with_too_few_labels_is_no_reason_to_call_a_day_fine(monitor):
    counted(monitor, {"1": 100, "2": 100})
    labelled(monitor, {(DAY, Group("1")): turned_out(90, 10), (DAY, Group("2")): turned_out(3)})
    assert "version 2: no verdict (3 labels, 100 predictions)" in check(monitor).words


def test_where_nothing_was_promised_there_is_no_verdict(monitor, known):
    known(v1={})
    labelled(monitor, {DAY: turned_out(90, 10)})
    one = check(monitor)
    assert one.passed is None
    assert one.words == (
        "No verdict: nothing to compare accuracy of version 1 with: neither its registration nor"
        " labels in its reference promise one"
    )


@pytest.mark.parametrize(
    ("lag", "differ", "said"),
    [
        pytest.param(4, True, True, id="some are still to come, and the late ones differ"),
        pytest.param(4, False, False, id="the late ones are like the others"),
        pytest.param(5, True, False, id="nothing is waited for any more"),
    ],
)
def test_what_late_labels_hide_is_said_while_they_are_waited_for(
    monitor, monkeypatch, lag, differ, said
):
    curve = SimpleNamespace(p50_days=0)
    known = SimpleNamespace(maturity=Maturity.PARTIAL if lag < 5 else Maturity.MATURE, reason="")
    bias = SimpleNamespace(differ=differ, words="late ones are ones more often")
    monkeypatch.setattr(evaluation, "curve_on", lambda *_: curve)
    monkeypatch.setattr(known_quality, "maturity", lambda *_, **__: known)
    monkeypatch.setattr(evaluation, "late_bias_on", lambda *_, **__: bias)
    labelled(monitor, {DAY: turned_out(90)})
    assert ("late_labels" in run(monitor, DAY).words) is said


def test_weak_labels_are_corrected_for_their_known_errors(tmp_path, known):
    monitor = monitor_of(tmp_path, further_labels=WEAK, **RULES)
    counted(monitor, {"1": 100})
    labelled(monitor, {DAY: turned_out(70, 30)}, step="outcomes_weak")
    labelled(monitor, {})
    report = run(monitor, DAY)
    assert report.numbers["accuracy_weak"] == pytest.approx((0.7 - 0.2) / 0.6)
    assert "accuracy_weak" in report.words
    stored = monitor.results.read("tiny", "evaluation", DAY)["source"].to_pylist()
    assert set(stored) == {"weak"}
