"""Normal variation of quality is learnt from the days of a version's reference."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.decide.judging.quality.segment_rule import fallen_behind
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.measure.quality import promises, quality_variation
from monitoring_dagster.measure.quality.quality_variation import (
    reference_skill,
    variation_of,
    variation_signals,
)
from monitoring_dagster.store.models.registration import DAY, LABEL
from monitoring_dagster.store.references.reference_truth import LABELLED_FILE
from monitoring_dagster.store.references.version_reference import folder_of
from tests.tiny import DAY as TODAY
from tests.tiny import monitor_of, promoted, reference, served_by


@pytest.fixture
def monitor(tmp_path, monkeypatch):
    monitor = monitor_of(tmp_path, rules={"performance": {"log_loss": {"relative": 0.05}}})
    for module in (promises, quality_variation):
        monkeypatch.setattr(module, "reference_of", lambda _, version: reference(version))
    return monitor


def rows_of(monitor, days=60, rows=400, *, deviation=0.0, labels=True, label_of_one=None, plans=()):
    """The labelled rows of a reference whose days differ in how right its scores are."""
    rng = np.random.default_rng(0)
    log, first = monitor.spec.predictions, date(2026, 1, 1)
    shift = rng.normal(0, deviation, days).repeat(rows)
    score = rng.uniform(0.05, 0.95, days * rows)
    odds = np.log(score / (1 - score)) + shift
    label = rng.uniform(size=score.size) < 1 / (1 + np.exp(-odds))
    label = label.astype(int)
    if label_of_one is not None:
        label[9] = label_of_one
    written = {
        log.score: score,
        log.prediction: (score > 0.5).astype(int),
        DAY: [first + timedelta(days=n // rows) for n in range(days * rows)],
    } | ({LABEL: label} if labels else {})
    written |= {"plan": np.resize(plans, days * rows)} if plans else {}
    folder = folder_of(monitor, "1")
    folder.mkdir(parents=True)
    pq.write_table(pa.table(written), folder / LABELLED_FILE)


def test_days_that_differ_by_chance_alone_hardly_vary(monitor):
    rows_of(monitor)
    (found,) = variation_of(monitor, "1").values()
    assert found.days == 60
    assert found.deviation < 0.01


def test_days_that_differ_vary_by_as_much(monitor):
    rows_of(monitor, deviation=1.0)
    (found,) = variation_of(monitor, "1").values()
    assert 0.03 < found.deviation < 0.3
    assert found.mean > 0.5


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"days": 13}, id="fewer than two weeks"),
        pytest.param({"rows": 29}, id="days of few rows"),
        pytest.param({"labels": False}, id="no labels"),
    ],
)
def test_of_a_reference_that_says_too_little_nothing_is_known(how, monitor):
    rows_of(monitor, **how)
    assert variation_of(monitor, "1") == {}


def test_without_rows_of_a_reference_nothing_is_known(monitor):
    assert variation_of(monitor, "1") == {}


def test_a_label_that_is_none_costs_its_row_alone(monitor):
    rows_of(monitor, label_of_one=7)
    (found,) = variation_of(monitor, "1").values()
    assert found.days == 60


def test_the_versions_that_serve_have_a_signal_each_day(monitor):
    rows_of(monitor, deviation=1.0)
    served_by(monitor, {"1": 100}, TODAY)
    found, skill = variation_signals(monitor, TODAY, [])
    assert (skill.name, skill.version) == ("reference_skill.log_loss", "1")
    known = variation_of(monitor, "1")["log_loss"]
    assert (found.name, found.version, found.n) == ("variation.log_loss", "1", 60)
    assert (found.value, found.baseline, found.effect) == (
        known.deviation,
        known.mean,
        known.correlation,
    )


def test_the_first_champion_has_its_signals_though_it_serves_no_more(monitor):
    rows_of(monitor)
    monitor.ledger.record_promotion(promoted("1"))
    monitor.ledger.record_promotion(promoted("2", "1"))
    served_by(monitor, {"2": 100}, TODAY)
    found = {(one.name, one.version) for one in variation_signals(monitor, TODAY, [])}
    assert found == {("variation.log_loss", "1"), ("reference_skill.log_loss", "1")}


def test_what_befalls_every_segment_is_in_the_gap_of_none(tmp_path, monitor):
    with_plans = monitor_of(
        tmp_path, segments=["plan"], rules={"performance": {"log_loss": {"relative": 0.05}}}
    )
    rows_of(with_plans, deviation=1.0, plans=["free", "pro"])
    (whole,) = variation_of(with_plans, "1").values()
    (gap,) = variation_of(with_plans, "1", segment="plan", value="pro").values()
    assert gap.days == 60
    assert abs(gap.mean) < 0.02
    assert gap.deviation < whole.deviation / 3
    assert variation_of(with_plans, "1", segment="plan", value="gold") == {}


def test_whatever_segment_fell_behind_has_how_its_gap_varies_beside_it(tmp_path, monitor):
    """Though none of its values is one that anybody would call bad by itself: a rule that knew
    nothing of normal variation would have to think that days never differ."""
    with_plans = monitor_of(
        tmp_path, segments=["plan"], rules={"performance": {"bias": {"absolute": 0.05}}}
    )
    rows_of(with_plans, plans=["free", "pro"])
    together = [
        Signal.over(
            TODAY - timedelta(days=5), TODAY - timedelta(days=1), "pooled.bias", value, n=900,
            low=value - 0.01, high=value + 0.01, version="1", segment="plan", segment_value=plan,
            baseline=0.0, baseline_low=-0.01, baseline_high=0.01, baseline_n=900, known_on=TODAY,
        )
        for plan, value in (("free", -0.06), ("pro", 0.0499))
    ]  # fmt: skip
    said = {drop.of.value for _, drop in fallen_behind(with_plans.spec, together)}
    found = [one for one in variation_signals(with_plans, TODAY, together) if one.segment]
    assert said == {one.segment_value for one in found} == {"free", "pro"}


def test_skill_in_the_reference_has_an_interval_by_days(monitor):
    rows_of(monitor, days=20)
    (found,) = reference_skill(monitor, "1").values()
    assert 0 < found.low < found.value < found.high < 1
    assert found.n == 20 * 400


def test_a_reference_without_labels_has_no_skill(monitor):
    rows_of(monitor, labels=False)
    assert reference_skill(monitor, "1") == {}
